"""Check each library's own functions, and print the calls that fail and their results.

    python -m benchmarks.census [--library torch|jax|autograd|mygrad|ours] [--only NAME,NAME]
                                [--out DIR]

A function is tried if at least one call of it has derivatives that can be compared. Where a
function has no derivative (its slopes from the left and from the right differ, or it ends there),
any result is the library's convention, and not counted.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import importlib.util
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.census.judge import DTYPE, KINDS, NONE, changes_dtype, judge, smallest
from benchmarks.census.namespaces import LIBRARIES, Entry
from benchmarks.census.points import Call


class Findings:
    """The results of one library: functions tried, and the smallest call for each fault."""

    def __init__(self, library: str) -> None:
        self.library = library
        self.tried: set[str] = set()
        self.calls = self.compared = 0
        self.wrong: dict[str, dict[str, str]] = {kind: {} for kind in KINDS}
        self.seconds = 0.0

    def look(self, entry: Entry) -> None:
        """Judge every call of one function."""
        name, function, calls = entry
        adapter = LIBRARIES[self.library][0]
        first: Call | None = None
        for call in calls:
            verdict = judge(adapter, function, call)
            if verdict is None:
                continue
            self.calls += 1
            self.compared += verdict.compared
            if verdict.compared:
                self.tried.add(name)
                first = first or call
            kind = verdict.kind
            if kind and name not in self.wrong[kind]:
                small = call if kind == NONE else smallest(adapter, function, call, kind)
                small_verdict = judge(adapter, function, small) or verdict
                self.wrong[kind][name] = (
                    f"`{spelled_call(name, function, small)}`: {small_verdict.detail}"
                )
        if first and name not in self.wrong[DTYPE]:
            wide_dtype = changes_dtype(adapter, function, first)
            if wide_dtype:
                self.wrong[DTYPE][name] = f"`{spelled_call(name, function, first)}`: {wide_dtype}"

    def row(self) -> str:
        counts = " | ".join(str(len(self.wrong[kind])) for kind in KINDS)
        return (
            f"| {self.library} {version(self.library)} | {len(self.tried)} | {self.calls:,} | "
            f"{self.compared:,} | {counts} | {self.seconds:.0f} |"
        )

    def write(self, out: Path | None) -> None:
        """Write the results into a folder."""
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            (out / f"{self.library}.md").write_text(f"{HEAD}\n{self.row()}\n{self}\n", "utf-8")

    def __str__(self) -> str:
        lines = []
        for kind in KINDS:
            if not self.wrong[kind]:
                continue
            lines += ["", f"### {self.library}: {kind}", ""]
            if kind == NONE:
                lines.append(", ".join(f"`{name}`" for name in sorted(self.wrong[kind])))
            else:
                lines += [f"- {line}" for _, line in sorted(self.wrong[kind].items())]
        return "\n".join(lines)


def version(library: str) -> str:
    name = {"ours": "tinygrad-mnist"}.get(library, library)
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def spelled_call(name: str, function: Callable[..., Any], call: Call) -> str:
    """Spell a call as code."""
    args, kw = (
        function.shown(call.args) if hasattr(function, "shown") else (call.args, call.kw)  # type: ignore[attr-defined]
    )
    parts = [spelled(x) for x in args] + [f"{k}={spelled(v)}" for k, v in kw.items()]
    return f"{name}({', '.join(parts)})"


def spelled(value: Any) -> str:
    """Spell an argument as code, on one line."""
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"zeros({value.shape})".replace(",)", ",)")
        return str(np.array2string(value, separator=", ", precision=4)).replace("\n", "")
    if isinstance(value, (list, tuple)):
        inner = ", ".join(map(spelled, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, slice):
        return f"{value.start}:{value.stop}"
    return repr(value) if not callable(value) else getattr(value, "__name__", "function")


def census(library: str, only: set[str], out: Path | None = None) -> Findings:
    """Go through a library; write the results so far after every ten names."""
    findings = Findings(library)
    start = time.perf_counter()
    names: dict[str, int] = defaultdict(int)
    for entry in LIBRARIES[library][1]():
        short = entry[0].partition(" ")[0].rpartition(".")[2]
        if only and not any(fnmatch(short, o) or fnmatch(entry[0], o) for o in only):
            continue
        names[entry[0]] += 1
        findings.look(entry)
        findings.seconds = time.perf_counter() - start
        if names[entry[0]] == 1 and len(names) % 10 == 0:
            print(f"{library}: {len(names)} names, at {entry[0]}", file=sys.stderr, flush=True)
            findings.write(out)
    findings.write(out)
    return findings


HEAD = (
    "| library | functions | calls | derivatives | " + " | ".join(KINDS) + " | s |\n"
    "|---|---|---|---|" + "---|" * len(KINDS) + "---|"
)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.census")
    parser.add_argument("--library", choices=LIBRARIES, action="append")
    parser.add_argument(
        "--only", default="", help="names with commas between them; * stands for any letters"
    )
    parser.add_argument("--out", type=Path, help="a folder for one Markdown file per library")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    only = set(filter(None, options.only.split(",")))
    print(f"{datetime.date.today()}, Python {sys.version.split()[0]}, NumPy {np.__version__}\n")
    print(HEAD)
    details = []
    for library in options.library or LIBRARIES:
        name = {"ours": "tinygrad_mnist"}.get(library, library)
        if importlib.util.find_spec(name) is None:
            print(f"| {library} is not installed |")
            continue
        findings = census(library, only, options.out)
        print(findings.row(), flush=True)
        details.append(str(findings))
    print("\n".join(details))


if __name__ == "__main__":
    main()
