"""Optimisers, and what a library makes of parameters with them; run as a program, it records PyTorch's steps."""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from autograd_np import Tensor
from nn import optim

VALUES = Path(__file__).with_name("steps.json")
DTYPES = ("float64", "float32")
STEPS = 6


@dataclass(frozen=True)
class Steps:
    """Some steps of an optimiser of two groups: a vector, and a number with twice the learning rate.

    Parameters
    ----------
    optimizer : str
        Its class.
    options : dict
        What it is made with.
    dtype : str
        Of parameters and gradients.
    seed : int
        Of parameters and gradients, too.
    """

    optimizer: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    dtype: str = "float64"
    seed: int = 0

    @property
    def name(self) -> str:
        """The case in one line, the key of its recorded values."""
        return f"{self.optimizer}({', '.join(f'{key}={value}' for key, value in self.options.items())}) {self.dtype}"

    def starts(self) -> list[Any]:
        """Return what the parameters are before."""
        rng = np.random.default_rng(self.seed)
        return [rng.normal(size=shape).astype(self.dtype) if shape else np.array(0.5, self.dtype) for shape in SHAPES]

    def gradients(self) -> list[list[Any]]:
        """Return each step's gradients: large ones at first, small ones later."""
        rng = np.random.default_rng(self.seed + 1)
        return [
            [np.asarray(rng.normal(size=shape) / (1 + t) ** 2, self.dtype) for shape in SHAPES] for t in range(STEPS)
        ]


SHAPES: list[tuple[int, ...]] = [(3,), ()]
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5}),
    ("RMSprop", {"lr": 0.1, "eps": 0.5}),
    ("RMSprop", {"lr": 0.1, "weight_decay": 0.5}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "centered": True, "eps": 0.01}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.5, "momentum": 0.5, "centered": True, "weight_decay": 0.1, "eps": 0.01}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.5}),
    ("Adagrad", {"lr": 0.1, "weight_decay": 0.5}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5}),
    ("Adagrad", {"lr": 0.1, "eps": 0.5}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.1, "betas": (0.5, 0.9)}),
    ("NAdam", {"lr": 0.1, "eps": 0.5}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.5}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.5, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.1, "momentum_decay": 0.5}),
    ("Adam", {"lr": 0.1, "betas": (0.9, 0.5), "weight_decay": 0.1, "amsgrad": True}),
    ("AdamW", {"lr": 0.1, "betas": (0.9, 0.5), "weight_decay": 0.1, "amsgrad": True}),
]
CASES = [Steps(name, options, dtype) for name, options in OPTIONS for dtype in DTYPES]

_decay = st.just(0.0) | st.floats(0.01, 0.5)
_eps = st.sampled_from([1e-8, 1e-3, 0.5])
_betas = st.tuples(st.floats(0, 0.99), st.floats(0, 0.999))
_adam = {"betas": _betas, "eps": _eps, "weight_decay": _decay, "amsgrad": st.booleans()}
DRAWN: dict[str, dict[str, Any]] = {
    "RMSprop": {
        "alpha": st.floats(0.3, 0.99),  # below, a variance is what rounding leaves of it
        "eps": st.sampled_from([1e-3, 0.5]),
        "weight_decay": _decay,
        "momentum": st.just(0.0) | st.floats(0, 0.9),
        "centered": st.booleans(),
    },
    "Adagrad": {
        "lr_decay": _decay,
        "weight_decay": _decay,
        "initial_accumulator_value": _decay,
        "eps": _eps,
    },
    "NAdam": {
        "betas": _betas,
        "eps": _eps,
        "weight_decay": _decay,
        "momentum_decay": _decay,
        "decoupled_weight_decay": st.booleans(),
    },
    "Adam": _adam,
    "AdamW": _adam,
}


@st.composite
def random_cases(draw: st.DrawFn) -> Steps:
    """Draw an optimiser with some of its options, a dtype and a seed."""
    name = draw(st.sampled_from([*DRAWN]))
    options = draw(st.fixed_dictionaries({"lr": st.floats(1e-3, 0.5)}, optional=DRAWN[name]))
    return Steps(name, options, draw(st.sampled_from(DTYPES)), draw(st.integers(0, 2**32 - 2)))


def ours(case: Steps) -> tuple[list[Any], Any]:
    """Return parameters and this project's optimiser of a case."""
    parameters = [Tensor(start, requires_grad=True, dtype=case.dtype) for start in case.starts()]
    return parameters, _made(optim, case, parameters)


def pytorchs(case: Steps) -> tuple[list[Any], Any]:
    """Return parameters and PyTorch's optimiser of a case."""
    import torch

    parameters = [torch.tensor(start, requires_grad=True) for start in case.starts()]
    return parameters, _made(torch.optim, case, parameters)


def _made(library: Any, case: Steps, parameters: list[Any]) -> Any:
    kind = getattr(library, case.optimizer)
    rate = kind(parameters, **case.options).param_groups[0]["lr"]
    groups = [{"params": [parameters[0]]}, {"params": [parameters[1]], "lr": 2 * rate}]
    return kind(groups, **case.options)


def advance(case: Steps, parameters: list[Any], optimizer: Any, start: int = 0, stop: int = STEPS) -> list[list[float]]:
    """Take steps, and return the parameters' numbers after each."""
    found: list[list[float]] = []
    for gradients in case.gradients()[start:stop]:
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient if isinstance(parameter, Tensor) else _tensor(gradient)
        optimizer.step()
        found.append(numbers(parameters))
    return found


def numbers(parameters: list[Any]) -> list[float]:
    """Return the numbers of all parameters."""
    arrays = [p.data if isinstance(p, Tensor) else p.detach().numpy() for p in parameters]
    return [float(x) for array in arrays for x in np.ravel(array)]


def remembered(optimizer: Any) -> dict[str, Any]:
    """Return what is remembered of each parameter, as lists and numbers."""
    state = optimizer.state_dict()["state"]
    return {
        str(number): {name: np.asarray(value).tolist() for name, value in entries.items()}
        for number, entries in state.items()
    }


def _tensor(array: Any) -> Any:
    import torch

    return torch.tensor(array)


@contextmanager
def double_precision() -> Generator[None]:
    """Let PyTorch keep its numbers of steps, and products of momenta, in double precision."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def record() -> None:
    """Write down PyTorch's steps."""
    lines: list[str] = []
    with double_precision():
        for case in CASES:
            parameters, optimizer = pytorchs(case)
            found: dict[str, Any] = {"steps": advance(case, parameters, optimizer, 0, 3)}
            if case.dtype == "float64":
                found["saved"] = {**optimizer.state_dict(), "state": remembered(optimizer)}
            found["steps"] += advance(case, parameters, optimizer, 3)
            found["remembered"] = remembered(optimizer)
            lines.append(f"{json.dumps(case.name)}: {json.dumps(found)}")
    VALUES.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    record()
