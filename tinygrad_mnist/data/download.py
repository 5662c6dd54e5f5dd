"""Download a file over HTTP, with every wait bounded: a machine without network must not hang."""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO

from tinygrad_mnist.data.idx import DataError

# HTTP is imported in the functions that use it: most runs download nothing.
if TYPE_CHECKING:
    from http.client import HTTPResponse

CONNECT_SECONDS = 3.0  # to look the name up, connect and be answered, all together
STALL_SECONDS = 10.0  # after these, a download slower than SLOWEST is given up
SLOWEST = 20_000  # bytes per second
MAX_DOWNLOAD = 2**26  # no MNIST file is larger, even uncompressed
CHUNK = 2**16

Progress = Callable[[str, int, int], None]  # file name, bytes so far, bytes in all (0: unknown)


def tell(line: str) -> None:
    """Print a message on standard error, if there is one."""
    if sys.stderr is not None:
        print(line, file=sys.stderr, flush=True)


def show_progress(name: str, done: int, total: int) -> None:
    """Draw one line of progress on a terminal's standard error; elsewhere stay silent."""
    if sys.stderr is None or not sys.stderr.isatty():
        return
    share = f"{done / total:4.0%} of {total / 1e6:.1f} MB" if total else f"{done / 1e6:.1f} MB"
    end = "\n" if done == total else ""
    print(f"\r{name}: {share} ", end=end, file=sys.stderr, flush=True)


def download(url: str, target: BinaryIO, progress: Progress) -> None:
    """Write what `url` answers to `target`; raise `DataError`, naming the URL, when it fails."""
    import http.client
    import urllib.error

    try:
        with _open(url, CONNECT_SECONDS) as response:
            _copy(response, target, url, progress)
    except DataError:
        raise
    except urllib.error.HTTPError as error:
        error.close()
        raise _failure(url, error) from None
    except TimeoutError:
        raise DataError(f"{url}: no answer within {CONNECT_SECONDS:g} s") from None
    except urllib.error.URLError as error:
        raise _failure(url, error.reason) from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _failure(url, error) from None


def _failure(url: str, cause: BaseException | str) -> DataError:
    """Return why there is no file from `url`, on one line; a server may send many."""
    reason = getattr(cause, "strerror", None) or cause
    return DataError(f"{url}: {' '.join(str(reason).split())}")


def _open(url: str, seconds: float) -> HTTPResponse:
    """Open `url`, giving up after `seconds` in all.

    A socket's timeout bounds neither the look-up of the name nor a host's many addresses tried one
    after another; where packets vanish that takes a minute. So the opening runs in a thread.
    """
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "tinygrad-mnist"})
    answers: queue.SimpleQueue[HTTPResponse | Exception] = queue.SimpleQueue()
    given_up = threading.Event()

    def run() -> None:
        try:
            answer = urllib.request.urlopen(request, timeout=seconds)
        except Exception as error:  # of any kind: the caller's thread raises it
            answer = error
        answers.put(answer)
        if given_up.is_set():
            _discard(answers)

    threading.Thread(target=run, daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        given_up.set()
        _discard(answers)
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _discard(answers: queue.SimpleQueue[HTTPResponse | Exception]) -> None:
    """Close an answer that came too late, from whichever thread sees it first."""
    try:
        late = answers.get_nowait()
    except queue.Empty:
        return
    if hasattr(late, "close"):
        late.close()


def _copy(response: HTTPResponse, target: BinaryIO, url: str, progress: Progress) -> None:
    """Copy the body, refusing one that is too long, too slow or cut short."""
    name = url.rsplit("/", 1)[-1]
    total = int(response.headers.get("Content-Length") or 0)
    started = time.monotonic()
    done = 0
    while chunk := response.read1(CHUNK):
        target.write(chunk)
        done += len(chunk)
        progress(name, done, total)
        seconds = time.monotonic() - started
        if done > MAX_DOWNLOAD:
            raise DataError(f"{url}: sends more than {MAX_DOWNLOAD:,} bytes; no MNIST file does")
        if seconds > STALL_SECONDS and done < SLOWEST * seconds:
            raise DataError(f"{url}: too slow: {done:,} bytes in {seconds:.0f} s")
    if done < total:
        raise DataError(f"{url}: cut short: {done:,} of {total:,} bytes came")
