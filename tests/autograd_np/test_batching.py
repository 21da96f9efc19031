"""vmap: what it computes at once is what a loop over the examples computes, and elsewhere it is that loop.

The batching rules are held against the loop on every function that has one, and on random programs: with each argument
mapped or shared, along any axis, by arrays, tensors and inside of other transforms. Warnings are errors here, so that
nothing that is to be computed at once is computed in a loop unseen.

What could be wrong in silence, of one kind each: an example that sees another (axes counted over the batch, indices
that move it, products that sum over it, reductions of everything), a rule of one's own that is passed over, a
derivative that takes a batch for a constant, and a stand-in that outlives its run.
"""

import copy
import dis
from typing import Any

import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_np
from autograd_np import (
    Tensor,
    VmapLoopWarning,
    compile,
    defvjp,
    elementwise_grad,
    flatten,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    primitive,
    value_and_grad,
    vjp,
    vmap,
)
from autograd_np.batching.stand_ins import RULES
from autograd_np.primitives import name_of
from autograd_np.trees import leaves_of, tree_of

COUNT = 4
SHAPES = {"s": (), "v": (3,), "x": (2, 3), "m": (3, 3), "c": (2, 3, 3), "i": (2,), "j": (2, 3), "mask": (2, 3)}

# Of one example: a number s, a vector v, matrices x and m (positive definite), a stack c, indices i and j, and a mask.
CASES = """
x + v * s - 2.0
-x / (1 + x**2) ** s
s * x + [1.0, 2.0, 3.0]
np.tanh(x) @ v
np.exp(v)[:, None] * x.T @ x
abs(x) % 0.7
x > v
(x > s) & mask
np.add(x, v, dtype=np.float64)
np.modf(x)[1]
np.divmod(x, 0.3)[0]
scipy.special.expit(x) - scipy.special.xlogy(abs(v), abs(v))
np.real(x) + np.imag(x * 1j) + np.angle(x + 1j)
np.sinc(x) + np.nan_to_num(x, nan=1.0) + np.i0(x)
np.round(x, 1) + np.around(x) + np.fix(x)
np.isclose(x, v) | np.iscomplex(x) | np.isreal(v) | np.isposinf(x) | np.isneginf(x)
np.zeros_like(x) + np.ones_like(v) + np.full_like(x, 2.0) + np.copy(x)
np.full_like(x, s)
np.where(mask, x, v) + np.where(x > 0, s, 1.0)
np.clip(x, -0.5, 0.5) + np.clip(x, None, v) + x.clip(s)
np.clip(x, min=-0.5, max=v)
np.reshape(x, (np.shape(x)[1], np.size(v) - 1)) * np.ndim(x)
x * np.iscomplexobj(x) + np.zeros(3, np.result_type(x, v))
np.sum(x) + np.sum(x, axis=0) + np.sum(x, axis=-1, keepdims=True)
np.sum(s) + np.max(s) + np.mean(s)
np.prod(x, axis=(0, 1)) + np.mean(x, axis=1, keepdims=True)
np.max(x, axis=0) - np.min(x, axis=-1)[:, None] + np.amax(x) + np.amin(x)
np.std(x) + np.var(x, axis=0) + np.std(x, axis=1, ddof=1, keepdims=True)
np.any(mask, axis=0) & np.all(mask, axis=-1)[:, None]
np.count_nonzero(mask, axis=0) + np.count_nonzero(mask)
np.nansum(x, axis=0) + np.nanmean(x) + np.nanmax(x, axis=0) + np.nanmin(x)
np.median(x, axis=0) + np.ptp(x, axis=1)[:, None]
np.argmax(x) + np.argmin(x, axis=0) + x.argmax(axis=-1)[:, None]
np.cumsum(x) + np.cumsum(x, axis=0).ravel()
np.cumprod(x, axis=-1) + np.cumprod(v)
np.sort(x) + np.sort(x, axis=0) + np.sort(x, axis=None).reshape(2, 3)
np.argsort(x, axis=0) + np.argsort(x) + x.argsort(axis=None).reshape(2, 3)
np.diff(x) @ np.ones(2) + np.diff(x, axis=0)[0, :2]
np.flip(x) + np.flip(x, 0) + np.flip(x, axis=(0, -1))
np.roll(x, 1) + np.roll(x, 1, axis=0) + np.roll(x, (1, 2), axis=(0, 1))
np.repeat(x, 2) + np.repeat(x, 2, axis=0).ravel() + x.repeat(2, axis=-1).ravel()
np.reshape(x, -1) + x.reshape(6) + x.reshape((3, 2)).reshape(1, -1) + np.ravel(x) + x.flatten()
np.transpose(x) + x.T + x.transpose() + x.transpose(1, 0) + np.permute_dims(x, (1, 0)) + x.mT
np.transpose(c, (2, 0, -2)) + np.moveaxis(c, 0, 1) + np.moveaxis(c, (0, 1), (-2, -1))
np.swapaxes(c, 0, -1)[:, 0] + np.matrix_transpose(x)
np.expand_dims(x, 1) + np.expand_dims(x, -1) + np.expand_dims(v, (0, 2))
np.squeeze(x[:1]) + np.squeeze(x[:, None], 1) + x[:, None, :].squeeze(axis=-2) + s.squeeze()
np.broadcast_to(v, (2, 3)) + np.broadcast_to(s, (2, 1)) + np.broadcast_to(x, (1, 2, 3))
np.diagonal(c) + np.diagonal(m)[:, None] + np.diagonal(c, 1, 1, 2)[0, :] + m.diagonal()[:, None]
np.trace(m) + np.trace(c, axis1=1, axis2=2) + m.trace(1)
np.tril(m) + np.triu(m, 1) + np.tril(c, -1)
np.linalg.det(m) + np.linalg.det(m[:2, :2]) + np.linalg.slogdet(m).logabsdet
np.linalg.inv(m) + np.linalg.cholesky(m)
np.linalg.eigvalsh(m) + np.linalg.eigh(m)[0]
np.linalg.solve(m, v) + np.linalg.solve(m, x.T)[:, 0]
np.linalg.norm(x) + np.linalg.norm(v, 1) + np.linalg.norm(x, axis=0) + np.linalg.norm(x, 1, axis=(0, 1))
np.concatenate([x, v[None], np.ones((1, 3))]) * 2
np.concatenate([x, x], axis=-1) + np.concat((x, x), axis=1)
np.concatenate([v, x], axis=None)
np.stack([v, v * s, np.ones(3)]) + np.stack((v, v, v), axis=-1)
np.stack(x) + np.concatenate(x)[0]
np.hstack([v, np.ones(2), s]) * np.hstack([s, x[0], v[:2]])
np.hstack([x, x * s]) + np.vstack([v, s * x[0]])[:, :1]
np.matmul(x, v) + x @ m @ v + np.matmul(v, m)[:2]
v @ v + v @ m @ v
x @ m + (c @ m)[0, :2] + (c @ c)[1, 1:] + (c @ v)[:, :]
v @ c + (m @ c)[:, 0] + np.matmul(x, c)[0, :1]
np.dot(x, v)[0] + np.dot(s, x) + np.dot(v, v) + np.dot(x, m) + x.dot(v)[1] + np.dot(c, v)[0]
np.inner(v, v) + np.inner(x, v)[0] + np.inner(x, m) + np.inner(s, x)
np.outer(v, v) + np.outer(x[0], x[1]) + np.outer(v, s)
np.einsum("ij,j->i", x, v) + np.einsum("ij,jk,k", x, m, v)
np.einsum("ji", x) + np.einsum("ij->j", x)[:, None] + np.einsum("...i,i->...", c, v).T
np.einsum("ij,ij", x, x) + np.einsum("ii", m) + np.einsum("aij,aij->", c, c, optimize=True)
x[0] + x[-1, :] + x[..., 0, None] + x[1][None]
x[:, ::-1] + x[:, 1:2] + x[::-1][np.int64(0)]
x[[0, 1], [2, 0]] + x[:, [0, 2]] + x[[1, 0]][:, 1]
c[0, [0, 2]] + c[:, [0, 1, 1], 2] + c[1, :2][:, [0, 1, 0]]
x[:, np.array([True, False, True])] + c[:, np.ones((3, 3), bool)][:, :2]
v[i] + x[i][:, 0] + c[i][:, 0, 0]
m[j]
np.take(x, [0, 1]) + np.take(x, [1, 0], axis=0)[:, 0] + x.take([0, 1], axis=-1)
np.take(v, i) + np.take(x, i, axis=0)[:, 0] + v.take(i)
np.take_along_axis(x, j, axis=1) + np.take_along_axis(x, j, -1)
sum(x) + sum(a * b for a, b in zip(x, x.T.T))[0]
len(x) * x.ndim * x.size * (x.dtype == np.float64) * x.real + x.imag
x.sum() + x.mean(axis=0) + x.max(axis=0) + x.min() + x.std() + x.var() + x.prod(axis=0) + x.round(1)
(mask.any() | mask.all(axis=0)) * x.cumsum(axis=0) * x.cumprod(axis=0) * x.conj() * x.conjugate() * x.copy()
np.take(m, 1, axis=0) + v.astype(np.float32) + x.swapaxes(0, 1)[:, 0]
(np.sin(x), {"a": v * s, "b": [x @ v, s]}, mask)
(x, 3.0, [np.arange(2)], s > 0)
""".strip().split("\n")  # fmt: skip


# Of these, what all examples share would have to take a stand-in, as a method of arrays or in what does not dispatch.
OF_ONE_KIND = ("v[i]", "m[j]", "np.take(v, i)", "np.full_like(x, s)", "np.dot(x, v)", "np.clip(x, -0.5")


def example_batch(seed: int = 0, count: int = COUNT) -> dict[str, Any]:
    """Return the arguments of `CASES`, with one more axis in front."""
    rng = np.random.default_rng(seed)
    batch: dict[str, Any] = {name: rng.normal(size=(count, *shape)) for name, shape in SHAPES.items()}
    batch["m"] = batch["m"] @ np.swapaxes(batch["m"], 1, 2) + 3 * np.eye(3)
    batch["i"], batch["j"] = rng.integers(-2, 2, (count, 2)), rng.integers(0, 3, (count, 2, 3))
    batch["mask"] = rng.random((count, 2, 3)) > 0.4
    return batch


def of_text(text: str) -> Any:
    """Return a case as a function."""
    return eval(f"lambda {', '.join(SHAPES)}: {text}", {"np": np, "scipy": scipy})


def used(text: str) -> list[str]:
    """Return the names of the arguments that a case reads."""
    code = of_text(text).__code__
    loads = {instruction.argval for instruction in instructions(code)}
    return [name for name in SHAPES if name in loads]


def instructions(code: Any) -> Any:

    yield from dis.get_instructions(code)
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            yield from instructions(constant)


def looped(f: Any, args: Any, in_axes: Any, out_axis: int = 0) -> Any:
    """Return what a loop over the examples gives, in plain Python."""
    count = next(np.shape(x)[axis] for x, axis in zip(args, in_axes, strict=True) if axis is not None)
    outputs = [
        f(*(x if axis is None else np.moveaxis(x, axis, 0)[k, ...] for x, axis in zip(args, in_axes, strict=True)))
        for k in range(count)
    ]
    stack: Any = np.stack
    columns = zip(*map(leaves_of, outputs), strict=True)
    return tree_of(outputs[0], [stack(column, out_axis) for column in columns])


def same(actual: Any, desired: Any, rtol: float = 1e-9) -> None:
    assert tree_of(actual, [None] * len(list(leaves_of(actual)))) == tree_of(
        desired, [None] * len(list(leaves_of(desired)))
    )
    for a, b in zip(leaves_of(actual), leaves_of(desired), strict=True):
        assert type(a) is type(b)
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        a, b = (t.data if isinstance(t, Tensor) else t for t in (a, b))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9)


class TestRules:
    def test_every_rule_is_in_a_case(self) -> None:
        text = "\n".join(CASES)
        names = {name_of(f) for f in RULES if callable(f)}
        assert len(names) > 60
        assert not [name for name in names if f"{name}(" not in text]

    @pytest.mark.parametrize("text", CASES)
    @settings(max_examples=max(3, settings.default.max_examples // 5))
    @given(data=st.data())
    def test_at_once_is_the_loop(self, text: str, data: Any) -> None:
        f, names = of_text(text), used(text)
        batch = example_batch(data.draw(st.integers(0, 9)))
        mapped = data.draw(st.sets(st.sampled_from(names), min_size=1))
        if text.startswith(OF_ONE_KIND):
            mapped |= set(names)
        args: list[Any] = []
        in_axes: list[Any] = []
        for name in SHAPES:
            x, axis = batch[name][0], None
            if name in mapped:
                axis = data.draw(st.integers(0, x.ndim))
                x = np.moveaxis(batch[name], 0, axis)
                axis = data.draw(st.sampled_from([axis, axis - x.ndim]))
            args.append(x)
            in_axes.append(axis)
        same(vmap(f, tuple(in_axes))(*args), looped(f, args, in_axes))
        tensors = [Tensor(x, requires_grad=True) if x.dtype.kind == "f" else x for x in args]
        if data.draw(st.booleans()) and not without_gradient(text):
            self.check_gradients(f, tensors, in_axes)

    def check_gradients(self, f: Any, args: Any, in_axes: Any) -> None:
        places = [k for k, x in enumerate(args) if isinstance(x, Tensor)]

        def total(compute: Any) -> Any:
            def of(*values: Any) -> Any:
                given = list(args)
                for k, value in zip(places, values, strict=True):
                    given[k] = value
                floats = [y for y in leaves_of(compute(given)) if isinstance(y, Tensor)]
                return sum(np.sum(np.cos(np.arange(y.size)).reshape(y.shape) * y) for y in floats) + 0.0

            return grad(autograd_np.transforms.may_be_constant(of), range(len(places)))

        plain = [args[k].data for k in places]
        found = total(lambda given: vmap(f, tuple(in_axes))(*given))(*plain)
        wanted = total(lambda given: looped(f, given, in_axes))(*plain)
        for g, h in zip(found, wanted, strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-8, atol=1e-8)


def without_gradient(text: str) -> bool:
    """Tell whether a case has functions that tensors are kept from."""
    return any(
        word in text for word in ("np.isclose", "np.i0", "np.fix", "np.result_type", "np.nanm", "np.median", "dtype=")
    )


# -- random programs ---------------------------------------------------------------------------------------------------

# Of an array of any shape, given v and W that may be another for each example.
STEPS = """
np.tanh(a)
a * s + np.sum(v)
a.T
a[..., None] * v
a[None] if a.ndim < 3 else a[0]
a[::-1] if a.ndim else a
np.sum(a, axis=-1) if a.ndim else a
np.max(a, axis=0, keepdims=True) if a.ndim else -a
np.mean(a)
np.reshape(a, -1)
np.reshape(a, (-1, 1)) @ np.ones((1, 2))
np.stack([a, a * 2.0], axis=-1) if a.ndim < 3 else a
np.concatenate([a, np.sin(a)], axis=-1) if a.ndim else np.cos(a)
np.concatenate([np.ravel(a)[:2], v])
np.sort(a, axis=0) if a.ndim else a
np.cumsum(a, axis=-1) if a.ndim else a
np.where(a > 0.1, a, 0.5 * a)
np.clip(a, -1.0, np.max(v))
np.moveaxis(a, 0, -1) if a.ndim else a
np.expand_dims(a, -1) if a.ndim < 3 else np.squeeze(a[:1], 0)
W @ np.ravel(np.stack([np.sum(a), np.min(a), s]))
np.outer(np.ravel(a)[:2], v)
np.einsum("...,i->i...", a, v) if a.ndim < 3 else np.einsum("ijk->k", a) if a.ndim == 3 else a.sum(axis=0)
np.dot(v, v) * a
np.broadcast_to(a, (2, *a.shape)) if a.ndim < 3 else a[..., 0]
a[[0, -1]] if a.ndim else a
np.linalg.norm(a) + a
np.swapaxes(a, 0, -1) if a.ndim else a
np.take(a, [0], axis=-1) if a.ndim else a
np.roll(a, 1) * np.std(a)
""".strip().split("\n")
programs = st.lists(st.sampled_from(STEPS), min_size=1, max_size=6)


def program(steps: list[str]) -> Any:
    codes = [eval(f"lambda a, v, W, s: {step}", {"np": np}) for step in steps]

    def f(a: Any, v: Any, W: Any, s: Any) -> Any:
        for code in codes:
            a = code(a, v, W, s)
        return a

    return f


def program_arguments(data: Any) -> tuple[list[Any], list[Any]]:
    """Draw the arguments of a program, and along which axis each of them is mapped."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    count = data.draw(st.integers(1, 3))
    shapes = [data.draw(st.sampled_from([(), (1,), (3,), (2, 3)])), (3,), (2, 3), ()]
    mapped = data.draw(st.lists(st.booleans(), min_size=4, max_size=4).filter(any))
    args, in_axes = [], []
    for shape, is_mapped in zip(shapes, mapped, strict=True):
        axis = data.draw(st.integers(0, len(shape))) if is_mapped else None
        full = shape if axis is None else (*shape[:axis], count, *shape[axis:])
        args.append(rng.normal(size=full) if full else np.float64(rng.normal()))
        in_axes.append(axis)
    return args, in_axes


@given(steps=programs, data=st.data())
def test_random_programs_at_once_are_the_loop(steps: list[str], data: Any) -> None:
    f = program(steps)
    args, in_axes = program_arguments(data)
    expected = looped(f, args, in_axes)
    out_axis = data.draw(st.integers(-expected.ndim, expected.ndim - 1))
    mapped = vmap(f, tuple(in_axes), out_axis)
    np.testing.assert_allclose(mapped(*args), np.moveaxis(expected, 0, out_axis), rtol=1e-9, atol=1e-12)
    weights = np.cos(np.arange(expected.size)).reshape(expected.shape)

    def total(*args: Any) -> Any:
        return np.sum(weights * vmap(f, tuple(in_axes))(*args))

    def total_of_loop(*args: Any) -> Any:
        return np.sum(weights * looped(f, args, in_axes))

    for transform in (grad, grad_of_grad):
        found = transform(autograd_np.transforms.may_be_constant(total), range(4))(*args)
        wanted = transform(autograd_np.transforms.may_be_constant(total_of_loop), range(4))(*args)
        for g, h in zip(found, wanted, strict=True):
            np.testing.assert_allclose(g, h, rtol=1e-7, atol=1e-7 * max(1.0, np.max(np.abs(h), initial=0)))


def grad_of_grad(f: Any, argnums: Any) -> Any:
    def total(*args: Any) -> Any:
        return sum(np.sum(np.sin(g)) for g in grad(f, argnums)(*args)) + 0.0

    return grad(autograd_np.transforms.may_be_constant(total), argnums)


@given(steps=programs, data=st.data())
def test_derivatives_of_each_example_at_once_are_those_in_a_loop(steps: list[str], data: Any) -> None:
    f = program(steps)
    args, in_axes = program_arguments(data)
    argnums = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=2, unique=True))

    def scalar(*args: Any) -> Any:
        return np.sum(np.sin(f(*args)))

    scalar = autograd_np.transforms.may_be_constant(scalar)
    maybe_constant = autograd_np.transforms.may_be_constant(f)
    for derivative in (grad(scalar, argnums), jacobian(maybe_constant, argnums), value_and_grad(scalar, argnums[0])):
        found, wanted = vmap(derivative, tuple(in_axes))(*args), looped(derivative, args, in_axes)
        for g, h in zip(leaves_of(found), leaves_of(wanted), strict=True):
            assert g.shape == h.shape
            np.testing.assert_allclose(g, h, rtol=1e-7, atol=1e-7 * max(1.0, np.max(np.abs(h), initial=0)))


# -- transforms inside and around --------------------------------------------------------------------------------------

RNG = np.random.default_rng(5)
XS, YS, WS, TS = RNG.normal(size=(4, 3)), RNG.normal(size=(4, 2)), RNG.normal(size=(2, 3)), RNG.normal(size=4)


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.sum((np.tanh(w @ x) - y) ** 2)


def in_a_loop(reason: str = "") -> Any:
    """Expect the warning that examples are computed in a loop."""
    return pytest.warns(VmapLoopWarning, match=rf"^vmap\(.*\): called for each of \d+ examples in turn, since {reason}")


class TestTransforms:
    """Derivatives inside of vmap are those of each example, and those of what vmap computes are right."""

    expected = np.stack([grad(loss)(WS, x, y) for x, y in zip(XS, YS, strict=True)])

    def test_gradients_of_each_example(self) -> None:
        found = vmap(grad(loss), (None, 0, 0))(WS, XS, YS)
        assert type(found) is np.ndarray
        np.testing.assert_allclose(found, self.expected)
        value, found = vmap(value_and_grad(loss), (None, 0, 0), (0, -1))(WS, XS, YS)
        np.testing.assert_allclose(found, np.moveaxis(self.expected, 0, -1))
        np.testing.assert_allclose(value, [loss(WS, x, y) for x, y in zip(XS, YS, strict=True)])

    def test_the_gradient_of_the_mean_is_the_mean_of_the_gradients(self) -> None:
        whole = grad(lambda w: np.mean(vmap(loss, (None, 0, 0))(w, XS, YS)))(WS)
        np.testing.assert_allclose(whole, self.expected.mean(0))
        closed_over = grad(lambda w: np.mean(vmap(lambda x, y: loss(w, x, y))(XS, YS)))(WS)
        np.testing.assert_allclose(closed_over, self.expected.mean(0))
        w = Tensor(WS, requires_grad=True)
        vmap(lambda x, y: loss(w, x, y))(XS, YS).mean().backward()
        np.testing.assert_allclose(w.grad, self.expected.mean(0))

    def test_second_derivatives_of_each_example(self) -> None:
        wanted = np.stack([hessian(loss, 1)(WS, x, y) for x, y in zip(XS, YS, strict=True)])
        np.testing.assert_allclose(vmap(hessian(loss, 1), (None, 0, 0))(WS, XS, YS), wanted)
        np.testing.assert_allclose(vmap(grad(grad(lambda t: np.sin(t) * t)))(TS), 2 * np.cos(TS) - np.sin(TS) * TS)
        np.testing.assert_allclose(vmap(elementwise_grad(np.sin))(XS), np.cos(XS))

    def test_aux_of_each_example(self) -> None:
        def f(p: Any, x: Any) -> Any:
            return np.sum(p["a"] * x), {"more": [p["a"] - x, 2.0], "p": p}

        found, aux = vmap(grad(f, has_aux=True), ({"a": None}, 0))({"a": 3.0}, XS)
        np.testing.assert_allclose(found["a"], XS.sum(1))
        np.testing.assert_allclose(aux["more"][0], 3.0 - XS)
        np.testing.assert_array_equal(aux["more"][1], [2.0] * 4)
        np.testing.assert_array_equal(aux["p"]["a"], [3.0] * 4)
        of_all, aux = vmap(jacobian(lambda x: ({"y": x * x, "n": 1.0}, x), has_aux=True))(XS)
        np.testing.assert_allclose(of_all["y"], np.stack([np.diag(2 * x) for x in XS]))
        np.testing.assert_array_equal(of_all["n"], np.zeros((4, 3)))
        np.testing.assert_array_equal(aux, XS)

    def test_what_closes_over_a_tape_and_over_an_example(self) -> None:
        w = Tensor(2.0, requires_grad=True)
        np.sum(vmap(grad(lambda x: np.sum(np.sin(w * x))))(XS)).backward()
        np.testing.assert_allclose(w.grad, np.sum(np.cos(2 * XS) - 2 * XS * np.sin(2 * XS)))
        for derivative in (
            lambda x: grad(lambda w: np.sum(w @ x))(WS),
            lambda x: jacobian(lambda w: np.sum(w @ x))(WS),
            lambda x: vjp(lambda w: np.sum(w @ x), WS)[1](1.0)[0],
            lambda x: jvp(lambda w: w @ x, (WS,), (WS,))[1],
            lambda x: hvp(lambda v: np.sum(v**3 * x), (x,), (x,)),
            lambda x: vjp(np.sin, x)[1](x)[0],
            lambda x: vjp(np.sin, TS[:3])[1](x)[0],
            lambda x: jvp(np.sin, (TS[:3],), (x,))[1],
        ):
            with in_a_loop():
                found = vmap(derivative)(XS)
            np.testing.assert_allclose(found, looped(derivative, [XS], [0]))

    def test_inside_one_another(self) -> None:
        np.testing.assert_allclose(vmap(vmap(np.multiply, (None, 0)), (0, None))(TS, XS[0]), np.outer(TS, XS[0]))
        np.testing.assert_allclose(vmap(lambda a: vmap(lambda b: a * b)(XS[0]))(TS), np.outer(TS, XS[0]))
        np.testing.assert_allclose(vmap(vmap(grad(np.sin)))(XS), np.cos(XS))
        pairs = vmap(lambda x: vmap(lambda z: np.sum((x - z) ** 2))(XS))(XS)
        np.testing.assert_allclose(pairs, np.sum((XS[:, None] - XS) ** 2, axis=-1))
        wanted = np.stack([[jacobian(np.tanh)(a * b) for b in YS] for a in YS])
        found = vmap(lambda a: vmap(lambda b: jacobian(np.tanh)(a * b))(YS))(YS)
        np.testing.assert_allclose(found, wanted)

    def test_a_loop_inside_and_around(self) -> None:
        with in_a_loop(r"bool\(x\)"):
            inner = vmap(lambda x: vmap(lambda t: t if t > 0 else -t)(x))(XS)
        np.testing.assert_array_equal(inner, np.abs(XS))
        with in_a_loop(r"bool\(x\)"):
            outer = vmap(lambda t: vmap(lambda b: b * t if t > 0 else -b)(XS[0]))(TS)
        np.testing.assert_allclose(outer, np.stack([XS[0] * t if t > 0 else -XS[0] for t in TS]))
        with in_a_loop():
            g = grad(lambda x: np.sum(vmap(lambda t: t * t if t > 0 else -t)(x)))(TS)
        np.testing.assert_allclose(g, np.where(TS > 0, 2 * TS, -1.0))

    def test_compiled(self) -> None:
        compiled = compile(lambda w, x, y: vmap(grad(loss), (None, 0, 0))(w, x, y))
        closing = compile(grad(lambda w: np.mean(vmap(lambda x, y: loss(w, x, y))(XS, YS))))
        for step in range(1, 5):
            eager = vmap(grad(loss), (None, 0, 0))(WS * step, XS, YS)
            np.testing.assert_allclose(compiled(WS * step, XS, YS), eager)
            np.testing.assert_allclose(closing(WS * step), eager.mean(0), atol=1e-15)
        inner = compile(lambda x: np.sin(x) * 2)
        for _ in range(3):  # of stand-ins, it is the function that was given
            np.testing.assert_allclose(vmap(inner)(XS), 2 * np.sin(XS))
        assert inner.programs == 0

    def test_flattened(self) -> None:
        found = vmap(lambda x: flatten({"a": x, "b": [x[0]]})[0])
        with in_a_loop():
            np.testing.assert_array_equal(found(XS), np.concatenate([XS, XS[:, :1]], axis=1))


@primitive
def clip_gradient(x: Any, limit: float = 1.0) -> Any:
    return x * 1.0


defvjp(clip_gradient, lambda g, _y, _x, limit=1.0: np.clip(g, -limit, limit))


class TestDerivativesOfOnesOwn:
    """A primitive computes with NumPy, which has rules: its own derivative must count all the same."""

    @pytest.mark.parametrize(
        "f",
        [
            lambda x: 5 * clip_gradient(x),
            lambda x: 5 * clip_gradient(x, limit=1.0),
            lambda x: 5 * clip_gradient(x * Tensor(1.0)),
        ],
    )
    def test_they_count(self, f: Any) -> None:
        with in_a_loop("clip_gradient has no batching rule|np.asarray"):
            np.testing.assert_array_equal(grad(lambda x: np.sum(vmap(f)(x)))(TS), np.ones(4))
        with in_a_loop("clip_gradient has no batching rule|np.asarray"):
            found = vmap(grad(f))(TS)
        np.testing.assert_array_equal(found.data if isinstance(found, Tensor) else found, np.ones(4))

    def test_beside_a_tensor(self) -> None:
        @primitive
        def product(x: Any, y: Any) -> Any:
            return x * y

        defvjp(product, lambda g, _y, _a, b: 100 * g * b, lambda g, _y, a, _b: 100 * g * a)
        w = Tensor(2.0, requires_grad=True)
        with in_a_loop():
            np.sum(vmap(lambda x: product(w, x))(TS)).backward()
        np.testing.assert_allclose(w.grad, 100 * TS.sum())


# -- in a loop ---------------------------------------------------------------------------------------------------------


def unpacked(x: Any) -> Any:
    try:
        return x if x[0] > 0 else -x
    except Exception:  # what a stand-in raises
        return 0 * x


def filled(x: Any) -> Any:
    y = np.zeros_like(x)
    y[0] = x[1]
    return y


def counted(x: Any) -> Any:
    y = x * 1
    y += 1
    return y


LOOPS: dict[str, tuple[Any, str]] = {
    "if": (lambda x: x if x[0] > 0 else -x, r"bool\(x\), or `if`"),
    "and": (lambda x: (x[0] and x[1]) * x, r"bool\(x\)"),
    "caught": (unpacked, r"bool\(x\)"),
    "float": (lambda x: x * float(x[0]), r"float\(x\)"),
    "int": (lambda x: x * int(x[0]), r"int\(x\)"),
    "round": (lambda x: x * round(float(x[0])), r"float\(x\)"),
    "item": (lambda x: x * x[0].item(), r"an example is asked for \.item"),
    "tolist": (lambda x: np.array(x.tolist()), r"an example is asked for \.tolist"),
    "hasattr": (lambda x: x if hasattr(x, "flags") else -x, r"an example is asked for \.flags"),
    "isinstance": (lambda x: x if isinstance(x, np.ndarray) else -x, r"isinstance\(x, \.\.\.\)"),
    "format": (lambda x: x * float(f"{x[0]:.3f}"), r"for all at once it raises TypeError"),
    "builtin max": (lambda x: max(x) * x, r"bool\(x\)"),
    "sorted": (lambda x: np.stack(sorted(x)), r"bool\(x\)"),
    "in": (lambda x: x * (0.0 in x), r"`in` asks"),
    "index": (lambda x: XS[np.argmax(x)], "an index, or a count, asks"),
    "indices": (lambda x: XS[np.argsort(x)], "an index, or a count, asks"),
    "mask": (lambda x: np.sum(x[x > 0]), r"x\[index\] has no batching rule for this call"),
    "apart": (lambda x: np.ones((2, 3, 2))[0, :, [0, 1]] * x, ""),
    "range": (lambda x: sum(range(np.argmax(x))) * x, "an index, or a count, asks"),
    "asarray": (lambda x: np.asarray(x) * 2, r"np\.asarray\(x\)"),
    "array of elements": (lambda x: np.array([x[0], x[1]]), r"np\.asarray\(x\)"),
    "into an array": (lambda x: [np.zeros(3).__setitem__(0, x[0]), x][1], r"float\(x\)|np\.asarray"),
    "written": (filled, "it writes into an example"),
    "in place": (counted, "np.add with out= has no batching rule"),
    "out=": (lambda x: np.add(x, 1, out=np.empty(3)), "np.add with out= has no batching rule"),
    "where=": (lambda x: np.sum(x, where=x > 0), "np.sum has no batching rule for this call"),
    "reduce": (lambda x: np.add.reduce(x), "np.add.reduce has no batching rule"),
    "no rule": (lambda x: np.unique(np.sort(x)), "np.unique has no batching rule"),
    "no rule of matrices": (lambda x: np.linalg.eigvals(np.outer(x, x)).real, r"np\.linalg\.eigvals has no batching"),
    "function of SciPy's": (lambda x: scipy.special.logsumexp(x), ""),
    "vectorize": (np.vectorize(lambda t: t * 2), r"np\.asarray"),
    "math": (lambda x: np.stack([abs(complex(t)) for t in x]), r"complex\(x\)"),
}  # fmt: skip


class TestLoops:
    @pytest.mark.parametrize("name", [name for name in LOOPS if name != "apart"])
    def test_what_asks_an_example_is_computed_in_a_loop(self, name: str) -> None:
        f, reason = LOOPS[name]
        with in_a_loop(reason) as caught:
            found = vmap(f)(XS)
        np.testing.assert_allclose(found, looped(f, [XS], [0]))
        assert caught[0].filename == __file__

    def test_indices_apart_from_one_another(self) -> None:
        cs = RNG.normal(size=(4, 2, 3, 3))
        with in_a_loop(r"x\[index\]"):
            found = vmap(lambda c: c[0, :, [0, 2]])(cs)
        np.testing.assert_array_equal(found, np.stack([c[0, :, [0, 2]] for c in cs]))
        with in_a_loop(r"x\[index\]"):
            np.testing.assert_array_equal(vmap(lambda x: x[True])(XS), XS[:, None])

    def test_on_tensors(self) -> None:
        x = Tensor(XS, requires_grad=True)
        with in_a_loop():
            y = vmap(lambda x: x * x if x[0] > 0 else -x)(x)
        y.sum().backward()
        np.testing.assert_allclose(x.grad, np.stack([2 * x if x[0] > 0 else -np.ones(3) for x in XS]))

    def test_arguments_are_not_written(self) -> None:
        x = XS.copy()
        for f in (lambda x: x.__setitem__(0, 1.0), lambda x: np.add(x, 1, out=x)):
            with pytest.raises(ValueError, match="read-only"):
                vmap(f)(x)
        np.testing.assert_array_equal(x, XS)
        x[0, 0] = 1.0  # it is the caller's again

    def test_the_error_is_that_of_one_example(self) -> None:
        with pytest.raises(ValueError, match=r"size 5 is different from 3"):
            vmap(lambda x: x @ np.ones(5))(XS)
        with pytest.raises(IndexError, match="out of bounds for axis 0 with size 3"):
            vmap(lambda x: x[3])(XS)
        with pytest.raises(np.exceptions.AxisError, match="out of bounds for array of dimension 1"):
            vmap(lambda x: np.sum(x, axis=1))(XS)
        with pytest.raises(ValueError, match="must return a scalar"):
            vmap(grad(lambda x: x * 2))(XS)
        with pytest.raises(ValueError, match="twice"):
            vmap(grad(loss, (0, 0)), (None, 0, 0))(WS, XS, YS)


def test_a_stand_in_does_not_outlive_its_run() -> None:
    kept: list[Any] = []
    vmap(lambda x: kept.append(x) or x)(XS)
    for use in (
        lambda: kept[0] + 1,
        lambda: vmap(lambda x: x * kept[0])(XS),
        lambda: kept[0][0],
        lambda: np.sum(kept[0]),
    ):
        with pytest.raises(RuntimeError, match="a stand-in was kept from a run of vmap that is over"):
            use()


def test_copies_of_stand_ins() -> None:
    np.testing.assert_array_equal(vmap(lambda x: copy.copy(x) * copy.deepcopy(x))(XS), XS * XS)


# -- axes, structures, kinds -------------------------------------------------------------------------------------------


class TestAxes:
    def test_nested_as_jax_nests_them(self) -> None:
        p = {"a": XS, "b": (1.5, YS.T)}

        def f(p: Any, t: Any) -> Any:
            return {"y": p["a"] * p["b"][0], "z": [np.sum(p["b"][1]) * t]}

        found = vmap(f, ({"a": 0, "b": (None, 1)}, None), {"y": -1, "z": 0})(p, TS)
        np.testing.assert_allclose(found["y"], XS.T * 1.5)
        np.testing.assert_allclose(found["z"][0], np.outer(YS.sum(1), TS))
        found = vmap(f, [{"a": 0, "b": [None, -1]}, 0], {"y": 0, "z": [0]})(p, TS)
        np.testing.assert_allclose(found["z"][0], YS.sum(1) * TS)

    def test_keywords_are_mapped_along_their_first_axis(self) -> None:
        np.testing.assert_allclose(vmap(lambda x, *, t: x * t, in_axes=(None,))(XS, t=TS), XS * TS[:, None, None])
        with pytest.raises(ValueError, match=r"axis 0 of an argument of shape \(\)"):
            vmap(lambda x, *, t: x * t)(XS, t=2.0)

    def test_results_that_are_the_same_for_all(self) -> None:
        found = vmap(lambda x: (x, 3, np.ones(2)), out_axes=(0, 0, 1))(XS)
        np.testing.assert_array_equal(found[1], [3] * 4)
        np.testing.assert_array_equal(found[2], np.ones((2, 4)))
        found = vmap(lambda x: (x, 3.0), out_axes=(0, None))(XS)
        assert found[1] == 3.0
        with pytest.raises(ValueError, match=r"out_axes=None.*no result is known to be the same"):
            vmap(lambda x: x, out_axes=None)(XS)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.longdouble, np.complex64, int, bool])
    def test_dtypes_stay(self, dtype: Any) -> None:
        for xs in (XS.astype(dtype), TS.astype(dtype), np.asfortranarray(XS.astype(dtype)), XS.astype(dtype)[::-2]):
            found = vmap(lambda x: (x, x * x, np.sum(x), x + x[..., None]))(xs)
            for y, z in zip(found, looped(lambda x: (x, x * x, np.sum(x), x + x[..., None]), [xs], [0]), strict=True):
                assert y.dtype == z.dtype
                np.testing.assert_allclose(y, z, rtol=1e-2 if dtype is np.float16 else 1e-6)

    def test_no_memory_is_shared(self) -> None:
        for f in (lambda x: x, lambda x: x[::-1], lambda x: x.T, np.positive):
            found = vmap(f)(XS)
            assert not np.shares_memory(found, XS)
            assert found.flags.writeable
        shared = np.ones(3)
        assert not np.shares_memory(vmap(lambda x: shared)(XS), shared)

    def test_no_examples(self) -> None:
        assert vmap(lambda x: np.sum(x) * np.ones(2))(np.zeros((0, 3))).shape == (0, 2)
        with pytest.raises(ValueError, match="there are no examples"):
            vmap(lambda x: x if x[0] > 0 else -x)(np.zeros((0, 3)))

    def test_inside_no_grad(self) -> None:
        with no_grad():
            np.testing.assert_allclose(vmap(grad(np.sin))(TS), np.cos(TS))
            assert not vmap(np.sin)(Tensor(TS, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: vmap(3), TypeError, r"vmap: takes a function and returns one"),
        (lambda: vmap(np.sin, 1.0), TypeError, r"vmap: in_axes=1\.0; give an int, None, or a tuple"),
        (lambda: vmap(np.sin, True), TypeError, r"vmap: in_axes=True; give an int"),
        (lambda: vmap(np.sin, {"a": 0}), TypeError, r"vmap: in_axes=\{'a': 0\}; give an int, None, or a tuple"),
        (lambda: vmap(np.add, (0,))(XS, XS), ValueError, r"vmap\(add\): in_axes has 1 entries for 2 arguments"),
        (lambda: vmap(np.sin, None)(XS), ValueError, r"vmap\(sin\): no argument to map over"),
        (lambda: vmap(lambda: 1.0)(), ValueError, r"no argument to map over"),
        (lambda: vmap(np.sin, 2)(XS), ValueError, r"vmap\(sin\): axis 2 of an argument of shape \(4, 3\)"),
        (lambda: vmap(np.sin, -3)(XS), ValueError, r"axis -3 of an argument of shape \(4, 3\)"),
        (lambda: vmap(np.sin)(1.0), ValueError, r"axis 0 of an argument of shape \(\)"),
        (lambda: vmap(np.add)(XS, YS[:2]), ValueError, r"vmap\(add\): axes of lengths \[2, 4\] for the examples"),
        (lambda: vmap(lambda p: p, ({"a": 0},))({"b": XS}), ValueError, r"in_axes has \{'a': 0\} for a dict"),
        (lambda: vmap(lambda p: p, ((0, 0),))([XS]), ValueError, r"in_axes has \(0, 0\) for a list"),
        (lambda: vmap(lambda p: p, ("a",))(XS), ValueError, r"in_axes has 'a' for a ndarray"),
        (lambda: vmap(lambda x: x, 0, (0, 0))(XS), ValueError, r"out_axes has \(0, 0\) for a ndarray"),
        (lambda: vmap(lambda x: x, 0, 2)(XS), np.exceptions.AxisError, r"axis 2 is out of bounds"),
        (lambda: vmap(lambda x: "a")(XS), TypeError, r"must return arrays, not a str"),
        (lambda: vmap(lambda x: (x, None))(XS), TypeError, r"must return arrays, not a NoneType"),
        (lambda: vmap(lambda x: object())(XS), TypeError, r"vmap\(<lambda>\): a result"),
        (lambda: vmap(lambda x: x[x > 0])(XS[:2]), ValueError, r"the results of examples have shapes \(0,\), \(3,\)"),
        (lambda: vmap(lambda x: [x] if x[0] > 0 else (x, x))(XS), ValueError, r"nested in different ways"),
        (lambda: vmap(lambda x: x)(np.ma.masked_array(XS)), TypeError, r"MaskedArray; its mask would be lost"),
        (lambda: vmap(lambda x: x)(np.array(["a"])), TypeError, r"vmap\(<lambda>\): an argument"),
    ],
)  # fmt: skip
def test_wrong_calls_say_what_is_wrong(call: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
