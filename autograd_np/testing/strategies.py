"""Hypothesis strategies for what functions of arrays take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import DTypeLike, NDArray

from autograd_np.tensor import Tensor
from autograd_np.testing.layouts import LAYOUTS, lay_out, own_elements

__all__ = [
    "ClassificationBatch",
    "Convolution",
    "Einsum",
    "Pooling",
    "arrays",
    "axes",
    "broadcastable",
    "classification_batches",
    "convolutions",
    "einsums",
    "indices",
    "poolings",
    "tensors",
]

Array = NDArray[Any]
Shape = tuple[int, ...]
Shapes = Shape | st.SearchStrategy[Shape] | None
DTypes = DTypeLike | st.SearchStrategy[Any] | None

# Exact in every dtype; often equal to one another, 0 or 1; and else well apart.
_GRID = st.integers(-24, 24).map(lambda k: k / 8)


def arrays(
    shape: Shapes = None,
    dtype: DTypes = None,
    *,
    elements: st.SearchStrategy[float] = _GRID,
    layouts: Sequence[str] = tuple(LAYOUTS),
) -> st.SearchStrategy[Array]:
    """Draw arrays of any shape and dtype, in every way that arrays lie in memory.

    Parameters
    ----------
    shape : tuple of int or strategy, optional
        By default anything from no axis to three of length 0 to 3.
    dtype : dtype or strategy, optional
        Floating or complex. By default float64 or float32; ``st.sampled_from(["float16", "complex128"])`` draws others.
    elements : strategy of float
        The values, and of complex arrays both parts. By default multiples of an eighth from -3 to 3: they are exact in
        every dtype, and with them ties, zeros and ones are common. Neither NaN nor infinities are among them, nor large
        and tiny values: ``elements=st.floats()`` draws them all, ``st.floats(-1e6, 1e6)`` all but the first and the
        largest. They are rounded to the dtype, in which some become infinite or 0. (`check_grads` passes over points at
        which the function is not finite.)
    layouts : sequence of {"C", "F", "strided", "reversed", "read-only", "broadcast"}
        Which memory layouts to draw from, by default all: C and Fortran order, gaps between elements, negative strides,
        memory that cannot be written, and one element standing for a whole axis (stride 0).

    Returns
    -------
    strategy of numpy.ndarray
        It shrinks to few and simple elements in C order.

    Raises
    ------
    ValueError
        If a layout is none of the above.

    Examples
    --------
    >>> from hypothesis import given
    >>> from autograd_np.testing import arrays
    >>> @given(arrays())
    ... def test_sum_of_squares_is_not_negative(x):
    ...     assert (x**2).sum() >= 0
    >>> test_sum_of_squares_is_not_negative()
    """
    unknown = sorted(set(layouts) - set(LAYOUTS))
    if unknown or not layouts:
        raise ValueError(f"arrays: layouts={layouts!r}; give some of {', '.join(LAYOUTS)}")
    kinds = st.sampled_from([np.float64, np.float32]) if dtype is None else _strategy(dtype)
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3) if shape is None else _strategy(shape)

    @st.composite
    def draw_array(draw: st.DrawFn) -> Array:
        kind = np.dtype(draw(kinds))
        lengths = draw(shapes)
        # Drawn as double precision, and then rounded, so that every strategy of floats will do.
        x: Array = draw(hnp.arrays(np.float64, lengths, elements=elements))
        if kind.kind == "c":
            imaginary: Array = draw(hnp.arrays(np.float64, lengths, elements=elements))
            x = np.stack([x, imaginary], axis=-1).view(complex)[..., 0]  # no product with 1j, which makes NaN of inf
        with np.errstate(all="ignore"):  # what is too large for the dtype becomes infinite
            x = np.asarray(x, dtype=kind)
        return LAYOUTS[draw(st.sampled_from(layouts))](x)

    return draw_array()


def tensors(
    shape: Shapes = None,
    dtype: DTypes = None,
    *,
    elements: st.SearchStrategy[float] = _GRID,
    layouts: Sequence[str] = tuple(LAYOUTS),
    requires_grad: bool = True,
) -> st.SearchStrategy[Tensor]:
    """Draw leaves of a tape, in every way that arrays lie in memory.

    Parameters
    ----------
    shape, dtype, elements, layouts
        As in `arrays`.
    requires_grad : bool
        Of the tensors.

    Returns
    -------
    strategy of Tensor

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given
    >>> from autograd_np.testing import tensors
    >>> @given(tensors((2, 3)))
    ... def test_gradient_of_a_sum(t):
    ...     t.sum().backward()
    ...     assert np.array_equal(t.grad, np.ones((2, 3)))
    >>> test_gradient_of_a_sum()
    """

    def tensor(x: Array) -> Tensor:
        leaf: Tensor = lay_out(Tensor(own_elements(x)), x).detach()
        leaf.requires_grad = requires_grad
        return leaf

    return arrays(shape, dtype, elements=elements, layouts=layouts).map(tensor)


def broadcastable(
    count: int, dtype: DTypes = np.float64, *, elements: st.SearchStrategy[float] = _GRID
) -> st.SearchStrategy[tuple[Array, ...]]:
    """Draw groups of arrays whose shapes broadcast with one another.

    Parameters
    ----------
    count : int
        How many arrays are in a group.
    dtype, elements
        As in `arrays`; for all arrays of a group.

    Returns
    -------
    strategy of tuple of numpy.ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import broadcastable, gradient_property
    >>> @gradient_property(broadcastable(2))
    ... def test_product(pair):
    ...     x, y = pair
    ...     return np.multiply(x, y)
    >>> test_product()
    """
    groups = hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, min_side=0, max_side=3)
    return groups.flatmap(lambda group: st.tuples(*(arrays(s, dtype, elements=elements) for s in group.input_shapes)))


def axes(ndim: int) -> st.SearchStrategy[int | tuple[int, ...] | None]:
    """Draw what `axis` may be for an array of `ndim` axes: None, a number from either end, or a tuple of them.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import strategies as st
    >>> from autograd_np.testing import arrays, axes, gradient_property
    >>> @gradient_property(arrays().flatmap(lambda x: st.tuples(st.just(x), axes(x.ndim))))
    ... def test_sum(case):
    ...     x, axis = case
    ...     return np.sum(x, axis=axis)
    >>> test_sum()
    """
    several = hnp.valid_tuple_axes(ndim)
    return st.one_of(st.none(), st.integers(-ndim, ndim - 1), several) if ndim else st.one_of(st.none(), several)


def indices(shape: Shape) -> st.SearchStrategy[Any]:
    """Draw what may stand in the brackets of `x[...]` for an array of a shape.

    Numbers, slices, `...` and `np.newaxis`, arrays of integers, in which places repeat, and boolean masks.

    Examples
    --------
    >>> from hypothesis import strategies as st
    >>> from autograd_np.testing import arrays, gradient_property, indices
    >>> @gradient_property(arrays().flatmap(lambda x: st.tuples(st.just(x), indices(x.shape))))
    ... def test_index(case):
    ...     x, index = case
    ...     return x[index]
    >>> test_index()
    """
    kinds: list[st.SearchStrategy[Any]] = [
        hnp.basic_indices(shape, max_dims=6, allow_newaxis=True),
        hnp.arrays(np.bool_, shape),
    ]
    if shape and min(shape):
        places = hnp.array_shapes(min_dims=1, max_dims=2, max_side=3)
        kinds.append(hnp.integer_array_indices(shape, result_shape=places))
        kinds.append(hnp.arrays(np.intp, places, elements=st.integers(-shape[0], shape[0] - 1)))
    return st.one_of(kinds)


class Einsum(NamedTuple):
    """The arguments of `np.einsum`: `np.einsum(subscripts, *operands)`."""

    subscripts: str
    operands: tuple[Array, ...]


def einsums(
    max_operands: int = 3, dtype: DTypes = np.float64, *, elements: st.SearchStrategy[float] = _GRID
) -> st.SearchStrategy[Einsum]:
    """Draw subscripts of `np.einsum` with operands that fit them.

    Letters may be shared, summed, or kept in any order, but occur once in an operand.

    Parameters
    ----------
    max_operands : int
        The largest number of operands.
    dtype, elements
        As in `arrays`.

    Returns
    -------
    strategy of Einsum
        A named tuple ``(subscripts, operands)``.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np.testing import einsums, gradient_property
    >>> @gradient_property(einsums())
    ... def test_einsum(case):
    ...     return np.einsum(case.subscripts, *case.operands)
    >>> test_einsum()
    """

    @st.composite
    def draw_einsum(draw: st.DrawFn) -> Einsum:
        lengths = {letter: draw(st.integers(1, 3)) for letter in "ijkl"}
        letters = st.lists(st.sampled_from("ijkl"), max_size=3, unique=True)
        inputs = draw(st.lists(letters, min_size=1, max_size=max_operands))
        used = sorted({letter for operand in inputs for letter in operand})
        output = draw(st.permutations(draw(st.lists(st.sampled_from(used), unique=True)))) if used else list[str]()
        shapes = [tuple(lengths[letter] for letter in operand) for operand in inputs]
        operands = tuple(draw(arrays(shape, dtype, elements=elements)) for shape in shapes)
        return Einsum(f"{','.join(map(''.join, inputs))}->{''.join(output)}", operands)

    return draw_einsum()


class ClassificationBatch(NamedTuple):
    """Scores (N, C) of classes, and the right ones (N,)."""

    logits: Array
    labels: NDArray[np.intp]


def classification_batches(
    dtype: DTypes = np.float64, *, elements: st.SearchStrategy[float] = _GRID
) -> st.SearchStrategy[ClassificationBatch]:
    """Draw scores of classes with their labels, as losses take them.

    Batches of one example and of one class are among them, classes that are no example's, and tied scores.

    Parameters
    ----------
    dtype, elements
        Of the scores, as in `arrays`.

    Returns
    -------
    strategy of ClassificationBatch
        A named tuple ``(logits, labels)`` of shapes (N, C) and (N,).

    Examples
    --------
    >>> from autograd_np import neural
    >>> from autograd_np.testing import classification_batches, gradient_property
    >>> @gradient_property(classification_batches())
    ... def test_cross_entropy(batch):
    ...     return neural.cross_entropy(batch.logits, batch.labels)
    >>> test_cross_entropy()
    """
    sizes = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return sizes.flatmap(
        lambda size: st.builds(
            ClassificationBatch,
            arrays(size, dtype, elements=elements),
            hnp.arrays(np.intp, size[0], elements=st.integers(0, size[1] - 1)),
        )
    )


class Convolution(NamedTuple):
    """The arguments of a convolution: `conv2d(*convolution)`, with `x` (N, C, H, W) and `weight` (O, C, kh, kw)."""

    x: Array
    weight: Array
    bias: Array | None
    stride: tuple[int, int]
    padding: tuple[int, int]


def convolutions(
    dtype: DTypes = np.float64, *, elements: st.SearchStrategy[float] = _GRID
) -> st.SearchStrategy[Convolution]:
    """Draw images, filters, strides and padding that make a convolution.

    Parameters
    ----------
    dtype, elements
        As in `arrays`; the same dtype for all arrays.

    Returns
    -------
    strategy of Convolution
        A named tuple ``(x, weight, bias, stride, padding)``.

    Examples
    --------
    >>> from autograd_np import neural
    >>> from autograd_np.testing import convolutions, gradient_property
    >>> @gradient_property(convolutions())
    ... def test_conv2d(case):
    ...     return neural.conv2d(*case)
    >>> test_conv2d()
    """

    @st.composite
    def draw_convolution(draw: st.DrawFn) -> Convolution:
        kind: Any = np.dtype(draw(_strategy(dtype)))
        n, channels, filters = (draw(st.integers(1, 2)) for _ in range(3))
        kernel, stride, padding = draw(_pairs(1, 3)), draw(_pairs(1, 3)), draw(_pairs(0, 2))
        image = tuple(max(1, k - 2 * p) + draw(st.integers(0, 3)) for k, p in zip(kernel, padding, strict=True))
        x = draw(arrays((n, channels, *image), kind, elements=elements))
        weight = draw(arrays((filters, channels, *kernel), kind, elements=elements))
        bias = draw(st.none() | arrays((filters,), kind, elements=elements))
        return Convolution(x, weight, bias, stride, padding)

    return draw_convolution()


class Pooling(NamedTuple):
    """The arguments of a pooling: `max_pool2d(*pooling)`, with `x` (N, C, H, W)."""

    x: Array
    kernel_size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int]


def poolings(dtype: DTypes = np.float64, *, elements: st.SearchStrategy[float] = _GRID) -> st.SearchStrategy[Pooling]:
    """Draw images, windows, strides and padding that make a pooling: windows that overlap, leave gaps, and have ties.

    Parameters
    ----------
    dtype, elements
        As in `arrays`.

    Returns
    -------
    strategy of Pooling
        A named tuple ``(x, kernel_size, stride, padding)``.

    Examples
    --------
    >>> from autograd_np import neural
    >>> from autograd_np.testing import gradient_property, poolings
    >>> @gradient_property(poolings())
    ... def test_max_pool2d(case):
    ...     return neural.max_pool2d(*case)
    >>> test_max_pool2d()
    """

    @st.composite
    def draw_pooling(draw: st.DrawFn) -> Pooling:
        kernel, stride = draw(_pairs(1, 3)), draw(_pairs(1, 3))
        padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
        image = tuple(max(1, k - 2 * p) + draw(st.integers(0, 3)) for k, p in zip(kernel, padding, strict=True))
        x = draw(arrays((*draw(_pairs(1, 2)), *image), dtype, elements=elements))
        return Pooling(x, kernel, stride, (padding[0], padding[1]))

    return draw_pooling()


def _pairs(least: int, most: int) -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(least, most), st.integers(least, most))


def _strategy(value: Any) -> st.SearchStrategy[Any]:
    if isinstance(value, st.SearchStrategy):
        return cast("st.SearchStrategy[Any]", value)
    return st.just(value)
