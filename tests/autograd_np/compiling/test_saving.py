"""Files of compiled functions: what they return, which inputs they take, and what they say of others.

Of the kind of inputs that a program does not stand for are other shapes, also those that would be broadcast or
reshaped without an error; other dtypes, also of the same size; lists and arrays with rules of their own; another order
in memory; two inputs that share memory which is written; and values by which a check comes out otherwise. Names that a
file has for itself may be those of a user's function, array or argument.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import nn
from autograd_np import Tensor, compile, value_and_grad
from autograd_np.compiling import Compiled
from autograd_np.trees import leaves_of
from nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

RNG = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    return RNG.normal(size=shape)


def imported(path: Path) -> Any:
    """Import a file."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def saved(function: Any, folder: Path, *args: Any) -> Any:
    """Compile a function, save it, and import the file."""
    compiled = function if isinstance(function, Compiled) else compile(function)
    for _ in range(3):
        compiled(*args)
    compiled.save(folder / "file.py")
    return imported(folder / "file.py")


def norm(x: Any) -> Any:
    return np.sqrt(np.sum(x * x))


def two(x: Any, y: Any) -> Any:
    return x + y, [y - x]


def named(x: Any, factor: float) -> Any:
    return {"$doubled": x * factor, "fixed": 3, "word": "a", "nothing": None}


def every(tree: Any) -> Any:
    return (tree["class"] * tree["step"],)


def number(x: Any) -> Any:
    return x * 2


@pytest.mark.parametrize(
    ("function", "args"),
    [
        (norm, (drawn(3),)),
        (two, (drawn(3), drawn(3))),
        (named, (drawn(3), 2.0)),
        (every, ({"class": drawn(3), "step": drawn(3)},)),
        (number, (np.float32(0.3),)),
    ],
)
def test_a_function_of_the_same_name_that_returns_the_same(
    function: Callable[..., Any], args: Any, tmp_path: Path
) -> None:
    module = saved(function, tmp_path, *args)
    arrays = [leaf for leaf in leaves_of(args) if isinstance(leaf, np.ndarray | np.generic)]
    found, expected = getattr(module, function.__name__)(*arrays), function(*args)
    assert repr(found) == repr(expected)


def test_values_and_gradients(tmp_path: Path) -> None:
    module = saved(value_and_grad(norm), tmp_path, drawn(3))
    x = drawn(3)
    for found, expected in zip(module.norm(x), value_and_grad(norm)(x), strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


def test_a_method(tmp_path: Path) -> None:
    class Scaling:
        factor = np.array([2.0])

        @compile
        def scaled(self, x: Any) -> Any:
            return x * self.factor

    instance, x = Scaling(), drawn(3)
    module = saved(instance.scaled, tmp_path, x)
    assert np.array_equal(module.scaled(x), x * 2)


@pytest.mark.parametrize("name", ["step", "state", "check", "np", "class", "<lambda>", "print", "weight", "Path"])
def test_names_that_a_file_has_for_itself(name: str, tmp_path: Path) -> None:
    weight = drawn(3)

    def function(x: Any) -> Any:
        check = weight * 2
        return check * x

    function.__name__ = name
    x = drawn(3)
    module = saved(function, tmp_path, x)
    found = (getattr(module, "call", None) or module.weight)(x)
    np.testing.assert_array_equal(found, function(x))


class Weighing(nn.Module):
    """Has a parameter of some name."""

    def __init__(self, name: str) -> None:
        setattr(self, name, Tensor(np.ones(3), requires_grad=True))
        self.name = name

    def forward(self, x: Any) -> Any:
        return x * getattr(self, self.name)


@pytest.mark.parametrize(
    "name", ["check", "check_apart", "state", "memory", "any", "zip", "isinstance", "call", "loss"]
)
def test_parameters_and_arguments_by_such_names(name: str, tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    exec(f"def doubled({name}): return {name} * 2", namespace)
    x = drawn(3)
    np.testing.assert_array_equal(saved(namespace["doubled"], tmp_path, x).doubled(x), x * 2)
    module = step_of(Weighing(name), nn.MSELoss(), x, x * 2, tmp_path)
    first, second = module.train(x, x * 2), module.train(x, x * 2)
    assert second < first


class Pair(NamedTuple):
    first: Any
    second: Any


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (lambda x: Pair(x, x * 2), "returns a Pair; return dicts, lists and tuples"),
        (lambda x: (x, np.zeros(3)), "returns a ndarray that does not depend on its inputs"),
        (lambda x: (x, np.float32(2)), "returns a float32 that does not depend"),
        (lambda x: (x, {2.5: x}, float("inf")), "returns a float that does not depend"),
    ],
)
def test_results_that_cannot_be_written(function: Callable[..., Any], match: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=match):
        saved(function, tmp_path, drawn(3))
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------------------------------------------------------------
# Training steps
# ---------------------------------------------------------------------------------------------------------------------


def step_of(model: nn.Module, loss: Any, x: Any, y: Any, folder: Path, **settings: Any) -> Any:
    step = nn.compile_step(model, loss, nn.optim.SGD(model.parameters(), lr=0.1), **settings)
    for _ in range(3):
        step(x, y)
    step.save(folder / "file.py")
    return imported(folder / "file.py")


X, Y = np.ones((4, 2, 3), np.float32), np.array([0, 1, 2, 0])


@pytest.mark.parametrize(
    ("x", "y", "error", "match"),
    [
        (X[:3], Y[:3], ValueError, r"x: .* shape \(4, 2, 3\); it was given \(3, 2, 3\)"),
        (X.reshape(4, 6), Y, ValueError, "x: .* shape"),
        (X.astype(float), Y, TypeError, "x: .* float32; it was given float64"),
        (X.tolist(), Y, TypeError, "x: .*ndarray; it was given list"),
        (np.ma.masked_array(X), Y, TypeError, "x: .*ndarray; it was given MaskedArray"),
        (np.asfortranarray(X), Y, ValueError, "x: .* strides"),
        (X, Y[:1], ValueError, r"y: .* shape \(4,\); it was given \(1,\)"),
        (X, Y.astype(np.int32), TypeError, "y: .* int64; it was given int32"),
        (X, Y.astype(np.uint64), TypeError, "y: .* int64; it was given uint64"),
    ],
)
def test_batches_of_another_form(x: Any, y: Any, error: type[Exception], match: str, tmp_path: Path) -> None:
    module = step_of(nn.Sequential(nn.Flatten(), nn.Linear(6, 3, rng=0)), nn.CrossEntropyLoss(), X, Y, tmp_path)
    before = module.linear1_weight.copy()
    with pytest.raises(error, match=match):
        module.train(x, y)
    assert np.array_equal(module.linear1_weight, before)
    module.train(X[:].copy(), Y[:])
    assert not np.array_equal(module.linear1_weight, before)


def test_targets_that_would_be_broadcast(tmp_path: Path) -> None:
    x, y = drawn(5, 6).astype(np.float32), np.ones((5, 1), np.float32)
    module = step_of(nn.Linear(6, 1, rng=0), nn.MSELoss(), x, y, tmp_path)
    with pytest.raises(ValueError, match=r"y: .* shape"):
        module.train(x, np.ones((1, 1), np.float32))


@pytest.mark.parametrize(("x", "y", "line"), [(X, Y + 1, "largest >= 3"), (X * np.inf, Y, "not finite.all()")])
def test_a_check_that_comes_out_otherwise_says_which(x: Any, y: Any, line: str, tmp_path: Path) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 3, rng=0))
    module = step_of(model, nn.CrossEntropyLoss(), X, Y, tmp_path)
    before = module.linear1_weight.copy()
    with pytest.raises(module.Changed) as caught, np.errstate(all="ignore"):
        module.train(x, y)
    assert str(caught.value).endswith(f"{line}, in forward: loss")
    assert "a check came out otherwise" in str(caught.value)
    assert np.array_equal(module.linear1_weight, before)


def test_rates_and_parameters_of_a_file(tmp_path: Path) -> None:
    model, loss = nn.Sequential(nn.Flatten(), nn.Linear(6, 3, rng=0)), nn.CrossEntropyLoss()
    module = step_of(model, loss, X, Y, tmp_path)
    optimizer = nn.optim.SGD(model.parameters(), lr=0.01)
    step = nn.compile_step(model, loss, optimizer)
    module.state["lr"] = 0.01
    for _ in range(3):
        assert module.train(X, Y) == step(X, Y)
    assert np.array_equal(module.linear1_weight, model[1].weight.data)
    assert 'state["lr"]' in module.train.__doc__


def test_several_inputs_of_a_step(tmp_path: Path) -> None:
    class Both(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(6, 3, rng=0)

        def forward(self, x: Any) -> Any:
            return self.inner(x[0]) + self.inner(x[1])

    a, b = drawn(4, 6).astype(np.float32), drawn(4, 6).astype(np.float32)
    module = step_of(Both(), nn.CrossEntropyLoss(), (a, b), Y, tmp_path)
    first, second = module.train(a, b, Y), module.train(a, b, Y)
    assert second < first


def test_slices(tmp_path: Path) -> None:
    """As what unpacks sequences of different lengths is indexed by."""

    class Unpacked(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.LSTM(6, 3, batch_first=True, rng=0)

        def forward(self, x: Any) -> Any:
            packed = pack_padded_sequence(x, [1, 2, 1, 2], batch_first=True, enforce_sorted=False)
            y, (h, _) = self.inner(packed)
            return pad_packed_sequence(y, batch_first=True)[0].sum(axis=1) + h[0]

    x = drawn(4, 2, 6).astype(np.float32)
    module = step_of(Unpacked(), nn.CrossEntropyLoss(), x, Y, tmp_path)
    assert module.train(x, Y) > module.train(x, Y)


def add_to(x: Any, y: Any) -> Any:
    x += y
    return x * y


def test_inputs_that_are_written(tmp_path: Path) -> None:
    module = saved(add_to, tmp_path, drawn(3), drawn(3))
    x, y = drawn(4), drawn(3)
    expected = x[:3] + y
    assert np.array_equal(module.add_to(x[:3], y), expected * y)
    assert np.array_equal(x[:3], expected)
    with pytest.raises(ValueError, match="shares memory"):
        module.add_to(x[:3], x[1:])
    assert np.array_equal(x[:3], expected)


def test_a_file_says_what_it_needs(tmp_path: Path) -> None:
    x, y = drawn(5, 6).astype(np.float32), np.ones((5, 1), np.float32)
    for exact, words in ((True, "needs NumPy alone"), (False, "needs NumPy and SciPy alone")):
        assert words in step_of(nn.Linear(6, 1, rng=0), nn.MSELoss(), x, y, tmp_path, exact=exact).__doc__
