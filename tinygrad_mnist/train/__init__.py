"""Training: the loop, metrics, checkpoints, the record of a run and its plots.

Start with loop.py, whose `step` is all of gradient descent. The result of a run depends on
the recipe, its seed and the data alone: nothing here lets a clock or other random numbers in.
"""

from tinygrad_mnist.train.checkpoint import Saved, load_model, resume, save_model
from tinygrad_mnist.train.loop import Diverged, Trainer, fit, predict
from tinygrad_mnist.train.metrics import Evaluation, confusion_matrix, evaluate
from tinygrad_mnist.train.report import environment, measured_on, run_record
from tinygrad_mnist.train.stream import StreamedTrainer, trainer_for

__all__ = [
    "Diverged", "Evaluation", "Saved", "StreamedTrainer", "Trainer", "confusion_matrix",
    "environment", "evaluate", "fit", "load_model", "measured_on", "predict", "resume",
    "run_record", "save_model", "trainer_for",
]  # fmt: skip
