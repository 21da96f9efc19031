"""The tape as text: every step in order, and the backward pass in the rules' own words."""

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from autograd_np import Tensor, defvjp, neural, primitive, print_tape
from autograd_np.testing import Program, programs
from tests.autograd_np.show.listings import leaf, listing


def test_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    x, labels = np.ones((5, 4)), np.zeros(5, int)
    w, b = Tensor(np.ones((3, 4)), requires_grad=True), leaf(1.0, 2.0, 3.0)
    loss = neural.cross_entropy(neural.relu(neural.linear(x, w, b)), labels)
    print_tape(loss, {"x": x, "1.weight": w, "1.bias": b})
    assert capsys.readouterr().out == (
        "forward, in the order of creation\n"
        "  1  1.weight  leaf                                             (3, 4) float64\n"
        "  2  1.bias    leaf                                             (3,) float64\n"
        "     x         constant                                         (5, 4) float64\n"
        "  3  x3        linear(x, 1.weight, 1.bias)                      (5, 3) float64\n"
        "  4  x4        relu(x3)                                         (5, 3) float64\n"
        "     c1        constant                                         (5,) int64\n"
        "  5  x5        cross_entropy(x4, c1, axis=1, reduction='mean')  () float64\n"
        "\n"
        "backward, from the last step to the first: g5 is the gradient of x5\n"
        "     g5 = 1\n"
        "  5  cross_entropy  g4 += softmax_less_one_hot(g5, x5, x4, c1)\n"
        "  4  relu           g3 += g4 * (x4 > 0)\n"
        "  3  linear         1.weight.grad += matmul(as_matrix(g3).T, as_matrix(x))\n"
        "                    1.bias.grad += as_matrix(g3).sum(axis=0)\n"
        "\n"
        "where\n"
        "  softmax_less_one_hot(g, y, x, labels): g (softmax(logits) - one_hot(labels)), over the number of labels "
        "for a mean.\n"
        "  matmul(a, b): Multiply matrices, as @ does, on two threads if the process is tuned for it.\n"
        "  as_matrix(x): Lay all rows into one matrix, for which there is one product.\n"
    )


def test_both_rules_of_a_product_and_broadcasting(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = leaf(1.0, 2.0), leaf(3.0)
    _, backward = listing(capsys, a * b, {"a": a, "b": b})
    assert backward == [
        "g3 = what backward() is given",
        "3  np.multiply  a.grad += g3 * b",
        "b.grad += unbroadcast(g3 * a, (1,))",
    ]


def test_matrix_products_broadcast_along_the_axes_before_the_matrices(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = Tensor(np.ones((2, 3)), requires_grad=True), Tensor(np.ones((3, 4)), requires_grad=True)
    _, backward = listing(capsys, a @ b, {"a": a, "b": b})
    assert backward[1:] == ["3  np.matmul  a.grad += matmul_left(g3, a, b)", "b.grad += matmul_right(g3, a, b)"]
    _, backward = listing(capsys, np.ones((5, 2, 3)) @ b, {"b": b})
    assert backward[1].endswith("b.grad += unbroadcast(matmul_right(g2, c1, b), (3, 4))")


def test_keywords_and_defaults_have_their_values(capsys: pytest.CaptureFixture[str]) -> None:
    x = leaf(1.0, 2.0)
    forward, backward = listing(capsys, np.minimum(x, 0.5).sum(axis=0, keepdims=True), {"x": x})
    assert re.sub(" +", " ", forward[1]) == "2 x2 np.minimum(x, 0.5) (2,) float64"
    assert re.sub(" +", " ", forward[2]) == "3 x3 np.sum(x2, axis=0, keepdims=True) (1,) float64"
    assert re.search(r"g2 \+= .*\bx2\b.*\b0\b", backward[1])
    assert "axis" not in backward[1]


def test_items_are_written_with_brackets(capsys: pytest.CaptureFixture[str]) -> None:
    x = leaf(1.0, 2.0, 3.0)
    y = x * 1.0
    y[0] = 5.0
    forward, backward = listing(capsys, y[::-1][[0, 1]])
    assert [line.split("  ")[2].strip() for line in forward] == [
        "leaf", "np.multiply(x1, 1.0)", "x2[0] = 5.0", "x3[::-1]", "x4[index]",
    ]  # fmt: skip
    assert backward[1] == "5  t[index]          g4 += scatter(g5, index, x4.shape)"


@pytest.mark.parametrize("name", ["t[index]", "t[mine]", "one of mine", "one of several outputs"])
def test_a_users_operation_is_written_as_a_call_whatever_its_name(
    capsys: pytest.CaptureFixture[str], name: str
) -> None:
    @primitive(name=name)
    def taken(x: Any, index: Any = None) -> Any:
        return x[index]

    defvjp(taken, lambda g, _y, _x, index=None: g)
    forward, _ = listing(capsys, taken(leaf(1.0), index=0))
    assert f"{name}(x1, index=0)" in forward[1]


def test_several_outputs(capsys: pytest.CaptureFixture[str]) -> None:
    _, s, _ = np.linalg.svd(Tensor(np.eye(2, 3), requires_grad=True))
    forward, backward = listing(capsys, s)
    assert forward[1].endswith("(2, 2), (2,), (3, 3) float64")
    assert forward[2].split()[:3] == ["3", "x3", "x2[1]"]
    assert backward[1].endswith("g2[1] += g3")


def test_a_joint_rule_has_all_its_targets(capsys: pytest.CaptureFixture[str]) -> None:
    a, b = leaf(1.0), leaf(2.0)
    _, backward = listing(capsys, np.concatenate([a, np.ones(2), b]), {"a": a, "b": b})
    assert backward[1] == "3  np.concatenate  a.grad, _, b.grad += split(g3, x3, a, c1, b)"


def test_a_named_result(capsys: pytest.CaptureFixture[str]) -> None:
    x = leaf(1.0)
    y = np.exp(x)
    forward, backward = listing(capsys, np.tanh(y), {"y": y})
    assert forward[2].split()[2] == "np.tanh(y)"
    assert backward[2] == "2  np.exp   x1.grad += g2 * y"


def test_numbers_are_not_taken_for_names(capsys: pytest.CaptureFixture[str]) -> None:
    """A name may look like a number, a word of Python or an expression."""
    x = leaf(1.0)
    for name in ("1or2", "1.weight", "lambda", "a b", "a-b", "0"):
        _, backward = listing(capsys, np.sin(x), {name: x})
        assert backward[1] == f"2  np.sin  {name}.grad += g2 * np.cos({name})"


def test_a_leaf_alone(capsys: pytest.CaptureFixture[str]) -> None:
    forward, backward = listing(capsys, leaf(1.0))
    assert forward == ["1  x1  leaf  (1,) float64"]
    assert backward == ["x1.grad = 1"]


@given(programs(max_steps=12))
def test_every_step_is_listed_after_what_it_needs(program: Program) -> None:
    with pytest.MonkeyPatch.context() as patch:
        lines: list[str] = []
        patch.setattr("builtins.print", lambda *texts, **_: lines.extend("\n".join(texts).split("\n")))
        print_tape(program(*(Tensor(np.ones(shape), requires_grad=True) for shape in program.shapes)))
    middle = lines.index("")
    known: set[str] = set()
    for line in lines[1:middle]:
        name, step = re.sub(r"^ *\d* +", "", line).split(maxsplit=1)
        assert set(re.findall(r"\b[xc]\d+\b", step)) <= known
        known.add(name)
    # A gradient is complete before it is used: no later line adds to it.
    used: set[str] = set()
    end = lines.index("where") - 1 if "where" in lines else len(lines)
    for line in lines[middle + 2 : end]:
        target, _, formula = line.partition("=")
        if "+" in target:
            assert set(re.findall(r"\bg\d+\b", target)).isdisjoint(used)
            used |= set(re.findall(r"\bg\d+\b", formula))
    assert used <= {f"g{i}" for i in range(1, len(known) + 1)}


def test_a_released_graph_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    loss = np.sum(leaf(1.0) * 2)
    loss.backward()
    with pytest.raises(RuntimeError, match=r"print_tape: a backward pass has released this graph"):
        print_tape(loss)
    with pytest.raises(RuntimeError, match="print_tape: nothing was recorded"):
        print_tape(Tensor([1.0]))
    assert capsys.readouterr().out == ""


def test_thousands_of_steps(capsys: pytest.CaptureFixture[str]) -> None:
    x = leaf(1.0)
    for _ in range(5_000):
        x = x + 1.0
    forward, backward = listing(capsys, x)
    assert len(forward) == len(backward) == 5_001
    assert backward[-1] == "2  np.add  x1.grad += g2"
