"""Whole modules in files: read without running code, or refused in one clear line."""

import argparse
import io
from typing import Any

import pytest

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tinygrad_mnist import nn
from tinygrad_mnist.serialize import FormatError, inspect


class Net(nn.Module):
    ran = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).ran += 1
        self.first, self.act, self.where = nn.Linear(2, 3), F.relu, tg.device("cpu")
        self.rest = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
        self.tied = self.first.weight
        self.sizes = {"hidden": (3, 2)}

    def forward(self, x: Any) -> Any:
        return self.rest(self.act(self.first(x)))


def written(obj: Any) -> io.BytesIO:
    file = io.BytesIO()
    tg.save(obj, file)
    file.seek(0)
    return file


SMALL = {"Transformer": (4, 2, 1, 1, 8)}  # by itself it has 44 million parameters


@pytest.mark.parametrize("name", [n for n in nn.__all__ if n[0].isupper()])
def test_every_layer_of_the_library_comes_back(name: str) -> None:
    kind = getattr(nn, name)
    if not isinstance(kind, type) or not issubclass(kind, nn.Module):
        pytest.skip("no module")
    if name.startswith("Lazy"):
        pytest.skip("its first call is still to come, by a hook")
    for args in (SMALL.get(name, ()), (2,), (2, 2), (2, 2, 2), ([1], [2], 2)):
        try:
            layer = kind(*args)
            break
        except (TypeError, ValueError, RuntimeError):
            continue
    else:
        pytest.skip("made from something else than numbers")
    read = tg.load(written(layer))
    assert type(read) is kind and repr(read) == repr(layer)
    assert read.__dict__.keys() == layer.__dict__.keys()
    for (n, a), (m, b) in zip(layer.state_dict().items(), read.state_dict().items(), strict=True):
        assert n == m and (a == b).all()


def test_a_sequential_computes_and_trains_on() -> None:
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 2)).eval()
    net[0].weight.requires_grad_(False)
    read, x = tg.load(written({"model": net, "epoch": 3}))["model"], tg.randn(1, 1, 4, 4)
    assert (read(x) == net(x)).all() and not read.training
    assert not read[0].weight.requires_grad and read[3].weight.requires_grad
    read(x).sum().backward()
    assert read[3].weight.grad is not None


def test_a_programs_own_module_is_read_only_with_permission() -> None:
    net, x = Net().eval(), tg.randn(4, 2)
    ran, file = Net.ran, written(net)
    with pytest.raises(FormatError, match="weights_only=False"):
        tg.load(file)
    file.seek(0)
    read = tg.load(file, weights_only=False)
    assert (read(x) == net(x)).all() and Net.ran == ran, "no constructor is called"
    assert read.tied is read.first.weight and read.sizes == net.sizes and read.act is F.relu
    file.seek(0)
    with tg.serialization.safe_globals([Net]):
        assert type(tg.load(file)) is Net
    file.seek(0)
    names = [part["class"] for part in inspect(file)["modules"]]
    assert names[1:] == ["nn.Linear", "nn.Sequential", "nn.Linear", "nn.BatchNorm1d"]


def test_a_class_that_is_not_there_is_named(monkeypatch: Any) -> None:
    file = written(Net())
    monkeypatch.delitem(globals(), "Net")
    with pytest.raises(FormatError, match=r"class Net, which .* does not define"):
        tg.load(file, weights_only=False)


@pytest.mark.parametrize("name", ["builtins:dict", "os:system", "argparse:Namespace", "tests:Net"])
def test_a_file_cannot_name_anything_but_a_module(name: str) -> None:
    net = Net()
    type(net).__qualname__, type(net).__module__ = name.split(":")[-1], name.split(":")[0]
    try:
        file = written(net)
    finally:
        Net.__qualname__, Net.__module__ = "Net", __name__
    with pytest.raises(FormatError, match="class"):
        tg.load(file, weights_only=False)


@pytest.mark.parametrize("what", ["lambda", "hook", "object"])
def test_an_attribute_that_a_file_cannot_store_is_named_with_the_remedy(what: str) -> None:
    net = Net()
    if what == "lambda":
        net.act = lambda x: x
    elif what == "object":
        net.log = open  # a builtin
    else:
        net.register_forward_hook(print)
    with pytest.raises(TypeError, match=r"save\(model.state_dict\(\)\)"):
        written(net)


def test_options_beside_a_state_come_back() -> None:
    options = argparse.Namespace(lr=0.1, layers=[2, 3])
    state = {"args": options, "state": Net().state_dict(), "shape": tg.ones(2, 3).shape}
    read = tg.load(written(state))
    assert read["args"] == options and read["shape"] == (2, 3)


def test_files_without_modules_are_of_the_version_that_older_releases_read() -> None:
    assert written({"w": tg.ones(2)}).getvalue()[29] == 2
    assert written(nn.Linear(1, 1)).getvalue()[29] == 3


def test_pytorchs_arguments_of_save_and_load_are_accepted(tmp_path) -> None:
    tg.save(obj={"a": tg.ones(1)}, f=tmp_path / "a.pt", pickle_protocol=4)
    with open(tmp_path / "b.pt", "wb") as file:
        tg.save({"a": tg.ones(1)}, file)
    for name in ("a.pt", "b.pt"):
        read = tg.load(f=tmp_path / name, map_location=lambda storage, loc: storage, mmap=True)
        assert read["a"].tolist() == [1]
