"""Recurrent networks: one step of a cell, and a layer's pass over all steps.

Sequences of a batch are rows, step by step: those of the first step, of the second, and so on. Sequences may have
different lengths, the longest first; a step then has as many rows as there are sequences that are as long.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np

from autograd_np.capture import kernel
from autograd_np.gradients import as_argument, gradients
from autograd_np.memory import empty
from autograd_np.neural.activations import relu, sigmoid
from autograd_np.neural.arguments import Array
from autograd_np.neural.layers import linear
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Tensor, primitive

__all__ = ["Kind", "by_steps", "over_time", "step"]

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
) -> Sequence[Any]:
    """Return the outputs of all steps, and the states after the last one.

    Parameters
    ----------
    kind, weight, bias
        See `step`; but for a GRU, the bias is None, and `z` has it.
    z : array_like, shape (R, G H)
        What the inputs add.
    states : sequence of array_like, shape (N, H)
        Those of N sequences before the first step.
    sizes : tuple of int
        How many rows each step has: first N, and never more than before. Together they are R.
    backwards : bool
        Whether to go from each sequence's end to its beginning.
    """
    if kind == "lstm":
        return _lstm(z, states[0], states[1], weight, sizes=sizes, backwards=backwards)
    if kind == "gru":
        return _gru(z, states[0], weight, bias, sizes=sizes, backwards=backwards)
    return _rnn(z, states[0], weight, kind=kind, sizes=sizes, backwards=backwards)


@primitive(name="lstm", residuals=True, fresh=True)
def _lstm(z: Any, h: Any, c: Any, weight: Any, sizes: Any = (), backwards: Any = False) -> Any:
    y, h_n, c_n, *saved = lstm_pass(*map(widened, (z, h, c, weight)), sizes, backwards)
    return _narrowed(z, y, h_n, c_n), saved


@primitive(name="gru", residuals=True, fresh=True)
def _gru(z: Any, h: Any, weight: Any, bias: Any, sizes: Any = (), backwards: Any = False) -> Any:
    given = (*map(widened, (z, h, weight)), None if bias is None else widened(bias))
    y, h_n, *saved = gru_pass(*given, sizes, backwards)
    return _narrowed(z, y, h_n), saved


@primitive(name="rnn", residuals=True, fresh=True)
def _rnn(z: Any, h: Any, weight: Any, kind: Any = "tanh", sizes: Any = (), backwards: Any = False) -> Any:
    y, h_n, before = rnn_pass(*map(widened, (z, h, weight)), kind, sizes, backwards)
    return _narrowed(z, y, h_n), before


def _narrowed(z: Any, *results: Any) -> tuple[Any, ...]:
    """Return what was computed from float16 numbers as float32 as such again."""
    return tuple(a.astype(z.dtype) for a in results) if z.dtype.type is np.float16 else results


def _lstm_vjps(
    g: Any, _y: Any, z: Any, h: Any, c: Any, weight: Any, sizes: Any = (), backwards: Any = False,
    residuals: Any = None,
) -> Sequence[Any]:  # fmt: skip
    if residuals is None:
        return _composed("lstm", g, [z, h, c, weight, None], sizes, backwards)
    return lstm_gradients(*map(widened, g), widened(weight), *residuals, sizes, backwards)


def _gru_vjps(
    g: Any, _y: Any, z: Any, h: Any, weight: Any, bias: Any, sizes: Any = (), backwards: Any = False,
    residuals: Any = None,
) -> Sequence[Any]:  # fmt: skip
    if residuals is None:
        return _composed("gru", g, [z, h, weight, bias], sizes, backwards)
    return gru_gradients(*map(widened, g), widened(weight), *residuals, sizes, backwards)


def _rnn_vjps(
    g: Any, y: Any, z: Any, h: Any, weight: Any, kind: Any = "tanh", sizes: Any = (), backwards: Any = False,
    residuals: Any = None,
) -> Sequence[Any]:  # fmt: skip
    if residuals is None:
        return _composed(kind, g, [z, h, weight, None], sizes, backwards)
    return rnn_gradients(*map(widened, g), widened(weight), widened(y[0]), residuals, kind, sizes, backwards)


defvjp(_lstm, joint=_lstm_vjps)
defvjp(_gru, joint=_gru_vjps)
defvjp(_rnn, joint=_rnn_vjps)


def _composed(kind: Kind, g: Any, given: list[Any], sizes: tuple[int, ...], backwards: bool) -> Sequence[Any]:
    """Return the gradients by a sweep through the loop over cells, which is recorded, for further derivatives."""
    # Nodes of their own: two arguments may be one tensor.
    args = [as_argument(x) if isinstance(x, Tensor) else x for x in given]
    *inputs, weight, bias = args
    outputs = by_steps(kind, inputs[0], inputs[1:], weight, bias, sizes, backwards)
    wanted = [x for x in args if isinstance(x, Tensor)]
    reached = [(y, w) for y, w in zip(outputs, g, strict=True) if isinstance(y, Tensor)]
    found = iter(gradients([y for y, _ in reached], wanted, [w for _, w in reached], create_graph=True))
    return [next(found) if isinstance(x, Tensor) else None for x in args]


def by_steps(
    kind: Kind, z: Any, states: Sequence[Any], weight: Any, bias: Any, sizes: tuple[int, ...], backwards: bool
) -> list[Any]:
    """Return what `over_time` does, as a loop over cells."""
    states = list(states)
    outputs: dict[int, Any] = {}
    for rows in steps_of(sizes, backwards):
        n = rows.stop - rows.start
        # Sequences that have ended, or will begin yet, keep what they have.
        new = step(kind, z[rows], [s[:n] for s in states], weight, bias)
        outputs[rows.start] = new[0]
        states = [_joined([a, s[n:]]) if n < len(s) else a for a, s in zip(new, states, strict=True)]
    return [_joined([outputs[start] for start in sorted(outputs)]), *states]


_joined: Any = np.concatenate  # it dispatches


# ---------------------------------------------------------------------------------------------------------------------
# The passes over time, in plain NumPy
# ---------------------------------------------------------------------------------------------------------------------


def steps_of(sizes: tuple[int, ...], backwards: bool) -> Iterator[slice]:
    """Yield the rows of each step, in the order in which they are taken."""
    rows: list[slice] = []
    start = 0
    for n in sizes:
        rows.append(slice(start, start + n))
        start += n
    return reversed(rows) if backwards else iter(rows)


def sigmoid_of(x: Array) -> None:
    """Replace numbers by their sigmoids; exp may overflow on the way."""
    np.negative(x, out=x)
    np.exp(x, out=x)
    np.add(x, 1, out=x)
    np.reciprocal(x, out=x)


def beginning(first: Array, states: Array, n: int) -> Array:
    """Return the states that a step of n sequences begins with: those after the step before it, so far as there are.

    Into `first` go those of sequences that have ended; from it come those of sequences that join in.
    """
    if n < len(states):
        first[n : len(states)] = states[n:]
    return states[:n] if n <= len(states) else np.concatenate([states, first[len(states) : n]])


def states_before(first: Array, states: Array, sizes: tuple[int, ...], backwards: bool) -> Array:
    """Return the states that all steps begin with, given those before the first one and after each of them."""
    n = sizes[0]
    before = empty(states.shape, states.dtype)
    if sizes[-1] == n:
        return np.concatenate([states[n:], first] if backwards else [first, states[:-n]], out=before)
    now = first[: sizes[-1 if backwards else 0]]
    for rows in steps_of(sizes, backwards):
        n = rows.stop - rows.start
        before[rows][: len(now)] = now[:n]
        before[rows][len(now) :] = first[len(now) : n]
        now = states[rows]
    return before


@kernel
def lstm_pass(
    z: Array, h: Array, c: Array, weight: Array, sizes: tuple[int, ...], backwards: bool
) -> tuple[Array, ...]:
    """Return the outputs and the last states, and for each row the gates, tanh(c), and the states before it.

    The gates have the shape (4, R, H): each is one stretch of memory.
    """
    (count, hidden), dtype = (len(z), h.shape[1]), np.result_type(z, h, c, weight)
    # The products are of minus the weight: sigmoids begin with minus their argument.
    minus = np.negative(weight.reshape(4, hidden, hidden).transpose(0, 2, 1), order="C")
    given = z.reshape(count, 4, hidden).transpose(1, 0, 2)
    gates = empty((4, count, hidden), dtype)
    y, cells, tanh_c = (empty((count, hidden), dtype) for _ in range(3))
    h, c = h.astype(dtype), c.astype(dtype)
    h_n, c_n = h.copy(), c.copy()
    h_now, c_now = h_n, c_n
    buffer, terms = np.empty(4 * h.size, dtype), np.empty_like(h)
    with np.errstate(over="ignore"):
        for rows in steps_of(sizes, backwards):
            n = rows.stop - rows.start
            h_now, c_now = beginning(h_n, h_now, n), beginning(c_n, c_now, n)
            g, term = buffer[: 4 * n * hidden].reshape(4, n, hidden), terms[:n]
            i, f, candidate, o = gates[:, rows]
            np.matmul(h_now, minus, out=g)
            np.subtract(g, given[:, rows], out=g)
            np.tanh(g[2], out=term)
            np.exp(g, out=g)
            np.add(g, 1, out=g)
            np.reciprocal(g, out=gates[:, rows])
            np.negative(term, out=candidate)
            np.multiply(candidate, i, out=term)
            c_now = np.multiply(c_now, f, out=cells[rows])
            np.add(c_now, term, out=c_now)
            h_now = np.tanh(c_now, out=tanh_c[rows])
            h_now = np.multiply(h_now, o, out=y[rows])
    h_n[: len(h_now)], c_n[: len(c_now)] = h_now, c_now
    h_before, c_before = states_before(h, y, sizes, backwards), states_before(c, cells, sizes, backwards)
    return y, h_n, c_n, gates, tanh_c, h_before, c_before


@kernel
def lstm_gradients(
    g_y: Array, g_h: Array, g_c: Array, weight: Array, gates: Array, tanh_c: Array, h_before: Array, c_before: Array,
    sizes: tuple[int, ...], backwards: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Return the gradients of z, h, c and the weight."""
    _, count, hidden = gates.shape
    i, f, candidate, o = gates
    # What the gradients of the cell (of the output, for the last gate) are multiplied by, of all steps at once.
    factors = empty(gates.shape, gates.dtype)
    for gate, other, factor in ((i, candidate, factors[0]), (f, c_before, factors[1]), (o, tanh_c, factors[3])):
        np.subtract(1, gate, out=factor)
        np.multiply(factor, gate, out=factor)
        np.multiply(factor, other, out=factor)
    through = empty(tanh_c.shape, tanh_c.dtype)
    for output, gate, factor in ((candidate, i, factors[2]), (tanh_c, o, through)):
        np.square(output, out=factor)
        np.subtract(1, factor, out=factor)
        np.multiply(factor, gate, out=factor)
    g_z = empty((count, 4 * hidden), gates.dtype)
    by_gate = g_z.reshape(count, 4, hidden).transpose(1, 0, 2)
    g_h, g_c = g_h.astype(gates.dtype), g_c.astype(gates.dtype)
    buffer = np.empty_like(g_h)
    for rows in steps_of(sizes, not backwards):
        n = rows.stop - rows.start
        h_now, c_now, term = g_h[:n], g_c[:n], buffer[:n]
        np.add(h_now, g_y[rows], out=h_now)
        np.multiply(h_now, through[rows], out=term)
        np.add(c_now, term, out=c_now)
        np.multiply(factors[:3, rows], c_now, out=by_gate[:3, rows])
        np.multiply(factors[3, rows], h_now, out=by_gate[3, rows])
        np.multiply(c_now, f[rows], out=c_now)
        np.matmul(g_z[rows], weight, out=h_now)
    return g_z, g_h, g_c, np.matmul(g_z.T, h_before)


@kernel
def gru_pass(
    z: Array, h: Array, weight: Array, bias: Array | None, sizes: tuple[int, ...], backwards: bool
) -> tuple[Array, ...]:
    """Return the outputs and the last state, and for each row the gates, what r is applied to, and the state before."""
    hidden, dtype = h.shape[1], np.result_type(z, h, weight)
    product = np.ascontiguousarray(weight.T)
    gates = empty(z.shape, dtype)
    y, own, h_before = (empty((len(z), hidden), dtype) for _ in range(3))
    h = h.astype(dtype)
    buffer = np.empty((len(h), 3 * hidden), dtype)
    with np.errstate(over="ignore"):
        for rows in steps_of(sizes, backwards):
            n = rows.stop - rows.start
            h_now, term, g, inputs = h[:n], buffer[:n], gates[rows], z[rows]
            h_before[rows] = h_now
            np.matmul(h_now, product, out=term)
            if bias is not None:
                np.add(term, bias, out=term)
            own[rows] = term[:, 2 * hidden :]
            np.add(term[:, : 2 * hidden], inputs[:, : 2 * hidden], out=g[:, : 2 * hidden])
            sigmoid_of(g[:, : 2 * hidden])
            n_gate = g[:, 2 * hidden :]
            np.multiply(g[:, :hidden], own[rows], out=n_gate)
            np.add(n_gate, inputs[:, 2 * hidden :], out=n_gate)
            np.tanh(n_gate, out=n_gate)
            np.subtract(h_now, n_gate, out=h_now)
            np.multiply(h_now, g[:, hidden : 2 * hidden], out=h_now)
            np.add(h_now, n_gate, out=h_now)
            y[rows] = h_now
    return y, h, gates, own, h_before


@kernel
def gru_gradients(
    g_y: Array, g_h: Array, weight: Array, gates: Array, own: Array, h_before: Array, sizes: tuple[int, ...],
    backwards: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Return the gradients of z, h, the weight and the bias."""
    count, hidden = own.shape
    r, update, new = (gates[:, k * hidden : (k + 1) * hidden] for k in range(3))
    # What the gradient of the output is multiplied by: for r, z, what r is applied to, and the whole of n's argument.
    factors = empty((count, 4, hidden), gates.dtype)
    of_r, of_update, of_own, of_new = (factors[:, k] for k in range(4))
    np.square(new, out=of_own)
    np.subtract(1, of_own, out=of_own)
    np.subtract(1, update, out=of_update)
    np.multiply(of_own, of_update, out=of_new)
    np.multiply(of_new, r, out=of_own)
    np.subtract(h_before, new, out=of_r)
    np.multiply(of_update, update, out=of_update)
    np.multiply(of_update, of_r, out=of_update)
    np.subtract(1, r, out=of_r)
    np.multiply(of_r, of_own, out=of_r)
    np.multiply(of_r, own, out=of_r)
    g_h = g_h.astype(gates.dtype)
    buffer = np.empty_like(g_h)
    inner = factors.reshape(count, 4 * hidden)[:, : 3 * hidden]
    for rows in steps_of(sizes, not backwards):
        n = rows.stop - rows.start
        h_now, term, parts = g_h[:n], buffer[:n], factors[rows]
        np.add(h_now, g_y[rows], out=h_now)
        np.multiply(parts, h_now[:, None], out=parts)
        np.multiply(h_now, update[rows], out=term)
        np.matmul(inner[rows], weight, out=h_now)
        np.add(h_now, term, out=h_now)
    g_z = np.concatenate([inner[:, : 2 * hidden], of_new], axis=1)
    return g_z, g_h, np.matmul(inner.T, h_before), np.add.reduce(inner, axis=0)


@kernel
def rnn_pass(
    z: Array, h: Array, weight: Array, kind: str, sizes: tuple[int, ...], backwards: bool
) -> tuple[Array, Array, Array]:
    """Return the outputs, the last state, and for each row the state before it."""
    dtype = np.result_type(z, h, weight)
    product = np.ascontiguousarray(weight.T)
    y, h_before = empty(z.shape, dtype), empty(z.shape, dtype)
    h = h.astype(dtype)
    for rows in steps_of(sizes, backwards):
        h_now, out = h[: rows.stop - rows.start], y[rows]
        h_before[rows] = h_now
        np.matmul(h_now, product, out=out)
        np.add(out, z[rows], out=out)
        if kind == "relu":
            np.maximum(out, 0, out=out)
        else:
            np.tanh(out, out=out)
        h_now[...] = out
    return y, h, h_before


@kernel
def rnn_gradients(
    g_y: Array, g_h: Array, weight: Array, y: Array, h_before: Array, kind: str, sizes: tuple[int, ...],
    backwards: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """Return the gradients of z, h and the weight."""
    g_z = empty(y.shape, y.dtype)
    if kind == "relu":
        np.greater(y, 0, out=g_z)
    else:
        np.square(y, out=g_z)
        np.subtract(1, g_z, out=g_z)
    g_h = g_h.astype(y.dtype)
    for rows in steps_of(sizes, not backwards):
        h_now, part = g_h[: rows.stop - rows.start], g_z[rows]
        np.add(h_now, g_y[rows], out=h_now)
        np.multiply(part, h_now, out=part)
        np.matmul(part, weight, out=h_now)
    return g_z, g_h, np.matmul(g_z.T, h_before)
