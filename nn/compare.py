"""Backpropagation three ways, side by side: automatic, written by hand, and by finite differences.

The public names of `nn.doctor`, where each of its rooms is described.
"""

from nn.doctor.compare import compare_backprop, compare_gradients
from nn.doctor.comparison import Comparison, ParameterComparison
from nn.doctor.series import hand_written

__all__ = ["Comparison", "ParameterComparison", "compare_backprop", "compare_gradients", "hand_written"]
