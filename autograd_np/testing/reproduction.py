"""Code that makes a value again: what a failing test prints."""

from __future__ import annotations

import ast
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograd_np.tensor import Tensor
from autograd_np.testing.layouts import own_elements

__all__ = ["expression", "script"]

Array = NDArray[Any]


def script(call: str, args: tuple[Any, ...], setup: str = "") -> str:
    """Return a program that calls a function with values of its own making.

    Parameters
    ----------
    call : str
        The function, as an expression.
    args : tuple
        Arrays, tensors, numbers and nested containers of them; of anything else its representation is taken for the
        code that makes it. Where it is no code, a comment says what is to be filled in.
    setup : str
        Code that makes `call` known, if any is needed.
    """
    modules: set[str] = {"numpy"}
    lines = list[str]()
    for arg in args:
        missing = list[str]()
        code = expression(arg, modules, missing)
        lines += [*(f"    # Fill in for the dots: {text}" for text in missing), f"    {code},"]
    imports = [f"import {name} as np" if name == "numpy" else f"import {name}" for name in sorted(modules)]
    return "\n".join([*imports, *setup.splitlines(), "", f"{call}(", *lines, ")"])


def expression(value: Any, modules: set[str], missing: list[str]) -> str:
    """Return an expression for a value, and add the modules that it needs, and what has none: `...` stands for it."""
    if isinstance(value, Tensor):
        modules.add("autograd_np")
        wanted = ", requires_grad=True" if value.requires_grad else ""
        return f"autograd_np.Tensor({_array(value.data)}{wanted})"
    if isinstance(value, np.ndarray):
        return _array(value)  # pyright: ignore[reportUnknownArgumentType]
    if isinstance(value, dict):
        items: Any = value.items()  # pyright: ignore
        return "{" + ", ".join(f"{key!r}: {expression(item, modules, missing)}" for key, item in items) + "}"
    if isinstance(value, tuple | list):
        items = [expression(item, modules, missing) for item in value]  # pyright: ignore
        fields = getattr(value, "_fields", None)  # pyright: ignore
        if fields:
            named = ", ".join(f"{field}={item}" for field, item in zip(fields, items, strict=True))
            return f"{_qualified(value, modules)}({named})"  # pyright: ignore[reportUnknownArgumentType]
        text = ", ".join(items)
        return f"[{text}]" if isinstance(value, list) else f"({text},)" if len(items) == 1 else f"({text})"
    if isinstance(value, float):
        return _number(value)
    code = repr(value).replace("Ellipsis", "...")
    if type(value).__module__ not in ("builtins", "numpy"):
        code = code.replace(type(value).__qualname__, _qualified(value, modules), 1)
    try:
        ast.parse(code, mode="eval")
    except SyntaxError:  # of generators of random numbers, functions and the like
        missing.append(" ".join(repr(value).split()))
        return "..."
    return code


def _qualified(value: object, modules: set[str]) -> str:
    kind = type(value)
    modules.add(kind.__module__)
    return f"{kind.__module__}.{kind.__qualname__}"


def _array(x: Array) -> str:
    """Return an expression for an array, in its own memory layout."""
    if 0 in x.shape:
        return f"np.zeros({x.shape}, {_dtype(x)})"
    own = own_elements(x)
    # Make it as a C array of positive steps, and turn that round: axes from far to near, forwards.
    axes = range(own.ndim)
    order = [*axes] if own.flags.c_contiguous else sorted(axes, key=lambda i: (own.shape[i] == 1, -abs(own.strides[i])))
    back = tuple(int(i) for i in np.argsort(order))
    far_to_near = own.transpose(order)
    turned = far_to_near[tuple(_direction(n, step) for n, step in zip(far_to_near.shape, far_to_near.strides))]  # noqa: B905
    text, steps, extent = "", list[str](), x.itemsize
    for axis in reversed(range(turned.ndim)):
        n, stride = turned.shape[axis], turned.strides[axis]
        gap = stride // extent if n > 1 and stride % extent == 0 else 1
        text += f".repeat({gap}, axis={axis})" if gap > 1 else ""
        forwards = turned.shape[axis] == 1 or far_to_near.strides[axis] >= 0
        step = gap if forwards else -gap
        first = "" if forwards else str(gap * (n - 1))
        steps.insert(0, f"{first}::{step}" if step != 1 else ":")
        extent *= n * gap
    code = f"np.array({_nested(turned)}{'' if x.dtype.name in _PLAIN else f', {_dtype(x)}'})" + text
    if any(step != ":" for step in steps):
        code += f"[{', '.join(steps)}]"
    if back == tuple(reversed(range(own.ndim))) and own.ndim > 1:
        code += ".T"
    elif back != tuple(range(own.ndim)):
        code += f".transpose({', '.join(map(str, back))})"
    return code if x.flags.writeable and own.shape == x.shape else f"np.broadcast_to({code}, {x.shape})"


# The dtypes that NumPy gives to Python's numbers.
_PLAIN = ("float64", "int64", "bool", "complex128")


def _direction(n: int, step: int) -> slice:
    return slice(None, None, -1 if n > 1 and step < 0 else 1)


def _dtype(x: Array) -> str:
    return f"dtype=np.{x.dtype.name}"


def _nested(x: Array) -> str:
    """Return the numbers of an array as nested lists."""
    if x.ndim:
        return "[" + ", ".join(map(_nested, x)) + "]"
    return _number(x.item())


def _number(x: Any) -> str:
    if isinstance(x, float) and not np.isfinite(x):
        return "np.nan" if np.isnan(x) else "np.inf" if x > 0 else "-np.inf"
    return f"complex({_number(x.real)}, {_number(x.imag)})" if isinstance(x, complex) else repr(x)
