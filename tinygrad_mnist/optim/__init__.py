"""Optimizers and learning-rate schedules, one file a family, in increasing complexity.

Read `optimizer.py`, then `sgd.py`. An optimizer is two methods on bare ndarrays, `init_state` and
`update`; to add one, write those two and name it here.
"""

from tinygrad_mnist.optim import lr_scheduler
from tinygrad_mnist.optim.adam import Adam, Adamax, AdamW, NAdam, RAdam
from tinygrad_mnist.optim.adaptive import Adadelta, Adagrad, RMSprop, Rprop
from tinygrad_mnist.optim.lbfgs import LBFGS
from tinygrad_mnist.optim.optimizer import Optimizer
from tinygrad_mnist.optim.sgd import SGD

__all__ = [
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "lr_scheduler",
]
