"""The large kernels, in plain NumPy: products of matrices, convolutions made of them, and max pooling of tiles.

Images are (N, C, H, W), and the results lie in memory as (H, W, C, N) or (H, C, W, N): with the batch last, windows of
whole batches are views, and copies and maxima run over contiguous stretches.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from autograd_np.threads import in_halves, tuned

__all__ = [
    "as_in_memory",
    "correlate",
    "image_gradient",
    "kernel_gradient",
    "max_of_tiles",
    "max_of_tiles_gradient",
    "pad",
    "product",
    "steps",
]

Array: TypeAlias = NDArray[Any]
Pair: TypeAlias = tuple[int, int]

# A product for each position pays from about so many channels times columns of a kernel on: below, the matrices are
# too thin. For 16 channels of 5 columns it takes 0.64 of what laid out lines take, for one channel 4 times as much.
_THICK = 32


def product(a: Any, b: Any) -> Any:
    """Multiply matrices, as @ does, on two threads if the process is tuned for it."""
    if a.shape[1] == 1:
        return a * b  # an outer product: 0.4 of the time of a product of matrices
    if type(a) is not np.ndarray or type(b) is not np.ndarray or not tuned():
        return a @ b  # a sweep that is itself recorded multiplies Tensors
    y = np.empty((len(a), b.shape[1]), np.result_type(a, b))

    def work(rows: slice) -> None:
        np.matmul(a[rows], b, out=y[rows])

    in_halves(work, len(a), multiplications=a.size * b.shape[1])
    return y


def pad(x: Array, padding: Pair, value: float = 0) -> Array:
    """Surround images (N, C, H, W) with a constant; they lie in memory as (H, W, C, N) then."""
    (n, c, h, w), (above, left) = x.shape, padding
    if padding == (0, 0):
        return x
    total = np.full((h + 2 * above, w + 2 * left, c, n), value, x.dtype)
    total[above : above + h, left : left + w] = x.transpose(2, 3, 1, 0)
    return total.transpose(3, 2, 0, 1)


def correlate(x: Array, w: Array, b: Array | None, stride: Pair, padding: Pair) -> Array:
    """Correlate images (N, C, H, W) with filters (O, C, kh, kw), and add b (O,) to each output channel."""
    images = np.ascontiguousarray(pad(x, padding).transpose(2, 3, 1, 0))
    if b is not None:
        w = w.astype(np.result_type(x, w, b), copy=False)
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
    """Multiply every window where it stands, row by row of the kernel: small products, which BLAS is fastest at."""
    o, c, kh, kw = w.shape
    windows = _windows(images, (kh, kw), stride)
    rows, columns = steps(images.shape[:2], (kh, kw), stride)
    matrices = np.ascontiguousarray(w.transpose(2, 0, 3, 1)).reshape(kh, o, kw * c)
    y = np.empty((rows, columns, o, images.shape[3]), np.result_type(images, w))

    def work(part: slice) -> None:
        product = np.empty(y.shape[1:], y.dtype)  # of a row, so that it stays in the cache
        for i in range(part.start, part.stop):
            np.matmul(matrices[0], windows[stride[0] * i], out=y[i])
            for m in range(1, kh):
                np.matmul(matrices[m], windows[stride[0] * i + m], out=product)
                np.add(y[i], product, out=y[i])
            if b is not None:
                np.add(y[i], b[:, None], out=y[i])

    in_halves(work, rows, multiplications=y.size * kh * kw * c)
    return y.transpose(3, 2, 0, 1)


def _by_lines(images: Array, w: Array, b: Array | None, stride: Pair) -> Array:
    """Multiply all windows of a row in one product."""
    o, c, kh, kw = w.shape
    rows, columns = steps(images.shape[:2], (kh, kw), stride)
    lines = _lines(images, (kh, kw), stride)
    windows = _down(lines, kh, stride[0], rows)
    matrix = w.transpose(0, 2, 3, 1).reshape(o, kh * kw * c)
    y = np.empty((rows, o, lines.shape[2]), np.result_type(images, w))

    def work(part: slice) -> None:
        for i in range(part.start, part.stop):
            np.matmul(matrix, windows[i], out=y[i])
            # Not as one more product in the sum: sums that are equal without the bias stay equal.
            if b is not None:
                np.add(y[i], b[:, None], out=y[i])

    in_halves(work, rows, y.size, y.size * kh * kw * c)
    return y.reshape(rows, o, columns, images.shape[3]).transpose(3, 1, 0, 2)


def _lines(images: Array, kernel: Pair, stride: Pair) -> Array:
    """Lay out the windows of each row as a matrix (H, kw C, W' N)."""
    windows = _windows(images, kernel, stride)
    h, columns, k, n = windows.shape
    return np.ascontiguousarray(windows.swapaxes(1, 2)).reshape(h, k, columns * n)


def _down(lines: Array, kh: int, step: int, rows: int) -> Array:
    """View lines as the matrices (H', kh kw C, W' N) of the windows: those under kh rows follow one another."""
    (_, k, n), item = lines.shape, lines.itemsize
    strides = (step * k * n * item, n * item, item)
    return as_strided(lines, (rows, kh * k, n), strides, writeable=False)


def image_gradient(g: Array, w: Array, image: Pair, stride: Pair, padding: Pair) -> Array:
    """Return what each pixel meets: `g` (N, O, H', W') times the weights, added where the filters were."""
    (n, o, rows, columns), (_, c, kh, kw), (s, t) = g.shape, w.shape, stride
    margin = (kh - 1 - padding[0], kw - 1 - padding[1])
    if stride == (1, 1) and min(margin) >= 0 and o * kw >= _THICK:
        return correlate(g, np.flip(w, (2, 3)).swapaxes(0, 1), None, stride, margin)
    h, width = image[0] + 2 * padding[0], image[1] + 2 * padding[1]
    total = np.zeros((h, c, width, n), np.result_type(g, w))
    matrix = w.transpose(2, 3, 1, 0).reshape(kh * kw * c, o)
    lines = np.ascontiguousarray(g.transpose(2, 1, 3, 0)).reshape(rows, o, columns * n)
    for i in range(rows):  # row by row, so that the products are still in the cache when they are added
        patches = (matrix @ lines[i]).reshape(kh, kw, c, columns, n)
        for j in range(kw):
            total[s * i : s * i + kh, :, j : j + t * (columns - 1) + 1 : t] += patches[:, j]
    inner = total[padding[0] : padding[0] + image[0], :, padding[1] : padding[1] + image[1]]
    return inner.transpose(3, 1, 0, 2)


def kernel_gradient(x: Array, g: Array, kernel: Pair, stride: Pair, padding: Pair) -> Array:
    """Return what each weight meets: a correlation of the images with `g` (N, O, H', W'), over the whole batch."""
    images = np.ascontiguousarray(pad(x, padding).transpose(2, 3, 1, 0))
    (n, o, rows, columns), c, (kh, kw) = g.shape, x.shape[1], kernel
    if stride == (1, 1) and c * kw >= _THICK:
        total = _by_image_rows(images, g, kernel)
    else:
        windows = _down(_lines(images, kernel, stride), kh, stride[0], rows).swapaxes(1, 2)
        outputs = np.ascontiguousarray(g.transpose(2, 1, 3, 0)).reshape(rows, o, columns * n)
        products = np.empty((rows, o, kh * kw * c), np.result_type(x, g))

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
    # With rows of zeros around, every image row meets kh rows.
    outputs = np.zeros((rows + 2 * (kh - 1), o, columns, n), g.dtype)
    outputs[kh - 1 : kh - 1 + rows] = g.transpose(2, 1, 3, 0)
    matrices = outputs.reshape(-1, columns * n)
    totals: list[Array] = []

    def work(part: slice) -> None:
        line = np.empty((k, columns, n), images.dtype)
        total = np.zeros((kh * o, k), np.result_type(images, g))
        for i in range(part.start, part.stop):
            line[...] = windows[i]
            total += matrices[i * o : (i + kh) * o] @ line.reshape(k, columns * n).T
        totals.append(total)

    in_halves(work, h, multiplications=g.size * kh * k)
    # An image row meets the last of its rows of g with the kernel's first one.
    return sum(totals).reshape(kh, o, k)[::-1].swapaxes(0, 1).reshape(o, kh * k)  # pyright: ignore


def max_of_tiles(x: Array, kernel: Pair) -> tuple[Array, Array]:
    """Return the maximum of each tile of images (N, C, H, W), and the maxima along the width on the way to it."""
    (n, c, height, width), (kh, kw) = x.shape, kernel
    rows, columns = height // kh, width // kw
    across = np.empty_like(x, shape=(n, c, rows * kh, columns))
    y = np.empty_like(x, shape=(n, c, rows, columns))

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


def max_of_tiles_gradient(g: Array, y: Array, across: Array, x: Array, kernel: Pair) -> Array:
    """Give the gradient of each tile's maximum to the first element, in reading order, that equals it.

    It goes to the first row that holds the maximum, and there to the first column. No element may be NaN.
    """
    (_, _, rows, columns), (kh, kw) = y.shape, kernel
    total = np.empty_like(x, dtype=g.dtype)
    total[:, :, rows * kh :] = 0
    total[:, :, :, columns * kw :] = 0
    on_the_way = np.empty_like(across, dtype=g.dtype)
    g = as_in_memory(g, y)

    def work(part: slice) -> None:
        here = slice(part.start * kh, part.stop * kh)
        along, lines = across[:, :, here], on_the_way[:, :, here]
        down = [(along[:, :, i::kh], lines[:, :, i::kh]) for i in range(kh)]
        _to_the_first(g[:, :, part], y[:, :, part], down)
        cells = (slice(j, columns * kw, kw) for j in range(kw))
        _to_the_first(lines, along, [(x[:, :, here, cell], total[:, :, here, cell]) for cell in cells])

    in_halves(work, rows, x.size)
    return total


def _to_the_first(g: Array, largest: Array, cells: list[tuple[Array, Array]]) -> None:
    """Write the gradient into the place of the first cell that is the largest, and 0 into the others'."""
    for i, (cell, out) in enumerate(cells[:-1], start=1):
        np.multiply(g, cell == largest, out=out)
        g = np.subtract(g, out, out=cells[-1][1] if i == len(cells) - 1 else None)
    if len(cells) == 1:
        cells[0][1][...] = g


def as_in_memory(g: Array, like: Array) -> Array:
    """Return an array that lies in memory as another one of its shape does."""
    if g.strides == like.strides:
        return g
    copy = np.empty_like(like, dtype=g.dtype)
    copy[...] = g
    return copy


def steps(image: Pair, kernel: Pair, stride: Pair) -> Pair:
    """Return how many places a kernel has in an image."""
    (h, w), (kh, kw), (s, t) = image, kernel, stride
    return (h - kh) // s + 1, (w - kw) // t + 1
