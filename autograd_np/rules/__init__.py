"""The derivative rules, one file a family. Importing the package fills the table."""

from autograd_np.primitives import primitives
from autograd_np.rules import (
    elementwise,
    fourier,
    indexing,
    linalg,
    ordering,
    products,
    reductions,
    shaping,
    sparse,
    special,
)

# NumPy's functions that have rules here return memory of their own, but for those that `views` knows to move elements.
# Of a function that is given a rule by somebody else, that is not known.
for _function, _primitive in primitives.items():
    _primitive.fresh |= _primitive.function is _function

__all__ = [
    "elementwise",
    "fourier",
    "indexing",
    "linalg",
    "ordering",
    "products",
    "reductions",
    "shaping",
    "sparse",
    "special",
]
