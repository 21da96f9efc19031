"""Why a loss grows: the learning rates that the curvature of the loss allows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np import Tensor, hvp, no_grad

__all__ = ["Stability", "explain_divergence"]

Array = NDArray[Any]
Product = Callable[[Array], Array]

# Lanczos keeps this many vectors: with no more parameters than that, the whole Hessian costs no more.
_BASIS = 20
# It starts again from the best of them so many times, and then asks for two digits less.
_RESTARTS = 15


@dataclass(frozen=True)
class Stability:
    """The curvature of a loss, and whether a learning rate suits it; `print` it for an explanation.

    Attributes
    ----------
    curvature : float
        The largest eigenvalue of the Hessian: how strongly the loss curves up along its steepest direction.
    lowest : float
        The smallest one; below 0 the loss curves down in some direction.
    lr : float
        The learning rate in question.
    products : int
        How many products of the Hessian with a vector it took.
    residual : float
        Norm of ``H v - curvature v`` for the direction v (of norm 1) that was found: some eigenvalue is no farther than
        this from `curvature`.
    """

    curvature: float
    lowest: float
    lr: float
    products: int
    residual: float

    @property
    def stable_below(self) -> float:
        """The learning rate from which on gradient descent is unstable: infinite where nothing curves up."""
        return 2 / self.curvature if self.curvature > 0 else math.inf

    @property
    def stable(self) -> bool:
        """Whether the learning rate is below that."""
        return self.lr < self.stable_below

    def __str__(self) -> str:
        highest, bound = f"{self.curvature:.4g}", f"{self.stable_below:.4g}"
        sentences = [f"The largest eigenvalue of the Hessian, the steepest curvature of the loss here, is {highest}."]
        if self.curvature > 0:
            growth = abs(1 - self.lr * self.curvature)
            sentences.append(f"Gradient descent is stable at learning rates below 2 / {highest} = {bound}.")
            sentences.append(
                f"Yours, {self.lr:.4g}, is: along that direction a step leaves {growth:.4g} of the distance to the "
                f"bottom."
                if self.stable
                else f"Yours, {self.lr:.4g}, is not: along that direction every step goes past the bottom and comes to "
                f"lie {growth:.4g} times as far on its other side. Take a smaller one, or scale the inputs."
            )
        else:
            sentences.append(f"Nothing curves up, so that it sets no bound to the learning rate {self.lr:.4g}.")
        if self.lowest < 0:
            place = "a saddle" if self.curvature > 0 else "like the top of a hill"
            sentences.append(
                f"The smallest eigenvalue is {self.lowest:.4g}: where the loss curves down (it is {place} here), "
                f"gradient descent moves away at every learning rate, which alone is no divergence."
            )
        return " ".join(sentences)


def explain_divergence(
    loss_fn: Callable[[Any], Any], params: Any, lr: float, *, rng: np.random.Generator | int = 0
) -> Stability:
    """Say which learning rates gradient descent bears at a point, and whether the given one is among them.

    A step with the learning rate r multiplies the distance from the minimum along an eigenvector of the Hessian by
    ``1 - r lambda``, which shrinks it if ``r < 2 / lambda`` [1]_. So the largest eigenvalue decides. It is found from
    products of the Hessian with vectors alone (`autograd_np.hvp`), by Lanczos iteration: power iteration that keeps its
    earlier vectors, and so needs fewer products and is not stuck between two eigenvalues of opposite sign.

    Parameters
    ----------
    loss_fn : callable
        From parameters to the loss, a scalar. For mini-batches, the loss of a batch tells what steps on it bear.
    params : array, Tensor or nested dict, list or tuple of them
        The point: floating-point numbers.
    lr : float
        The learning rate.
    rng : numpy.random.Generator or int
        Draws the vector to begin with.

    Returns
    -------
    Stability
        Its `stable` is the verdict; printed, it is an explanation. It speaks of gradient descent without momentum, and
        of the neighbourhood of the point: for a loss that is quadratic in its parameters (linear regression), of
        everywhere.

    Raises
    ------
    TypeError
        If the parameters are anything but floating-point numbers, or the learning rate no number.
    ValueError
        If there are no parameters, the loss is no scalar, the loss or its curvature is not finite, or the learning rate
        not positive.

    References
    ----------
    .. [1] I. Goodfellow, Y. Bengio, A. Courville, *Deep Learning*, MIT Press 2016, section 4.3.1.

    Examples
    --------
    A line through y = 2x, fitted by the mean squared error:

    >>> import numpy as np
    >>> from nn import explain_divergence
    >>> x = np.arange(1.0, 9.0)
    >>> found = explain_divergence(lambda p: np.mean((p["w"] * x + p["b"] - 2 * x) ** 2), {"w": 0.0, "b": 0.0}, lr=0.1)
    >>> found.stable
    False
    >>> print(found)
    The largest eigenvalue of the Hessian, the steepest curvature of the loss here, is 52.6. Gradient descent is stable
    at learning rates below 2 / 52.6 = 0.03802. Yours, 0.1, is not: along that direction every step goes past the bottom
    and comes to lie 4.26 times as far on its other side. Take a smaller one, or scale the inputs.
    """
    if not isinstance(lr, Real) or isinstance(lr, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise TypeError(f"explain_divergence: lr={lr!r} is no number; give the learning rate, like 0.1")
    if not 0 < lr < math.inf:
        raise ValueError(f"explain_divergence: lr={lr!r}; a learning rate is positive and finite")
    leaves: list[Array] = []
    _mapped(params, lambda x: leaves.append(_floating(x)))
    if not sum(x.size for x in leaves):
        raise ValueError("explain_divergence: params hold no numbers; give the point at which to take the curvature")
    point = np.concatenate([x.ravel() for x in leaves])
    starts = iter(np.cumsum([0, *(x.size for x in leaves)]).tolist())
    places = [(start, x) for start, x in zip(starts, leaves, strict=False)]

    def loss(flat: Any) -> Any:
        parts = iter(places)

        def part(_: Any) -> Any:
            start, x = next(parts)
            return flat[start : start + x.size].reshape(x.shape).astype(x.dtype)

        return loss_fn(_mapped(params, part))

    products = 0

    def product(vector: Array) -> Array:
        nonlocal products
        products += 1
        curved = hvp(loss, (point,), (vector.astype(point.dtype),))
        if not np.isfinite(curved).all():
            raise ValueError(
                "explain_divergence: the curvature of the loss is not finite at this point; take one from before the "
                "loss overflowed, such as the parameters that training began with"
            )
        return curved.astype(np.float64)

    with no_grad(), np.errstate(all="ignore"):  # overflow shows in the results; a Tensor that loss_fn holds is constant
        _check(loss(point))
        precision = float(np.finfo(point.dtype).eps) ** 0.5
        (lowest, _), (highest, direction) = _extremes(product, point.size, precision, np.random.default_rng(rng))
        residual = float(np.linalg.norm(product(direction) - highest * direction))
    # What is so small beside the largest magnitude is 0, but for rounding.
    least = precision * max(abs(lowest), abs(highest))
    curvature, lowest = (x if abs(x) > least else 0.0 for x in (highest, lowest))
    return Stability(curvature, lowest, float(lr), products, residual)


Eigenpair = tuple[float, Array]


def _extremes(product: Product, n: int, precision: float, rng: np.random.Generator) -> list[Eigenpair]:
    """Return the smallest and the largest eigenvalue of a symmetric matrix, with eigenvectors of norm 1."""
    if n <= _BASIS:
        values, vectors = np.linalg.eigh(np.stack([product(unit) for unit in np.eye(n)]))
        return [(float(values[i]), vectors[:, i]) for i in (0, -1)]
    from scipy.sparse import linalg

    scipy: Any = linalg  # without type stubs
    start = rng.standard_normal(n)

    def dominant(product: Product) -> Eigenpair:
        operator = scipy.LinearOperator((n, n), matvec=product, dtype=np.float64)
        tolerance = precision
        while True:
            try:
                values, vectors = scipy.eigsh(
                    operator, k=1, which="LM", v0=start, ncv=_BASIS, tol=tolerance, maxiter=_RESTARTS
                )
            except scipy.ArpackNoConvergence:  # eigenvalues that crowd, as those near 0 often do
                tolerance *= 100
            else:
                return float(values[0]), vectors[:, 0]

    if not product(start).any():
        return [(0.0, start / np.linalg.norm(start))] * 2  # the loss is linear; eigsh refuses a matrix of zeros
    first, vector = dominant(product)
    # Shifted by twice the eigenvalue of largest magnitude, what was at the other end has the largest one.
    shifted, other = dominant(lambda v: product(v) - 2 * first * v.ravel())
    return sorted([(first, vector), (2 * first + shifted, other)], key=lambda pair: pair[0])


def _mapped(tree: Any, function: Callable[[Any], Any]) -> Any:
    """Return containers nested like `tree`, with what a function returns for their leaves, from left to right."""
    if isinstance(tree, dict):
        return {key: _mapped(value, function) for key, value in tree.items()}  # pyright: ignore
    if isinstance(tree, tuple | list):
        items = [_mapped(branch, function) for branch in tree]  # pyright: ignore
        return type(tree)(*items) if hasattr(tree, "_fields") else type(tree)(items)  # pyright: ignore
    return function(tree)


def _floating(x: Any) -> Array:
    array = x.data if isinstance(x, Tensor) else np.asarray(x)
    if array.dtype.kind != "f":
        raise TypeError(
            f"explain_divergence: params hold a {type(x).__name__} of dtype {array.dtype}; give floating-point arrays "
            f"in dicts, lists and tuples (of a module, dict(model.named_parameters()), with nn.functional_call)"
        )
    return array


def _check(value: Any) -> None:
    """Raise unless the loss is one finite number."""
    number: Any = value.data if isinstance(value, Tensor) else value
    array = np.asarray(None if isinstance(number, dict | list | tuple) else number)
    if array.size != 1 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"explain_divergence: loss_fn must return a scalar, not a {type(value).__name__} of shape {array.shape}; "
            f"reduce it, as with np.mean"
        )
    if not np.isfinite(array).all():
        raise ValueError(
            f"explain_divergence: the loss is {array.item()} at this point, where it has no curvature; take one "
            f"from before it overflowed, such as the parameters that training began with"
        )
