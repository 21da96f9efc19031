"""What cannot be compared is refused by name, with the way out: nothing at all, masks, ragged rows, classes."""

from typing import Any

import numpy as np
import pytest

import nn
from autograd_np import no_grad
from nn.compare import compare_backprop, compare_gradients

X, Y = np.ones((2, 3)), np.array([0, 1])


@pytest.mark.parametrize("ways", [{"automatic": {}}, {"numerical": {}}, {"automatic": {}, "numerical": {}}])
def test_no_gradients(ways: Any) -> None:
    with pytest.raises(ValueError, match="holds no gradient; give one for each parameter"):
        compare_gradients({}, **ways)


@pytest.mark.parametrize("where", ["manual", "automatic", "numerical", "parameters"])
@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.ma.masked_array([1.0, 2.0], [False, True]), "is a masked array, whose mask would be lost; give its filled"),
        ([np.ma.masked_array([1.0, 2.0], [False, True])], "is a masked array"),
        ([[1.0], [2.0, 3.0]], "is no array, its rows have several lengths; give rows of one length"),
    ],
)
def test_what_is_no_plain_array(where: str, value: Any, message: str) -> None:
    ways: dict[str, Any] = {key: {"w": np.ones(2)} for key in ("manual", "automatic", "numerical", "parameters")}
    ways[where] = {"w": value}
    with pytest.raises(TypeError, match=f"{where}, for w, {message}"):
        compare_gradients(**ways)


def test_what_a_pass_returns_that_is_no_plain_array() -> None:
    def backward(p: Any, x: Any, y: Any) -> Any:
        return {name: np.ma.masked_array(value) for name, value in p.items()}

    with pytest.raises(TypeError, match="the hand-written pass, for weight, is a masked array"):
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, backward=backward)


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss, nn.MSELoss])
def test_a_class_for_a_loss(loss: Any) -> None:
    with pytest.raises(TypeError, match=rf"the loss is the class {loss.__name__}; give an object, {loss.__name__}\(\)"):
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, loss=loss)


def test_a_function_for_a_model() -> None:
    model: Any = np.tanh
    with pytest.raises(TypeError, match="the model is a ufunc; give a Module, or use compare_gradients"):
        compare_backprop(model, X, Y)
    model = nn.Linear
    with pytest.raises(TypeError, match=r"the model is the class Linear; give an object, Linear\(\)"):
        compare_backprop(model, X, Y)


@pytest.mark.parametrize("value", ["mse", {}, 3.0])
def test_what_cannot_be_called(value: Any) -> None:
    """Neither is taken for one that was not given."""
    with pytest.raises(TypeError, match=f"the loss is a {type(value).__name__}; give a function"):
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, loss=value)
    with pytest.raises(TypeError, match=f"the hand-written pass is a {type(value).__name__}; give a function"):
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, backward=value)


def test_a_loss_that_returns_a_number() -> None:
    def one(_outputs: Any, _targets: Any) -> Any:
        return 1.0

    with pytest.raises(TypeError, match="the loss returned a float, which has no gradient; return a Tensor"):
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, loss=one)


@pytest.mark.parametrize("which", ["x", "y"])
def test_a_batch_that_is_no_plain_array(which: str) -> None:
    for value, message in (
        (np.ma.masked_array([1, 0], [False, True]), "is a masked array, whose mask would be lost"),
        ([[1], [0, 1]], "is no array, its rows have several lengths"),
    ):
        batch: dict[str, Any] = {"x": X, "y": Y, which: value}
        with pytest.raises(TypeError, match=f"compare: {which} {message}"):
            compare_backprop(nn.Linear(3, 2, rng=0), **batch)


def test_without_recording() -> None:
    """A mode that is on outside turns nothing off: the comparison records what it needs."""
    with no_grad():
        assert compare_backprop(nn.Linear(3, 2, rng=0), X, Y).agrees


@pytest.mark.parametrize("value", ["32", 2.5, None, [3]])
@pytest.mark.parametrize("which", ["directions", "entries", "batch_size"])
def test_a_number_that_is_no_whole_one(which: str, value: Any) -> None:
    if which == "batch_size" and value is None:
        return  # which is not known then
    with pytest.raises(TypeError, match=rf"{which}=.* is a {type(value).__name__}; give a whole number, an int"):
        counted(which, value)


@pytest.mark.parametrize(("which", "least"), [("directions", 0), ("entries", 0), ("batch_size", 1)])
def test_a_number_that_is_too_small(which: str, least: int) -> None:
    with pytest.raises(ValueError, match=f"{which}={least - 1} is less than {least}; give a whole number from {least}"):
        counted(which, least - 1)
    counted(which, np.int64(least))


def counted(which: str, value: Any) -> None:
    options: dict[str, Any] = {which: value}
    if which == "batch_size":
        compare_gradients({"w": np.ones(3)}, {"w": np.ones(3)}, **options)
    else:
        compare_backprop(nn.Linear(3, 2, rng=0), X, Y, **options)
