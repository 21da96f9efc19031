"""Recurrent networks: one step of a cell, and a layer's pass over all steps.

Sequences of a batch are rows, step by step: those of the first step, of the second, and so on. Sequences may have
different lengths, the longest first; a step then has as many rows as there are sequences that are as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from autograd_np.neural.activations import relu, sigmoid
from autograd_np.neural.layers import linear
from autograd_np.rules.ranges import widened

__all__ = ["Kind", "over_time", "step"]

Kind: TypeAlias = Literal["gru", "lstm", "relu", "tanh"]


def step(kind: Kind, z: Any, states: Sequence[Any], weight: Any, bias: Any) -> list[Any]:
    """Return the states after one step; the first of them is the output.

    Parameters
    ----------
    kind : {"gru", "lstm", "relu", "tanh"}
        The last two are the plain cell's activation.
    z : array_like, shape (..., G H)
        What the input adds, its bias included, for each of G gates: i, f, g, o of an LSTM, r, z, n of a GRU.
    states : sequence of array_like, shape (..., H)
        The hidden state, and the cell's for an LSTM.
    weight, bias : array_like, shapes (G H, H) and (G H,)
        Of the hidden state; the bias may be None.

    References
    ----------
    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997).
    K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014; with the reset gate applied
    after the product, as in PyTorch.
    """
    if z.dtype.type is np.float16:
        given = widened(z), [*map(widened, states)], widened(weight), None if bias is None else widened(bias)
        return [state.astype(z.dtype) for state in step(kind, *given)]
    split: Any = np.split  # it dispatches
    h = states[0]
    own = linear(h, weight, bias)
    if kind == "lstm":
        i, f, g, o = split(z + own, 4, axis=-1)
        c = sigmoid(f) * states[1] + sigmoid(i) * np.tanh(g)
        return [sigmoid(o) * np.tanh(c), c]
    if kind == "gru":
        r, update, n = split(z, 3, axis=-1)
        own_r, own_update, own_n = split(own, 3, axis=-1)
        update = sigmoid(update + own_update)
        n = np.tanh(n + sigmoid(r + own_r) * own_n)
        return [n + update * (h - n)]
    activation: Any = relu if kind == "relu" else np.tanh
    return [activation(z + own)]


def over_time(
    kind: Kind, z: Any, states: Sequence[Any], weight: Any, bias: Any, sizes: tuple[int, ...], backwards: bool
) -> list[Any]:
    """Return the outputs of all steps, and the states after the last one.

    Parameters
    ----------
    kind, weight, bias
        See `step`.
    z : array_like, shape (R, G H)
        What the inputs add.
    states : sequence of array_like, shape (N, H)
        Those of N sequences before the first step.
    sizes : tuple of int
        How many rows each step has: first N, and never more than before. Together they are R.
    backwards : bool
        Whether to go from each sequence's end to its beginning.
    """
    states = list(states)
    outputs: dict[int, Any] = {}
    for rows in _steps(sizes, backwards):
        n = rows.stop - rows.start
        # Sequences that have ended, or will begin yet, keep what they have.
        new = step(kind, z[rows], [s[:n] for s in states], weight, bias)
        outputs[rows.start] = new[0]
        states = [_joined([a, s[n:]]) if n < len(s) else a for a, s in zip(new, states, strict=True)]
    return [_joined([outputs[start] for start in sorted(outputs)]), *states]


def _steps(sizes: tuple[int, ...], backwards: bool) -> Iterator[slice]:
    """Yield the rows of each step, in the order in which they are taken."""
    ends = np.cumsum(sizes).tolist()
    rows = [slice(end - n, end) for n, end in zip(sizes, ends, strict=True)]
    return reversed(rows) if backwards else iter(rows)


_joined: Any = np.concatenate  # it dispatches
