"""Write the report of a trained model: one page of HTML, for any browser, without a network.

It shows the run, its curves, mistakes and weights, and has a pad to draw a digit on. `train`
writes it, too.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.cli.folder import RECORD, REPORT
from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import add_data, add_quiet, load_data, load_saved, model_file

if TYPE_CHECKING:
    from tinygrad_mnist.train import Saved

HELP = "write a page that shows a model and its run"
NEEDS = "needs Jinja2; pip install 'tinygrad-mnist[cli]'"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, where to write, and the data to test on."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    add_out(parser, f"{REPORT} beside the model")
    add_data(parser)
    add_quiet(parser)


def add_out(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --out and --overwrite."""
    parser.add_argument("--out", metavar="FILE", help=f"where to write (default: {default})")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace a file that is no page of this command"
    )


def run(args: argparse.Namespace) -> int:
    """Test the model, write the page and print where."""
    from tinygrad_mnist.report import Run, render_report
    from tinygrad_mnist.train import evaluate

    check_can_render()
    source = model_file(args.model)
    out = Path(args.out) if args.out else source.with_name(REPORT)
    check_out(out, overwrite=args.overwrite)
    saved = load_saved(args.model)
    record = record_of(source, saved)
    data = load_data(args.data if args.data is not None else _named_data(saved))
    evaluation = evaluate(saved.model, saved.recipe, data.test_images, data.test_labels)
    if record:
        epochs = record["epochs"]
    else:
        epochs = (saved.training or {}).get("history", [])
        print(f"no {RECORD} beside the model: the report will lack what only that says of the run")
    made = Run(saved.model, saved.recipe, data, evaluation, record, epochs)
    write_page(out, render_report(made))
    return 0


def _named_data(saved: Saved) -> str | None:
    """Return the --data that a model was trained on, if the file records it."""
    if saved.data.get("name") == "mnist-5k-embedded":
        return "embedded"
    option = saved.data.get("given")
    return option if isinstance(option, str) else None


def record_of(model: Path, saved: Saved) -> dict[str, Any] | None:
    """Read the run.json beside a model; None without one, and for a checkpoint.

    Raises UsageError for one that is damaged, or of another run.
    """
    from tinygrad_mnist.report import RecordError, read_record

    path = model.with_name(RECORD)
    if saved.training is not None or not path.exists():
        return None
    try:
        record = read_record(path)
    except RecordError as error:
        raise UsageError(f"{error}; remove it, and the report does without it") from None
    own = saved.recipe.to_dict()
    recipe = {name: _as_tuple(value) for name, value in record["recipe"].items()}
    if {**own, **recipe} != own or record["test"].get("accuracy") != _accuracy(saved):
        raise UsageError(f"{path}: the record of another run than {model.name}'s; remove it")
    return record


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _accuracy(saved: Saved) -> Any:
    return saved.results["accuracy"] if saved.results else None


def check_can_render() -> None:
    """Raise UsageError where Jinja2 is not installed."""
    from tinygrad_mnist.report import can_render

    if not can_render():
        raise UsageError(f"a report {NEEDS}")


def check_out(out: Path, *, overwrite: bool) -> None:
    """Raise UsageError for a path that the page must not replace: a folder, or another file."""
    from tinygrad_mnist.report.page import MARK

    if out.is_dir():
        raise UsageError(f"{out}: a folder; name a file")
    if not out.parent.is_dir():
        raise UsageError(f"{out.parent}: no such folder; make it first")
    if overwrite or not out.exists() or out.stat().st_size == 0:
        return
    with open(out, "rb") as file:
        if MARK.encode() not in file.read(1000):
            raise UsageError(f"{out}: exists, and is no report; name another --out, or --overwrite")


def write_page(out: Path, page: str) -> None:
    """Write a page whole or not at all, and print where."""
    from tinygrad_mnist.cli.show import say
    from tinygrad_mnist.files import atomic_write

    content = page.encode()
    atomic_write(out, content)
    say("wrote", f"{out}: {len(content):,} bytes; open it in a browser")
