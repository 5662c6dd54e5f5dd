"""Layers and losses against PyTorch's own database of module inputs, in float64.

Same state-dict keys and shapes in the same order, PyTorch's state loads, outputs to 1e-6, gradients
of inputs and parameters to 1e-5, in training and in evaluation.
"""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

import numpy as np
import pytest

import tinygrad_mnist as tg
from tests.conformance.against_torch import check_same, differentiable, mapped, to_ours

# In a process of its own core: PyTorch's import dominates the time of this file.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("torch") is None, reason="PyTorch is not installed"
)

NAMES = """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
    AdaptiveMaxPool3d AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss BatchNorm1d
    BatchNorm2d BatchNorm3d Bilinear CELU CTCLoss CircularPad1d CircularPad2d CircularPad3d
    ConstantPad1d ConstantPad2d ConstantPad3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d
    ConvTranspose3d CosineEmbeddingLoss CrossEntropyLoss ELU Embedding FractionalMaxPool2d
    FractionalMaxPool3d GELU GLU GRU GRUCell GaussianNLLLoss GroupNorm Hardshrink Hardswish
    Hardtanh HingeEmbeddingLoss HuberLoss InstanceNorm1d InstanceNorm2d InstanceNorm3d KLDivLoss
    L1Loss LPPool1d LPPool2d LPPool3d LSTM LSTMCell LayerNorm LazyConv1d LazyConv2d LazyConv3d
    LazyConvTranspose1d LazyConvTranspose2d LazyConvTranspose3d LeakyReLU Linear LocalResponseNorm
    LogSigmoid LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d Mish
    MultiLabelMarginLoss MultiLabelSoftMarginLoss MultiMarginLoss MultiheadAttention NLLLoss PReLU
    PoissonNLLLoss RMSNorm RNN RNNCell ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d
    ReplicationPad1d ReplicationPad2d ReplicationPad3d SELU SiLU Sigmoid SmoothL1Loss
    SoftMarginLoss Softmax Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink
    Threshold Transformer TransformerDecoderLayer TransformerEncoder TransformerEncoderLayer
    ZeroPad1d ZeroPad2d ZeroPad3d
""".split()  # noqa: SIM905


LEFT_OUT = {"LinearCrossEntropyLoss"}  # a saving of memory: Linear and CrossEntropyLoss


def module_info(name: str) -> Any:
    from torch.testing._internal.common_modules import module_db

    return next(info for info in module_db if info.name == f"nn.{name}")


def module_of(value: Any) -> Any:
    """PyTorch's functions and modules among a module's arguments as ours, other values as ever."""
    import torch

    if callable(value) and hasattr(tg.nn.functional, getattr(value, "__name__", " ")):
        return getattr(tg.nn.functional, value.__name__)
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        attention = value.self_attn
        sizes = (attention.embed_dim, attention.num_heads, value.linear1.out_features)
        options = {"batch_first": attention.batch_first, "norm_first": value.norm_first}
        options |= {"dropout": value.dropout.p, "activation": module_of(value.activation)}
        return tg.nn.TransformerEncoderLayer(
            *sizes, bias=value.linear1.bias is not None, dtype=tg.float64, **options
        )
    return to_ours(value)


def settings_of(args: Any, kwargs: Any) -> tuple[Any, Any]:
    """A call's arguments as ours; one Tensor given twice stays one."""
    known: dict[int, Any] = {}

    def ours(value: Any) -> Any:
        if id(value) not in known:
            known[id(value)] = module_of(value)
        return known[id(value)]

    return mapped(tuple(args), ours), mapped(dict(kwargs), ours)


def leaves_of(args: Any, kwargs: Any) -> list[Any]:
    found: list[Any] = []
    mapped([list(args), dict(kwargs)], found.append)
    return found


def inputs(name: str, training: bool) -> list[Any]:
    import torch

    info = module_info(name)
    rng_state = torch.get_rng_state()
    torch.manual_seed(0)
    try:
        return list(
            info.module_inputs_func(
                info, device="cpu", dtype=torch.float64, requires_grad=True, training=training
            )
        )
    finally:
        torch.set_rng_state(rng_state)


def check_one(name: str, given: Any, training: bool) -> None:
    """One constructor call and one forward call, in both libraries."""
    import torch

    theirs_class, ours_class = getattr(torch.nn, name), getattr(tg.nn, name)
    args, kwargs = given.constructor_input.args, given.constructor_input.kwargs
    dtype = {}
    if "dtype" in inspect.signature(theirs_class).parameters or name in ("RNN", "LSTM", "GRU"):
        dtype = {"dtype": torch.float64}
    theirs = theirs_class(*args, **kwargs, **dtype).double()
    our_args, our_kwargs = settings_of(args, kwargs | dtype)
    ours = ours_class(*our_args, **our_kwargs)
    if name.startswith("Lazy"):  # the first call gives the Parameters their shapes
        theirs(*given.forward_input.args), ours(*map(to_ours, given.forward_input.args))
        assert type(ours) is getattr(tg.nn, type(theirs).__name__)
    state = theirs.state_dict()
    assert [(k, tuple(v.shape)) for k, v in state.items()] == [
        (k, v.shape) for k, v in ours.state_dict().items()
    ]
    ours.load_state_dict(state)
    theirs.train(training), ours.train(training)
    their_args, their_kwargs = given.forward_input.args, given.forward_input.kwargs
    our_args, our_kwargs = settings_of(their_args, their_kwargs)
    expected, got = theirs(*their_args, **their_kwargs), ours(*our_args, **our_kwargs)
    check_same(got, expected, 1e-6, "output")
    check_same(list(ours.buffers()), list(theirs.buffers()), 1e-6, "buffers")
    outputs, our_outputs = differentiable(expected), differentiable(got)
    assert len(outputs) == len(our_outputs)
    pairs = [
        *zip(leaves_of(our_args, our_kwargs), leaves_of(their_args, their_kwargs), strict=True),
        *zip(ours.parameters(), theirs.parameters(), strict=True),
    ]
    pairs = [(a, b) for a, b in pairs if isinstance(b, torch.Tensor) and b.requires_grad]
    if not outputs or not pairs:
        return
    rng = np.random.default_rng(0)
    seeds = [rng.standard_normal(tuple(y.shape)) for y in outputs]
    expected = torch.autograd.grad(
        outputs, [b for _, b in pairs], [torch.tensor(s) for s in seeds], allow_unused=True
    )
    got = tg.autograd.grad(
        our_outputs, [a for a, _ in pairs], [tg.tensor(s) for s in seeds], allow_unused=True
    )
    check_same(list(got), list(expected), 1e-5, "gradient")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
def test_module_is_pytorchs(name: str, training: bool) -> None:
    samples = inputs(name, training)
    assert samples
    every = max(1, len(samples) // 12) if name.startswith("Transformer") else 1  # hundreds of them
    for given in samples[::every]:
        check_one(name, given, training)


def test_the_database_holds_no_other_module() -> None:
    from torch.testing._internal.common_modules import module_db

    names = {info.name.removeprefix("nn.") for info in module_db}
    assert names == {*NAMES} | LEFT_OUT
