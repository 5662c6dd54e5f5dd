"""The training loop: mini-batches, one step for each, validation after every epoch.

A `Trainer` holds all that a run is: interrupt it between two steps, keep its `state_dict()`, and a
new one that loads it ends in the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn, optim
from tinygrad_mnist.autograd import Tensor, no_grad
from tinygrad_mnist.data import Mnist, batches, normalize
from tinygrad_mnist.data.transforms import MNIST_MEAN, MNIST_STD
from tinygrad_mnist.jit import jit
from tinygrad_mnist.models import Recipe, RecipeError, build
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.random import get_rng_state, manual_seed, set_rng_state
from tinygrad_mnist.threads import get_num_threads, set_num_threads
from tinygrad_mnist.train.threads import choose_threads

Images = NDArray[np.uint8]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]

ROWS = 1000  # images at a time where no gradient is needed: what they pass through stays in cache


class Diverged(ArithmeticError):
    """The loss is no longer a number; the message says when and what to change."""


class Examples(NamedTuple):
    """Images as rows of pixels, the class of each, and what the loss compares with."""

    inputs: Floats  # (N, 784)
    labels: Ints  # (N,)
    targets: NDArray[Any]  # the labels, or for one neuron (N, 1) float32


def rows_of(images: Images) -> Floats:
    """Images (N, 28, 28) as rows (N, 784) of mean 0 and standard deviation 1 on MNIST as a whole.

    Centred pixels let gradient descent go several times as fast as pixels in [0, 1].
    """
    return normalize(images, MNIST_MEAN, MNIST_STD).reshape(len(images), -1)


def examples(recipe: Recipe, images: Images, labels: Ints) -> Examples:
    """What a recipe's model is trained or validated on."""
    inputs = rows_of(images)
    if recipe.digit is None:
        return Examples(inputs, labels, labels)
    yes = labels == recipe.digit
    return Examples(inputs, yes.astype(np.int64), yes.astype(np.float32)[:, None])


def split(n: int, recipe: Recipe) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The indices of n images to train on, and of those kept from training to validate."""
    held = max(1, round(n * recipe.validation))
    if held >= n:
        raise RecipeError(f"{n} training images are too few to keep some for validation")
    order = np.random.default_rng([recipe.seed, 0]).permutation(n)
    return order[held:], order[:held]


class Trainer:
    """A recipe being trained on data, from its first step to its last.

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
        """Build the model, and keep some of the training images for validation.

        Its step is compiled, unless `eager`; the bits are the same, but for recipes with tiles,
        where the gradient is summed in another order.
        """
        manual_seed(recipe.seed)
        self.recipe, self.data = recipe, data
        self.model = build(recipe)
        self.loss = getattr(F, recipe.loss)
        self.optimizer = make_optimizer(recipe, self.model)
        self.scheduler = make_scheduler(recipe, self.optimizer)
        kept, held = split(len(data.train_labels), recipe)
        images, labels = data.train_images, data.train_labels
        self.training = examples(recipe, images[kept], labels[kept])
        self.validation = examples(recipe, images[held], labels[held])
        self._inputs = from_numpy(self.training.inputs)
        self._targets = from_numpy(self.training.targets)
        self.eager = eager
        self.compile()
        self.threads: int | None = None  # of the BLAS; chosen when the first step is taken
        self.history: list[dict[str, Any]] = []  # the numbers of each epoch that is over
        self.epoch = 0  # epochs that are over
        self.batch = 0  # steps of the present epoch that are over
        self.sums = _no_sums()  # of the present epoch

    def compile(self) -> None:
        """Make the step of this very trainer."""
        recipe = self.recipe
        step = self._step_on_all if recipe.batch_size is None else self._step_on_rows
        self.step: Any = step if self.eager else jit(step, pure=True, tile_rows=recipe.tile_rows)

    def _step_on_rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        return self._step_on_all(self._inputs[rows], self._targets[rows])

    def _step_on_all(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """One step of gradient descent: its loss, and the model's outputs before it."""
        self.optimizer.zero_grad()
        outputs = self.model(inputs)
        loss = self.loss(outputs, targets)
        loss.backward()
        self.optimizer.step()
        return loss, outputs.detach()

    def steps(self) -> Iterator[dict[str, Any] | None]:
        """Train to the last epoch; yields after each step.

        What it yields is an epoch's numbers at its end, else None. Leave the loop when you like:
        the state is whole after each step. Raises `Diverged` when the loss is no longer finite.
        """
        self.model.train()
        if self.threads is None:
            self.threads = choose_threads(self)
        before = get_num_threads()
        set_num_threads(self.threads)
        try:
            while self.epoch < self.recipe.epochs:
                for rows in self._order()[self.batch :]:
                    self._train_on(rows)
                    self.batch += 1
                    yield self._end_epoch() if self.batch == self.steps_per_epoch else None
        finally:
            set_num_threads(before)

    @property
    def steps_per_epoch(self) -> int:
        """How many batches the training images make."""
        return math.ceil(len(self.training.labels) / (self.recipe.batch_size or 2**62))

    def _order(self) -> list[NDArray[np.intp] | None]:
        """The rows of each batch of this epoch; None for all of them at once."""
        if self.recipe.batch_size is None:
            return [None]
        rng = np.random.default_rng([self.recipe.seed, 1 + self.epoch])
        return list(batches(len(self.training.labels), self.recipe.batch_size, rng))

    def _train_on(self, rows: NDArray[np.intp] | None) -> None:
        start = time.perf_counter()
        labels = self.training.labels if rows is None else self.training.labels[rows]
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            given = (self._inputs, self._targets) if rows is None else (from_numpy(rows),)
            loss, outputs = self.step(*given)
        value = loss.item()
        if not math.isfinite(value):
            raise Diverged(
                f"the loss became {value} in epoch {self.epoch + 1}, step {self.batch + 1}: "
                f"try a learning rate below {self.recipe.lr:g}"
            )
        self.sums["loss"] += value * len(labels)
        self.sums["correct"] += int(np.count_nonzero(chosen(outputs.numpy()) == labels))
        self.sums["images"] += len(labels)
        self.sums["seconds"] += time.perf_counter() - start

    def _end_epoch(self) -> dict[str, Any]:
        """Validate, note the epoch's numbers, and go on to the next."""
        lr = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None:
            self.scheduler.step()
        outputs = self.outputs(self.validation.inputs)
        with no_grad():
            loss = self.loss(from_numpy(outputs), from_numpy(self.validation.targets)).item()
        self.epoch, self.batch = self.epoch + 1, 0
        numbers = {
            "epoch": self.epoch,
            "lr": lr,
            "loss": self.running_loss,
            "accuracy": self.running_accuracy,
            "validation_loss": loss,
            "validation_accuracy": float(np.mean(chosen(outputs) == self.validation.labels)),
            "seconds": self.sums["seconds"],
            "images_per_second": self.sums["images"] / self.sums["seconds"],
        }
        self.history.append(numbers)
        self.sums = _no_sums()
        return numbers

    @property
    def running_loss(self) -> float:
        """The mean loss of the epoch so far, each batch as it was before its step."""
        return float(self.sums["loss"] / max(self.sums["images"], 1))

    @property
    def running_accuracy(self) -> float:
        """The share of the epoch's images so far that was right, each before its step."""
        return float(self.sums["correct"] / max(self.sums["images"], 1))

    def outputs(self, inputs: Floats) -> Floats:
        """The model's outputs for rows of pixels, as it is now and without dropout."""
        return model_outputs(self.model, inputs)

    def state_dict(self) -> dict[str, Any]:
        """Everything but the weights that the next step depends on, and the numbers so far."""
        return {
            "epoch": self.epoch,
            "batch": self.batch,
            "sums": dict(self.sums),
            "history": list(self.history),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict() if self.scheduler else None,
            "random": get_rng_state(),
            "threads": self.threads,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where the run that gave this state was."""
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.sums, self.history = dict(state["sums"]), list(state["history"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler:
            self.scheduler.load_state_dict(state["scheduler"])
        set_rng_state(state["random"])
        self.threads = state.get("threads")  # older checkpoints do not say


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
    """The optimizer that a recipe names, for the model's parameters."""
    options = {"momentum": recipe.momentum} if recipe.momentum else {}
    make = getattr(optim, recipe.optimizer)
    optimizer: optim.Optimizer = make(model.parameters(), lr=recipe.lr, **options)
    return optimizer


def make_scheduler(recipe: Recipe, optimizer: optim.Optimizer) -> Any:
    """The learning-rate schedule that a recipe names; None for a constant rate."""
    if recipe.schedule == "constant":
        return None
    return optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=recipe.epochs)


def model_outputs(model: nn.Module, inputs: Floats) -> Floats:
    """The outputs of a model for rows of pixels (N, 784), as if not training: (N, outputs)."""
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
    """The class that logits (N, classes) choose; of one logit (N, 1), 1 where it is above 0."""
    if outputs.shape[1] == 1:
        return (outputs[:, 0] > 0).astype(np.intp)
    best: NDArray[np.intp] = outputs.argmax(1)
    return best


def predict(model: nn.Module, images: Images) -> Floats:
    """The probability of each class for uint8 images (N, 28, 28): (N, classes), rows sum to 1.

    A model with one output gives two classes, no and yes.

    >>> from tinygrad_mnist.models import shallow
    >>> predict(shallow(16), np.zeros((3, 28, 28), np.uint8)).shape
    (3, 10)
    """
    outputs = from_numpy(model_outputs(model, rows_of(images)))
    if outputs.shape[1] == 1:
        yes = F.sigmoid(outputs).numpy()
        return np.concatenate([1 - yes, yes], axis=1)
    probabilities: Floats = F.softmax(outputs, 1).numpy()
    return probabilities


def _no_sums() -> dict[str, Any]:
    return {"loss": 0.0, "correct": 0, "images": 0, "seconds": 0.0}
