"""Arguments and settings that are equal but not the same; arrays that are the same, or not."""

import math
import warnings

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import case, param, rows, t
from tests.jit.observe import attempt

NUMBERS = {
    "zeros": [0.0, -0.0, 0.0, -0.0, 0, False, -0.0],
    "ones": [1, True, 1.0, 1, np.float32(1), np.float64(1), np.int64(1)],
    "twos": [2, 2.0, np.float64(2), np.float32(2), np.int8(2), np.uint64(2), 2.0],
    "nan": [math.nan, 1.0, math.nan, float("nan"), np.float64("nan"), math.inf, -math.inf],
    "large": [2**24, 2**24 + 1, 2.0**53, 2**53 + 1, 10**30, 16777217.0, 2**62],
    "small": [1e-45, 5e-324, -1e-45, 1e-8, 0.1, np.float32(0.1), np.float64(0.1)],
    "signs": [1.0, -1.0, 1.0, -1.0, 1.0, -1, 1],
    "strings": [1.5, 1.5, 2.5, 1.5, 2.5, 1.5, 2.5],
}
USES = {
    "x * k": lambda x, k: x * k,
    "k - x": lambda x, k: k - x,
    "x / k": lambda x, k: x / k,
    "x ** k": lambda x, k: x.abs() ** k,
    "maximum": lambda x, k: tg.maximum(x, tg.tensor(k)),
    "clamp": lambda x, k: (x * 0).clamp(min=k),
    "fill_": lambda x, k: tg.zeros(2).fill_(k),
    "where": lambda x, k: tg.where(x > 0, x, k),
    "x[0] = k": lambda x, k: x.clone().index_fill(0, tg.tensor([0]), k),
    "tensor": lambda x, k: tg.tensor([k, k]),
    "compare": lambda x, k: (x >= k, x == k),
    "integers": lambda x, k: x.int() * k,
}


@case("numbers", over={f"{u}, {n}": (USES[u], NUMBERS[n]) for u in USES for n in ("zeros", "ones")})
def as_arguments(jit, case):
    use, numbers = case
    f = jit(lambda x, k: use(x, k))
    with np.errstate(all="ignore"):
        for k in [*numbers, *numbers]:
            yield attempt(f, t(3, -0.0), k)


@case(
    "numbers", over={n: NUMBERS[n] for n in ("twos", "nan", "large", "small", "signs", "strings")}
)
def as_arguments_of_a_step(jit, numbers):
    w = param(1, -2)

    def f(x, k, *, j=1.0):
        y = w * x * k + j
        y.sum().backward()
        return y.detach()

    f = jit(f)
    with np.errstate(all="ignore"):
        for k in [*numbers, *numbers]:
            yield attempt(f, t(3, 0), k), attempt(f, t(3, 0), 1.0, j=k), w


@case("numbers", over=NUMBERS)
def read_from_a_list_around(jit, numbers):
    w, holder = param(1, -2), [0]

    def f(x):
        y = w * x * holder[0]
        y.sum().backward()
        return y.detach(), 1 / (x * 0 + holder[0])

    f = jit(f)
    with np.errstate(all="ignore"):
        for k in [*numbers, *numbers]:
            holder[0] = k
            yield attempt(f, t(3, 0)), w


SETTINGS = {
    "an index": (lambda x, s: x[s], [1, True, 1, False, 0, (1,), (True,), (0,)]),
    "None and 0": (lambda x, s: x[s], [None, 0, (None, 0), (0, None), ..., (..., 0), None, 0]),
    "slices": (
        lambda x, s: x[s],
        [slice(2), slice(0, 2), slice(None, None, 2), slice(2, None), slice(-2, None), slice(2)],
    ),
    "a list or a tuple": (lambda x, s: x[s], [[0, 1], (0, 1), [[0, 1]], (0, 1), [0, 1], [1, 0]]),
    "an array": (  # which the jit gives as a Tensor, as docs/jit.md says
        lambda x, s: x[tg.as_tensor(s)],
        [np.array([0, 1]), np.array([1, 1]), np.array([True, False])],
    ),
    "dim": (lambda x, s: x.sum(s), [0, 1, -1, None, (0, 1), (1, 0), [0], (0,), 1, -2]),
    "keepdim": (lambda x, s: x.sum(0, keepdim=s), [False, True, 0, 1, False, True]),
    "dtype": (lambda x, s: x.to(s), ["float64", np.float64, tg.float32, "float16", ">f4", "<f4"]),
    "a shape": (lambda x, s: x.reshape(s), [(2, 2), [2, 2], (4,), -1, (1, -1), (2, 2), (4, 1)]),
    "ord": (lambda x, s: x.norm(s), [2, 2.0, 1, math.inf, True, "fro", 2]),
    "reduction": (lambda x, s: F.mse_loss(x, x + 1, reduction=s), ["mean", "sum", "none", "mean"]),
    "correction": (lambda x, s: x.var(0, correction=s), [0, 1, 0, True, False, 1]),
    "eps": (lambda x, s: F.layer_norm(x, (2,), eps=s), [1e-5, 1e-3, 0.0, -0.0, 1e-5, 1e-3]),
    "descending": (lambda x, s: x.sort(0, descending=s), [False, True, 0, 1, False, True]),
    "k": (lambda x, s: x.topk(s, 0), [1, 2, 1, True, 2, 1]),
    "p of dropout": (lambda x, s: F.dropout(x, s), [0.5, 0.2, 0.0, 1.0, 0, 1, 0.5]),
    "shifts": (lambda x, s: x.roll(s, 0), [0, 1, -1, 2, True, 1]),
    "an equation": (
        lambda x, s: tg.einsum(s, x, x),
        ["ij,jk->ik", "ij,ij->i", "ij,ij", "ij,jk->ik"],
    ),
    "a mask": (lambda x, s: x[s], [tg.eye(2) > 0, tg.ones(2, 2) > 0, tg.zeros(2, 2) > 0]),
    "repeats": (lambda x, s: x.repeat(s), [(1, 2), (2, 1), [1, 2], (1, 1), (2, 2), (1, 2)]),
    "pad": (lambda x, s: F.pad(x, s), [(1, 0), (0, 1), (1, 1), (0, 0), (1, 0), (0, 1)]),
}


@case("settings", over=SETTINGS)
def that_change_and_are_equal_at_times(jit, case):
    use, settings = case
    w = param(1, -2)
    f = jit(lambda x, s: use(w * x, s))
    g = jit(lambda x: use(w * x, holder[0]))
    for k, s in enumerate([*settings, *settings]):
        holder = [s]
        x = rows(k % 2, (2, 2))
        yield attempt(f, x, s), attempt(g, x)


@case("settings")
def a_list_that_is_changed_in_place(jit):
    size, dims, key = [2, 3], [0], [0, 1]

    def f(x):
        return x.reshape(size).sum(dims), x[key]

    f = jit(f)
    for k in range(8):
        size[:] = (2, 3) if k % 2 else (3, 2)
        dims[:] = [k // 4]
        key[0] = k % 3
        yield f(rows(k, (6,)))


@case("settings")
def an_index_array_that_is_changed_in_place(jit):
    key, mask = np.array([0, 1]), np.array([True, False, True])
    f = jit(lambda x: (x[key], x[mask], x[tg.from_numpy(key)]))
    for k in range(7):
        key[0], mask[k % 3] = k % 3, k % 2 == 0
        yield f(t(k, 1, 2))


ARRAYS = {
    "shape": lambda a: setattr(a, "shape", (3, 2) if a.shape == (2, 3) else (2, 3)),
    "dtype": lambda a: setattr(a, "dtype", np.int32 if a.dtype == np.float32 else np.float32),
    "values": lambda a: a.__imul__(2),
    "bytes": lambda a: a.byteswap(inplace=True),
    "sort": lambda a: a.sort(axis=0),
    "writeable": lambda a: a.setflags(write=not a.flags.writeable),
}  # fmt: skip


@case("one array", over=ARRAYS)
def that_is_changed_in_place_between_calls(jit, change):
    """The same object, and yet another array."""
    array, w = np.arange(1, 7, dtype=np.float32).reshape(2, 3).copy(), param(2)
    x = tg.from_numpy(array)

    def f():
        y = x.float() * w
        y.sum().backward()
        return y.detach(), x.sum(0), x.reshape(-1)[1:] * 1

    f = jit(f)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for k in range(9):
            if k in (3, 5, 6):
                attempt(change, array)
            yield attempt(f), w, x


@case("one array")
def that_is_resized_in_place_between_calls(jit):
    array = np.arange(4, dtype=np.float32)
    x = tg.from_numpy(array)
    f = jit(lambda: (x * 2, x[1:] + 1, x.sum()))
    for k in range(8):
        if k in (3, 5):
            array.resize(4 + 1000 * k, refcheck=False)
        yield f(), x


@case("one array")
def ids_that_come_again(jit):
    """Arrays made and dropped in each call often get the id of the one before."""

    def f(x, n):
        for k in range(3):
            a = tg.from_numpy(np.full((n, 2), k + n, np.float32))
            x = x + a.sum()
            del a
        return x

    f = jit(f)
    for k in range(9):
        yield f(t(k, 1), 1 + k % 3)


@case("one array")
def constants_made_anew_in_each_call(jit):
    w = param(1, 2)

    def f(x, k):
        c = tg.tensor([float(k), 2.0])
        ones, hot = tg.ones(2) * k, F.one_hot(tg.tensor([k % 2]), 2)[0]
        y = (w * x * c + tg.arange(2) * hot) / ones
        y.sum().backward()
        return y.detach(), c

    f = jit(f)
    for k in range(1, 9):
        yield f(t(k, 1), k), w


@case("one array")
def two_tensors_on_it(jit):
    array = np.ones(2, np.float32)
    a, b = tg.from_numpy(array), tg.from_numpy(array)
    b.requires_grad_()
    f = jit(lambda x: (a * x + b * x).sum())
    for k in range(8):
        if k == 4:
            a, b = b, a
        loss = f(t(k, 1))
        loss.backward()
        yield loss, a, b


@case("order of calls", over={"swapped": 0, "left out": 1, "doubled": 2})
def that_changes_with_equal_shapes(jit, how):
    a, b, x_of = param(1, 2), param(3, 4), [0]

    def f(x):
        first, second = (a, b) if x_of[0] % 3 else (b, a)
        y = (first * x).tanh()
        z = y * second if how != 1 or x_of[0] % 3 else y
        if how == 2 and x_of[0] % 3 == 0:
            z = z * second
        z.sum().backward()
        return z.detach()

    f = jit(f)
    for k in range(10):
        x_of[0] = k
        yield f(t(k, 1) / 3), a, b


@case("order of calls")
def the_last_ops_only_differ(jit):
    w = param(1, 2)

    def f(x, k):
        y = (w * x).exp().log().tanh() * 2
        y = (tg.sin, tg.cos, lambda y: y)[k](y)
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(12):
        yield f(t(k, 1) / 3, (0, 0, 0, 1, 0, 1, 2, 2, 0, 1, 2, 0)[k]), w


@case("order of calls")
def the_same_op_on_other_results(jit):
    def f(x, k):
        a, b = x + 1, x + 2
        c = (a, b)[k] * 3
        return c, (b, a)[k] - c

    f = jit(f)
    for k in range(10):
        yield f(t(k, 1), (0, 0, 0, 1, 1, 0, 1, 0, 0, 1)[k])


@case("order of calls")
def loops_of_other_lengths(jit):
    w = param(0.5, 0.25)

    def f(x, n):
        for _ in range(n):
            x = (x * w).tanh()
        x.sum().backward()
        return x.detach()

    f = jit(f)
    for n in (2, 2, 2, 3, 2, 1, 5, 3, 3, 4, 2):
        yield f(t(n, 1), n), w


@case("order of calls")
def the_backward_in_another_place(jit):
    a, b = param(1, 2), param(3, 4)

    def f(x, k):
        loss = (a * x).sum()
        if k == 0:
            loss.backward()
        other = (b * x * a).sum()
        if k == 1:
            loss.backward()
        other.backward()
        if k == 2:
            loss.backward()

    f = jit(f)
    for k in range(12):
        yield f(t(k, 1), (0, 0, 0, 1, 1, 2, 0, 2, 2, 1, 3, 0)[k]), a, b


@case("order of calls")
def results_dropped_and_recomputed(jit):
    def f(x, k):
        y = x * 2
        if k % 3 == 2:
            del y
            y = x * 2
        z = x * 2
        return y + z, y

    f = jit(f)
    for k in range(9):
        yield f(t(k, 1), k)
