"""With NumPy: shared memory, arrays as operands, gradients through NumPy's own functions."""

import numpy as np
import pytest

import tinygrad_mnist as tg

A = np.array([1.0, 4.0], np.float32)


def test_an_array_on_the_left_gives_a_tensor_with_a_gradient() -> None:
    x = tg.tensor(A, requires_grad=True)
    for result, slope in [
        (A * x, A), (A + x, [1, 1]), (A - x, [-1, -1]), (A / x, -A / A**2),
        (np.float32(2) * x, [2, 2]), (np.eye(2, dtype=np.float32) @ x, [1, 1]),
        (np.exp(x), np.exp(A)), (np.sqrt(x), 0.5 / np.sqrt(A)),
        (np.maximum(x, 2.0), [0, 1]), (np.matmul(x, A), A),
    ]:  # fmt: skip
        assert isinstance(result, tg.Tensor) and result.dtype == tg.float32
        (g,) = tg.autograd.grad(result.sum(), x)
        np.testing.assert_allclose(g.numpy(), slope, rtol=1e-6)


def test_a_function_without_a_row_needs_no_gradient() -> None:
    assert np.cbrt(tg.tensor([8.0])).tolist() == [2.0]
    with pytest.raises(RuntimeError, match="requires grad"):
        np.cbrt(tg.tensor([8.0], requires_grad=True))


def test_an_array_is_updated_in_place() -> None:
    a = A.copy()
    a += tg.tensor([1.0, 1.0])
    assert type(a) is np.ndarray and a.tolist() == [2, 5]


def test_from_numpy_and_numpy_share_memory() -> None:
    a = A.copy()
    x = tg.from_numpy(a)
    assert x.numpy() is a and np.shares_memory(np.asarray(x), a)
    x.mul_(2)
    assert a.tolist() == [2, 8]
    assert np.shares_memory(tg.as_tensor(a).numpy(), a)
    assert not np.shares_memory(tg.tensor(a).numpy(), a)
    assert np.shares_memory(np.from_dlpack(x), a)
    with pytest.raises(TypeError, match="expected np.ndarray"):
        tg.from_numpy([1.0])
    with pytest.raises(TypeError, match="complex"):
        tg.from_numpy(np.array([1j]))


def test_dlpack_shares_memory_with_pytorch() -> None:
    torch = pytest.importorskip("torch")
    x = tg.tensor([1.0, 2.0])
    y = torch.from_dlpack(x)
    y[0] = 5
    assert x.tolist() == [5, 2]
    assert tg.from_dlpack(y).tolist() == [5, 2]
