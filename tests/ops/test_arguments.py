"""How functions may be called, and what they say when they may not be called so."""

from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

X = np.arange(6.0, dtype=np.float32).reshape(2, 3)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "amax", "amin", "any", "all", "std", "var", "prod"]
)
def test_numpys_names_of_arguments_are_known(name: str) -> None:
    x = tg.tensor(X)
    ours = getattr(tg, name)(x, axis=1, keepdims=True)
    assert tg.equal(ours, getattr(x, name)(dim=1, keepdim=True))
    assert ours.shape == (2, 1)


@pytest.mark.parametrize(
    "name", ["sum", "mean", "max", "min", "prod", "any", "all", "argmax", "clip"]
)
def test_numpys_functions_of_tensors_give_tensors(name: str) -> None:
    args = (1.0, 2.0) if name == "clip" else ()
    ours = getattr(np, name)(tg.tensor(X), *args)
    assert isinstance(ours, tg.Tensor)
    np.testing.assert_allclose(ours.numpy(), getattr(np, name)(X, *args), rtol=1e-6)


def test_std_counts_as_the_library_that_is_asked() -> None:
    x = tg.tensor(X)
    assert np.std(x).item() == pytest.approx(np.std(X))
    assert x.std().item() == pytest.approx(np.std(X, ddof=1))
    assert x.std(unbiased=False).item() == pytest.approx(np.std(X))
    assert x.var(correction=2).item() == pytest.approx(np.var(X, ddof=2))


def test_arguments_may_be_named() -> None:
    x = tg.tensor(X)
    assert tg.equal(tg.exp(input=x), x.exp())
    assert tg.equal(tg.add(input=x, other=1, alpha=2), x + 2)
    assert tg.equal(tg.mul(x, other=x), x * x)
    assert tg.equal(tg.reshape(x, shape=(3, 2)), x.reshape(3, 2))
    assert tg.equal(tg.permute(input=x, dims=(1, 0)), x.T)
    assert x.flip(dims=(0,)).tolist() == x.flip(0).tolist() == X[::-1].tolist()
    assert tg.zeros(size=(2, 3)).shape == tg.zeros(2, 3).shape == tg.zeros([2, 3]).shape


@pytest.mark.parametrize(
    "call",
    [
        lambda x: tg.zeros(2, layout="sparse_coo"),
        lambda x: tg.ones(2, pin_memory=True),
    ],
)
def test_what_is_not_supported_is_refused(call: Any) -> None:
    with pytest.raises(TypeError, match=r"\w+\(\): \w+= is not supported; \w+"):
        call(tg.tensor(X))


def test_asking_for_nothing_is_let_through() -> None:
    assert tg.sum(tg.tensor(X), out=None).item() == 15
    assert tg.zeros(2, layout=None, pin_memory=False, device="cpu").shape == (2,)
    assert tg.tensor(X).contiguous(memory_format=None).shape == (2, 3)


@pytest.mark.parametrize("device", ["cuda", "cuda:0", "mps", "meta"])
def test_there_is_no_other_device(device: str) -> None:
    assert str(tg.device(device)) == device
    for named in (device, tg.device(device)):
        for call in (tg.tensor(X).to, lambda device: tg.zeros(2, device=device)):
            with pytest.raises(RuntimeError, match="CPU"):
                call(named)


def test_the_cpu_is_a_device() -> None:
    x = tg.tensor(X).to(tg.device("cpu"), tg.float64)
    assert x.dtype == tg.float64 and x.device == tg.device("cpu") and str(x.device) == "cpu"
    assert not (tg.cuda.is_available() or tg.accelerator.is_available())
    assert not tg.backends.mps.is_available()
    with pytest.raises(RuntimeError, match="CPU"):
        x.cuda()


def test_an_unknown_name_names_the_nearest() -> None:
    for owner, name, nearest in [
        (tg, "softmacks", "softmax"),
        (tg, "summ", "sum"),
        (tg.tensor(X), "reshaped", "reshape"),
        (tg.tensor(X), "squeese", "squeeze"),
    ]:
        with pytest.raises(AttributeError, match=f"{name}'; did you mean '{nearest}"):
            getattr(owner, name)


def test_a_list_is_no_tensor() -> None:
    with pytest.raises(TypeError, match=r"sum\(\): argument 'input' must be Tensor, not list"):
        tg.sum([1.0, 2.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unsupported operand"):
        tg.tensor(X) @ None


@pytest.mark.parametrize("axes", [(0, 0), (1, -1)])
def test_a_dimension_is_reduced_once(axes: tuple[int, int]) -> None:
    with pytest.raises(RuntimeError, match="twice"):
        tg.tensor(X).sum(axes)


def test_rows_take_pytorchs_and_numpys_names() -> None:
    a, b = tg.tensor([4.0]), tg.tensor([2.0])
    assert tg.sqrt(input=a).item() == tg.sqrt(x=a).item() == 2
    for keywords in ({"input": a, "other": b}, {"x1": a, "x2": b}):
        assert tg.mul(**keywords).item() == 8
    assert tg.mul(a, other=b).item() == a.mul(other=b).item() == 8
    assert tg.mul(2.0, other=b).item() == 4


def test_sizes_may_be_spelled_in_many_ways() -> None:
    for size in ((2, 3), [2, 3], tg.tensor([2, 3]), np.array([2, 3])):
        assert tg.zeros(size).shape == (2, 3)
    assert tg.zeros(np.int64(2), tg.tensor(3)).shape == (2, 3)
    assert tg.zeros(tg.tensor(2)).shape == (2,)


def test_devices_are_all_the_cpu() -> None:
    cpu = tg.device("cpu", 0)
    assert cpu == tg.device(cpu) and len({cpu, tg.device("cpu:0")}) == 1 and cpu != "cpu"
    assert (str(cpu), repr(cpu)) == ("cpu", "device(type='cpu')")


def test_float16_goes_through_its_steps_in_float32() -> None:
    x = tg.full((1000,), 300.0, dtype=tg.float16)
    assert tg.dist(x, x * 0, p=1).dtype == tg.float16
    assert tg.prod(x[:3], dtype=tg.float32).dtype == tg.float32
    assert tg.prod(x[:3], dtype=tg.float32).item() == 300**3


def test_an_attribute_that_is_missing_inside_is_no_missing_tensor() -> None:
    with pytest.raises(AttributeError, match="no attribute 'ndim'"):
        tg.mv(tg.ones(2, 2), 3)
    with pytest.raises(TypeError, match=r"mv\(\): argument 'input' must be Tensor, not int"):
        tg.mv(3, tg.ones(2))
