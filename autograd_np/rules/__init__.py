"""The derivative rules, one file a family. Importing the package fills the table."""

from autograd_np.rules import (
    elementwise,
    fourier,
    indexing,
    linalg,
    ordering,
    products,
    reductions,
    shaping,
    special,
)

__all__ = [
    "elementwise",
    "fourier",
    "indexing",
    "linalg",
    "ordering",
    "products",
    "reductions",
    "shaping",
    "special",
]
