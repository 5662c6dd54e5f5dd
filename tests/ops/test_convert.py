"""Between dtypes, devices, NumPy and Python; what a Tensor says of itself; copies and pickles."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.ops.cases import Case, Plain, Refusal, family_tests
from tinygrad_mnist.ops import convert

X = [1.5, -2.0, 0.0]
CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool",
}  # fmt: skip


def said(name: str, value: object, shape: tuple[int, ...] = (2, 3), *args: object) -> Plain:
    return Plain(name, lambda: getattr(tg.ones(*shape), name)(*args), [], value)


CASES = [
    Case("to", lambda x: x.to(tg.float64), [X], X),
    Case("type_as", lambda x: x.type_as(tg.ones(1).double()), [X], X),
    Case("cpu", lambda x: x.cpu(), [X], X),
    Case("double", lambda x: x.double(), [X], X),
]
PLAIN = [
    *(Plain(name, lambda x, name=name: getattr(x, name)(), [X], np.array(X).astype(dtype))
      for name, dtype in CASTS.items() if name != "byte"),
    Plain("byte", lambda x: x.byte(), [[1.5, 0.0]], np.array([1, 0], np.uint8)),
    Plain("to", lambda x: x.to("int64"), [X], np.array([1, -2, 0])),
    Plain("to", lambda x: x.to("cpu", tg.int32), [X], np.array([1, -2, 0], np.int32)),
    Plain("to", lambda x: x.to(tg.ones(1).double()), [X], np.array(X)),
    Plain("to", lambda x: x.to(dtype=tg.float64), [X], np.array(X)),
    Plain("to", lambda x: x.to(other=tg.tensor([1])), [X], np.array([1, -2, 0])),
    Plain("to", lambda x: x.to(tg.float32) is x.to("cpu") is x, [X], True),
    Plain("to", lambda x: x.to(tg.float32, copy=True) is x, [X], False),
    Plain("type_as", lambda x: x.type_as(x) is x, [X], True),
    said("is_floating_point", True),
    Plain("is_floating_point", lambda x: x.is_floating_point(), [[1]], False),
    said("is_contiguous", True),
    Plain("is_contiguous", lambda x: x.t().is_contiguous(), [[[1, 2], [3, 4]]], False),
    said("numel", 6),
    said("nelement", 6),
    said("dim", 2),
    said("size", (2, 3)),
    said("size", 3, (2, 3), -1),
    said("element_size", 4),
    said("stride", (3, 1)),
    said("stride", 3, (2, 3), 0),
    Plain("data_ptr", lambda x: x.data_ptr() == x.numpy().ctypes.data, [X], True),
]  # fmt: skip
REFUSALS = [
    Refusal("cuda", lambda: tg.ones(1).cuda(), RuntimeError, "everything runs on the CPU"),
    Refusal("to a GPU", lambda: tg.ones(1).to("cuda:0"), RuntimeError, "is not available"),
    Refusal("size", lambda: tg.ones(1).size(1), IndexError, "out of range"),
]
NAMES = [name for name in convert.METHODS if not name.startswith("_")]
test_value, test_gradient, test_refusal, test_every_name_has_a_case = family_tests(
    {*NAMES} - {"cuda"}, CASES, PLAIN, REFUSALS
)


def test_what_else_a_tensor_says_of_itself() -> None:
    x = tg.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert (x.itemsize, x.nbytes, x.is_cuda, str(x.device)) == (4, 16, False, "cpu")
    assert x.real is x
    assert x.T.tolist() == x.mT.tolist() == x.H.tolist() == [[1, 3], [2, 4]]
    assert tg.ones(2, 3, 4).T.shape == (4, 3, 2) and tg.ones(2, 3, 4).mT.shape == (2, 4, 3)


def test_a_cast_to_integers_ends_the_graph() -> None:
    x = tg.tensor(X, requires_grad=True)
    assert not x.long().requires_grad and x.double().requires_grad


@pytest.mark.parametrize("twin_of", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_twin_is_a_leaf_on_its_own_memory(twin_of: object) -> None:
    x = tg.tensor(X, requires_grad=True)
    (x * x).sum().backward()
    twin = twin_of(x)
    assert twin.equal(x) and twin.requires_grad and twin.is_leaf
    assert not np.shares_memory(twin.detach().numpy(), x.detach().numpy())
    assert not twin_of(x.detach()).requires_grad


def test_a_deep_copy_has_a_copy_of_the_gradient_and_keeps_identity() -> None:
    x = tg.tensor(X, requires_grad=True)
    (x * x).sum().backward()
    one, other = copy.deepcopy([x, x])
    assert one is other and one.grad.equal(x.grad) and one.grad is not x.grad
    with pytest.raises(RuntimeError, match=r"use .detach\(\).clone\(\)"):
        copy.deepcopy(x * 2)


def test_numpys_functions_of_tensors_are_ours() -> None:
    x = tg.tensor([1.0, 4.0], requires_grad=True)
    np.sqrt(x).sum().backward()
    assert x.grad.tolist() == [0.5, 0.25]
    assert isinstance(np.float32(2) * x, tg.Tensor) and (np.ones(2, np.float32) * x).requires_grad
    assert np.add.reduce(x.detach()).item() == 5
    out = np.empty(2, np.float32)
    np.positive(x.detach(), out=out)
    assert out.tolist() == [1, 4] and np.isclose(x.detach(), 1.0).tolist() == [True, False]


def test_dlpack_hands_over_the_memory() -> None:
    x = tg.tensor(X)
    array = np.from_dlpack(x)
    x[0] = 7
    assert array[0] == 7
