"""The judgement of one call: the checker's verdict, of a few kinds, and the smallest such call."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.census.points import Call
from tinygrad_mnist.testing.gradients.examine import Report, examine
from tinygrad_mnist.testing.gradients.problem import Problem
from tinygrad_mnist.testing.libraries.adapter import Adapter
from tinygrad_mnist.testing.libraries.door import library_named

LARGEST = 60  # elements of all outputs

# The kinds of faults, in the order of the table's columns
WRONG, INFINITE, SHAPE, RAISES, DTYPE, NONE = KINDS = (
    "wrong", "not finite", "wrong shape", "raises", "dtype changed", "none offered",
)  # fmt: skip
NOT_OFFERED = re.compile(
    r"not implemented|not defined|not differentiable|does not support|not supported|no derivative"
    r"|[Dd]ifferentiation (rule|does not work)|JVP|ArrayBox|ndarray of object|has no callable"
    r"|does not require grad"
)


class Verdict(NamedTuple):
    """`kind` is empty where nothing is wrong; `compared` counts derivatives."""

    kind: str
    compared: int
    detail: str = ""


def judge(library: str, function: Callable[..., Any], call: Call) -> Verdict | None:
    """Check one call; None if the function refuses it, or returns nothing to differentiate."""
    adapter = library_named(library)

    def called(*args: Any) -> Any:
        returned = function(*args, **call.kw)
        return with_history(adapter, returned)

    with warnings.catch_warnings(), adapter.session(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            problem = Problem(called, call.args, adapter)
            values = problem.values()
        except Exception:
            return None
        finite = [v for v in values if v.dtype.kind == "f" and np.isfinite(v).any()]
        if any(v.dtype.kind == "c" for v in values):
            return None
        if sum(v.size for v in values) > LARGEST or (not finite and any(v.size for v in values)):
            return None
        try:
            report = examine(called, call.args, library=library)
        except Exception as error:
            return alone(library, function, call) or refusal(error)
        result = verdict(report)
        if result is not None and result.kind and detached(problem):
            return Verdict(NONE, report.entries, "the result has no history")
        return result


def with_history(adapter: Adapter, returned: Any) -> Any:
    """Return the outputs that the library differentiates, or all if there are none."""
    arrays = [x for _, x in adapter.flatten(returned)[0] if adapter.is_array(x)]
    live = [x for x in arrays if adapter.is_float(x) and adapter.is_checked(x)]
    return live or returned


def verdict(report: Report) -> Verdict | None:
    """Return the verdict by a report's first failure."""
    if not report.failures:
        return Verdict("", report.entries)
    text = report.failures[0]
    if "not deterministic" in text or "is mutated" in text:
        return None
    if "has shape" in text or "is complex" in text:
        return Verdict(SHAPE, 1, text.partition("\n")[0].partition(":")[0])
    values = re.search(r"analytic (\S+), numerical (\S+)", text)
    detail = f"came back {values[1]}, the slope is {values[2]}" if values else text.split("\n")[0]
    at = re.search(r"input index \((.*?)\)", text)
    where = re.search(r"by (input [^ ]*)", text)
    if at and where:
        detail += f" (by {where[1]}" + (f" at [{at[1].rstrip(',')}])" if at[1] else ")")
    infinite = bool(values) and not np.isfinite(float(values[1]))
    return Verdict(INFINITE if infinite else WRONG, max(report.entries, 1), detail)


def refusal(error: Exception) -> Verdict:
    """Return the verdict on a derivative that raises: it is not offered, or it is wrong."""
    message = " ".join(str(error).split())
    offered = not (isinstance(error, NotImplementedError) or NOT_OFFERED.search(message))
    return Verdict(RAISES if offered else NONE, 0, f"{type(error).__name__}: {message[:100]}")


def alone(library: str, function: Callable[..., Any], call: Call) -> Verdict | None:
    """Return the worst verdict by one argument alone, where several are differentiated by."""
    floats = [
        i for i, x in enumerate(call.args) if isinstance(x, np.ndarray) and x.dtype.kind == "f"
    ]
    if len(floats) < 2:
        return None
    verdicts = []
    for i in floats:

        def by_one(x: Any, i: int = i) -> Any:
            fixed = [
                library_named(library).from_numpy(v, v) if isinstance(v, np.ndarray) else v
                for v in call.args
            ]
            return function(*fixed[:i], x, *fixed[i + 1 :], **call.kw)

        result = judge(library, by_one, Call((call.args[i],)))
        if result is not None:
            verdicts.append(result._replace(detail=f"{result.detail} (by argument {i} alone)"))
    return max(verdicts, key=lambda v: bool(v.kind) - (v.kind == NONE) / 2, default=None)


def detached(problem: Problem) -> bool:
    """Tell whether no output has a history."""
    return not any(problem.library.is_checked(out) for out in problem.trace().outputs)


def changes_dtype(library: str, function: Callable[..., Any], call: Call) -> str:
    """Describe the gradients of a float32 call that are not float32; else return ''."""
    adapter = library_named(library)
    with warnings.catch_warnings(), adapter.session(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            problem = Problem(lambda *xs: function(*xs, **call.kw), call.args, adapter, np.float32)
            trace = problem.trace()
            outputs = [adapter.to_numpy(out) for out in trace.outputs]
            grads = problem.pulled(trace, [np.ones(out.shape, out.dtype) for out in outputs])
        except Exception:
            return ""
    wide = sorted({str(grad.dtype) for grad in grads if grad.dtype != np.float32})
    return f"float32 in, the gradient is {' and '.join(wide)}" if wide else ""


def smallest(library: str, function: Callable[..., Any], call: Call, kind: str) -> Call:
    """Make a call smaller for as long as the verdict stays of this kind."""
    tries = 12 if library == "jax" else 60  # each shape is compiled
    progress = True
    while progress and tries > 0:
        progress = False
        for simpler in simplified(call):
            tries -= 1
            result = judge(library, function, simpler)
            if result is not None and result.kind == kind:
                call, progress = simpler, True
                break
            if tries <= 0:
                break
    return call


def simplified(call: Call) -> Iterator[Call]:
    """Yield calls with shorter axes, or with rounder numbers, in one argument."""
    for i, x in enumerate(call.args):
        if not isinstance(x, np.ndarray) or x.dtype.kind != "f" or not x.size:
            continue
        for axis, n in enumerate(x.shape):
            if n > 1:
                yield replaced(call, i, np.take(x, range(n - 1), axis))
                yield replaced(call, i, np.take(x, range(1, n), axis))
        for number in (0.0, 1.0, 2.0):
            for index in np.ndindex(x.shape):
                if x[index] not in (0.0, 1.0, 2.0):
                    y = x.copy()
                    y[index] = number
                    yield replaced(call, i, y)


def replaced(call: Call, i: int, x: Any) -> Call:
    return Call((*call.args[:i], x, *call.args[i + 1 :]), call.kw)
