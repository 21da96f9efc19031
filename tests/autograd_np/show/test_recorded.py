"""What cannot be shown: released graphs, constants, names that are none."""

from typing import Any

import numpy as np
import pytest

from autograd_np import draw, no_grad
from tests.autograd_np.show.pictures import boxes, leaf


def test_a_released_graph_is_an_error() -> None:
    x = leaf(2)
    loss = np.sum(np.tanh(x))
    loss.backward(retain_graph=True)
    assert len(boxes(draw(loss))) == 3
    loss.backward()
    with pytest.raises(
        RuntimeError, match=r"released this graph \(at np.sum\); call draw before backward\(\), or pass"
    ):
        draw(loss)


def test_nothing_recorded_is_an_error() -> None:
    with no_grad():
        y = leaf(2) * 2
    with pytest.raises(RuntimeError, match="nothing was recorded that leads to the tensor of shape"):
        draw(y)
    with pytest.raises(TypeError, match="takes a Tensor, usually a loss, not ndarray"):
        draw(np.ones(2))  # type: ignore[arg-type]


@pytest.mark.parametrize(("names", "given"), [(["w"], "list"), ({"w": 1.0}, "float for 'w'"), ({1: leaf(2)}, "for 1")])
def test_wrong_names_are_an_error(names: Any, given: str) -> None:
    with pytest.raises(TypeError, match=r"as dict\(model.named_parameters\(\)\) does; it .*" + given):
        draw(leaf(2) * 2, names)
