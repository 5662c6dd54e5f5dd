"""Small files in MNIST's format, and a real HTTP server that misbehaves on request."""

import gzip
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from tinygrad_mnist.data import mnist
from tinygrad_mnist.data.idx import encode_idx, idx_sha256

NAMES = tuple(mnist.SHA256)
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = NAMES
Files = dict[str, np.ndarray]
Reply = bytes | int | Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the test's own, no folder named and no proxy in the way."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv(mnist.ENV, raising=False)
    return mnist.cache_dir()


@pytest.fixture
def files() -> Files:
    """Twelve training and eight test digits, of noise."""
    rng = np.random.default_rng(0)
    made = {}
    for part, n in (("train", 12), ("t10k", 8)):
        images = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        made[f"{part}-images-idx3-ubyte"] = images
        made[f"{part}-labels-idx1-ubyte"] = rng.integers(0, 10, n, dtype=np.uint8)
    return made


@pytest.fixture
def canonical(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    """The same files, taken for the canonical ones."""
    digests = {name: idx_sha256(array) for name, array in files.items()}
    monkeypatch.setattr(mnist, "SHA256", digests)
    return files


def plain(array: np.ndarray) -> bytes:
    header, items = encode_idx(array)
    return header + items.tobytes()


def packed(array: np.ndarray) -> bytes:
    return gzip.compress(plain(array), mtime=0)


def write(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in files.items():
        (folder / f"{name}.gz").write_bytes(packed(array))
    return folder


class Mirror(ThreadingHTTPServer):
    """Answers each path with bytes, a status code, or whatever a function does; keeps a record."""

    daemon_threads = True

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}
        self.asked: list[str] = []
        self.release = threading.Event()  # what a slow reply waits for
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mnist/"

    def serve(self, files: Files) -> "Mirror":
        self.replies.update({name: packed(array) for name, array in files.items()})
        return self


class Handler(BaseHTTPRequestHandler):
    server: Mirror

    def do_GET(self) -> None:
        name = self.path.removeprefix("/mnist/").removesuffix(".gz")
        self.server.asked.append(name)
        reply = self.server.replies.get(name, 404)
        if callable(reply):
            reply(self)
        elif isinstance(reply, int):
            self.send_error(reply)
        else:
            send(self, reply, len(reply))

    def log_message(self, *args: object) -> None:
        pass


def send(handler: BaseHTTPRequestHandler, body: bytes, length: int | None) -> None:
    """Send `body`, announced as `length` bytes long, or unannounced."""
    handler.send_response(200)
    if length is not None:
        handler.send_header("Content-Length", str(length))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.fixture
def new_mirror() -> Iterator[Callable[[], Mirror]]:
    running = []

    def start() -> Mirror:
        mirror = Mirror()
        thread = threading.Thread(target=mirror.serve_forever, args=(0.01,))
        thread.start()
        running.append((mirror, thread))
        return mirror

    yield start
    for mirror, thread in running:
        mirror.release.set()
        mirror.shutdown()
        thread.join()
        mirror.server_close()


@pytest.fixture
def mirror(new_mirror: Callable[[], Mirror], canonical: Files) -> Mirror:
    """A mirror that has everything."""
    return new_mirror().serve(canonical)
