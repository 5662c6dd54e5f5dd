"""Build the documentation's site into a folder, with every warning an error.

python scripts/build_site.py FOLDER

Zensical writes the site and its cache beside its settings, and reads nothing else; so it is given a
copy of both, and the checkout stays as it is.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATHS = r'(base_path = \[|paths = \[|extensions = \[)"([^"]*)"'


def build(folder: Path) -> str:
    """Build the site, and return what was printed; raise SystemExit if that was a warning."""
    settings = re.sub(
        PATHS, rf'\1"{ROOT.as_posix()}/\2"', (ROOT / "zensical.toml").read_text("utf-8")
    )
    with tempfile.TemporaryDirectory() as scratch:
        config = Path(scratch) / "zensical.toml"
        config.write_text(settings, "utf-8")
        shutil.copytree(ROOT / "docs", Path(scratch) / "docs")
        command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
        ran = subprocess.run(
            [*command, "--config-file", str(config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT)},
        )
        printed = re.sub(r"\x1b\[[\d;]*m", "", ran.stdout)
        if ran.returncode or re.search(r"warning|error", printed, re.IGNORECASE):
            raise SystemExit(f"{printed}\nthe site was not built: see above")
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(Path(scratch) / "site", folder)
    return printed


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(f"usage: {__doc__.splitlines()[2]}")
    build(Path(sys.argv[1]))
