"""Functions that have no gradient: they take tensors all the same, and return plain arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from autograd_np.primitives import constants, implements
from autograd_np.tensor import plain


def _constant(function: Callable[..., Any]) -> None:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*plain(args), **{name: plain(value) for name, value in kwargs.items()})

    constants.add(implements(function)(call))


for _function in (
    np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logical_not,
    np.isnan, np.isinf, np.isfinite, np.signbit, np.isclose, np.allclose, np.array_equal, np.array_equiv,
    np.any, np.all, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort,
    np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.searchsorted, np.digitize,
    np.shape, np.ndim, np.size, np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj,
    np.result_type, np.can_cast, np.common_type, np.shares_memory, np.may_share_memory,
    np.array2string, np.array_repr, np.array_str,
):  # fmt: skip
    _constant(_function)
