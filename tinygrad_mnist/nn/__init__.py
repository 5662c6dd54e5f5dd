"""Modules: parameters, layers and losses, under `torch.nn`'s names.

`module.py` is what all of them share; `layers/` holds one file a family; `functional.py` lists the
functions, which are computed in `ops/`. Parameters' names and shapes are in people's files: keep.
"""

from tinygrad_mnist.nn import functional, init, utils
from tinygrad_mnist.nn.containers import (
    ModuleDict,
    ModuleList,
    ParameterDict,
    ParameterList,
    Sequential,
)
from tinygrad_mnist.nn.layers.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from tinygrad_mnist.nn.layers.dropout import AlphaDropout, Dropout, Dropout1d, Dropout2d
from tinygrad_mnist.nn.layers.linear import Bilinear, Flatten, Identity, Linear, Unflatten
from tinygrad_mnist.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CosineSimilarity,
    CrossEntropyLoss,
    GaussianNLLLoss,
    HingeEmbeddingLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MarginRankingLoss,
    MSELoss,
    NLLLoss,
    PairwiseDistance,
    PoissonNLLLoss,
    SmoothL1Loss,
    SoftMarginLoss,
    TripletMarginLoss,
)
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import Parameter

__all__ = [name for name in dir() if not name.startswith("_")]
