"""Cases, and what a library makes of one: output, gradients, buffers, the names of its state and its text."""

import json
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from types import SimpleNamespace
from typing import Any

import numpy as np

import nn
from autograd_np import Tensor
from autograd_np.trees import leaves_of, tree_of
from tests.nn.pytorch import families


@dataclass(frozen=True)
class Case:
    """A module or a function, as an expression of both libraries, and what it is called with.

    Parameters
    ----------
    make : str
        An expression of `nn` and `F`: ``nn.LayerNorm(4)``, ``lambda x, y: F.mse_loss(x, y, reduction="sum")``.
    inputs : str
        Expressions of `rng`, a generator of random numbers, and `np`; floating ones are differentiated.
    seed : int
        Of that generator.
    training : bool
        Whether a module is in training mode.
    compiles : bool
        Whether it can be captured; if not, it is refused.
    """

    make: str
    inputs: tuple[str, ...]
    seed: int = 0
    training: bool = True
    compiles: bool = True

    @property
    def name(self) -> str:
        """The case in one line, the key of its recorded values."""
        return f"{self.make} | {' | '.join(self.inputs)}" + ("" if self.training else " | eval")

    def arrays(self) -> tuple[list[Any], np.random.Generator]:
        """Return the inputs, trees of arrays, and the generator that goes on from there."""
        rng = np.random.default_rng(self.seed)
        return [eval(text, {"rng": rng, "np": np}) for text in self.inputs], rng


def all_cases() -> Iterator[tuple[str, Case]]:
    """Yield the cases with the names of their families."""
    for module in iter_modules(families.__path__):
        for case in import_module(f"{families.__name__}.{module.name}").CASES:
            yield module.name, case


class Ours:
    """This project, as `measured` sees it."""

    def made(self, make: str, rng: Any = 0) -> Any:
        """Return a module or a function; initial values come from a generator."""
        return eval(make, {"nn": _Seeded(nn, rng), "F": nn.functional, "np": np})

    def is_module(self, made: Any) -> bool:
        return isinstance(made, nn.Module)

    def as_double(self, module: Any) -> Any:
        return module.astype(np.float64)

    def given(self, array: Any) -> Any:
        floating = isinstance(array, np.ndarray) and array.dtype.kind == "f"
        return Tensor(array, requires_grad=True) if floating else array

    def state(self, module: Any) -> dict[str, Any]:
        return module.state_dict()

    def load(self, module: Any, state: dict[str, Any]) -> None:
        module.load_state_dict(state)

    def array(self, value: Any) -> Any:
        return np.asarray(value.data if isinstance(value, Tensor) else value)

    def gradients(self, outputs: Any, weights: Any, of: Any) -> list[Any]:
        total = sum(np.sum(y * w) for y, w in zip(outputs, weights, strict=True) if w is not None)
        if isinstance(total, Tensor) and total.requires_grad:
            total.backward()
        return [x.grad for x in of]


class _Seeded(SimpleNamespace):
    """A library's layers, each of which draws its initial values from one generator."""

    def __init__(self, library: Any, rng: Any) -> None:
        super().__init__(library=library, rng=np.random.default_rng(rng))

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.library, name)
        takes = isinstance(found, type) and "rng" in signature(found.__init__).parameters
        return partial(found, rng=self.rng) if takes else found


class PyTorch:
    """PyTorch, as `measured` sees it."""

    def __init__(self) -> None:
        import torch

        self.torch = torch

    def made(self, make: str, rng: Any = 0) -> Any:
        names = {"nn": self.torch.nn, "F": self.torch.nn.functional, "np": np, "torch": self.torch}
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # of weight_norm
            return eval(make, names)

    def is_module(self, made: Any) -> bool:
        return isinstance(made, self.torch.nn.Module)

    def as_double(self, module: Any) -> Any:
        return module.double()

    def given(self, array: Any) -> Any:
        if not isinstance(array, np.ndarray | np.generic):
            return array
        tensor = self.torch.tensor(array)
        return tensor.requires_grad_() if tensor.is_floating_point() else tensor

    def state(self, module: Any) -> dict[str, Any]:
        return {key: value.numpy() for key, value in module.state_dict().items()}

    def load(self, module: Any, state: dict[str, Any]) -> None:
        module.load_state_dict({key: self.torch.tensor(value) for key, value in state.items()})

    def array(self, value: Any) -> Any:
        return value.detach().numpy() if isinstance(value, self.torch.Tensor) else np.asarray(value)

    def gradients(self, outputs: Any, weights: Any, of: Any) -> list[Any]:
        pairs = zip(outputs, weights, strict=True)
        total = sum((y * self.torch.tensor(w)).sum() for y, w in pairs if w is not None)
        if getattr(total, "requires_grad", False):
            total.backward()
        return [None if x.grad is None else x.grad.numpy() for x in of]


def measured(library: Any, case: Case) -> dict[str, Any]:
    """Return what a library makes of a case, with parameters and weights of the outputs drawn at random."""
    arrays, rng = case.arrays()
    made = library.made(case.make)
    result: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    if library.is_module(made):
        made = library.as_double(made).train(case.training)
        state = library.state(made)
        for key in sorted(state):
            if state[key].dtype.kind == "f":
                state[key] = _drawn(key, state[key].shape, rng)
        library.load(made, state)
        # Our own texts count parameters; newer versions of PyTorch say of each affine layer that it has a bias, and of
        # each other one that it has none. Its dropout may work in place, and its attention has a linear layer by
        # another name.
        unlike = r"  # .*|(?<=affine=True), bias=True|(?<=affine=False), bias=False"
        unlike += "|, inplace=False|NonDynamicallyQuantizable"
        result["repr"] = re.sub(unlike, "", repr(made))
        result["keys"] = {key: list(value.shape) for key, value in state.items()}
        parameters = dict(made.named_parameters())
    given = [tree_of(tree, map(library.given, leaves_of(tree))) for tree in arrays]
    outputs = [y for y in leaves_of(made(*given)) if y is not None]
    plain = [library.array(y) for y in outputs]
    weights = [rng.normal(size=y.shape) if y.dtype.kind == "f" else None for y in plain]
    floating = [x for x in leaves_of(given) if hasattr(x, "grad") and getattr(x, "requires_grad", False)]
    gradients = library.gradients(outputs, weights, [*floating, *parameters.values()])
    result["outputs"] = plain
    result["gradients"] = gradients[: len(floating)]
    result["of parameters"] = dict(zip(parameters, gradients[len(floating) :], strict=True))
    if library.is_module(made):
        result["buffers"] = {k: v for k, v in library.state(made).items() if k not in parameters}
    return result


def _drawn(key: str, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
    """Return numbers for a parameter or a buffer; a variance is positive."""
    values = rng.normal(size=shape) / 2
    return values**2 + 0.1 if key.endswith("var") else values


_DRAWS = 1000


def initial(library: Any, case: Case) -> dict[str, list[float]]:
    """Return mean, standard deviation and largest absolute value of each entry of a new module's state."""
    rng = np.random.default_rng(0)
    drawn: dict[str, list[Any]] = {}
    while not drawn or any(_is_short(values) for values in drawn.values()):
        made = library.made(case.make, rng)
        if not library.is_module(made):
            return {}
        for key, value in library.state(made).items():
            drawn.setdefault(key, []).extend(value.ravel().astype(float).tolist())
        if not drawn:
            return {}
    return {key: [float(np.mean(v)), float(np.std(v)), float(np.abs(v).max())] for key, v in drawn.items() if v}


def _is_short(values: list[Any]) -> bool:
    """Tell numbers that are drawn at random, and too few to know how."""
    return 0 < len(values) < _DRAWS and (len(values) == 1 or any(x != values[0] for x in values))


def check_alike(ours: Any, theirs: Any, where: str = "") -> None:
    """Raise where two results differ by more than rounding."""
    if isinstance(theirs, dict):
        assert list(ours) == list(theirs), f"{where}: {list(ours)} here, {list(theirs)} there"
        for key, value in theirs.items():
            check_alike(ours[key], value, f"{where} {key}".strip())
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), f"{where}: {len(ours)} here, {len(theirs)} there"
        for i, pair in enumerate(zip(ours, theirs, strict=True)):
            check_alike(*pair, f"{where} {i}")
    elif isinstance(theirs, np.ndarray | float):
        assert np.shape(ours) == np.shape(theirs), f"{where}: {np.shape(ours)} here, {np.shape(theirs)} there"
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-11, err_msg=where)
    else:
        assert ours == theirs, f"{where}: {ours} here, {theirs} there"


def as_text(results: Any) -> str:
    """Write results as JSON, a line for each case."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return {"shape": list(value.shape), "values": [_short(x) for x in value.ravel().tolist()]}
        raise TypeError(f"{type(value).__name__}: {value!r}")

    lines = (f"{json.dumps(name)}: {json.dumps(result, default=plain)}" for name, result in results.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _short(x: Any) -> Any:
    return float(f"{x:.12g}") if isinstance(x, float) else x


def from_text(text: str) -> Any:
    """Read what `as_text` wrote."""

    def array(entries: dict[str, Any]) -> Any:
        if set(entries) != {"shape", "values"}:
            return entries
        return np.array(entries["values"]).reshape(entries["shape"])

    return json.loads(text, object_hook=array)
