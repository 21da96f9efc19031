"""What Hypothesis draws: arrays of every shape and memory layout, and calls to functions in every spelling.

Values lie on a grid of eighths: exact in every dtype, often the special values 0 and 1, and never closer to one another
than finite differences can bear.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import hypothesis.extra.numpy as hnp
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int, ...]

GRID = [k / 8 for k in range(-24, 25)]
NONZERO = [x for x in GRID if abs(x) >= 0.25]
POSITIVE = [x for x in GRID if x >= 0.25]
BETWEEN = [x + 1 / 16 for x in GRID]
"""Between the grid's values: never equal to one of them, and never 0."""


class Call(NamedTuple):
    """A call of a function of arrays; in its representation the arrays are x."""

    spelling: str
    function: Callable[..., Any]
    arrays: tuple[Array, ...]


def shapes(min_side: int = 0, max_dims: int = 3, min_dims: int = 0) -> st.SearchStrategy[Shape]:
    return hnp.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=3)


def arrays(
    shape: Shape | st.SearchStrategy[Shape] | None = None,
    values: Sequence[float] = GRID,
    unique: bool = False,
) -> st.SearchStrategy[Array]:
    """Draw arrays in C and Fortran order, strided, reversed, and (unless values are to be unique) broadcast."""
    layouts = [c_order, fortran_order, strided, flipped] + ([] if unique else [broadcast])
    return st.builds(
        lambda layout, x: layout(x),
        st.sampled_from(layouts),
        hnp.arrays(
            np.float64,
            shapes() if shape is None else shape,
            elements=st.sampled_from(values),
            fill=st.nothing(),
            unique=unique,
        ),
    )


def c_order(x: Array) -> Array:
    return np.array(x, order="C")


def fortran_order(x: Array) -> Array:
    return np.array(x, order="F")


def strided(x: Array) -> Array:
    return np.repeat(x[..., None], 2, axis=-1)[..., 0]


def flipped(x: Array) -> Array:
    return np.flip(np.array(np.flip(x)))


def broadcast(x: Array) -> Array:
    """Take the first along the first axis for all: read-only, with stride 0."""
    return np.broadcast_to(x[:1], x.shape) if x.ndim and x.size else x


@st.composite
def broadcastable(draw: st.DrawFn, *values: Sequence[float]) -> tuple[Array, ...]:
    """Draw arrays of different shapes that broadcast, with values from the given sets."""
    drawn = draw(hnp.mutually_broadcastable_shapes(num_shapes=len(values), max_dims=3, min_side=0, max_side=3))
    return tuple(draw(arrays(shape, v)) for shape, v in zip(drawn.input_shapes, values, strict=True))


def axes(ndim: int) -> st.SearchStrategy[Any]:
    """Draw what `axis` may be: None, a number from either end, or a tuple of them, empty too."""
    single = [st.integers(-ndim, ndim - 1), hnp.valid_tuple_axes(ndim)] if ndim else [st.just(())]
    return st.one_of(st.none(), *single)


def pairs(low: int, high: int) -> st.SearchStrategy[tuple[int, int]]:
    """Draw numbers for height and width."""
    return st.tuples(st.integers(low, high), st.integers(low, high))
