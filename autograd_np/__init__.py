"""A tiny automatic differentiation engine for NumPy: `Tensor` records, `backward` and `grad` differentiate."""

import sys
from typing import TYPE_CHECKING, Any

# Importing `compositions` and `rules` fills the table of functions that take tensors.
from autograd_np import compositions as compositions
from autograd_np import neural
from autograd_np import rules as rules
from autograd_np.anomaly import detect_anomaly
from autograd_np.checkpointing import checkpoint
from autograd_np.compiling import compile
from autograd_np.compositions.creation import array
from autograd_np.flattening import flatten
from autograd_np.gradients import gradients
from autograd_np.hints import refuse
from autograd_np.modes import enable_grad, inference_mode, no_grad, set_grad_enabled
from autograd_np.neural.threads import tune_process
from autograd_np.primitives import defvjp
from autograd_np.show import draw, print_tape
from autograd_np.supported import supported
from autograd_np.tensor import Tensor, primitive
from autograd_np.transforms import (
    IndependentWarning,
    elementwise_grad,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)
from autograd_np.widening import detect_widening

__all__ = [
    "IndependentWarning",
    "Tensor",
    "VmapLoopWarning",
    "array",
    "checkpoint",
    "compile",
    "defvjp",
    "detect_anomaly",
    "detect_widening",
    "draw",
    "elementwise_grad",
    "enable_grad",
    "flatten",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "inference_mode",
    "jacobian",
    "jvp",
    "neural",
    "no_grad",
    "primitive",
    "print_tape",
    "set_grad_enabled",
    "supported",
    "tune_process",
    "value_and_grad",
    "vjp",
    "vmap",
]

if TYPE_CHECKING:
    from autograd_np.batching import VmapLoopWarning, vmap
else:  # a type checker would take every name for known

    def __getattr__(name: str) -> Any:
        if name in ("VmapLoopWarning", "vmap"):  # imported when it is first asked for
            from autograd_np import batching

            return getattr(batching, name)
        return refuse(sys.modules[__name__], name, "autograd_np")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
