"""Modules: parameters, layers and losses, under `torch.nn`'s names.

`module.py` has the base class, `Module`; `layers/` holds one file per family; `functional.py`
lists the functions, which are computed in `ops/`. Keep the names and shapes of parameters: saved
files depend on them.
"""

# ruff: noqa: F403

from typing import TYPE_CHECKING

from tinygrad_mnist.lazy import page

if TYPE_CHECKING:
    from tinygrad_mnist.nn import functional as functional
    from tinygrad_mnist.nn import init as init
    from tinygrad_mnist.nn import utils as utils
    from tinygrad_mnist.nn.containers import *
    from tinygrad_mnist.nn.layers.activation import *
    from tinygrad_mnist.nn.layers.adaptive_pool import *
    from tinygrad_mnist.nn.layers.adaptive_softmax import *
    from tinygrad_mnist.nn.layers.attention import *
    from tinygrad_mnist.nn.layers.conv import *
    from tinygrad_mnist.nn.layers.embedding import *
    from tinygrad_mnist.nn.layers.lazy import *
    from tinygrad_mnist.nn.layers.linear import *
    from tinygrad_mnist.nn.layers.norm import *
    from tinygrad_mnist.nn.layers.pad import *
    from tinygrad_mnist.nn.layers.pool import *
    from tinygrad_mnist.nn.layers.resample import *
    from tinygrad_mnist.nn.layers.rnn import *
    from tinygrad_mnist.nn.layers.rnn_cell import *
    from tinygrad_mnist.nn.layers.transformer import *
    from tinygrad_mnist.nn.lazy import UninitializedBuffer as UninitializedBuffer
    from tinygrad_mnist.nn.lazy import UninitializedParameter as UninitializedParameter
    from tinygrad_mnist.nn.loss import *
    from tinygrad_mnist.nn.module import Module as Module
    from tinygrad_mnist.nn.parallel import *
    from tinygrad_mnist.nn.parameter import Buffer as Buffer
    from tinygrad_mnist.nn.parameter import Parameter as Parameter
else:
    __getattr__, __dir__, __all__ = page(
        __name__,
        {
            "": "functional init utils",
            "containers": "ModuleDict ModuleList ParameterDict ParameterList Sequential",
            "layers.activation": (
                "CELU ELU GELU GLU SELU AlphaDropout Dropout Dropout1d Dropout2d Dropout3d "
                "FeatureAlphaDropout Hardshrink Hardsigmoid Hardswish Hardtanh LeakyReLU "
                "LogSigmoid LogSoftmax Mish PReLU RReLU ReLU ReLU6 SiLU Sigmoid Softmax Softmax2d "
                "Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold"
            ),
            "layers.adaptive_pool": (
                "AdaptiveMaxPool1d AdaptiveMaxPool2d AdaptiveMaxPool3d FractionalMaxPool2d "
                "FractionalMaxPool3d LPPool1d LPPool2d LPPool3d MaxUnpool1d MaxUnpool2d "
                "MaxUnpool3d"
            ),
            "layers.adaptive_softmax": "AdaptiveLogSoftmaxWithLoss",
            "layers.attention": "MultiheadAttention",
            "layers.conv": "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d",
            "layers.embedding": "Embedding EmbeddingBag",
            "layers.lazy": (
                "LazyBatchNorm1d LazyBatchNorm2d LazyBatchNorm3d LazyConv1d LazyConv2d LazyConv3d "
                "LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LazyInstanceNorm1d "
                "LazyInstanceNorm2d LazyInstanceNorm3d LazyLinear"
            ),
            "layers.linear": "Bilinear Flatten Identity Linear Unflatten",
            "layers.norm": (
                "BatchNorm1d BatchNorm2d BatchNorm3d CrossMapLRN2d GroupNorm InstanceNorm1d "
                "InstanceNorm2d InstanceNorm3d LayerNorm LocalResponseNorm RMSNorm"
            ),
            "layers.pad": (
                "CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d "
                "ConstantPad3d ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d "
                "ReplicationPad2d ReplicationPad3d ZeroPad1d ZeroPad2d ZeroPad3d"
            ),
            "layers.pool": (
                "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AvgPool1d AvgPool2d "
                "AvgPool3d MaxPool1d MaxPool2d MaxPool3d"
            ),
            "layers.resample": (
                "ChannelShuffle Fold PixelShuffle PixelUnshuffle Unfold Upsample "
                "UpsamplingBilinear2d UpsamplingNearest2d"
            ),
            "layers.rnn": "GRU LSTM RNN RNNBase",
            "layers.rnn_cell": "GRUCell LSTMCell RNNCell RNNCellBase",
            "layers.transformer": (
                "Transformer TransformerDecoder TransformerDecoderLayer TransformerEncoder "
                "TransformerEncoderLayer"
            ),
            "lazy": "UninitializedBuffer UninitializedParameter",
            "loss": (
                "BCELoss BCEWithLogitsLoss CTCLoss CosineEmbeddingLoss CosineSimilarity "
                "CrossEntropyLoss GaussianNLLLoss HingeEmbeddingLoss HuberLoss KLDivLoss L1Loss "
                "MSELoss MarginRankingLoss MultiLabelMarginLoss MultiLabelSoftMarginLoss "
                "MultiMarginLoss NLLLoss NLLLoss2d PairwiseDistance PoissonNLLLoss SmoothL1Loss "
                "SoftMarginLoss TripletMarginLoss TripletMarginWithDistanceLoss"
            ),
            "module": "Module",
            "parallel": "DataParallel",
            "parameter": "Buffer Parameter",
        },
        core="containers functional layers.activation layers.linear loss module",
    )
