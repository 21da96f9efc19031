"""What a notebook shows: the same words and figures as the text, in HTML that is well formed.

The same kind: text of the user's own in it (names of parameters, messages), tensors of all kinds, without and with a
gradient, recorded or not; modules within modules; comparisons with and without a manual pass.
"""

import re
from html import unescape
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from autograd_np import Tensor, grad, rich


def words(html: str) -> list[str]:
    """Return the words of well formed HTML."""
    ElementTree.fromstring(f"<div>{html.replace('&nbsp;', ' ')}</div>")
    return unescape(re.sub(r"<[^>]+>", " ", html)).replace("\xa0", " ").split()


@pytest.mark.parametrize(
    ("tensor", "facts"),
    [
        (Tensor([1.0, 2.0]), ["(2,)", "float64", "not", "asked", "for"]),
        (Tensor(np.zeros((2, 0)), dtype=np.float32, requires_grad=True), ["(2,", "0)", "float32", "none", "so", "far"]),
        (np.tanh(Tensor([1 + 2j], requires_grad=True)), ["(1,)", "complex128", "none", "so", "far"]),
    ],
)
def test_tensor(tensor: Tensor, facts: list[str]) -> None:
    assert words(tensor._repr_html_()) == [*repr(tensor).split(), "shape", "dtype", "gradient", *facts]


def test_tensor_with_a_gradient() -> None:
    w = Tensor([3.0, 4.0], requires_grad=True)
    np.sum(w * w).backward()
    assert words(w._repr_html_())[-3:] == ["of", "norm", "10"]


def test_tensor_inside_a_function_that_is_differentiated() -> None:
    seen: list[str] = []
    grad(lambda x: [seen.append(x._repr_html_()), x * x][1])(2.0)
    assert words(seen[0])[-3:] == ["none", "so", "far"]


def test_module_has_a_row_for_each_module_in_it() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 1, bias=False)))
    cells = re.findall(r"<td>(.*?)</td>", model._repr_html_())
    assert cells[::3] == [
        "",
        *("&nbsp;&nbsp;" * depth + name for depth, name in ((1, "0"), (1, "1"), (2, "0"), (2, "1"))),
    ]
    assert cells[2::3] == ["10 parameters", "8 parameters", "2 parameters", "", "2 parameters"]
    for line in repr(model).splitlines()[1:3]:
        assert line.split(": ")[1].split("  #")[0].rstrip("(") in " ".join(words(model._repr_html_()))


@pytest.mark.parametrize("manual", [True, False])
def test_comparison_says_what_its_text_says(manual: bool) -> None:
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(3, 2, rng=0, dtype=np.float64))
    x, y = rng.normal(size=(4, 3)), np.array([0, 1, 1, 0])
    backward = (lambda p, x, y: {name: np.zeros_like(value) for name, value in p.items()}) if manual else None
    comparison = nn.compare.compare_backprop(model, x, y, backward=backward)
    assert words(comparison._repr_html_()) == str(comparison).split()


def test_history_has_a_row_for_each_epoch() -> None:
    history = nn.training.History(loss=[1.5, 0.25], val_loss=[2.0, 1e-5])
    history.stopped = "good enough"
    expected = "epoch loss val_loss 1 1.5 2 2 0.25 1e-05 stopped: good enough"
    assert words(history._repr_html_()) == expected.split()


TEXT = st.text("<>&\"' \nab")


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=3), TEXT, TEXT)
def test_any_text_stays_text(rows: list[list[str]], title: str, after: str) -> None:
    html = rich.table(["<a>", "b & c"], rows, title, after)
    assert words(html) == " ".join([title, "<a>", "b & c", *(cell for row in rows for cell in row), after]).split()
    assert html.count("<tr>") == len(rows) + 1
