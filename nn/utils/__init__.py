"""What belongs to no layer: clipping, parameters as a vector, weights that are computed, sequences of other lengths."""

from nn.utils import rnn
from nn.utils.clipping import clip_grad_norm_, clip_grad_value_
from nn.utils.parametrisation import remove_spectral_norm, remove_weight_norm, spectral_norm, weight_norm
from nn.utils.vectors import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "parameters_to_vector",
    "remove_spectral_norm",
    "remove_weight_norm",
    "rnn",
    "spectral_norm",
    "vector_to_parameters",
    "weight_norm",
]
