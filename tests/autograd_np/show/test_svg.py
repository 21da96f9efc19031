"""Pictures in SVG: where boxes and text are, and in which colours."""

import string
from xml.etree import ElementTree

import numpy as np
import pygraphviz
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from autograd_np import Tensor, draw
from autograd_np.testing import Program, programs
from tests.autograd_np.show.pictures import SVG, boxes, check_places, leaf, mlp


@given(programs(max_steps=40), st.lists(st.sampled_from(["x", "a.x", "a.b.x", "a.c.x", "d.x"]), min_size=2, max_size=2))
def test_boxes_do_not_overlap(program: Program, words: list[str]) -> None:
    arguments = [Tensor(np.ones(shape), requires_grad=True) for shape in program.shapes]
    result = program(*arguments)
    picture = draw(result, dict(zip(words, arguments, strict=False)))
    check_places(picture)
    graph = pygraphviz.AGraph(string=picture.dot)
    assert graph.number_of_nodes() == len(boxes(picture))
    assert graph.number_of_edges() == picture.svg.count("<path") / 2


@pytest.mark.parametrize("text", ["WeightMatrix", "np.linalg.multi_dot", *string.ascii_letters, *"0-+=_<>#@%&"])
def test_text_fits_its_box(text: str) -> None:
    """In DejaVu Sans, which is wider than the fonts that are asked for."""
    w, name = leaf(128, 1024), text * (40 // len(text))
    shapes = [Tensor(np.ones((123456, 0, 98765)), requires_grad=True), Tensor(np.ones((0, 7890)), requires_grad=True)]
    for box in [*boxes(draw(np.tanh(w), {name: w})), *boxes(draw(shapes[0])), *boxes(draw(shapes[1]))]:
        for i, line in enumerate(box.text):
            font = FontProperties(family="DejaVu Sans", weight="normal" if i else "bold")
            extent = TextPath((0, 0), line, size=11 if i else 13, prop=font).get_extents()
            assert extent.width + 6 < box.right - box.left, line


def test_the_kinds_have_colours_and_a_legend() -> None:
    picture = draw(np.tanh(leaf(2) * np.ones(2)))
    fills = {box.text[0]: box.fill for box in boxes(picture)}
    assert len(set(fills.values())) == 4
    legend = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[1]
    assert [box.get("fill") for box in legend.findall(f"{SVG}rect")] == [
        fills[name] for name in ("leaf", "constant", "np.multiply", "np.tanh")
    ]


def test_graphviz_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    loss, names = mlp()
    assert draw(loss, names).svg
    assert capfd.readouterr() == ("", "")
