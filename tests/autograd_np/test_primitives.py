"""Defining primitives and rules: what is accepted, what is kept, what is refused."""

from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, defvjp, gradients, primitive
from autograd_np.primitives import primitives


def test_joint_rule() -> None:
    @primitive
    def total(*arrays: Any) -> Any:
        return sum(a.sum() for a in arrays)

    defvjp(total, joint=lambda g, _y, *_arrays: [np.broadcast_to(g, a.shape) for a in _arrays])
    a, b = Tensor(np.ones(2), requires_grad=True), Tensor(np.ones((2, 2)), requires_grad=True)
    ga, gb = gradients(total(a, np.ones(5), b), [a, b])
    np.testing.assert_array_equal(ga.data, np.ones(2))
    np.testing.assert_array_equal(gb.data, np.ones((2, 2)))


def test_joint_rule_with_fixed_arguments_and_keyword() -> None:
    @primitive
    def affine(x: Any, w: Any, scale: float = 1.0) -> Any:
        return scale * x * w

    defvjp(affine, joint=lambda g, _y, x, w, scale=1.0: (scale * g * w, scale * g * x))
    x, w = Tensor([2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
    gx, gw = gradients(affine(x, w, scale=10.0), [x, w])
    assert (gx.item(), gw.item()) == (30.0, 20.0)


def test_rule_is_skipped_for_arguments_that_need_no_gradient() -> None:
    @primitive
    def product(a: Any, b: Any) -> Any:
        return a * b

    def never(g: Any, _y: Any, a: Any, _b: Any) -> Any:
        raise RuntimeError("not needed")

    defvjp(product, lambda g, _y, _a, b: g * b, never)
    a = Tensor([2.0], requires_grad=True)
    (g,) = gradients(product(a, np.array([5.0])), a)
    assert g.item() == 5.0


def test_argument_without_a_gradient() -> None:
    @primitive
    def scaled(x: Any, factor: Any) -> Any:
        return x * factor

    defvjp(scaled, lambda g, _y, _x, factor: g * factor, None)
    x = Tensor([2.0], requires_grad=True)
    (g,) = gradients(scaled(x, np.array([3.0])), x)
    assert g.item() == 3.0
    with pytest.raises(TypeError, match=r"scaled: it has no derivative with respect to argument 1"):
        scaled(x, x)


def test_only_declared_functions_are_unbroadcast() -> None:
    def add(a: Any, b: Any) -> Any:
        return a + b

    rules: Any = (lambda g, _y, _a, _b: g, lambda g, _y, _a, _b: g)
    plain, declared = primitive(add), primitive(add)
    defvjp(plain, *rules)
    defvjp(declared, *rules, broadcasts=True)
    a, b = Tensor(np.ones((3, 1)), requires_grad=True), Tensor(np.ones((2, 1, 4)), requires_grad=True)
    ga, gb = gradients(declared(a, b).sum(), [a, b])
    np.testing.assert_array_equal(ga.data, np.full((3, 1), 8.0))
    np.testing.assert_array_equal(gb.data, np.full((2, 1, 4), 3.0))
    with pytest.raises(ValueError, match=r"broadcasts=True"):
        plain(a, b).sum().backward()


def test_unread_arguments_have_shape_and_dtype_only() -> None:
    seen: list[Any] = []

    @primitive
    def look(x: Any, c: Any) -> Any:
        return x * c

    def rule(g: Any, _y: Any, _x: Any, _c: Any) -> Any:
        seen.extend((_y, _x, _c))
        return g

    defvjp(look, rule, None)
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    look(x, np.ones((2, 3), np.float32)).sum().backward()
    for stand_in in seen:
        assert not isinstance(stand_in, np.ndarray | Tensor)
        assert (stand_in.shape, stand_in.dtype, stand_in.ndim) == ((2, 3), np.float32, 2)


def test_rules_can_be_replaced() -> None:
    @primitive
    def f(x: Any) -> Any:
        return x * 2

    x = Tensor([1.0], requires_grad=True)
    defvjp(f, lambda g, _y, _x: g * 2)
    assert gradients(f(x), x)[0].item() == 2.0
    defvjp(f, lambda g, y, x: g * 7 + 0 * y * x)
    assert gradients(f(x), x)[0].item() == 7.0


def test_bad_definitions_are_refused() -> None:
    @primitive
    def f(a: Any, b: Any) -> Any:
        return a + b

    with pytest.raises(TypeError, match="either one rule for each argument, or joint="):
        defvjp(f)
    with pytest.raises(TypeError, match="either"):
        defvjp(f, lambda g, y, a, b: g, joint=lambda g, y, a, b: (g, g))
    with pytest.raises(TypeError, match=r"defvjp\(f\): with 1 rules each takes .*this one takes \(g, y, a, b\)"):
        defvjp(f, lambda g, y, a, b: g)
    with pytest.raises(TypeError, match="same keyword"):
        defvjp(f, lambda g, y, a, b, axis=0: g, lambda g, y, a, b: g)
    with pytest.raises(TypeError, match="at least one rule"):
        defvjp(f, None, None)


def test_keywords_the_rule_does_not_know_are_refused() -> None:
    @primitive
    def f(x: Any, scale: float = 1.0, shift: float = 0.0) -> Any:
        return x * scale + shift

    defvjp(f, lambda g, _y, _x, scale=1.0: g * scale)
    x = Tensor([1.0], requires_grad=True)
    assert f(x, scale=3.0, shift=0.0).item() == 3.0
    assert f(x, 3.0).item() == 3.0
    assert f(x=x, scale=3.0).item() == 3.0
    with pytest.raises(TypeError, match=r"f: shift=1.0 is not supported on tensors \(supported keywords: scale=\)"):
        f(x, shift=1.0)


def test_number_of_a_wrong_shape_is_told_with_its_argument() -> None:
    """A rule may return a Python number: it has a shape all the same."""

    @primitive
    def scaled(x, y):
        return x * np.sum(y)

    defvjp(scaled, lambda g, _y, x, y: g * np.sum(y), lambda g, _y, x, y: 3.0)
    with pytest.raises(ValueError, match=r"scaled: its rule for argument 1 returned a gradient of shape \(\)"):
        scaled(np.ones(3), Tensor(np.ones(3), requires_grad=True)).backward(np.ones(3))


def test_numpy_function_of_any_number_of_arrays_can_be_given_a_rule() -> None:
    """It takes them as arguments of their own, as `np.ix_` does."""
    assert np.ix_ not in primitives
    defvjp(
        np.ix_, joint=lambda g, _y, *arrays: [np.reshape(part, np.shape(x)) for part, x in zip(g, arrays, strict=True)]
    )
    try:
        x, y = Tensor([1.0, 2.0], requires_grad=True), Tensor([3.0], requires_grad=True)
        rows, columns = np.ix_(x, y)
        np.sum(rows * columns * 2).backward()
        assert np.array_equal(x.grad, [6.0, 6.0])
        assert np.array_equal(y.grad, [6.0])
    finally:
        primitives.pop(np.ix_)


def test_numpy_function_that_returns_a_view_is_given_memory_of_its_own() -> None:
    """Nobody has said that it moves elements: a write into its result leaves the argument as it is."""
    assert np.trim_zeros not in primitives
    defvjp(np.trim_zeros, lambda g, _y, _x, trim="fb", axis=None: g)
    try:
        c, x = Tensor([1.0, 2.0]), Tensor([1.0, 2.0], requires_grad=True)
        z = np.trim_zeros(c)
        z *= x
        np.sum(c * x + z).backward()
        assert np.array_equal(c.data, [1.0, 2.0])
        assert np.array_equal(x.grad, [2.0, 4.0])
    finally:
        primitives.pop(np.trim_zeros)
