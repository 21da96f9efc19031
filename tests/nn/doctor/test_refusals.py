"""What cannot be compared is refused by name, with the way out: nothing at all, masks, ragged rows, classes."""

from typing import Any

import numpy as np
import pytest

import nn
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
        (np.ma.masked_array([1.0, 2.0], [False, True]), "holds a masked array for w; give its filled"),
        ([[1.0], [2.0, 3.0]], "for w is no array, its rows have several lengths; give an array"),
    ],
)
def test_what_is_no_plain_array(where: str, value: Any, message: str) -> None:
    ways: dict[str, Any] = {key: {"w": np.ones(2)} for key in ("manual", "automatic", "numerical", "parameters")}
    ways[where] = {"w": value}
    with pytest.raises(TypeError, match=f"{where} .*{message}|what {where} .*{message}"):
        compare_gradients(**ways)


def test_what_a_pass_returns_that_is_no_plain_array() -> None:
    def backward(p: Any, x: Any, y: Any) -> Any:
        return {name: np.ma.masked_array(value) for name, value in p.items()}

    with pytest.raises(TypeError, match="the hand-written pass holds a masked array for weight"):
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
    with pytest.raises(TypeError, match="the model is a type; give a Module"):
        compare_backprop(model, X, Y)
