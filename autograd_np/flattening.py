"""Flattening: nested containers of arrays as one vector, and back."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.tensor import as_array
from autograd_np.trees import leaves_of, tree_of

__all__ = ["flatten"]


def flatten(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """Return the numbers of nested containers as one vector, and the function that nests such a vector again.

    It is for what works on vectors, such as the optimisers of SciPy. Both ways are recorded where there are tensors.

    Parameters
    ----------
    tree : array_like or nested dicts, lists and tuples of arrays
        Floating numbers throughout, or complex ones throughout.

    Returns
    -------
    vector : ndarray or Tensor, of one axis
        All numbers, in the order of the containers; a Tensor if one of the arrays is. Its dtype is the one that NumPy
        finds for all of them, float64 if there are none.
    unflatten : callable
        Takes a vector of the same length, and returns arrays of the shapes and dtypes of `tree`, nested as these were:
        Tensors for a Tensor. They share no memory with the vector.

    Raises
    ------
    TypeError
        If some of it is no floating or complex number: an optimiser moves numbers by fractions, and integers would lose
        them on the way back. If real and complex arrays are mixed, since real ones would lose imaginary parts; the same
        if `unflatten` is given complex numbers for real ones.
    ValueError
        When `unflatten` is called, if the vector has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.optimize import minimize
    >>> from autograd_np import flatten, value_and_grad
    >>> params = {"w": np.zeros((2, 1)), "b": np.zeros(1)}
    >>> start, unflatten = flatten(params)
    >>> def loss(vector):
    ...     p = unflatten(vector)
    ...     return np.sum((p["w"] - np.array([[1.0], [2.0]])) ** 2 + (p["b"] - 3.0) ** 2)
    >>> found = unflatten(minimize(value_and_grad(loss), start, jac=True).x)
    >>> np.round(found["w"], 4), np.round(found["b"], 4)
    (array([[1.],
           [2.]]), array([3.]))
    """
    leaves = [_checked(leaf) for leaf in leaves_of(tree)]
    shapes, dtypes = [leaf.shape for leaf in leaves], [leaf.dtype for leaf in leaves]
    if len({dtype.kind for dtype in dtypes}) > 1:
        raise TypeError(
            "flatten: real and complex arrays in one vector, of which the real ones would lose imaginary parts; "
            "flatten them apart, or give real and imaginary parts as arrays of their own"
        )
    dtype = np.result_type(*dtypes) if dtypes else np.dtype(float)
    bounds = [0, *itertools.accumulate(map(math.prod, shapes))]
    model = tree_of(tree, range(len(leaves)))

    def unflatten(vector: Any) -> Any:
        v = as_array(vector, "unflatten: the vector")
        if v.shape != (bounds[-1],):
            raise ValueError(f"unflatten: takes a vector of shape ({bounds[-1]},), not {v.shape}")
        if v.dtype.kind == "c" and dtype.kind != "c":
            raise TypeError("unflatten: a complex vector for real arrays, which would lose imaginary parts")
        places = zip(itertools.pairwise(bounds), shapes, dtypes, strict=True)
        parts = [v[start:stop].reshape(shape).astype(kind) for (start, stop), shape, kind in places]
        return tree_of(model, parts)

    ravelled = [np.ravel(leaf).astype(dtype) for leaf in leaves]
    vector: Any = np.concatenate(ravelled) if ravelled else np.zeros(0)
    return vector, unflatten


def _checked(leaf: Any) -> Any:
    """Return a leaf as an array or a tensor, if it can be moved by fractions."""
    array = as_array(leaf, "flatten: a leaf")
    if array.dtype.kind not in "fc":
        raise TypeError(
            f"flatten: {leaf!r} is of dtype {array.dtype}; give floating or complex numbers, like 2.0, and keep what "
            f"is not to be moved by fractions outside of what is flattened"
        )
    return array
