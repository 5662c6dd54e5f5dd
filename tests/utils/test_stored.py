"""Data sets in files: the loader gives what it gives for the same arrays in memory."""

import threading
from pathlib import Path

import numpy as np
import pytest

import tinygrad_mnist as tg
from tinygrad_mnist.data import DataError, open_array
from tinygrad_mnist.utils.data import (
    ArrayDataset,
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    Subset,
    TensorDataset,
    WindowSampler,
)

X = np.arange(1000 * 3, dtype=np.float32).reshape(1000, 3)
Y = np.arange(1000)


@pytest.fixture
def paths(tmp_path: Path) -> tuple[Path, Path]:
    """The rows in two shards, the labels in one file."""
    (tmp_path / "x").mkdir()
    np.save(tmp_path / "x" / "part-0.npy", X[:300])
    np.save(tmp_path / "x" / "part-1.npy", X[300:])
    np.save(tmp_path / "y.npy", Y)
    return tmp_path / "x", tmp_path / "y.npy"


def epoch(dataset, **options) -> list[list[list[float]]]:
    generator = tg.Generator().manual_seed(3)
    loader = DataLoader(dataset, batch_size=64, generator=generator, **options)
    return [[column.tolist() for column in batch] for batch in loader]


@pytest.mark.parametrize("num_workers", [0, 2])
@pytest.mark.parametrize("options", [{}, {"shuffle": True}, {"drop_last": True}], ids=str)
def test_batches_are_those_of_memory(paths, options: dict[str, bool], num_workers: int) -> None:
    in_memory = epoch(TensorDataset(X, Y), **options)
    assert epoch(ArrayDataset(*paths), num_workers=num_workers, **options) == in_memory
    part = range(900, 100, -7)
    expected = epoch(Subset(TensorDataset(X, Y), part), **options)
    assert epoch(Subset(ArrayDataset(*paths), part), num_workers=num_workers, **options) == expected


def test_samples_and_a_loader_that_collates(paths) -> None:
    dataset = ArrayDataset(open_array(paths[0]), np.load(paths[1], mmap_mode="r"))
    assert [column.tolist() for column in dataset[-1]] == [[2997, 2998, 2999], 999]
    assert len(dataset) == 1000
    loader = DataLoader(dataset, batch_size=2, collate_fn=len)
    assert list(loader) == [2] * 500


def test_batches_have_memory_of_their_own(paths) -> None:
    batches = list(DataLoader(ArrayDataset(*paths), batch_size=64, num_workers=1))
    batches[0][0].fill_(0)
    assert batches[1][0][0].tolist() == X[64].tolist()


@pytest.mark.parametrize("num_workers", [0, 1])
def test_windows_give_each_row_once(paths, num_workers: int) -> None:
    dataset = ArrayDataset(*paths)
    generator = tg.Generator().manual_seed(0)
    sampler = WindowSampler(dataset, window=100, block=10, generator=generator)
    assert len(sampler) == 1000
    loader = DataLoader(dataset, 64, sampler=sampler, num_workers=num_workers)
    epochs = [[i for _, y in loader for i in y.tolist()] for _ in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(1000))
    assert epochs[0] != epochs[1]
    generator.manual_seed(0)
    assert [list(sampler), sampler.order().tolist()] == epochs  # as without files


def rest_after(loader: DataLoader, number: int) -> tuple[list[list[int]], dict[str, object]]:
    """Run some batches; return the labels of those left and of an epoch more, and the position."""
    batches = iter(loader)
    for _ in range(number):
        next(batches)
    state = loader.state_dict()
    left = [y.tolist() for _, y in batches]
    return left + [y.tolist() for _, y in loader], state


@pytest.mark.parametrize("number", [0, 1, 7, 15, 16])
@pytest.mark.parametrize(
    "kind", ["order", "shuffle", "windows", "own order", "batches", "in memory"]
)
def test_a_loader_goes_on_where_it_stood(paths, kind: str, number: int) -> None:
    dataset = TensorDataset(X, Y) if kind == "in memory" else ArrayDataset(*paths)

    def loader() -> DataLoader:
        generator = tg.Generator().manual_seed(11)
        if kind == "windows":
            sampler = WindowSampler(dataset, window=200, generator=generator)
            return DataLoader(dataset, 64, sampler=sampler, num_workers=1)
        if kind == "batches":
            drawn = RandomSampler(dataset, generator=generator)
            return DataLoader(dataset, batch_sampler=BatchSampler(drawn, 64, drop_last=False))
        if kind == "own order":
            return DataLoader(dataset, 64, sampler=range(999, -1, -1))
        return DataLoader(dataset, 64, shuffle=kind != "order", generator=generator)

    left, state = rest_after(loader(), number)
    resumed = loader()
    resumed.load_state_dict(state)
    # Between epochs the generator itself is where a resumed program has to go on
    again = [y.tolist() for _ in range(2) for _, y in resumed]
    assert again[: 16 - number] == left[: 16 - number]
    if number < 16:
        assert again[16 - number :] == left[16 - number :]


class Lines(IterableDataset):
    """A stream of numbers."""

    def __iter__(self):
        return iter(tg.arange(11))


@pytest.mark.parametrize("dataset", [Lines(), TensorDataset(X, Y)])
@pytest.mark.parametrize("batch_size", [None, 4])
def test_streams_and_single_samples_go_on_too(dataset, batch_size: int | None) -> None:
    batches = iter(loader := DataLoader(dataset, batch_size))
    next(batches), next(batches)
    resumed = DataLoader(dataset, batch_size)
    resumed.load_state_dict(loader.state_dict())
    assert [str(b) for b in resumed] == [str(b) for b in batches]
    assert [str(b) for b in resumed] == [str(b) for b in loader]  # the next epoch is whole


@pytest.mark.parametrize(
    ("other", "difference"),
    [
        (lambda d: DataLoader(d, 32, shuffle=True), "batch_size is 64; here it is 32"),
        (lambda d: DataLoader(d, 64), "sampler is RandomSampler; here it is SequentialSampler"),
        (lambda d: DataLoader(d, 64, shuffle=True, drop_last=True), "drop_last is False"),
        (lambda d: DataLoader(d[:9], 64, shuffle=True), "data set's length is 1000; here it is 9"),
        (lambda d: DataLoader(d, 64, sampler=WindowSampler(d, window=100)), "sampler is Random"),
        (lambda d: DataLoader(d), "batch_size is 64; here it is 1"),
    ],
)
def test_the_position_in_other_batches_is_refused(other, difference: str) -> None:
    state = DataLoader(X, 64, shuffle=True).state_dict()
    with pytest.raises(ValueError, match=difference):
        other(X).load_state_dict(state)


def test_the_position_in_other_windows_is_refused() -> None:
    loaders = [DataLoader(X, 64, sampler=WindowSampler(X, window=n)) for n in (100, 200)]
    with pytest.raises(ValueError, match="window is 100; here it is 200"):
        loaders[1].load_state_dict(loaders[0].state_dict())


def test_the_position_leaves_the_generator_of_all_alone(paths) -> None:
    dataset = ArrayDataset(*paths)
    tg.manual_seed(0)
    left, state = rest_after(DataLoader(dataset, 64, shuffle=True), 5)
    resumed = DataLoader(dataset, 64, shuffle=True)
    resumed.load_state_dict(state)
    tg.manual_seed(1)
    batches = iter(resumed)
    drawn = tg.rand(1).item()
    tg.manual_seed(1)
    assert drawn == tg.rand(1).item()
    assert [y.tolist() for _, y in batches] == left[:11]


def test_the_thread_ends_when_the_loop_is_left(paths, monkeypatch) -> None:
    monkeypatch.setattr("tinygrad_mnist.data.stream.PIECE", 16)  # rows: the thread has more to do
    for _ in DataLoader(ArrayDataset(*paths), batch_size=8, num_workers=1):
        assert [t for t in threading.enumerate() if t.name == "read-ahead"]
        break
    assert not [t for t in threading.enumerate() if t.name == "read-ahead"]


def test_an_error_of_the_file_reaches_the_loop(paths) -> None:
    loader = DataLoader(ArrayDataset(*paths), batch_size=8, num_workers=1)
    paths[1].unlink()
    with pytest.raises(DataError, match=r"y\.npy: cannot be read"):
        next(iter(loader))


def test_what_is_refused(paths) -> None:
    with pytest.raises(ValueError, match="at least one array"):
        ArrayDataset()
    with pytest.raises(ValueError, match=r"Size mismatch between arrays.*\[1000, 3\]"):
        ArrayDataset(paths[0], np.arange(3))
    with pytest.raises(TypeError, match="paths or arrays, not int"):
        ArrayDataset(3)
    with pytest.raises(ValueError, match="single number"):
        ArrayDataset(np.array(3))
    with pytest.raises(ValueError, match="at least 1 row"):
        WindowSampler("abc", window=0)
    with pytest.raises(ValueError, match="empty"):
        WindowSampler("")
    with pytest.raises(ValueError, match="what its state_dict"):
        DataLoader("abc").load_state_dict({"batch": 1})
