"""Short programs that run unchanged in both libraries and must end alike.

Where PyTorch raises, so does this package, with an error of the same class (or a subclass).
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")

PROGRAMS: dict[str, Callable[[Any], Any]] = {}


def program(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    PROGRAMS[function.__name__] = function
    return function


def outcome(function: Callable[[Any], Any], lib: Any) -> Any:
    try:
        return plain(function(lib))
    except Exception as error:
        return error


def plain(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "tolist"):
        return [str(value.dtype).removeprefix("torch."), value.tolist()]
    return value


# In place


@program
def rows_of_a_fresh_view_are_assigned(t: Any) -> Any:
    w = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    x = t.arange(6.0).reshape(2, 3)
    x[0] = w * 2
    (x * x).sum().backward()
    return w.grad


@program
def a_chain_of_in_place_calls(t: Any) -> Any:
    w = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = w * 2
    y += 1
    y.mul_(3).sub_(w)
    y[1] = 0
    y /= 2
    y.sum().backward()
    return w.grad, y.detach()


@program
def a_leaf_that_requires_grad_is_written(t: Any) -> Any:
    t.ones(3, requires_grad=True).add_(1)


@program
def a_leaf_is_assigned_an_element(t: Any) -> Any:
    w = t.ones(3, requires_grad=True)
    w[0] = 1


@program
def a_leaf_is_written_under_no_grad(t: Any) -> Any:
    w = t.tensor([1.0, 2.0, 3.0], requires_grad=True)
    with t.no_grad():
        w.add_(1)
        w[0] = 5
        w -= 1
    (w * w).sum().backward()
    return w.grad, w.requires_grad, w.is_leaf


@program
def a_kept_output_is_written(t: Any) -> Any:
    y = t.ones(3, requires_grad=True).exp()
    y[1] = 0
    y.sum().backward()


@program
def a_kept_input_is_written(t: Any) -> Any:
    y = t.ones(3, requires_grad=True) * 2
    z = y * y
    y[1] = 0
    z.sum().backward()


@program
def a_kept_input_is_written_through_detach(t: Any) -> Any:
    w = t.ones(3, requires_grad=True)
    y = w.sin()
    w.detach().mul_(2)
    y.sum().backward()


@program
def exp_in_place_keeps_its_output(t: Any) -> Any:
    w = t.ones(3, requires_grad=True)
    y = w * 0
    y.exp_()
    y.sum().backward()
    return w.grad


@program
def floats_do_not_go_into_integers(t: Any) -> Any:
    x = t.zeros(3, dtype=t.int64)
    x += 1.5


@program
def a_result_must_have_the_shape(t: Any) -> Any:
    x = t.zeros(3)
    x += t.ones(2, 3)


@program
def many_assignments(t: Any) -> Any:
    x = t.zeros(2, 3, 4)
    x[:, [0, 2], 1:3] = t.ones(2, 2)
    x[0, :, [1, 1]] += 5
    x[x > 4] = -1
    x[..., 0] = 7
    x[1, [0, 1], [2, 3]] = t.tensor([8.0, 9.0])
    x[t.tensor([True, False])] *= 2
    x[1, 2, 3] = 11
    return x


@program
def gradients_flow_through_assignments(t: Any) -> Any:
    w = t.tensor([1.0, 2.0], requires_grad=True)
    x = t.zeros(3, 4)
    x[t.tensor([2, 0]), 1:3] = w
    x[:, 3] = w.sum()
    x[0, 0] = w[1]
    (x * x).sum().backward()
    return w.grad


@program
def fills_and_copies(t: Any) -> Any:
    x = t.tensor([1.0, 2.0])
    x.fill_(3).zero_().add_(2, alpha=3).clamp_(max=5).sub_(t.tensor([1.0, 2.0]))
    x.masked_fill_(t.tensor([True, False]), 9)
    y = t.zeros(2, 2)
    y.copy_(t.tensor([1, 2]))
    y.T[0] = 5
    y.view(-1)[3] = 8
    return x, y


@program
def data_is_written(t: Any) -> Any:
    w = t.ones(3, requires_grad=True)
    w.data.mul_(2)
    w.data[0] = 4
    w.data = w.data - 1
    return w.detach(), w.requires_grad


@program
def a_value_that_does_not_fit_is_assigned(t: Any) -> Any:
    x = t.ones(3)
    x[0:2] = t.ones(3)


# Reading, copying, converting


@program
def indexing(t: Any) -> Any:
    x = t.arange(24.0).reshape(2, 3, 4)
    i = t.tensor([0, 2])
    return (
        x[0], x[-1, 1], x[..., 1], x[:, None, 1:, ::2], x[0, :, [0, 1]], x[:, i], x[i[0], i],
        x[:, i, i], x[i[:1], :, i], x[x > 5], x[t.tensor([True, False])],
        x[:, t.tensor([[0, 1], [2, 0]])], x[None, i[:1], :, i], x[True], x[1, ..., -1],
        x[[0, 1], [1, 2]], x[:, [True, False, True]],
        x[np.array([1, 0])], x[t.tensor(1)], x[slice(None), i.numpy()], x[()], x[...],
    )  # fmt: skip


@program
def an_index_is_out_of_bounds(t: Any) -> Any:
    t.ones(3)[5]


@program
def an_index_array_is_out_of_bounds(t: Any) -> Any:
    t.ones(3)[t.tensor([5])]


@program
def too_many_indices(t: Any) -> Any:
    t.ones(3)[0, 0]


@program
def a_float_is_no_index(t: Any) -> Any:
    t.ones(3)[1.5]


@program
def a_mask_of_another_shape(t: Any) -> Any:
    t.ones(3)[t.tensor([True, False])]


@program
def numbers_are_read_out(t: Any) -> Any:
    x = t.tensor
    return (
        int(x(3)), float(x(2.5)), list(range(x(3))), [1, 2, 3][x(1)], bool(x(0.0)), f"{x(2.5):.2f}",
        len(t.ones(3, 2)), 2 in x([1, 2]), [v.item() for v in x([1, 2])], x([[1, 2]]).tolist(),
    )  # fmt: skip


@program
def a_vector_has_no_truth(t: Any) -> Any:
    bool(t.ones(3))


@program
def a_vector_is_no_item(t: Any) -> Any:
    t.ones(3).item()


@program
def what_a_tensor_says_of_itself(t: Any) -> Any:
    x = t.ones(2, 3)
    return (
        x.numel(), x.dim(), x.ndim, list(x.size()), x.size(0), list(x.stride()), list(x.shape),
        x.is_contiguous(), x.T.is_contiguous(), x.element_size(), str(x.device), x.is_cuda,
        x.requires_grad, x.is_floating_point(), t.is_tensor(x), t.numel(x),
    )  # fmt: skip


@program
def comparing_with_none(t: Any) -> Any:
    x = t.tensor([1.0, 2.0])
    return x == None, None != x, x != "a", x == 1, x.equal(x)  # noqa: E711, SIM300


@program
def conversions(t: Any) -> Any:
    x = t.tensor([1.5, -2.0])
    return (
        x.double(), x.long(), x.int(), x.bool(), x.half(), x.to(t.float64), x.to("cpu"),
        x.to(t.device("cpu"), t.int64), x.cpu(), x.type_as(t.ones(1, dtype=t.float64)),
        x.to(x.long()),
    )  # fmt: skip


@program
def named_results(t: Any) -> Any:
    x = t.tensor([3.0, 1.0, 2.0])
    values, indices = x.max(0)
    order, top = x.sort(), t.topk(x, 2)
    return values, indices, order.values, order.indices, top.values, x.min(dim=0).indices, x.max()


@program
def deepcopy_of_a_leaf(t: Any) -> Any:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    (x * x).sum().backward()
    y = copy.deepcopy(x)
    y.data.add_(1)
    return y.detach(), y.requires_grad, x.detach(), y.is_leaf, y.grad


@program
def deepcopy_of_a_result(t: Any) -> Any:
    copy.deepcopy(t.ones(2, requires_grad=True) * 2)


@program
def a_pickle(t: Any) -> Any:
    x = t.tensor([1.0, 2.0], requires_grad=True)
    y = pickle.loads(pickle.dumps(x))
    return y.detach(), y.requires_grad, y.is_leaf


@program
def memory_is_shared_with_numpy(t: Any) -> Any:
    a = np.arange(3.0)
    x = t.from_numpy(a)
    x[0] = 7
    a[1] = 8
    x.numpy()[2] = 9
    return a.tolist(), x, np.asarray(x).tolist(), np.from_dlpack(x).tolist(), t.from_dlpack(a)


@program
def numpy_of_what_requires_grad(t: Any) -> Any:
    t.ones(2, requires_grad=True).numpy()


@program
def a_ragged_list(t: Any) -> Any:
    t.tensor([[1, 2], [3]])


@program
def integers_do_not_require_grad(t: Any) -> Any:
    t.arange(3).requires_grad_()


@program
def the_mean_of_integers(t: Any) -> Any:
    t.mean(t.arange(3))


@program
def a_dimension_out_of_range(t: Any) -> Any:
    t.sum(t.ones(2, 2), dim=5)


@program
def shapes_that_do_not_broadcast(t: Any) -> Any:
    t.ones(2, 3) + t.ones(2, 2)


@program
def shapes_that_do_not_multiply(t: Any) -> Any:
    t.ones(2, 3) @ t.ones(2, 3)


@program
def dtypes_that_do_not_multiply(t: Any) -> Any:
    t.ones(2, 3) @ t.ones(3, 2, dtype=t.float64)


@program
def a_view_that_cannot_be(t: Any) -> Any:
    t.ones(2, 3).T.view(6)


@program
def a_shape_of_another_size(t: Any) -> Any:
    t.ones(2, 3).reshape(-1, 4)


@program
def lengths_that_do_not_join(t: Any) -> Any:
    t.cat([t.ones(2, 3), t.ones(3, 2)])


@program
def unequal_shapes_do_not_stack(t: Any) -> Any:
    t.stack([t.ones(2), t.ones(3)])


@program
def a_tensor_plus_nothing(t: Any) -> Any:
    t.ones(2) + None


@program
def an_unknown_method(t: Any) -> Any:
    t.ones(2).softmacks(0)


@program
def dtypes_of_results(t: Any) -> Any:
    i, f, d, s = t.arange(3), t.ones(3), t.ones(3, dtype=t.float64), t.tensor(1.0, dtype=t.float64)
    h, u, b = t.ones(3, dtype=t.int32), t.zeros(3, dtype=t.uint8), t.tensor([True])
    return (
        i / 2, i * 2.5, i + True, f * d, f * s, i.sum(), b.sum(), t.tensor(3), t.tensor([1, 2.0]),
        t.sigmoid(i * 0), t.exp(i * 0), i**2, i**0.5, i // 2, t.full((2,), 1), t.full((2,), True),
        i < 2, t.arange(0, 1, 0.5), t.where(b, 1, 2.0), t.where(b, f, 0), u + 1, h + i, h + 5,
        t.cat([f, i]), t.stack([d, f]), t.clamp(i, 0.5), t.tensor(2.0) * s, f.half() * 2.0,
        t.cumsum(h, 0), t.prod(h), t.round(f), t.abs(i), b + 1, b + 1.0, b & b, i.sum() / 2,
        i.float() * s, t.arange(3, dtype=t.float64), t.zeros_like(i), t.ones(2, dtype=t.bool),
        -h, i % 2, i > 1.5, t.softmax(d, 0), t.maximum(i, f), t.tensor([1.0], dtype=t.float16) + f,
    )  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_ends_alike(name: str) -> None:
    ours, theirs = (outcome(PROGRAMS[name], lib) for lib in (tg, torch))
    if isinstance(theirs, Exception):
        assert isinstance(ours, type(theirs)), (ours, theirs)
    else:
        assert ours == theirs
