"""doctor: every line is there, as text and as JSON."""

import json
from collections.abc import Callable

import pytest

from tinygrad_mnist.cli import main

LINES = (
    "numpy",
    "blas",
    "blas core",
    "caches",
    "changed",
    "matrix product",
    "memory",
    "op",
    "step",
    "load",
    "advice",
)


@pytest.fixture
def doctor(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """The command in this process, with measurements so short that nobody would trust them."""
    monkeypatch.setattr("tinygrad_mnist.cli.doctor.best.__defaults__", (0.001,))
    monkeypatch.setattr("tinygrad_mnist.train.threads.SECONDS", 0.001)

    def run(*flags: str) -> str:
        assert main(["doctor", *flags]) == 0
        return capsys.readouterr().out

    return run


def test_doctor_says_what_it_found(doctor: Callable[..., str]) -> None:
    text = doctor()
    assert all(any(line.startswith(name) for line in text.splitlines()) for name in LINES)
    assert "GFLOP/s" in text and "GB/s" in text and "us (" in text


def test_doctor_as_json(doctor: Callable[..., str]) -> None:
    assert set(LINES) <= set(json.loads(doctor("--json")))


def test_doctor_times_a_step_both_ways_and_advises_by_it(monkeypatch) -> None:
    from tinygrad_mnist.cli import doctor as page

    slow, fast = [1.0] * 5, [0.5] * 5
    for name in page_variables():
        monkeypatch.delenv(name, raising=False)
    assert "nothing" in page.advice({"threads": 2}, {1: slow, 2: fast})[-1]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    assert "2 would be faster" in page.advice({"threads": 1}, {1: slow, 2: fast})[0]
    assert "nothing" in page.advice({"threads": 1}, {1: fast, 2: slow})[-1]
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert "1 would be faster" in page.advice({"threads": 2}, {1: fast, 2: slow})[0]


def page_variables() -> tuple[str, ...]:
    from tinygrad_mnist.threads import VARIABLES

    return VARIABLES
