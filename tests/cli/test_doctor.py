"""doctor: every line is there, as text and as JSON."""

import json
import subprocess
import sys

LINES = (
    "numpy",
    "blas",
    "blas core",
    "caches",
    "changed",
    "matrix product",
    "memory",
    "op",
    "advice",
)


def doctor(*flags: str) -> str:
    command = [sys.executable, "-m", "tinygrad_mnist", "doctor", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_doctor_says_what_it_found() -> None:
    text = doctor()
    assert all(any(line.startswith(name) for line in text.splitlines()) for name in LINES)
    assert "GFLOP/s" in text and "GB/s" in text and "us (" in text


def test_doctor_as_json() -> None:
    assert set(LINES) <= set(json.loads(doctor("--json")))
