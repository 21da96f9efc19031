"""A tiny automatic differentiation engine for NumPy: `Tensor` records, `backward` and `grad` differentiate."""

import autograd_np.rules  # noqa: F401  # pyright: ignore[reportUnusedImport] (it fills the table)
from autograd_np.primitives import defvjp
from autograd_np.tape import detect_anomaly, no_grad
from autograd_np.tensor import Tensor, gradients, primitive
from autograd_np.transforms import elementwise_grad, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "Tensor",
    "defvjp",
    "detect_anomaly",
    "elementwise_grad",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "primitive",
    "value_and_grad",
    "vjp",
]
