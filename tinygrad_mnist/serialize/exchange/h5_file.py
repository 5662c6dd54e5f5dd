"""Keras's `.h5` weights of a network of Dense layers, in both layouts that Keras reads.

| | the k-th Dense layer's kernel | its bias |
|---|---|---|
| Keras 3, NAME.weights.h5 | layers/dense_k/vars/0 | layers/dense_k/vars/1 |
| Keras 2, NAME.h5 | as the attributes layer_names and weight_names list them, in that order |

(k is left out for the first.) One file is both: the second layout's names are links to the first's
data. A kernel is (in, out), a Linear's weight (out, in). Keras has no names for ours, so layers
are matched by their order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.serialize.exchange.arrays import (
    Arrays,
    Unsupported,
    arrays_of,
    damaged,
    native,
    require,
)
from tinygrad_mnist.serialize.files import File, check_map_location, name_of, opened, write
from tinygrad_mnist.serialize.guard import FormatError

INSTALL = "tinygrad-mnist[h5]"


def save_h5(state: Mapping[str, Any], path: File) -> None:
    """Write the Linear layers of a state dict as Dense layers, for Keras's `load_weights`.

    Keras 3 wants a path that ends in `.weights.h5`; with any other `.h5` it reads the older layout,
    which the file has too. Raises Unsupported for weights of other layers, OSError when the file
    cannot be written, MissingExtra.
    """
    h5py = require("h5py", INSTALL)
    arrays = arrays_of(state)
    layers = [[arrays[key] for key in keys] for keys in _layers(arrays)]
    names = ["dense", *(f"dense_{k}" for k in range(1, len(layers)))][: len(layers)]

    def content(target: Any) -> None:
        with h5py.File(target, "w") as file:
            file.create_group("vars")
            file.attrs["layer_names"] = names
            file.attrs["keras_version"] = "2.15.0"  # the layout's version, not a program's
            file.attrs["backend"] = "numpy"
            for name, layer in zip(names, layers, strict=True):
                values = file.create_group(f"layers/{name}/vars")
                older = file.create_group(name)
                called = [f"{name}/{part}:0" for part in ("kernel", "bias")[: len(layer)]]
                older.attrs["weight_names"] = called
                for k, (array, link) in enumerate(zip(layer, called, strict=True)):
                    values[str(k)] = array.T
                    older[link] = values[str(k)]

    write(path, content)


def load_h5(
    path: File,
    like: Mapping[str, Any],
    map_location: Any = None,
    *,
    weights_only: bool | None = None,
) -> Arrays:
    """Read the weights of Dense layers as a state dict with the names and shapes of `like`.

    Takes the files of Keras 3 and Keras 2: weights alone, or a whole model as `.h5`. `like` is the
    state dict of the model to fill; its shapes are compared before any data is read.

    Raises FormatError, naming the layer, for a file that does not fit or is of another kind;
    OSError when the file cannot be opened; MissingExtra.

    >>> import tempfile
    >>> target = tempfile.mkdtemp() + "/model.weights.h5"
    >>> state = {"0.weight": np.ones((1, 2), np.float32), "0.bias": np.zeros(1, np.float32)}
    >>> save_h5(state, target)
    >>> load_h5(target, like=state)
    {'0.weight': array([[1., 1.]], dtype=float32), '0.bias': array([0.], dtype=float32)}
    """
    h5py = require("h5py", INSTALL)
    layers = _layers(like)
    check_map_location(map_location)
    with opened(path) as (source, _):
        try:
            with h5py.File(source, "r") as file:
                datasets = _datasets(h5py, file)
                if [len(keys) for keys in layers] != [len(layer) for layer in datasets]:
                    counts = [len(layer) for layer in datasets]
                    raise FormatError(f"holds layers of {counts} arrays; the model has {layers}")
                pairs = [
                    pair
                    for keys, layer in zip(layers, datasets, strict=True)
                    for pair in zip(keys, layer, strict=True)
                ]
                return {key: _read(file, key, data, like[key].shape) for key, data in pairs}
        except FormatError as error:
            raise FormatError(f"{name_of(path)}: {error}") from None
        except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
            raise damaged(path, "Keras .h5", error) from None


def _layers(state: Mapping[str, Any]) -> list[list[str]]:
    """Return the keys of each Linear: its weight, and its bias if it has one."""
    layers: list[list[str]] = []
    for key, value in state.items():
        prefix, _, name = key.rpartition(".")
        if name == "weight" and len(value.shape) == 2:
            layers.append([key])
        elif (
            name == "bias" and layers and layers[-1] == [f"{prefix}.weight" if prefix else "weight"]
        ):
            layers[-1].append(key)
        else:
            raise Unsupported(f"{key!r} is not a weight of a Linear; .h5 stores only these")
    return layers


def _datasets(h5py: Any, file: Any) -> list[list[Any]]:
    """Return the datasets of each layer, kernel first, in the layers' order."""
    if "layers" in file:
        variables = [file["layers"][name]["vars"] for name in sorted(file["layers"], key=_number)]
        layers = [[variable[k] for k in sorted(variable, key=int)] for variable in variables]
    else:
        root = file["model_weights"] if "layer_names" not in file.attrs else file
        groups = [root[name] for name in _names(root, "layer_names")]
        layers = [[group[name] for name in _names(group, "weight_names")] for group in groups]
    for data in (data for layer in layers for data in layer):
        # A link to another file is not followed, since h5py was given an open file and no path.
        if not isinstance(data, h5py.Dataset) or data.external or data.is_virtual:
            raise FormatError("refused: data that is not in the file itself")
    return [layer for layer in layers if layer]


def _number(name: str) -> int:
    """Return the number of a layer among those of its kind: 0 for dense, 2 for dense_2."""
    digits = name.rpartition("_")[2]
    return int(digits) if digits.isdecimal() else 0


def _names(group: Any, attribute: str) -> list[str]:
    values = group.attrs[attribute]
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _read(file: Any, key: str, data: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if tuple(data.shape) != tuple(shape)[::-1]:
        raise FormatError(f"{key} is {tuple(shape)}; {data.name} is {data.shape}, not its reverse")
    if any(n > size for n, size in zip(data.chunks or (), data.shape, strict=False)):
        raise FormatError(f"refused: {data.name} is packed in chunks larger than itself")
    dtype = native(data.dtype, data.name, FormatError)
    return np.array(data[()].T, dtype, order="C")
