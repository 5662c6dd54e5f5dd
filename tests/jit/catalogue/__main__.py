"""Count how a form of jit does: `python -m tests.jit.catalogue [--eager | --pure] [a word]`.

Prints each case that is not as eager in one line: "differs" (silently), or "raises" where eager
does not; with --quiet the counts alone.
"""

import argparse
import collections
import functools

import tinygrad_mnist as tg
from tests.jit.catalogue import CASES
from tests.jit.observe import HOW, difference, watch


def eager(function):
    return function


def verdict(steps, jit):
    """Return how the jitted run compares with the eager one, and where it differs."""
    last = None
    for how in HOW:
        expected = watch(steps(eager), how, last)
        try:
            actual = watch(steps(jit), how, last)
        except BaseException as error:
            return "raises", f"{type(error).__name__}: {error}"
        where = difference(expected, actual)
        if where:
            return ("raises" if "Raised" in where else "differs"), f"looked at {how}: {where}"
        last = last or len(expected) - 2
    return "equal", ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--eager", action="store_true")
    parser.add_argument("--pure", action="store_true")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("name", nargs="?", default="")
    chosen = parser.parse_args()
    jit = functools.partial(tg.jit, pure=True) if chosen.pure else tg.jit
    jit = eager if chosen.eager else jit
    counts = collections.defaultdict(collections.Counter)
    for name, steps in CASES.items():
        if chosen.name not in name:
            continue
        how, why = verdict(steps, jit)
        counts[name.split(":")[0]][how] += 1
        if how != "equal" and not chosen.quiet:
            print(f"{how}  {name}\n    {' '.join(why.split())[:400]}", flush=True)
    for kind, actual in counts.items():
        print(f"{kind:32} {dict(actual)}")
    print(f"{'all':32} {dict(sum(counts.values(), collections.Counter()))}")


if __name__ == "__main__":
    main()
