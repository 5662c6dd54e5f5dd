"""Show which data is used and where it is, verify it by SHA-256, or fetch it into the cache."""

from __future__ import annotations

import argparse

from tinygrad_mnist.cli.options import add_data

HELP = "show where the data is; verify it, fetch it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the action, and the folder that it is for."""
    parser.add_argument(
        "action",
        nargs="?",
        default="where",
        choices=("where", "verify", "fetch"),
        help="where: which data would be used (the default); fetch: download it into the cache, "
        "or into --data",
    )
    add_data(parser)


def run(args: argparse.Namespace) -> int:
    """Print, verify or fetch; return 1 when `verify` finds a fault, else 0."""
    from tinygrad_mnist.cli.options import image_counts
    from tinygrad_mnist.cli.show import say
    from tinygrad_mnist.data import fetch, load_mnist, verify
    from tinygrad_mnist.data.mnist import why_not_downloaded

    if args.action == "fetch":
        print(f"the four files are in {fetch(args.data)}, verified")
        return 0
    if args.action == "verify":
        report = verify(args.data)
        for name, verdict in report.items():
            print(f"{name}: {verdict}" if verdict == "ok" else verdict)
        return 0 if set(report.values()) == {"ok"} else 1
    data = load_mnist(args.data, download=False)
    say("name", data.name)
    say("images", image_counts(data))
    for line in data.source.split("; "):
        say("source", line)
    say("cache", _cache())
    if data.name == "mnist-5k-embedded" and _may_download(args.data):
        say("next", why_not_downloaded() or "the next train, evaluate or predict tries a download")
    return 0


def _cache() -> str:
    from tinygrad_mnist.data import DataError, cache_dir

    try:
        return str(cache_dir())
    except DataError as error:
        return str(error)


def _may_download(named: str | None) -> bool:
    """Tell whether no folder is named, so that a command would search and download."""
    import os

    from tinygrad_mnist.data.mnist import ENV

    return not named and not os.environ.get(ENV)
