"""List the recipes of `train`: what they are, and the accuracy they must reach."""

from __future__ import annotations

import argparse

HELP = "list the recipes"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes no arguments."""


def run(args: argparse.Namespace) -> int:
    """Print a row per recipe."""
    from tinygrad_mnist.cli.show import show_table
    from tinygrad_mnist.models import RECIPES

    show_table(
        ["recipe", "layers", "optimizer", "what it is", "must reach"],
        [
            [r.name, "-".join(map(str, r.layers)), r.optimizer, r.what, f"{r.floor:.1%}"]
            for r in RECIPES.values()
        ],
        left=4,
    )
    return 0
