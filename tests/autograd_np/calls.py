"""Calls of every function that takes tensors, as people write them, right and wrong ones: what Hypothesis draws.

Arrays have every dtype, both byte orders, every layout in memory, few axes or none, no elements or some, and values
that are often special: NaN, infinities, zeros of both signs, the least and the greatest numbers. A recipe draws the
arguments of a function, or of several that take the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st

from autograd_np.primitives import implementations, name_of, primitives
from autograd_np.testing.layouts import LAYOUTS

Shape = tuple[int, ...]
Arguments = tuple[tuple[Any, ...], dict[str, Any]]


class Call(NamedTuple):
    """A call as it is written.

    Attributes
    ----------
    name : str
        What people write.
    function : callable
        Takes the arguments, and returns what is to be compared.
    args, kwargs
        The arguments.
    writes : bool
        Whether the function writes into the first one.
    """

    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    writes: bool = False

    def __repr__(self) -> str:
        words = [*map(_text, self.args), *(f"{name}={_text(value)}" for name, value in self.kwargs.items())]
        return f"{self.name}({', '.join(words)})"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<{value!r} of {value.dtype.str}, strides {value.strides}>"
    if type(value) in (list, tuple):
        return f"{type(value).__name__}({', '.join(map(_text, value))})"
    return repr(value)


# ---------------------------------------------------------------------------------------------------------------------
# What recipes draw with
# ---------------------------------------------------------------------------------------------------------------------

REAL = ["f8", "f4", "f2", ">f8", np.longdouble]
COMPLEX = ["c16", "c8", ">c16", np.clongdouble]
WHOLE = ["i8", "i4", ">i2", "u1", "u8"]
DTYPES = [*REAL, *WHOLE, *COMPLEX, "?"]
LAPACK = ["f8", "f4", "c16", "c8", "i8", ">f8", "?", "f2", np.longdouble]

SMALL = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, -3.0]
"""Of these, sums of products come out the same in every order."""
SPECIAL = [*SMALL, np.nan, np.inf, -np.inf, -0.0]
POSITIVE = [1.0, 2.0, 0.5, 3.0]
ANY = [*SPECIAL, 0.5, -0.5, 1.5, 0.3, -2.7, 1e-3, 33.3, "least", "greatest", "-greatest"]


def _pool(values: Sequence[Any], dtype: np.dtype[Any]) -> Any:
    """Return the values in a dtype, of complex ones in that of their parts: of whole numbers what they have of them."""
    if dtype.kind in "fc":
        limits = np.finfo(dtype)
        ends = {"least": limits.smallest_subnormal, "greatest": limits.max, "-greatest": -limits.max}
        with np.errstate(over="ignore"):
            return np.array([ends[v] if isinstance(v, str) else limits.dtype.type(v) for v in values])
    info = np.iinfo(dtype) if dtype.kind in "iu" else None
    bounds = {"least": int(info.min), "greatest": int(info.max), "-greatest": int(info.min)} if info else {}
    whole = [bounds.get(v, 1) if isinstance(v, str) else int(v) for v in values if isinstance(v, str) or np.isfinite(v)]
    return np.array([v for v in whole if v >= 0 or dtype.kind == "i"], dtype)


class Pen:
    """Draws parts of calls."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw

    def one_of(self, *values: Any) -> Any:
        return self.draw(st.sampled_from(values))

    def chance(self, percent: int = 50) -> bool:
        return self.draw(st.integers(0, 99)) >= 100 - percent

    def int(self, least: int, greatest: int) -> int:
        return self.draw(st.integers(least, greatest))

    def shape(self, min_dims: int = 0, max_dims: int = 3, min_side: int = 0, max_side: int = 3) -> Shape:
        return tuple(self.int(min_side, max_side) for _ in range(self.int(min_dims, max_dims)))

    def array(
        self, shape: Shape | None = None, dtypes: Sequence[Any] = DTYPES, values: Sequence[Any] = ANY, **sizes: int
    ) -> Any:
        shape = self.shape(**sizes) if shape is None else shape
        dtype = np.dtype(self.draw(st.sampled_from(dtypes)))
        pool = _pool(values, dtype)
        places = hnp.arrays(np.intp, shape, elements=st.integers(0, len(pool) - 1))
        x = np.asarray(pool[self.draw(places)])
        if dtype.kind == "c":  # put together part by part: x + 1j * y would make NaN of infinite parts
            whole = np.empty(shape, dtype.newbyteorder("="))
            whole.real, whole.imag = x, pool[self.draw(places)]
            x = whole
        return LAYOUTS[self.draw(st.sampled_from(list(LAYOUTS)))](np.asarray(x.astype(dtype)))

    def number(self) -> Any:
        return self.one_of(0, 2, 1.5, -1, -2.5, True, 3, 2j)

    def operand(self, shape: Shape | None = None, **options: Any) -> Any:
        """Draw an array, or now and then a Python number or a list."""
        if self.chance(10):
            return self.number()
        x = self.array(shape, **options)
        return x.tolist() if x.size and x.itemsize <= 8 and self.chance(5) else x  # the others have no Python number

    def broadcastable(self, count: int, **options: Any) -> list[Any]:
        """Draw operands whose shapes broadcast, but for one in twenty."""
        whole, operands = self.shape(), []
        for _ in range(count):
            shape = tuple(1 if self.chance(20) else n for n in whole[self.int(0, len(whole)) :])
            operands.append(self.operand(None if self.chance(5) else shape, **options))
        return operands

    def axis(self, x: Any) -> int:
        """Draw an axis of an array, now and then one that there is not."""
        return x.ndim if not x.ndim or self.chance(3) else self.int(-x.ndim, x.ndim - 1)

    def axis_or_none(self, x: Any) -> int | None:
        return None if self.chance(40) else self.axis(x)

    def axes(self, x: Any) -> Any:
        """Draw None, an axis, or several."""
        if not x.ndim or self.chance(20):
            return self.one_of(None, ())
        return self.axis(x) if self.chance(60) else self.several_axes(x)

    def several_axes(self, x: Any) -> tuple[int, ...]:
        chosen = self.draw(st.lists(st.integers(0, x.ndim - 1), unique=True)) if x.ndim else []
        return tuple(i - x.ndim if self.chance(30) else i for i in chosen)

    def length(self, x: Any, axis: int | None) -> int:
        """Return the length of an axis, of the whole array if there is none given, and 1 where it is missing."""
        return x.size if axis is None else x.shape[axis] if -x.ndim <= axis < x.ndim else 1

    def edge(self, x: Any, axis: int | None) -> Shape:
        """Return a shape like that of an array, but of length 2 along an axis."""
        return tuple(2 if i == (axis or 0) % x.ndim else n for i, n in enumerate(x.shape))

    def mask(self, shape: Shape) -> Any:
        return self.array(shape, ["?"])

    def where(self, x: Any) -> Any:
        """Draw which elements to reduce: a mask of the array's shape, or one that broadcasts."""
        shape = x.shape[self.int(0, x.ndim) if self.chance(30) else 0 :]
        return self.flag() if self.chance(10) else self.mask(tuple(1 if self.chance(20) else n for n in shape))

    def dtype(self) -> Any:
        """Draw a dtype of native order: another one is refused by ufuncs, as NumPy does."""
        return self.one_of(*(dtype for dtype in DTYPES if ">" not in str(dtype)), float, int, "float32")

    def flag(self) -> bool:
        return self.chance(50)

    def some(self, **options: Callable[[], Any]) -> dict[str, Any]:
        """Draw some of the keyword arguments."""
        return {name: draw() for name, draw in options.items() if self.chance(30)}


Recipe = Callable[[Pen], Arguments]

RECIPES: dict[Any, Recipe] = {}
"""From a function (or ufunc method, as in the table) to what draws its arguments."""

WRITING: dict[Any, Callable[..., Any]] = {}
"""Functions that write into their first argument, each with one that does so and returns it."""


def of(*functions: Any) -> Callable[[Recipe], Recipe]:
    def register(recipe: Recipe) -> Recipe:
        RECIPES.update(dict.fromkeys(functions, recipe))
        return recipe

    return register


OPTIONS: dict[str, Callable[[Pen, Any], Any]] = {
    "axes": Pen.axes,
    "axis": Pen.axis,
    "axis or None": Pen.axis_or_none,
    "where": Pen.where,
    "dtype": lambda pen, x: pen.dtype(),
    "initial": lambda pen, x: pen.number(),
    "ddof": lambda pen, x: pen.one_of(1, 0, 0.5, 7),
    "correction": lambda pen, x: pen.one_of(1, 2),
    "stable": lambda pen, x: True,
    "k": lambda pen, x: pen.int(-4, 4),
    "offset": lambda pen, x: pen.int(-4, 4),
    "axes=": Pen.axes,
    "axis1": Pen.axis,
    "axis2": Pen.axis,
    "order": lambda pen, x: pen.one_of("K", "C", "F", "A"),
    "decimals": lambda pen, x: pen.int(-2, 2),
    "precision": lambda pen, x: pen.int(0, 3),
    "tol": lambda pen, x: pen.one_of(1, 100, 1e9),
    "N": lambda pen, x: pen.int(0, 4),
    "mode": lambda pen, x: pen.one_of("full", "same", "valid"),
    "shape": lambda pen, x: pen.one_of((2,), 3, ()),
    "posinf": lambda pen, x: pen.one_of(None, 7),
    "neginf": lambda pen, x: pen.one_of(None, 0.0, -1.5),
    "nan": lambda pen, x: pen.one_of(0.0, 5),
}
"""Keyword arguments of functions of one array; those that are not here are true or false."""


def one_array(*functions: Any, options: Sequence[str] = (), **array: Any) -> None:
    """Let functions be drawn that take one array, and options."""

    @of(*functions)
    def _(pen: Pen) -> Arguments:
        x, kwargs = pen.array(**array), {}
        for name in options:
            if pen.chance(30):
                keyword = {"axes": "axis", "axis or None": "axis", "axes=": "axes"}.get(name, name)
                kwargs[keyword] = OPTIONS[name](pen, x) if name in OPTIONS else pen.flag()
        return (x,), kwargs


# ---------------------------------------------------------------------------------------------------------------------
# Functions of one array
# ---------------------------------------------------------------------------------------------------------------------

one_array(
    np.fix, np.sinc, np.real, np.imag, np.i0, np.iscomplex, np.isreal, np.iscomplexobj, np.isrealobj, np.ndim, np.shape,
    np.fliplr, np.flipud, np.matrix_transpose, np.linalg.matrix_transpose, np.argwhere, np.flatnonzero, np.nonzero,
)  # fmt: skip
one_array(np.copy, options=["order", "subok"])
one_array(np.round, np.around, options=["decimals"])
one_array(np.angle, options=["deg"])
one_array(np.real_if_close, options=["tol"])
one_array(np.nan_to_num, options=["nan", "posinf", "neginf"])
one_array(np.array2string, np.array_repr, np.array_str, options=["precision"])
one_array(np.size, options=["axis"])
one_array(
    np.sum, np.prod, np.nansum, np.nanprod, options=["axes", "dtype", "keepdims", "initial", "where"], values=SPECIAL
)
one_array(np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin, options=["axes", "keepdims", "initial", "where"])
one_array(np.mean, np.nanmean, options=["axes", "dtype", "keepdims", "where"])
one_array(
    np.var, np.std, np.nanvar, np.nanstd, options=["axes", "dtype", "keepdims", "where", "ddof", "correction"]
)  # fmt: skip
one_array(np.any, np.all, options=["axes", "keepdims", "where"])
one_array(np.ptp, np.count_nonzero, np.median, np.nanmedian, options=["axes", "keepdims"])
one_array(np.argmax, np.argmin, np.nanargmax, np.nanargmin, options=["axis", "keepdims"])
one_array(np.cumsum, np.cumprod, np.nancumsum, np.nancumprod, options=["axis", "dtype"])
one_array(np.cumulative_sum, np.cumulative_prod, options=["axis", "dtype", "include_initial"])
one_array(np.sort, np.argsort, options=["axis or None", "stable"])
one_array(np.ravel, options=["order"])
one_array(np.squeeze, options=["axes"], max_side=2)
one_array(np.flip, options=["axes"])
one_array(np.unstack, options=["axis"])
one_array(np.tril, np.triu, options=["k"])
one_array(np.diag, np.diagflat, options=["k"], max_dims=2)
one_array(np.diagonal, options=["offset", "axis1", "axis2"], min_dims=1)
one_array(np.trace, options=["offset", "axis1", "axis2", "dtype"], min_dims=1, values=SPECIAL)
one_array(np.linalg.diagonal, options=["offset"], min_dims=1)
one_array(np.linalg.trace, options=["offset", "dtype"], min_dims=1, values=SPECIAL)
one_array(np.vander, options=["N", "increasing"], min_dims=1, max_dims=1)
one_array(np.zeros_like, np.ones_like, np.empty_like, options=["dtype", "order", "shape", "subok"])

# ---------------------------------------------------------------------------------------------------------------------
# Ufuncs: those of the table, by their number of arguments
# ---------------------------------------------------------------------------------------------------------------------


def _elementwise(count: int, dtypes: Sequence[Any]) -> Recipe:
    def recipe(pen: Pen) -> Arguments:
        args = pen.broadcastable(count, dtypes=dtypes)
        return tuple(args), {"dtype": pen.dtype()} if pen.chance(3) else {}

    return recipe


def _outer(pen: Pen) -> Arguments:
    return (pen.operand(max_dims=2), pen.operand(max_dims=2)), {}


for _key in primitives | implementations:
    if isinstance(_key, tuple) and _key[1] == "outer":
        RECIPES[_key] = _outer
    elif isinstance(_key, tuple) and _key[1] == "reduce":
        one_array(_key, options=["axes", "dtype", "keepdims", "initial", "where"], values=SPECIAL)
    elif isinstance(_key, tuple):
        one_array(_key, options=["axis", "dtype"], values=SPECIAL)
    elif isinstance(_key, np.ufunc) and _key.signature is None:
        special = name_of(_key).startswith("scipy.")  # of which few take complex numbers, or long ones
        RECIPES[_key] = _elementwise(_key.nin, ["f8", "f4", "f2", ">f8", *DTYPES] if special else DTYPES)


@of(np.ldexp)
def _(pen: Pen) -> Arguments:
    return (pen.array(dtypes=REAL), pen.one_of(0, 1, -3, 2000)), {}


# ---------------------------------------------------------------------------------------------------------------------
# Elements chosen, compared and averaged
# ---------------------------------------------------------------------------------------------------------------------


@of(np.clip)
def _(pen: Pen) -> Arguments:
    a, low, high = pen.broadcastable(3)
    low, high = (None if pen.chance(20) else low), (None if pen.chance(20) else high)
    return ((a,), {"min": low, "max": high}) if pen.chance(30) else ((a, low, high), {})


@of(np.where)
def _(pen: Pen) -> Arguments:
    condition, a, b = pen.broadcastable(3)
    return ((condition,) if pen.chance(10) else (condition, a, b)), {}


@of(np.select)
def _(pen: Pen) -> Arguments:
    n, shape = pen.int(1, 3), pen.shape()
    conditions = [pen.mask(shape) if pen.chance(95) else pen.array(shape) for _ in range(n)]
    choices = [pen.operand(shape if pen.flag() else ()) for _ in range(n)]
    return (conditions, choices), pen.some(default=lambda: pen.operand(()))


@of(np.choose)
def _(pen: Pen) -> Arguments:
    shape = pen.shape()
    choices = [pen.operand(shape) for _ in range(pen.int(1, 3))]
    return (pen.array(shape, WHOLE, [0, 1, 2]), choices), pen.some(mode=lambda: pen.one_of("wrap", "clip", "raise"))


@of(np.isclose, np.allclose)
def _(pen: Pen) -> Arguments:
    return tuple(pen.broadcastable(2)), pen.some(
        rtol=lambda: pen.one_of(0.0, 0.5), atol=lambda: pen.one_of(0, 1.0), equal_nan=pen.flag
    )


@of(np.array_equal, np.array_equiv, np.shares_memory, np.may_share_memory, np.common_type)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, x if pen.flag() else pen.array(x.shape)), {}


@of(np.result_type)
def _(pen: Pen) -> Arguments:
    return tuple(pen.one_of(pen.array(), pen.number(), np.float32) for _ in range(pen.int(1, 3))), {}


@of(np.can_cast)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (pen.one_of(x, x.dtype), pen.dtype()), pen.some(casting=lambda: pen.one_of("safe", "same_kind", "unsafe"))


@of(np.average)
def _(pen: Pen) -> Arguments:
    a = pen.array(values=SPECIAL if pen.chance(30) else SMALL)
    kwargs = pen.some(axis=lambda: pen.axes(a), keepdims=pen.flag, returned=pen.flag)
    if pen.chance(60):
        axis = kwargs.get("axis")
        along = () if axis is None else np.atleast_1d(axis).astype(int).tolist()
        shape = tuple(pen.length(a, i) for i in along) if axis is not None and pen.flag() else a.shape
        kwargs["weights"] = pen.array(shape, values=POSITIVE if pen.chance(70) else SMALL)
    return (a,), kwargs


@of(np.cov)
def _(pen: Pen) -> Arguments:
    m = pen.array(values=SPECIAL if pen.chance(20) else SMALL, max_dims=2)
    kwargs = pen.some(
        y=lambda: pen.array(m.shape, values=SMALL), rowvar=pen.flag, bias=pen.flag, ddof=lambda: pen.int(0, 2),
        dtype=pen.dtype,
    )  # fmt: skip
    n = m.shape[-1 if kwargs.get("rowvar", True) else 0] if m.ndim else 1
    return (m,), kwargs | pen.some(
        fweights=lambda: pen.array((n,), ["i8", "u1"], [1, 2, 0]), aweights=lambda: pen.array((n,), ["f8"], POSITIVE)
    )


@of(np.corrcoef)
def _(pen: Pen) -> Arguments:
    m = pen.array(values=SPECIAL if pen.chance(20) else SMALL, max_dims=2)
    return (m,), pen.some(y=lambda: pen.array(m.shape, values=SMALL), rowvar=pen.flag, dtype=pen.dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Orders
# ---------------------------------------------------------------------------------------------------------------------


@of(np.partition, np.argpartition)
def _(pen: Pen) -> Arguments:
    x = pen.array(max_side=2)  # so short that NumPy sorts
    return (x, pen.int(-2, 1)), pen.some(axis=lambda: pen.axis_or_none(x))


@of(np.quantile, np.nanquantile, np.percentile, np.nanpercentile)
def _(pen: Pen) -> Arguments:
    x = pen.array(values=SPECIAL)
    q = pen.one_of(0.25, 0, 1, [0.5, 1.0], np.array([0.1, 0.9]), np.array(0.5), np.array([[0.5]]), 2.0)
    return (x, q), pen.some(
        axis=lambda: pen.axes(x), keepdims=pen.flag, weights=lambda: pen.array(x.shape, values=POSITIVE),
        method=lambda: pen.one_of("linear", "lower", "nearest", "midpoint", "inverted_cdf", "weibull"),
    )  # fmt: skip


@of(np.lexsort)
def _(pen: Pen) -> Arguments:
    shape = pen.shape(min_dims=1)
    return (tuple(pen.array(shape) for _ in range(pen.int(1, 3))),), {}


@of(np.searchsorted)
def _(pen: Pen) -> Arguments:
    return (np.sort(pen.array(min_dims=1, max_dims=1)), pen.operand()), pen.some(
        side=lambda: pen.one_of("left", "right")
    )


@of(np.digitize)
def _(pen: Pen) -> Arguments:
    bins = np.sort(pen.array(dtypes=REAL + WHOLE, values=SMALL, min_dims=1, max_dims=1))
    return (pen.array(dtypes=REAL + WHOLE), bins), pen.some(right=pen.flag)


# ---------------------------------------------------------------------------------------------------------------------
# Shapes
# ---------------------------------------------------------------------------------------------------------------------


@of(np.reshape)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    shape = pen.one_of(-1, (-1,), x.shape[::-1], (*x.shape, 1), (x.size,), [x.size, 1], (2, -1), (5,))
    kwargs = pen.some(order=lambda: pen.one_of("C", "F", "A"), copy=lambda: pen.one_of(None, True, False))
    return ((x, shape), kwargs) if pen.chance(80) else ((x,), {"shape": shape, **kwargs})


@of(np.transpose)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    order = pen.draw(st.permutations(range(x.ndim)))
    return (x,), pen.some(axes=lambda: pen.one_of(None, order, tuple(order), [i - x.ndim for i in order]))


@of(np.swapaxes)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.axis(x), pen.axis(x)), {}


@of(np.moveaxis)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    if pen.flag():
        return (x, pen.axis(x), pen.axis(x)), {}
    source = pen.several_axes(x)
    return (x, list(source), pen.draw(st.permutations(range(x.ndim)))[: len(source)]), {}


@of(np.rollaxis)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.axis(x)), pen.some(start=lambda: pen.int(-x.ndim, x.ndim))


@of(np.expand_dims)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.one_of(pen.axis(x), -1, (0, -1), (1, 0), [0, 1])), {}


@of(np.broadcast_to)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.one_of(x.shape, (2, *x.shape), tuple(2 if n == 1 else n for n in x.shape), (3,), 3)), {}


@of(np.broadcast_arrays)
def _(pen: Pen) -> Arguments:
    return tuple(pen.broadcastable(pen.int(1, 3))), {}


@of(np.atleast_1d, np.atleast_2d, np.atleast_3d)
def _(pen: Pen) -> Arguments:
    return tuple(pen.operand() for _ in range(pen.int(1, 2))), {}


@of(np.meshgrid)
def _(pen: Pen) -> Arguments:
    xi = [pen.operand(max_dims=1) for _ in range(pen.int(1, 3))]
    return tuple(xi), pen.some(copy=pen.flag, sparse=pen.flag, indexing=lambda: pen.one_of("ij", "xy"))


@of(np.rot90)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_dims=pen.one_of(1, 2))
    return (x,), pen.some(k=lambda: pen.int(-2, 5), axes=lambda: pen.one_of((1, 0), [0, 1], (-1, 0)))


@of(np.roll)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    if pen.flag():
        return (x, pen.int(-4, 4)), pen.some(axis=lambda: pen.axis_or_none(x))
    axis = pen.several_axes(x)
    return (x, pen.one_of(1, [pen.int(-2, 2) for _ in axis]), axis), {}


@of(np.tile)
def _(pen: Pen) -> Arguments:
    return (pen.array(), pen.one_of(1, 2, 0, (1,), (1, 1, 1), [2, 1], (1, 2, 1, 2), np.array([2, 1]))), {}


@of(np.repeat)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    axis = pen.axis_or_none(x)
    n = pen.length(x, axis)
    repeats = pen.one_of(1, 2, 0, [1], [2] * n, pen.array((n,), ["i8"], [0, 1, 2]))
    return (x, repeats), {} if axis is None else {"axis": axis}


@of(np.resize)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.one_of(x.shape, 4, (2, 2), [3], (0,), x.size)), {}


def _joins(*functions: Any, alike: bool = False, axis: bool = False, dtype: bool = False) -> None:
    """Draw arrays that may differ in length along one axis, unless they are to be alike."""

    @of(*functions)
    def _(pen: Pen) -> Arguments:
        first = pen.array(min_dims=pen.one_of(0, 1, 1))
        along = pen.axis(first)
        dtypes = DTYPES if pen.flag() else [pen.dtype()]
        parts = [first]
        for _ in range(pen.int(0, 2)):
            shape = first.shape if alike or pen.flag() or not first.ndim else pen.edge(first, along)
            parts.append(pen.array(pen.shape() if pen.chance(3) else shape, dtypes))
        if pen.chance(10):
            parts[0] = parts[0].tolist()
        kwargs = pen.some(axis=lambda: pen.one_of(along, None)) if axis else {}
        if dtype and pen.chance(30):
            kwargs["dtype"] = pen.dtype()
            kwargs |= pen.some(casting=lambda: pen.one_of("unsafe", "same_kind", "safe"))
        return (parts if pen.flag() else tuple(parts),), kwargs


_joins(np.concatenate, axis=True, dtype=True)
_joins(np.stack, alike=True, axis=True, dtype=True)
_joins(np.hstack, np.vstack, dtype=True)
_joins(np.dstack, np.column_stack)


@of(np.append)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    if not x.ndim or pen.flag():
        return (x, pen.operand()), {}
    axis = pen.axis(x)
    return (x, pen.array(pen.edge(x, axis))), {"axis": axis}


@of(np.block)
def _(pen: Pen) -> Arguments:
    a, b = pen.array(max_dims=2), pen.array(max_dims=2)
    layouts = [a, [a], [a, a], [[a, a], [a, a]], [[a], [b]], [a, b], [[a, 1.5]], [[a, b], [b, a]], [a, [b]]]
    return (pen.one_of(*layouts),), {}


@of(np.pad)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_side=pen.one_of(0, 1))
    width = pen.one_of(0, 1, 2, (1, 0), [(0, 1)], tuple((i, 1) for i in range(x.ndim)), np.array([1, 2]), {-1: 1})
    if pen.flag():
        return (x, width), pen.some(constant_values=lambda: pen.one_of(0, 1.5, (1, 2), [[1, 2]], np.array(3)))
    mode = pen.one_of("edge", "reflect", "symmetric", "wrap", "mean", "maximum", "linear_ramp")
    kwargs = pen.some(reflect_type=lambda: pen.one_of("even", "odd")) if mode in ("reflect", "symmetric") else {}
    return (x, width), {"mode": mode, **kwargs}


@of(np.split, np.array_split)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_dims=pen.one_of(0, 1, 1))
    return (x, pen.one_of(1, 2, 3, [1], (1, 2), [2, 1], np.array([1]), [-1], 0)), pen.some(axis=lambda: pen.axis(x))


@of(np.vsplit, np.hsplit, np.dsplit)
def _(pen: Pen) -> Arguments:
    return (pen.array(min_dims=pen.one_of(0, 1, 2, 3)), pen.one_of(1, 2, [1], (1, 2), np.array([1]))), {}


# ---------------------------------------------------------------------------------------------------------------------
# Elements taken
# ---------------------------------------------------------------------------------------------------------------------


@of(np.take)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    places = pen.one_of(0, -1, [0, 1], pen.array((2, 2), ["i8", "u1"], [0, 1, 2, -1]), [], np.array([True]), [0.5], 9)
    return (x, places), pen.some(axis=lambda: pen.axis(x), mode=lambda: pen.one_of("wrap", "clip", "raise"))


@of(np.take_along_axis)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    axis = pen.axis_or_none(x)
    shape = (2,) if axis is None else pen.edge(x, axis)
    return (x, pen.array(shape, ["i8", "u1", "f8"] if pen.chance(10) else ["i8"], [0, 1, -1])), {"axis": axis}


@of(np.compress)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (pen.one_of([True], [False, True], pen.mask((2,)), [0, 1, 1], True), x), pen.some(axis=lambda: pen.axis(x))


@of(np.extract)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (pen.mask(x.shape) if pen.chance(80) else pen.array(x.shape), x), {}


@of(np.delete)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    axis = pen.axis_or_none(x)
    n = pen.length(x, axis)
    where = pen.one_of(0, -1, [0, 0], slice(None, None, 2), [], pen.mask((n,)), np.array([0]), n)
    return (x, where), {} if axis is None else {"axis": axis}


@of(np.insert)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    axis = pen.axis_or_none(x)
    where = pen.one_of(0, -1, [0, 0], [0, 1], slice(0, 1), np.array([0]), 9, [])
    return (x, where, pen.operand(())), {} if axis is None else {"axis": axis}


# ---------------------------------------------------------------------------------------------------------------------
# Arrays made
# ---------------------------------------------------------------------------------------------------------------------


@of(np.astype)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    return (x, pen.one_of(x.dtype, pen.dtype())), pen.some(copy=pen.flag)


@of(np.array, np.asarray, np.asanyarray)
def _(pen: Pen) -> Arguments:
    x = pen.array()
    a, b = (pen.array(x.shape) for _ in range(2))
    value = pen.one_of(x, [a, b], [[a, b], [b, a]], [a, 1.5], (a, b), 2, [1, 2.5], [], [a, (b, 0)], [a[..., None], b])
    return (value,), {"like": x, **pen.some(dtype=pen.dtype, copy=lambda: pen.one_of(True, None, False))}


@of(np.zeros, np.ones, np.empty)
def _(pen: Pen) -> Arguments:
    return (pen.one_of((), 2, (2, 0), [1, 2]),), {"like": pen.array(), **pen.some(dtype=pen.dtype)}


@of(np.full)
def _(pen: Pen) -> Arguments:
    shape = pen.one_of((), 2, (2, 0), [1, 2])
    return (shape, pen.operand(())), {"like": pen.array(), **pen.some(dtype=pen.dtype)}


@of(np.full_like)
def _(pen: Pen) -> Arguments:
    return (pen.array(), pen.operand(())), pen.some(
        dtype=pen.dtype, order=lambda: pen.one_of("C", "F", "A", "K"), shape=lambda: pen.one_of((2,), 3, ())
    )


@of(np.eye, np.tri)
def _(pen: Pen) -> Arguments:
    options = pen.some(M=lambda: pen.int(0, 3), k=lambda: pen.int(-2, 2), dtype=pen.dtype)
    return (pen.int(0, 3),), {"like": pen.array(), **options}


@of(np.identity)
def _(pen: Pen) -> Arguments:
    return (pen.int(0, 3),), {"like": pen.array(), **pen.some(dtype=pen.dtype)}


@of(np.arange)
def _(pen: Pen) -> Arguments:
    return pen.one_of((3,), (1, 4), (0.0, 2.0, 0.5), (3, 0, -1)), {"like": pen.array(), **pen.some(dtype=pen.dtype)}


@of(np.linspace, np.logspace, np.geomspace)
def _(pen: Pen) -> Arguments:
    start, stop = pen.broadcastable(2, values=POSITIVE if pen.chance(70) else SPECIAL)
    return (start, stop), pen.some(
        num=lambda: pen.int(-1, 5), endpoint=pen.flag, dtype=pen.dtype, axis=lambda: pen.one_of(0, -1)
    )


@of(np.copyto)
def _(pen: Pen) -> Arguments:
    dst, src = map(np.asarray, pen.broadcastable(2))
    return (dst, src), pen.some(casting=lambda: pen.one_of("unsafe", "same_kind", "safe"), where=lambda: pen.where(dst))


def _copied(dst: Any, *args: Any, **kwargs: Any) -> Any:
    dst = dst.copy()
    np.copyto(dst, *args, **kwargs)
    return dst


WRITING[np.copyto] = _copied


# ---------------------------------------------------------------------------------------------------------------------
# Sampled curves
# ---------------------------------------------------------------------------------------------------------------------


@of(np.diff)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_dims=pen.one_of(0, 1, 1))
    kwargs = pen.some(n=lambda: pen.int(-1, 3), axis=lambda: pen.axis(x))
    edge = pen.edge(x, kwargs.get("axis", -1)) if x.ndim else ()
    return (x,), kwargs | pen.some(
        prepend=lambda: pen.operand(pen.one_of((), edge)), append=lambda: pen.operand(pen.one_of((), edge))
    )


@of(np.ediff1d)
def _(pen: Pen) -> Arguments:
    return (pen.array(max_dims=2),), pen.some(
        to_begin=lambda: pen.operand(max_dims=1), to_end=lambda: pen.operand(max_dims=1)
    )


@of(np.gradient)
def _(pen: Pen) -> Arguments:
    f = pen.array(min_dims=1, max_dims=2, min_side=pen.one_of(1, 2, 3), max_side=4)
    kwargs = pen.some(axis=lambda: pen.axes(f) or None, edge_order=lambda: pen.int(1, 2))
    axis = kwargs.get("axis")

    def spacing(i: int) -> Any:
        if pen.flag():
            return pen.one_of(2.0, 1, np.float32(0.5), -1.5)
        return np.cumsum(pen.array((pen.length(f, i),), ["f8", "f4", "i8"], POSITIVE))

    if pen.chance(40):
        return (f,), kwargs
    along = range(f.ndim) if axis is None else np.atleast_1d(axis).astype(int).tolist()
    return (f, *map(spacing, along)) if pen.chance(70) else (f, pen.one_of(2.0, 1, -1.5)), kwargs


@of(np.trapezoid)
def _(pen: Pen) -> Arguments:
    y = pen.array(min_dims=pen.one_of(0, 1, 1), values=SPECIAL)
    kwargs = pen.some(axis=lambda: pen.axis(y), dx=pen.number)
    n = pen.length(y, kwargs.get("axis", -1))
    return (y,), kwargs | pen.some(x=lambda: pen.array(pen.one_of((n,), y.shape), values=SPECIAL))


@of(np.interp)
def _(pen: Pen) -> Arguments:
    n = pen.int(pen.one_of(0, 1, 1, 1), 4)
    xp = pen.array((n,), REAL[:4] + WHOLE, ANY if pen.chance(40) else SMALL)
    fp = pen.array((n,), REAL[:4] + COMPLEX[:3] + WHOLE, ANY if pen.chance(40) else SMALL)
    return (pen.operand(dtypes=REAL + WHOLE), np.sort(xp) if pen.chance(80) else xp, fp), pen.some(
        left=lambda: pen.one_of(None, 7.0, np.nan), right=lambda: pen.one_of(None, -1),
        period=lambda: pen.one_of(2.0, -3, 0),
    )  # fmt: skip


@of(np.polyval)
def _(pen: Pen) -> Arguments:
    return (pen.array(min_dims=1, max_dims=1, min_side=1, values=SPECIAL), pen.operand(values=SPECIAL)), {}


@of(np.convolve, np.correlate)
def _(pen: Pen) -> Arguments:
    dims = pen.one_of(1, 1, 1, 1, 0, 2)
    a, v = (pen.array(min_dims=min(dims, 1), max_dims=dims, values=SPECIAL) for _ in range(2))
    return (a, v), pen.some(mode=lambda: pen.one_of("full", "same", "valid"))


# ---------------------------------------------------------------------------------------------------------------------
# Products
# ---------------------------------------------------------------------------------------------------------------------


def _products(*functions: Any, shapes: Callable[[Pen, Shape, Shape, int, int, int], tuple[Shape, Shape]]) -> None:
    """Draw two arrays of the shapes that are made of two stacks that broadcast, and of three lengths."""

    @of(*functions)
    def _(pen: Pen) -> Arguments:
        stack = pen.shape(max_dims=1)
        lengths = (pen.int(0, 3) for _ in range(3))
        left, right = shapes(pen, stack, tuple(1 for _ in stack) if pen.flag() else (), *lengths)
        return (pen.operand(left, values=SPECIAL), pen.operand(right, values=SPECIAL)), {}


_products(
    np.matmul, np.linalg.matmul, np.dot,
    shapes=lambda pen, s, t, i, j, k: (
        pen.one_of((*s, i, j), (i, j), (j,), ()), pen.one_of((*t, j, k), (j, k), (j,), (), (j + 1,))
    ),
)  # fmt: skip
_products(np.matvec, shapes=lambda pen, s, t, i, j, k: ((*s, i, j), pen.one_of((*t, j), (*t, j), (j + 1,), ())))
_products(np.vecmat, shapes=lambda pen, s, t, i, j, k: (pen.one_of((*s, i), (*s, i), ()), (*t, i, j)))


@of(np.vecdot, np.linalg.vecdot)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_dims=1, values=SPECIAL)
    shape = x.shape if pen.flag() else (*(1 for _ in x.shape[1:]), x.shape[-1])
    return (x, pen.array(None if pen.chance(5) else shape, values=SPECIAL)), pen.some(axis=lambda: pen.axis(x))


@of(np.vdot)
def _(pen: Pen) -> Arguments:
    a = pen.array(values=SPECIAL)
    return (a, pen.array(a.shape if pen.chance(90) else None, values=SPECIAL)), {}


@of(np.inner)
def _(pen: Pen) -> Arguments:
    a, n = pen.array(values=SPECIAL), pen.int(0, 2)
    return (a, pen.operand(pen.one_of((), (n, *a.shape[-1:]), a.shape), values=SPECIAL)), {}


@of(np.outer, np.kron)
def _(pen: Pen) -> Arguments:
    return (pen.operand(), pen.operand()), {}


@of(np.linalg.outer)
def _(pen: Pen) -> Arguments:
    return (pen.operand(min_dims=1, max_dims=pen.one_of(1, 2)), pen.operand(min_dims=1, max_dims=1)), {}


@of(np.cross)
def _(pen: Pen) -> Arguments:
    shape = pen.shape(max_dims=2)
    if pen.chance(60):
        a, b = ((*shape[pen.int(0, len(shape)) :], pen.one_of(3, 2, 3)) for _ in range(2))
        return (pen.array(a), pen.operand(b)), pen.some(axisc=lambda: pen.int(-1, 1))
    axis = pen.int(0, len(shape))
    shape = (*shape[:axis], 3, *shape[axis:])
    options = [{"axis": axis}, {"axisa": axis, "axisb": axis}, {"axisa": axis, "axisb": axis, "axisc": 0}]
    return (pen.array(shape), pen.array(shape)), pen.one_of(*options)


@of(np.linalg.cross)
def _(pen: Pen) -> Arguments:
    shape = pen.shape(max_dims=2)
    axis = pen.int(0, len(shape))
    shape = (*shape[:axis], pen.one_of(3, 3, 2), *shape[axis:])
    return (pen.array(shape), pen.array(shape)), {"axis": axis} if axis < len(shape) - 1 else {}


@of(np.tensordot, np.linalg.tensordot)
def _(pen: Pen) -> Arguments:
    a = pen.array(values=SPECIAL)
    n, along, more = pen.int(0, a.ndim), pen.several_axes(a), pen.shape(max_dims=1)
    lengths = tuple(a.shape[i] for i in along)
    axes, shape = pen.one_of(
        (n, a.shape[a.ndim - n :] + more), ((along, tuple(range(len(along)))), lengths + more),
        ((list(along), list(range(len(along)))), lengths), (0, ()), (2, a.shape),
    )  # fmt: skip
    return (a, pen.operand(shape, values=SPECIAL)), {"axes": axes}


@of(np.einsum, np.einsum_path)
def _(pen: Pen) -> Arguments:
    i, j, k = (pen.int(1, 3) for _ in range(3))
    text, shapes = pen.one_of(
        ("ij,jk->ik", [(i, j), (j, k)]), ("ij,jk", [(i, j), (j, k)]), ("ii->i", [(i, i)]), ("ii", [(i, i)]),
        ("...i,...i->...", [(j, i), (i,)]), ("i,j,k->kji", [(i,), (j,), (k,)]), ("ij->", [(i, j)]), (",i", [(), (i,)]),
        ("ij,ij->j", [(i, j), (i, j)]), ("i...->...", [(i, j, k)]),
    )  # fmt: skip
    arrays = [pen.array(shape, values=SPECIAL) for shape in shapes]
    if text == "ij,jk->ik" and pen.flag():
        return (arrays[0], [0, 1], arrays[1], [1, 2], [0, 2]), {}
    return (text, *arrays), pen.some(optimize=lambda: pen.one_of(True, False, "greedy"))


# ---------------------------------------------------------------------------------------------------------------------
# Linear algebra
# ---------------------------------------------------------------------------------------------------------------------


def _matrices(*functions: Any, square: bool = False, **options: Callable[[Pen], Any]) -> None:
    """Draw matrices: regular ones, singular ones, ones of special values, ones that are not square."""

    @of(*functions)
    def _(pen: Pen) -> Arguments:
        return (_matrix(pen, square),), pen.some(**{name: lambda f=f: f(pen) for name, f in options.items()})


def _matrix(pen: Pen, square: bool) -> Any:
    stack, n = pen.shape(max_dims=1, max_side=2), pen.int(pen.one_of(0, 1), 3)
    m = n if square and pen.chance(95) else pen.int(0, 3)
    x = pen.array((*stack, n, m), LAPACK, SPECIAL if pen.chance(10) else SMALL)
    return x + 8 * np.eye(n, dtype=x.dtype) if n == m and pen.chance(60) and x.dtype.kind in "fc" else x


def _order_of_a_norm(pen: Pen) -> Any:
    return pen.one_of("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf, None, 3)


_matrices(np.linalg.inv, np.linalg.det, np.linalg.slogdet, np.linalg.eig, np.linalg.eigvals, square=True)
_matrices(np.linalg.eigh, np.linalg.eigvalsh, square=True, UPLO=lambda pen: pen.one_of("L", "U", "u", "X"))
_matrices(np.linalg.cholesky, square=True, upper=Pen.flag)
_matrices(np.linalg.svd, full_matrices=Pen.flag, compute_uv=Pen.flag, hermitian=Pen.flag)
_matrices(np.linalg.svdvals)
_matrices(np.linalg.qr, mode=lambda pen: pen.one_of("reduced", "r", "complete", "raw"))
_matrices(np.linalg.matrix_rank, tol=lambda pen: pen.one_of(None, 0.5), hermitian=lambda pen: False)
_matrices(np.linalg.pinv, rcond=lambda pen: 0.1)
_matrices(np.linalg.matrix_norm, ord=_order_of_a_norm, keepdims=Pen.flag)
_matrices(np.linalg.cond, p=_order_of_a_norm)


@of(np.linalg.matrix_power)
def _(pen: Pen) -> Arguments:
    return (_matrix(pen, square=True), pen.int(-3, 5)), {}


@of(np.linalg.solve)
def _(pen: Pen) -> Arguments:
    a = _matrix(pen, square=True)
    return (a, pen.array(pen.one_of(a.shape, a.shape[-1:], (*a.shape[-1:], 2)), LAPACK, SMALL)), {}


@of(np.linalg.lstsq)
def _(pen: Pen) -> Arguments:
    a = pen.array((pen.int(0, 3), pen.int(0, 3)), LAPACK, SMALL)
    b = pen.array(pen.one_of(a.shape[:1], (*a.shape[:1], 2)), LAPACK, SMALL)
    return (a, b), pen.some(rcond=lambda: pen.one_of(None, -1, 0.1))


@of(np.linalg.tensorsolve)
def _(pen: Pen) -> Arguments:
    a, (b, c) = pen.array((2, 2), LAPACK, SMALL), (pen.array((n,), LAPACK, SMALL) for n in (2, 3))
    calls = [((a, b), {}), ((np.reshape(a, (2, 1, 2)), b[:, None]), {}), ((a, c), {})]
    return pen.one_of(*calls, ((np.reshape(a, (2, 1, 2)), b), {"axes": (0,)}))


@of(np.linalg.tensorinv)
def _(pen: Pen) -> Arguments:
    a = pen.array((2, 2), LAPACK, SMALL)
    calls = [((a,), {"ind": 1}), ((np.reshape(a, (2, 1, 2, 1)),), {}), ((np.reshape(a, (1, 2, 2)),), {})]
    return pen.one_of(*calls, ((a,), {"ind": 0}))


@of(np.linalg.norm)
def _(pen: Pen) -> Arguments:
    x = pen.array(values=SPECIAL if pen.flag() else ANY)
    return (x,), pen.some(
        ord=lambda: pen.one_of(None, 1, 2, np.inf, -np.inf, 0, 3, -1, -2, "fro", "nuc", 0.5, "x"),
        axis=lambda: pen.axes(x), keepdims=pen.flag,
    )  # fmt: skip


@of(np.linalg.vector_norm)
def _(pen: Pen) -> Arguments:
    x = pen.array(values=SPECIAL if pen.flag() else ANY)
    orders = (1, 2, np.inf, -np.inf, 0, 3, -1, 0.5)
    return (x,), pen.some(ord=lambda: pen.one_of(*orders), axis=lambda: pen.axes(x), keepdims=pen.flag)


@of(np.linalg.multi_dot)
def _(pen: Pen) -> Arguments:
    lengths = [pen.int(1, 3) for _ in range(5)]
    factors = [pen.array(tuple(lengths[i : i + 2]), values=SMALL) for i in range(pen.int(2, 4))]
    return ([factors[0][0], *factors[1:]] if pen.flag() else factors,), {}


# ---------------------------------------------------------------------------------------------------------------------
# Fourier transforms; of no elements NumPy returns what happens to lie in memory
# ---------------------------------------------------------------------------------------------------------------------

one_array(np.fft.fftshift, np.fft.ifftshift, options=["axes="])


def _norm(pen: Pen) -> Any:
    return pen.one_of("ortho", "forward", "backward")


@of(np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.ihfft)
def _(pen: Pen) -> Arguments:
    values = SPECIAL if pen.chance(20) else SMALL
    x = pen.array(min_dims=pen.one_of(0, 1, 1), min_side=1, max_side=4, values=values)
    return (x,), pen.some(n=lambda: pen.int(0, 5), axis=lambda: pen.axis(x), norm=lambda: _norm(pen))


@of(np.fft.fft2, np.fft.ifft2, np.fft.rfft2, np.fft.irfft2, np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)
def _(pen: Pen) -> Arguments:
    x = pen.array(min_dims=pen.one_of(0, 1, 2, 2), min_side=1, values=SMALL)
    kwargs = pen.some(norm=lambda: _norm(pen))
    if pen.chance(40):
        kwargs["axes"] = pen.several_axes(x)
        if pen.flag():
            kwargs["s"] = [pen.int(1, 4) for _ in kwargs["axes"]]
    return (x,), kwargs


# ---------------------------------------------------------------------------------------------------------------------


def calls_of(key: Any) -> st.SearchStrategy[Call]:
    """Draw calls of a function of the table."""
    function = WRITING[key] if key in WRITING else getattr(*key) if isinstance(key, tuple) else key

    @st.composite
    def draw_call(draw: st.DrawFn) -> Call:
        return Call(name_of(key), function, *RECIPES[key](Pen(draw)), key in WRITING)

    return draw_call()


KEYS = {name_of(key): key for key in RECIPES}
"""From the name that people write to the table's key."""
