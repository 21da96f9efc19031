"""The derivative rules, one file a family. Importing the package fills the table."""

from autograd_np.rules import constant, elementwise, indexing, products, reductions, shaping

__all__ = ["constant", "elementwise", "indexing", "products", "reductions", "shaping"]
