"""Attention: averages of values, weighted by how well keys fit queries."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.activations import shifted
from autograd_np.neural.arguments import check_p, real
from autograd_np.neural.layers import dropout
from autograd_np.primitives import defvjp
from autograd_np.rules.ranges import widened
from autograd_np.tensor import Operand, Tensor, as_array, plain, primitive

__all__ = ["attention", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Operand,
    key: Operand,
    value: Operand,
    attn_mask: Operand | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    rng: np.random.Generator | None = None,
) -> Tensor:
    """Return softmax(q kᵀ / √E + mask) v: for each query, an average of the values, by how well the keys fit.

    A query that may attend to no key has the result 0, and takes no part in gradients.

    Parameters
    ----------
    query : array_like, shape (..., L, E)
        L queries of E features.
    key : array_like, shape (..., S, E)
        S keys.
    value : array_like, shape (..., S, V)
        A value for each key.
    attn_mask : array_like of bool or float, shape (L, S) or one that broadcasts to (..., L, S), optional
        Of booleans: which keys a query may attend to. Of numbers: what is added to the products; -inf leaves a key out.
    dropout_p : float
        The probability of dropping a weight.
    is_causal : bool
        Whether query i may attend to the keys up to i alone.
    scale : float, optional
        What the products are multiplied by; 1 / √E by default.
    rng : numpy.random.Generator
        Where the choice of what is dropped comes from; needed if anything is to be.

    Returns
    -------
    Tensor, shape (..., L, V)

    Raises
    ------
    TypeError
        If anything is not made of real numbers, the mask of integers, or a generator is missing.
    ValueError
        If the shapes do not fit, `dropout_p` is not from 0 to 1, or there is a mask beside `is_causal`.

    References
    ----------
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.neural import scaled_dot_product_attention
    >>> values = np.array([[1.0], [2.0], [6.0]])
    >>> scaled_dot_product_attention(np.zeros((3, 2)), np.zeros((3, 2)), values, is_causal=True)
    array([[1. ],
           [1.5],
           [3. ]])
    """
    operation = "scaled_dot_product_attention"
    q, k, v = (real(operation, x) for x in (query, key, value))
    if min(q.ndim, k.ndim, v.ndim) < 2 or not _fit(q.shape, k.shape, v.shape):
        raise ValueError(
            f"{operation}: queries of shape {q.shape}, keys of shape {k.shape} and values of shape {v.shape}; they "
            f"need to be (..., L, E), (..., S, E) and (..., S, V)"
        )
    mask = None if attn_mask is None else as_array(attn_mask)
    if is_causal:
        if mask is not None:
            raise ValueError(f"{operation}: attn_mask beside is_causal=True; give one of them, both joined in the mask")
        mask = np.tril(np.ones((q.shape[-2], k.shape[-2]), bool))
    check_p(operation, dropout_p)
    return attention(operation, q, k, v, mask, dropout_p, scale, rng)[0]


def _fit(q: tuple[int, ...], k: tuple[int, ...], v: tuple[int, ...]) -> bool:
    try:
        np.broadcast_shapes(q[:-2], k[:-2], v[:-2])
    except ValueError:
        return False
    return q[-1] == k[-1] and k[-2] == v[-2]


def attention(
    operation: str, q: Any, k: Any, v: Any, mask: Any, dropout_p: float, scale: float | None, rng: Any
) -> tuple[Any, Any]:
    """Return the averages, and the weights of the values."""
    dtype = np.result_type(q.dtype, k.dtype, v.dtype)
    q, k, v = map(widened, (q, k, v))
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.mT
    if mask is not None:
        scores = _masked(operation, scores, mask)
    weights = _weights(scores)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p, rng=rng)
    y = weights @ v
    return (y.astype(dtype), weights.astype(dtype)) if dtype.type is np.float16 else (y, weights)


def _masked(operation: str, scores: Any, mask: Any) -> Any:
    """Add a mask of numbers, or leave out what one of booleans does."""
    if mask.dtype.kind not in "bf":
        raise TypeError(
            f"{operation}: a mask of dtype {mask.dtype}; give booleans, mask.astype(bool), or numbers to be added"
        )
    shape = scores.shape
    if mask.ndim > len(shape) or any(m not in (1, n) for m, n in zip(mask.shape[::-1], shape[::-1], strict=False)):
        raise ValueError(
            f"{operation}: a mask of shape {mask.shape} with products of queries and keys of shape {shape}; it needs "
            f"to broadcast to them"
        )
    if mask.dtype.kind == "b":
        where: Any = np.where  # it dispatches
        return where(plain(mask), scores, -np.inf)
    return scores + (mask if isinstance(mask, Tensor) and mask.requires_grad else plain(mask).astype(scores.dtype))


@primitive(name="softmax", fresh=True)
def _weights(scores: Any) -> Any:
    """Return the softmax along the last axis; 0 where all scores are -inf."""
    exponents, _ = shifted(scores, -1)
    e = np.exp(exponents)
    # The largest is 1; so is the sum at least, if there is anything to sum.
    return e / np.maximum(np.add.reduce(e, axis=-1, keepdims=True), 1)


defvjp(_weights, lambda g, y, _scores: y * (g - (g * y).sum(axis=-1, keepdims=True)))
