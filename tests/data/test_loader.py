"""Mini-batches: every row once an epoch, in the order that the generator draws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mnist.data import batches


@given(
    n=st.integers(0, 50),
    batch_size=st.integers(1, 60),
    seed=st.none() | st.integers(0, 2**32),
    drop_last=st.booleans(),
)
def test_an_epoch_has_full_batches_and_each_row_once(n, batch_size, seed, drop_last):
    rng = None if seed is None else np.random.default_rng(seed)
    epoch = [rows.tolist() for rows in batches(n, batch_size, rng, drop_last)]
    rest = n % batch_size
    expected = [batch_size] * (n // batch_size) + [rest] * (rest > 0 and not drop_last)
    assert [len(rows) for rows in epoch] == expected
    rows = [row for batch in epoch for row in batch]
    if drop_last:
        assert len(set(rows)) == len(rows) and set(rows) <= set(range(n))
    else:
        assert sorted(rows) == list(range(n))
    if rng is None:
        assert rows == sorted(rows)


def test_the_generator_decides_the_order_and_each_epoch_has_another():
    def epochs(seed: int) -> list[list[int]]:
        rng = np.random.default_rng(seed)
        return [np.concatenate(list(batches(100, 7, rng))).tolist() for _ in range(2)]

    assert epochs(1) == epochs(1)
    assert epochs(1)[0] != epochs(1)[1]
    assert epochs(1) != epochs(2)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_bad_batch_size_is_told_at_once(batch_size):
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, not {batch_size}"):
        batches(3, batch_size)
