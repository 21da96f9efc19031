"""Formulas: what each operation is in ONNX's operators, a file for each family."""

from nn.onnx.formulas import elementwise, indexing, layers, products, reductions, shaping
from nn.onnx.formulas.table import FORMULAS

__all__ = ["FORMULAS", "elementwise", "indexing", "layers", "products", "reductions", "shaping"]
