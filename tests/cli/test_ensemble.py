"""`train --ensemble K` writes K runs, and refuses what is for a single run."""

import json
from pathlib import Path

import pytest

from tinygrad_mnist.cli import main

EMBEDDED = ("--data", "embedded", "--epochs", "1")


def test_each_member_is_a_run_in_a_folder_of_its_own(
    plain_here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ensemble = ["train", "mlp-10", *EMBEDDED, "--ensemble", "2", "--out", "all"]
    assert main([*ensemble, "--seed", "7"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-5:-2]] == ["seed", "7", "8"]
    one = ["train", "mlp-10", *EMBEDDED, "--seed", "8", "--threads", "1", "--out", "one"]
    assert main(one) == 0
    records = [
        json.loads((plain_here / name / "run.json").read_text("utf-8"))
        for name in ("all/seed-8", "one")
    ]
    assert records[0]["recipe"] == records[1]["recipe"]
    assert records[0]["data"] == records[1]["data"]
    assert records[0]["test"]["confusion"] == records[1]["test"]["confusion"]
    assert main([*ensemble, "--seed", "8"]) == 2
    assert "seed-8 holds model.pkl of another run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (("mlp-10", "--ensemble", "0"), "--ensemble must be at least 1, not 0"),
        (("cnn", "--ensemble", "2"), "cnn has convolutions"),
        (("mlp-10", "--ensemble", "2", "--stream"), "--stream is for a single run"),
        (("--ensemble", "2", "--resume", "x"), "--resume is for a single run"),
        (("--ensemble", "2"), "name a recipe"),
        (("mlp-10", "--ensemble", "2", "--overwrite"), "--overwrite is for --out"),
    ],
)
def test_one_line_for_what_is_no_ensemble(
    flags: tuple[str, ...], says: str, capsys: pytest.CaptureFixture[str], tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", *flags, "--data", "embedded"]) == 2
    err = capsys.readouterr().err
    assert says in err and err.count("\n") == 1
    assert not list(tmp_path.glob("runs/*"))
