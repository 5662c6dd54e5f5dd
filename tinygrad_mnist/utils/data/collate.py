"""Make one batch of a list of samples, and Tensors of the arrays of a sample."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.autograd.op import ShapeError
from tinygrad_mnist.autograd.tensor import Tensor, wrap
from tinygrad_mnist.ops.create import from_numpy
from tinygrad_mnist.ops.join import stack

__all__ = ["default_collate", "default_convert"]


def default_collate(batch: Sequence[Any]) -> Any:
    """Make one batch of a list of samples: Tensors and arrays stacked, numbers as one Tensor.

    Tuples and lists become a list with a batch for each index, dicts a dict; strings stay a list.
    Python floats become float64, ints int64. Raises TypeError for anything else, ShapeError if
    the samples have different lengths or shapes.

    >>> default_collate([(1, "a"), (2, "b")])
    [tensor([1, 2]), ['a', 'b']]
    """
    first = batch[0]
    if isinstance(first, Tensor):
        if any(x.requires_grad for x in batch):
            return stack(batch)
        return _stacked([x._data for x in batch])
    if _is_text(first):
        raise TypeError(f"default_collate: there are no Tensors of text; found {type(first)}")
    if isinstance(first, (np.ndarray, np.generic)):
        return _stacked(batch)
    if isinstance(first, (bool, int, float)):
        return wrap(np.array(batch))
    if isinstance(first, (str, bytes)):
        return batch
    if isinstance(first, Mapping):
        return _of_kind(first, {k: default_collate([sample[k] for sample in batch]) for k in first})
    if isinstance(first, Sequence):
        if len({len(sample) for sample in batch}) > 1:
            raise ShapeError("each element in list of batch should be of equal size")
        columns = [default_collate(list(column)) for column in zip(*batch, strict=True)]
        return _of_kind(first, columns)
    raise TypeError(
        "default_collate: batch must contain Tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first).__name__}"
    )


def default_convert(data: Any) -> Any:
    """Convert the arrays of a sample to Tensors, for a loader without batches.

    >>> default_convert({"x": np.arange(2), "name": "two"})
    {'x': tensor([0, 1]), 'name': 'two'}
    """
    if _is_text(data) or isinstance(data, (Tensor, str, bytes)):
        return data
    if isinstance(data, (np.ndarray, np.generic)):
        return wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return _of_kind(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _of_kind(data, list(map(default_convert, data)))
    return data


def _is_text(value: Any) -> bool:
    """Tell whether the value is an array of text or Python objects, of which there is no Tensor."""
    return isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "SUO"


def _of_kind(like: Any, values: Any) -> Any:
    """Put the values into a container like `like`; tuples become lists, as in PyTorch."""
    if isinstance(like, tuple):
        return type(like)(*values) if hasattr(like, "_fields") else values
    try:
        if isinstance(like, MutableMapping):
            made = copy.copy(like)
            made.update(values)
            return made
        if isinstance(like, MutableSequence):
            filled = copy.copy(like)
            filled[:] = values
            return filled
        return type(like)(values)
    except TypeError:
        return values


def _stacked(arrays: Sequence[Any]) -> Tensor:
    shapes = {x.shape for x in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"stack expects each tensor to be equal size, but the samples are {sorted(shapes)}; "
            "give the DataLoader a collate_fn that pads or crops them"
        )
    return from_numpy(np.stack(arrays))
