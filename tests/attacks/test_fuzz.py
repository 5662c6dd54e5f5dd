"""The coverage-guided search: `pytest -m fuzz tests/attacks -s`; FUZZ_RUNS sets its length."""

import os
import re
import subprocess
import sys

import pytest

RUNS = int(os.environ.get("FUZZ_RUNS", "300000"))


@pytest.mark.fuzz
@pytest.mark.parametrize("target", ["file", "tree", "numpy"])
def test_no_file_does_more_than_be_read_or_refused(target, tmp_path):
    pytest.importorskip("atheris")
    command = [sys.executable, "-m", "tests.attacks.fuzz_reader", target, str(tmp_path)]
    options = [f"-runs={RUNS}", "-max_len=4096", "-timeout=10", "-rss_limit_mb=1024"]
    done = subprocess.run(
        [*command, *options, f"-artifact_prefix={tmp_path}/"], stderr=subprocess.PIPE, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    ran = int(re.search(r"Done (\d+) runs", done.stderr)[1])
    covered = re.findall(r"cov: (\d+)", done.stderr)[-1]
    print(f"\n{target}: {ran:,} executions, {covered} edges covered, no finding")
    assert ran >= RUNS
