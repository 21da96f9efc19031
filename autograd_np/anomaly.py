"""Anomaly mode: errors name the user's line that made a NaN or infinity, or recorded a changed array."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from inspect import currentframe
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.modes import Switch, mode
from autograd_np.primitives import Plan
from autograd_np.tape import Array, CallRules, Contribution, Node, call_rules, record_node
from autograd_np.versions import arrays_of, is_array, versions

__all__ = ["check_finite", "check_found", "detect_anomaly", "record_in_mode", "rules_in_mode", "user_line"]


class detect_anomaly(Switch):
    """Check every value, forwards and backwards, and name the operation and the line that made a bad one.

    Inside, an operation whose result holds a NaN or an infinity raises at once. The backward pass does so too, and
    names the line that recorded the operation. NumPy's own warnings are silent. A checksum is taken of every array on
    the tape, so that one that was changed in place through plain NumPy between the forward and the backward pass is
    found. It is slow: use it to find a fault.

    Raises
    ------
    FloatingPointError
        Inside the block, when a value or a gradient is not finite.
    RuntimeError
        In a backward pass, when an array was changed in place.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, detect_anomaly
    >>> x = Tensor(0.0, requires_grad=True)
    >>> try:
    ...     with detect_anomaly():
    ...         np.sqrt(x).backward()
    ... except FloatingPointError as error:
    ...     print(error)
    np.sqrt: the gradient of argument 0 holds inf (recorded at ...
    """

    change: ClassVar[dict[str, bool]] = {"anomaly": True}

    def silence(self) -> AbstractContextManager[Any]:
        """Silence NumPy's own warnings."""
        return np.errstate(all="ignore")


class TracedNode(Node):
    """A node that knows where it was recorded and what its arrays held."""

    __slots__ = ("trace",)

    trace: Trace


class Trace:
    """Where a node was recorded and what its arrays held: kept in anomaly mode."""

    def __init__(self, node: Node, output: Any) -> None:
        self.line = user_line()
        self.checksums = [_checksum(array) for array in arrays_of(node)]
        results: Sequence[Any] = cast(Any, output) if type(output) is list else (output,)
        self.results = [(weakref.ref(y), _checksum(y)) for y in results]

    def unchanged(self, node: Node) -> bool:
        """Tell whether arrays and results still hold what they held, apart from changes that the tape knows."""
        if self.checksums != [_checksum(array) for array in arrays_of(node)]:
            return False
        results: Any = ((reference(), checksum) for reference, checksum in self.results)
        return all(y is None or versions.last(y) > node.number or _checksum(y) == checksum for y, checksum in results)


def user_line() -> str:
    """Return the innermost line of the stack that is not in a library."""
    frame = currentframe()
    assert frame is not None
    while frame.f_back and frame.f_globals.get("__name__", "").split(".")[0] in _LIBRARIES:
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}, in {frame.f_code.co_name}"


_LIBRARIES = {"autograd_np", "nn", "numpy", "scipy", "contextlib"}


def check_finite(array: Array, what: str, line: str) -> None:
    """Raise if an array of anomaly mode holds a NaN or an infinity."""
    plain: Any = np.asarray(array) if np.isscalar(array) or is_array(array) else array.data
    if not np.isfinite(plain).all():
        found = " and ".join(name for name, test in (("NaN", np.isnan), ("inf", np.isinf)) if test(plain).any())
        raise FloatingPointError(f"{what} holds {found} ({line})")


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.tobytes())


def record_in_mode(
    plan: Plan, parents: tuple[Node, ...], args: Sequence[Any], kwargs: Mapping[str, Any], output: Any
) -> Node:
    """Put an operation on the tape; in anomaly mode along with its line and the checksums of its arrays."""
    if not mode.get().anomaly:
        return record_node(plan, parents, args, kwargs, output)
    node = record_node(plan, parents, args, kwargs, output, TracedNode)
    node.trace = Trace(node, output)
    return node


def rules_in_mode() -> CallRules:
    """Return how a sweep calls rules; in anomaly mode, what they return is checked."""
    return _call_and_check_rules if mode.get().anomaly else call_rules


def check_found(found: Mapping[Node, Any]) -> None:
    """Raise in anomaly mode if one of the gradients that a sweep found is not finite: a sum may overflow."""
    if mode.get().anomaly:
        for node, g in found.items():
            check_finite(g, f"the gradient of {node.name} of shape {node.shape}", "a sum of those that reach it")


def _call_and_check_rules(
    node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Sequence[Any]:
    parts = call_rules(node, argnums, g, y, args, kwargs)
    line = f"recorded at {node.trace.line}" if node.trace else "recorded outside detect_anomaly()"
    totals: Sequence[Any] = cast(Any, g) if type(g) is tuple else (g,)
    for total in totals:
        check_finite(total, f"{node.name}: the gradient of its result", line)
    for argnum, part in zip(argnums, parts, strict=True):
        if part is not None and not isinstance(part, Contribution):
            check_finite(part, f"{node.name}: the gradient of argument {argnum}", line)
    return parts
