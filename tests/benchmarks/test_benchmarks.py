"""Each benchmark runs, at the smallest size; what it measures is for people to judge."""

import json

import pytest

from benchmarks import steps


def test_steps_compares_losses_and_writes_what_it_measured(tmp_path, capsys):
    steps.main(
        ["--configs", "A,A-full,B,E", "--contenders", "jitted,eager,numpy twin,numpy naive"]
        + ["--rows", "300", "--rounds", "2", "--seconds", "0.001", "--out", str(tmp_path)]
    )
    printed = capsys.readouterr().out
    assert "Not timed" not in printed
    record = json.loads((tmp_path / "steps.json").read_text())
    assert all(len(r["times"]["jitted"]) == 2 for r in record["results"].values())
    assert (tmp_path / "steps.md").read_text() in printed


def test_steps_says_whose_losses_differ(monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.by_hand.Naive.step", lambda self, idx: 1.0)
    steps.main(
        ["--configs", "B", "--contenders", "jitted,eager,numpy twin,numpy naive"]
        + ["--rows", "100", "--rounds", "1", "--seconds", "0.001"]
    )
    assert "numpy naive: its losses differ: 1.000000, not " in capsys.readouterr().out


def test_steps_names_what_it_does_not_know(capsys):
    with pytest.raises(SystemExit):
        steps.main(["--configs", "Z"])
    assert "unknown: Z; there are A, A-full, B" in capsys.readouterr().err
