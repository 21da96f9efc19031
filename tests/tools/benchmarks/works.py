"""What is measured: each work, and how each contender does it.

All contenders of a work start from the same numbers, drawn with one seed, and compute in float32. Each imports its own
library alone, when it is made.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.tools.benchmarks import by_hand
from tests.tools.benchmarks.networks import BLOCK, CNN, LENET, LSTM, LSTM_CELLS, LSTM_LAYER, MLP, MLP3, Model

OURS = "autograd_np"

# What the contenders are called in tables and pictures.
TITLES = {
    OURS: "autograd_np",
    "torch": "PyTorch eager",
    "torch-cells": "PyTorch eager, in a loop over cells",
    "torch-compile": "torch.compile",
    "jax": "JAX jit",
    "autograd": "HIPS autograd",
    "mygrad": "MyGrad",
    "by-hand": "hand-written NumPy",
    "products": "its matrix products alone",
}

# Those that need a library of their own, and which.
LIBRARIES = {
    "torch": "torch",
    "torch-cells": "torch",
    "torch-compile": "torch",
    "jax": "jax",
    "autograd": "autograd",
    "mygrad": "mygrad",
}

# Small, so that the losses stay of one size, and their digits can be compared.
LEARNING_RATE = 1e-3
MOMENTUM = 0.9


class Unavailable(Exception):
    """A contender cannot run on this machine, for the reason given; the others can."""


class Contender(ABC):
    """One way to do a work."""

    @abstractmethod
    def step(self) -> Any:
        """Do the whole work once, to its end, and return its value."""

    def figures(self) -> list[float]:
        """Return numbers in which all contenders must agree: the losses of the first steps of a training."""
        return [number(self.step()) for _ in range(5)]


def number(value: Any) -> float:
    """Return a scalar of any library as a number."""
    return value.item() if hasattr(value, "item") else value


# ---------------------------------------------------------------------------------------------------------------------
# Training steps
# ---------------------------------------------------------------------------------------------------------------------


def sgd(optim: Any, parameters: Any) -> Any:
    return optim.SGD(parameters, lr=LEARNING_RATE)


def momentum(optim: Any, parameters: Any) -> Any:
    return optim.SGD(parameters, lr=LEARNING_RATE, momentum=MOMENTUM)


def adam(optim: Any, parameters: Any) -> Any:
    return optim.Adam(parameters, lr=LEARNING_RATE)


def _jax_sgd(p: Any, g: Any, t: Any) -> tuple[Any, ...]:
    return (p - LEARNING_RATE * g,)


def _jax_momentum(p: Any, g: Any, t: Any, v: Any) -> tuple[Any, ...]:
    v = MOMENTUM * v + g
    return p - LEARNING_RATE * v, v


def _jax_adam(p: Any, g: Any, t: Any, m: Any, v: Any) -> tuple[Any, ...]:
    from jax import numpy as jnp

    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    # 1 - 0.999**t would have four digits in float32.
    m_hat, v_hat = m / -jnp.expm1(t * math.log(0.9)), v / -jnp.expm1(t * math.log(0.999))
    return p - LEARNING_RATE * m_hat / (jnp.sqrt(v_hat) + 1e-8), m, v


# What the optimisers do to one parameter in step t, and how many arrays of its shape they keep from step to step.
JAX_UPDATES: dict[Any, tuple[Callable[..., tuple[Any, ...]], int]] = {
    sgd: (_jax_sgd, 0),
    momentum: (_jax_momentum, 1),
    adam: (_jax_adam, 2),
}


class Eager(Contender):
    """The training step that one writes with `nn` and with PyTorch alike."""

    model: Any
    optimizer: Any
    criterion: Any
    x: Any
    y: Any

    def step(self) -> Any:
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss


class OurTraining(Eager):
    def __init__(self, model: Model, optimizer: Callable[[Any, Any], Any], batch: int) -> None:
        import nn

        self.x, self.y, state = model.problem(batch)
        self.model = model.build(nn)
        self.model.load_state_dict(state)
        self.optimizer = optimizer(nn.optim, self.model.parameters())
        self.criterion = nn.CrossEntropyLoss()


class OurCompiledTraining(OurTraining):
    """The same as a program."""

    def __init__(self, model: Model, optimizer: Callable[[Any, Any], Any], batch: int, exact: bool = True) -> None:
        import nn

        super().__init__(model, optimizer, batch)
        self.compiled = nn.compile_step(self.model, self.criterion, self.optimizer, exact=exact)

    def step(self) -> Any:
        return self.compiled(self.x, self.y)


class TorchTraining(Eager):
    def __init__(self, model: Model, optimizer: Callable[[Any, Any], Any], batch: int) -> None:
        import torch

        x, y, state = model.problem(batch)
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y)
        self.model = (model.torch or model.build)(torch.nn)
        self.model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        self.optimizer = optimizer(torch.optim, self.model.parameters())
        self.criterion = torch.nn.CrossEntropyLoss()


class TorchCompiledTraining(TorchTraining):
    """The same with the model compiled, both ways, before the first step."""

    def __init__(self, model: Model, optimizer: Callable[[Any, Any], Any], batch: int) -> None:
        import torch

        super().__init__(model, optimizer, batch)
        try:
            self.model = torch.compile(self.model)
            self.criterion(self.model(self.x), self.y).backward()
        except Exception as error:  # of many kinds; the same model runs eagerly as another contender
            kind, text = type(error).__name__, str(error).strip()
            raise Unavailable(f"{kind}: {text.splitlines()[0]}" if text else kind) from error


class JaxTraining(Contender):
    """One compiled function from parameters to parameters, whose memory it takes over."""

    def __init__(self, model: Model, optimizer: Callable[[Any, Any], Any], batch: int) -> None:
        import jax
        from jax import numpy as jnp

        x, y, state = model.problem(batch)
        update, kept = JAX_UPDATES[optimizer]

        def loss_of(p: Any, x: Any, y: Any) -> Any:
            log_p = jax.nn.log_softmax(model.jax(p, x))
            return -jnp.mean(jnp.take_along_axis(log_p, y[:, np.newaxis], 1))

        @partial(jax.jit, donate_argnums=(0, 1))
        def train(p: Any, kept: Any, t: Any, x: Any, y: Any) -> Any:
            loss, g = jax.value_and_grad(loss_of)(p, x, y)
            new = {name: update(p[name], g[name], t, *kept[name]) for name in p}
            return {name: of[0] for name, of in new.items()}, {name: of[1:] for name, of in new.items()}, t + 1, loss

        self.train, self.wait = train, jax.block_until_ready
        self.x, self.y = jnp.asarray(x), jnp.asarray(y.astype(np.int32))
        self.p = jax.tree.map(jnp.array, state)
        self.kept = {name: tuple(jnp.zeros_like(p) for _ in range(kept)) for name, p in self.p.items()}
        self.t = jnp.float32(1)

    def step(self) -> Any:
        self.p, self.kept, self.t, loss = self.wait(self.train(self.p, self.kept, self.t, self.x, self.y))
        return loss


class MyGradCnn(Contender):
    def __init__(self, batch: int) -> None:
        import mygrad
        from mygrad.nnet import activations, layers, losses

        self.x, self.y, state = CNN.problem(batch)
        self.p = {name: mygrad.tensor(value) for name, value in state.items()}
        self.v = {name: np.zeros_like(value) for name, value in state.items()}
        self.relu, self.conv, self.pool = activations.relu, layers.conv_nd, layers.max_pool
        self.cross_entropy = losses.softmax_crossentropy

    def step(self) -> Any:
        p = self.p
        z = self.conv(self.x, p["0.weight"], stride=1) + p["0.bias"].reshape(1, -1, 1, 1)
        pooled = self.pool(self.relu(z), (2, 2), 2)
        loss = self.cross_entropy(pooled.reshape(len(self.x), -1) @ p["4.weight"].T + p["4.bias"], self.y)
        loss.backward()
        for name, parameter in p.items():
            v = self.v[name]
            v *= MOMENTUM
            v += parameter.grad
            parameter.data -= LEARNING_RATE * v
            parameter.null_grad()
        return loss


class ByHand(Contender):
    """The series' own step, with its weights of shape (in, out) and one-hot labels."""

    def __init__(self, batch: int) -> None:
        self.x, y, state = MLP.problem(batch)
        self.y = np.eye(10, dtype=np.float32)[y]
        self.parameters = [value.T.copy() if value.ndim == 2 else value[np.newaxis] for value in state.values()]

    def step(self) -> float:
        return by_hand.training_step(self.x, self.y, *self.parameters, lr=LEARNING_RATE)


class Products(Contender):
    """The five matrix products of a step of the perceptron, two forwards and three backwards, and nothing else."""

    def __init__(self, batch: int) -> None:
        self.x, _, state = MLP.problem(batch)
        self.W1, self.W2 = state["0.weight"].T.copy(), state["2.weight"].T.copy()
        rng = np.random.default_rng(1)
        self.A1, self.delta1 = rng.normal(size=(2, batch, 256)).astype(np.float32)
        self.delta2 = rng.normal(size=(batch, 10)).astype(np.float32)

    def step(self) -> None:
        self.x @ self.W1
        self.A1 @ self.W2
        self.A1.T @ self.delta2
        self.delta2 @ self.W2.T
        self.x.T @ self.delta1

    def figures(self) -> list[float]:
        return []


# ---------------------------------------------------------------------------------------------------------------------
# Gradients of functions
# ---------------------------------------------------------------------------------------------------------------------


class Gradient(Contender):
    """A function and its gradients."""

    @abstractmethod
    def step(self) -> tuple[Any, list[Any]]:
        """Return the value and the gradients."""

    def figures(self) -> list[float]:
        value, gradients = self.step()
        return [number(value), *(float(np.linalg.norm(np.asarray(g))) for g in gradients)]


class OurCompiledGradient(Gradient):
    """As a program."""

    def __init__(self, f: Callable[[Any], Any], x: NDArray[Any]) -> None:
        from autograd_np import compile, value_and_grad

        self.f, self.x = compile(value_and_grad(f)), x

    def step(self) -> tuple[Any, list[Any]]:
        value, gradient = self.f(self.x)
        return value, [gradient]


class OurGradient(Gradient):
    """Of a function written with operators and methods."""

    def __init__(self, f: Callable[[Any], Any], x: NDArray[Any]) -> None:
        from autograd_np import Tensor

        self.f, self.x = f, Tensor(x, requires_grad=True)

    def step(self) -> tuple[Any, list[Any]]:
        self.x.grad = None
        y = self.f(self.x)
        y.backward()
        return y, [self.x.grad]


class TorchGradient(Gradient):
    def __init__(self, f: Callable[[Any], Any], x: NDArray[Any]) -> None:
        import torch

        self.f, self.x = f, torch.tensor(x, requires_grad=True)

    def step(self) -> tuple[Any, list[Any]]:
        self.x.grad = None
        y = self.f(self.x)
        y.backward()
        return y, [self.x.grad]


class MyGradGradient(Gradient):
    def __init__(self, f: Callable[[Any], Any], x: NDArray[Any]) -> None:
        import mygrad

        self.f, self.x = f, mygrad.tensor(x)

    def step(self) -> tuple[Any, list[Any]]:
        self.x.null_grad()
        y = self.f(self.x)
        y.backward()
        return y, [self.x.grad]


class AutogradGradient(Gradient):
    def __init__(self, f: Callable[[Any], Any], x: NDArray[Any]) -> None:
        from autograd import value_and_grad

        self.value_and_grad, self.x = value_and_grad(f), x

    def step(self) -> tuple[Any, list[Any]]:
        y, gradient = self.value_and_grad(self.x)
        return y, [gradient]


def chain(x: Any, length: int) -> Any:
    """Multiply and add alternately; inside (-1, 1) a chain of any length keeps its numbers in range."""
    y = x
    for _ in range(length // 2):
        y = y * x
        y = y + x
    return y.sum()


def ten_numbers() -> NDArray[Any]:
    return np.linspace(-0.9, 0.9, 10, dtype=np.float32)


def rows(x: Any) -> Any:
    loss = 0.0
    for i in range(len(x)):
        loss = loss + x[i].sum()
    return loss


def images(count: int) -> NDArray[Any]:
    return np.random.default_rng(0).normal(size=(count, 784)).astype(np.float32)


class Functions(Gradient):
    """The perceptron's loss as plain NumPy functions, differentiated with respect to a list of parameters."""

    def __init__(self, value_and_grad: Callable[..., Any], xp: Any, batch: int) -> None:
        x, y, state = MLP.problem(batch)
        labels = np.eye(10, dtype=np.float32)[y]
        self.parameters = list(state.values())

        def loss(parameters: Any) -> Any:
            W1, b1, W2, b2 = parameters
            z = xp.maximum(x @ W1.T + b1, 0) @ W2.T + b2
            z = z - xp.max(z, axis=1, keepdims=True)
            return xp.mean(xp.log(xp.sum(xp.exp(z), axis=1)) - xp.sum(z * labels, axis=1))

        self.value_and_grad = value_and_grad(loss)

    def step(self) -> tuple[Any, list[Any]]:
        return self.value_and_grad(self.parameters)


def our_functions(batch: int) -> Functions:
    from autograd_np import value_and_grad

    return Functions(value_and_grad, np, batch)


def autograd_functions(batch: int) -> Functions:
    import autograd
    from autograd import numpy

    return Functions(autograd.value_and_grad, numpy, batch)


# ---------------------------------------------------------------------------------------------------------------------
# The list
# ---------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Work:
    """Something to do at some size, who does it, and what part of each peer's time it should take here.

    `tuned` tells whether our process is tuned by `tune_process`, and `threads` is how many threads each library may
    use, where that is not the whole run's number; the title then says so.
    """

    name: str
    title: str
    contenders: Mapping[str, Callable[[int], Contender]]
    size: int
    tiny: int
    aims: Mapping[str, float] = field(default_factory=dict[str, float])
    tuned: bool = False
    threads: int | None = None

    def installed(self, peers: Collection[str]) -> tuple[list[str], list[str]]:
        """Return those contenders that can run, ours first, and those whose library is not installed."""
        chosen = [name for name in self.contenders if name == OURS or name in peers]
        missing = [name for name in chosen if name in LIBRARIES and not find_spec(LIBRARIES[name])]
        return [name for name in chosen if name not in missing], missing


def _eager(model: Model, optimizer: Callable[[Any, Any], Any]) -> dict[str, Callable[[int], Contender]]:
    return {OURS: partial(OurTraining, model, optimizer), "torch": partial(TorchTraining, model, optimizer)}


def _compiled(
    model: Model, optimizer: Callable[[Any, Any], Any], exact: bool = True
) -> dict[str, Callable[[int], Contender]]:
    return {
        OURS: partial(OurCompiledTraining, model, optimizer, exact=exact),
        "torch": partial(TorchTraining, model, optimizer),
        "torch-compile": partial(TorchCompiledTraining, model, optimizer),
        "jax": partial(JaxTraining, model, optimizer),
    }


def _compared(torch: float, torch_compile: float, jax: float) -> dict[str, float]:
    return {"torch": torch, "torch-compile": torch_compile, "jax": jax}


WORKS = {
    work.name: work
    for work in [
        Work(
            "mlp", "MLP 784-256-10, batch 64, SGD",
            {**_eager(MLP, sgd), "jax": partial(JaxTraining, MLP, sgd), "by-hand": ByHand, "products": Products},
            size=64, tiny=4, aims={"torch": 0.60, "jax": 0.95, "by-hand": 0.62, "products": 1.7},
        ),
        Work("mlp3-momentum", "MLP 784-256-128-10, momentum", _eager(MLP3, momentum), 64, 4, {"torch": 0.70}),
        Work("mlp3-adam", "MLP 784-256-128-10, Adam", _eager(MLP3, adam), 64, 4, {"torch": 0.65}),
        Work(
            "cnn", "CNN conv 8@3x3 - relu - pool 2 - dense, momentum",
            {**_eager(CNN, momentum), "jax": partial(JaxTraining, CNN, momentum), "mygrad": MyGradCnn},
            size=64, tiny=2, aims={"torch": 0.6, "jax": 0.3, "mygrad": 0.06},
        ),
        Work("lenet", "LeNet (16@5x5, pool, 32@5x5, pool, 128, 10), momentum", _eager(LENET, momentum), 64, 2,
             {"torch": 1.0}),
        Work("lenet-tuned", "LeNet, momentum, tuned", _eager(LENET, momentum), 64, 2, {"torch": 0.8}, tuned=True),
        Work("lstm", "nn.LSTM (64 inputs, 64 hidden, 32 steps, batch 16), Adam", _eager(LSTM_LAYER, adam), 16, 2,
             {"torch": 1.0}),
        Work(
            "chain", "chain of 1,000 operations on 10 elements",
            {
                OURS: lambda length: OurGradient(partial(chain, length=length), ten_numbers()),
                "torch": lambda length: TorchGradient(partial(chain, length=length), ten_numbers()),
                "autograd": lambda length: AutogradGradient(partial(chain, length=length), ten_numbers()),
                "mygrad": lambda length: MyGradGradient(partial(chain, length=length), ten_numbers()),
            },
            size=1000, tiny=20, aims={"torch": 0.25, "autograd": 0.2, "mygrad": 0.12},
        ),
        Work("functions", "MLP as plain NumPy functions, value_and_grad",
             {OURS: our_functions, "autograd": autograd_functions}, 64, 4, {"autograd": 0.2}),
        Work("mlp-batch1", "MLP 784-256-10, batch 1, SGD", _eager(MLP, sgd), 1, 1, {"torch": 0.6}),
        Work("compiled-mlp", "MLP, batch 64, SGD, compiled", {**_compiled(MLP, sgd), "by-hand": ByHand}, 64, 4,
             {**_compared(0.68, 0.6, 0.8), "by-hand": 1.1}),
        Work("folded-mlp", "MLP, batch 64, SGD, compiled, exact=False",
             {**_compiled(MLP, sgd, exact=False), "by-hand": ByHand}, 64, 4,
             {**_compared(0.55, 0.5, 0.65), "by-hand": 1.1}),
        Work("folded-batch1", "MLP, batch 1, SGD, compiled, exact=False, one thread", _compiled(MLP, sgd, exact=False),
             1, 1, _compared(0.25, 0.2, 0.3), threads=1),
        Work("compiled-mlp1024", "MLP, batch 1024, SGD, compiled", _compiled(MLP, sgd), 1024, 4,
             _compared(0.95, 0.95, 1.1)),
        Work("compiled-momentum", "MLP 784-256-128-10, momentum, compiled", _compiled(MLP3, momentum), 64, 4,
             _compared(0.6, 0.6, 0.85)),
        Work("compiled-adam", "MLP 784-256-128-10, Adam, compiled", _compiled(MLP3, adam), 64, 4,
             _compared(0.5, 0.6, 0.75)),
        Work("compiled-cnn", "CNN, momentum, compiled", _compiled(CNN, momentum), 64, 2, _compared(0.3, 0.2, 0.25)),
        Work("compiled-lenet", "LeNet, momentum, compiled, tuned", _compiled(LENET, momentum), 64, 2,
             _compared(0.95, 0.75, 0.5), tuned=True),
        Work("compiled-block", "transformer block (64 features, 4 heads, 32 places, batch 16), Adam, compiled",
             _compiled(BLOCK, adam), 16, 2, _compared(0.75, 0.75, 0.9)),
        Work(
            "compiled-lstm", "LSTM (64 inputs, 64 hidden, 32 steps, batch 16), Adam, compiled",
            # PyTorch's users take its own LSTM, or a loop over cells; its compiler leaves the first as it is.
            {
                OURS: partial(OurCompiledTraining, LSTM, adam),
                "torch": partial(TorchTraining, LSTM, adam),
                "torch-cells": partial(TorchTraining, LSTM_CELLS, adam),
                "torch-compile": partial(TorchCompiledTraining, LSTM_CELLS, adam),
                "jax": partial(JaxTraining, LSTM, adam),
            },
            size=16, tiny=2, aims={**_compared(0.25, 0.5, 0.2), "torch-cells": 0.25},
        ),
        Work(
            "compiled-chain", "chain of 1,000 operations on 10 elements, compiled",
            {
                OURS: lambda length: OurCompiledGradient(partial(chain, length=length), ten_numbers()),
                "torch": lambda length: TorchGradient(partial(chain, length=length), ten_numbers()),
            },
            size=1000, tiny=20, aims={"torch": 0.07},
        ),
        Work(
            "rows", "loss summed over 2,000 rows x[i] of 784",
            {OURS: lambda n: OurGradient(rows, images(n)), "torch": lambda n: TorchGradient(rows, images(n))},
            size=2000, tiny=5, aims={"torch": 0.5},
        ),
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Sweep:
    """A work at several sizes: a curve for each contender.

    `most` says up to which size those are run that would take minutes beyond it.
    """

    name: str
    title: str
    axis: str
    work: str
    sizes: tuple[int, ...]
    tiny: tuple[int, ...]
    most: Mapping[str, int] = field(default_factory=dict[str, int])


SWEEPS = {
    sweep.name: sweep
    for sweep in [
        Sweep(
            "chain-length", "A chain of operations on 10 elements, forward and backward", "operations", "chain",
            sizes=(10, 100, 1000, 10_000, 100_000, 1_000_000), tiny=(4, 20),
            most={"autograd": 10_000, "mygrad": 10_000},
        ),
        Sweep(
            "batch-size", "A training step of the MLP 784-256-10, SGD", "batch size", "mlp",
            sizes=(1, 4, 16, 64, 256, 1024), tiny=(1, 4),
        ),
        Sweep(
            "row-count", "A loss summed over the rows of a matrix, forward and backward", "rows of 784", "rows",
            sizes=(125, 250, 500, 1000, 2000), tiny=(2, 4),
        ),
    ]
}  # fmt: skip


@dataclass(frozen=True)
class Growth:
    """A work at two sizes, between which the cost of one unit should stay the same."""

    work: str
    unit: str
    small: int
    large: int
    tiny: tuple[int, int]


# How many times as much a unit may cost at the larger size.
GROWTH_AIM = 1.3

GROWTHS = (
    Growth("chain", "operation of a chain", 1000, 1_000_000, (20, 200)),
    Growth("rows", "row x[i] of a summed loss", 500, 2000, (4, 16)),
)

# Whose memory is measured, and how much of PyTorch's the peak may be.
MEMORY_WORKS = ("mlp", "mlp3-momentum", "mlp3-adam", "cnn", "lenet")
MEMORY_AIM = 1.2
