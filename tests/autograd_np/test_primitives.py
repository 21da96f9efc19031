"""Defining primitives and rules: what is accepted, what is kept, what is refused."""

from typing import Any

import numpy as np
import pytest

from autograd_np import Tensor, compile, defvjp, grad, gradients, hessian, primitive, value_and_grad
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
    with pytest.raises(TypeError, match=r"`lambda g, y, x: \.\.\.` and not HIPS autograd's `lambda y, x: lambda g: "):
        defvjp(f, lambda ans, a, b: lambda g: g, lambda ans, a, b: lambda g: g)
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


CONTAINERS: dict[str, Any] = {
    "list": lambda t: [t], "tuple": lambda t: (np.ones(2), t), "dict": lambda t: {"w": t},
    "nested": lambda t: {"layers": [(t,)]}, "constant": lambda t: [t.detach()],
}  # fmt: skip


@pytest.mark.parametrize("nest", CONTAINERS.values(), ids=CONTAINERS)
def test_tensors_inside_containers_are_refused(nest: Any) -> None:
    """The function would compute with them by NumPy's rules, and its own would be passed over in silence.

    Of one kind: in lists, tuples and dicts at any depth, by position and by keyword, first and later.
    """

    @primitive
    def doubled(p: Any, q: Any = None) -> Any:
        return 2 * flat(p if q is None else q)

    def flat(p: Any) -> Any:
        return flat(list(p.values())) if isinstance(p, dict) else flat(p[-1]) if isinstance(p, list | tuple) else p

    defvjp(doubled, lambda g, _y, _p, q=None: 100.0 * g)
    w = Tensor(np.ones(2), requires_grad=True)
    for args, kwargs in (
        ((nest(w),), {}),
        ((), {"p": nest(w)}),
        ((np.ones(2), nest(w)), {}),
        ((np.ones(2),), {"q": nest(w)}),
    ):
        with pytest.raises(TypeError, match=r"^doubled: a tensor inside a (list|tuple|dict), .*doubled\(\*arrays\)"):
            doubled(*args, **kwargs)
    np.testing.assert_array_equal(doubled(nest(w.data) if nest is not CONTAINERS["constant"] else [w.data]), [2.0, 2.0])


# -- derivatives of one's own ------------------------------------------------------------------------------------------


@primitive
def clip_gradient(x: Any, limit: float = 1.0) -> Any:
    """Hand on what it is given, and bound what comes back."""
    return x


defvjp(clip_gradient, lambda g, _y, _x, limit=1.0: np.clip(g, -limit, limit))


@primitive
def rounded(x: Any) -> Any:
    """Round, and let the gradient through as if nothing was: a straight-through estimator."""
    return np.round(x)


defvjp(rounded, lambda g, _y, _x: g)


@primitive
def log1pexp(x: Any) -> Any:
    return np.logaddexp(0, x)


defvjp(log1pexp, lambda g, _y, x: g / (1 + np.exp(-x)))


@primitive
def polar(x: Any, y: Any) -> Any:
    """Two results of two arguments."""
    return np.sqrt(x * x + y * y), np.arctan2(y, x)


defvjp(
    polar,
    lambda g, r, x, y: g[0] * x / r[0] - g[1] * y / r[0] ** 2,
    lambda g, r, x, y: g[0] * y / r[0] + g[1] * x / r[0] ** 2,
)

X = np.array([0.75, -1.25, 2.5])
OF_ONES_OWN: dict[str, tuple[Any, Any]] = {
    "clipped": (lambda x: np.sum(clip_gradient(x, 0.5) ** 2 * [0.1, 1.0, 1.0]), [0.15, -0.5, 0.5]),
    "clipped by keyword": (lambda x: np.sum(clip_gradient(x, limit=0.5) ** 2 * [0.1, 1.0, 1.0]), [0.15, -0.5, 0.5]),
    "rounded": (lambda x: np.sum(rounded(x) ** 3), 3 * np.round(X) ** 2),
    "log1pexp": (lambda x: np.sum(log1pexp(x)), 1 / (1 + np.exp(-X))),
    "of several results": (lambda x: np.sum(np.stack(polar(x, np.exp(x))) ** 2), None),
    "one of several results": (lambda x: np.sum(polar(x, np.exp(x))[1] ** 2), None),
}
THEIR_VALUE_IS_SMOOTH: dict[str, Any] = {
    "log1pexp": lambda x: np.sum(np.logaddexp(0, x)),
    "of several results": lambda x: np.sum(x**2 + np.exp(2 * x) + np.arctan2(np.exp(x), x) ** 2),
    "one of several results": lambda x: np.sum(np.arctan2(np.exp(x), x) ** 2),
}
of_ones_own = pytest.mark.parametrize("name", OF_ONES_OWN)


@of_ones_own
def test_a_derivative_of_ones_own_counts(name: str) -> None:
    f, expected = OF_ONES_OWN[name]
    wanted = grad(THEIR_VALUE_IS_SMOOTH[name])(X) if expected is None else expected
    np.testing.assert_allclose(grad(f)(X), wanted, rtol=1e-12)
    leaf = Tensor(X, requires_grad=True)
    f(leaf).backward()
    np.testing.assert_array_equal(leaf.grad, grad(f)(X))
    single = grad(f)(X.astype(np.float32))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, wanted, rtol=1e-5)


@pytest.mark.parametrize("name", THEIR_VALUE_IS_SMOOTH)
def test_a_derivative_of_ones_own_is_differentiated_again(name: str) -> None:
    np.testing.assert_allclose(
        hessian(OF_ONES_OWN[name][0])(X), hessian(THEIR_VALUE_IS_SMOOTH[name])(X), rtol=1e-10, atol=1e-12
    )


def test_second_derivatives_of_what_is_not_the_functions_own_derivative() -> None:
    """They are those of the rule: what was clipped no longer depends on x, and what was rounded goes through again."""
    np.testing.assert_allclose(hessian(OF_ONES_OWN["clipped"][0])(X), np.diag([0.2, 0.0, 0.0]))
    np.testing.assert_allclose(hessian(OF_ONES_OWN["rounded"][0])(X), np.diag(6 * np.round(X)))


@of_ones_own
def test_a_derivative_of_ones_own_in_a_compiled_function(name: str) -> None:
    f, _ = OF_ONES_OWN[name]
    compiled, eager = compile(value_and_grad(f)), value_and_grad(f)
    for step in range(4):
        for found, wanted in zip(compiled(X + step), eager(X + step), strict=True):
            np.testing.assert_array_equal(found, wanted)


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
