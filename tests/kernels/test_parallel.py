"""Python threads over parts of a batch: each part once, errors in order, nobody waits in vain."""

from _thread import get_ident
from typing import Any

import pytest

from tinygrad_mnist.kernels import parallel


def test_a_task_that_no_thread_has_begun_is_done_by_whoever_offered_it() -> None:
    seen: list[Any] = []
    job = parallel._Job(lambda: seen.append(get_ident()))
    assert job.finish() is None and seen == [get_ident()]
    job.run(then=lambda: seen.append("idle"))  # the thread wakes at last
    assert seen[1:] == ["idle"]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_each_item_is_worked_on_once(threads: int) -> None:
    seen: list[int] = []
    parallel.for_each(range(20), seen.append, threads)
    assert sorted(seen) == list(range(20))
    parallel.for_each([], seen.append, threads)
    assert len(seen) == 20


def test_the_first_error_in_the_order_of_the_tasks_is_raised_when_all_are_over() -> None:
    seen: list[int] = []

    def task(number: int) -> None:
        seen.append(number)
        if number:
            raise KeyError(number)

    for _ in range(20):
        seen.clear()
        with pytest.raises(KeyError, match="1"):
            parallel.together([lambda n=n: task(n) for n in range(4)])  # type: ignore[misc]
        assert sorted(seen) == [0, 1, 2, 3]
