"""Train on images that stay in their files: each batch is read while the steps before it run.

Up to `EXACT_ROWS` images are shuffled all together, in the order in which they would be in memory:
the run has the same bits. More are shuffled in windows (data/windows.py), and whole blocks of them
are held out to validate.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import Mnist
from tinygrad_mnist.data.stream import piece_rows, stream_batches
from tinygrad_mnist.data.windows import WINDOW, Windows, block_size, permuted
from tinygrad_mnist.models import Recipe, RecipeError
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.train.loop import Batch, Examples, Trainer, examples, validation_split

EXACT_ROWS = 2**24  # images: an order of 128 MiB
Rows = NDArray[np.intp]


class StreamedTrainer(Trainer):
    """A `Trainer` whose images are read from their files, batch by batch.

    `window` is the number of images that are shuffled together, None for all of them. `read_ahead`
    reads on a thread, which ends with `steps()`. Raises RecipeError for a recipe that takes all
    images in one step.
    """

    def __init__(
        self,
        recipe: Recipe,
        data: Mnist,
        eager: bool = False,
        *,
        window: int | None = None,
        read_ahead: bool = True,
    ) -> None:
        if recipe.batch_size is None:
            raise RecipeError(
                f"{recipe.name} takes all images in one step, so they cannot be streamed; "
                "set a batch size: --batch-size 64"
            )
        if window is not None and window < 1:
            raise RecipeError(f"a window has at least 1 image, not {window}")
        self.window, self.read_ahead = window, read_ahead
        super().__init__(recipe, data, eager=eager)

    @property
    def gathers(self) -> bool:
        """Tell whether the step gathers the batch itself: no, a stream brings it."""
        return False

    def _examples(self) -> tuple[Examples, Examples]:
        count = len(self.data.train_labels)
        training: Any
        validation: Any
        if self.window is None:
            training, validation = validation_split(count, self.recipe)
        else:
            training, validation = (
                BlockRows(blocks, min(block_size(count), self.window), count)
                for blocks in _split_blocks(count, self.window, self.recipe)
            )
        self.rows, self.validated_on = training, len(validation)
        own = validation[self.ranks.part(len(validation))]
        return self._columns(training), self._columns(own, in_memory=("labels", "targets"))

    def _columns(self, rows: Any, in_memory: tuple[str, ...] = ()) -> Examples:
        """Return examples whose parts are read when they are sliced, but for those `in_memory`."""
        columns = {field: Column(self, rows, field) for field in Examples._fields}
        parts: Any = {k: v[:] if k in in_memory else v for k, v in columns.items()}
        return Examples(**parts)

    def read(self, rows: Rows) -> Examples:
        """Read the examples of these rows of the files."""
        images, labels = self.data.train_images, self.data.train_labels
        return examples(self.recipe, images[rows], labels[rows])

    def _batches(self) -> Generator[Batch, None, None]:
        recipe, data = self.recipe, self.data
        assert recipe.batch_size is not None
        groups = self._groups(self.batch * recipe.batch_size)
        stream = stream_batches(
            lambda rows: (data.train_images[rows], data.train_labels[rows]),
            groups,
            recipe.batch_size,
            convert=partial(examples, recipe),
            read_ahead=self.read_ahead,
        )
        with closing(stream):
            for inputs, labels, targets in stream:
                own = self.ranks.part(len(labels))
                yield (from_numpy(inputs[own]), from_numpy(targets[own])), labels[own]

    def _groups(self, done: int) -> Any:
        """Return the rows of this epoch but for the first `done`, in groups to read at once."""
        seed = [self.recipe.seed, 1 + self.epoch]
        if self.window is not None:
            size, count = self.rows.block, len(self.data.train_labels)
            blocks = self.rows.blocks
            return Windows(count, self.window, size, seed=seed, blocks=blocks).after(done)
        size = piece_rows(self.recipe.batch_size or 1)
        order = permuted(len(self.rows), np.random.default_rng(seed), done, size)
        return (self.rows[part] for part in order)

    def state_dict(self) -> dict[str, Any]:
        """Return the state of a `Trainer`, and the window."""
        return {**super().state_dict(), "window": self.window}


class BlockRows:
    """The rows of some blocks of a file, in the file's order, without a list of them."""

    def __init__(self, blocks: Rows, block: int, count: int) -> None:
        self.blocks, self.block = np.sort(blocks), block
        self._starts = self.blocks * block
        self._ends = np.cumsum(np.minimum(block, count - self._starts))

    def __len__(self) -> int:
        return int(self._ends[-1])

    def __getitem__(self, part: slice) -> Rows:
        positions = np.arange(*part.indices(len(self)))
        number = np.searchsorted(self._ends, positions, "right")
        before = np.concatenate([[0], self._ends])[number]
        rows: Rows = self._starts[number] + positions - before
        return rows


class Column:
    """One part of the examples at some rows, read when it is sliced."""

    def __init__(self, trainer: StreamedTrainer, rows: Any, field: str) -> None:
        self.trainer, self.rows, self.field = trainer, rows, field

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, part: slice) -> Any:
        rows, trainer = self.rows[part], self.trainer
        if self.field == "inputs":
            return trainer.read(rows).inputs
        labels = trainer.data.train_labels[rows]
        nothing = np.empty((len(labels), 0), np.uint8)
        return getattr(examples(trainer.recipe, nothing, labels), self.field)


def _split_blocks(count: int, window: int, recipe: Recipe) -> tuple[Rows, Rows]:
    """Return the blocks to train on, and those to validate on."""
    block = min(block_size(count), window)
    return validation_split(-(-count // block), recipe)


def trainer_for(
    recipe: Recipe, data: Mnist, eager: bool = False, *, window: int | None = None
) -> Trainer:
    """Return the trainer of a recipe on data in memory, or on data that stays in its files.

    `window` is for a stream: how many images are shuffled together (by default all, up to
    `EXACT_ROWS` of them, and `WINDOW` of more). Raises RecipeError for a window without a stream.

    >>> from tinygrad_mnist.data import load_embedded
    >>> from tinygrad_mnist.models import RECIPES
    >>> type(trainer_for(RECIPES["mlp-10"], load_embedded())).__name__
    'Trainer'
    """
    if not data.is_streamed:
        if window is not None:
            raise RecipeError("a window is for data that is streamed: --stream")
        return Trainer(recipe, data, eager=eager)
    if window is None and len(data.train_labels) > EXACT_ROWS:
        window = WINDOW
    return StreamedTrainer(recipe, data, eager=eager, window=window)
