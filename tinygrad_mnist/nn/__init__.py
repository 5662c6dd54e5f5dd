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
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
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
from tinygrad_mnist.nn.layers.attention import MultiheadAttention
from tinygrad_mnist.nn.layers.conv import (
    ConstantPad2d,
    Conv1d,
    Conv2d,
    ConvTranspose1d,
    ConvTranspose2d,
    ReflectionPad2d,
    ReplicationPad2d,
    ZeroPad1d,
    ZeroPad2d,
)
from tinygrad_mnist.nn.layers.embedding import Embedding
from tinygrad_mnist.nn.layers.linear import Bilinear, Flatten, Identity, Linear, Unflatten
from tinygrad_mnist.nn.layers.norm import (
    BatchNorm1d,
    BatchNorm2d,
    GroupNorm,
    LayerNorm,
    RMSNorm,
)
from tinygrad_mnist.nn.layers.pool import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AvgPool1d,
    AvgPool2d,
    MaxPool1d,
    MaxPool2d,
)
from tinygrad_mnist.nn.layers.rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
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
