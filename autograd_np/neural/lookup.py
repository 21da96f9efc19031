"""Rows of a table, looked up by their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd_np.neural.arguments import Array, check_max_norm, first_place, padding_row, real
from autograd_np.tensor import Operand, Tensor, as_array, plain

__all__ = ["embedding"]


def embedding(x: Operand, weight: Operand, padding_idx: int | None = None, max_norm: None = None) -> Tensor:
    """Return the rows of a table that integers name.

    The gradient of a row that is named several times is the sum of theirs. It is added into one array for the whole
    table, however often the table is used.

    Parameters
    ----------
    x : array_like of int
        Numbers of rows, from 0, of any shape.
    weight : array_like, shape (V, D)
        The table.
    padding_idx : int, optional
        A row that gets no gradient; negative ones count from the end.
    max_norm : None
        Not supported, but in PyTorch's place.

    Returns
    -------
    Tensor, shape (..., D)
        With the axes of `x` in front.

    Raises
    ------
    TypeError
        If `x` is not made of integers, or the table not of real numbers.
    ValueError
        If the table is no matrix or has no such row, or `max_norm` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor
    >>> from autograd_np.neural import embedding
    >>> table = Tensor([[0.0, 0.0], [1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    >>> y = embedding([[1, 1, 0]], table, padding_idx=0)
    >>> y.data
    array([[[1., 2.],
            [1., 2.],
            [0., 0.]]])
    >>> y.sum().backward()
    >>> table.grad
    array([[0., 0.],
           [2., 2.],
           [0., 0.]])
    """
    check_max_norm("embedding", max_norm)
    table, index = real("embedding", weight), plain(as_array(x))
    if table.ndim != 2:
        raise ValueError(f"embedding: weight of shape {table.shape}; give a table of shape (V, D)")
    _check_index(index, len(table))
    rows: Any = table[index]
    if padding_idx is None:
        return rows
    return _without_gradient(rows, np.equal(index, padding_row("embedding", padding_idx, len(table))))


def _without_gradient(rows: Array, at: Array) -> Any:
    constant: Array = plain(rows)
    return np.where(at[..., None], constant, rows)


def _check_index(index: Any, rows: int) -> None:
    if index.dtype.kind not in "iu":
        raise TypeError(
            f"embedding: x is of dtype {index.dtype}; its elements are integers that name rows: x.astype(int)"
        )
    wrong = (index < 0) | (index >= rows)
    if wrong.any():
        place = first_place(wrong)
        at = f" at {place}" if place else ""
        raise ValueError(
            f"embedding: the index {index[place]}{at} names none of the {rows} rows of the table, which are 0 to "
            f"{rows - 1}"
        )
