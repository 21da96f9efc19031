"""Anomaly mode: errors name the user's line that made a NaN or infinity, or recorded a changed array."""

from __future__ import annotations

import weakref
import zlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.frames import user_line
from autograd_np.modes import Switch
from autograd_np.tape import Array, Contribution, Node, call_rules
from autograd_np.versions import arrays_of, is_array, versions
from autograd_np.watch import Watch

__all__ = ["detect_anomaly"]


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


def check_finite(array: Array, what: str, line: str) -> None:
    """Raise if an array of anomaly mode holds a NaN or an infinity."""
    plain: Any = np.asarray(array) if np.isscalar(array) or is_array(array) else array.data
    if not np.isfinite(plain).all():
        found = " and ".join(name for name, test in (("NaN", np.isnan), ("inf", np.isinf)) if test(plain).any())
        raise FloatingPointError(f"{what} holds {found} ({line})")


def _checksum(array: NDArray[Any]) -> int:
    return zlib.crc32(array.tobytes())


class Anomaly(Watch):
    """Checks every value, and keeps of each node where it was recorded."""

    kind = TracedNode

    def computed(self, name: str, arrays: Sequence[Array]) -> None:
        """Raise if a result holds a NaN or an infinity."""
        for array in arrays:
            check_finite(array, f"{name}: the result", f"computed at {user_line()}")

    def written(self, call: str, array: Array) -> None:
        """Raise if what is to be written holds a NaN or an infinity."""
        check_finite(array, f"{call}: the value", f"written at {user_line()}")

    def recorded(self, node: Any, output: Any) -> None:
        """Keep a node's line and the checksums of its arrays."""
        node.trace = Trace(node, output)

    def call_rules(
        self, node: Node, argnums: Sequence[int], g: Any, y: Any, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> Sequence[Any]:
        """Raise if what rules are given or return holds a NaN or an infinity."""
        parts = call_rules(node, argnums, g, y, args, kwargs)
        line = f"recorded at {node.trace.line}" if node.trace else "recorded outside detect_anomaly()"
        totals: Sequence[Any] = cast(Any, g) if type(g) is tuple else (g,)
        for total in totals:
            check_finite(total, f"{node.name}: the gradient of its result", line)
        for argnum, part in zip(argnums, parts, strict=True):
            if part is not None and not isinstance(part, Contribution):
                check_finite(part, f"{node.name}: the gradient of argument {argnum}", line)
        return parts

    def found(self, gradients: Mapping[Node, Any], kept: bool) -> None:
        """Raise if a gradient that a sweep found is not finite: a sum may overflow."""
        for node, g in gradients.items():
            check_finite(g, f"the gradient of {node.name} of shape {node.shape}", "a sum of those that reach it")


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

    change: ClassVar[Mapping[str, Any]] = {"watch": Anomaly()}

    def silence(self) -> AbstractContextManager[Any]:
        """Silence NumPy's own warnings."""
        return np.errstate(all="ignore")
