"""Write a model as another library's file; weights keep their names, or their order in h5.

An ONNX model takes `input`, rows of 784 pixels normalised as here, and gives `output`, logits.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from tinygrad_mnist.cli.main import UsageError
from tinygrad_mnist.cli.options import add_quiet, load_saved, model_file

if TYPE_CHECKING:
    from tinygrad_mnist.train import Saved

HELP = "write a model as ONNX, safetensors, h5, torch or npz"
SUFFIXES = {
    "onnx": ".onnx",
    "safetensors": ".safetensors",
    "h5": ".weights.h5",
    "torch": ".pt",
    "npz": ".npz",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model, the format, and where to write."""
    parser.add_argument("model", metavar="MODEL", help="model.pkl, or the folder that holds it")
    parser.add_argument("--to", required=True, choices=tuple(SUFFIXES), help="the format")
    parser.add_argument("--out", metavar="FILE", help="where to write (default: beside the model)")
    parser.add_argument("--overwrite", action="store_true", help="replace the file that is there")
    add_quiet(parser)


def run(args: argparse.Namespace) -> int:
    """Write the file, and print where."""
    from tinygrad_mnist.serialize.exchange import MissingExtra, Unsupported

    source = model_file(args.model)
    out = Path(args.out) if args.out else source.with_suffix(SUFFIXES[args.to])
    if out.resolve() == source.resolve():
        raise UsageError(f"--out {out}: the model itself; name another file")
    if out.exists() and not args.overwrite:
        raise UsageError(f"{out}: exists already; name another --out, or give --overwrite")
    saved = load_saved(args.model, quiet=True)
    try:
        _write(args.to, saved, out)
    except MissingExtra as error:
        raise UsageError(str(error)) from None
    except Unsupported as error:
        raise UsageError(f"{source} cannot become {args.to}: {error}") from None
    count = sum(parameter.numel() for parameter in saved.model.parameters())
    print(f"wrote   {out}: {saved.recipe.name}, {count:,} parameters, {out.stat().st_size:,} bytes")
    return 0


def _about(saved: Saved) -> dict[str, str]:
    """Return the notes on the model, for the formats that have room for them."""
    notes = {"recipe": json.dumps(saved.recipe.to_dict()), "trained_on": str(saved.data["name"])}
    if saved.results:
        notes["test_accuracy"] = str(saved.results["accuracy"])
        notes["tested_on"] = str(saved.results["data"])
    return notes


def _write(kind: str, saved: Saved, out: Path) -> None:
    from tinygrad_mnist.models.mlp import PIXELS
    from tinygrad_mnist.serialize import exchange

    if kind == "onnx":
        return exchange.save_onnx(saved.model, out, (PIXELS,), _about(saved))
    state = saved.model.state_dict()
    if kind == "safetensors":
        return exchange.save_safetensors(state, out, _about(saved))
    write = {"h5": exchange.save_h5, "torch": exchange.save_torch, "npz": exchange.save_npz}[kind]
    return write(state, out)
