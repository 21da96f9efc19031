"""Functions of `scipy.signal` for arrays and tensors, under their own names and signatures."""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import scipy.signal  # pyright: ignore[reportMissingTypeStubs]

from autograd_np.primitives import defvjp
from autograd_np.tensor import Operand, Tensor, primitive

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d", "fftconvolve"]

Mode: TypeAlias = Literal["full", "same", "valid"]
Method: TypeAlias = Literal["auto", "direct", "fft"]
Boundary: TypeAlias = Literal["fill", "wrap", "symm"]

_scipy: Any = scipy.signal


def convolve(in1: Operand, in2: Operand, mode: Mode = "full", method: Method = "auto") -> Any:
    """Convolve two arrays along all their axes; see `scipy.signal.convolve`.

    Parameters
    ----------
    in1 : array_like or Tensor, shape (N1, N2, ...)
        One array.
    in2 : array_like or Tensor, shape (M1, M2, ...)
        The other, of as many axes.
    mode : {"full", "same", "valid"}
        Every place where the two meet, of length N + M - 1; as many as `in1` has, in the middle of that; or where one
        lies wholly in the other, of length abs(N - M) + 1.
    method : {"auto", "direct", "fft"}
        How to compute it, and its gradient: by the definition, by Fourier transforms, or by what is faster.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        If the numbers of axes differ, there is no element, neither array holds the other in mode "valid", or the mode
        or the method is unknown.

    Examples
    --------
    >>> from autograd_np import Tensor
    >>> from autograd_np.scipy.signal import convolve
    >>> x = Tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> y = convolve(x, [1.0, 10.0], mode="same")
    >>> y.data
    array([ 1., 12., 23.])
    >>> y[1].backward()
    >>> x.grad
    array([10.,  1.,  0.])
    """
    a, v = _operands("convolve", mode, in1, in2)
    if a.ndim == 0:
        return a * v
    if mode == "same":
        full = _convolve(a, v, valid=False, method=method)
        return full[_window(a.shape, [(m - 1) // 2 for m in v.shape])]
    return _convolve(a, v, valid=mode == "valid", method=method)


@primitive
def _convolve(a: Any, v: Any, valid: bool = False, method: Any = "auto") -> Any:
    return _scipy.convolve(a, v, mode="valid" if valid else "full", method=method)


defvjp(
    _convolve,
    lambda g, _y, _a, v, valid=False, method="auto": _convolve_vjp(g, v, _a.shape, valid, method),
    lambda g, _y, a, _v, valid=False, method="auto": _convolve_vjp(g, a, _v.shape, valid, method),
)


def _convolve_vjp(g: Any, other: Any, shape: tuple[int, ...], valid: bool, method: Method) -> Any:
    """Return the gradient of an array of the given shape, which was convolved with another.

    It is a convolution with the other one turned round: of "full" a "valid" one; of "valid" a "full" one, or a "valid"
    one again, for the array that lay inside the other.
    """
    inside = not valid or all(n <= m for n, m in zip(shape, other.shape, strict=True))
    return _convolve(g, np.flip(other), valid=inside, method=method)


def correlate(in1: Operand, in2: Operand, mode: Mode = "full", method: Method = "auto") -> Any:
    """Correlate two arrays along all their axes, the second one conjugated; see `scipy.signal.correlate`.

    Parameters
    ----------
    in1 : array_like or Tensor, shape (N1, N2, ...)
        One array.
    in2 : array_like or Tensor, shape (M1, M2, ...)
        The other, of as many axes.
    mode : {"full", "same", "valid"}
        As in `convolve`.
    method : {"auto", "direct", "fft"}
        As in `convolve`.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        As `convolve`.

    Examples
    --------
    >>> from autograd_np.scipy.signal import correlate
    >>> correlate([1.0, 2.0, 3.0], [1.0, 10.0], mode="valid")
    array([21., 32.])
    """
    a, v = _operands("correlate", mode, in1, in2)
    return convolve(a, _turned(v), mode, method)


def fftconvolve(in1: Operand, in2: Operand, mode: Mode = "full") -> Any:
    """Convolve two arrays by Fourier transforms along all their axes; see `scipy.signal.fftconvolve`.

    Parameters
    ----------
    in1 : array_like or Tensor, shape (N1, N2, ...)
        One array.
    in2 : array_like or Tensor, shape (M1, M2, ...)
        The other, of as many axes.
    mode : {"full", "same", "valid"}
        As in `convolve`.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        As `convolve`.

    Examples
    --------
    >>> from autograd_np.scipy.signal import fftconvolve
    >>> fftconvolve([1.0, 2.0], [1.0, 10.0]).round(12)
    array([ 1., 12., 20.])
    """
    return convolve(in1, in2, mode, method="fft")


def convolve2d(
    in1: Operand, in2: Operand, mode: Mode = "full", boundary: Boundary = "fill", fillvalue: float = 0
) -> Any:
    """Convolve two matrices; see `scipy.signal.convolve2d`.

    Parameters
    ----------
    in1 : array_like or Tensor, shape (N1, N2)
        One matrix.
    in2 : array_like or Tensor, shape (M1, M2)
        The other.
    mode : {"full", "same", "valid"}
        As in `convolve`.
    boundary : {"fill", "wrap", "symm"}
        What lies around `in1`: a constant, itself again, or its mirror image.
    fillvalue : float
        The constant.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        As `convolve`, if an argument is no matrix, or if the boundary is unknown.

    Examples
    --------
    >>> from autograd_np.scipy.signal import convolve2d
    >>> convolve2d([[1.0, 2.0, 3.0]], [[1.0, 10.0]], boundary="wrap")
    array([[31., 12., 23., 31.]])
    """
    a, v = _operands("convolve2d", mode, in1, in2, ndim=2)
    return _convolve2d("convolve2d", a, v, mode, boundary, fillvalue, [(m - 1) // 2 for m in v.shape])


def correlate2d(
    in1: Operand, in2: Operand, mode: Mode = "full", boundary: Boundary = "fill", fillvalue: float = 0
) -> Any:
    """Correlate two matrices, the second one conjugated; see `scipy.signal.correlate2d`.

    Parameters
    ----------
    in1 : array_like or Tensor, shape (N1, N2)
        One matrix.
    in2 : array_like or Tensor, shape (M1, M2)
        The other.
    mode : {"full", "same", "valid"}
        As in `convolve`, but for "same" the middle of M elements, if M is even, is the one after it.
    boundary : {"fill", "wrap", "symm"}
        What lies around `in1`: a constant, itself again, or its mirror image.
    fillvalue : float
        The constant.

    Returns
    -------
    array or Tensor

    Raises
    ------
    ValueError
        As `convolve2d`.

    Examples
    --------
    >>> from autograd_np.scipy.signal import correlate2d
    >>> correlate2d([[1.0, 2.0, 3.0]], [[1.0, 10.0]], mode="valid")
    array([[21., 32.]])
    """
    a, v = _operands("correlate2d", mode, in1, in2, ndim=2)
    return _convolve2d("correlate2d", a, _turned(v), mode, boundary, fillvalue, [m // 2 for m in v.shape])


def _convolve2d(
    call: str, a: Any, v: Any, mode: Mode, boundary: Boundary, fillvalue: float, starts: Sequence[int]
) -> Any:
    if boundary not in ("fill", "wrap", "symm"):
        raise ValueError(f"{call}: boundary={boundary!r} is none of 'fill', 'wrap' and 'symm'")
    if mode == "valid":
        return _convolve(a, v, valid=True, method="direct")
    if boundary == "fill" and fillvalue == 0:
        full = _convolve(a, v, valid=False, method="direct")
    else:
        widths = [(m - 1, m - 1) for m in v.shape]
        if boundary == "fill":
            around = np.pad(a, widths, constant_values=fillvalue)
        else:
            around = np.pad(a, widths, mode="wrap" if boundary == "wrap" else "symmetric")
        full = _convolve(around, v, valid=True, method="direct")
    return full if mode == "full" else full[_window(a.shape, starts)]


def _turned(x: Any) -> Any:
    """Return an array turned round, and conjugated."""
    return np.flip(np.conjugate(x) if np.iscomplexobj(x) else x)


def _window(shape: Sequence[int], starts: Sequence[int]) -> tuple[slice, ...]:
    return tuple(slice(start, start + n) for start, n in zip(starts, shape, strict=True))


def _operands(call: str, mode: Mode, *operands: Operand, ndim: int | None = None) -> tuple[Any, Any]:
    """Return both operands as arrays or tensors.

    Raises
    ------
    ValueError
        If they or the mode are unsuitable.
    """
    a, v = (x if isinstance(x, Tensor) else np.asarray(x) for x in operands)
    if a.ndim != v.ndim or ndim not in (None, a.ndim):
        axes = "as many axes" if ndim is None else f"{ndim} axes each"
        raise ValueError(f"{call}: in1 of shape {a.shape} and in2 of shape {v.shape} do not have {axes}")
    if a.size == 0 or v.size == 0:
        raise ValueError(f"{call}: in1 of shape {a.shape} or in2 of shape {v.shape} has no elements")
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"{call}: mode={mode!r} is none of 'full', 'same' and 'valid'")
    return a, v
