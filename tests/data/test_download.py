"""Downloads from a real server on this machine, which fails in every way that a mirror may."""

import gzip
import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from tests.data.conftest import (
    NAMES,
    TRAIN_IMAGES,
    TRAIN_LABELS,
    Mirror,
    packed,
    plain,
    send,
    write,
)
from tests.data.test_mnist import assert_holds
from tinygrad_mnist.data import DataError, cache_dir, download, fetch, load_mnist, verify

NewMirror = Callable[[], Mirror]


def cached() -> list[str]:
    """The data in the cache; not the note of a failure."""
    return sorted(path.name for path in cache_dir().iterdir() if path.suffix != ".json")


ALL = sorted(f"{name}.gz" for name in NAMES)
TWO_LABELS = packed(np.array([5, 0], np.uint8))


def test_a_download_fills_the_cache_and_the_next_load_uses_it(mirror, canonical):
    data = load_mnist(mirrors=(mirror.url,))
    assert_holds(data, canonical)
    assert data.name == "mnist"
    assert data.source == f"downloaded from {mirror.url} to {cache_dir()}"
    assert cached() == ALL and set(verify().values()) == {"ok"}
    again = load_mnist(mirrors=(mirror.url,))
    assert again.source == f"cache: {cache_dir()}"
    assert mirror.asked == list(NAMES)


def test_a_mirror_may_be_named_without_its_last_slash(mirror):
    assert load_mnist(mirrors=(mirror.url.rstrip("/"),)).name == "mnist"


def test_download_false_asks_nobody(mirror):
    assert load_mnist(download=False, mirrors=(mirror.url,)).name == "mnist-5k-embedded"
    assert mirror.asked == []


def test_fetch_completes_the_cache_and_asks_only_for_what_is_missing(mirror, canonical):
    del mirror.replies[TRAIN_IMAGES]
    write(cache_dir(), {TRAIN_IMAGES: canonical[TRAIN_IMAGES]})
    assert fetch(mirrors=(mirror.url,)) == cache_dir()
    assert mirror.asked == list(NAMES[1:]) and cached() == ALL
    assert fetch(mirrors=()) == cache_dir()  # there is nothing left to ask for


def test_a_bad_file_in_the_cache_is_replaced_and_the_source_says_so(mirror, canonical):
    folder = write(cache_dir(), canonical)
    (folder / f"{TRAIN_LABELS}.gz").write_bytes(b"")
    data = load_mnist(mirrors=(mirror.url,))
    assert data.name == "mnist"
    assert f"; not used: {folder / TRAIN_LABELS}.gz: empty" in data.source
    assert mirror.asked == [TRAIN_LABELS] and set(verify().values()) == {"ok"}


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    send(handler, b"\x1f\x8b" + bytes(100), 5000)


def cut_short_unannounced(handler: BaseHTTPRequestHandler) -> None:
    send(handler, TWO_LABELS[:-9], None)


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def nonsense(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"220 smtp.example.org\r\n")


def bad_length(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "many")
    handler.end_headers()


def redirect_in_circles(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", handler.path)
    handler.end_headers()


BAD_REPLIES = {  # what the server does, and how the error begins
    "not there": (404, "HTTP Error 404: Not Found"),
    "overloaded": (503, "HTTP Error 503: Service Unavailable"),
    "web page": (b"<html>Sign in to this network</html>", "a web page .* instead of IDX data"),
    "gzipped web page": (gzip.compress(b"<html>"), "a web page"),
    "nothing": (b"", "empty"),
    "other digits": (TWO_LABELS, "not the canonical"),
    "something behind": (TWO_LABELS + b"trailing", "damaged"),
    "cut short": (cut_short, "(cut short: 102 of 5,000 bytes came|IncompleteRead)"),
    "cut short, unannounced": (cut_short_unannounced, "truncated"),
    "hang up": (hang_up, "Remote end closed connection"),
    "not HTTP": (nonsense, "220 smtp.example.org"),
    "bad length": (bad_length, "invalid literal .* 'many'"),
    "redirect in circles": (redirect_in_circles, "HTTP Error 302"),
}


@pytest.mark.parametrize("case", BAD_REPLIES)
@pytest.mark.parametrize("at", [TRAIN_IMAGES, TRAIN_LABELS])
def test_what_fails_is_named_and_kept_out_of_the_cache(case, at, mirror):
    mirror.replies[at], message = BAD_REPLIES[case]
    with pytest.raises(DataError, match=f"^no download: {mirror.url}{at}.gz: {message}") as caught:
        fetch(mirrors=(mirror.url,))
    assert "\n" not in str(caught.value)
    data = load_mnist(mirrors=(mirror.url,))
    assert data.name == "mnist-5k-embedded"
    assert f"(not the real 10,000-image test set); no download: {mirror.url}{at}" in data.source
    assert cached() == [f"{name}.gz" for name in NAMES[: NAMES.index(at)]]


@pytest.mark.parametrize("case", ["not there", "web page", "cut short"])
def test_the_next_mirror_completes_what_the_first_began(case, mirror, new_mirror, canonical):
    second = new_mirror().serve(canonical)
    mirror.replies[TRAIN_LABELS], _ = BAD_REPLIES[case]
    data = load_mnist(mirrors=(mirror.url, second.url))
    assert_holds(data, canonical)
    assert data.source.startswith(f"downloaded from {second.url}")
    assert mirror.asked == list(NAMES[:2]) and second.asked == list(NAMES[1:])
    assert cached() == ALL


def test_when_all_mirrors_fail_each_is_named_with_its_reason(new_mirror, canonical):
    first, second = new_mirror(), new_mirror()
    second.replies[TRAIN_IMAGES] = b"<html>"
    with pytest.raises(DataError) as caught:
        fetch(mirrors=(first.url, second.url))
    assert f"{first.url}{TRAIN_IMAGES}.gz: HTTP Error 404" in str(caught.value)
    assert f"{second.url}{TRAIN_IMAGES}.gz: a web page" in str(caught.value)
    assert first.asked == second.asked == [TRAIN_IMAGES]  # one try of each, not one a file


def test_a_refused_connection_is_told(canonical):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DataError, match=f"127.0.0.1:{port}/.*: Connection refused"):
        fetch(mirrors=(f"http://127.0.0.1:{port}/",))


def test_a_name_that_is_not_known_is_told(canonical, monkeypatch):
    def unknown(*args: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(DataError, match="http://mirror.example/.*: Name or service not known"):
        fetch(mirrors=("http://mirror.example/",))


def test_a_mirror_that_is_no_url_is_told(canonical):
    with pytest.raises(DataError, match="mirror/.*: unknown url type"):
        fetch(mirrors=("mirror/",))


# Slow ones. Each of these would wait for ever if nothing bounded it.


def test_a_server_that_takes_the_connection_and_says_nothing(canonical, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        url = f"http://127.0.0.1:{mute.getsockname()[1]}/"
        data = load_mnist(mirrors=(url,))
    assert data.name == "mnist-5k-embedded"
    assert f"{url}{TRAIN_IMAGES}.gz: no answer within 0.2 s" in data.source


def test_a_name_look_up_that_never_ends(canonical, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.2)
    release = threading.Event()

    def look_up(*args: object) -> None:
        release.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(DataError, match="http://mirror.example/.*: no answer within 0.2 s"):
        fetch(mirrors=("http://mirror.example/",))
    release.set()


def test_an_answer_that_comes_too_late_is_closed(canonical, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.05)
    given_up, closed = threading.Event(), threading.Event()

    class Late:
        def close(self) -> None:
            closed.set()

    def answer_late(*args: object, **kwargs: object) -> Late:
        given_up.wait(60)
        return Late()

    monkeypatch.setattr("urllib.request.urlopen", answer_late)
    with pytest.raises(DataError, match="no answer within"):
        fetch(mirrors=("http://mirror.example/",))
    given_up.set()
    assert closed.wait(60)


def test_a_server_that_stops_half_way(mirror, monkeypatch):
    monkeypatch.setattr(download, "CONNECT_SECONDS", 0.5)

    def stop_half_way(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"\x1f\x8b", 5000)
        handler.wfile.flush()
        mirror.release.wait(60)

    mirror.replies[TRAIN_IMAGES] = stop_half_way
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz: no answer within 0.5 s"):
        fetch(mirrors=(mirror.url,))
    assert cached() == []


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while not handler.server.release.wait(0.01):
            handler.wfile.write(bytes(100))
    except OSError:
        pass  # the client has had enough


def test_a_server_that_trickles_for_ever(mirror, monkeypatch):
    monkeypatch.setattr(download, "STALL_SECONDS", 0.1)
    mirror.replies[TRAIN_IMAGES] = endless
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz: too slow: "):
        fetch(mirrors=(mirror.url,))
    assert cached() == []


def test_a_server_that_never_stops_sending(mirror, monkeypatch):
    monkeypatch.setattr(download, "MAX_DOWNLOAD", 500)
    mirror.replies[TRAIN_IMAGES] = endless
    with pytest.raises(DataError, match=f"{TRAIN_IMAGES}.gz: sends more than 500 bytes"):
        fetch(mirrors=(mirror.url,))
    assert cached() == []


# Interruptions, places that cannot be written, and progress


def test_an_interrupted_download_leaves_what_was_verified_and_nothing_else(mirror, canonical):
    def interrupt(name: str, done: int, total: int) -> None:
        if name == f"{TRAIN_LABELS}.gz":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_mnist(mirrors=(mirror.url,), progress=interrupt)
    assert cached() == [f"{TRAIN_IMAGES}.gz"]
    assert_holds(load_mnist(mirrors=(mirror.url,)), canonical)
    assert mirror.asked == [*NAMES[:2], *NAMES[1:]]


def test_a_file_is_under_its_own_name_only_once_it_is_whole(mirror):
    seen = set()
    fetch(mirrors=(mirror.url,), progress=lambda name, done, total: seen.update(cached()))
    parts = {name for name in seen if name.endswith(".part")}
    assert len(parts) == len(NAMES)
    assert cached() == ALL


def test_two_processes_at_once_do_not_disturb_each_other(mirror, canonical):
    both = threading.Barrier(2, timeout=60)

    def meet(name: str, done: int, total: int) -> None:
        if done == total:
            both.wait()  # both have the file in a .part of their own

    loads: list[str] = []

    def load() -> None:
        loads.append(load_mnist(mirrors=(mirror.url,), progress=meet).name)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loads == ["mnist", "mnist"] and cached() == ALL


def test_a_cache_that_cannot_be_made_is_told(mirror, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    data = load_mnist(mirrors=(mirror.url,))
    assert data.name == "mnist-5k-embedded"
    assert f"no download: {cache_dir()}: cannot be written: Not a directory" in data.source


def test_progress_is_told_of_every_file_to_its_end(mirror, canonical):
    last: dict[str, tuple[int, int]] = {}
    fetch(mirrors=(mirror.url,), progress=lambda name, *counts: last.update({name: counts}))
    sizes = {f"{name}.gz": len(packed(array)) for name, array in canonical.items()}
    assert last == {name: (size, size) for name, size in sizes.items()}


def test_the_default_progress_draws_on_a_terminal_only(mirror, capsys, monkeypatch):
    fetch(mirrors=(mirror.url,))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download.show_progress("train", 500_000, 2_000_000)
    download.show_progress("train", 2_000_000, 2_000_000)
    download.show_progress("train", 1_000_000, 0)
    drawn = capsys.readouterr().err
    assert drawn == "\rtrain:  25% of 2.0 MB \rtrain: 100% of 2.0 MB \n\rtrain: 1.0 MB "


def test_the_real_files_come_through_the_real_path(new_mirror, full_mnist_dir):
    full = load_mnist(full_mnist_dir)
    arrays = (full.train_images, full.train_labels, full.test_images, full.test_labels)
    mirror = new_mirror()
    for name, array in zip(NAMES, arrays, strict=True):
        mirror.replies[name] = gzip.compress(plain(array.astype(np.uint8)), compresslevel=1)
    data = load_mnist(mirrors=(mirror.url,))
    assert data.name == "mnist" and data.train_images.shape == (60_000, 28, 28)
    assert data.source.startswith(f"downloaded from {mirror.url}")
