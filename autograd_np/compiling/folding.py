"""Folding: products of matrices that are added to something become one call of BLAS, at the cost of the last digits.

An update ``weight -= rate * (g.T @ x)`` is three calls of NumPy, which go over an array of the weight's size five
times. BLAS does it in one pass. All other products of matrices are by the same BLAS then: see `blas`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from autograd_np.capture import Call, Number
from autograd_np.compiling.flow import Flow, is_stand_in
from autograd_np.compiling.places import WITH_OUT

__all__ = ["folded"]


class _Term(NamedTuple):
    """A product of matrices, by what it is multiplied, and the call that makes it."""

    scale: Any
    a: Any
    b: Any
    made: int


def folded(flow: Flow) -> list[Call]:
    """Return the calls with products that are added by BLAS; what is needed no longer is still among them.

    A product is computed where it is added. So it is left alone if its operands are written in between, or if anyone
    else reads it.
    """
    return _Folding(flow).calls


class _Folding:
    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._touched: dict[int, list[int]] = defaultdict(list)  # which calls read or write each memory
        for i, call in enumerate(flow.calls):
            for memory in {flow.memory(value) for value in (*call.operands(), *call.results)}:
                self._touched[memory].append(i)
        self.calls = list(flow.calls)
        dropped: set[int | None] = set()
        for i, call in enumerate(flow.calls):
            found = self._sum(i, call)
            if found is not None:
                self.calls[i], scaling = found
                dropped.add(scaling)
            elif _is_product(call) and call.written is None and _is_matrix(call.results[0]) and not call.errors:
                self.calls[i] = _by_one_blas(call)
        self.calls = [call for i, call in enumerate(self.calls) if i not in dropped]

    def _sum(self, i: int, call: Call) -> tuple[Call, int | None] | None:
        """Return the call of BLAS that a sum with a product is, and the call before that scales the other term."""
        if call.function not in (np.add, np.subtract) or call.written is None or call.kwargs or call.errors:
            return None
        target = self._flow.original(call.written)
        one, other = map(self._flow.original, call.args)
        if one is not target and call.function is np.add:
            one, other = other, one
        if one is not target or not is_stand_in(other) or not _is_matrix(target):
            return None
        term = self._term(i, other)
        if term is None or not self._fits(term, target, i):
            return None
        from autograd_np.compiling import blas  # SciPy is imported by those alone who ask for it

        scaling, keep = self._scaling(i, target) if call.function is np.add else (None, 1.0)
        function = blas.add_product if call.function is np.add else blas.subtract_product
        args = (target, term.scale, term.a, term.b, *([] if keep == 1.0 else [keep]))
        new = Call(function, args, {}, target)
        new.section, new.line = call.section, call.line
        return new, scaling

    def _term(self, i: int, value: Any) -> _Term | None:
        """Return the product that a value is, or is a multiple of, if it is used for nothing else."""
        memory = self._flow.memory(value)
        *_, last, end = [-1, *self._touched[memory]]
        if end != i or last < 0 or memory in self._flow.returned | self._flow.lasting:
            return None
        call = self._flow.calls[last]
        made = call.results if call.written is None else [call.written]
        whole = any(self._flow.original(result) is value for result in made)  # not what was read there alone
        if call.errors or call.kwargs or not whole:
            return None
        if _is_product(call):
            a, b = call.args[-2:]
            return _Term(1.0, a, b, last)
        if call.function is not np.multiply:
            return None
        scale, factor = sorted(call.args, key=is_stand_in)
        if not (_is_number(scale) and is_stand_in(factor)):
            return None
        inner = self._term(last, self._flow.original(factor))
        alone = inner is not None and type(inner.scale) is float and inner.scale == 1.0
        return inner._replace(scale=scale) if inner is not None and alone else None

    def _fits(self, term: _Term, target: Any, i: int) -> bool:
        """Tell whether BLAS can add a product to a matrix, and finds the operands there as they were."""
        flow = self._flow
        for operand in (term.a, term.b):
            memory = flow.memory(operand)
            late = [j for j in self._touched[memory] if term.made < j < i and self._writes(j, memory)]
            if late or memory == flow.memory(target) or operand.content.dtype != target.content.dtype:
                return False
        shape = (term.a.content.shape[0], term.b.content.shape[1])
        return shape == target.content.shape and term.a.content.size > 0 and term.b.content.size > 0

    def _writes(self, i: int, memory: int) -> bool:
        written = self._flow.calls[i].written
        return written is not None and self._flow.memory(written) == memory

    def _scaling(self, i: int, target: Any) -> tuple[int | None, Any]:
        """Return the call that has multiplied a matrix just before, and by what."""
        earlier = [j for j in self._touched[self._flow.memory(target)] if j < i]
        call = self._flow.calls[earlier[-1]] if earlier else None
        if call is None or call.function is not np.multiply or call.written is None or call.kwargs or call.errors:
            return None, 1.0
        if self._flow.original(call.written) is not target:
            return None, 1.0
        scale, factor = sorted(call.args, key=is_stand_in)
        if self._flow.original(factor) is not target or type(scale) is not float or scale == 0:  # 0 times NaN is NaN
            return None, 1.0
        return earlier[-1], scale


def _by_one_blas(call: Call) -> Call:
    """Return a product as it is computed by the BLAS that adds."""
    from autograd_np.compiling import blas

    a, b = call.args[-2:]
    if not (a.content.dtype == b.content.dtype == call.results[0].content.dtype) or call.kwargs:
        return call
    WITH_OUT.add(blas.product)
    new = Call(blas.product, (a, b), {}, None)
    new.results, new.section, new.line = call.results, call.section, call.line
    return new


def _is_matrix(value: Any) -> bool:
    """Tell whether a value is a matrix to BLAS."""
    array = value.content
    contiguous = array.flags.c_contiguous or array.flags.f_contiguous
    return array.ndim == 2 and array.size > 0 and array.dtype in (np.float32, np.float64) and contiguous


def _is_product(call: Call) -> bool:
    """Tell whether a call multiplies two matrices."""
    outer = call.function is np.einsum and call.args[0] == "ij,jk->ik"
    return (outer or call.function is np.matmul) and all(
        is_stand_in(arg) and arg.content.ndim == 2 for arg in call.args[-2:]
    )


def _is_number(value: Any) -> bool:
    return type(value) in (int, float, Number)
