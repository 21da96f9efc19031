"""Pictures of the tape: what is on them, where, and what they become when there is too much."""

import itertools
import re
import string
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import pygraphviz
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

import nn
from autograd_np import Tensor, draw, no_grad
from autograd_np.drawing import Drawing
from autograd_np.testing import Program, programs

SVG = "{http://www.w3.org/2000/svg}"


class Frame(NamedTuple):
    """A rectangle of the picture, and the text in it."""

    left: float
    top: float
    right: float
    bottom: float
    text: tuple[str, ...] = ()
    fill: str = ""

    def apart(self, other: "Frame") -> bool:
        return self.right < other.left or other.right < self.left or self.bottom < other.top or other.bottom < self.top

    def around(self, other: "Frame") -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


def frame(rectangle: Any, text: tuple[str, ...] = ()) -> Frame:
    x, y, width, height = (float(rectangle.get(name)) for name in ("x", "y", "width", "height"))
    return Frame(x, y, x + width, y + height, text, rectangle.get("fill"))


def boxes(picture: Drawing) -> list[Frame]:
    graph = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[0]
    return [
        frame(box.find(f"{SVG}rect"), tuple(text.text or "" for text in box.findall(f"{SVG}text")))
        for box in graph.findall(f"{SVG}g")
    ]


def groups(picture: Drawing) -> list[Frame]:
    """The boxes around boxes."""
    graph = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[0]
    labels = [(text.text or "",) for text in graph.findall(f"{SVG}text")]
    return list(map(frame, graph.findall(f"{SVG}rect"), labels))


def arrows(picture: Drawing) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Where each arrow starts, and where its tip is."""
    paths = [path.get("d", "") for path in ElementTree.fromstring(picture.svg).iter(f"{SVG}path")]
    points = [tuple(map(float, re.findall(r"[-\d.]+", path)[:2])) for path in paths]
    return list(zip(points[::2], points[1::2], strict=True))  # type: ignore[arg-type]


def texts(picture: Drawing) -> list[tuple[str, ...]]:
    return sorted(box.text for box in boxes(picture))


def held(picture: Drawing) -> dict[str, list[str]]:
    """Which boxes stand in which group, by the first line of each."""
    return {
        group.text[0]: sorted(box.text[0] for box in boxes(picture) if group.around(box)) for group in groups(picture)
    }


def leaf(*shape: int) -> Tensor:
    return Tensor(np.full(shape, 0.5), requires_grad=True)


def mlp() -> tuple[Tensor, dict[str, Tensor]]:
    model = nn.Sequential(nn.Linear(784, 256, rng=0), nn.ReLU(), nn.Linear(256, 10, rng=1))
    x = np.random.default_rng(0).normal(size=(64, 784)).astype(np.float32)
    return nn.CrossEntropyLoss()(model(x), np.zeros(64, int)), dict(model.named_parameters())


# ---------------------------------------------------------------------------------------------------------------------
# What is on it
# ---------------------------------------------------------------------------------------------------------------------


def test_every_operation_and_shape_is_there() -> None:
    loss, names = mlp()
    picture = draw(loss, names)
    assert texts(picture) == sorted(
        [
            ("weight", "(256, 784)"),
            ("bias", "(256,)"),
            ("weight", "(10, 256)"),
            ("bias", "(10,)"),
            ("constant", "(64, 784)"),
            ("constant", "(64,) int64"),
            ("linear", "(64, 256)"),
            ("relu", "(64, 256)"),
            ("linear", "(64, 10)"),
            ("cross_entropy", "axis=1", "reduction='mean'", "()"),
        ]
    )
    assert held(picture) == {"0": ["bias", "linear", "weight"], "2": ["bias", "linear", "weight"]}


def test_arrows_lead_from_arguments_to_results() -> None:
    a, b = leaf(2), leaf(2)
    picture = draw(np.tanh(a * b) + a, {"a": a, "b": b})
    graph = pygraphviz.AGraph(string=picture.dot)
    label = {node: node.attr["label"].split(r"\n")[0] for node in graph.nodes()}
    assert sorted((label[start], label[end]) for start, end in graph.edges()) == [
        ("a", "np.add"),
        ("a", "np.multiply"),
        ("b", "np.multiply"),
        ("np.multiply", "np.tanh"),
        ("np.tanh", "np.add"),
    ]
    assert picture.svg.count("<path") == 2 * 5  # a line and a tip each


def test_numbers_items_and_keywords_are_written_out() -> None:
    x = leaf(3, 4)
    assert texts(draw(np.sum(2.0 * x[1:, ::2] ** 3, axis=0))) == [
        ("leaf", "(3, 4)"),
        ("np.multiply(2.0, ·)", "(2, 2)"),
        ("np.power(·, 3)", "(2, 2)"),
        ("np.sum", "axis=0", "(2,)"),
        ("t[1:, ::2]", "(2, 2)"),
    ]


def test_several_outputs() -> None:
    u, s, _ = np.linalg.svd(leaf(2, 3) + np.eye(2, 3))
    found = texts(draw(s.sum() + 0 * u[0, 0]))
    assert ("np.linalg.svd", "full_matrices=True", "(2, 2), (2,), (3, 3)") in found
    assert ("t[1]", "(2,)") in found


def test_an_array_that_is_used_twice_is_one_box() -> None:
    x = np.ones(3)
    y = leaf(3)
    assert sum(box.text[0] == "constant" for box in boxes(draw(y * x + np.sin(y) * x))) == 1
    assert sum(box.text[0] == "constant" for box in boxes(draw(y * x + np.sin(y) * x.copy()))) == 2


def test_constants_are_named_by_array_or_tensor() -> None:
    images, target, w = np.ones((5, 2, 2)), Tensor(np.zeros(5)), leaf(4)
    loss = np.sum((images.reshape(5, 4) @ w * target) ** 2)
    assert {"images", "target"} <= {box.text[0] for box in boxes(draw(loss, {"images": images, "target": target}))}


def test_gradients_show_once_there_are_any() -> None:
    w = leaf(2)
    loss = (w * np.array([3.0, 4.0])).sum()
    picture = draw(loss, {"w": w})
    assert ("w", "(2,)") in texts(picture)
    loss.backward()
    assert ("w", "(2,)", "|grad| = 5") in texts(picture)
    assert "|grad| = 5" in picture.dot
    w.grad = None
    assert ("w", "(2,)") in texts(picture)


def test_a_picture_keeps_nothing_alive() -> None:
    w = leaf(2)
    picture = draw(w * 2)
    del w
    assert texts(picture) == [("leaf", "(2,)"), ("np.multiply(·, 2)", "(2,)")]


def test_the_kinds_have_colours_and_a_legend() -> None:
    picture = draw(np.tanh(leaf(2) * np.ones(2)))
    fills = {box.text[0]: box.fill for box in boxes(picture)}
    assert len(set(fills.values())) == 4
    legend = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[1]
    assert [box.get("fill") for box in legend.findall(f"{SVG}rect")] == [
        fills[name] for name in ("leaf", "constant", "np.multiply", "np.tanh")
    ]


def test_a_leaf_alone() -> None:
    assert texts(draw(leaf(2), {})) == [("leaf", "(2,)")]


def test_a_notebook_shows_it() -> None:
    picture = draw(leaf(2) * 2)
    assert picture._repr_svg_() == picture.svg
    assert repr(picture) == 'Drawing(2 boxes, 1 arrows; .save("graph.svg") writes it to a file)'


# ---------------------------------------------------------------------------------------------------------------------
# Names and groups
# ---------------------------------------------------------------------------------------------------------------------


def test_a_named_result_stands_in_its_group() -> None:
    x = leaf(2)
    hidden = np.tanh(x)
    total = np.sum(hidden)
    picture = draw(total, {"encoder.hidden": hidden, "total": total})
    assert held(picture) == {"encoder": ["hidden = np.tanh"]}
    assert ("total = np.sum", "()") in texts(picture)


def test_operations_between_the_parts_of_a_group_are_in_it() -> None:
    a, b, c = leaf(2), leaf(2), leaf(2)
    names = {"net.0.a": a, "net.1.b": b, "other.c": c}
    picture = draw(np.sin(np.tanh(np.exp(a) * b) + c), names)
    assert held(picture) == {
        "net": ["a", "b", "np.exp", "np.multiply"],
        "0": ["a", "np.exp"],
        "1": ["b", "np.multiply"],
        "other": ["c", "np.add"],
    }
    spread = draw(np.sin(np.tanh(np.exp(a) + 1.0) * b), names)
    assert "np.tanh" in held(spread)["net"]
    assert "np.sin" not in held(spread)["net"]


def test_a_group_within_nothing_but_a_group_is_one_box() -> None:
    w = leaf(2)
    assert held(draw(np.exp(w), {"model.layer.w": w})) == {"model.layer": ["np.exp", "w"]}


def test_a_shared_parameter_belongs_to_one_group() -> None:
    w = leaf(2, 2)
    x = np.ones((1, 2))
    picture = draw(np.tanh(x @ w) @ w, {"cell.w": w, "again.w": w})
    assert held(picture) == {"cell": ["np.matmul", "np.matmul", "np.tanh", "w"]}


@pytest.mark.parametrize("name", ["<b>&\"'", "a\\nb\\", "new\nline\x00\ud800", "{rank} [x=1];", "ώ漢字", "x" * 300])
def test_names_are_escaped(name: str) -> None:
    w = leaf(2)
    picture = draw(w * 2, {f"{name}.{name}": w})
    clean = "".join(c if c.isprintable() else "\ufffd" for c in name)
    shown = clean if len(clean) < 50 else f"{clean[:30]}…{clean[-17:]}"
    assert (shown, "(2,)") in texts(picture)
    assert groups(picture)[0].text == (shown,)
    graph = pygraphviz.AGraph(string=picture.dot)
    labels = {node.attr["label"] for node in graph.nodes()}
    assert shown.replace("\\", r"\\") + r"\n(2,)" in labels


# ---------------------------------------------------------------------------------------------------------------------
# Where it is
# ---------------------------------------------------------------------------------------------------------------------


def check_places(picture: Drawing) -> None:
    """Boxes are apart from one another, each is inside or outside each group, and all are inside the picture."""
    nodes, around = boxes(picture), groups(picture)
    for a, b in itertools.combinations(nodes, 2):
        assert a.apart(b), (a, b)
    for a, b in itertools.combinations(around, 2):
        assert a.apart(b) or a.around(b) or b.around(a), (a, b)
    for group, box in itertools.product(around, nodes):
        assert group.apart(box) or group.around(box), (group, box)
    for start, tip in arrows(picture):
        for x, y in (start, tip):
            point = Frame(x - 2, y - 2, x + 2, y + 2)
            assert any(not box.apart(point) and not box.around(point) for box in nodes), "on no box's edge"
    root = ElementTree.fromstring(picture.svg)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    shift = float(re.findall(r"translate\(([\d.]+) 0\)", picture.svg)[0])
    for box in nodes + around:
        assert left <= box.left + shift
        assert box.right + shift <= left + width
        assert top <= box.top
        assert box.bottom <= top + height


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


# ---------------------------------------------------------------------------------------------------------------------
# Too much
# ---------------------------------------------------------------------------------------------------------------------


def chain(length: int, x: Tensor) -> Tensor:
    for i in range(length):
        x = np.tanh(x) if i % 2 else x * 1.5
    return x


def test_a_hundred_boxes_are_drawn_one_by_one() -> None:
    x = leaf(3)
    picture = draw(chain(99, x))
    assert len(boxes(picture)) == 100
    check_places(picture)
    assert len(boxes(draw(chain(100, x)))) < 100


def test_a_longer_chain_keeps_its_ends() -> None:
    picture = draw(chain(1001, leaf(3)))
    found = [box.text for box in boxes(picture)]
    assert len(found) == 1 + 5 + 1 + 5
    assert ("991 operations", "496 np.tanh", "495 np.multiply", "(3,)") in found
    counts = [int(re.sub(r"\D.*", "", text[0]) or 1) for text in found if text[0] != "leaf"]
    assert sum(counts) == 1001
    assert len(arrows(picture)) == 11
    check_places(picture)


def test_a_hundred_thousand_operations_are_summarised() -> None:
    x = leaf(1)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    found = texts(draw(y, {"model.x": x}))
    assert ("99,990 operations", "99,990 np.add", "(1,)") in found
    assert len(found) == 12


def test_groups_become_one_box_each() -> None:
    layers = {f"block{i}.{j}": leaf(2) for i in range(4) for j in range(20)}
    x: Any = np.ones(2)
    for i in range(4):
        for j in range(20):
            x = np.tanh(x * layers[f"block{i}.{j}"])
        x = np.exp(x)
    picture = draw(np.sum(x), layers)
    found = [box.text for box in boxes(picture)]
    block = ("20 np.multiply", "19 np.tanh", "on 20 arrays, 40 numbers", "(2,)")
    # The constant that the first block begins with goes into it, too.
    first = ("20 np.multiply", "19 np.tanh", "on 21 arrays, 42 numbers", "(2,)")
    assert sorted(found) == sorted(
        [
            ("block0: 39 operations", *first),
            *((f"block{i}: 39 operations", *block) for i in range(1, 4)),
            *[("np.tanh", "(2,)")] * 4,
            *[("np.exp", "(2,)")] * 4,
            ("np.sum", "()"),
        ]
    )
    assert len(arrows(picture)) == 12
    check_places(picture)


def test_inner_groups_are_summarised_before_outer_ones() -> None:
    layers = {f"net.{i}.{j}": leaf(2) for i in range(3) for j in range(20)}
    x: Any = np.ones(2)
    for i in range(3):
        for j in range(20):
            x = np.tanh(x * layers[f"net.{i}.{j}"])
    picture = draw(np.sum(x), layers)
    assert held(picture) == {"net": [*(f"net.{i}: 39 operations" for i in range(3)), "np.tanh", "np.tanh"]}


def test_an_outer_group_takes_all_that_is_in_it() -> None:
    layers = {f"net.{i}.{j}": leaf(2) for i in range(60) for j in "ab"}
    x: Any = np.ones(2)
    for i in range(60):
        x = np.tanh(x * layers[f"net.{i}.a"] * layers[f"net.{i}.b"])
    found = [box.text for box in boxes(draw(np.sum(x), layers))]
    assert [text[0] for text in found] == ["net: 179 operations", "np.tanh", "np.sum"]


def test_an_array_used_often_within_a_summary_goes_into_it() -> None:
    w, x = leaf(2, 2), np.ones((1, 2))
    y: Any = x
    for _ in range(100):
        y = np.tanh(y @ w)
    found = [box.text for box in boxes(draw(y, {"cell.w": w}))]
    assert found[0] == ("cell: 199 operations", "100 np.matmul", "99 np.tanh", "on 2 arrays, 6 numbers", "(1, 2)")
    assert len(found) == 2


def test_many_leaves_of_one_operation_become_one_box() -> None:
    parts = [leaf(2) for _ in range(300)]
    found = texts(draw(np.concatenate(parts)))
    assert found == [("300 leaves", "600 numbers"), ("np.concatenate", "axis=0", "(600,)")]


def test_a_shared_leaf_stays_a_box() -> None:
    w, x = leaf(2), np.ones(2)
    y = chain(200, w * x)
    assert ("w", "(2,)") in texts(draw(y + np.sin(w), {"w": w}))


# ---------------------------------------------------------------------------------------------------------------------
# Files and errors
# ---------------------------------------------------------------------------------------------------------------------


def test_save(tmp_path: Path) -> None:
    picture = draw(np.tanh(leaf(2)))
    for name, text in (("graph.svg", picture.svg), ("graph.DOT", picture.dot)):
        (tmp_path / name).write_text("older")
        picture.save(tmp_path / name)
        picture.save(str(tmp_path / name))
        assert (tmp_path / name).read_text(encoding="utf-8") == text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["graph.DOT", "graph.svg"]


def test_save_leaves_an_older_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "graph.svg"
    path.write_text("older")

    def fail(*_: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="the disk is full"):
        draw(leaf(2) * 2).save(path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["older"]


def test_save_writes_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real.svg").write_text("older")
    (tmp_path / "link.svg").symlink_to("real.svg")
    draw(leaf(2) * 2).save(tmp_path / "link.svg")
    assert (tmp_path / "link.svg").is_symlink()
    assert (tmp_path / "real.svg").read_text().startswith("<svg")


def test_save_errors(tmp_path: Path) -> None:
    picture = draw(leaf(2) * 2)
    with pytest.raises(ValueError, match=r"'graph.png' ends in .png; name a .svg file"):
        picture.save("graph.png")
    with pytest.raises(ValueError, match="no suffix"):
        picture.save(tmp_path / "graph")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        picture.save(tmp_path / "missing" / "graph.svg")


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


def test_without_pygraphviz_there_is_still_dot() -> None:
    code = (
        "import sys; sys.modules['pygraphviz'] = None; from autograd_np import Tensor, draw\n"
        "picture = draw(Tensor(1.0, requires_grad=True) * 2); print(picture.dot)\n"
        "try: picture.svg\nexcept ImportError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("digraph {")
    assert "pip install pygraphviz" in result.stdout


def test_graphviz_prints_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    loss, names = mlp()
    assert draw(loss, names).svg
    assert capfd.readouterr() == ("", "")
