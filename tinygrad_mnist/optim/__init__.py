"""Optimizers and learning-rate schedules, one file per family, in increasing complexity.

Read `optimizer.py`, then `sgd.py`. An optimizer is two methods on bare ndarrays, `init_state` and
`update`; to add one, write those two and name it here.
"""

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.optim import lr_scheduler as lr_scheduler
    from tinygrad_mnist.optim import swa_utils as swa_utils
    from tinygrad_mnist.optim.adafactor import Adafactor as Adafactor
    from tinygrad_mnist.optim.adam import Adam as Adam
    from tinygrad_mnist.optim.adam import Adamax as Adamax
    from tinygrad_mnist.optim.adam import AdamW as AdamW
    from tinygrad_mnist.optim.adam import NAdam as NAdam
    from tinygrad_mnist.optim.adam import RAdam as RAdam
    from tinygrad_mnist.optim.adaptive import Adadelta as Adadelta
    from tinygrad_mnist.optim.adaptive import Adagrad as Adagrad
    from tinygrad_mnist.optim.adaptive import RMSprop as RMSprop
    from tinygrad_mnist.optim.adaptive import Rprop as Rprop
    from tinygrad_mnist.optim.asgd import ASGD as ASGD
    from tinygrad_mnist.optim.lbfgs import LBFGS as LBFGS
    from tinygrad_mnist.optim.optimizer import Optimizer as Optimizer
    from tinygrad_mnist.optim.refused import Muon as Muon
    from tinygrad_mnist.optim.refused import SparseAdam as SparseAdam
    from tinygrad_mnist.optim.sgd import SGD as SGD
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "": "lr_scheduler swa_utils",
            "adafactor": "Adafactor",
            "adam": "Adam AdamW Adamax NAdam RAdam",
            "adaptive": "Adadelta Adagrad RMSprop Rprop",
            "asgd": "ASGD",
            "lbfgs": "LBFGS",
            "optimizer": "Optimizer",
            "refused": "Muon SparseAdam",
            "sgd": "SGD",
        },
    )
