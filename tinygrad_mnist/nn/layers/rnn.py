"""Recurrent layers over whole sequences, in several layers and in both directions.

A sequence is a list of runs, each (steps, rows, features): one run in a Tensor, in which all steps
have all rows, and one for each number of rows in a `PackedSequence`, whose later steps have fewer
and fewer. `rnn_cell.py` has what a run computes.
"""

from __future__ import annotations

import warnings
from typing import Any

from tinygrad_mnist.autograd import Tensor
from tinygrad_mnist.autograd.op import DTypeError, ShapeError
from tinygrad_mnist.nn import functional as F
from tinygrad_mnist.nn.layers.rnn_cell import (
    Run,
    States,
    run_gru,
    run_lstm,
    run_relu,
    run_tanh,
    uniform_by_hidden_size,
)
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.parameter import unset
from tinygrad_mnist.nn.utils.rnn import PackedSequence, runs_of
from tinygrad_mnist.ops import create, index, join, shape

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

MODES: dict[str, tuple[int, Run]] = {  # how many gates, and a run of steps
    "RNN_TANH": (1, run_tanh),
    "RNN_RELU": (1, run_relu),
    "LSTM": (4, run_lstm),
    "GRU": (3, run_gru),
}


class InputDTypeError(DTypeError, ValueError):
    """The error for an input whose dtype is not that of the weights."""


class RNNBase(Module):
    """The base of RNN, LSTM and GRU; `mode` is "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".

    Layer k has `weight_ih_lk` (gates * hidden_size, features), `weight_hh_lk`, `bias_ih_lk` and
    `bias_hh_lk`; those of the other direction end in `_reverse`. Raises TypeError or ValueError
    for sizes that are no positive integers and for a dropout outside of [0, 1].
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if mode not in MODES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = dropout, bidirectional, proj_size
        self._check_settings()
        self.dropout = float(dropout)
        rows, out = MODES[mode][0] * hidden_size, proj_size or hidden_size
        self._all_weights: list[list[str]] = []
        for suffix, layer in self._suffixes():
            inputs = out * (2 if bidirectional else 1) if layer else input_size
            sizes: dict[str, tuple[int, ...]]
            sizes = {"weight_ih": (rows, inputs), "weight_hh": (rows, out)}
            sizes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}
            sizes |= {"weight_hr": (proj_size, hidden_size)} if proj_size else {}
            for name, size in sizes.items():
                setattr(self, name + suffix, unset(size, dtype, device))
            self._all_weights.append([name + suffix for name in sizes])
        self.reset_parameters()

    def _check_settings(self) -> None:
        for name in ("bias", "batch_first"):
            if not isinstance(getattr(self, name), bool):
                kind = type(getattr(self, name)).__name__
                raise TypeError(f"{name} should be of type bool, got: {kind}")
        for name in ("input_size", "hidden_size", "num_layers"):
            size = getattr(self, name)
            if not isinstance(size, int):
                raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
            if size <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError("proj_size should be a positive integer or zero")
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")
        if isinstance(self.dropout, bool) or not 0 <= self.dropout <= 1:
            raise ValueError("dropout should be a number in range [0, 1]")
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                "dropout acts after all layers but the last, so it does nothing with num_layers=1 "
                f"(dropout={self.dropout})",
                stacklevel=4,
            )

    def _suffixes(self) -> list[tuple[str, int]]:
        """The ends of the weights' names, with their layers, in the order of the states."""
        sides = ("", "_reverse") if self.bidirectional else ("",)
        return [(f"_l{layer}{side}", layer) for layer in range(self.num_layers) for side in sides]

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        uniform_by_hidden_size(self)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The weights of each layer and direction, in a list of their own."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights_names(self) -> list[str]:
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name, None) for name in self._flat_weights_names]

    def flatten_parameters(self) -> None:
        """Do nothing: no other memory would make the weights faster."""

    # The checks of a call

    def check_input(self, input: Tensor, batch_sizes: Tensor | None) -> None:
        """Raise an error unless dtype, rank and number of features fit."""
        weight = next((w for w in self._flat_weights if w is not None), input)
        if input.dtype != weight.dtype:
            raise InputDTypeError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        rank = 3 if batch_sizes is None else 2
        if input.ndim != rank:
            raise ShapeError(f"input must have {rank} dimensions, got {input.ndim}")
        if input.shape[-1] != self.input_size:
            raise ShapeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got "
                f"{input.shape[-1]} (the input has shape {list(input.shape)})"
            )

    def get_expected_hidden_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, n, features) of h for this input."""
        rows = input.shape[0 if self.batch_first else 1]
        rows = rows if batch_sizes is None else int(batch_sizes[0])
        return len(self._all_weights), rows, self.proj_size or self.hidden_size

    def get_expected_cell_size(
        self, input: Tensor, batch_sizes: Tensor | None
    ) -> tuple[int, int, int]:
        """(layers * directions, n, features) of an LSTM's c for this input."""
        return *self.get_expected_hidden_size(input, batch_sizes)[:2], self.hidden_size

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: tuple[int, int, int],
        msg: str = "Expected hidden size {}, got {}",
    ) -> None:  # fmt: skip
        """Raise ShapeError unless a state has the expected shape."""
        if hx.shape != expected_hidden_size:
            raise ShapeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Tensor | None) -> None:
        """Raise an error unless the input and the states fit this layer and each other."""
        self.check_input(input, batch_sizes)
        expected = self.get_expected_hidden_size(input, batch_sizes)
        if self.mode != "LSTM":
            self.check_hidden_size(hidden, expected)
            return
        cell = self.get_expected_cell_size(input, batch_sizes)
        self.check_hidden_size(hidden[0], expected, "Expected hidden[0] size {}, got {}")
        self.check_hidden_size(hidden[1], cell, "Expected hidden[1] size {}, got {}")

    def permute_hidden(self, hx: Any, permutation: Tensor | None) -> Any:
        """Return the states with their sequences in another order."""
        if permutation is None or hx is None:
            return hx
        if isinstance(hx, tuple):
            return tuple(index.index_select(h, 1, permutation) for h in hx)
        return index.index_select(hx, 1, permutation)

    # The call

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            self.check_input(data, batch_sizes)
            hx = self._states(data, batch_sizes, self.permute_hidden(hx, order))
            outputs, final = self._layers(runs_of(data, batch_sizes), hx)
            rows = [shape.flatten(run, 0, 1) for run in outputs]
            whole = rows[0] if len(rows) == 1 else join.cat(rows)
            packed = PackedSequence(whole, batch_sizes, order, back)
            return packed, self.permute_hidden(final, back)
        if input.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead"
            )
        batch = 0 if self.batch_first else 1
        batched = input.ndim == 3
        x = input if batched else shape.unsqueeze(input, batch)
        self.check_input(x, None)
        hx = self._states(x, None, self._batched(hx, batched))
        x = shape.transpose(x, 0, 1) if self.batch_first else x
        if not len(x):
            raise ShapeError("Expected sequence length to be larger than 0 in RNN")
        (y,), final = self._layers([x], hx)
        y = shape.transpose(y, 0, 1) if self.batch_first else y[:]  # without the states' gradient
        if not batched:
            y = shape.squeeze(y, batch)
            one = not isinstance(final, tuple)
            final = shape.squeeze(final, 1) if one else tuple(shape.squeeze(h, 1) for h in final)
        return y, final

    def _batched(self, hx: Any, batched: bool) -> Any:
        """Return the given states with a dimension for the batch."""
        if hx is None:
            return None
        several = isinstance(hx, (tuple, list))
        states = tuple(hx) if several else (hx,)
        names = "hx and cx" if self.mode == "LSTM" else "hx"
        rank, kind = (3, "batched 3-D") if batched else (2, "unbatched 2-D")
        for h in states:
            if h.ndim != rank:
                raise ShapeError(
                    f"For {kind} input, {names} should also be {rank}-D but got {h.ndim}-D tensor"
                )
        states = states if batched else tuple(shape.unsqueeze(h, 1) for h in states)
        return states if several else states[0]

    def _states(self, input: Tensor, batch_sizes: Tensor | None, hx: Any) -> States:
        """Return the initial states, given or zero, as a tuple."""
        size = self.get_expected_hidden_size(input, batch_sizes)
        if hx is None:
            sizes = (size, (*size[:2], self.hidden_size))[: 2 if self.mode == "LSTM" else 1]
            return tuple(create.zeros(size, dtype=input.dtype) for size in sizes)
        self.check_forward_args(input, hx, batch_sizes)
        states = tuple(hx) if isinstance(hx, (tuple, list)) else (hx,)
        for h in states:
            if h.dtype != input.dtype:
                raise InputDTypeError(
                    f"Input and hidden tensors are not the same dtype, found input of "
                    f"{input.dtype} and hidden of {h.dtype}"
                )
        return states

    def _layers(self, runs: list[Tensor], start: States) -> tuple[list[Tensor], Any]:
        """Return the last layer's outputs, run by run, and the final states of all layers."""
        finals: list[States] = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                runs = [F.dropout(x, self.dropout, self.training) for x in runs]
            sides = []
            for side in ("", "_reverse") if self.bidirectional else ("",):
                state = tuple(h[len(finals)] for h in start)
                outputs, final = self._direction(runs, state, f"_l{layer}{side}")
                finals.append(final)
                sides.append(outputs)
            runs = sides[0]
            if self.bidirectional:
                runs = [join.cat(list(both), 2) for both in zip(*sides, strict=True)]
        last = tuple(join.stack(list(states)) for states in zip(*finals, strict=True))
        return runs, last if self.mode == "LSTM" else last[0]

    def _direction(self, runs: list[Tensor], start: States, suffix: str) -> tuple[Any, States]:
        """Run one layer in one direction; return its outputs in order of time and its final state.

        Where a run has fewer rows, those behind have ended, and their state is final; where it has
        more (backwards), they begin with the state they were given.
        """
        backwards = suffix.endswith("_reverse")
        outputs, ended, state = [], [], start
        if backwards and runs[-1].shape[1] < len(start[0]):
            state = tuple(h[: runs[-1].shape[1]] for h in start)
        for x in reversed(runs) if backwards else runs:
            before, rows = state[0].shape[0], x.shape[1]
            if rows < before:
                ended.append(tuple(h[rows:] for h in state))
                state = tuple(h[:rows] for h in state)
            elif rows > before:
                pairs = zip(state, start, strict=True)
                state = tuple(join.cat([h, first[before:rows]]) for h, first in pairs)
            output, state = self._run(x, state, suffix, reverse=backwards)
            outputs.append(output)
        if ended:
            pieces = [state, *reversed(ended)]
            state = tuple(join.cat(list(hs)) for hs in zip(*pieces, strict=True))
        return outputs[::-1] if backwards else outputs, state

    def _run(
        self, x: Tensor, state: States, suffix: str, *, reverse: bool
    ) -> tuple[Tensor, States]:
        """Go through a run of steps that have the same rows."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        parameters = [getattr(self, name + suffix) for name in (names if self.bias else names[:2])]
        weights: Any = (*parameters, None, None)[:4]
        run = MODES[self.mode][1]
        if not self.proj_size:
            return run(x, state, weights, reverse=reverse)
        project, outputs = getattr(self, "weight_hr" + suffix), []
        for step in range(len(x))[:: -1 if reverse else 1]:
            _, (h, c) = run(x[step : step + 1], state, weights)
            state = (F.linear(h, project), c)
            outputs.append(state[0])
        return join.stack(outputs[::-1] if reverse else outputs), state

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False}
        for name, default in (defaults | {"dropout": 0.0, "bidirectional": False}).items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class RNN(RNNBase):
    """A plain recurrent network over a sequence (length, n, input_size), or n first, or without n.

    Returns the last layer's states at all times, (length, n, hidden_size), and the final states
    of all layers, (num_layers, n, hidden_size). `bidirectional` runs each layer both ways, and both
    states stand side by side; `dropout` acts between layers. A `PackedSequence` gives one back.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity {nonlinearity!r}. Select from 'tanh' or 'relu'."
            )
        settings = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, *settings)
        self.nonlinearity = nonlinearity


class GRU(RNNBase):
    """A GRU over a sequence, as `RNN` takes it; returns the outputs and the final h."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        settings = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__("GRU", input_size, hidden_size, *settings)


class LSTM(RNNBase):
    """An LSTM over a sequence, as `RNN` takes it; returns the outputs and the final (h, c).

    `proj_size` gives each step a projection of h to that size (Sak et al., 2014).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        settings = (num_layers, bias, batch_first, dropout, bidirectional, proj_size)
        super().__init__("LSTM", input_size, hidden_size, *settings, device, dtype)
