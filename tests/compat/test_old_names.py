"""The names of PyTorch's first years do what PyTorch's still do."""

import warnings
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.autograd import Variable

torch = pytest.importorskip("torch")

# Each is called with either library; what comes out is equal, or both raise TypeError.
CALLS = {
    "a size": lambda t: t.Tensor(2, 3).shape,
    "one length": lambda t: t.Tensor(3).shape,
    "the size of another": lambda t: t.Tensor(t.ones(2, 3).size()).shape,
    "a Size": lambda t: t.FloatTensor(t.Size([4])).shape,
    "a tuple is data": lambda t: t.Tensor((2, 3)),
    "nothing": lambda t: t.Tensor(),
    "ints": lambda t: t.Tensor([[1, 2], [3, 4]]),
    "a range": lambda t: t.Tensor(range(3)),
    "int array": lambda t: t.Tensor(np.array([1, 2])),
    "float64 array": lambda t: t.Tensor(np.array([1.5, 2])),
    "a Tensor keeps its dtype": lambda t: t.Tensor(t.tensor([1, 2])),
    "two lists": lambda t: t.Tensor([1], [2]),
    "a bool": lambda t: t.Tensor(True),
    "mixed size": lambda t: t.Tensor(2, 3.0),
    "LongTensor of floats": lambda t: t.LongTensor([1.5, 2]),
    "LongTensor of a float array": lambda t: t.LongTensor(np.array([1.5])),
    "LongTensor of a float Tensor": lambda t: t.LongTensor(t.tensor([1.5])),
    "LongTensor of a size": lambda t: t.LongTensor(3, 2).shape,
    "BoolTensor": lambda t: t.BoolTensor([1, 0]),
    "DoubleTensor": lambda t: t.DoubleTensor([1, 2]),
    "isinstance": lambda t: [
        isinstance(t.ones(2), t.FloatTensor), isinstance(t.ones(2), t.LongTensor),
        isinstance(t.ones(2).long(), (t.ByteTensor, t.LongTensor)),
    ],
    "type()": lambda t: [t.ones(2).to(d).type() for d in (t.float32, t.float64, t.int64, t.bool)],
    "type(text)": lambda t: t.ones(2).type("torch.LongTensor"),
    "type(class)": lambda t: t.ones(2).type(t.DoubleTensor),
    "type(dtype)": lambda t: t.ones(2).type(t.int32),
    "type(Tensor)": lambda t: t.ones(2).double().type(t.Tensor),
    "new size": lambda t: t.ones(2).new(2, 3).shape,
    "new data": lambda t: t.ones(2).long().new([1.5]),
    "new nothing": lambda t: t.ones(2).new(),
    "new Tensor": lambda t: t.ones(2).new(t.ones(3)),
    "resize_ to less": lambda t: t.arange(6).resize_(2, 2),
    "resize_ to the same": lambda t: t.arange(6.0).resize_(3, 2),
    "ndimension": lambda t: t.ones(2, 3).ndimension(),
    "is_complex": lambda t: [t.ones(1).is_complex(), t.is_complex(t.ones(1))],
    "ger": lambda t: t.ger(t.ones(2), t.arange(3.0)),
    "range": lambda t: t.range(1, 4, 0.5),
    "squeeze_": lambda t: t.ones(1, 2).squeeze_().shape,
    "unsqueeze_": lambda t: t.ones(2).unsqueeze_(0).shape,
    "transpose_": lambda t: t.arange(6.0).view(2, 3).transpose_(0, 1),
    "t_": lambda t: t.arange(6.0).view(2, 3).t_(),
    "relu_": lambda t: t.relu_(t.tensor([-1.0, 2.0])),
    "apply_": lambda t: t.arange(3.0).apply_(lambda v: v * 2),
    "map_": lambda t: t.arange(3.0).map_(t.ones(3), lambda a, b: a - b),
    "as_strided": lambda t: t.as_strided(t.arange(9.0), (2, 2), (1, 2), 1),
    "scalar_tensor": lambda t: t.scalar_tensor(3),
    "is_nonzero": lambda t: [t.is_nonzero(t.tensor(2.0)), t.is_nonzero(t.tensor([0]))],
    "Size": lambda t: [
        t.Size([2, 3]), t.Size((2, 3)) + (1,), (1,) + t.Size((2, 3)), t.Size((2, 3)).numel()  # noqa: RUF005
    ],
    "range as an index": lambda t: t.arange(5.0)[range(1, 4)],
    "range as a row": lambda t: t.arange(6.0).view(2, 3)[range(2), [0, 2]],
    "add(alpha, other)": lambda t: [t.ones(2).add(3, t.arange(2.0)), t.ones(2).sub_(3, t.ones(2))],
    "addcmul_(value, ...)": lambda t: t.ones(2).addcmul_(0.5, t.arange(2.0), t.ones(2) * 4),
    "addcdiv_(value, ...)": lambda t: t.ones(2).addcdiv_(-0.5, t.arange(2.0), t.ones(2) * 4),
    "Tensors in lists are numbers": lambda t: t.tensor([[t.ones(1), 2.0], [t.tensor(3.0), 4.0]]),
    "scatter_(value=)": lambda t: t.zeros(2, 3).scatter_(1, t.tensor([[1], [2]]), value=2.0),
    "randint(high, size=)": lambda t: t.randint(1, size=(2,)),
    "randint_like(high=)": lambda t: t.randint_like(t.ones(2), high=1),
    "attributes": lambda t: [t.ones(1).is_cpu, t.ones(1).is_sparse, str(t.ones(1).layout)],
}  # fmt: skip


def plain(value: Any) -> Any:
    """Return a call's result without a library's types."""
    if hasattr(value, "numpy"):
        return value.dtype.__str__().replace("torch.", ""), value.tolist()
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value], repr(value) if "Size" in repr(value) else ""
    return value


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_old_names_compute_as_pytorch_does(name: str) -> None:
    try:
        expected = plain(CALLS[name](torch))
    except TypeError:
        with pytest.raises(TypeError):
            CALLS[name](tg)
        return
    assert plain(CALLS[name](tg)) == expected


def test_variable_is_a_tensor_on_the_same_memory() -> None:
    x = tg.ones(2)
    v = Variable(x, requires_grad=True)
    (v * 3).sum().backward()
    x[0] = 5.0
    assert v.grad.tolist() == [3, 3] and v.detach().tolist() == [5, 1] and not x.requires_grad
    assert isinstance(x, Variable) and isinstance(tg.ones(1), Variable)
    with pytest.warns(UserWarning, match="no_grad"):
        Variable(x, volatile=True)


def test_the_default_type_is_set_by_its_old_name() -> None:
    try:
        tg.set_default_tensor_type("torch.DoubleTensor")
        assert tg.ones(1).dtype == tg.Tensor([1]).dtype == tg.float64
        tg.set_default_tensor_type(tg.FloatTensor)
        with pytest.raises(TypeError, match="floating"):
            tg.set_default_tensor_type(tg.LongTensor)
    finally:
        tg.set_default_dtype(tg.float32)


def test_attributes_stay_with_a_tensor_and_its_copy() -> None:
    import copy

    w = tg.nn.Parameter(tg.ones(2))
    w.tag = ["decay"]
    twin = copy.deepcopy(w)
    assert twin.tag == ["decay"] and twin.tag is not w.tag and type(twin) is tg.nn.Parameter


def test_dtypes_that_numpy_lacks_are_refused_where_they_are_used() -> None:
    dtypes = {"bfloat16": tg.bfloat16, "float32": tg.float32}
    assert dtypes["bfloat16"] != tg.float32 and str(tg.bfloat16) == "torch.bfloat16"
    for use in (lambda: tg.ones(2, dtype=tg.bfloat16), lambda: tg.nn.Linear(1, 1).to(tg.bfloat16)):
        with pytest.raises(TypeError, match="bfloat16, which NumPy does not have; use float32"):
            use()


@pytest.mark.parametrize(
    "options",
    [{}, {"precision": 2}, {"threshold": 5, "edgeitems": 1}, {"linewidth": 30}, {"sci_mode": True},
     {"profile": "short"}, {"sci_mode": False, "precision": 6}],
)  # fmt: skip
def test_printing_follows_its_options(options: dict[str, Any]) -> None:
    values = [np.linspace(-1, 1000, 12), np.arange(6.0).reshape(2, 3), np.array([1e-6, 1.0])]
    try:
        for library in (tg, torch):
            library.set_printoptions(**options)
        for value in values:
            assert repr(tg.tensor(value)) == repr(torch.tensor(value))
    finally:
        for library in (tg, torch):
            library.set_printoptions(profile="default")


def test_there_are_no_devices_and_switches_change_nothing() -> None:
    assert not tg.cuda.is_available() and tg.cuda.device_count() == 0
    assert not tg.backends.cudnn.is_available() and not tg.backends.mps.is_available()
    tg.backends.cudnn.benchmark = tg.backends.cudnn.deterministic = True
    tg.cuda.manual_seed_all(0), tg.cuda.empty_cache(), tg.use_deterministic_algorithms(True)
    assert tg.are_deterministic_algorithms_enabled()
    with pytest.raises(RuntimeError, match="CPU"):
        tg.cuda.current_device()
    with pytest.raises(TypeError, match="not available"):
        tg.cuda.FloatTensor([1.0])


def test_a_long_stream_of_random_indices_is_not_drawn_at_once() -> None:
    sampler = tg.utils.data.RandomSampler(range(5), replacement=True, num_samples=10**12)
    loader = tg.utils.data.DataLoader(list(range(5)), batch_size=3, sampler=sampler)
    assert len(sampler) == 10**12 and set(next(iter(loader)).tolist()) <= set(range(5))


def test_grad_takes_any_collection_and_pytorchs_arguments_by_position() -> None:
    parameters = tg.nn.ParameterList([tg.ones(2), tg.ones(3)])
    loss = sum((p * 2).sum() for p in parameters)
    a, b = tg.autograd.grad(loss, parameters, None, True, False, True, True)
    assert a.tolist() == [2, 2] and b.tolist() == [2, 2, 2]


def test_warnings_are_pytorchs() -> None:
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        tg.range(0, 2)
        tg.jit.script(tg.nn.Linear(1, 1))
    assert [w.category for w in seen] == [UserWarning, UserWarning]
