"""Say where the data is, verify it by its SHA-256, or fetch it into the cache."""

from __future__ import annotations

import argparse

from tinygrad_mnist.cli.options import add_data

HELP = "where the data is; verify it, fetch it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What to do with it."""
    parser.add_argument(
        "action",
        nargs="?",
        default="where",
        choices=("where", "verify", "fetch"),
        help="where: which data would be used (the default)",
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Do it; `verify` returns 1 when something is wrong."""
    from tinygrad_mnist.data import cache_dir, fetch, load_mnist, verify

    if args.action == "fetch":
        print(f"the four files are in {fetch()}, verified")
        return 0
    if args.action == "verify":
        report = verify(args.data)
        for name, verdict in report.items():
            print(f"{name}: {verdict}" if verdict == "ok" else verdict)
        return 0 if set(report.values()) == {"ok"} else 1
    data = load_mnist(args.data, download=False)
    print(f"name    {data.name}")
    print(f"images  {len(data.train_labels):,} train / {len(data.test_labels):,} test")
    print(f"source  {data.source}")
    print(f"cache   {cache_dir()}")
    return 0
