"""ONNX: a Sequential as a graph that onnxruntime and others run; a layer is one row of LAYERS.

Only the layers below are supported, as they compute in evaluation. To add one, add a
function that returns its operator and settings, and a row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from tinygrad_mnist.autograd import no_grad
from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import wrap
from tinygrad_mnist.serialize.exchange.arrays import Arrays, Unsupported, arrays_of, require
from tinygrad_mnist.serialize.files import File, write

INSTALL = "tinygrad-mnist[onnx]"
# The oldest versions with all operators below (Gelu came last): older programs read the file too.
OPSET, IR_VERSION = 20, 9

Settings = dict[str, Any]


class Operator(NamedTuple):
    """The ONNX operator of a layer, its settings, and its arrays after the first input."""

    name: str
    settings: Settings
    arrays: Arrays
    linear_above: float | None = None
    """Inputs above this pass through unchanged."""


def _plain(operator: str, **settings: str) -> Callable[..., Operator]:
    """Make the converter of a layer that is one operator; settings are {ONNX's name: ours}."""

    def convert(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
        values = {theirs: getattr(layer, ours) for theirs, ours in settings.items()}
        return Operator(operator, values, {})

    return convert


def _reshape(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if shape[0] != BATCH:
        raise Unsupported("it mixes the batch with other dimensions")
    return Operator("Reshape", {}, {"shape": np.array([-1, *shape[1:]], np.int64)})


def _linear(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if input_ndim != 2:
        raise Unsupported(f"its input has {input_ndim} dimensions; flatten it to 2 before")
    return Operator("Gemm", {"transB": 1}, _own(layer))


def _conv(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if layer.padding_mode != "zeros":
        raise Unsupported(f"padding_mode={layer.padding_mode!r}; only 'zeros' is supported")
    reach = [d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    if layer.padding == "same":
        pads = [n // 2 for n in reach] + [n - n // 2 for n in reach]
    else:
        pads = [0] * 2 * len(reach) if layer.padding == "valid" else list(layer.padding) * 2
    settings = {"kernel_shape": layer.kernel_size, "strides": layer.stride, "pads": pads}
    settings |= {"dilations": layer.dilation, "group": layer.groups}
    return Operator("Conv", settings, _own(layer))


def _max_pool(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if layer.return_indices or layer.ceil_mode:
        raise Unsupported("return_indices and ceil_mode are not supported")
    if input_ndim != 4:
        raise Unsupported("its input is (C, H, W); ONNX needs a batch of these")
    names = {"kernel_shape": "kernel_size", "strides": "stride", "dilations": "dilation"}
    settings = {theirs: _pair(getattr(layer, ours)) for theirs, ours in names.items()}
    return Operator("MaxPool", settings | {"pads": _pair(layer.padding) * 2}, {})


def _batch_norm(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if layer.running_mean is None:
        raise Unsupported("it keeps no running mean, so its output depends on the whole batch")
    own = _own(layer)
    ones = np.ones_like(own["running_mean"])
    values = [own.get("weight", ones), own.get("bias", 0 * ones)]
    arrays = dict(zip(("weight", "bias"), values, strict=True))
    moments = {name: own[name] for name in ("running_mean", "running_var")}
    return Operator("BatchNormalization", {"epsilon": layer.eps}, arrays | moments)


def _softmax(operator: str) -> Callable[..., Operator]:
    def convert(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
        if layer.dim is None:
            raise Unsupported("its dim is None; set it")
        return Operator(operator, {"axis": layer.dim}, {})

    return convert


def _softplus(layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    if layer.beta != 1:
        raise Unsupported(f"beta={layer.beta}; only 1 is supported")
    # Above 40 the formula returns its input, in float64 too.
    return Operator("Softplus", {}, {}, layer.threshold if layer.threshold < 40 else None)


LAYERS: dict[str, Callable[..., Operator]] = {
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "Conv1d": _conv,
    "Conv2d": _conv,
    "Dropout": _plain("Identity"),
    "Dropout2d": _plain("Identity"),
    "ELU": _plain("Elu", alpha="alpha"),
    "Flatten": _reshape,
    "GELU": _plain("Gelu", approximate="approximate"),
    "Identity": _plain("Identity"),
    "LeakyReLU": _plain("LeakyRelu", alpha="negative_slope"),
    "Linear": _linear,
    "LogSoftmax": _softmax("LogSoftmax"),
    "MaxPool2d": _max_pool,
    "ReLU": _plain("Relu"),
    "SELU": _plain("Selu"),
    "Sigmoid": _plain("Sigmoid"),
    "Softmax": _softmax("Softmax"),
    "Softplus": _softplus,
    "Softsign": _plain("Softsign"),
    "Tanh": _plain("Tanh"),
    "Unflatten": _reshape,
}
SHAPE = "an input's shape without the batch, such as (784,) or (1, 28, 28)"
BATCH = 2  # of the zeros that are sent through the model to find the shapes


def save_onnx(
    model: Any,
    path: File,
    input_shape: Sequence[int] | None = None,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a Sequential, as it is in evaluation, as an ONNX graph from `input` to `output`.

    `input_shape` is an input's shape without the batch, which may be of any size; it may be left
    out for a model that begins with a Linear. Parameters keep their names and shapes as the
    graph's initializers. Sequentials may be nested, and hold the layers in LAYERS. The model's own
    mode and weights are left as they are.

    Raises Unsupported for a layer or a setting without a row, naming the layer; TypeError and
    ValueError for an `input_shape` that is missing, is not a shape, or does not fit the model;
    OSError when the file cannot be written; MissingExtra.

    >>> import onnx, tempfile
    >>> from tinygrad_mnist import nn
    >>> target = tempfile.mkdtemp() + "/model.onnx"
    >>> save_onnx(nn.Sequential(nn.Linear(4, 2), nn.ReLU()), target, input_shape=(4,))
    >>> [node.op_type for node in onnx.load(target).graph.node]
    ['Gemm', 'Relu']
    """
    onnx = require("onnx", INSTALL)
    helper = onnx.helper
    dtype = next((p.dtype for p in model.parameters()), np.dtype(np.float32))
    layers = list(_layers(model, ""))
    input_shape = _input_shape(layers, input_shape)
    nodes, initializers = [], []
    value, name = wrap(np.zeros((BATCH, *input_shape), dtype)), "input"
    with _evaluating(model), no_grad():
        for path_in_model, layer in layers:
            before, value = value.ndim, _output_of(path_in_model, layer, value)
            operator = _convert(path_in_model, layer, before, value.shape)
            arrays = {f"{path_in_model}.{key}": array for key, array in operator.arrays.items()}
            output = f"{path_in_model}.output"
            if operator.linear_above is not None:
                limit, above, curve = (f"{path_in_model}.{k}" for k in ("limit", "above", "curve"))
                arrays_after = {limit: np.array(operator.linear_above, dtype)}
                steps = [
                    (operator.name, [name], curve, operator.settings),
                    ("Greater", [name, limit], above, {}),
                    ("Where", [above, name, curve], output, {}),
                ]
                arrays |= arrays_after
            else:
                steps = [(operator.name, [name, *arrays], output, operator.settings)]
            initializers += [onnx.numpy_helper.from_array(a, key) for key, a in arrays.items()]
            nodes += [
                helper.make_node(kind, inputs, [result], f"{path_in_model}.{kind}", **settings)
                for kind, inputs, result, settings in steps
            ]
            name = output
    if not nodes:
        raise Unsupported("the model has no layers")
    nodes[-1].output[:] = ["output"]
    element = helper.np_dtype_to_tensor_dtype(dtype)
    ends = [
        helper.make_tensor_value_info(end, element, ["N", *sizes])
        for end, sizes in (("input", input_shape), ("output", value.shape[1:]))
    ]
    graph = helper.make_graph(nodes, "model", ends[:1], ends[1:], initializers)
    opsets = [helper.make_opsetid("", OPSET)]
    proto = helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="tinygrad-mnist"
    )
    helper.set_model_props(proto, dict(metadata or {}))
    onnx.checker.check_model(proto, full_check=True)
    write(path, proto.SerializeToString(deterministic=True))


def _input_shape(layers: Sequence[tuple[str, Any]], shape: Sequence[int] | None) -> tuple[int, ...]:
    """Check the shape of an input, or take it from the first layer, a Linear."""
    if shape is None:
        if layers and type(layers[0][1]).__name__ == "Linear":
            return (layers[0][1].in_features,)
        raise TypeError(f"save_onnx needs input_shape, {SHAPE}")
    if isinstance(shape, (str, bytes)) or not isinstance(shape, Sequence):
        raise TypeError(f"input_shape must be {SHAPE}, not {type(shape).__name__}")
    if not all(isinstance(size, (int, np.integer)) and size > 0 for size in shape):
        raise ValueError(f"input_shape must be {SHAPE}, not {tuple(shape)}")
    return tuple(int(size) for size in shape)


def _output_of(path: str, layer: Any, value: Any) -> Any:
    """Call a layer on zeros; raise ValueError for an `input_shape` that does not fit."""
    try:
        return layer(value)
    except (ShapeError, IndexError) as error:
        kind, shape = type(layer).__name__, tuple(value.shape[1:])
        raise ValueError(
            f"layer {path}, {kind}: takes no input of shape {shape}: {error}"
        ) from None


def _layers(model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the layers in the order of their calls, with their dotted names."""
    if not _is_ours(model) or type(model).__name__ != "Sequential":
        raise Unsupported(
            f"{type(model).__name__} is not an nn.Sequential; only these are exported"
        )
    for name, layer in model._modules.items():
        if type(layer).__name__ == "Sequential":
            yield from _layers(layer, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", layer


def _convert(path: str, layer: Any, input_ndim: int, shape: tuple[int, ...]) -> Operator:
    kind = type(layer).__name__
    if kind not in LAYERS or not _is_ours(layer):
        raise Unsupported(f"layer {path}, {kind}: not supported; supported are {', '.join(LAYERS)}")
    try:
        return LAYERS[kind](layer, input_ndim, shape)
    except Unsupported as error:
        raise Unsupported(f"layer {path}, {kind}: {error}") from None


def _is_ours(module: Any) -> bool:
    """Tell whether the class is this package's own: others may share its name."""
    return type(module).__module__.startswith("tinygrad_mnist.nn.")


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Put every module into evaluation mode for a block, and then back into its own mode."""
    before = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in before:
            module.training = training


def _own(layer: Any) -> Arrays:
    """Return a layer's Parameters and buffers."""
    return arrays_of(layer.state_dict())


def _pair(value: int | Sequence[int]) -> list[int]:
    return [value, value] if isinstance(value, int) else list(value)
