"""Products that BLAS adds: the same but for the last digits, and only where nobody can tell that they come later.

A product is computed where it is added. What must keep it where it was: someone else reads it, its operands are written
in between, what it is added to is one of them, and all that BLAS does otherwise than NumPy: other dtypes, other
layouts, numbers that are 0 beside NaN.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_np
import nn
from autograd_np import value_and_grad
from autograd_np.compiling.blas import add_product, subtract_product

Array = np.ndarray


def compiled(f: Callable[..., Any], *args: Any) -> tuple[Any, str]:
    """Return the results of a program and what it has left in its arguments, which are copies; and its text."""
    program = autograd_np.compile(f, exact=False)
    for _ in range(2):
        program(*map(np.copy, args))
    given = [*map(np.copy, args)]
    return [*program(*given), *given], program.source


def folds(source: str) -> int:
    return len(re.findall(r"^ +(?:add|subtract)_product\(", source, re.MULTILINE))


def check(f: Callable[..., Any], *args: Any, count: int) -> str:
    result, source = compiled(f, *args)
    assert folds(source) == count, source
    given = [*map(np.copy, args)]
    for one, other in zip(result, [*f(*given), *given], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    return source


def matrices(*shapes: tuple[int, int], dtype: Any = np.float32) -> list[Array]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inner", [1, 3])
@pytest.mark.parametrize("turned", [False, True])
def test_sums_that_are_folded(dtype: Any, inner: int, turned: bool) -> None:
    """Whatever lies how in memory."""

    def f(w: Any, v: Any, a: Any, b: Any) -> Any:
        if turned:
            w, v, a, b = w.T, v.T, b.T, a.T
        w -= 0.1 * (a @ b)
        v *= 0.9
        v += a @ b
        work = np.empty_like(w)
        product = np.matmul(a, b)
        np.multiply(product, 2, out=work)
        np.add(w, work, out=w)
        return np.copy(w), np.copy(v)

    source = check(f, *matrices((4, 5), (4, 5), (4, inner), (inner, 5), dtype=dtype), count=3)
    assert "# v" in source.replace("_T", "")
    assert re.search(r"# \w+ -= 0.1 \* \(\w+ @ \w+\)", source)


def read_twice(w: Any, a: Any, b: Any) -> Any:
    product = a @ b
    w += product
    return np.copy(w), product


def read_by_a_view(w: Any, a: Any, b: Any) -> Any:
    product = a @ b
    corner = product[:2]
    w += product
    return np.copy(w), np.sum(corner)


def operand_written(w: Any, a: Any, b: Any) -> Any:
    product = a @ b
    a *= 2
    w += product
    return np.copy(w), np.copy(a)


def operand_written_by_a_view(w: Any, a: Any, b: Any) -> Any:
    product = a @ b
    b.T[0] = 1.0
    w += product
    return np.copy(w), np.copy(b)


def target_is_an_operand(w: Any, a: Any, b: Any) -> Any:
    w += w @ b
    return np.copy(w), np.copy(a)


def target_overlaps_an_operand(w: Any, a: Any, b: Any) -> Any:
    w += w.T @ b
    return np.copy(w), np.copy(a)


def broadcast(w: Any, a: Any, b: Any) -> Any:
    w += a[:1] @ b
    return (np.copy(w),)


def part_of_a_matrix(w: Any, a: Any, b: Any) -> Any:
    w[:, ::2] += (a @ b)[:, ::2]
    return (np.copy(w),)


def product_subtracted_from(w: Any, a: Any, b: Any) -> Any:
    np.subtract(a @ b, w, out=w)
    return (np.copy(w),)


def halves(w: Any, a: Any, b: Any) -> Any:
    v = w.astype(np.float16)
    v += (a @ b).astype(np.float16)
    return (v,)


def wider_operands(w: Any, a: Any, b: Any) -> Any:
    v = w.astype(np.float64)
    v += a @ b
    return (v,)


def own_errors(w: Any, a: Any, b: Any) -> Any:
    with np.errstate(invalid="raise"):
        w += a @ b
    return (np.copy(w),)


def masked_product(w: Any, a: Any, b: Any) -> Any:
    np.add(w, a @ b, out=w, where=w > 0)
    return (np.copy(w),)


def written_into_what_is_read(w: Any, a: Any, b: Any) -> Any:
    work = np.ones_like(w)
    work[0] = 2
    np.multiply(a @ b, 2, out=work, where=w > 0)
    w += work
    return (np.copy(w),)


def written_where_it_stays(w: Any, a: Any, b: Any) -> Any:
    np.multiply(a @ a, 2, out=b)
    w += b
    return (np.copy(w),)


def written_turned(w: Any, a: Any, b: Any) -> Any:
    work = np.zeros_like(w)
    np.matmul(a, b, out=work.T)
    w += work
    return (np.copy(w),)


def operand_of_a_product(w: Any, a: Any, b: Any) -> Any:
    h = np.sin(a)
    product = h @ b
    w += h
    return np.copy(w), product


def operand_of_a_multiple(w: Any, a: Any, b: Any) -> Any:
    h = np.sin(a)
    product = 0.3 * (b @ h)
    twice = h * 2.0
    w -= h
    return np.copy(w), product, twice


def errors_of_the_product(w: Any, a: Any, b: Any) -> Any:
    with np.errstate(invalid="raise"):
        product = a @ b
    w += product
    return (np.copy(w),)


def scaled_where(w: Any, a: Any, b: Any) -> Any:
    work = np.zeros_like(w)
    np.multiply(a @ b, 2, out=work, where=w > 0)
    w += work
    return (np.copy(w),)


def scaled_twice(w: Any, a: Any, b: Any) -> Any:
    w += 0.5 * (3.0 * (a @ b))
    return (np.copy(w),)


def columns_with_gaps(w: Any, a: Any, b: Any) -> Any:
    every_other = w[:, ::2]
    every_other += a @ b[:, :2]
    return (np.copy(w),)


@pytest.mark.parametrize(
    "f",
    [
        operand_of_a_product, operand_of_a_multiple, written_where_it_stays, written_turned,
        errors_of_the_product, scaled_where, scaled_twice, columns_with_gaps, read_twice, read_by_a_view,
        operand_written, operand_written_by_a_view, target_is_an_operand, target_overlaps_an_operand,
        broadcast, part_of_a_matrix, product_subtracted_from, halves, wider_operands, own_errors,
        masked_product, written_into_what_is_read,
    ],
)  # fmt: skip
def test_sums_that_are_left_as_they_are(f: Callable[..., Any]) -> None:
    check(f, *matrices((4, 4), (4, 4), (4, 4)), count=0)


def turned_into(w: Any, a: Any, b: Any) -> Any:
    np.multiply(w, 0.5, out=w.T)
    w += a @ b
    return (np.copy(w),)


def scaled_in_part(w: Any, a: Any, b: Any) -> Any:
    w[:2] *= 0.5
    w += a @ b
    return (np.copy(w),)


@pytest.mark.parametrize("f", [turned_into, scaled_in_part])
def test_scalings_that_are_no_part_of_a_sum(f: Callable[..., Any]) -> None:
    check(f, *matrices((4, 4), (4, 4), (4, 4)), count=1)


def test_scaling_by_zero_is_no_part_of_a_sum() -> None:
    """To BLAS 0 times NaN is 0."""

    def f(v: Any, a: Any, b: Any) -> Any:
        v *= 0.0
        v += a @ b
        return (np.copy(v),)

    v, a, b = matrices((4, 4), (4, 4), (4, 4))
    v[0, 0] = np.nan
    (result, *_), source = compiled(f, v, a, b)
    assert folds(source) == 1
    assert np.isnan(result[0, 0])
    assert np.isfinite(result.ravel()[1:]).all()


def test_a_rate_of_zero_keeps_nan() -> None:
    c = np.ones((2, 2))
    add_product(c, 0.0, np.full((2, 3), np.nan), np.ones((3, 2)))
    assert np.isnan(c).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(
    sizes=st.tuples(*3 * [st.integers(1, 5)]), orders=st.tuples(*3 * [st.sampled_from("CFS")]),
    scale=st.sampled_from([1.0, -0.5, 0.0]), keep=st.sampled_from([1.0, 0.9, 0.0]), seed=st.integers(0, 99),
)  # fmt: skip
def test_products_are_added_in_place(
    dtype: Any, sizes: tuple[int, ...], orders: tuple[str, ...], scale: float, keep: float, seed: int
) -> None:
    """The operands may lie in any way, also with gaps; what is added to, by rows or by columns."""
    rng = np.random.default_rng(seed)
    m, k, n = sizes

    def lying(shape: tuple[int, int], order: str) -> Array:
        x = rng.normal(size=shape).astype(dtype)
        return np.repeat(x, 2, axis=1)[:, ::2] if order == "S" else np.array(x, order=order)  # type: ignore[call-overload]

    a, b = lying((m, k), orders[0]), lying((k, n), orders[1])
    c = lying((m, n), "F" if orders[2] == "F" else "C")
    expected = keep * c + scale * (a @ b)
    place, before = c.__array_interface__["data"], (a.copy(), b.copy())
    add_product(c, scale, a, b, keep)
    np.testing.assert_allclose(c, expected, rtol=1e-4, atol=1e-5)
    assert c.__array_interface__["data"] == place
    assert np.array_equal(a, before[0])
    assert np.array_equal(b, before[1])
    subtract_product(c, 2.0, a, b)
    np.testing.assert_allclose(c, expected - 2 * (a @ b), rtol=1e-4, atol=1e-5)


def test_what_blas_cannot_write_into_is_said() -> None:
    with pytest.raises(RuntimeError, match=r"add_product: BLAS did not take c of shape \(2, 2\), dtype float32"):
        add_product(np.ones((4, 4), np.float32)[::2, ::2], 1.0, np.ones((2, 2)), np.ones((2, 2)))


# Each step: what is done, to which matrices.
steps = st.tuples(
    st.sampled_from(["add", "subtract", "scaled", "momentum", "scale", "set", "turn", "sum", "reuse", "sine", "plain"]),
    st.integers(0, 3), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip


def program_of(script: list[tuple[str, int, int, int]]) -> Callable[..., Any]:
    def f(*given: Any) -> Any:
        values, total = list(given), given[0].sum()
        for what, i, j, k in script:
            a, b, c = values[i], values[j], values[k]
            if what == "add":
                c += a @ b
            elif what == "subtract":
                np.subtract(c, np.matmul(a, b), out=c)
            elif what == "scaled":
                c -= 0.25 * (a @ b)
            elif what == "momentum":
                product = a @ b
                c *= 0.5
                c += product
            elif what == "scale":
                c *= 0.5
            elif what == "set":
                c[j % 3] = a[i % 3]
            elif what == "turn":
                values[k] = a.T
            elif what == "sine":
                values[k] = np.sin(a)
            elif what == "plain":
                c += 0.5 * a if i == j else a
            elif what == "sum":
                total = total + np.sum(c[: 1 + i % 3])
            else:
                product = a @ b
                c += product
                values[k] = product
        return [total, *map(np.copy, values)]

    return f


@given(st.lists(steps, min_size=1, max_size=8), st.integers(0, 99))
def test_random_programs(script: list[tuple[str, int, int, int]], seed: int) -> None:
    rng, f = np.random.default_rng(seed), program_of(script)
    given = [0.3 * rng.normal(size=(3, 3)) for _ in range(4)]
    result, _ = compiled(f, *given)
    for one, other in zip(result[:5], f(*map(np.copy, given)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_gradients_that_add_up_are_folded() -> None:
    """Weights that are used several times, as those of a recurrent network are."""
    x, w, h = matrices((3, 2), (4, 4), (4, 2), dtype=np.float64)

    def f(w: Any) -> Any:
        state = h
        for _ in range(4):
            state = np.tanh(w @ state)
        return np.sum(state * x[:, :1].sum())

    found, source = compiled(lambda w: (value_and_grad(f)(w)[1],), w)
    assert folds(source) == 2  # of four: the first is what the others are added to, and that sum is an array of its own
    np.testing.assert_allclose(found[0], value_and_grad(f)(w)[1], rtol=1e-12)


OPTIMISERS = [
    lambda p: nn.optim.SGD(p, lr=0.1),
    lambda p: nn.optim.SGD(p, lr=0.1, momentum=0.9),
    lambda p: nn.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True),
    lambda p: nn.optim.Adam(p, lr=0.01),
]


def network(rng: int) -> Any:
    return nn.Sequential(nn.Linear(6, 5, rng=rng), nn.Tanh(), nn.Linear(5, 3, rng=rng))


@pytest.mark.parametrize(("make", "count"), list(zip(OPTIMISERS, [2, 2, 2, 0], strict=True)))
def test_training(make: Callable[[Any], Any], count: int, tmp_path: Path) -> None:
    """Also in batches of one, by steps that take turns with eager ones, and in a file that needs SciPy alone."""
    rng, loss = np.random.default_rng(0), nn.CrossEntropyLoss()
    one, other = network(0), network(0)
    step = nn.compile_step(one, loss, make(one.parameters()), exact=False)
    exact = nn.compile_step(other, loss, make(other.parameters()))
    for batch in (8, 8, 8, 8, 1, 1, 1, 8):
        x, y = rng.normal(size=(batch, 6)).astype(np.float32), rng.integers(3, size=batch)
        np.testing.assert_allclose(step(x, y), exact(x, y), rtol=1e-4, atol=1e-6)
        for p, q in zip(one.parameters(), other.parameters(), strict=True):
            np.testing.assert_allclose(p.data, q.data, rtol=1e-4, atol=1e-5)
    assert folds(step.source) == count
    assert folds(exact.source) == 0
    step.save(tmp_path / "step.py")
    np.savez(tmp_path / "inputs.npz", x=x, y=y)
    code = "import sys, numpy, step; a = numpy.load('inputs.npz'); print(float(step.train(a['x'], a['y'])).hex())"
    code += "; print('autograd_np' in sys.modules or 'nn' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [float(step(x, y)).hex(), "False"]


@pytest.mark.parametrize("scale", [0.0, 1e-46, 1e-39])
def test_a_number_that_is_nothing_to_blas_passes_over_no_nan(scale: float) -> None:
    """Of float32, 1e-46 is 0, and 1e-39 has few digits left."""
    nan, ones = np.full((2, 3), np.nan, np.float32), np.ones((3, 4), np.float32)
    c = np.ones((2, 4), np.float32)
    add_product(c, scale, nan, ones)
    assert np.isnan(c).all()
    c = np.full((2, 4), np.nan, np.float32)
    add_product(c, 1.0, np.ones((2, 3), np.float32), ones, scale)
    assert np.isnan(c).all()
