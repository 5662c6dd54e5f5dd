"""Reverse-mode automatic differentiation on NumPy, with PyTorch's names, and MNIST models.

The public names are listed here, on one page; each folder's first file lists its own. Each
family in `ops/` begins with the list of its names. Everything else is imported when first used.
"""

# ruff: noqa: F403

from __future__ import annotations

from tinygrad_mnist import start as start  # before all that takes time

# isort: split
from tinygrad_mnist import cores as cores  # looks at them for the first time

# isort: split
import builtins
import math
from typing import TYPE_CHECKING, Any

from tinygrad_mnist import blas as blas  # before NumPy, for which it may choose a core

# isort: split
import numpy as np

from tinygrad_mnist import autograd as autograd
from tinygrad_mnist import ops as ops
from tinygrad_mnist.autograd import Tensor as Tensor
from tinygrad_mnist.autograd import enable_grad as enable_grad
from tinygrad_mnist.autograd import inference_mode as inference_mode
from tinygrad_mnist.autograd import is_grad_enabled as is_grad_enabled
from tinygrad_mnist.autograd import no_grad as no_grad
from tinygrad_mnist.autograd import set_grad_enabled as set_grad_enabled
from tinygrad_mnist.autograd.default_dtype import get_default_dtype as get_default_dtype
from tinygrad_mnist.autograd.default_dtype import set_default_dtype as set_default_dtype
from tinygrad_mnist.autograd.dtypes import promote_types as promote_types
from tinygrad_mnist.autograd.dtypes import result_type as result_type
from tinygrad_mnist.lazy import page, register_finder
from tinygrad_mnist.ops.arguments import device as device
from tinygrad_mnist.ops.compare import *  # eq, lt, logical_and, isnan, where, allclose, ...
from tinygrad_mnist.ops.create import *  # tensor, zeros, arange, eye, from_numpy, full_like, ...
from tinygrad_mnist.ops.diagonal import *  # diag, diagonal, trace, tril, triu, ...
from tinygrad_mnist.ops.elementwise import *  # add, exp, sqrt, clamp, relu, sigmoid, ...
from tinygrad_mnist.ops.index import *  # gather, scatter, sort, topk, masked_fill, unique, ...
from tinygrad_mnist.ops.join import *  # cat, stack, split, chunk, unbind, roll, meshgrid, ...
from tinygrad_mnist.ops.matmul import *  # matmul, mm, dot, einsum, tensordot, cdist, ...
from tinygrad_mnist.ops.printing import get_printoptions as get_printoptions
from tinygrad_mnist.ops.printing import set_printoptions as set_printoptions
from tinygrad_mnist.ops.random import *  # manual_seed, Generator, rand, randn, bernoulli, ...
from tinygrad_mnist.ops.reduce import *  # sum, mean, var, max, argmax, softmax, norm, ...
from tinygrad_mnist.ops.rows import *  # the rows of the table: for type checkers, rows.pyi
from tinygrad_mnist.ops.shape import *  # reshape, permute, squeeze, expand, flip, repeat, ...

if TYPE_CHECKING:
    from tinygrad_mnist import compat as compat
    from tinygrad_mnist import data as data
    from tinygrad_mnist import distributed as distributed
    from tinygrad_mnist import distributions as distributions
    from tinygrad_mnist import fft as fft
    from tinygrad_mnist import linalg as linalg
    from tinygrad_mnist import models as models
    from tinygrad_mnist import nn as nn
    from tinygrad_mnist import optim as optim
    from tinygrad_mnist import serialize as serialize
    from tinygrad_mnist import special as special
    from tinygrad_mnist import testing as testing
    from tinygrad_mnist import train as train
    from tinygrad_mnist import utils as utils
    from tinygrad_mnist.autograd.anomaly import is_anomaly_enabled as is_anomaly_enabled
    from tinygrad_mnist.autograd.size import Size as Size
    from tinygrad_mnist.compat.amp import *
    from tinygrad_mnist.compat.dtypes import *
    from tinygrad_mnist.compat.func import *
    from tinygrad_mnist.compat.functions import *
    from tinygrad_mnist.compat.scripting import *
    from tinygrad_mnist.compat.sparse import *
    from tinygrad_mnist.compat.tensors import *
    from tinygrad_mnist.jit import jit as jit  # the folder, which can be called
    from tinygrad_mnist.nn.functional import channel_shuffle as channel_shuffle
    from tinygrad_mnist.nn.functional import conv3d as conv3d
    from tinygrad_mnist.nn.functional import conv_tbc as conv_tbc
    from tinygrad_mnist.nn.functional import conv_transpose3d as conv_transpose3d
    from tinygrad_mnist.nn.functional import feature_alpha_dropout as feature_alpha_dropout
    from tinygrad_mnist.nn.functional import max_pool3d as max_pool3d
    from tinygrad_mnist.nn.functional import native_channel_shuffle as native_channel_shuffle
    from tinygrad_mnist.nn.functional import pdist as pdist
    from tinygrad_mnist.nn.functional import pixel_shuffle as pixel_shuffle
    from tinygrad_mnist.nn.functional import pixel_unshuffle as pixel_unshuffle
    from tinygrad_mnist.ops.arrange import *
    from tinygrad_mnist.ops.calculus import *
    from tinygrad_mnist.ops.grid import affine_grid_generator as affine_grid_generator
    from tinygrad_mnist.ops.grid import grid_sampler as grid_sampler
    from tinygrad_mnist.ops.grid import grid_sampler_2d as grid_sampler_2d
    from tinygrad_mnist.ops.grid import grid_sampler_3d as grid_sampler_3d
    from tinygrad_mnist.ops.histogram import *
    from tinygrad_mnist.ops.linalg.older import *
    from tinygrad_mnist.ops.scattering import *
    from tinygrad_mnist.ops.searching import *
    from tinygrad_mnist.ops.signal import *
    from tinygrad_mnist.ops.special import digamma as digamma
    from tinygrad_mnist.ops.special import erfinv as erfinv
    from tinygrad_mnist.ops.special import i0 as i0
    from tinygrad_mnist.ops.special import igamma as igamma
    from tinygrad_mnist.ops.special import igammac as igammac
    from tinygrad_mnist.ops.special import lgamma as lgamma
    from tinygrad_mnist.ops.special import mvlgamma as mvlgamma
    from tinygrad_mnist.ops.special import polygamma as polygamma
    from tinygrad_mnist.ops.statistics import *
    from tinygrad_mnist.serialize import load as load
    from tinygrad_mnist.serialize import save as save
    from tinygrad_mnist.threads import get_num_threads as get_num_threads
    from tinygrad_mnist.threads import set_num_threads as set_num_threads
else:
    __getattr__, __dir__ = page(
        __name__,
        {
            "": (
                "compat data distributed distributions fft jit linalg models nn optim serialize "
                "special testing train utils"
            ),
            "ops.arrange": (
                "adjoint alias_copy atleast_3d block_diag cartesian_prod "
                "column_stack combinations detach_copy diagonal_copy dsplit dstack "
                "expand_copy hsplit narrow_copy permute_copy rot90 select_copy slice_copy "
                "split_copy split_with_sizes_copy squeeze_copy sum_to_size t_copy "
                "transpose_copy unbind_copy unfold unfold_copy unsafe_chunk unsafe_split "
                "unsafe_split_with_sizes unsqueeze_copy vander view_copy vsplit"
            ),
            "ops.calculus": (
                "cross cummax cummin cumulative_trapezoid diff gradient renorm trapezoid trapz"
            ),
            "ops.grid": "affine_grid_generator grid_sampler grid_sampler_2d grid_sampler_3d",
            "ops.histogram": "bincount histc histogram histogramdd",
            "nn.functional": (
                "channel_shuffle conv3d conv_tbc conv_transpose3d feature_alpha_dropout max_pool3d "
                "native_channel_shuffle pdist pixel_shuffle pixel_unshuffle"
            ),
            "ops.scattering": (
                "diagonal_scatter index_put index_reduce masked_scatter nonzero_static put "
                "scatter_reduce select_scatter slice_scatter take unravel_index"
            ),
            "ops.searching": "bucketize isin searchsorted unique_consecutive",
            "ops.signal": (
                "bartlett_window blackman_window hamming_window hann_window kaiser_window"
            ),
            "ops.statistics": (
                "corrcoef cov kthvalue median mode msort nanmedian nanquantile quantile std_mean "
                "var_mean"
            ),
            "ops.linalg.older": (
                "cholesky cholesky_inverse cholesky_solve det geqrf inverse logdet lu "
                "lu_solve lu_unpack matrix_exp matrix_power orgqr ormqr pinverse qr slogdet "
                "svd triangular_solve"
            ),
            "ops.special": "digamma erfinv i0 igamma igammac lgamma mvlgamma polygamma",
            "serialize": "load save",
            "autograd.size": "Size",
            "compat.amp": "GradScaler autocast is_autocast_enabled",
            "compat.dtypes": (
                "bfloat16 cdouble cfloat chalf channels_last channels_last_3d complex128 "
                "complex32 complex64 contiguous_format layout memory_format newaxis "
                "preserve_format sparse_coo sparse_csr strided"
            ),
            "compat.functions": (
                "abs_ acos_ adaptive_avg_pool1d alpha_dropout "
                "are_deterministic_algorithms_enabled as_strided asin_ atan_ avg_pool1d "
                "batch_norm bilinear binary_cross_entropy_with_logits can_cast ceil_ celu "
                "clamp_ clamp_max_ clamp_min_ clip_ compiled_with_cxx11_abi conv1d conv2d "
                "conv_transpose1d conv_transpose2d cos_ cosh_ cosine_embedding_loss "
                "cosine_similarity default_generator detach_ dropout embedding erf_ erfc_ "
                "exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ frombuffer ger "
                "get_default_device get_device get_float32_matmul_precision "
                "get_num_interop_threads group_norm hardshrink hinge_embedding_loss "
                "is_complex is_conj is_deterministic_algorithms_warn_only_enabled "
                "is_inference is_neg is_nonzero is_same_size is_signed is_storage kl_div "
                "layer_norm log10_ log1p_ log2_ log_ logit_ margin_ranking_loss max_pool1d "
                "max_pool2d nan_to_num_ neg_ negative_ pairwise_distance poisson_nll_loss "
                "prelu range reciprocal_ relu_ resize_as_ rms_norm round_ rrelu rsqrt_ "
                "scalar_tensor seed selu set_anomaly_enabled set_default_device "
                "set_deterministic_debug_mode set_float32_matmul_precision "
                "set_flush_denormal set_num_interop_threads set_warn_always sigmoid_ sin_ "
                "sinc_ sinh_ sqrt_ square_ tan_ tanh_ threshold triplet_margin_loss trunc_ "
                "typename use_deterministic_algorithms xlogy_ zero_"
            ),
            "compat.func": "vmap",
            "compat.scripting": "compile",
            "compat.sparse": "smm sparse_coo_tensor spmm",
            "compat.tensors": (
                "BoolTensor ByteTensor CharTensor DoubleTensor FloatTensor HalfTensor "
                "IntTensor LongTensor ShortTensor set_default_tensor_type"
            ),
            "autograd.anomaly": "is_anomaly_enabled",
            "threads": "get_num_threads set_num_threads",
        },
    )[:2]

__version__ = "0.1.0"

# Dtypes are NumPy's; e, inf, nan and pi are plain numbers
dtype, finfo, iinfo = np.dtype, np.finfo, np.iinfo
float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
uint8 = np.dtype("uint8")
uint16, uint32, uint64 = np.dtype("uint16"), np.dtype("uint32"), np.dtype("uint64")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int = np.dtype("int32")
int64 = long = np.dtype("int64")
bool = np.dtype("bool")
e, inf, nan, pi = math.e, math.inf, math.nan, math.pi

register_finder()  # PyTorch's import paths: nn.modules.conv, utils.data.dataloader, cuda.amp, ...


def is_tensor(obj: Any) -> builtins.bool:
    """Tell whether an object is a Tensor."""
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> builtins.int:
    """Return the number of elements."""
    return input._data.size


def is_floating_point(input: Tensor) -> builtins.bool:
    """Tell whether the dtype is a floating-point one."""
    return builtins.bool(input._data.dtype.kind == "f")
