"""Compare runs: their results, their curves in one chart, and the settings that differ.

DIR is the folder of a finished run. The page is written into one file, for any browser.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_mnist.cli.folder import CHECKPOINT, RECORD
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import add_quiet
from tinygrad_mnist.cli.report import add_out, check_can_render, check_out, write_page

HELP = "put several runs side by side on one page"
PAGE = "comparison.html"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the folders of the runs, --out and --overwrite."""
    parser.add_argument("runs", metavar="DIR", nargs="+", help="the folder of a finished run")
    add_out(parser, f"{PAGE}, in the present folder")
    add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Print results and differences, and write the page."""
    from tinygrad_mnist.cli.show import show_table
    from tinygrad_mnist.report import render_comparison
    from tinygrad_mnist.report.compare import results, settings

    check_can_render()
    records = _records(args.runs)
    out = Path(args.out or PAGE)
    check_out(out, overwrite=args.overwrite)
    page = render_comparison(records)
    accuracy, *others = [*results(records), *settings(records)]
    rows = [accuracy, *(row for row in others if row.differs and row.name != "recipe: what")]
    show_table(["", *records], [[row.name, *row.texts] for row in rows])
    write_page(out, page)
    return 0


def _records(folders: list[str]) -> dict[str, dict[str, Any]]:
    """Read the record of each folder. Raises UsageError for fewer than two, or one without run."""
    from tinygrad_mnist.report import RecordError, read_record

    paths = {str(Path(folder)): Path(folder) for folder in folders}
    if len({path.resolve() for path in paths.values()}) < max(2, len(folders)):
        raise UsageError("compare takes at least two runs, each once")
    records = {}
    for name, folder in paths.items():
        if not folder.is_dir():
            raise UsageError(f"{folder}: no folder; name the folder of a run")
        path = folder / RECORD
        if not path.exists():
            unfinished = (folder / CHECKPOINT).exists()
            why = f"its run is not complete: --resume {folder}" if unfinished else "holds no run"
            raise UsageError(f"{folder}: has no {RECORD}: {why}")
        try:
            records[name] = read_record(path)
        except RecordError as error:
            raise UsageError(f"{error}; compare without it") from None
    return records
