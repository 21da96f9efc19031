"""What belongs to no layer: sequences of different lengths."""

from nn.utils import rnn

__all__ = ["rnn"]
