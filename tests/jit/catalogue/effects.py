"""Effects of a function besides its results: counters, prints, attributes, exceptions, warnings."""

import contextlib
import pathlib
import tempfile
import warnings

import numpy as np

import tinygrad_mnist as tg
import tinygrad_mnist.nn.functional as F
from tests.jit.catalogue import OPTIMIZERS, case, labels, mlp, param, rows, t, training
from tests.jit.observe import attempt
from tinygrad_mnist import nn, optim


@case("effects")
def a_counter_an_append_and_a_print(jit):
    box = {"count": 0, "seen": []}

    def f(x):
        box["count"] += 1
        box["seen"].append(x.shape)
        print("call", box["count"])
        return x * 2

    f = jit(f)
    for k in range(7):
        yield f(t(*range(k % 3))), box


@case("effects")
def a_nonlocal_and_a_global(jit):
    total = 0.0

    def f(x):
        nonlocal total
        total += float(x.sum())
        return x + total

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), total


@case("effects")
def results_appended_outside(jit):
    outputs, by_name = [], {}

    def f(x):
        y = x * 2
        outputs.append(y)
        by_name[len(by_name)] = y + 1
        by_name["last"] = (y * 3)[0]

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), outputs, by_name


@case("effects")
def an_attribute_set_and_deleted(jit):
    class Holder:
        pass

    holder = Holder()

    def f(x):
        if hasattr(holder, "last"):
            old = holder.last
            del holder.last
        else:
            old = x * 0
            holder.last = x * 3
        return old + x

    f = jit(f)
    for k in range(8):
        yield f(t(k, 1)), holder


@case("effects")
def an_argument_list_that_is_filled(jit):
    def f(x, outputs, table):
        outputs.append(x + 1)
        table[len(outputs)] = x * 2
        return len(outputs)

    f, outputs, table = jit(f), [], {}
    for k in range(7):
        yield f(t(k, 1), outputs, table), outputs, table


@case("effects")
def a_warning(jit):
    def f(x):
        warnings.warn(f"shape {x.shape}", UserWarning, stacklevel=2)
        return x * 2

    f = jit(f)
    for k in range(7):
        yield f(t(*range(k % 3)))


DIVIDE = {
    "divide": lambda x: x / (x - 1),
    "log": lambda x: (x - 1).log(),
    "overflow": lambda x: (x * 100).exp(),
    "sqrt": lambda x: (x - 3).sqrt(),
    "half": lambda x: (x.half() * 60000).float(),
    "power": lambda x: (x - 1) ** -1.0,
    "cast": lambda x: (x / 0).nan_to_num(),
    "softmax of inf": lambda x: (x / 0).softmax(0),
}


@case("effects", over=DIVIDE)
def warnings_of_numpy(jit, of):
    w = param(1, 2)

    def f(x):
        y = of(w * x)
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(8):
        yield f(t(k % 4, 1)), w


@case("effects")
def warnings_that_are_errors_at_times(jit):
    w = param(1, 2)

    def f(x):
        y = (w * x).log()
        y.sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(9):
        with warnings.catch_warnings():
            if k % 3 == 2:
                warnings.simplefilter("error")
            yield attempt(f, t(k % 4, 0)), w


@case("effects")
def numpys_errors_raised_and_ignored_outside(jit):
    f = jit(lambda x: x / (x - 1))
    for k in range(12):
        with np.errstate(all=("ignore", "raise", "warn")[k % 3]):
            yield attempt(f, t(k % 2, 1))


@case("effects")
def numpys_errors_raised_and_ignored_inside(jit):
    def f(x, how):
        with np.errstate(all=how):
            y = x / (x - 1)
        return y + 1 / x

    f = jit(f)
    for k in range(12):
        yield attempt(f, t(k % 2, 1), ("ignore", "raise", "warn")[k % 3])


@case("effects")
def numpys_errors_called_back(jit):
    value_now = []
    f = jit(lambda x: x / (x - 1))
    for k in range(8):
        with np.errstate(all="call", call=lambda kind, flag: value_now.append((kind, flag))):
            yield f(t(k % 2, 1)), value_now


@case("effects")
def modules_made_inside(jit):
    made = []

    def f(x):
        layer = nn.Linear(3, 2)
        made.append(layer)
        layer(x).sum().backward()
        return layer(x).detach()

    f = jit(f)
    for k in range(7):
        yield f(rows(k)), made


@case("effects")
def parameters_and_optimizers_made_inside(jit):
    def fit(x, y):
        model = mlp()
        optimizer = optim.Adam(model.parameters(), lr=0.05)
        for _ in range(3):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
        return loss.detach(), model, optimizer

    fit = jit(fit)
    for k in range(6):
        yield fit(rows(k), labels(k))


@case("effects")
def a_file_written_and_read(jit):
    model = mlp()
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    step, saved = training(model, optimizer), []

    def f(x, y):
        loss = step(x, y)
        tg.save(model.state_dict(), folder / "model")
        saved.append((folder / "model").read_bytes())
        return loss.detach(), tg.load(folder / "model")

    f = jit(f)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for k in range(6):
            yield f(rows(k), labels(k)), saved


@case("exceptions")
def raised_by_the_function_on_some_calls(jit):
    w, calls = param(1, 2), []

    def f(x):
        calls.append(0)
        y = w * x
        if len(calls) in (2, 4, 5):
            raise KeyError("stop", len(calls))
        y.sum().backward()
        if len(calls) == 7:
            raise ZeroDivisionError
        return y.detach()

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1)), w, calls


@case("exceptions", over={"before": 0, "after backward": 1, "after the step": 2})
def raised_in_a_training_step(jit, where):
    model, calls = mlp(), []
    optimizer = optim.Adam(model.parameters(), lr=0.01)

    def check(here):
        if here == where and len(calls) % 3 == 0:
            raise RuntimeError(f"call {len(calls)}")

    def step(x, y):
        calls.append(0)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        check(0)
        loss.backward()
        check(1)
        optimizer.step()
        check(2)
        return loss.detach()

    step = jit(step)
    for k in range(10):
        yield attempt(step, rows(k), labels(k)), model, optimizer


@case("exceptions")
def that_are_not_errors(jit):
    calls, w = [], param(1, 2)

    def f(x):
        calls.append(0)
        (w * x).sum().backward()
        if len(calls) % 3 == 2:
            raise (KeyboardInterrupt, SystemExit, GeneratorExit)[len(calls) // 3](len(calls))

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1)), w


@case("exceptions")
def caught_inside(jit):
    def f(x):
        try:
            y = x.reshape(2, 2) if x[0] < 3 else x * 2
        except RuntimeError as error:
            return x * 0, str(error)
        else:
            return y, None
        finally:
            x.add_(1)

    f = jit(f)
    for k in range(7):
        x = t(k, 1)
        yield f(x), x


@case("exceptions")
def of_shapes(jit):
    model = mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(9):
        x = rows(k, (4, 2)) if k % 3 == 2 else rows(k)
        yield attempt(step, x, labels(k, 3 if k == 4 else 4)), model


@case("exceptions", over={"too large": 3, "negative": -1, "ignored": -100, "far": 1 << 40})
def a_label_out_of_range_later(jit, label):
    model = mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(9):
        y = labels(k)
        if k in (4, 7):
            y[k % 4] = label
        yield attempt(step, rows(k), y), model, y


@case("exceptions")
def labels_that_are_all_ignored(jit):
    model = mlp()
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1)))
    for k in range(8):
        y = labels(k) * 0 - 100 if k in (3, 6) else labels(k)
        yield attempt(step, rows(k), y), model


@case(
    "exceptions", over={"ignore_index": {"ignore_index": 1}, "smoothing": {"label_smoothing": 0.1}}
)
def labels_with_settings_of_the_loss(jit, settings):
    model, w = mlp(), t(0.5, 1, 2)
    loss = lambda out, y: F.cross_entropy(out, y, weight=w, **settings)  # noqa: E731
    step = jit(training(model, optim.SGD(model.parameters(), lr=0.1), loss))
    for k in range(9):
        y = labels(k)
        y[k % 4] = (1, -100, 0)[k % 3]
        if k == 5:
            w.mul_(3)
        yield attempt(step, rows(k), y), model


@case("exceptions")
def indices_out_of_range_and_negative(jit):
    w = param(1, 2, 3)

    def f(i):
        y = w[i]
        (y * y).sum().backward()
        return y.detach()

    f = jit(f)
    for k in range(9):
        yield attempt(f, tg.tensor([0, (2, -1, 3, -3, -4)[k % 5]])), w


@case("exceptions")
def a_second_backward(jit):
    w = param(1, 2)

    def f(x, twice):
        y = (w * w * x).sum()
        y.backward()
        if twice:
            y.backward()

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1), k % 3 == 2), w


@case("exceptions")
def a_second_backward_with_the_graph_retained(jit):
    w = param(1, 2)

    def f(x, times):
        y = (w * w * x).sum()
        for _ in range(times):
            y.backward(retain_graph=True)
        y.backward()

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1), k % 4), w


@case("exceptions")
def a_value_written_that_backward_needs(jit):
    w = param(1, 2)

    def f(x, spoil):
        y = w * x
        z = y.exp()
        if spoil == 1:
            z.mul_(2)
        if spoil == 2:
            with tg.no_grad():
                w.add_(1)
        if spoil == 3:
            x.add_(1)
        (z * z).sum().backward()

    f = jit(f)
    for k in range(12):
        x = t(k % 3, 1)
        yield attempt(f, x, k % 4), w, x


@case("exceptions")
def backward_of_no_scalar_and_of_no_graph(jit):
    w = param(1, 2)

    def f(x, k):
        y = w * x
        (y.sum(), y, y.detach().sum())[k].backward()

    f = jit(f)
    for k in range(9):
        yield attempt(f, t(k, 1), (0, 0, 1, 0, 2, 0, 0, 1, 0)[k]), w


@case("exceptions")
def nothing_requires_grad_at_times(jit):
    w = param(1, 2)

    def f(x):
        (w * x).sum().backward()

    f = jit(f)
    for k in range(9):
        with tg.set_grad_enabled(k % 3 != 2):
            yield attempt(f, t(k, 1)), w


@case("exceptions")
def in_the_middle_of_backward_by_a_function(jit):
    class Fragile(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            calls.append(0)
            if len(calls) % 3 == 0:
                raise ArithmeticError(len(calls))
            return g * 2

    model, calls = mlp(), []
    optimizer = optim.SGD(model.parameters(), lr=0.1)

    def step(x, y):
        optimizer.zero_grad()
        hidden = Fragile.apply(model[0](x))
        F.cross_entropy(model[2](hidden), y).backward()
        optimizer.step()

    step = jit(step)
    for k in range(9):
        yield attempt(step, rows(k), labels(k)), model


@case("exceptions")
def in_the_middle_of_a_step_by_its_state(jit):
    model = mlp()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    step, params = jit(training(model, optimizer)), list(model.parameters())
    for k in range(10):
        saved = optimizer.state[params[2]].pop("exp_avg_sq") if k in (4, 7) else None
        yield attempt(step, rows(k), labels(k)), model, optimizer.state[params[0]]["exp_avg"]
        if saved is not None:
            optimizer.state[params[2]]["exp_avg_sq"] = saved


@case("exceptions", over=OPTIMIZERS)
def in_the_middle_of_a_step_by_memory_that_is_read_only(jit, make):
    model = mlp()
    optimizer = make(model.parameters())
    step, array = jit(training(model, optimizer)), model[2].weight.detach().numpy()
    for k in range(9):
        array.flags.writeable = k not in (3, 6)
        yield attempt(step, rows(k), labels(k)), model, optimizer


@case("exceptions")
def of_wrong_arguments(jit):
    f = jit(lambda x, k=1: x * k)
    for k in range(7):
        yield f(t(k, 1)), attempt(f), attempt(f, t(1), 2, 3), attempt(f, t(1), j=2)


@case("exceptions")
def whose_traceback_holds_the_functions_locals(jit):
    outputs = []

    def f(x):
        y = x * 3
        z = y.exp()
        raise ValueError(y, z.shape)

    f = jit(f)
    for k in range(7):
        try:
            f(t(k, 1))
        except ValueError as error:
            last = error.__traceback__
            while last.tb_next:
                last = last.tb_next
            outputs.append((error, last.tb_frame.f_locals["z"]))
        yield outputs


@case("exceptions")
def chained_ones(jit):
    def f(x):
        try:
            x.reshape(7)
        except RuntimeError as error:
            error.add_note(f"sum {x.sum().item()}")
            raise ValueError("wrapped") from error

    f = jit(f)
    for k in range(7):
        try:
            f(t(k, 1))
        except ValueError as error:
            yield error, error.__cause__


@case("effects", over={"every line": "line", "every call": "call"})
def a_tracer_sees_the_functions_lines(jit, event):
    import sys

    def f(x):
        y = x * 2
        if y.sum() > 3:
            y = y + 1
        return y

    code, lines, g = f.__code__, [], jit(f)

    def trace(frame, what, arg):
        if frame.f_code is not code:
            return None
        if what == event:
            lines.append(frame.f_lineno - code.co_firstlineno)
        return trace

    for k in range(7):
        before = sys.gettrace()
        sys.settrace(trace)
        try:
            y = g(t(k, 1))
        finally:
            sys.settrace(before)
        yield y, lines


@case("effects")
def a_generator_function(jit):
    w = param(1, 2)

    def pieces(x):
        y = w * x
        yield y.detach()
        y.sum().backward()
        yield w.grad.clone()

    pieces, open_ones = jit(pieces), []
    for k in range(8):
        open_ones.append(pieces(t(k, 1)))
        first = next(open_ones[-1])
        second = next(open_ones.pop(0)) if k % 2 else None
        yield first, second, w


@case("effects")
def a_coroutine(jit):
    import asyncio

    w = param(1, 2)

    async def f(x):
        y = w * x
        await asyncio.sleep(0)
        y.sum().backward()
        return y.detach()

    f = jit(f)

    async def both(k):
        return await asyncio.gather(f(t(k, 1)), f(t(1, k)))

    def run(coroutine):
        running = asyncio._get_running_loop()  # of a browser, where a test before has opened one
        asyncio._set_running_loop(None)
        try:
            return asyncio.run(coroutine)
        finally:
            asyncio._set_running_loop(running)

    for k in range(6):
        yield run(both(k)), w


@case("effects")
def a_context_manager_made_of_a_jitted_generator(jit):
    w = param(1, 2)

    def scaled(x):
        y = w * x
        yield y
        y.sum().backward()

    scaled = contextlib.contextmanager(jit(scaled))
    for k in range(7):
        with scaled(t(k, 1)) as y:
            z = y * 2
        yield z.detach(), w


@case("effects")
def deepcopies_of_the_model_inside(jit):
    import copy

    model, outputs = mlp(), []
    step = training(model, optim.SGD(model.parameters(), lr=0.1))

    def f(x, y):
        loss = step(x, y)
        outputs.append(copy.deepcopy(model))
        return loss.detach()

    f = jit(f)
    for k in range(6):
        yield f(rows(k), labels(k)), outputs, model
