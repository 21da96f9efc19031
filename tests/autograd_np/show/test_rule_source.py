"""Rules in their own words: formulas with their values, and the functions that they are made of."""

from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, defvjp, primitive
from tests.autograd_np.show.listings import explained, leaf, listing


def test_the_source_of_a_users_own_rule(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def twice(x: Any) -> Any:
        return 2 * x

    # Two rules on one line are told apart by where they stand.
    other, rule = (lambda g, _y, _x: g * 3), (lambda g, _y, _x: g * 2)
    defvjp(twice, rule)
    _, backward = listing(capsys, twice(leaf(1.0)))
    assert backward[1].endswith("x1.grad += g2 * 2")
    defvjp(twice, other)
    assert listing(capsys, twice(leaf(1.0)))[1][1].endswith("x1.grad += g2 * 3")


def test_a_keyword_has_its_value_its_default_or_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def scaled(x: Any, scale: Any = 2.0) -> Any:
        return scale * x

    defvjp(scaled, lambda g, _y, _x, scale=2.0: g * scale)
    for call, forward, backward in (
        (lambda x: scaled(x), "scaled(x1)", "g2 * 2.0"),
        (lambda x: scaled(x, scale=5.0), "scaled(x1, scale=5.0)", "g2 * 5.0"),
        (lambda x: scaled(x, scale=np.array([4.0])), "scaled(x1)", "g2 * scale"),
    ):
        lines = listing(capsys, call(leaf(1.0)))
        assert forward in lines[0][1].split("  ")
        assert lines[1][1].endswith(f"x1.grad += {backward}")


def test_a_rule_for_any_number_of_arguments_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def total(*arrays: Any) -> Any:
        return sum(arrays)

    defvjp(total, joint=lambda g, _y, *_arrays: [g for _ in _arrays])
    assert listing(capsys, total(leaf(1.0), leaf(2.0)))[1][1].endswith(
        "x1.grad, x2.grad += vjp of total (g3, x3, x1, x2)"
    )


def test_without_source_the_rules_name_is_given(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def thrice(x: Any) -> Any:
        return 3 * x

    space: dict[str, Any] = {}
    exec("rule = lambda g, _y, _x: g * 3\ndef named(g, _y, _x): return g * 3", space)
    defvjp(thrice, space["rule"])
    assert listing(capsys, thrice(leaf(1.0)))[1][1].endswith("x1.grad += vjp of thrice (g2, x2, x1)")
    defvjp(thrice, space["named"])
    assert listing(capsys, thrice(leaf(1.0)))[1][1].endswith("x1.grad += named(g2, x2, x1)")


def test_functions_without_documentation_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, Tensor(np.eye(2), requires_grad=True) @ np.eye(2)) == [
        "  matmul_left(g, a, b):",
        "      if b.ndim == 1:",
        "          return g[..., None] * b",
        "      if a.ndim == 1:",
        "          return (b @ g[..., None])[..., 0]",
        "      return g @ np.swapaxes(b, -1, -2)",
    ]


def test_each_function_is_explained_once_and_numpys_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(explained(capsys, np.sum(np.sum(Tensor(np.eye(2), requires_grad=True), axis=0)))) == 2
    assert explained(capsys, np.cos(leaf(1.0))) == []
    # The rule for one of several outputs makes an object of a class.
    logistic, difference = explained(capsys, np.logaddexp(leaf(1.0), 2.0))
    assert logistic.startswith("  logistic(x): ")
    assert difference.startswith("  difference(a, b, g): ")
    _, s, _ = np.linalg.svd(Tensor(np.eye(2, 3), requires_grad=True))
    assert [line.split("(")[0] for line in explained(capsys, s)] == ["  svd_vjp"]


def _halved(g: Any) -> Any:
    return g / 2


def _masked(g: Any, where: Any) -> Any:
    return g * where


@pytest.mark.parametrize(
    ("settings", "formula", "helper"),
    [
        ({}, "halved(g2)", "halved"),  # by its default
        ({"where": True}, "halved(g2)", "halved"),
        ({"where": None}, "g2", None),
        ({"where": 3}, "masked(g2, 3)", "masked"),
        ({"where": np.ones(1)}, "masked(g2, where)", "masked"),
    ],
)
def test_what_a_keyword_decides_is_decided(
    capsys: pytest.CaptureFixture[str], settings: dict[str, Any], formula: str, helper: str | None
) -> None:
    """In a rule `a if where is True else b`, a reader sees one of the two, and what that is made of."""

    @primitive
    def weighted(x: Any, where: Any = True) -> Any:
        return x + 0.0

    defvjp(
        weighted,
        lambda g, _y, _x, where=True: g if where is None else _halved(g) if where is True else _masked(g, where),
    )
    _, backward = listing(capsys, weighted(leaf(1.0), **settings))
    assert backward[1].endswith(f"x1.grad += {formula}")
    assert [line.partition("(")[0].strip() for line in explained(capsys, weighted(leaf(1.0), **settings))][::2] == (
        [helper] if helper else []
    )


def test_other_conditions_are_left_to_the_reader(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def scaled(x: Any, scale: Any = 2.0) -> Any:
        return scale * x

    defvjp(scaled, lambda g, _y, _x, scale=2.0: _halved(g) if scale < 1 else _masked(g, scale) if any is None else g)
    text = "halved(g2) if 2.0 < 1 else masked(g2, 2.0) if any is None else g2"
    assert listing(capsys, scaled(leaf(1.0)))[1][1].endswith(f"x1.grad += {text}")


def test_a_rule_with_a_name_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    @primitive
    def twice(x: Any) -> Any:
        return 2 * x

    def rule(g: Any, _y: Any, _x: Any) -> Any:
        return g * 2

    defvjp(twice, rule)
    assert explained(capsys, twice(leaf(1.0))) == ["  rule(g, y, x):", "      return g * 2"]
    space: dict[str, Any] = {}
    exec("def unseen(g, _y, _x): return g * 2", space)
    defvjp(twice, space["unseen"])
    assert explained(capsys, twice(leaf(1.0))) == []
    first, *_ = explained(capsys, np.concatenate([leaf(1.0), leaf(2.0)]))
    assert first.startswith("  split(g, y, *arrays)")
    assert first.endswith(": Cut a gradient into pieces of the arrays' lengths.")
