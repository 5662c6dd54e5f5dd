"""Module.summary: what a model consists of, layer by layer, and what one call of it computes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.modes import Switch
from tinygrad_mnist.nn.calls import LayerCall, LayerCalls, named_tensors
from tinygrad_mnist.nn.multiply_adds import multiply_adds
from tinygrad_mnist.nn.summary_table import as_html, as_text
from tinygrad_mnist.nn.unchanged import unchanged, with_tensors, without_lazy
from tinygrad_mnist.ops import create


class Row(NamedTuple):
    """One module: what it has itself, without the modules within it."""

    path: str
    kind: str
    depth: int
    output_shape: Any  # nested as the output is; None before a call, and for what is no Tensor
    params: int
    trainable_params: int
    bytes: int  # of its Parameters and buffers
    mult_adds: int | None  # of all its calls; None without a call of the model
    calls: int | None
    same_as: str | None = None  # the path of the row with the same module
    notes: tuple[str, ...] = ()  # Parameters and buffers that a row above has counted


class Summary:
    """The rows of a model and their totals; `print` shows a table, a notebook the same in HTML."""

    def __init__(self, rows: list[Row], input_bytes: int | None, output_bytes: int | None) -> None:
        self.rows = rows
        self.input_bytes, self.output_bytes = input_bytes, output_bytes

    @property
    def total_params(self) -> int:
        """The number of elements of all Parameters; one that modules share counts once."""
        return sum(row.params for row in self.rows)

    @property
    def trainable_params(self) -> int:
        """The part of `total_params` that requires grad."""
        return sum(row.trainable_params for row in self.rows)

    @property
    def total_bytes(self) -> int:
        """The bytes of all Parameters and buffers."""
        return sum(row.bytes for row in self.rows)

    @property
    def total_mult_adds(self) -> int | None:
        """The multiply-adds of the call; None without one."""
        counts = [row.mult_adds for row in self.rows]
        return None if None in counts else sum(count or 0 for count in counts)

    def __str__(self) -> str:
        return as_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return as_html(self)


def summarize(
    module: Any, inputs: tuple[Any, ...], input_size: Any, dtypes: Any, kw: dict[str, Any]
) -> Summary:
    """Make the summary of a module, calling it if there is an input: see `Module.summary`."""
    if input_size is not None and inputs:
        raise TypeError("summary() takes inputs or input_size=, not both")
    if dtypes is not None and input_size is None:
        raise TypeError("summary(dtypes=) goes with input_size=; inputs have dtypes of their own")
    if input_size is not None:
        inputs = tuple(_zeros(input_size, dtypes))
    elif len(inputs) == 1 and type(inputs[0]) in (tuple, list):
        inputs = tuple(inputs[0])
    module = without_lazy(module)
    with unchanged(module):
        if not inputs and not kw:
            return Summary(_rows(module, None), None, None)
        return _call(module, with_tensors(inputs, copy=True), with_tensors(kw, copy=True))


def _zeros(input_size: Any, dtypes: Any) -> Iterator[Tensor]:
    """Yield a Tensor of zeros for each size."""
    sizes = list(input_size) if isinstance(input_size, tuple | list) else None
    if sizes is not None and all(_is_length(n) for n in sizes):
        sizes = [input_size]
    nested = sizes is not None and all(
        isinstance(size, tuple | list) and all(map(_is_length, size)) for size in sizes
    )
    if sizes is None or not nested:
        raise ValueError(
            "input_size is a tuple of lengths such as (64, 784), or a list of such tuples, one for "
            f"each input, not {input_size!r}"
        )
    kinds = list(dtypes) if isinstance(dtypes, tuple | list) else [dtypes] * len(sizes)
    if len(kinds) != len(sizes):
        raise ValueError(f"summary() got {len(sizes)} sizes and {len(kinds)} dtypes")
    for size, dtype in zip(sizes, kinds, strict=True):
        yield create.zeros(tuple(int(n) for n in size), dtype=dtype)


def _is_length(value: Any) -> bool:
    return not isinstance(value, bool) and hasattr(value, "__index__") and int(value) >= 0


class _Counter:
    """A watch that counts each call's multiply-adds for the module that is running."""

    def __init__(self, layers: LayerCalls) -> None:
        self.layers = layers
        self.counts: defaultdict[str, int] = defaultdict(int)

    def computed(self, op: Any, args: Any, out: Any) -> None:
        """Count a call."""
        count = multiply_adds(op, args, out)
        if count:
            self.counts[self.layers.open[-1].path if self.layers.open else ""] += count

    def called(self, node: Any) -> None:
        """Ignore that a call was recorded."""

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Ignore gradients."""


def _call(module: Any, inputs: tuple[Any, ...], kw: dict[str, Any]) -> Summary:
    """Call the module in evaluation mode, and make the rows of the call."""
    for layer in module.modules():
        layer.__dict__["training"] = False  # not by eval(), which a model may have rewritten
    layers = LayerCalls(module)
    counter = _Counter(layers)
    try:
        with layers, Switch(watch=counter):
            module(*inputs, **kw)
    except Exception as error:
        shown = [f"{t.dtype}{list(t.shape)}" for _, t in named_tensors([inputs, kw])]
        error.add_note(
            f"summary() has called {type(module).__name__} with {', '.join(shown) or 'no Tensor'}"
        )
        raise
    tensors = [tensor for _, tensor in named_tensors([inputs, kw])]
    # Calls with no call within: the outputs of the others are made of these.
    inner = [
        call for call, following in zip(layers.calls, [*layers.calls[1:], None], strict=True)
        if following is None or following.depth <= call.depth
    ]  # fmt: skip
    return Summary(
        _rows(module, (layers.calls, counter.counts)),
        sum(tensor._data.nbytes for tensor in tensors),
        sum(call.output_bytes for call in inner),
    )


def _rows(module: Any, called: tuple[list[LayerCall], dict[str, int]] | None) -> list[Row]:
    """Make one row per module, in the order in which they were assigned."""
    calls: dict[str, list[LayerCall]] = {}
    for call in called[0] if called else ():
        calls.setdefault(call.path, []).append(call)
    seen: dict[int, str] = {}  # by the id of a module, Parameter or buffer: where it came first
    rows = []
    for path, depth, layer in _walk(module, seen):
        kind = type(layer).__name__
        if layer is not module and id(layer) in seen:
            first = seen[id(layer)] or kind
            rows.append(Row(path, kind, depth, None, 0, 0, 0, 0 if called else None, None, first))
            continue
        seen[id(layer)] = path
        params, shared = _new(layer._parameters, path, seen)
        buffers, shared_buffers = _new(layer._buffers, path, seen)
        own = calls.get(path, [])
        row = Row(
            path, kind, depth,
            own[0].output if own else None,
            sum(p._data.size for p in params),
            sum(p._data.size for p in params if p.requires_grad),
            sum(t._data.nbytes for t in (*params, *buffers)),
            called[1].get(path, 0) if called else None,
            len(own) if called else None,
            notes=(*shared, *shared_buffers),
        )  # fmt: skip
        rows.append(row)
    return rows


def _walk(module: Any, seen: dict[int, str]) -> Iterator[tuple[str, int, Any]]:
    """Yield (path, depth, module) depth first; what is below a module comes once."""
    waiting = [("", 0, module)]
    while waiting:
        path, depth, layer = waiting.pop()
        is_new = id(layer) not in seen
        yield path, depth, layer
        if is_new:
            below = [(name, child) for name, child in layer._modules.items() if child is not None]
            waiting += [
                (f"{path}.{name}" if path else name, depth + 1, child)
                for name, child in reversed(below)
            ]


def _new(tensors: dict[str, Any], path: str, seen: dict[int, str]) -> tuple[list[Any], list[str]]:
    """Return the Tensors that no row above has, and a note on each of the others."""
    fresh, notes = [], []
    for name, tensor in tensors.items():
        if tensor is None:
            continue
        if id(tensor) in seen:
            notes.append(f"{name} is {seen[id(tensor)]}")
            continue
        seen[id(tensor)] = f"{path}.{name}" if path else name
        if not hasattr(type(tensor), "materialize"):
            fresh.append(tensor)
        else:
            notes.append(f"{name} has no shape yet")
    return fresh, notes
