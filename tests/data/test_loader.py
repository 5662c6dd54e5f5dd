"""Mini-batches: every row once an epoch, in an order that seed and epoch decide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_mnist.data import DataLoader, batches


def epoch_of(loader: DataLoader) -> list[list[int]]:
    return [x.tolist() for (x,) in loader]


@given(
    n=st.integers(0, 50),
    batch_size=st.integers(1, 60),
    shuffle=st.booleans(),
    drop_last=st.booleans(),
)
def test_an_epoch_has_the_promised_batches_and_each_row_once(n, batch_size, shuffle, drop_last):
    loader = DataLoader(np.arange(n), batch_size=batch_size, shuffle=shuffle, drop_last=drop_last)
    seen = epoch_of(loader)
    assert len(seen) == len(loader)
    rows = [row for batch in seen for row in batch]
    assert len(set(rows)) == len(rows)
    if drop_last:
        assert {len(batch) for batch in seen} <= {batch_size}
        assert len(rows) == n - n % batch_size
    else:
        assert sorted(rows) == list(range(n))
    if not shuffle:
        assert rows == sorted(rows)


def test_rows_of_all_arrays_stay_together():
    x = np.arange(20).reshape(10, 2)
    for images, labels in DataLoader(x, x[:, 0] * 10, batch_size=3, shuffle=True):
        assert images.shape == (len(labels), 2)
        assert (images[:, 0] * 10 == labels).all()


def test_the_seed_decides_the_order_and_each_epoch_has_another():
    def loader(seed: int) -> DataLoader:
        return DataLoader(np.arange(100), batch_size=7, shuffle=True, seed=seed)

    one, same, other = loader(1), loader(1), loader(2)
    first, second = epoch_of(one), epoch_of(one)
    assert [epoch_of(same), epoch_of(same)] == [first, second]
    assert first != second
    assert epoch_of(other) != first


def test_a_resumed_run_sees_the_batches_of_the_whole_run():
    whole = DataLoader(np.arange(100), batch_size=7, shuffle=True, seed=1)
    next(iter(whole))  # an epoch broken off
    second = epoch_of(whole)
    resumed = DataLoader(np.arange(100), batch_size=7, shuffle=True, seed=1)
    resumed.epoch = 1
    assert epoch_of(resumed) == second


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_batch_may_be_changed_without_harm_to_the_data(shuffle):
    x = np.arange(6.0)
    for (batch,) in DataLoader(x, batch_size=6, shuffle=shuffle):
        batch *= 0
    assert x.tolist() == [0, 1, 2, 3, 4, 5]


def test_batches_are_shuffled_by_the_generator_they_are_given():
    order = np.random.default_rng(3).permutation(5)
    given_rng = np.concatenate(list(batches(5, 2, np.random.default_rng(3))))
    assert given_rng.tolist() == order.tolist()


def test_bad_arguments_are_told_at_once():
    with pytest.raises(ValueError, match=r"one length, not of \[3, 4\]"):
        DataLoader(np.zeros(3), np.zeros(4), batch_size=2)
    with pytest.raises(ValueError, match=r"one length, not of \[\]"):
        DataLoader(batch_size=2)
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        DataLoader(np.zeros(3), batch_size=0)
    with pytest.raises(ValueError, match="batch_size must be at least 1, not -1"):
        batches(3, -1)
