"""Operators: what computes each of ONNX's with NumPy, a file for each family."""

from nn.onnx.operators import elementwise, layers, reductions, shaping
from nn.onnx.operators.table import OPERATORS

__all__ = ["OPERATORS", "elementwise", "layers", "reductions", "shaping"]
