"""The large kernels, in plain NumPy: products of matrices, convolutions made of them, and max pooling of tiles.

Images are (N, C, H, W), and the results lie in memory as (H, W, C, N) or (H, C, W, N): with the batch last, windows of
whole batches are views, and copies and maxima run over contiguous stretches.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd_np.capture import kernel
from autograd_np.memory import empty, empty_like
from autograd_np.neural.arguments import Array, Pair
from autograd_np.neural.threads import in_halves, tuned

__all__ = [
    "as_in_memory",
    "bias_gradient",
    "correlate",
    "image_gradient",
    "kernel_gradient",
    "matmul",
    "max_of_tiles",
    "max_of_tiles_gradient",
    "pad",
    "steps",
]

# From this many channels times kernel columns on, one product for each kernel position is faster than one product of
# laid-out lines: for 16 channels of 5 columns it takes 0.64 of the time. With fewer the matrices are too thin: for one
# channel it takes 4 times as long.
_THICK = 32

# How many numbers one step of a loop works on: they stay in a core's cache, and take longer than handing over Python's
# lock does. Row by row, two threads take 1.1 to 1.6 times as long.
_CACHED = 2**17

# From this many numbers on, a product is put into memory that was used before.
_LARGE = 2**15


def matmul(a: Any, b: Any) -> Any:
    """Multiply matrices, as @ does, on two threads if the process is tuned for it."""
    if a.__class__ is not np.ndarray or b.__class__ is not np.ndarray:
        return a @ b  # a sweep that is itself recorded multiplies Tensors
    multiply = _outer if a.shape[1] == 1 else np.matmul
    if type(a) is not np.ndarray or not (tuned() or len(a) * b.shape[1] >= _LARGE):  # or captured
        return multiply(a, b)
    y = empty((len(a), b.shape[1]), np.result_type(a, b))
    if not tuned():
        return multiply(a, b, out=y)

    def work(rows: slice) -> None:
        multiply(a[rows], b, out=y[rows])

    # Cut by rows of weights, as updates are, even where little is multiplied: each core's half then stays in its cache.
    in_halves(work, len(a), max(a.size, y.size), a.size * b.shape[1])
    return y


def _outer(a: Array, b: Array, out: Array | None = None) -> Array:
    """Multiply a column with a row: in 0.2 of the time of BLAS, and 0.6 of that of a * b."""
    return np.einsum("ij,jk->ik", a, b, out=out)


@kernel
def pad(x: Array, padding: Pair, value: float = 0) -> Array:
    """Surround images (N, C, H, W) with a constant; they lie in memory as (H, W, C, N) then.

    With no padding the images themselves are returned, as they lie.
    """
    (n, c, h, w), (above, left) = x.shape, padding
    if padding == (0, 0):
        return x
    total = empty((h + 2 * above, w + 2 * left, c, n), x.dtype)
    total.fill(value)
    total[above : above + h, left : left + w] = x.transpose(2, 3, 1, 0)
    return total.transpose(3, 2, 0, 1)


@kernel
def correlate(x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> Array:
    """Correlate images (N, C, H, W) with filters (O, C, kh, kw), and add b (O,) to each output channel.

    The rows and columns of a filter are `dilation` apart.
    """
    images = _contiguous(pad(x, padding).transpose(2, 3, 1, 0))
    if b is not None:
        w = w.astype(np.result_type(x, w, b), copy=False)
    if dilation != (1, 1):
        return _by_lines(images, w, b, stride, dilation)
    thick = w.shape[1] * w.shape[3] >= _THICK
    return (_by_positions if thick else _by_lines)(images, w, b, stride)


def _windows(images: Array, kernel: Pair, stride: Pair) -> Array:
    """View images (H, W, C, N) as windows (H, W', kw C, N) of one row: those of a whole batch are one stretch."""
    (h, w, c, n), kw, item = images.shape, kernel[1], images.itemsize
    columns = steps((h, w), kernel, stride)[1]
    # Not images.strides: along an axis of length 1, those may be anything.
    strides = (w * c * n * item, stride[1] * c * n * item, n * item, item)
    return as_strided(images, (h, columns, kw * c, n), strides, writeable=False)


def _by_positions(images: Array, w: Array, b: Array | None, stride: Pair) -> Array:
    """Multiply every window where it stands, kernel row by kernel row: small products, which BLAS is fastest at."""
    o, c, kh, kw = w.shape
    windows = _windows(images, (kh, kw), stride)
    rows, columns = steps(images.shape[:2], (kh, kw), stride)
    matrices = np.ascontiguousarray(w.transpose(2, 0, 3, 1)).reshape(kh, o, kw * c)
    y = empty((rows, columns, o, images.shape[3]), np.result_type(images, w))
    block = min(rows, max(1, _CACHED // max(1, y[0].size)))

    def under(m: int, start: int, count: int) -> Array:
        """View the windows that lie under the kernel's row m, for so many rows of the output."""
        first = stride[0] * start + m
        return windows[first : first + stride[0] * (count - 1) + 1 : stride[0]]

    def work(part: slice) -> None:
        buffer = empty((block, *y.shape[1:]), y.dtype)
        for start in range(part.start, part.stop, block):
            out = y[start : min(start + block, part.stop)]
            term = buffer[: len(out)]
            np.matmul(matrices[0], under(0, start, len(out)), out=out)
            for m in range(1, kh):
                np.matmul(matrices[m], under(m, start, len(out)), out=term)
                np.add(out, term, out=out)
            if b is not None:
                np.add(out, b[:, None], out=out)

    in_halves(work, rows, multiplications=y.size * kh * kw * c)
    return y.transpose(3, 2, 0, 1)


def _by_lines(images: Array, w: Array, b: Array | None, stride: Pair, dilation: Pair = (1, 1)) -> Array:
    """Multiply all windows of a row of images in one product."""
    (o, c, kh, kw), (down, right) = w.shape, dilation
    rows, columns = steps(images.shape[:2], (down * (kh - 1) + 1, right * (kw - 1) + 1), stride)
    lines = _lines(images, (kh, kw), stride, right)
    windows = _down(lines, kh, stride[0], rows, down)
    matrix = w.transpose(0, 2, 3, 1).reshape(o, kh * kw * c)
    y = empty((rows, o, lines.shape[2]), np.result_type(images, w))

    def work(part: slice) -> None:
        np.matmul(matrix, windows[part], out=y[part])
        # Not as one more product in the sum: sums that are equal without the bias stay equal.
        if b is not None:
            np.add(y[part], b[:, None], out=y[part])

    in_halves(work, rows, y.size, y.size * kh * kw * c)
    return y.reshape(rows, o, columns, images.shape[3]).transpose(3, 1, 0, 2)


def _lines(images: Array, kernel: Pair, stride: Pair, apart: int) -> Array:
    """Lay out the windows of each row as a matrix (H, kw C, W' N); a window's columns are so far apart."""
    (h, w, c, n), (kh, kw), item = images.shape, kernel, images.itemsize
    columns = steps((h, w), (kh, apart * (kw - 1) + 1), stride)[1]
    pixel = c * n * item  # not of images.strides: along an axis of length 1, those may be anything
    strides = (w * pixel, apart * pixel, n * item, stride[1] * pixel, item)
    windows = as_strided(images, (h, kw, c, columns, n), strides, writeable=False)
    return _contiguous(windows).reshape(h, kw * c, columns * n)


def _down(lines: Array, kh: int, step: int, rows: int, apart: int) -> Array:
    """Return lines as the matrices (H', kh kw C, W' N) of the windows: a view, if those under kh rows are neighbours.

    With rows that are further apart, each line is copied for all windows that it is part of.
    """
    (_, k, n), item = lines.shape, lines.itemsize
    strides = (step * k * n * item, apart * k * n * item, n * item, item)
    return as_strided(lines, (rows, kh, k, n), strides, writeable=False).reshape(rows, kh * k, n)


@kernel
def image_gradient(g: Array, w: Array, image: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> Array:
    """Return the gradient of the images: `g` (N, O, H', W') times the weights, added where the filters were."""
    (n, o, rows, columns), (_, c, kh, kw), (s, t), (down, right) = g.shape, w.shape, stride, dilation
    margin = (down * (kh - 1) - padding[0], right * (kw - 1) - padding[1])
    # With a stride of 1 the gradient is a correlation of g with the flipped filters.
    if stride == (1, 1) and min(margin) >= 0 and o * kw >= _THICK:
        return correlate(g, np.flip(w, (2, 3)).swapaxes(0, 1), None, stride, margin, dilation)
    h, width = image[0] + 2 * padding[0], image[1] + 2 * padding[1]
    total = empty((h, c, width, n), np.result_type(g, w))
    total.fill(0)
    matrix = w.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    lines = _contiguous(g.transpose(2, 1, 3, 0)).reshape(rows, o, columns * n)
    product = empty((kh * kw * c, columns * n), total.dtype)
    patches, height = product.reshape(kh, kw, c, columns, n), down * (kh - 1) + 1
    for i in range(rows):  # row by row, so that the products are still in the cache when they are added
        np.matmul(matrix, lines[i], out=product)
        for j in range(kw):
            first = right * j
            total[s * i : s * i + height : down, :, first : first + t * (columns - 1) + 1 : t] += patches[:, j]
    inner = total[padding[0] : padding[0] + image[0], :, padding[1] : padding[1] + image[1]]
    return inner.transpose(3, 1, 0, 2)


@kernel
def kernel_gradient(x: Array, g: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)) -> Array:
    """Return the gradient of the weights: a correlation of the images with `g` (N, O, H', W'), over the batch."""
    images = _contiguous(pad(x, padding).transpose(2, 3, 1, 0))
    (n, o, rows, columns), c, (kh, kw) = g.shape, x.shape[1], kernel
    if stride == dilation == (1, 1) and c * kw >= _THICK:
        total = _by_image_rows(images, g, kernel)
    else:
        lines = _lines(images, kernel, stride, dilation[1])
        windows = _down(lines, kh, stride[0], rows, dilation[0]).swapaxes(1, 2)
        outputs = _contiguous(g.transpose(2, 1, 3, 0)).reshape(rows, o, columns * n)
        products = empty((rows, o, kh * kw * c), np.result_type(x, g))

        def work(part: slice) -> None:
            np.matmul(outputs[part], windows[part], out=products[part])

        in_halves(work, rows, multiplications=g.size * kh * kw * c)
        total = products.sum(axis=0)
    return np.ascontiguousarray(total.reshape(o, kh, kw, c).transpose(0, 3, 1, 2))


def _by_image_rows(images: Array, g: Array, kernel: Pair) -> Array:
    """Multiply the windows of each image row with the kh rows of `g` that they meet: (O, kh kw C).

    The lines of one row at a time stay in the cache.
    """
    (n, o, rows, columns), kh = g.shape, kernel[0]
    windows = _windows(images, kernel, (1, 1)).swapaxes(1, 2)
    h, k = windows.shape[:2]
    matrices = _contiguous(g.transpose(2, 1, 3, 0)).reshape(rows * o, columns * n)
    totals: list[Array] = []

    def work(part: slice) -> None:
        line = empty((k, columns, n), images.dtype)
        total = np.zeros((kh, o, k), np.result_type(images, g))
        by_row = total.reshape(kh * o, k)
        for i in range(part.start, part.stop):
            line[...] = windows[i]
            # Of g it meets these rows, the last one with the first weights.
            first, end = max(0, i - kh + 1), min(rows, i + 1)
            met = matrices[first * o : end * o] @ line.reshape(k, columns * n).T
            by_row[(first - i + kh - 1) * o : (end - i + kh - 1) * o] += met
        totals.append(total)

    in_halves(work, h, multiplications=g.size * kh * k)
    return sum(totals)[::-1].swapaxes(0, 1).reshape(o, kh * k)  # pyright: ignore


def _contiguous(x: Array) -> Array:
    """Copy an array that does not lie in memory in order."""
    if x.flags.c_contiguous:
        return x
    y = empty(x.shape, x.dtype)

    def work(part: slice) -> None:
        y[part] = x[part]

    in_halves(work, len(x), x.size)
    return y


@kernel
def bias_gradient(g: Any) -> Any:
    """Sum `g` (N, O, H', W') over all axes but the channels'.

    The axis with the largest steps in memory is summed first, so that whole stretches are added. With the batch last
    that takes 0.2 to 0.9 of the time of `g.sum(axis=(0, 2, 3))`, and rounds less.
    """
    if type(g) is not np.ndarray:
        return g.sum(axis=(0, 2, 3))  # a sweep that is itself recorded
    total = g
    for axis in sorted((0, 2, 3), key=lambda axis: -g.strides[axis]):
        shape = (*total.shape[:axis], 1, *total.shape[axis + 1 :])
        total = np.add.reduce(total, axis=axis, keepdims=True, out=empty_like(total, shape, total.dtype))
    return total.reshape(-1)


@kernel
def max_of_tiles(x: Array, kernel: Pair) -> tuple[Array, Array]:
    """Return the maximum of each tile of images (N, C, H, W), and the maxima along the width on the way to it."""
    (n, c, height, width), (kh, kw) = x.shape, kernel
    rows, columns = height // kh, width // kw
    across = empty_like(x, (n, c, rows * kh, columns), x.dtype)
    y = empty_like(x, (n, c, rows, columns), x.dtype)

    def work(part: slice) -> None:
        here = slice(part.start * kh, part.stop * kh)
        _largest([x[:, :, here, j : columns * kw : kw] for j in range(kw)], across[:, :, here])
        _largest([across[:, :, here][:, :, i::kh] for i in range(kh)], y[:, :, part])

    in_halves(work, rows, x.size)
    return y, across


def _largest(cells: list[Array], out: Array) -> None:
    first, *others = cells
    if not others:
        out[...] = first
    for other in others:
        np.maximum(first, other, out=out)
        first = out


@kernel
def max_of_tiles_gradient(g: Array, y: Array, across: Array, x: Array, kernel: Pair) -> Array:
    """Give the gradient of each tile's maximum to the first element, in reading order, that equals it.

    It goes to the first row that holds the maximum, and there to the first column. No element may be NaN.
    """
    (_, _, rows, columns), (kh, kw) = y.shape, kernel
    total = empty_like(x, x.shape, g.dtype)
    total[:, :, rows * kh :] = 0
    total[:, :, :, columns * kw :] = 0
    on_the_way = empty_like(across, across.shape, g.dtype)
    holds = empty_like(across, across.shape, np.dtype(bool))
    g = as_in_memory(g, y)

    def work(part: slice) -> None:
        here = slice(part.start * kh, part.stop * kh)
        along, lines, mask = across[:, :, here], on_the_way[:, :, here], holds[:, :, here]
        down = [(along[:, :, i::kh], lines[:, :, i::kh]) for i in range(kh)]
        _to_the_first(g[:, :, part], y[:, :, part], down, mask[:, :, ::kh])
        cells = (slice(j, columns * kw, kw) for j in range(kw))
        _to_the_first(lines, along, [(x[:, :, here, cell], total[:, :, here, cell]) for cell in cells], mask)

    in_halves(work, rows, x.size)
    return total


def _to_the_first(g: Array, largest: Array, cells: list[tuple[Array, Array]], mask: Array) -> None:
    """Write the gradient into the place of the first cell that is the largest, and 0 into the places of the others.

    The last cell takes what no other took.
    """
    for i, (cell, out) in enumerate(cells[:-1], start=1):
        np.equal(cell, largest, out=mask)
        np.multiply(g, mask, out=out)
        g = np.subtract(g, out, out=cells[-1][1] if i == len(cells) - 1 else None)
    if len(cells) == 1:
        cells[0][1][...] = g


@kernel
def as_in_memory(g: Array, like: Array) -> Array:
    """Return an array in the memory layout of another one of its shape: itself, if it has that layout."""
    if g.strides == like.strides:
        return g
    copy = empty_like(like, like.shape, g.dtype)
    copy[...] = g
    return copy


def steps(image: Pair, kernel: Pair, stride: Pair) -> Pair:
    """Return how many places a kernel has in an image."""
    (h, w), (kh, kw), (s, t) = image, kernel, stride
    return (h - kh) // s + 1, (w - kw) // t + 1
