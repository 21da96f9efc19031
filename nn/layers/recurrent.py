"""Recurrent layers, and their cells."""

from __future__ import annotations

import math
import warnings
from typing import Any, ClassVar, Literal, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from autograd_np import Tensor
from autograd_np import neural as F
from autograd_np.neural.arguments import check_p
from autograd_np.neural.layers import linear_by_rows
from autograd_np.neural.recurrent import Kind, over_time, step
from nn import init
from nn.init import RNG
from nn.layers.parameters import Operand, size, taken
from nn.module import Module
from nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

Nonlinearity: TypeAlias = Literal["tanh", "relu"]
Pair: TypeAlias = tuple[Tensor, Tensor]

_GATES: dict[Kind, int] = {"gru": 3, "lstm": 4, "relu": 1, "tanh": 1}


class _Recurrent(Module):
    """What cells and layers share: their sizes, parameters and states."""

    _kind: Kind
    _states: ClassVar[tuple[str, ...]] = ("h_0",)

    def _set(self, input_size: int, hidden_size: int, bias: bool) -> None:
        name = type(self).__name__
        self.input_size = size(name, "input_size", input_size)
        self.hidden_size = size(name, "hidden_size", hidden_size)
        self.bias = bias

    def _draw(self, suffix: str, inputs: int, dtype: DTypeLike, rng: np.random.Generator) -> None:
        """Make the parameters of one cell."""
        rows, bound = _GATES[self._kind] * self.hidden_size, 1 / math.sqrt(self.hidden_size)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, inputs), "weight_hh": (rows, self.hidden_size)}
        if self.bias:
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
        for name, shape in shapes.items():
            parameter = Tensor(np.zeros(shape), requires_grad=True, dtype=dtype)
            setattr(self, name + suffix, init.uniform_(parameter, -bound, bound, rng))

    def _drawn(self, suffix: str = "") -> list[Any]:
        """Return the parameters of one cell, None in the place of biases that it has not."""
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, name + suffix) if self.bias or name.startswith("weight") else None for name in names]

    def _check_input(self, x: Any, forms: dict[int, str]) -> None:
        if x.ndim not in forms or x.shape[-1] != self.input_size:
            raise ValueError(
                f"{type(self).__name__}: an input of shape {x.shape}; give {' or '.join(forms.values())} with "
                f"I = {self.input_size}"
            )

    def _given(self, hx: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> list[Any]:
        """Return the states to start with, of one shape; zeros if none are given."""
        name = type(self).__name__
        if hx is None:
            return [np.zeros(shape, dtype) for _ in self._states]
        parts: Any = hx if len(self._states) > 1 else [hx]
        if not isinstance(parts, tuple | list) or len(parts) != len(self._states):  # pyright: ignore[reportUnknownArgumentType]
            raise TypeError(f"{name}: hx is a {type(hx).__name__}; give a pair ({', '.join(self._states)})")
        found: list[Any] = [taken(self, part, dtype) for part in parts]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        for what, part in zip(self._states, found, strict=True):
            if part.shape != shape:
                raise ValueError(f"{name}: {what} of shape {part.shape}; with this input it needs to be {shape}")
        return found


class _Cell(_Recurrent):
    """One step of one layer."""

    def _step(self, x: Operand, hx: Any) -> list[Any]:
        weight_ih, weight_hh, bias_ih, bias_hh = self._drawn()
        values = taken(self, x, weight_ih.dtype)
        self._check_input(values, {2: "(N, I)", 1: "(I,)"})
        states = self._given(hx, (*values.shape[:-1], self.hidden_size), weight_ih.dtype)
        return step(self._kind, F.linear(values, weight_ih, bias_ih), states, weight_hh, bias_hh)

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
        text = f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")
        return text + (", nonlinearity=relu" if self._kind == "relu" else "")


class RNNCell(_Cell):
    """A plain recurrent cell: h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Parameters
    ----------
    input_size, hidden_size : int
        I and H below.
    bias : bool
        Whether there are biases.
    nonlinearity : {"tanh", "relu"}
        The activation.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from.

    Attributes
    ----------
    weight_ih : Tensor, shape (H, I)
    weight_hh : Tensor, shape (H, H)
    bias_ih, bias_hh : Tensor, shape (H,)
        All initially uniform on [-1/√H, 1/√H]. Without `bias`, there are none of the latter.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the input or a state has another shape, or is a Tensor of
        another dtype.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> cell, h = nn.RNNCell(3, 4, rng=0), None
    >>> for x in np.ones((6, 2, 3)):
    ...     h = cell(x, h)
    >>> h.shape
    (2, 4)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, nonlinearity: Nonlinearity = "tanh", *,
        dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        self._kind = _checked("RNNCell", nonlinearity)
        self._set(input_size, hidden_size, bias)
        self._draw("", self.input_size, dtype, np.random.default_rng(rng))

    def forward(self, input: Operand, hx: Operand | None = None) -> Tensor:
        """Return the state after an input (N, I) or (I,) and a state (N, H) or (H,), by default zeros."""
        return self._step(input, hx)[0]


class LSTMCell(_Cell):
    """A cell with a long short-term memory: c' = f c + i g and h' = o tanh(c').

    The input, forget and output gates i, f, o are sigmoids of W_ih x + b_ih + W_hh h + b_hh, and g is its tanh. These
    are the rows of the parameters: those of i, f, g, o in this order.

    Parameters, attributes and errors are those of `RNNCell`, with 4 H in place of H rows and without `nonlinearity`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> cell, state = nn.LSTMCell(3, 4, rng=0), None
    >>> for x in np.ones((6, 2, 3)):
    ...     state = cell(x, state)
    >>> h, c = state
    >>> h.shape, c.shape
    ((2, 4), (2, 4))
    """

    _kind = "lstm"
    _states = ("h_0", "c_0")

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: DTypeLike = np.float32, rng: RNG = None
    ) -> None:
        self._set(input_size, hidden_size, bias)
        self._draw("", self.input_size, dtype, np.random.default_rng(rng))

    def forward(self, input: Operand, hx: tuple[Operand, Operand] | None = None) -> Pair:
        """Return the states (h, c) after an input (N, I) or (I,) and the states before it, by default zeros."""
        h, c = self._step(input, hx)
        return h, c


class GRUCell(_Cell):
    """A gated recurrent cell: h' = (1 - z) n + z h, with n = tanh(W_in x + b_in + r (W_hn h + b_hn)).

    The reset and update gates r, z are sigmoids of W_ih x + b_ih + W_hh h + b_hh; the rows of the parameters are those
    of r, z, n in this order.

    Parameters, attributes and errors are those of `RNNCell`, with 3 H in place of H rows and without `nonlinearity`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; r is applied after the
    product here, as in PyTorch.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> nn.GRUCell(3, 4, rng=0)(np.ones((2, 3))).shape
    (2, 4)
    """

    _kind = "gru"

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, *, dtype: DTypeLike = np.float32, rng: RNG = None
    ) -> None:
        self._set(input_size, hidden_size, bias)
        self._draw("", self.input_size, dtype, np.random.default_rng(rng))

    def forward(self, input: Operand, hx: Operand | None = None) -> Tensor:
        """Return the state after an input (N, I) or (I,) and a state (N, H) or (H,), by default zeros."""
        return self._step(input, hx)[0]


class _Layers(_Recurrent):
    """Layers of cells, one on the other, over whole sequences."""

    def _build(
        self, input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool, dropout: float,
        bidirectional: bool, dtype: DTypeLike, rng: RNG,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        self._set(input_size, hidden_size, bias)
        self.num_layers = size(name, "num_layers", num_layers)
        check_p(name, dropout)
        self.batch_first, self.dropout, self.bidirectional = batch_first, dropout, bidirectional
        self.rng = np.random.default_rng(rng)
        if dropout and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout={dropout} acts between layers, and there is one; give num_layers=2 or more, or put "
                f"nn.Dropout behind it",
                UserWarning,
                stacklevel=3,
            )
        for layer in range(self.num_layers):
            inputs = self.hidden_size * (1 + bidirectional) if layer else self.input_size
            for direction in self._directions:
                self._draw(f"_l{layer}{direction}", inputs, dtype, self.rng)

    @property
    def _directions(self) -> tuple[str, ...]:
        return ("", "_reverse") if self.bidirectional else ("",)

    def _run(self, x: Operand | PackedSequence, hx: Any) -> tuple[Any, list[Any]]:
        """Return the last layer's outputs and the last states of all layers."""
        dtype = self._drawn("_l0")[0].dtype
        swapaxes: Any = np.swapaxes  # they dispatch
        if isinstance(x, PackedSequence):
            values = taken(self, x.data, dtype)
            self._check_input(values, {2: "(R, I)"})
            sizes = tuple(x.batch_sizes.tolist())
            states = self._given(hx, self._shape(sizes[0]), dtype)
            if x.sorted_indices is not None and hx is not None:
                states = [state[:, x.sorted_indices] for state in states]
            y, finals = self._layers(values, states, sizes)
            if x.unsorted_indices is not None:
                finals = [state[:, x.unsorted_indices] for state in finals]
            return x._replace(data=y), finals
        values = taken(self, x, dtype)
        self._check_input(values, {3: "(N, T, I)" if self.batch_first else "(T, N, I)", 2: "(T, I)"})
        single = values.ndim == 2
        if single:
            values = values[:, None]
        elif self.batch_first:
            values = swapaxes(values, 0, 1)
        steps, batch, _ = values.shape
        if steps == 0:
            raise ValueError(f"{type(self).__name__}: an input of no steps; give sequences of at least one")
        shape = self._shape(batch)
        states = self._given(hx, (shape[0], shape[2]) if single else shape, dtype)
        if single:
            states = [state[:, None] for state in states]
        y, finals = self._layers(values.reshape(steps * batch, self.input_size), states, (batch,) * steps)
        y = y.reshape(steps, batch, y.shape[-1])
        if single:
            return y[:, 0], [state[:, 0] for state in finals]
        return swapaxes(y, 0, 1) if self.batch_first else y, finals

    def _shape(self, batch: int) -> tuple[int, int, int]:
        """Return the shape of all layers' states."""
        return len(self._directions) * self.num_layers, batch, self.hidden_size

    def _layers(self, x: Any, states: list[Any], sizes: tuple[int, ...]) -> tuple[Any, list[Any]]:
        """Return the last layer's rows of outputs, and the states after the last step."""
        concatenate: Any = np.concatenate  # they dispatch
        stack: Any = np.stack
        finals: list[list[Any]] = []
        for layer in range(self.num_layers):
            outputs: list[Any] = []
            for direction in self._directions:
                weight_ih, weight_hh, bias_ih, bias_hh = self._drawn(f"_l{layer}{direction}")
                own = [state[len(finals)] for state in states]
                if self.bias and self._kind != "gru":
                    bias_ih, bias_hh = bias_ih + bias_hh, None
                z = linear_by_rows(x, weight_ih, bias_ih)  # what the inputs add, of all steps at once
                y, *final = over_time(self._kind, z, own, weight_hh, bias_hh, sizes, direction != "")
                outputs.append(y)
                finals.append(final)
            x = concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]
            if layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training, rng=self.rng)
        return x, [stack(parts) for parts in zip(*finals, strict=True)]

    def extra_repr(self) -> str:
        """Return the sizes, and what is not at its default."""
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers != 1 else ""
        text += "" if self.bias else ", bias=False"
        text += ", batch_first=True" if self.batch_first else ""
        text += f", dropout={self.dropout}" if self.dropout else ""
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(_Layers):
    """Layers of plain recurrent cells: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), step by step.

    Parameters
    ----------
    input_size, hidden_size : int
        I and H below.
    num_layers : int
        L; each layer takes the outputs of the one before.
    nonlinearity : {"tanh", "relu"}
        The activation.
    bias : bool
        Whether there are biases.
    batch_first : bool
        Whether inputs and outputs are (N, T, ...), not (T, N, ...). The states are not affected.
    dropout : float
        The probability of dropping an element of a layer's outputs, but for the last layer's, in training mode.
    bidirectional : bool
        Whether each layer has another cell that goes from the end to the beginning; D is 2 then, otherwise 1.
    dtype : dtype
        Of the parameters.
    rng : numpy.random.Generator, int or None
        Where the initial values come from, and what is dropped.

    Attributes
    ----------
    weight_ih_l0 : Tensor, shape (H, I)
    weight_hh_l0 : Tensor, shape (H, H)
    bias_ih_l0, bias_hh_l0 : Tensor, shape (H,)
        All initially uniform on [-1/√H, 1/√H]; without `bias` there are none of the latter. Those of layer k end in
        `_lk`, where `weight_ih` is (H, D H), and those of the other direction in `_reverse`.

    Raises
    ------
    TypeError, ValueError
        If an argument is out of range. When called: if the input or a state has another shape, or is a Tensor of
        another dtype.

    Warns
    -----
    UserWarning
        If there is dropout, and but one layer.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> y, h = nn.RNN(3, 4, num_layers=2, rng=0)(np.ones((6, 5, 3)))
    >>> y.shape, h.shape
    ((6, 5, 4), (2, 5, 4))
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: Nonlinearity = "tanh",
        bias: bool = True, batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False, *,
        dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        self._kind = _checked("RNN", nonlinearity)
        self._build(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, rng)

    def forward(self, input: Operand | PackedSequence, hx: Operand | None = None) -> tuple[Any, Tensor]:
        """Return the last layer's outputs of all steps, and all layers' states after the last one.

        Parameters
        ----------
        input : array_like, shape (T, N, I) or (N, T, I) or (T, I), or PackedSequence
            T steps of N sequences, or of one.
        hx : array_like, shape (D L, N, H) or (D L, H), optional
            The states to start with, by default zeros.

        Returns
        -------
        output : Tensor, shape (T, N, D H) or (N, T, D H) or (T, D H), or PackedSequence
        h_n : Tensor of the shape of `hx`
        """
        y, (h,) = self._run(input, hx)
        return y, h


class LSTM(_Layers):
    """Layers of cells with a long short-term memory; see `LSTMCell`.

    Parameters, attributes and errors are those of `RNN`, with 4 H in place of H rows and without `nonlinearity`.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> lstm = nn.LSTM(3, 4, batch_first=True, bidirectional=True, rng=0)
    >>> y, (h, c) = lstm(np.ones((5, 6, 3)))
    >>> y.shape, h.shape, c.shape
    ((5, 6, 8), (2, 5, 4), (2, 5, 4))
    """

    _kind = "lstm"
    _states = ("h_0", "c_0")

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, *, dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        self._build(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, rng)

    def forward(self, input: Operand | PackedSequence, hx: tuple[Operand, Operand] | None = None) -> tuple[Any, Pair]:
        """Return the last layer's outputs of all steps, and all layers' states (h, c) after the last one.

        Shapes are those of `RNN`; `hx` is a pair.
        """
        y, (h, c) = self._run(input, hx)
        return y, (h, c)


class GRU(_Layers):
    """Layers of gated recurrent cells; see `GRUCell`.

    Parameters, attributes and errors are those of `RNN`, with 3 H in place of H rows and without `nonlinearity`.

    References
    ----------
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> y, h = nn.GRU(3, 4, rng=0)(np.ones((6, 5, 3)))
    >>> y.shape, h.shape
    ((6, 5, 4), (1, 5, 4))
    """

    _kind = "gru"

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True, batch_first: bool = False,
        dropout: float = 0.0, bidirectional: bool = False, *, dtype: DTypeLike = np.float32, rng: RNG = None,
    ) -> None:  # fmt: skip
        self._build(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, dtype, rng)

    def forward(self, input: Operand | PackedSequence, hx: Operand | None = None) -> tuple[Any, Tensor]:
        """Return the last layer's outputs of all steps, and all layers' states after the last one; see `RNN`."""
        y, (h,) = self._run(input, hx)
        return y, h


def _checked(name: str, nonlinearity: Nonlinearity) -> Nonlinearity:
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"{name}: unknown nonlinearity {nonlinearity!r}; choose tanh or relu")
    return nonlinearity
