"""Products of vectors and matrices."""

from __future__ import annotations

from typing import Any

from nn.onnx.formulas.reductions import axes_of, reduce
from nn.onnx.formulas.shaping import transposed, unsqueezed
from nn.onnx.formulas.table import formula, refuse_unless
from nn.onnx.graph import Handle, cast, ints, op

__all__: list[str] = []


def _both(y: Any, a: Any, b: Any) -> tuple[Handle, Handle]:
    like = a if isinstance(a, Handle) else b
    return cast(a, like, y.dtype), cast(b, like, y.dtype)


@formula("np.matmul", "matmul", "np.linalg.matmul")
def _matmul(y: Any, a: Handle, b: Handle) -> Handle:
    return op("MatMul", *_both(y, a, b))


@formula("np.dot")
def _dot(y: Any, a: Any, b: Any) -> Handle:
    left, right = _both(y, a, b)
    if not a.ndim or not b.ndim:
        return left * right
    refuse_unless(b.ndim <= 2, "a product of arrays of three axes and more")
    return op("MatMul", left, right)


@formula("np.vecdot", "np.linalg.vecdot")
def _vecdot(y: Any, a: Handle, b: Handle, axis: int = -1, keepdims: bool = False) -> Handle:
    left, right = _both(y, a, b)
    product = left * right
    product.shape = a.shape if a.ndim >= b.ndim else b.shape
    return reduce("ReduceSum", product, axis, keepdims)


@formula("np.matvec")
def _matvec(y: Any, a: Handle, b: Handle) -> Handle:
    left, right = _both(y, a, b)
    return op("Squeeze", op("MatMul", left, unsqueezed(right, b.ndim)), ints(a, -1))


@formula("np.vecmat")
def _vecmat(y: Any, a: Handle, b: Handle) -> Handle:
    left, right = _both(y, a, b)
    return op("Squeeze", op("MatMul", unsqueezed(left, a.ndim - 1), right), ints(a, -2))


@formula("np.inner")
def _inner(y: Any, a: Handle, b: Handle) -> Handle:
    left, right = _both(y, a, b)
    refuse_unless(0 < b.ndim <= 2 and a.ndim > 0, "a product of arrays of three axes and more")
    return op("MatMul", left, transposed(right, [1, 0]) if b.ndim == 2 else right)


@formula("np.einsum")
def _einsum(y: Any, *arrays: Any, subscripts: str = "", optimize: Any = False, needed: Any = (), **_: Any) -> Handle:
    if isinstance(arrays[0], str):
        subscripts, arrays = arrays[0], arrays[1:]
    inputs = subscripts.replace(" ", "").partition("->")[0].split(",")
    refuse_unless(all(len({*x.replace(".", "")}) == len(x.replace(".", "")) for x in inputs), "a diagonal by np.einsum")
    like = next(x for x in arrays if isinstance(x, Handle))
    return op("Einsum", *(cast(x, like, y.dtype) for x in arrays), equation=subscripts.replace(" ", ""))


@formula("np.tensordot")
def _tensordot(y: Any, a: Handle, b: Handle, axes: Any = 2) -> Handle:
    if isinstance(axes, int):
        axes = [*range(a.ndim - axes, a.ndim)], [*range(axes)]
    left, right = axes_of(a, axes[0]), axes_of(b, axes[1])
    words = iter("abcdefghijklmnopqrstuvwxyz")
    first = [next(words) for _ in range(a.ndim)]
    second = [first[left[right.index(i)]] if i in right else next(words) for i in range(b.ndim)]
    kept = [w for i, w in enumerate(first) if i not in left] + [w for i, w in enumerate(second) if i not in right]
    return _einsum(y, a, b, subscripts=f"{''.join(first)},{''.join(second)}->{''.join(kept)}")


@formula("np.vdot")
def _vdot(y: Any, a: Handle, b: Handle) -> Handle:
    return op("MatMul", *(op("Reshape", x, ints(x, -1)) for x in _both(y, a, b)))


@formula("np.linalg.matrix_power")
def _matrix_power(_y: Any, a: Handle, n: int) -> Handle:
    refuse_unless(n > 0, f"the power {n}")
    product = op("Identity", a)
    for _ in range(n - 1):
        product = op("MatMul", product, a)
    return product


@formula("np.linalg.det")
def _det(_y: Any, a: Handle) -> Handle:
    return op("Det", a)


@formula("linear")
def _linear(y: Any, x: Handle, weight: Handle, bias: Handle | None, by_rows: bool = False) -> Handle:
    """Rows of a matrix have an operator of their own."""
    if x.ndim == 2:
        return op("Gemm", x, weight, bias, transB=1)
    product = op("MatMul", x, op("Transpose", weight, perm=[1, 0]))
    return product if bias is None else product + bias
