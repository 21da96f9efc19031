"""check_grads: that it finds what is wrong, accepts what is right, and tells a kink from both."""

import copy
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_np import Tensor, defvjp, neural, primitive
from autograd_np.tensor import plain
from autograd_np.testing import NondifferentiableWarning, Program, arrays, check_grads, numerical_gradient, programs

Array = np.ndarray[Any, np.dtype[Any]]
POINT = (np.array([0.5, -1.5, 2.0]),)
REVERSE, FORWARD = ("rev",), ("fwd",)


def with_rule(forward: Callable[[Any], Any], rule: Callable[[Any, Any, Any], Any]) -> Callable[[Any], Any]:
    """Return a new primitive with a rule of its own."""

    @primitive
    def function(x: Any) -> Any:
        return forward(x)

    defvjp(function, rule)
    return function


# -- right ------------------------------------------------------------------------------------------------------------


@given(programs(), st.integers(0, 1000), st.sampled_from(["float64", "float32"]))
def test_programs_pass(program: Program, seed: int, dtype: str) -> None:
    rng = np.random.default_rng(seed)
    args, others = ([rng.uniform(-2, 2, shape).astype(dtype) for shape in program.shapes] for _ in range(2))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_grads(program, args)
    if caught:  # only of a program that computes the same of whatever it is given, but for rounding
        assert {warning.category for warning in caught} == {NondifferentiableWarning}
        y = program(*map(np.float64, args))
        np.testing.assert_allclose(program(*map(np.float64, others)), y, rtol=1e-12, atol=1e-12)


@given(arrays(dtype=np.complex128), st.sampled_from([np.sin, np.abs, np.conj, np.real, np.square]))
def test_complex_functions_pass(z: Array, f: Callable[[Any], Any]) -> None:
    check_grads(lambda z: f(z + 3.1), (z,))


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_every_order_passes(order: int) -> None:
    check_grads(lambda x: np.tanh(x) * x, POINT, order)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_every_scale_passes(factor: float) -> None:
    check_grads(lambda x: np.sin(x / factor), (factor * POINT[0],))


def test_containers_pass_and_constants_are_constant() -> None:
    def f(parameters: dict[str, Any], settings: tuple[Any, ...]) -> Any:
        axis, labels, name, nothing = settings
        assert (axis, name, nothing) == (-1, "mean", None)
        y = np.sum(parameters["w"] ** 2, axis=axis) * parameters["b"][0]
        return {"y": y[labels], "argmax": np.argmax(plain(y)), "z": [parameters["b"][0]]}

    check_grads(f, ({"w": np.ones((3, 2)), "b": [2.0]}, (-1, np.array([0, 0, 2]), "mean", None)))


@pytest.mark.parametrize("shape", [(0,), (2, 0, 3)])
def test_empty_arrays_pass(shape: tuple[int, ...]) -> None:
    check_grads(np.exp, (np.ones(shape),))


def test_function_of_nothing_passes() -> None:
    check_grads(lambda x: 3.0, POINT)
    check_grads(lambda x: 0 * x, POINT)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_cancelling_derivatives_pass(dtype: Any) -> None:
    check_grads(lambda x: np.sum(neural.softmax(x)), (POINT[0].astype(dtype),))


# -- wrong ------------------------------------------------------------------------------------------------------------

WRONG_FIRST = {
    "factor": lambda g, _y, x: g * x,
    "sign": lambda g, _y, x: -2 * g * x,
    "offset": lambda g, _y, x: g * (2 * x + 1e-6),
    "scaled a little": lambda g, _y, x: g * x * 2.0000001,
    "nan": lambda g, _y, x: g * x * np.nan,
}


@pytest.mark.parametrize("modes", [REVERSE, FORWARD])
@pytest.mark.parametrize("rule", [pytest.param(rule, id=name) for name, rule in WRONG_FIRST.items()])
def test_wrong_first_derivative_is_found(rule: Any, modes: tuple[str, ...]) -> None:
    with pytest.raises(AssertionError, match="derivative of order 1 is wrong"):
        check_grads(with_rule(np.square, rule), POINT, 1, modes)


@pytest.mark.parametrize("modes", [REVERSE, FORWARD])
def test_wrong_second_derivative_is_found(modes: tuple[str, ...]) -> None:
    wrong = with_rule(np.square, lambda g, _y, x: g * 2 * plain(x))  # right at first, but constant
    check_grads(wrong, POINT, 1, modes)
    with pytest.raises(AssertionError, match="derivative of order 2 is wrong"):
        check_grads(wrong, POINT, 2, modes)


def test_wrong_third_derivative_is_found() -> None:
    wrong_slope = with_rule(np.cos, lambda g, _y, x: -g * plain(np.sin(x)))
    wrong = with_rule(np.sin, lambda g, _y, x: g * wrong_slope(x))
    check_grads(wrong, POINT, 2)
    with pytest.raises(AssertionError, match="derivative of order 3 is wrong"):
        check_grads(wrong, POINT, 3)


def test_wrong_forward_derivative_is_found() -> None:
    # The reverse sweep is right; that it is linear in g, on which forward mode rests, is lost.
    wrong = with_rule(np.square, lambda g, _y, x: plain(g) * 2 * x)
    check_grads(wrong, POINT, 1, REVERSE)
    with pytest.raises(AssertionError, match="forward derivative of order 1 is wrong"):
        check_grads(wrong, POINT, 1, FORWARD)


def test_message_names_the_argument_that_is_wrong() -> None:
    def backward(g: Array, p: dict[str, Array], b: Array) -> list[Array]:
        return [g @ p["w"].T, p["x"].T @ g, g]

    def dense(p: dict[str, Array], b: Array) -> Array:
        return p["x"] @ p["w"] + b

    p = {"x": np.ones((2, 3)), "w": np.eye(3)}
    with pytest.raises(AssertionError, match=r"gradients of shapes.*\(2, 3\)\]; the arguments .*have.*\(3,\)\]"):
        check_grads((dense, backward), (p, np.ones(3)))
    right = lambda g, p, b: [*backward(g, p, b)[:2], g.sum(axis=0)]  # noqa: E731
    check_grads((dense, right), (p, np.ones(3)))
    doubled = lambda g, p, b: [g @ p["w"].T, 2 * p["x"].T @ g, g.sum(axis=0)]  # noqa: E731
    with pytest.raises(AssertionError) as failure:
        check_grads((dense, doubled), (p, np.ones(3)))
    marked = [line for line in str(failure.value).splitlines() if "<- wrong" in line]
    assert len(marked) == 1
    assert marked[0].strip().startswith("by args[0]['w'], float64 (3, 3):")


def test_message_marks_a_line_however_the_arguments_share_what_is_wrong() -> None:
    """Also where each is off by less than is allowed, and only both together by more."""
    for sign in (1, -1):
        wrong = (lambda x, y: x + y, lambda g, x, y, sign=sign: [2 * g, (1 + sign) * g])
        for limit in np.linspace(0.05, 2, 40):
            try:
                check_grads(wrong, (np.ones(()), np.ones(())), atol=limit)
            except AssertionError as error:
                assert "<- wrong" in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    ("f", "named"),
    [
        (np.linalg.cholesky, "np.linalg.cholesky"),
        (np.linalg.eigvalsh, "np.linalg.eigvalsh"),
        (lambda a: np.linalg.eigh(a)[0] + np.diag(np.linalg.cholesky(a)), "np.linalg.cholesky, np.linalg.eigh"),
    ],
)
def test_message_says_by_what_functions_of_one_triangle_are_differentiated(f: Any, named: str) -> None:
    a = np.array([[4.0, 1.0], [1.0, 3.0]])
    with pytest.raises(
        AssertionError, match=rf"order 1 is wrong(.|\n)*{named}\) are .* by a Hermitian matrix.*swapaxes"
    ):
        check_grads(f, (a,))
    check_grads(lambda x: f((x + x.conj().swapaxes(-1, -2)) / 2), (a,))


def test_message_speaks_of_triangles_only_where_one_is_read() -> None:
    f = with_rule(np.linalg.inv, lambda g, y, _x: -g)
    with pytest.raises(AssertionError) as error:
        check_grads(f, (np.array([[4.0, 1.0], [1.0, 3.0]]),))
    assert "triangle" not in str(error.value)


def test_tolerances_may_be_given() -> None:
    slightly = (np.square, lambda g, x: 2.001 * g * x)
    with pytest.raises(AssertionError):
        check_grads(slightly, POINT)
    check_grads(slightly, POINT, rtol=1e-2)
    check_grads(slightly, POINT, atol=1e-1)
    exact = (np.square, lambda g, x: 2 * g * x * (1 + 1e-11))
    check_grads(exact, POINT)
    with pytest.raises(AssertionError):
        check_grads(exact, POINT, rtol=1e-13)


class Accumulating:
    """A backward pass of `np.square` that adds to its last gradient, in place or not."""

    def __init__(self, in_place: bool) -> None:
        self.grad, self.in_place = np.zeros(3), in_place

    def __call__(self, g: Array, x: Array) -> Array:
        if self.in_place:
            self.grad += 2 * g * x
        else:
            self.grad = self.grad + 2 * g * x
        return self.grad


def test_backward_pass_that_returns_another_gradient_when_called_again_is_found() -> None:
    """Whether the first one is right or a later one, and whether one argument's or all of them change."""
    calls: list[Array] = []

    def first_is_right(g: Array, x: Array) -> Array:
        calls.append(x)
        return 2 * g * x * (1 if len(calls) == 1 else 5)

    def last_is_right(g: Array, x: Array) -> Array:
        calls.append(x)
        return 2 * g * x * (5 if len(calls) == 1 else 1)

    for backward in (Accumulating(True), Accumulating(False), first_is_right, last_is_right):
        calls.clear()
        with pytest.raises(AssertionError, match=r"by args\[0\] is not the same .*: begin each call with zeros"):
            check_grads((np.square, backward), POINT)
    second = Accumulating(False)
    with pytest.raises(AssertionError, match=r"by args\[1\] is not the same"):
        check_grads((lambda x, y: x + y * y, lambda g, x, y: (g, second(g, y))), (POINT[0], POINT[0]))


def times_two_in_place(g: Array, x: Array) -> Array:
    g *= 2
    return g * x


def masked_in_place(g: Array, x: Array) -> Array:
    g[x <= 0] = 0
    return g


def split_in_place(g: tuple[Array, Array], x: Array) -> Array:
    for part in g:
        part *= 3
    return g[0] + g[1]


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (np.square, times_two_in_place),
        (lambda x: np.maximum(x, 0), masked_in_place),
        (lambda x: (3 * x, 3 * x), split_in_place),
        (np.sin, lambda g, x: np.multiply(g, np.cos(x), out=g)),
    ],
)
def test_backward_pass_may_write_into_the_gradient_that_it_is_given(forward: Any, backward: Any) -> None:
    """Each call is given a copy: of each output, in double precision and less, and whatever it returns."""
    for dtype in (np.float64, np.float32):
        check_grads((forward, backward), (POINT[0].astype(dtype),))
    wrong = lambda g, x: 2 * backward(g, x)  # noqa: E731
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((forward, wrong), POINT)


@pytest.mark.parametrize(
    ("argument", "gradient"),
    [
        (np.ones(2, np.float32), np.float64),
        (np.ones(2), np.float32),
        (np.ones(2), np.complex128),
        (np.ones(2, np.complex64), np.complex128),
        (np.ones(2, np.float16), np.float32),
        (np.float32(1), np.float64),
        (np.ones(2), np.int64),
        (np.ones(2), np.bool_),
        (np.ones((0, 2), np.float32), np.float64),
    ],
)
def test_gradient_of_another_dtype_is_found(argument: Any, gradient: Any) -> None:
    given, wanted = np.dtype(gradient).name, np.asarray(argument).dtype.name
    check_grads((lambda a, x: x, lambda g, a, x: (0 * g, g)), (argument, argument))
    other = (lambda a, x: x, lambda g, a, x: (0 * g, np.asarray(g).real.astype(gradient)))
    with pytest.raises(AssertionError, match=rf"dtype {given} by args\[1\], which is {wanted} .* as {wanted}"):
        check_grads(other, (argument, argument), atol=10)


def test_numbers_of_python_have_no_dtype() -> None:
    product = (lambda x, a: x * a, lambda g, x, a: (g * a, np.sum(g * x)))
    check_grads(product, (np.ones(2, np.float32), 2.0))
    with pytest.raises(AssertionError, match=r"dtype float64 by args\[0\], which is float32"):
        check_grads(product, (np.ones(2, np.float32), np.float64(2)))
    check_grads((lambda x: 2 * x, lambda g, x: 2 * float(g)), (np.float32(1),))


@pytest.mark.parametrize("result", [None, 3, "text", (), {"n": np.arange(3)}])
def test_function_that_returns_nothing_to_differentiate_is_refused(result: Any) -> None:
    """A forgotten return checks nothing."""
    with pytest.raises(TypeError, match="in which nothing can be differentiated; return arrays"):
        check_grads(lambda x: result, POINT)
    with pytest.raises(TypeError, match="in which nothing can be differentiated; return arrays"):
        check_grads((lambda x: result, lambda g, x: g), POINT)


# -- where there is no derivative -------------------------------------------------------------------------------------

KINKS = {
    "relu": (neural.relu, 0.0),
    "close to it": (neural.relu, 1e-12),
    "small": (lambda x: x + 1e-5 * neural.relu(x), 0.0),
    "maximum": (lambda x: np.maximum(x, 1.0), 1.0),
    "ties": (np.max, 0.5),
    "step": (lambda x: np.where(x > 0, x + 1, x), 0.0),
    "infinite slope": (lambda x: np.sqrt(np.abs(x)), 0.0),
    "second order": (lambda x: neural.relu(x) ** 2, 0.0),
    "not finite": (np.log, -1.0),
    "edge": (np.sqrt, 0.0),
}


@pytest.mark.parametrize("x", [1e-200, -1.96e-272, 1e-160])
@pytest.mark.parametrize("f", [lambda x: 1 / x, lambda x: x**-1.0])
def test_gradient_that_overflows_is_said_but_not_called_wrong(f: Any, x: float) -> None:
    """Whose function is finite, but not its gradient; an infinite gradient of moderate slopes is wrong."""
    with pytest.warns(NondifferentiableWarning, match="too large for its dtype"):
        check_grads(f, (np.array([x]),))
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((f, lambda g, x: g * np.inf), (np.array([1e-100]),))


@pytest.mark.parametrize("name", KINKS)
def test_kink_is_no_failure_but_said(name: str) -> None:
    f, place = KINKS[name]
    with pytest.warns(NondifferentiableWarning, match="at this point") as caught:
        check_grads(f, (np.array([place, 0.5]),))
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("exponent", np.linspace(-9, 0, 46))
def test_kink_outside_the_step_does_not_matter(exponent: float, side: int) -> None:
    check_grads(neural.relu, (np.array([side * 10**exponent, 1.0]),), 1)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("exponent", np.linspace(-7, 0, 15))
def test_wrong_derivative_near_a_kink_is_found(exponent: float, side: int) -> None:
    x = np.array([side * 10**exponent, 1.0])
    with pytest.raises(AssertionError):
        check_grads((plain_relu, lambda g, x: 1.01 * g * (x > 0)), (x,))


def test_ties_are_checked_where_they_stay_ties() -> None:
    """All elements that are the largest take the whole gradient: wrong by any convention."""
    greedy = with_rule(np.max, lambda g, y, x: g * (x == y))
    check_grads(greedy, (np.array([1.0, 2.0]),))
    with pytest.raises(AssertionError, match="along the diagonal, where all elements grow alike, "):
        check_grads(greedy, (np.array([2.0, 2.0]),))
    with pytest.raises(AssertionError, match="along a random direction "):
        check_grads((np.max, lambda g, x: 2 * g * (x == x.max())), (np.array([1.0, 2.0]),))
    with pytest.warns(NondifferentiableWarning):
        check_grads(np.max, (np.array([2.0, 2.0]),))


def plain_relu(x: Array) -> Array:
    return np.maximum(x, 0)


# -- memory -----------------------------------------------------------------------------------------------------------


@given(arrays())
def test_function_sees_the_given_layout(x: Array) -> None:
    seen: list[Array] = []

    def forward(z: Array) -> Array:
        seen.append(z)
        return 2 * z

    def backward(g: Array, z: Array) -> Array:
        seen.append(z)
        return 2 * g

    check_grads((forward, backward), (x,))
    for z in seen:
        assert z is not x
        steps = [stride // z.itemsize for stride, n in zip(z.strides, z.shape, strict=True) if n > 1]
        assert (
            steps == [stride // x.itemsize for stride, n in zip(x.strides, x.shape, strict=True) if n > 1] or not z.size
        )
        assert z.flags.writeable == x.flags.writeable or not z.size


@pytest.mark.parametrize("constant", [np.arange(3), np.ones(3, bool), np.array(["a"]), np.array([1, "a"], object)])
def test_what_is_held_constant_is_not_written(constant: Array) -> None:
    """Arrays of all dtypes that have no derivative: each call writes into a copy of its own, from which it starts."""
    before = copy.deepcopy(constant)

    def careless(x: Any, n: Array) -> Any:
        assert np.array_equal(n, before)
        n[:1] = np.zeros(1, n.dtype)
        return x * 1.0

    check_grads(careless, (np.ones(3), constant))
    check_grads((careless, lambda g, x, n: g * careless(1, n)), (np.ones(3), constant))
    np.testing.assert_array_equal(constant, before)


D = {"a": np.array([1.0, 2.0]), "b": np.array([5.0, 7.0])}


@pytest.mark.parametrize("wrap", [lambda d: d, lambda d: [d], lambda d: (d, None), lambda d: [d, None]])
@pytest.mark.parametrize("args", [(D,), (D, 3), ([D],), ((D, 2),), ({**D, "c": 3},), ({"c": 3, **D},)])
def test_gradients_in_dicts_are_told_by_their_keys(args: Any, wrap: Any) -> None:
    """In whatever order they come: bare, in a sequence, nested, beside constants or without them."""
    nested = isinstance(args[0], list | tuple)
    inner: Any = (lambda p: p[0]) if nested else (lambda p: p)
    if len(args[0] if nested else args) < 2 and isinstance(wrap(D), list | tuple) and len(wrap(D)) == 2:
        wrap = lambda d: [d]  # noqa: E731

    def forward(p: Any, *_: Any) -> Any:
        return inner(p)["a"] ** 2 * inner(p)["b"]

    def right(g: Any, p: Any, *_: Any) -> Any:
        d = inner(p)
        return wrap({"b": g * d["a"] ** 2, "a": 2 * g * d["a"] * d["b"]})

    def wrong(g: Any, p: Any, *_: Any) -> Any:
        d = inner(p)
        return wrap({"b": 2 * g * d["a"] * d["b"], "a": g * d["a"] ** 2})

    check_grads((forward, right), args)
    with pytest.raises(AssertionError, match="order 1 is wrong"):
        check_grads((forward, wrong), args)


def test_writing_into_a_read_only_argument_is_found() -> None:
    x = np.ones(2)
    x.flags.writeable = False

    def careless(z: Array) -> Array:
        z *= 2
        return z

    with pytest.raises(ValueError, match="read-only"):
        check_grads((careless, lambda g, z: 2 * g), (x,))


# -- modules ----------------------------------------------------------------------------------------------------------


class Layer:
    """What check_grads takes for a module; it is no one's subclass."""

    def __init__(self, weight: Any, slope: float = 1.0) -> None:
        self.weight = Tensor(weight, requires_grad=True)
        self.tied = self.weight
        self.frozen = Tensor([slope], dtype=self.weight.dtype)
        self.calls, self.rng = 0, np.random.default_rng(0)

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        yield "weight", self.weight
        yield "frozen", self.frozen

    def __call__(self, x: Any) -> Any:
        self.calls += 1
        mask = self.rng.random(x.shape) < 0.5
        return np.tanh(x * mask) @ self.weight * self.frozen + np.sum(self.tied**2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_module_passes_and_is_left_alone(dtype: Any) -> None:
    layer = Layer(np.ones((3, 2), dtype))
    before = copy.deepcopy(layer.rng.bit_generator.state)
    check_grads(layer, (np.ones((4, 3)),))  # drawing its mask anew in each call
    check_grads(lambda m, x: m(x) ** 2, (layer, np.ones((4, 3), dtype)))
    assert layer.calls == 0
    assert layer.rng.bit_generator.state == before
    assert layer.weight.grad is None
    np.testing.assert_array_equal(layer.weight.data, 1)


def test_wrong_gradient_by_a_parameter_is_found() -> None:
    class Wrong(Layer):
        def __call__(self, x: Any) -> Any:
            return super().__call__(x) + np.sum(plain(self.weight))

    with pytest.raises(AssertionError, match=r"by weight, float64 \(3, 2\): .* <- wrong"):
        check_grads(Wrong(np.ones((3, 2))), (np.ones((4, 3)),))


# -- wrong use --------------------------------------------------------------------------------------------------------


def test_errors_say_what_to_do() -> None:
    with pytest.raises(TypeError, match="nothing to differentiate by among the arguments"):
        check_grads(np.exp, (np.array([1, 2]), "a"))
    with pytest.raises(TypeError, match="neither a function of tensors nor a pair"):
        check_grads((np.exp, 3), POINT)  # pyright: ignore
    with pytest.raises(ValueError, match="order=0"):
        check_grads(np.exp, POINT, 0)
    with pytest.raises(ValueError, match="modes of"):
        check_grads(np.exp, POINT, 1, ("backward",))
    for order in (2.5, True, "2"):
        with pytest.raises(ValueError, match=f"order={order}"):
            check_grads(np.exp, POINT, order)  # pyright: ignore
    for limit in (-1.0, np.nan):
        with pytest.raises(ValueError, match="give numbers from 0"):
            check_grads(np.exp, POINT, rtol=limit)
        with pytest.raises(ValueError, match="give numbers from 0"):
            check_grads(np.exp, POINT, atol=limit)
    for bare in (POINT[0], 2.0, {"x": 1.0}):
        with pytest.raises(TypeError, match=r"in a tuple or list, .* like \(x,\), not in a"):
            check_grads(np.exp, bare)  # pyright: ignore
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="does not return the same for the same arguments"):
        check_grads(lambda x: x * rng.random(), POINT)


MASKED = np.ma.array([1.0, 2.0], mask=[False, True])


@pytest.mark.parametrize("array", [MASKED, MASKED.astype(int), np.ma.masked, np.ones(2).view(np.matrix)])
def test_arrays_with_rules_of_their_own_are_refused(array: Any) -> None:
    """Their masks would be lost: of arguments, constants, results and gradients alike, however they are nested."""
    x, way_out = np.ones(2), r"is a np\.(MaskedArray|MaskedConstant|matrix); .*give (m\.filled|np\.asarray)"
    for args in ((array, x), (x, array), (x, {"a": [array]})):
        with pytest.raises(TypeError, match=rf"check_grads\(.*args\[[01]\](\['a'\]\[0\])? {way_out}"):
            check_grads(lambda a, b: x * 1.0, args)
    with pytest.raises(TypeError, match=rf"what the function returned {way_out}"):
        check_grads((lambda x: (x, array), lambda g, x: g), (x,))
    with pytest.raises(TypeError, match=rf"what the backward pass returned {way_out}"):
        check_grads((lambda x: x * 1.0, lambda g, x: array), (x,))
    with pytest.raises(TypeError, match=rf"numerical_gradient: x {way_out}"):
        numerical_gradient(np.sum, {"a": array})


@pytest.mark.parametrize(
    ("gradient", "message"),
    [
        ([[1.0, 2.0], [1.0]], "lists of numbers, or ragged ones: return one array for each argument"),
        ([1.0, 2.0], "lists of numbers, or ragged ones: return one array for each argument"),
        (np.array([[1.0, 2.0], [1.0]], dtype=object), r"returned object \(2,\) by args\[0\]; return arrays of numbers"),
        (np.array(["1", "2"]), r"returned <U1 \(2,\) by args\[0\]; return arrays of numbers"),
    ],
)
def test_gradient_that_is_no_array_of_numbers_is_named(gradient: Any, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_grads((lambda x: x * 1.0, lambda g, x: gradient), (np.ones(2),))


def test_right_functions_warn_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_grads(np.exp, (np.array([600.0]),))  # overflows at larger steps
