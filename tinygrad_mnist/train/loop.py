"""The training loop: mini-batches, one step per batch, validation after every epoch.

A `Trainer` holds the whole state of a run: interrupt it between two steps, keep its
`state_dict()`, and a new Trainer that loads the state ends in the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.data import Mnist, StoredArray, batches, normalize
from tinygrad_mnist.data.transforms import MNIST_MEAN, MNIST_STD
from tinygrad_mnist.jit import jit
from tinygrad_mnist.jit.tile_size import Undecided, tile_rows_of
from tinygrad_mnist.models import Recipe, RecipeError, build
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, manual_seed, set_rng_state
from tinygrad_mnist.threads import blas, get_num_threads, set_num_threads
from tinygrad_mnist.train.ranks import Ranks
from tinygrad_mnist.train.threads import choose_threads

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ROWS = 1000  # images at a time where no gradient is needed: their activations stay in the cache


class Diverged(ArithmeticError):
    """The loss is no longer finite; the message names the step and what to change."""


Batch = tuple[tuple[Tensor, ...], Ints]  # the arguments of a step, and the labels


class Examples(NamedTuple):
    """Images as rows of pixels, the class of each, and the targets of the loss."""

    inputs: Floats  # (N, 784)
    labels: Ints  # (N,)
    targets: NDArray[Any]  # the labels, or for one neuron (N, 1) float32


def rows_of(images: Images) -> Floats:
    """Return images (N, 28, 28) as rows (N, 784), with mean 0 and standard deviation 1 over MNIST.

    Gradient descent is several times as fast on centred pixels as on pixels in [0, 1].
    """
    rows = normalize(images, MNIST_MEAN, MNIST_STD)
    return rows.reshape(len(images), math.prod(images.shape[1:]))  # a rank may have no image


class PixelRows:
    """Images as rows of pixels that are made when they are sliced: a part of them at a time."""

    def __init__(self, images: Any) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, part: slice) -> Floats:
        return rows_of(self.images[part])


def examples(recipe: Recipe, images: Images, labels: Ints) -> Examples:
    """Return the examples that a recipe's model is trained or validated on."""
    inputs = rows_of(images)
    if recipe.digit is None:
        return Examples(inputs, labels, labels)
    yes = labels == recipe.digit
    return Examples(inputs, yes.astype(np.int64), yes.astype(np.float32)[:, None])


def validation_split(n: int, recipe: Recipe) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of n images to train on, and of those held out to validate."""
    count = max(1, round(n * recipe.validation))
    if count >= n:
        raise RecipeError(f"{n} training images are too few to keep some for validation")
    order = np.random.default_rng([recipe.seed, 0]).permutation(n)
    return order[count:], order[:count]


class Trainer:
    """The training of a recipe on data, from the first step to the last.

    >>> from tinygrad_mnist.data import load_embedded
    >>> from tinygrad_mnist.models import RECIPES
    >>> trainer = Trainer(RECIPES["mlp-10"].replace(epochs=2), load_embedded())
    >>> for epoch in trainer.steps():
    ...     if epoch is not None:
    ...         print(epoch["epoch"], epoch["validation_accuracy"] > 0.5)
    1 True
    2 True
    """

    def __init__(self, recipe: Recipe, data: Mnist, eager: bool = False) -> None:
        """Build the model, and hold some of the training images out for validation.

        The step is compiled, unless `eager`; the bits are the same, except for recipes with tiles,
        where the gradient is summed in another order.
        """
        manual_seed(recipe.seed)
        self.recipe, self.data = recipe, data
        self.ranks = Ranks()
        self.ranks.check(recipe, data)
        self.model = build(recipe)
        self.network = self.ranks.network(self.model)
        self.loss = getattr(F, recipe.loss)
        self.optimizer = make_optimizer(recipe, self.model)
        self.scheduler = make_scheduler(recipe, self.optimizer)
        self.training, self.validation = self._examples()
        self.eager = eager
        self.tile_rows = self._tile_rows()
        self.compile()
        self.threads: int | None = None  # of the BLAS; chosen when the first step is taken
        self.history: list[dict[str, Any]] = []  # the numbers of each finished epoch
        self.epoch = 0  # finished epochs
        self.batch = 0  # finished steps of the present epoch
        self.sums = _no_sums()  # of the present epoch
        self.step_loss = math.nan  # of the last step

    def _examples(self) -> tuple[Examples, Examples]:
        """Return the examples to train on, and this rank's part of those to validate on."""
        images, labels = self.data.train_images, self.data.train_labels
        training, validation = validation_split(len(labels), self.recipe)
        self.validated_on = len(validation)  # by all ranks
        own = validation[self.ranks.part(len(validation))]
        held_out = examples(self.recipe, images[own], labels[own])
        every = examples(self.recipe, images[training], labels[training])
        share = self.ranks.part(len(training)) if self.recipe.batch_size is None else slice(None)
        self._labels = every.labels[share]
        self._inputs = from_numpy(every.inputs[share])
        self._targets = from_numpy(every.targets[share])
        return every, held_out

    @property
    def gathers(self) -> bool:
        """Tell whether the step takes the indices of a batch, and gathers the batch itself."""
        return self.recipe.batch_size is not None

    def compile(self) -> None:
        """Compile the step for this trainer."""
        step = self._step_on_rows if self.gathers else self._step_on_all
        self.step: Any = step if self.eager else jit(step, pure=True, tile_rows=self.tile_rows)

    def _tile_rows(self) -> int | None:
        """Return how many rows a tile has, by the recipe or by sizes; None without tiles."""
        rows = self.recipe.tile_rows
        if self.eager or rows is None:
            return None
        if isinstance(rows, int):
            return rows
        inputs, _, targets = (part[: self.recipe.batch_size] for part in self.training)
        network, self.network = self.network, None  # no rank waits for another here
        try:
            return tile_rows_of(self._step_on_all, (from_numpy(inputs), from_numpy(targets)))
        except Undecided:  # the first step raises the error
            return None
        finally:
            self.network = network

    def _step_on_rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._step_on_all(self._inputs[rows], self._targets[rows])

    def _step_on_all(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take one step of gradient descent; return the loss and outputs from before it."""
        self.optimizer.zero_grad()
        outputs = (self.network or self.model)(inputs)
        loss = self.loss(outputs, targets)
        loss.backward()
        self.optimizer.step()
        return loss, outputs.detach()

    def steps(self) -> Iterator[dict[str, Any] | None]:
        """Train to the last epoch, yielding after each step.

        Yields an epoch's numbers at its end, else None. The loop may be left after any step: the
        state is complete. Raises `Diverged` when the loss is no longer finite.
        """
        self.model.train()
        if self.threads is None:
            self.threads = choose_threads(self)
        before = get_num_threads()
        if blas().is_known:  # else a checkpoint of another machine may ask for more than its one
            set_num_threads(self.threads)
        try:
            while self.epoch < self.recipe.epochs:
                with closing(self._batches()) as left:
                    for batch in left:
                        self._train_on(batch)
                        self.batch += 1
                        yield self.end_epoch() if self.batch == self.steps_per_epoch else None
        finally:
            set_num_threads(before)

    @property
    def steps_per_epoch(self) -> int:
        """Return the number of batches in the training images."""
        return math.ceil(len(self.training.labels) / (self.recipe.batch_size or 2**62))

    def _order(self) -> list[NDArray[np.intp] | None]:
        """Return the rows of each batch of this epoch; None for all of them at once."""
        if self.recipe.batch_size is None:
            return [None]
        rng = np.random.default_rng([self.recipe.seed, 1 + self.epoch])
        return list(batches(len(self.training.labels), self.recipe.batch_size, rng))

    def _batches(self) -> Generator[Batch, None, None]:
        """Yield the step's arguments and the labels of this rank's part of each batch left."""
        for rows in self._order()[self.batch :]:
            yield self._part(rows)

    def _part(self, batch: NDArray[np.intp] | None) -> Batch:
        """Return this rank's part of a batch; None stands for all images."""
        rows = self.ranks.rows(batch)
        if rows is None:
            return (self._inputs, self._targets), self._labels
        return (from_numpy(rows),), self._labels[rows]

    def _train_on(self, batch: Batch) -> None:
        start = time.perf_counter()
        inputs, labels = batch
        self.ranks.begin_step(self.recipe, self.epoch, self.batch)
        value, correct = self._stepped(inputs, labels)
        value, correct, images = self.ranks.end_step(value, correct, len(labels))
        if not math.isfinite(value):
            raise Diverged(
                f"the loss became {value} in epoch {self.epoch + 1}, step {self.batch + 1}: "
                f"try a learning rate below {self.recipe.lr:g}"
            )
        self.step_loss = value
        self.sums["loss"] += value * images
        self.sums["correct"] += correct
        self.sums["images"] += images
        self.sums["seconds"] += time.perf_counter() - start

    def _stepped(self, inputs: tuple[Tensor, ...], labels: Ints) -> tuple[float, int]:
        """Take a step on this rank's rows; return their mean loss and the correct answers."""
        if self.network is not None:
            self.network.set_weight(len(labels))
            if not len(labels):  # a last batch with fewer images than there are ranks
                self.optimizer.zero_grad()
                self.network.skip_batch()
                self.optimizer.step()
                return 0.0, 0
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            loss, outputs = self.step(*inputs)
        return loss.item(), int(np.count_nonzero(chosen(outputs.numpy()) == labels))

    def end_epoch(self) -> dict[str, Any]:
        """Validate, record the epoch's numbers, and begin the next."""
        lr = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None:
            self.scheduler.step()
        self.ranks.check_weights(self.model)
        loss, accuracy = self._validate()
        self.epoch, self.batch = self.epoch + 1, 0
        numbers = {
            "epoch": self.epoch,
            "lr": lr,
            "loss": self.running_loss,
            "accuracy": self.running_accuracy,
            "validation_loss": loss,
            "validation_accuracy": accuracy,
            "seconds": self.sums["seconds"],
            "images_per_second": self.sums["images"] / self.sums["seconds"],
        }
        self.history.append(numbers)
        self.sums = _no_sums()
        return numbers

    def _validate(self) -> tuple[float, float]:
        """Return loss and accuracy on the validation images; each rank validates on some."""
        inputs, labels, targets = self.validation
        loss, correct = 0.0, 0
        if len(labels):
            outputs = self.outputs(inputs)
            with no_grad():
                loss = self.loss(from_numpy(outputs), from_numpy(targets)).item()
            correct = int(np.count_nonzero(chosen(outputs) == labels))
        loss, correct, images = self.ranks.end_step(loss, correct, len(labels))
        return loss, correct / images

    @property
    def running_loss(self) -> float:
        """Return the mean loss of the epoch so far, each batch measured before its step."""
        return float(self.sums["loss"] / max(self.sums["images"], 1))

    @property
    def running_accuracy(self) -> float:
        """Return the accuracy of the epoch so far, each batch measured before its step."""
        return float(self.sums["correct"] / max(self.sums["images"], 1))

    def outputs(self, inputs: Floats | PixelRows) -> Floats:
        """Return the current model's outputs for rows of pixels, without dropout."""
        return model_outputs(self.model, inputs)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next step depends on, except the weights, and the numbers so far."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "sums": dict(self.sums),
            "history": list(self.history),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "random": get_rng_state(),
            "threads": self.threads,
            "tile_rows": self.tile_rows,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the `state_dict()` of another run."""
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.sums, self.history = dict(state["sums"]), list(state["history"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        set_rng_state(state["random"])
        if self.ranks.size == 1:  # else the ranks share the cores
            self.threads = state.get("threads")  # older checkpoints do not record it,
        self.tile_rows = state.get("tile_rows", self.tile_rows)  # and have a number in the recipe
        self.compile()


def fit(recipe: Recipe, data: Mnist, eager: bool = False) -> Trainer:
    """Train a recipe to its end and return the trainer: its `.model` and its `.history`.

    >>> from tinygrad_mnist.data import load_embedded
    >>> from tinygrad_mnist.models import RECIPES
    >>> trainer = fit(RECIPES["neuron"].replace(epochs=5), load_embedded())
    >>> len(trainer.history)
    5
    """
    trainer = Trainer(recipe, data, eager=eager)
    for _ in trainer.steps():
        pass
    return trainer


def make_optimizer(recipe: Recipe, model: nn.Module) -> optim.Optimizer:
    """Return the optimizer that a recipe names, for the model's parameters."""
    options = {"momentum": recipe.momentum} if recipe.momentum else {}
    if recipe.weight_decay:
        options["weight_decay"] = recipe.weight_decay
    make = getattr(optim, recipe.optimizer)
    optimizer: optim.Optimizer = make(model.parameters(), lr=recipe.lr, **options)
    return optimizer


def make_scheduler(recipe: Recipe, optimizer: optim.Optimizer) -> Any:
    """Return the learning-rate schedule that a recipe names; None for a constant rate."""
    if recipe.schedule == "constant":
        return None
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)


def model_outputs(model: nn.Module, inputs: Floats | PixelRows) -> Floats:
    """Return a model's outputs (N, outputs) for rows of pixels (N, 784), in evaluation mode."""
    training = model.training
    model.eval()
    with no_grad():
        parts = [
            model(from_numpy(inputs[start : start + ROWS])).numpy()
            for start in range(0, len(inputs), ROWS)
        ]
    model.train(training)
    return np.concatenate(parts)


def chosen(outputs: Floats) -> NDArray[np.intp]:
    """Return the most probable class of logits (N, classes); for (N, 1), 1 where above 0."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.intp)
    best: NDArray[np.intp] = outputs.argmax(1)
    return best


def predict(model: nn.Module, images: Images | StoredArray) -> Floats:
    """Return class probabilities (N, classes) for uint8 images (N, 28, 28); rows sum to 1.

    A model with one output gives two classes, no and yes.

    >>> from tinygrad_mnist.models import shallow
    >>> predict(shallow(16), np.zeros((3, 28, 28), np.uint8)).shape
    (3, 10)
    """
    outputs = from_numpy(model_outputs(model, PixelRows(images)))
    if outputs.shape[1] == 1:
        yes = F.sigmoid(outputs).numpy()
        return np.concatenate([1 - yes, yes], axis=1)
    probabilities: Floats = F.softmax(outputs, 1).numpy()
    return probabilities


def _no_sums() -> dict[str, Any]:
    return {"loss": 0.0, "correct": 0, "images": 0, "seconds": 0.0}
