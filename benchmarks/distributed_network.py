"""Train two ranks over a bad network, made of two network namespaces: delay, loss, both.

    sudo python -m benchmarks.distributed_network [--recipe mlp-10] [--epochs 2]

Linux and root alone. Each namespace has a TUN device, and this program carries the packets between
them: each waits for the delay, and some are lost; TCP sends those again. `mpiexec` starts one rank
in each namespace, and MPI speaks TCP through the devices. The weights must come out as on one rank.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tinygrad_mnist.data import load_embedded
from tinygrad_mnist.distributed.group import find_mpiexec
from tinygrad_mnist.models import RECIPES
from tinygrad_mnist.train import fit, load_model

SPACES = ("tg-rank-0", "tg-rank-1")
HOSTS = ("10.77.0.1", "10.77.0.2")
TUNSETIFF, IFF_TUN_WITHOUT_HEADER = 0x400454CA, 0x0001 | 0x1000
# One node per rank, and no shortcut through shared memory: what leaves a rank is TCP.
ENVIRONMENT = {"UCX_TLS": "tcp,self", "MPIR_CVAR_NOLOCAL": "1", "OPENBLAS_NUM_THREADS": "1"}


class Weather(NamedTuple):
    """The state of the network."""

    delay: float
    """Seconds that each packet takes, one way."""
    loss: float
    """The share of packets that are lost."""


WEATHERS = (Weather(0, 0), Weather(0.001, 0), Weather(0.001, 0.01), Weather(0.01, 0.01))


def tun_in(space: str) -> int:
    """Return the descriptor of a TUN device in a namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/self/ns/net") as home, open(f"/run/netns/{space}") as other:
        if libc.setns(other.fileno(), 0):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"tun-rank", IFF_TUN_WITHOUT_HEADER))
        finally:
            libc.setns(home.fileno(), 0)
    return device


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def network(weather: Weather) -> Iterator[list[int]]:
    """Make two namespaces and carry packets between them; yield the packets carried and lost."""
    over, counts = threading.Event(), [0, 0]
    for space in SPACES:
        subprocess.run(["ip", "netns", "del", space], stderr=subprocess.DEVNULL)
        ip("netns", "add", space)
    try:
        devices = [tun_in(space) for space in SPACES]
        for space, host in zip(SPACES, HOSTS, strict=True):
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "addr", "add", f"{host}/24", "dev", "tun-rank")
            ip("-n", space, "link", "set", "tun-rank", "up")
        thread = threading.Thread(target=carry, args=(devices, weather, over, counts))
        thread.start()
        try:
            yield counts
        finally:
            over.set()
            thread.join()
            for device in devices:
                os.close(device)
    finally:
        for space in SPACES:
            ip("netns", "del", space)


def carry(
    devices: Sequence[int], weather: Weather, over: threading.Event, counts: list[int]
) -> None:
    """Carry packets from each device to the other, late, and not all of them."""
    waiting: list[tuple[float, int, int, bytes]] = []
    chance, number = random.Random(0), 0
    while not over.is_set():
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else 0.05
        for device in select.select(devices, [], [], pause)[0]:
            packet = os.read(device, 65536)
            is_lost = chance.random() < weather.loss
            counts[is_lost] += 1
            if not is_lost:
                target = devices[1 - devices.index(device)]
                heapq.heappush(waiting, (time.monotonic() + weather.delay, number, target, packet))
            number += 1
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(waiting)
            with contextlib.suppress(BlockingIOError):
                os.write(target, packet)


def launcher(folder: Path) -> Path:
    """Write the program by which mpiexec starts the rank of the other host."""
    path = folder / "launcher"
    cases = " ".join(f"{h}) space={s};;" for s, h in zip(SPACES, HOSTS, strict=True))
    path.write_text(
        '#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nhost=$1; shift\n'
        f'case $host in {cases} esac\nexec ip netns exec $space sh -c "$*"\n'
    )
    path.chmod(0o755)
    return path


def train(folder: Path, recipe: str, epochs: int) -> float:
    """Train on two ranks, one in each namespace; return the seconds."""
    out = folder / "run"
    shutil.rmtree(out, ignore_errors=True)
    command = [
        "ip", "netns", "exec", SPACES[0], find_mpiexec() or "mpiexec", "-launcher", "ssh",
        "-launcher-exec", str(launcher(folder)), "-iface", "tun-rank", "-localhost", "10.77.0.99",
        "-hosts", ",".join(HOSTS), "-n", "2", "-ppn", "1", sys.executable, "-m", "tinygrad_mnist",
        "train", recipe, "--epochs", str(epochs), "--data", "embedded", "--out", str(out),
    ]  # fmt: skip
    start = time.monotonic()
    subprocess.run(
        command, check=True, env={**os.environ, **ENVIRONMENT}, stdout=subprocess.DEVNULL
    )
    return time.monotonic() - start


def main(arguments: Sequence[str] | None = None) -> int:
    """Train in each weather, and print how far the weights are from those of one rank."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="mlp-10", choices=list(RECIPES))
    parser.add_argument("--epochs", type=int, default=2)
    args = parser.parse_args(arguments)
    alone = fit(RECIPES[args.recipe].replace(epochs=args.epochs), load_embedded()).model
    print("| delay, one way | packets lost | packets carried | seconds | from one rank |")
    print("|---|---|---|---|---|")
    for weather in WEATHERS:
        with tempfile.TemporaryDirectory() as name, network(weather) as counts:
            seconds = train(Path(name), args.recipe, args.epochs)
            model = load_model(Path(name) / "run" / "model.pkl").model
        pairs = zip(model.parameters(), alone.parameters(), strict=True)
        arrays = [(a.detach().numpy(), b.detach().numpy()) for a, b in pairs]
        error = max(np.linalg.norm(a - b) / np.linalg.norm(b) for a, b in arrays)
        print(
            f"| {1e3 * weather.delay:g} ms | {counts[1]} ({weather.loss:.0%}) | {counts[0]} | "
            f"{seconds:.1f} | {error:.0e} |",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
