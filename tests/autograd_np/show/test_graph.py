"""The boxes of pictures: what is on them, their names and groups, and what they become when there is too much."""

import re
from typing import Any

import numpy as np
import pygraphviz

from autograd_np import Tensor, defvjp, draw, primitive
from tests.autograd_np.show.pictures import arrows, boxes, chain, check_places, held, leaf, mlp, texts


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


def test_a_leaf_alone() -> None:
    assert texts(draw(leaf(2), {})) == [("leaf", "(2,)")]


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


def test_ten_thousand_operations_are_summarised() -> None:
    x = leaf(1)
    y = x
    for _ in range(10_000):
        y = y + 1.0
    found = texts(draw(y, {"model.x": x}))
    assert ("9,990 operations", "9,990 np.add", "(1,)") in found
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


def test_a_summary_says_how_often_it_stands_for_one_of_several_outputs() -> None:
    """And it leaves the names of a user's own operations as they are."""

    @primitive(name="one step")
    def itself(x: Any) -> Any:
        return x + 0.0

    defvjp(itself, lambda g, _y, _x: g)
    x: Any = leaf(2)
    for _ in range(60):
        x, _ = np.modf(itself(x))
    (summary,) = [text for text in texts(draw(x)) if text[0].endswith("operations")]
    assert sorted(summary[1:4]) == ["56 np.modf", "57 of several outputs", "57 one step"]
