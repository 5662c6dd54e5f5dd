"""detect_anomaly: which recorded call gave the first NaN gradient, and the line that made it."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.graph import Node
from tinygrad_mnist.autograd.modes import Switch, current, switch
from tinygrad_mnist.autograd.tensor import unwrap

_PACKAGE = str(Path(__file__).parents[1])


class _Anomaly:
    """A watch that keeps the lines that led to each call, and refuses a gradient with a NaN."""

    def __init__(self, *, check_nan: bool) -> None:
        self.check_nan = check_nan

    def computed(self, op: Any, args: Any, out: Any) -> None:
        """Ignore values: a NaN may be meant, as long as no gradient has one."""

    def called(self, node: Any) -> None:
        """Keep the lines that led to this call, without those of the package."""
        frames = traceback.extract_stack()
        node.trace = [frame for frame in frames if not frame.filename.startswith(_PACKAGE)]

    def gave(self, node: Any, gradient: Any, incoming: Any) -> None:
        """Raise if a rule made a NaN."""
        if not self.check_nan or gradient is None:
            return
        value, g = unwrap(gradient), unwrap(incoming)
        if not isinstance(value, np.ndarray | np.generic) or not np.isnan(value).any():
            return
        lines = [
            f"{node.name()} returned nan at index {_first_index(np.isnan(value))} of a gradient of "
            f"shape {list(value.shape)}.",
            *_incoming_lines(g),
            *(f"  it kept {what}" for what in _saved_lines(node)),
        ]
        raise RuntimeError("\n".join([*lines, _where_made(node)]))


def _incoming_lines(g: Any) -> list[str]:
    """Describe the incoming gradient: its shape, and its first NaN or infinity."""
    if not isinstance(g, np.ndarray | np.generic):  # of a Function with several outputs
        return []
    shape = f"  its incoming gradient has shape {list(g.shape)}"
    for word, odd in (("nan", np.isnan(g)), ("inf", np.isinf(g))):
        if odd.any():
            return [f"{shape} and is {word} at index {_first_index(odd)}"]
    return [f"{shape} and is finite"]


def _first_index(mask: Any) -> tuple[int, ...]:
    return tuple(int(i) for i in np.argwhere(mask)[0])


def _saved_lines(node: Node) -> list[str]:
    """Describe the arrays that the call has saved for its rules: their shapes and ranges."""
    names = (*node.op.params, "its output", *node.op.residual)
    lines = []
    for name, value in zip(names, node.saved or (), strict=False):
        if isinstance(value, np.ndarray) and value.size and value.dtype.kind == "f":
            lines.append(
                f"{name}: shape {list(value.shape)}, from {value.min():.4g} to {value.max():.4g}"
            )
    return lines


def _where_made(node: Node) -> str:
    frames = getattr(node, "trace", None)
    if not frames:
        return "The call was made before detect_anomaly was entered: enter it around the forward."
    last = frames[-1]
    calls = "".join(traceback.format_list(frames))
    return f"The call was made in {last.filename}:{last.lineno}: {last.line}\n\n{calls}"


class detect_anomaly(Switch):
    """Find the call behind a NaN gradient: enter it around forward and backward.

    The first rule that makes a NaN raises RuntimeError, which names the op, the line of the forward
    with its call, the shapes and the first bad index. Every call is several times slower inside.

    >>> import tinygrad_mnist as tg
    >>> x = tg.tensor([4.0, 0.0], requires_grad=True)
    >>> with tg.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).sum().backward()
    Traceback (most recent call last):
    RuntimeError: SqrtBackward0 returned nan at index (1,) of a gradient of shape [2].
    ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        super().__init__(watch=_Anomaly(check_nan=check_nan))


class set_detect_anomaly(Switch):
    """Turn anomaly detection on or off in this thread, at once or for a `with` block."""

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        watch = _Anomaly(check_nan=check_nan) if mode else None
        super().__init__(watch=watch)
        self._before.append(switch(current()._replace(watch=watch)))

    def __enter__(self) -> None:
        pass


def is_anomaly_enabled() -> bool:
    """Tell whether this thread looks for anomalies."""
    return isinstance(current().watch, _Anomaly)
