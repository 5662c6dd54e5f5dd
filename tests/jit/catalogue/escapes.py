"""Ways in which results leave the function: none of the results may be overwritten later."""

import weakref

import numpy as np

import tinygrad_mnist as tg
from tests.jit.catalogue import case, mlp, param, rows, t
from tinygrad_mnist import nn


class Holder:
    """Keeps every value that it is passed."""

    def __init__(self, value):
        self.value = value


class Interface:
    """An array that knows its memory by the array interface alone."""

    def __init__(self, array):
        self._array, self.__array_interface__ = array, array.__array_interface__


WAYS = {
    "itself": lambda y: y,
    "detach": lambda y: y.detach(),
    "data": lambda y: y.data,
    "an item": lambda y: y.detach()[0],
    "a slice": lambda y: y.detach()[1:],
    "transposed": lambda y: y.detach().T,
    "reshaped": lambda y: y.detach().reshape(-1),
    "expanded": lambda y: y.detach()[:1, None].expand(1, 5, y.shape[-1]),
    "numpy": lambda y: y.detach().numpy(),
    "a slice of numpy": lambda y: y.detach().numpy()[1:],
    "numpy transposed": lambda y: y.detach().numpy().T,
    "numpy reshaped": lambda y: y.detach().numpy().reshape(-1),
    "numpy broadcast": lambda y: np.broadcast_to(y.detach().numpy(), (2, *y.shape)),
    "numpy as bytes": lambda y: y.detach().numpy().view(np.uint8),
    "numpy diagonal": lambda y: y.detach().numpy().diagonal(),
    "np.split": lambda y: np.split(y.detach().numpy(), 2),
    "memoryview": lambda y: memoryview(y.detach().numpy()),
    "a part of a memoryview": lambda y: memoryview(y.detach().numpy().reshape(-1))[3:],
    "frombuffer": lambda y: np.frombuffer(y.detach().numpy().reshape(-1).data, np.float32),
    "dlpack": lambda y: np.from_dlpack(y),
    "tg.from_dlpack": lambda y: tg.from_dlpack(y.detach().numpy()),
    "the array interface": lambda y: np.asarray(Interface(y.detach().numpy())),
    "sliding windows": lambda y: np.lib.stride_tricks.sliding_window_view(
        y.detach().numpy().reshape(-1), 4
    ),
    "flat": lambda y: y.detach().numpy().flat[2:5],
    "a closure": lambda y: lambda: y,
    "an object": lambda y: Holder(y),
    "a structured view": lambda y: y.detach().numpy().view([("a", "f4")]),
    "matrix": lambda y: np.ma.masked_array(y.detach().numpy(), copy=False),
}  # fmt: skip
OPS = {
    "an activation": lambda m, x: m[1](m[0](x)),
    "a product": lambda m, x: x @ m[0].weight.detach().T,
    "a sum": lambda m, x: (x * 2).sum(0, keepdim=True) + tg.zeros(4, 1),
}


def seen(outputs):
    return [way() if callable(way) and not isinstance(way, nn.Module) else way for way in outputs]


@case("escapes", over=WAYS)
def into_a_list_on_the_way(jit, way):
    model, outputs = mlp(), []

    def f(x):
        hidden = model[0](x)
        outputs.append(way(hidden))
        outputs.append(way(hidden.relu()))
        out = model[2](hidden.relu())
        outputs.append(way(out * 2))
        loss = out.square().sum()
        loss.backward()
        outputs.append(way(loss.reshape(1, 1).expand(4, 3) + 0))

    f = jit(f)
    for k in range(8):
        f(rows(k))
        yield seen(outputs)
        if k % 3 == 2:
            del outputs[::2]


@case("escapes", over=WAYS)
def as_the_result(jit, way):
    w, outputs = param(1, 2, 3), []
    f = jit(lambda x: way((w * x).exp()))
    for k in range(8):
        outputs.append(f(rows(k)))
        yield seen(outputs)
        if k % 3 == 2:
            del outputs[::2]


@case("escapes", over=OPS)
def and_is_let_go_later(jit, op):
    """Memory may be used again only when the last holder is gone, in any order."""
    model, outputs = mlp(), {}

    def f(x, k):
        outputs[k] = op(model, x)
        outputs[k, "view"] = outputs[k].detach().numpy()[1:]
        return outputs[k] + 1

    f = jit(f)
    for k in range(12):
        y = f(rows(k), k)
        if k > 3:
            outputs.pop(k - 3), outputs.pop((k - 4, "view"), None)
        yield y, outputs


@case("escapes")
def through_ctx_of_a_function(jit):
    outputs = []

    class Double(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            ctx.mine = x
            outputs.append(x)
            return x * 2

        @staticmethod
        def backward(ctx, g):
            outputs.extend([g, *ctx.saved_tensors, ctx.mine])
            return g * 2

    w = param(1, 2)

    def f(x):
        (Double.apply(w * x) * w).sum().backward()

    f = jit(f)
    for k in range(7):
        yield f(t(k, 1)), outputs, w


@case("escapes")
def through_hooks_of_modules(jit):
    model, outputs = mlp(), []
    model[1].register_forward_hook(lambda m, args, out: outputs.append((args, out)))
    model[2].register_forward_pre_hook(lambda m, args: outputs.append(args))
    model[0].register_full_backward_hook(lambda m, gi, go: outputs.append((gi, go)))
    f = jit(lambda x: model(x).square().sum().backward())
    for k in range(7):
        yield f(rows(k)), outputs


@case("escapes")
def through_hooks_of_tensors_as_arrays(jit):
    w, outputs = param(1, 2, 3), []

    def f(x):
        y = w * x
        y.register_hook(lambda g: outputs.append(g.numpy()[1:]))
        (y.exp() * y).sum().backward()

    w.register_hook(lambda g: outputs.append(g.numpy().reshape(1, 3)))
    f = jit(f)
    for k in range(7):
        yield f(rows(k) / 4), outputs


@case("escapes")
def through_a_generator_that_stays_open(jit):
    def halves(y):
        yield y[:2]
        yield y[2:]

    def f(x):
        pieces = halves(x * 3)
        next(pieces)
        return pieces

    f, open_ones = jit(f), []
    for k in range(8):
        open_ones.append(f(rows(k)))
        yield next(open_ones.pop(0)) if k > 2 else None


@case("escapes")
def through_an_exception_that_is_kept(jit):
    outputs = []

    def f(x):
        y = x * 3
        raise ValueError(y)

    f = jit(f)
    for k in range(7):
        try:
            f(rows(k))
        except ValueError as error:
            outputs.append(error.with_traceback(None))
        yield outputs


@case("escapes")
def through_a_weak_dictionary_and_a_finalizer(jit):
    last = []

    def f(x):
        y = x * 3
        weakref.finalize(y, last.append, y.numpy()[0])
        return y + 1

    f = jit(f)
    for k in range(7):
        yield f(rows(k)), last


@case("escapes")
def through_autograd_grad(jit):
    w, outputs = param(1, 2, 3), []

    def f(x):
        y = (w * x).exp().sum()
        outputs.append(tg.autograd.grad(y, w, retain_graph=True))
        outputs.append(tg.autograd.grad(y, w)[0].numpy()[1:])

    f = jit(f)
    for k in range(7):
        yield f(rows(k) / 4), outputs


@case("escapes")
def only_on_some_calls(jit):
    model, outputs = mlp(), []

    def f(x, keep):
        hidden = model[0](x)
        if keep:
            outputs.append(hidden.detach().numpy()[1:])
        return model[2](hidden.relu()).detach()

    f = jit(f)
    for k in range(12):
        yield f(rows(k), k in (4, 5, 9)), outputs


@case("escapes")
def into_another_thread(jit):
    import queue
    import threading

    asked, value_now = queue.Queue(), []

    def work():
        while (y := asked.get()) is not None:
            value_now.append(y.clone())
            asked.task_done()

    worker = threading.Thread(target=work)
    worker.start()

    def f(x):
        y = x * 3
        asked.put(y)
        return y + 1

    f = jit(f)
    for k in range(7):
        y = f(rows(k))
        asked.join()
        yield y, value_now
    asked.put(None)
    worker.join()
