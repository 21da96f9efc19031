"""Points where a derivative is infinite, undefined or a matter of taste: the table, and what comes out there."""

from typing import Any, NamedTuple

import numpy as np
import scipy.special

from autograd_np import Tensor, gradients

__all__ = ["POINTS", "Point", "gradients_at", "shown"]

_NUMBERS = {"inf": np.inf, "nan": np.nan}


class Point(NamedTuple):
    """A function, a point, and the gradients there by each argument: here, with PyTorch 2.14 and with JAX 0.10."""

    function: str
    point: str
    here: str
    pytorch: str
    jax: str
    why: str


POINTS = [
    Point("np.sqrt(x)", "x=0", "inf", "inf", "inf", "the limit"),
    Point("np.log(x)", "x=0", "inf", "inf", "inf", "the limit"),
    Point("np.reciprocal(x)", "x=0", "-inf", "-inf", "-inf", "the limit"),
    Point("np.arcsin(x)", "x=1", "inf", "inf", "inf", "the limit"),
    Point("np.power(x, y)", "x=0, y=0", "0, 0", "0, 0", "nan, 0", "x ** 0 is 1 everywhere"),
    Point("np.power(x, y)", "x=0, y=0.5", "inf, 0", "inf, 0", "inf, 0", "the limit"),
    Point("np.power(x, y)", "x=-2, y=3", "12, nan", "12, nan", "12, nan", "not defined for exponents nearby"),
    Point("np.abs(x)", "x=0", "0", "0", "1", "the middle of the slopes -1 and 1"),
    Point("np.hypot(x, y)", "x=0, y=0", "0, 0", "nan, nan", "0.5, 0.5", "as abs: the shortest subgradient"),
    Point("np.linalg.norm(x)", "x=[0, 0]", "[0, 0]", "0, 0", "nan, nan", "the same"),
    Point("np.std(x)", "x=[1, 1]", "[0, 0]", "0, 0", "nan, nan", "the same"),
    Point("np.arctan2(x, y)", "x=0, y=0", "0, 0", "0, -0", "nan, nan", "no direction is better than another"),
    Point("np.maximum(x, y)", "x=1, y=1", "0.5, 0.5", "0.5, 0.5", "0.5, 0.5", "a tie shares"),
    Point("np.fmax(x, y)", "x=1, y=1", "0.5, 0.5", "0.5, 0.5", "0, 1", "a tie shares"),
    Point("np.max(x)", "x=[2, 2]", "[0.5, 0.5]", "0.5, 0.5 (`amax`)", "0.5, 0.5", "a tie shares"),
    Point("np.prod(x)", "x=[0, 2, 3]", "[6, 0, 0]", "6, 0, 0", "6, 0, 0", "the product of the others"),
    Point("np.prod(x)", "x=[0, 0, 3]", "[0, 0, 0]", "0, 0, 0", "0, 0, 0", "the product of the others"),
    Point("np.logaddexp(x, y)", "x=-inf, y=-inf", "0, 0", "nan, nan", "nan, nan", "nothing nearby is more than 0"),
    Point("np.logaddexp(x, y)", "x=-inf, y=0", "0, 1", "0, 1", "0, 1", "the limit"),
    Point("np.sinc(x)", "x=0", "0", "0", "0", "smooth, and so are its higher derivatives"),
    Point("np.copysign(x, y)", "x=0, y=1", "0, 0", "0, 0", "1, 0", "as abs"),
    Point("np.nan_to_num(x)", "x=nan", "0", "0", "0", "replaced by a constant"),
    Point("scipy.special.xlogy(x, y)", "x=0, y=0", "0, 0", "0, nan", "-inf, nan", "0 log 0 is 0"),
    Point("scipy.special.entr(x)", "x=0", "inf", "inf", "inf", "the limit"),
]


def gradients_at(point: Point) -> list[Any]:
    """Return the gradients by each argument, as they come out now."""
    values = eval(f"dict({point.point})", dict(_NUMBERS))
    tensors = {name: Tensor(value, requires_grad=True, dtype=float) for name, value in values.items()}
    with np.errstate(all="ignore"):
        y = eval(point.function, {"np": np, "scipy": scipy}, tensors)
        return [g.data for g in gradients(y, list(tensors.values()))]


def shown(found: list[Any]) -> str:
    """Return gradients as the table has them: whole numbers without a point."""
    return ", ".join(_shown(g) for g in found)


def _shown(g: Any) -> str:
    return f"{g + 0:g}" if np.ndim(g) == 0 else f"[{', '.join(f'{x:g}' for x in g + 0)}]"
