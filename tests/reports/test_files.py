"""Files: what was saved comes back, and no file is waited for, believed or written in vain."""

import gzip
import io
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.serialize.same import assert_same
from tinygrad_mnist import nn
from tinygrad_mnist.serialize import FormatError, UnsafeFileError, exchange, inspect, load, save

ROOT = Path(__file__).parents[2]
LIKE = nn.Linear(3, 2).state_dict()
STATE = {"weight": np.arange(6, dtype=np.float32).reshape(2, 3), "bias": np.ones(2, np.float32)}

Read = Callable[..., object]
# Each format: how it is written, how it is read, and the library that it needs
FORMATS: dict[str, tuple[Callable[..., None], Read, str]] = {
    "own": (save, load, "numpy"),
    "npz": (exchange.save_npz, exchange.load_npz, "numpy"),
    "safetensors": (exchange.save_safetensors, exchange.load_safetensors, "safetensors"),
    "torch": (exchange.save_torch, exchange.load_torch, "torch"),
    "h5": (exchange.save_h5, lambda file, **kw: exchange.load_h5(file, LIKE, **kw), "h5py"),
}
READERS = {
    **{name: (read, library) for name, (_, read, library) in FORMATS.items()},
    "inspect": (inspect, "numpy"),
    "numpy_pickle": (lambda file: load(file, numpy_pickle=True), "numpy"),
}


@pytest.fixture(params=FORMATS)
def kind(request: pytest.FixtureRequest) -> str:
    pytest.importorskip(FORMATS[request.param][2])
    return str(request.param)


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest) -> Read:
    read, library = READERS[request.param]
    pytest.importorskip(library)
    return read


def assert_holds(got: object, want: dict) -> None:
    """The same names and arrays; safetensors has an order of its own."""
    assert isinstance(got, dict) and set(got) == set(want)
    assert_same({name: got[name] for name in want}, want)


# Tensors come back as Tensors


def test_a_state_dict_comes_back_as_it_was(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    save(model.state_dict(), tmp_path / "m.pkl")
    got = load(tmp_path / "m.pkl")
    assert_same(got, model.state_dict())
    assert all(isinstance(value, tg.Tensor) for value in got.values())


def test_what_requires_a_gradient_still_does(tmp_path: Path) -> None:
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    save({"leaf": w, "computed": w * 2, "plain": tg.ones(1)}, tmp_path / "m.pkl")
    got = load(tmp_path / "m.pkl")
    assert [t.requires_grad for t in got.values()] == [True, True, False]
    (got["leaf"] * got["computed"]).sum().backward()
    assert got["computed"].grad.tolist() == [1.0, 2.0]


def test_arrays_stay_arrays(tmp_path: Path) -> None:
    save([np.ones(2), tg.ones(2)], tmp_path / "m.pkl")
    array, tensor = load(tmp_path / "m.pkl")
    assert type(array) is np.ndarray and type(tensor) is tg.Tensor


def test_an_optimizers_state_comes_back_and_goes_on(tmp_path: Path) -> None:
    def trained(steps: int, optimizer: tg.optim.Optimizer, w: tg.Tensor) -> list[float]:
        for _ in range(steps):
            optimizer.zero_grad()
            (w**2).sum().backward()
            optimizer.step()
        return w.tolist()

    w = tg.tensor([1.0, -2.0], requires_grad=True)
    adam = tg.optim.Adam([w], lr=0.1)
    trained(3, adam, w)
    save({"w": w, "adam": adam.state_dict()}, tmp_path / "m.pkl")
    got = load(tmp_path / "m.pkl")
    again = tg.optim.Adam([got["w"]], lr=0.5)
    again.load_state_dict(got["adam"])
    assert trained(3, again, got["w"]) == trained(3, adam, w)


# Paths, open files and what PyTorch's programs pass


@pytest.mark.parametrize(
    "make", [io.BytesIO, tempfile.TemporaryFile, tempfile.SpooledTemporaryFile]
)
def test_an_open_file_is_as_good_as_a_path(kind: str, make: Callable[[], io.BytesIO]) -> None:
    write, read, _ = FORMATS[kind]
    with make() as file:
        write(STATE, file)
        file.seek(0)
        assert_holds(read(file), STATE)


def test_a_file_is_read_from_where_it_stands(kind: str) -> None:
    write, read, _ = FORMATS[kind]
    file = io.BytesIO(b"a header of the program's own")
    file.seek(0, io.SEEK_END)
    start = file.tell()
    write(STATE, file)
    file.seek(start)
    assert_holds(read(file), STATE)


def test_a_compressed_file_is_read_through(kind: str, tmp_path: Path) -> None:
    """Seen in pytorch/pytorch#7754: what cannot seek has to be copied by hand first."""
    write, read, _ = FORMATS[kind]
    with gzip.open(tmp_path / "m.gz", "wb") as file:
        write(STATE, file)
    with gzip.open(tmp_path / "m.gz", "rb") as packed:
        assert_holds(read(packed), STATE)


def test_a_file_that_was_not_rewound_says_so(kind: str) -> None:
    """PyTorch says "EOFError: Ran out of input" and leaves the rest to the reader."""
    write, read, _ = FORMATS[kind]
    file = io.BytesIO()
    write(STATE, file)
    with pytest.raises(FormatError, match=r"already read to its end; call seek\(0\)"):
        read(file)


def test_text_mode_and_other_objects_say_what_is_needed(kind: str, tmp_path: Path) -> None:
    write, read, _ = FORMATS[kind]
    with open(tmp_path / "m", "w+") as file:
        with pytest.raises(TypeError, match="text mode"):
            write(STATE, file)
        with pytest.raises(TypeError, match="text mode"):
            read(file)
    for thing in (3, None, STATE if kind != "torch" else 3):
        with pytest.raises(TypeError, match="a path or an open binary file is needed"):
            read(thing)
        with pytest.raises(TypeError, match="a path or an open binary file is needed"):
            write(STATE, thing)


def test_map_location_may_be_the_cpu_alone(kind: str) -> None:
    write, read, _ = FORMATS[kind]
    file = io.BytesIO()
    write(STATE, file)
    for location in ("cpu", tg.device("cpu"), {"cuda:0": "cpu"}, lambda storage, place: storage):
        file.seek(0)
        assert_holds(read(file, map_location=location, weights_only=True), STATE)
    for location in ("cuda", {"cuda:0": "cuda:1"}):
        file.seek(0)
        with pytest.raises(RuntimeError, match="everything runs on the CPU"):
            read(file, map_location=location)


def test_no_code_runs_even_when_weights_only_is_off(tmp_path: Path) -> None:
    (tmp_path / "m.pkl").write_bytes(b"\x80\x05c" + b"os\nmkdir\n(\x8c\x06canarytR.")
    with pytest.raises(FormatError):
        load(tmp_path / "m.pkl", weights_only=False)
    with pytest.raises(UnsafeFileError):
        load(tmp_path / "m.pkl", weights_only=False, numpy_pickle=True)
    assert not Path("canary").exists()


def test_a_model_is_exported_into_memory() -> None:
    onnx = pytest.importorskip("onnx")
    file = io.BytesIO()
    exchange.save_onnx(nn.Sequential(nn.Linear(4, 2)), file)
    assert onnx.load_from_string(file.getvalue()).graph.node[0].op_type == "Gemm"


# Nothing is waited for, and no word is believed that costs memory


def test_a_pipe_is_refused_at_once(reader: Read, tmp_path: Path) -> None:
    """Nobody ever writes into it: a reader that opened it would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="pipe: not a regular file"):
        reader(tmp_path / "pipe")


def test_an_open_pipe_or_socket_is_refused(reader: Read) -> None:
    ours, theirs = os.pipe()
    with open(ours, "rb") as pipe, pytest.raises(FormatError, match="not a regular file"):
        reader(pipe)
    os.close(theirs)
    one, other = socket.socketpair()
    refused = pytest.raises(FormatError, match="not a regular file")
    with one, other, one.makefile("rb") as stream, refused:
        reader(stream)


def test_a_device_without_an_end_is_refused(reader: Read) -> None:
    with pytest.raises(FormatError, match="/dev/zero: not a regular file"):
        reader("/dev/zero")
    with open("/dev/zero", "rb") as endless, pytest.raises(FormatError, match="not a regular"):
        reader(endless)


def test_a_stream_without_an_end_is_given_up() -> None:
    class Endless(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: bytearray) -> int:
            return len(buffer)

    with pytest.raises(UnsafeFileError, match="more than max_bytes=5,000,000"):
        load(io.BufferedReader(Endless()), max_bytes=5_000_000)


def test_a_folder_is_named(reader: Read, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        reader(tmp_path)


def peak(program: str, *args: str) -> int:
    """The most bytes that a Python program of its own took beyond its imports."""
    script = f"import resource, sys\n{program}\n"
    ran = subprocess.run(
        [sys.executable, "-c", script, *args],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = map(int, ran.stdout.split())
    return (after - before) * 1024


def test_a_small_torch_file_gets_no_gigabytes(tmp_path: Path) -> None:
    """One number, seen a billion times over: the file is of 1 KB."""
    torch = pytest.importorskip("torch")
    torch.save({"w": torch.zeros(1).expand(250_000_000)}, tmp_path / "wide.pt")
    tied = torch.rand(1 << 20)
    torch.save({str(i): tied[: 1 << 18] for i in range(200)}, tmp_path / "many.pt")
    packed = zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED)
    with zipfile.ZipFile(tmp_path / "wide.pt") as plain, packed:
        for name in plain.namelist():
            packed.writestr(name, bytes(1 << 29) if name.endswith("/0") else plain.read(name))
    took = peak(
        "import torch\n"
        "from tinygrad_mnist.serialize import UnsafeFileError\n"
        "from tinygrad_mnist.serialize.exchange import load_torch, save_torch\n"
        "import io, numpy as np\n"
        "file = io.BytesIO(); save_torch({'w': np.ones(3)}, file); file.seek(0); load_torch(file)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
        "for path in sys.argv[1:]:\n"
        "    try: load_torch(path)\n"
        "    except UnsafeFileError: pass\n"
        "    else: raise SystemExit(path)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)",
        *(str(tmp_path / name) for name in ("wide.pt", "many.pt", "packed.pt")),
    )
    assert took < 200_000_000


def test_tied_and_sliced_weights_of_torch_are_still_read(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    w = torch.arange(12.0).reshape(3, 4)
    torch.save({"a": w, "b": w, "t": w.T, "row": w[1].expand(5, 4)}, tmp_path / "m.pt")
    got = exchange.load_torch(tmp_path / "m.pt")
    assert got["t"].tolist() == w.T.tolist() and got["row"].shape == (5, 4)


def test_an_h5_file_with_a_chunk_larger_than_its_data(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        values = file.create_group("layers/dense/vars")
        values.create_dataset(
            "0", (3, 2), "f4", chunks=(1 << 12, 1 << 12), maxshape=(None, None), compression=9
        )
        values["1"] = np.zeros(2, np.float32)
    with pytest.raises(FormatError, match="packed in chunks larger than itself"):
        exchange.load_h5(tmp_path / "m.h5", LIKE)


# What is written can be read back


HARD_NAMES = ["__metadata__", "nul\0inside", "half \ud800 a character", "x" * 70_000, "", 3]


@pytest.mark.parametrize("name", HARD_NAMES, ids=lambda name: repr(name)[:20])
def test_a_name_is_either_kept_or_refused(kind: str, name: object, tmp_path: Path) -> None:
    write, read, _ = FORMATS[kind]
    state = {"weight": STATE["weight"], name: STATE["bias"]}
    try:
        write(state, tmp_path / "m")
    except TypeError as error:  # Unsupported is one
        refused = str(error)
    else:
        assert_holds(read(tmp_path / "m"), state)
        return
    assert repr(name)[:20] in refused and list(tmp_path.iterdir()) == []


def test_the_names_that_a_format_keeps_for_itself_are_refused(tmp_path: Path) -> None:
    """The libraries write such a weight, and never find it again."""
    pytest.importorskip("safetensors")
    with pytest.raises(exchange.Unsupported, match="'__metadata__' is the format's own"):
        exchange.save_safetensors({"__metadata__": np.ones(1)}, tmp_path / "m.safetensors")
    with pytest.raises(exchange.Unsupported, match="NUL"):
        exchange.save_npz({"a\0b": np.ones(1)}, tmp_path / "m.npz")
    assert list(tmp_path.iterdir()) == []


def test_arrays_of_the_other_byte_order_are_converted(kind: str, tmp_path: Path) -> None:
    write, read, _ = FORMATS[kind]
    big = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in STATE.items()}
    write(big, tmp_path / "m")
    assert_holds(read(tmp_path / "m"), STATE)


@pytest.mark.parametrize("kind_of_bool", ["npz", "safetensors"])
def test_a_bool_that_is_neither_is_refused(kind_of_bool: str, tmp_path: Path) -> None:
    """NumPy would count two trues as one of them."""
    write, read, library = FORMATS[kind_of_bool]
    pytest.importorskip(library)
    write({"b": np.array([True] * 64)}, tmp_path / "m")
    whole = (tmp_path / "m").read_bytes()
    at = whole.index(b"\1" * 64)
    data = whole[:at] + b"\2" * 64 + whole[at + 64 :]
    if kind_of_bool == "npz":  # the checksum has to fit, too
        import zlib

        old, new = (zlib.crc32(part) for part in (whole[_member(whole)], data[_member(whole)]))
        data = data.replace(old.to_bytes(4, "little"), new.to_bytes(4, "little"))
    (tmp_path / "m").write_bytes(data)
    with pytest.raises(FormatError, match="other than 0 and 1"):
        read(tmp_path / "m")


def _member(whole: bytes) -> slice:
    """Where the one member of a zip archive lies."""
    start = whole.index(b"\x93NUMPY")
    return slice(start, whole.index(b"\1" * 64) + 64)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threshold", [20, 1, 0.5, 0, -1, 100])
def test_onnx_keeps_softplus_threshold(threshold: float, dtype: str, tmp_path: Path) -> None:
    """Seen in onnx/onnx#5226; the runtime has no Softplus of float64, so ONNX's own is asked."""
    reference = pytest.importorskip("onnx.reference")
    model = nn.Sequential(nn.Linear(1, 1), nn.Softplus(threshold=threshold)).to(np.dtype(dtype))
    with tg.no_grad():
        model[0].weight.fill_(1)
        model[0].bias.fill_(0)
    exchange.save_onnx(model, tmp_path / "m.onnx")
    x = np.linspace(-3, 45, 200, dtype=dtype)[:, None]
    (got,) = reference.ReferenceEvaluator(str(tmp_path / "m.onnx")).run(None, {"input": x})
    want = model(tg.from_numpy(x)).detach().numpy()
    assert np.abs(got - want).max() <= 4 * np.finfo(dtype).eps * 45


def test_onnx_needs_the_shape_of_an_input(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    convolution = nn.Sequential(nn.Conv2d(1, 2, 3))
    for shape, error, says in [
        (None, TypeError, r"save_onnx needs input_shape.*such as \(784,\)"),
        (784, TypeError, "input_shape must be an input's shape.*, not int"),
        ("784", TypeError, "input_shape must be"),
        ((1, 0, 28), ValueError, "input_shape must be"),
        ((784,), ValueError, r"layer 0, Conv2d: takes no input of shape \(784,\)"),
    ]:
        with pytest.raises(error, match=says):
            exchange.save_onnx(convolution, tmp_path / "m.onnx", shape)
    assert list(tmp_path.iterdir()) == []


def test_the_pages_snippet_opens_a_trained_model(tmp_path: Path, monkeypatch) -> None:
    from tinygrad_mnist.data import load_embedded
    from tinygrad_mnist.models import RECIPES
    from tinygrad_mnist.train import Trainer, save_model

    trainer = Trainer(RECIPES["mlp-10"].replace(epochs=1), load_embedded())
    page = (ROOT / "docs" / "format.md").read_text()
    code = re.search(r"```python\n(import pickle.*?)```", page, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    wanted = trainer.model.state_dict()["0.weight"].numpy()
    for write in (
        lambda: save_model("model.pkl", trainer, checkpoint=True),
        lambda: save(trainer.model.state_dict(), "model.pkl"),
    ):
        write()
        found: dict = {}
        exec(code, found)
        np.testing.assert_array_equal(found["weight"], wanted, strict=True)


def test_a_model_goes_through_memory() -> None:
    from tinygrad_mnist.data import load_embedded
    from tinygrad_mnist.models import RECIPES
    from tinygrad_mnist.train import Trainer, load_model, save_model

    trainer = Trainer(RECIPES["mlp-10"], load_embedded())
    file = io.BytesIO()
    save_model(file, trainer)
    file.seek(0)
    assert_same(dict(load_model(file).model.state_dict()), dict(trainer.model.state_dict()))
    with pytest.raises(FormatError, match="the BytesIO"):
        load_model(io.BytesIO(b"nothing of the kind"))


def test_what_keras_left_out_is_named(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.create_group("layers/dense")
    with pytest.raises(FormatError, match=r"m\.h5: .*vars"):
        exchange.load_h5(tmp_path / "m.h5", LIKE)


def test_metadata_is_kept(tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors")
    exchange.save_safetensors(STATE, tmp_path / "m.safetensors", {"note": json.dumps({"ö": 1})})
    with safetensors.safe_open(tmp_path / "m.safetensors", "numpy") as file:
        assert json.loads(file.metadata()["note"]) == {"ö": 1}


def test_a_tensor_never_has_the_other_byte_order() -> None:
    """PyTorch refuses such arrays; what copies may convert, what shares memory cannot."""
    from tinygrad_mnist.utils.data import DataLoader, TensorDataset

    for dtype in (">f4", ">f8", ">i8", ">u2"):
        big = np.arange(3).astype(dtype)
        for make in (tg.tensor, tg.as_tensor):
            made = make(big)
            assert made.dtype.isnative and made.tolist() == [0, 1, 2]
        for share in (tg.from_numpy, TensorDataset, lambda x: next(iter(DataLoader(x)))):
            with pytest.raises(ValueError, match="byte order"):
                share(big)
    layer = nn.Linear(3, 1)
    state = {"weight": np.ones((1, 3), ">f4"), "bias": np.zeros(1, ">f8")}
    for assign in (False, True):
        layer.load_state_dict(state, assign=assign)
        assert layer.weight.dtype.isnative and layer.weight.tolist() == [[1, 1, 1]]
