"""Data sets, samplers and batches: what is in them, in which order, and that a seed repeats it."""

import pickle
from typing import NamedTuple

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.utils import data as D
from tinygrad_mnist.utils.data import DataLoader, TensorDataset


def numbers(n=10):
    return TensorDataset(tg.arange(n) * 10, tg.arange(n))


class Squares(D.Dataset):
    def __len__(self):
        return 5

    def __getitem__(self, i):
        return {"x": np.float32(i), "y": (i * i, str(i))}


class Stream(D.IterableDataset):
    def __iter__(self):
        return iter(range(5))


def seen(loader):
    return [i for _, y in loader for i in y.tolist()]


# Data sets


def test_a_tensor_dataset_wraps_arrays_without_copying():
    array = np.arange(6.0).reshape(3, 2)
    points = TensorDataset(array, tg.arange(3))
    array[1] = 7.0
    assert [t.tolist() for t in points[1]] == [[7.0, 7.0], 1]


def test_subsets_and_sums_index_into_what_they_are_made_of():
    part = D.Subset(numbers(), [7, 3])
    assert (len(part), part[1][1].item(), part[-1][1].item()) == (2, 3, 3)
    both = part + numbers(4)
    assert [both[i][1].item() for i in range(len(both))] == [7, 3, 0, 1, 2, 3]
    assert both[-6][1].item() == 7
    with pytest.raises(IndexError, match="6 is out of range for 6 samples"):
        both[6]


@pytest.mark.parametrize("lengths, sizes", [
    ([7, 3], [7, 3]), ([0.7, 0.3], [7, 3]), ([0.33, 0.33, 0.34], [4, 3, 3]), ([1.0], [10]),
])  # fmt: skip
def test_a_random_split_deals_out_every_sample_once(lengths, sizes):
    parts = D.random_split(numbers(), lengths, tg.Generator().manual_seed(3))
    assert [len(part) for part in parts] == sizes
    assert sorted(y.item() for part in parts for _, y in part) == list(range(10))


def test_a_random_split_repeats_with_its_seed():
    def split(seed):
        return D.random_split(range(50), [25, 25], tg.Generator().manual_seed(seed))[0].indices

    assert split(1) == split(1) != split(2)
    tg.manual_seed(5)
    first = D.random_split(range(50), [25, 25])[0].indices
    tg.manual_seed(5)
    assert first == D.random_split(range(50), [25, 25])[0].indices != list(range(25))


# Batches


def test_batches_in_order():
    batches = list(DataLoader(numbers(), batch_size=4))
    assert [y.tolist() for _, y in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all((x == 10 * y).all() for x, y in batches)
    assert isinstance(batches[0], list) and batches[0][1].dtype == np.int64


@pytest.mark.parametrize("drop_last, length", [(False, 3), (True, 2)])
def test_drop_last_leaves_out_a_short_batch(drop_last, length):
    loader = DataLoader(numbers(), batch_size=4, shuffle=True, drop_last=drop_last)
    assert len(loader) == length == len(list(loader))


def test_shuffling_follows_the_seed_and_changes_with_the_epoch():
    tg.manual_seed(0)
    loader = DataLoader(numbers(50), batch_size=8, shuffle=True)
    first, second = seen(loader), seen(loader)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second != list(range(50))
    tg.manual_seed(0)
    assert [seen(loader), seen(loader)] == [first, second]


def test_a_generator_of_its_own_is_not_disturbed_by_others():
    def epoch(noise):
        loader = DataLoader(numbers(50), 8, shuffle=True, generator=tg.Generator().manual_seed(1))
        batches = iter(loader)
        tg.rand(noise)
        return [y.tolist() for _, y in batches]

    assert epoch(0) == epoch(100)


def test_the_order_is_drawn_when_iteration_starts():
    tg.manual_seed(0)
    wanted = seen(DataLoader(numbers(50), shuffle=True))
    tg.manual_seed(0)
    batches = iter(DataLoader(numbers(50), shuffle=True))
    tg.rand(3)
    assert [y.item() for _, y in batches] == wanted


@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(
    "dataset",
    [
        numbers(),
        D.Subset(numbers(20), [3, 1, 19, 4, 8]),
        D.Subset(D.Subset(numbers(20), range(5, 15)), np.array([9, 0, 2])),
        tg.arange(12).reshape(6, 2),
        np.arange(12.0).reshape(6, 2),
    ],
    ids=["tensors", "subset", "subset of subset", "tensor", "array"],
)
def test_gathering_whole_gives_what_collating_samples_gives(dataset, shuffle):
    def epoch(**options):
        tg.manual_seed(1)
        return list(DataLoader(dataset, 4, shuffle, **options))

    def leaves(batches):
        return [t for batch in batches for t in (batch if isinstance(batch, list) else [batch])]

    whole, collated = epoch(), epoch(collate_fn=lambda samples: D.default_collate(samples))
    assert len(whole) == len(collated)
    for a, b in zip(leaves(whole), leaves(collated), strict=True):
        assert a.dtype == b.dtype and np.array_equal(a.numpy(), b.numpy())


def test_batches_do_not_share_memory_with_the_data():
    x = tg.zeros(4)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=4):
        batch += 1
    assert x.tolist() == [0, 0, 0, 0]


def test_a_subclass_that_changes_the_samples_changes_the_batches():
    class Negated(TensorDataset):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return -x, y

    class NegatedPart(D.Subset):
        def __getitem__(self, i):
            x, y = super().__getitem__(i)
            return -x, y

    negated = Negated(*numbers().tensors)
    for dataset in (negated, D.Subset(negated, [2, 1]), NegatedPart(numbers(), [2, 1])):
        x, y = next(iter(DataLoader(dataset, batch_size=2)))
        assert x.tolist() == [-10 * i for i in y.tolist()]


def test_samples_of_any_nesting_are_collated():
    batch = next(iter(DataLoader(Squares(), batch_size=3)))
    assert batch["x"].dtype == np.float32 and batch["x"].tolist() == [0, 1, 2]
    assert batch["y"][0].tolist() == [0, 1, 4] and batch["y"][1] == ["0", "1", "2"]


def test_python_numbers_and_named_tuples_are_collated_as_pytorch_does():
    class Point(NamedTuple):
        x: float
        ok: bool

    batch = D.default_collate([Point(0.5, True), Point(1.5, False)])
    assert isinstance(batch, Point)
    assert (batch.x.dtype, batch.ok.dtype) == (np.float64, np.bool_)


def test_gradients_flow_through_batches_of_tensors_that_require_them():
    x = tg.ones(6, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=4):
        (batch * 2).sum().backward()
    assert x.grad.tolist() == [2.0] * 6
    stacked = D.default_collate([tg.ones(2, requires_grad=True)] * 2)
    assert stacked.requires_grad


def test_no_batch_size_gives_single_samples():
    loader = DataLoader(Squares(), batch_size=None)
    assert len(loader) == 5
    sample = list(loader)[3]
    assert sample["x"].item() == 3.0 and sample["y"] == [9, "3"]  # a list, as in PyTorch


def test_streams_are_batched():
    assert [b.tolist() for b in DataLoader(Stream(), batch_size=2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Stream(), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(), batch_size=None)) == [0, 1, 2, 3, 4]
    with pytest.raises(TypeError, match="len"):
        len(DataLoader(Stream()))


def test_workers_change_nothing():
    plain = seen(DataLoader(numbers(), 3))
    loader = DataLoader(
        numbers(), 3, num_workers=4, pin_memory=True, persistent_workers=True, prefetch_factor=2
    )
    assert seen(loader) == plain
    assert D.get_worker_info() is None


def test_a_data_set_survives_pickling():
    part = pickle.loads(pickle.dumps(D.Subset(numbers(), [3, 1])))
    assert seen(DataLoader(part, batch_size=2)) == [3, 1]


# Samplers


def test_a_sampler_decides_the_order():
    assert seen(DataLoader(numbers(), 2, sampler=[5, 1, 1])) == [5, 1, 1]
    loader = DataLoader(numbers(), batch_sampler=[[0], [9, 8]])
    assert [y.tolist() for _, y in loader] == [[0], [9, 8]] and len(loader) == 2


def test_a_batch_sampler_of_ones_own_is_asked():
    class Doubled(D.BatchSampler):
        def __iter__(self):
            return (batch * 2 for batch in super().__iter__())

    loader = DataLoader(numbers(4), batch_sampler=Doubled(D.SequentialSampler(range(4)), 2, False))
    assert seen(loader) == [0, 1, 0, 1, 2, 3, 2, 3]


@pytest.mark.parametrize("replacement, count", [(False, 7), (False, 25), (True, 25)])
def test_a_random_sampler_draws_as_many_as_asked(replacement, count):
    sampler = D.RandomSampler(range(10), replacement, count, tg.Generator().manual_seed(0))
    drawn = list(sampler)
    assert len(drawn) == len(sampler) == count and set(drawn) <= set(range(10))
    if not replacement:
        assert len(set(drawn[:10])) == min(count, 10)


def test_weights_and_subsets_are_drawn_from():
    g = tg.Generator().manual_seed(0)
    drawn = list(D.WeightedRandomSampler([0.1, 0.0, 0.9], 2000, generator=g))
    assert set(drawn) == {0, 2} and 100 < drawn.count(0) < 300
    assert sorted(D.WeightedRandomSampler([1, 1, 1], 3, replacement=False)) == [0, 1, 2]
    assert sorted(D.SubsetRandomSampler([4, 2, 9])) == [2, 4, 9]


# What is refused


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: TensorDataset(), ValueError, "at least one"),
        (lambda: TensorDataset(tg.ones(2), tg.ones(3)), ValueError, r"lengths are \[2, 3\]"),
        (lambda: TensorDataset([1, 2]), TypeError, "takes Tensors or arrays, not list"),
        (lambda: D.ConcatDataset([]), ValueError, "should not be an empty iterable"),
        (lambda: D.ConcatDataset([Stream()]), TypeError, "does not support IterableDataset"),
        (lambda: D.random_split(range(5), [3, 3]), ValueError, "add up to 6, the dataset has 5"),
        (lambda: D.random_split(range(5), [1.5, -0.5]), ValueError, "between 0 and 1"),
        (lambda: DataLoader(range(3), batch_size=0), ValueError, "positive integer"),
        (lambda: DataLoader(range(0), shuffle=True), ValueError, "the data set is empty"),
        (lambda: DataLoader(range(3), shuffle=True, sampler=[0]), ValueError, "with shuffle"),
        (lambda: DataLoader(range(3), 2, batch_sampler=[[0]]), ValueError, "mutually exclusive"),
        (lambda: DataLoader(range(3), None, drop_last=True), ValueError, "makes no batches"),
        (lambda: DataLoader(Stream(), shuffle=True), ValueError, "has its own order"),
        (lambda: DataLoader(range(3), num_workers=-1), ValueError, "num_workers must be 0 or more"),
        (lambda: DataLoader(range(3), workers=1), TypeError, "unexpected keyword argument"),
        (lambda: D.default_collate([object()]), TypeError, "found object"),
        (lambda: D.default_collate([(1, 2), (1,)]), ValueError, "of equal size"),
        (lambda: D.default_collate([tg.ones(2), tg.ones(3)]), ValueError, "pads or crops"),
        (lambda: list(DataLoader(numbers(), sampler=[10])), IndexError, "out of bounds"),
        (lambda: D.Dataset()[0], NotImplementedError, "must define __getitem__"),
    ],
)
def test_what_is_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_sets_side_by_side_and_streams_one_after_the_other():
    both = D.StackDataset(Squares(), [1, 2, 3, 4, 5])
    assert len(both) == 5 and both[2][1] == 3 and both[2][0]["y"] == (4, "2")
    assert D.StackDataset(a=[1, 2], b="xy")[1] == {"a": 2, "b": "y"}
    for args, kw in (((), {}), (([1],), {"b": [1]}), (([1], [1, 2]), {})):
        with pytest.raises(ValueError):
            D.StackDataset(*args, **kw)

    class Count(D.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            return iter(range(self.n))

        def __len__(self):
            return self.n

    chain = Count(2) + Count(3)
    assert list(chain) == [0, 1, 0, 1, 2] and len(chain) == 5 and isinstance(chain, D.ChainDataset)
    assert [x.tolist() for x in DataLoader(chain, batch_size=2)] == [[0, 1], [0, 1], [2]]
    with pytest.raises(TypeError, match="IterableDataset"):
        list(D.ChainDataset([[1]]))


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("shuffle", [False, True])
def test_processes_share_a_data_set(shuffle, drop_last):
    parts = []
    for rank in range(3):
        sampler = D.DistributedSampler(range(10), 3, rank, shuffle, seed=5, drop_last=drop_last)
        sampler.set_epoch(2)
        parts.append(list(sampler))
        assert len(sampler) == len(parts[-1]) == (3 if drop_last else 4)
    drawn = [i for part in parts for i in part]
    assert set(drawn) <= set(range(10)) and (len(set(drawn)) == (9 if drop_last else 10))
    if not shuffle:
        assert parts[1][:3] == [1, 4, 7]
    alone = D.DistributedSampler(range(10), seed=5)
    first = list(alone)
    alone.set_epoch(1)
    assert sorted(first) == sorted(alone) == list(range(10)) and first != list(alone)
    with pytest.raises(ValueError, match="rank 3"):
        D.DistributedSampler(range(10), 3, 3)


def test_a_data_set_that_gives_several_samples_is_asked_once_a_batch():
    asked = []

    class Several(D.Dataset):
        def __len__(self):
            return 5

        def __getitem__(self, i):
            raise AssertionError(i)

        def __getitems__(self, indices):
            asked.append(indices)
            return [i * 10 for i in indices]

    assert [x.tolist() for x in DataLoader(Several(), batch_size=3)] == [[0, 10, 20], [30, 40]]
    assert asked == [[0, 1, 2], [3, 4]]


def test_arguments_come_in_pytorchs_order():
    loader = DataLoader(range(5), 2, False, None, None, 0, None, True, True)
    assert loader.pin_memory and loader.drop_last and len(loader) == 2
    for options in ({"timeout": -1}, {"prefetch_factor": 2}, {"persistent_workers": True}):
        with pytest.raises(ValueError):
            DataLoader(range(5), **options)


def test_containers_keep_their_kind_and_arrays_of_text_stay():
    import collections

    batch = D.default_collate([collections.OrderedDict(a=1), collections.OrderedDict(a=2)])
    assert type(batch) is collections.OrderedDict and batch["a"].tolist() == [1, 2]
    assert D.default_convert((np.ones(1), "a"))[1] == "a"
    words = np.array(["a"])
    assert D.default_convert(words) is words
    with pytest.raises(TypeError, match="text"):
        D.default_collate([words, words])
    with pytest.raises(RuntimeError, match="equal size"):
        D.default_collate([[1, 2], [1]])
