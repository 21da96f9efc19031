"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from autograd_np import Tensor
from autograd_np.versions import as_ndarray

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the numbers of all parameters one after another, as an operation that is recorded.

    Parameters
    ----------
    parameters : iterable of Tensor
        What `Module.parameters` yields.

    Returns
    -------
    Tensor, shape (n,)

    Raises
    ------
    TypeError
        If there is anything but Tensors among them.
    ValueError
        If there are none.

    Examples
    --------
    >>> import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    known = _listed("parameters_to_vector", parameters)
    vector: Any = np.concatenate([p.reshape(-1) for p in known])  # pyright: ignore[reportArgumentType, reportCallIssue]
    return vector


def vector_to_parameters(vector: Tensor | ArrayLike, parameters: Iterable[Tensor]) -> None:
    """Write the numbers of a vector into parameters, in their dtypes; everything is checked before.

    Parameters
    ----------
    vector : array_like, shape (n,)
        As `parameters_to_vector` returns it.
    parameters : iterable of Tensor
        What `Module.parameters` yields, of n numbers together.

    Raises
    ------
    TypeError
        If there is anything but Tensors among the parameters, or the vector's numbers are of another kind.
    ValueError
        If the vector has another shape, or there are no parameters.

    Examples
    --------
    >>> import numpy as np
    >>> import nn
    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(np.array([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias
    Tensor([3.], dtype=float32, requires_grad=True)
    """
    call = "vector_to_parameters"
    known = _listed(call, parameters)
    numbers = vector.data.copy() if isinstance(vector, Tensor) else as_ndarray(vector)
    total = sum(p.size for p in known)
    if numbers.shape != (total,):
        raise ValueError(f"{call}: a vector of shape {numbers.shape} for parameters of {total} numbers together")
    for p in known:
        if not np.can_cast(numbers.dtype, p.dtype, "same_kind"):
            raise TypeError(f"{call}: a vector of dtype {numbers.dtype} for a parameter of dtype {p.dtype}; convert it")
    start = 0
    for p in known:
        p.data = numbers[start : start + p.size].reshape(p.shape)
        start += p.size


def _listed(call: str, parameters: Any) -> list[Tensor]:
    if isinstance(parameters, Tensor) or not hasattr(parameters, "__iter__"):
        raise TypeError(f"{call}: parameters is a {type(parameters).__name__}; give an iterable of Tensors")
    known: list[Any] = list(parameters)
    for p in known:
        if not isinstance(p, Tensor):
            raise TypeError(f"{call}: parameters holds a {type(p).__name__}; give Tensors, like model.parameters()")
    if not known:
        raise ValueError(
            f"{call}: there are no parameters; an iterator such as model.parameters() is used up by a loop"
        )
    return known
