"""Sequential, and the lists and dicts of modules and parameters."""

from collections import OrderedDict

import pytest

import tinygrad_mnist as tg
from tinygrad_mnist import nn


def linears(*sizes: int) -> list[nn.Module]:
    return [nn.Linear(size, size) for size in sizes]


def test_a_sequential_calls_its_modules_in_order() -> None:
    a, b = linears(2, 2)
    x = tg.ones(3, 2)
    assert (nn.Sequential(a, nn.Tanh(), b)(x) == b(a(x).tanh())).all()
    named = nn.Sequential(OrderedDict(first=a, second=b))
    assert list(named.state_dict())[::2] == ["first.weight", "second.weight"]
    assert named.first is a and named[-1] is b
    assert [name for name, _ in named[1:].named_children()] == ["second"]
    assert [type(m).__name__ for m in nn.Sequential(a) + nn.Sequential(nn.ReLU())] == [
        "Linear",
        "ReLU",
    ]
    assert list(nn.Sequential()) == []


@pytest.mark.parametrize("make", [lambda items: nn.Sequential(*items), nn.ModuleList])
def test_module_lists_behave_as_lists(make) -> None:
    a, b, c, d = linears(1, 2, 3, 4)
    modules = make([a, b])
    assert len(modules) == 2 and list(modules) == [a, b] and modules[-1] is b
    assert modules.append(c) is modules and list(modules.extend([d])) == [a, b, c, d]
    del modules[1]
    assert list(modules) == [a, c, d]
    assert list(modules.insert(1, b)) == [a, b, c, d]
    assert modules.pop(0) is a and list(modules) == [b, c, d]
    modules[0] = a
    modules += [b]
    assert list(modules) == [a, c, d, b] and type(modules[1:3]) is type(modules)
    assert [name for name, _ in modules.named_children()] == ["0", "1", "2", "3"]
    assert len(list(modules.parameters())) == 8
    for index in (4, -5):
        with pytest.raises(IndexError, match="4 entries"):
            _ = modules[index]
    with pytest.raises(TypeError, match="child module"):
        modules.append(3)


def test_equal_neighbours_are_printed_once() -> None:
    text = repr(nn.ModuleList([*linears(2, 2), nn.ReLU()]))
    assert "(0-1): 2 x Linear(in_features=2" in text and "(2): ReLU()" in text


def test_module_dicts_behave_as_dicts() -> None:
    a, b = linears(1, 2)
    modules = nn.ModuleDict({"a": a})
    modules["b"] = b
    modules.update([("c", nn.ReLU())])
    assert list(modules) == list(modules.keys()) == ["a", "b", "c"] and "b" in modules
    assert modules["b"] is b and modules.pop("c") is not None and len(modules) == 2
    assert list(modules.items()) == [("a", a), ("b", b)] and list(modules.values()) == [a, b]
    assert list(modules.state_dict()) == ["a.weight", "a.bias", "b.weight", "b.bias"]
    with pytest.raises(KeyError, match="exists"):
        modules["keys"] = a
    modules.clear()
    assert len(modules) == 0


def test_parameters_in_lists_and_dicts_are_registered() -> None:
    listed = nn.ParameterList([tg.ones(2), nn.Parameter(tg.zeros(1))])
    listed.append(tg.ones(3))
    assert list(listed.state_dict()) == ["0", "1", "2"] and len(listed) == 3
    assert all(isinstance(p, nn.Parameter) and p.requires_grad for p in listed)
    assert "(2): Parameter containing: [float32 of size 3]" in repr(listed)
    named = nn.ParameterDict({"w": tg.ones(2)})
    named["b"] = nn.Parameter(tg.zeros(1))
    assert list(named.state_dict()) == ["w", "b"] and named["w"].requires_grad
    holder = nn.Module()
    holder.several, holder.named = listed, named
    assert list(holder.state_dict()) == [
        "several.0", "several.1", "several.2", "named.w", "named.b"
    ]  # fmt: skip
