"""Products along any axes: einsum in every spelling, and the products of vectors and tensors."""

from collections.abc import Sequence
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, gradients
from autograd_np.rules import products as rules
from autograd_np.rules.products import einsum, einsum_of_one
from tests.autograd_np.checks import check_float32, check_gradients
from tests.autograd_np.strategies import Array, Call, arrays

side = st.integers(0, 3)


# -- einsum -----------------------------------------------------------------------------------------------------------


@st.composite
def summations(draw: st.DrawFn) -> Call:
    """Draw subscripts with repeated, summed, broadcast and missing indices, an ellipsis or none, and their arrays."""
    lengths = {c: draw(side) for c in "abcd"}
    count = draw(st.integers(1, 3))
    stretched = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=2, max_side=2)).input_shapes
    terms: list[list[Any]] = []
    shapes: list[tuple[int, ...]] = []
    for stack in stretched:
        letters: list[Any] = draw(st.lists(st.sampled_from("abcd"), max_size=3))
        ones = draw(st.sets(st.sampled_from("abcd"), max_size=1)) if count > 1 else set[str]()
        shape = [1 if c in ones else lengths[c] for c in letters]
        if draw(st.booleans()):
            place = draw(st.integers(0, len(letters)))
            letters, shape = [*letters[:place], ..., *letters[place:]], [*shape[:place], *stack, *shape[place:]]
        terms.append(letters)
        shapes.append(tuple(shape))
    result: list[Any] | None = None
    if draw(st.booleans()):
        used = sorted({c for letters in terms for c in letters if c is not ...})
        result = draw(st.permutations(used))[: draw(st.integers(0, len(used)))]
        if any(... in letters for letters in terms):
            result.insert(draw(st.integers(0, len(result))), ...)
    optimize: Any = draw(st.sampled_from([False, True, "greedy", "optimal"]))
    operands = tuple(draw(arrays(shape)) for shape in shapes)
    if draw(st.booleans()):
        spelling = ",".join(map(_joined, terms)) + ("" if result is None else "->" + _joined(result))
        return Call(spelling, lambda *xs: np.einsum(spelling, *xs, optimize=optimize), operands)
    numbers = [[i if i is ... else 7 * "abcd".index(i) for i in letters] for letters in [*terms, result or []]]
    last = [] if result is None else [numbers[-1]]

    def interleaved(*xs: Any) -> Any:
        return np.einsum(*(part for pair in zip(xs, numbers, strict=False) for part in pair), *last, optimize=optimize)

    return Call(f"{numbers}, {result}", interleaved, operands)


def _joined(letters: Sequence[Any]) -> str:
    return "".join("..." if c is ... else c for c in letters)


# -- the others -------------------------------------------------------------------------------------------------------


@st.composite
def contractions(draw: st.DrawFn) -> Call:
    a = draw(arrays())
    of_a = draw(st.permutations(range(a.ndim)))[: draw(st.integers(0, a.ndim))]
    kept = draw(st.lists(side, max_size=2))
    order = draw(st.permutations(range(len(of_a) + len(kept))))
    lengths = [a.shape[i] for i in of_a] + kept
    b = draw(arrays(tuple(lengths[i] for i in order)))
    of_b = [order.index(k) for k in range(len(of_a))]
    axes: Any = ([draw(st.sampled_from([i, i - a.ndim])) for i in of_a], of_b)
    if len(of_a) == 1 and draw(st.booleans()):
        axes = (of_a[0], of_b[0])
    return Call(f"tensordot(x, x, {axes})", lambda a, b: np.tensordot(a, b, axes=axes), (a, b))


@st.composite
def contractions_of_inner_axes(draw: st.DrawFn) -> Call:
    inner = draw(st.lists(side, max_size=2))
    a = draw(arrays((*draw(st.lists(side, max_size=1)), *inner)))
    b = draw(arrays((*inner, *draw(st.lists(side, max_size=1)))))
    f = draw(st.sampled_from([np.tensordot, np.linalg.tensordot]))
    n = len(inner)
    return Call(f"tensordot(x, x, {n})", lambda a, b: f(a, b) if n == 2 else f(a, b, axes=n), (a, b))


@st.composite
def products(draw: st.DrawFn, f: Any, left: str, right: str) -> Call:
    """Draw arrays whose last axes are as named: n and m long, before them a stack (`...`) that broadcasts."""
    lengths = {c: draw(side) for c in "nm"}
    stacks = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=2, min_side=0, max_side=2)).input_shapes
    given = (
        draw(arrays((*(stack if "..." in term else ()), *(lengths[c] for c in term.strip(".")))))
        for term, stack in zip((left, right), stacks, strict=True)
    )
    return Call(f.__name__, f, tuple(given))


@st.composite
def inners(draw: st.DrawFn) -> Call:
    a = draw(arrays())
    before = draw(st.lists(side, max_size=1))
    b = draw(arrays((*before, *a.shape[-1:])) | arrays(()))
    return Call("inner", np.inner, (a, b))


@st.composite
def vdots(draw: st.DrawFn) -> Call:
    a = draw(arrays())
    b = draw(arrays((a.size,)) | arrays(a.shape[::-1]))
    return Call("vdot", np.vdot, (a, b))


@st.composite
def vecdots(draw: st.DrawFn) -> Call:
    keepdims, axis = draw(st.booleans()), draw(st.sampled_from([-1, -2]))
    call = draw(products(np.vecdot, "...nm", "...nm"))
    f = draw(st.sampled_from([lambda a, b: np.vecdot(a, b, axis=axis, keepdims=keepdims), np.vecdot]))
    return Call(f"vecdot(x, x, axis={axis}, keepdims={keepdims})", f, call.arrays)


ONE = ["ii->i", "ij->ji", "...", "ij->", "ii", "ij->j", "iij->ji"]


@st.composite
def summations_of_one(draw: st.DrawFn) -> Call:
    spelling, n, m = draw(st.sampled_from(ONE)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    shape = (n, n, m) if spelling.startswith("iij") else (n, n) if spelling.startswith("ii") else (n, m)
    x = np.random.default_rng(n + 10 * m).standard_normal(shape)
    return Call(spelling, lambda a: np.einsum(spelling, a), (x,))


CASES = {
    einsum: summations(),
    einsum_of_one: summations_of_one(),
    np.tensordot: contractions() | contractions_of_inner_axes(),
    np.vdot: vdots(),
    np.inner: inners(),
    np.vecdot: vecdots() | products(np.vecdot, "...n", "...n"),
    np.matvec: products(np.matvec, "...mn", "...n"),
    np.vecmat: products(np.vecmat, "...n", "...nm"),
}
"""Calls of each primitive that this file tests."""

IMPLEMENTED = {np.tensordot, np.vdot, np.inner, np.einsum}
"""Functions with implementations that this file tests."""


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@given(data=st.data())
def test_products(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    check_gradients(call.function, *call.arrays)
    check_float32(call.function, *call.arrays)


@pytest.mark.parametrize("function", CASES, ids=lambda f: f.__name__)
@settings(max_examples=max(1, settings().max_examples // 5))
@given(data=st.data())
def test_products_of_complex_arrays(function: Any, data: st.DataObject) -> None:
    call = data.draw(CASES[function])
    xs = [x * (1 + 0.5j) if data.draw(st.booleans()) else x for x in call.arrays]
    check_gradients(call.function, *xs)


def random(*shapes: tuple[int, ...]) -> list[Array]:
    rng = np.random.default_rng(5)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk", [(2, 3), (3, 4)]),
        ("ba", [(2, 3)]),
        ("ii", [(3, 3)]),
        ("ii->i", [(3, 3)]),
        ("iij->ji", [(2, 2, 3)]),
        ("ijij->", [(2, 3, 2, 3)]),
        ("iii->i", [(2, 2, 2)]),
        ("ij->j", [(2, 3)]),
        ("i,i->", [(3,), (1,)]),
        ("ij,ij,jk->k", [(2, 3), (1, 3), (3, 2)]),
        ("...ij,...jk->...ik", [(5, 2, 3), (3, 4)]),
        ("i...,i...", [(2, 3), (2, 4, 1)]),
        ("b n d, b m d -> b n m", [(2, 3, 4), (2, 2, 4)]),
        ("i,j,k,l->kilj", [(2,), (3,), (2,), (2,)]),
        (",i->i", [(), (2,)]),
    ],
)
@pytest.mark.parametrize("optimize", [False, True, "optimal", ("greedy", 100)], ids=str)
def test_einsum(subscripts: str, shapes: list[tuple[int, ...]], optimize: Any) -> None:
    def f(*xs: Any) -> Any:
        return np.einsum(subscripts, *xs, optimize=optimize)

    check_gradients(f, *random(*shapes), order=3)
    check_gradients(f, *(x * (1 - 2j) for x in random(*shapes)))


@pytest.mark.parametrize("axes", [([0, 2], [1, 0]), ([2, 0], [0, 1]), ([2, 0], [-2, -1])], ids=str)
def test_tensordot_of_axes_in_any_order(axes: Any) -> None:
    a, b = random((2, 3, 4), (4, 2, 5))
    if axes[1][0] < 0:
        b = np.moveaxis(b, 2, 0)
    check_gradients(lambda a, b: np.tensordot(a, b, axes), a, b)


@pytest.mark.parametrize(
    ("f", "shapes"),
    [
        (np.vdot, [(2, 3), (2, 3)]),
        (np.inner, [(2, 3), (3,)]),
        (np.outer, [(2,), (3,)]),
        (np.kron, [(2, 2), (2,)]),
        (np.cross, [(2, 3), (3,)]),
        (np.vecdot, [(2, 3), (2, 3)]),
        (np.matvec, [(2, 3), (3,)]),
        (np.vecmat, [(3,), (3, 2)]),
        (np.tensordot, [(2, 3), (2, 3)]),
    ],
)
def test_which_arrays_are_conjugated(f: Any, shapes: list[tuple[int, ...]]) -> None:
    a, b = random(*shapes)
    for factors in ((1 - 2j, 2 + 1j), (1 - 2j, 1), (1, 2 + 1j)):
        check_gradients(f, a * factors[0], b * factors[1])


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize(("axis", "shapes"), [(0, [(3,), (3, 2)]), (0, [(3, 1, 2), (3, 2)]), (1, [(2, 3), (4, 3, 2)])])
def test_vecdot_counts_the_axis_in_each_array(axis: int, shapes: Any, keepdims: bool) -> None:
    """From the front, too, where one array has fewer axes than the other."""
    a, b = random(*shapes)
    check_gradients(lambda a, b: np.vecdot(a, b, axis=axis, keepdims=keepdims), a, b)
    check_gradients(lambda a, b: np.vecdot(a, b, axis=axis, keepdims=keepdims), a * (1 - 2j), b)


def test_einsum_by_lists_of_indices() -> None:
    a, b = random((2, 3), (3, 4))
    check_gradients(lambda a, b: np.einsum(a, [0, 1], b, [1, 2], [2, 0]), a, b)
    check_gradients(lambda a, b: np.einsum(a, [30, 1], b, [1, 0]), a, b)  # 0 comes before 30 in what is implied
    check_gradients(lambda a, b: np.einsum(a, [..., 1], b, [1, 2], [2, ...]), a, b)


def test_einsum_differentiates_what_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    differentiated: list[int] = []
    rule = rules._einsum_vjp

    def counted(g: Any, arrays: Any, i: int, *rest: Any) -> Any:
        differentiated.append(i)
        return rule(g, arrays, i, *rest)

    monkeypatch.setattr(rules, "_einsum_vjp", counted)
    a, b = random((2, 3), (3, 4))
    x = Tensor(b, requires_grad=True)
    (g,) = gradients(np.einsum("ij,jk->", Tensor(a), x), x)
    np.testing.assert_allclose(g.data, np.tile(a.sum(0)[:, None], 4))
    assert differentiated == [1]


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.einsum("ij,jk->ik", x, [[1.0], [2.0]]),
        lambda x: np.tensordot(x, [1.0, 2.0], 1),
        lambda x: np.kron([1.0, 2.0], x),
        lambda x: np.inner([[1.0, 2.0]], x),
        lambda x: np.vdot(x, [1.0, 2.0, 3.0, 4.0]),
        lambda x: np.outer([1.0, 2.0], x),
        lambda x: np.cross([1.0, 2.0, 3.0], np.concatenate((x, x[:, :1]), axis=1)),
        lambda x: np.vecdot([1.0, 2.0], x),
        lambda x: np.matvec(x, [1.0, 2.0]),
        lambda x: np.vecmat([1.0, 2.0], x),
    ],
)
def test_lists_are_operands_too(f: Any) -> None:
    check_gradients(f, np.array([[1.0, 2.0], [0.5, -1.0]]))


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda x: np.einsum("ij,jk", x, x), ValueError, r"np\.einsum of float64 \(2, 3\) and float64 \(2, 3\)"),
        (lambda x: np.einsum("ij", x, out=np.empty((2, 3))), TypeError, "np.einsum: out="),
        (lambda x: np.einsum("ij", x, dtype=float), TypeError, "dtype"),
        (lambda x: np.tensordot(x, x, 1), ValueError, r"np\.tensordot of float64 \(2, 3\) and float64 \(2, 3\)"),
        (lambda x: np.inner(x, x.T), ValueError, "np.inner of"),
        (lambda x: np.vdot(x, x[0]), ValueError, "np.vdot of"),
        (lambda x: np.vecdot(x, x[:, :2]), ValueError, "np.vecdot of"),
        (lambda x: np.dot(x, x), ValueError, "np.dot of"),
        (lambda x: np.dot(x, 2.0, np.empty((2, 3))), TypeError, "np.dot: out="),
    ],
)
def test_what_does_not_fit_is_refused(f: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        f(Tensor(np.ones((2, 3)), requires_grad=True))
