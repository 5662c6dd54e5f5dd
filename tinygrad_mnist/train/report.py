"""The record of a run as plain data: the recipe, the data, the machine and the results."""

from __future__ import annotations

import os
import platform
from typing import Any

import numpy as np

from tinygrad_mnist import __version__
from tinygrad_mnist import blas as core
from tinygrad_mnist.data import Mnist
from tinygrad_mnist.train.checkpoint import data_summary
from tinygrad_mnist.train.loop import Trainer
from tinygrad_mnist.train.metrics import Evaluation

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_CORETYPE")


def measured_on(data: Mnist) -> str:
    """Return the test set's name in words, so that none is mistaken for MNIST's own.

    >>> from tinygrad_mnist.data import load_embedded
    >>> measured_on(load_embedded())
    "the 1,000 test images of mnist-5k-embedded (not MNIST's 10,000)"
    """
    caveat = "" if data.name == "mnist" else " (not MNIST's 10,000)"
    return f"the {len(data.test_labels):,} test images of {data.name}{caveat}"


def environment() -> dict[str, Any]:
    """Return versions, and the BLAS, cores and threads, which decide last bits and speed."""
    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return {
        "tinygrad_mnist": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": {
            "name": blas.get("name"),
            "version": blas.get("version"),
            "core": core.chosen or "its own choice",
            "core_because": core.reason,
        },
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "variables": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }


def run_record(trainer: Trainer, evaluation: Evaluation) -> dict[str, Any]:
    """Return the content of run.json: everything about a finished run, in built-in types."""
    data = trainer.data
    return {
        "recipe": trainer.recipe.to_dict(),
        "seed": trainer.recipe.seed,
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "data": {
            **data_summary(data),
            "source": data.source,
            "trained_on": len(trainer.training.labels),
            "validated_on": trainer.validated_on,
        },
        "environment": environment(),
        "threads": trainer.threads,
        "ranks": trainer.ranks.size,
        "tile_rows": None if trainer.eager else trainer.tile_rows,
        "epochs": trainer.history,
        "seconds": sum(epoch["seconds"] for epoch in trainer.history),
        "test": test_results(evaluation, data),
    }


def test_results(evaluation: Evaluation, data: Mnist) -> dict[str, Any]:
    """Return an evaluation's numbers with the name of the data they were measured on."""
    return {"data": data.name, "measured_on": measured_on(data), **evaluation.to_dict()}
