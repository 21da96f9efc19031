"""NumPy functions without a rule of their own: made of those that have one, or without a gradient.

Importing the package puts them into the table, one file a subject.
"""

from autograd_np.compositions import (
    constant,
    creation,
    elementwise,
    fourier,
    joining,
    linalg,
    methods,
    products,
    samples,
    selection,
    shaping,
    statistics,
)

__all__ = [
    "constant",
    "creation",
    "elementwise",
    "fourier",
    "joining",
    "linalg",
    "methods",
    "products",
    "samples",
    "selection",
    "shaping",
    "statistics",
]
