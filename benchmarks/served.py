"""A contender in a process of its own, which trains some steps whenever it is asked to.

In one process the libraries are not alone: where NumPy has freed large arrays, the C library keeps
the memory, and PyTorch, which maps its own anew at each step, finds it there. So each contender has
a process, as its users have, and the processes take turns.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks import measure
from benchmarks.problem import NotHere

CHECKED = 5  # steps whose losses are compared: more than a jit needs to come to its replays


class Served:
    """The process of a contender, and the losses of its first steps.

    Raises NotHere where the contender does not do the model or fails, with the reason.
    """

    def __init__(self, contender: str, name: str) -> None:
        command = [sys.executable, "-m", "benchmarks.served", contender, name]
        time.sleep(
            measure.PAUSE
        )  # threads of another contender spin: this one is to have all cores
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115  (as long as the process)
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            text=True, cwd=measure.ROOT,
        )  # fmt: skip
        try:
            self.losses: list[float] = self._answer()
        except BaseException:
            self.close()
            raise

    def seconds(self, steps: int, *, cpu: bool = False) -> float:
        """Train so many steps; return the seconds of one."""
        assert self._process.stdin is not None
        print(json.dumps([steps, cpu]), file=self._process.stdin, flush=True)
        return float(self._answer())

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        answer = json.loads(line) if line else {"problem": self._last_words()}
        if isinstance(answer, dict):
            raise NotHere(answer["problem"])
        return answer

    def _last_words(self) -> str:
        self._process.wait()
        self._errors.seek(0)
        return (self._errors.read().strip().splitlines() or ["no message"])[-1]

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._errors.close()


@contextlib.contextmanager
def serving(contenders: list[str], name: str) -> Iterator[tuple[dict[str, Served], dict[str, str]]]:
    """Start the contenders, one after the other; give them, and why the others do not run."""
    with contextlib.ExitStack() as stack:
        running, problems = {}, {}
        for contender in contenders:
            try:
                running[contender] = Served(contender, name)
            except NotHere as reason:
                problems[contender] = str(reason)
            else:
                stack.callback(running[contender].close)
        yield running, problems


def main() -> None:
    """Answer each line of standard input, [steps, of the CPU], with the seconds of a step."""
    contender, name = sys.argv[1:]
    from benchmarks.training import CONTENDERS

    if contender in CONTENDERS:  # before NumPy: this library may choose NumPy's BLAS core
        with contextlib.suppress(ImportError):
            __import__(CONTENDERS[contender].library)
    answers = sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no answer
    from benchmarks.training import batches, made

    try:
        trained = made(contender, name)
    except NotHere as reason:
        print(json.dumps({"problem": str(reason)}), file=answers, flush=True)
        return
    if name == "dropout":
        trained.net.eval()
    losses = trained.run(batches(trained.parts, CHECKED))
    if name == "dropout":
        trained.net.train()
    print(json.dumps(losses.tolist()), file=answers, flush=True)
    for line in sys.stdin:
        steps, cpu = json.loads(line)
        clock = time.process_time if cpu else time.perf_counter
        rows = batches(trained.parts, steps, seed=1)
        start = clock()
        trained.run(rows)
        print(json.dumps((clock() - start) / steps), file=answers, flush=True)


if __name__ == "__main__":
    main()
