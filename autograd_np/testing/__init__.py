"""Tests of gradients: checks, numerical derivatives, and Hypothesis strategies for what functions of arrays take.

The checks and numerical derivatives need NumPy alone. The strategies and `gradient_property` need Hypothesis, and are
imported when they are first used: ``pip install hypothesis``, or ``pip install autograd_np[test]``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from autograd_np.testing.checks import NondifferentiableWarning, check_grads
from autograd_np.testing.numerical import numerical_gradient, numerical_jacobian

if TYPE_CHECKING:
    from autograd_np.testing.properties import gradient_property
    from autograd_np.testing.random_programs import Program, programs
    from autograd_np.testing.strategies import (
        ClassificationBatch,
        Convolution,
        Einsum,
        Pooling,
        arrays,
        axes,
        broadcastable,
        classification_batches,
        convolutions,
        einsums,
        indices,
        poolings,
        tensors,
    )

__all__ = [
    "ClassificationBatch",
    "Convolution",
    "Einsum",
    "NondifferentiableWarning",
    "Pooling",
    "Program",
    "arrays",
    "axes",
    "broadcastable",
    "check_grads",
    "classification_batches",
    "convolutions",
    "einsums",
    "gradient_property",
    "indices",
    "numerical_gradient",
    "numerical_jacobian",
    "poolings",
    "programs",
    "tensors",
]

_MODULES = {"Program": "random_programs", "programs": "random_programs", "gradient_property": "properties"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(f"{__name__}.{_MODULES.get(name, 'strategies')}")
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(
            f"{__name__}.{name} needs the package hypothesis, which is not installed: pip install hypothesis"
        ) from error
    value = globals()[name] = getattr(module, name)
    return value
