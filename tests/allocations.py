"""Counting the arrays that NumPy allocates: exact, and the same on every machine."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

_Malloc = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_Calloc = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_size_t)
_Realloc = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)


class _Handler(ctypes.Structure):
    """NumPy's `PyDataMem_Handler`, through which it allocates the memory of arrays (NEP 49)."""

    _fields_ = (
        ("name", ctypes.c_char * 127),
        ("version", ctypes.c_uint8),
        ("context", ctypes.c_void_p),
        ("malloc", _Malloc),
        ("calloc", _Calloc),
        ("realloc", _Realloc),
        ("free", ctypes.c_void_p),
    )


def _prototype(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    function = getattr(ctypes.pythonapi, name)
    function.restype, function.argtypes = result, arguments
    return function


_pointer_of = _prototype("PyCapsule_GetPointer", ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)
_capsule = _prototype("PyCapsule_New", ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)

# The places of these two functions in NumPy's table never change: extensions are compiled against them.
_api = ctypes.cast(_pointer_of(np._core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))  # type: ignore[attr-defined]
_set_handler = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.py_object)(_api[304] or 0)
_get_handler = ctypes.PYFUNCTYPE(ctypes.py_object)(_api[305] or 0)
_NAME = b"mem_handler"  # a capsule keeps the pointer, so the name must live
_default = _Handler.from_address(_pointer_of(_get_handler(), _NAME))

_sizes: list[int] = []


@_Malloc
def _malloc(context: int | None, size: int) -> int | None:
    _sizes.append(size)
    return _default.malloc(context, size)


@_Calloc
def _calloc(context: int | None, count: int, size: int) -> int | None:
    _sizes.append(count * size)
    return _default.calloc(context, count, size)


@_Realloc
def _realloc(context: int | None, pointer: int | None, size: int) -> int | None:
    _sizes.append(size)
    return _default.realloc(context, pointer, size)


# It outlives every array that was allocated through it, since these return their memory to it.
_counting = _Handler(b"counting", 1, _default.context, _malloc, _calloc, _realloc, _default.free)
_counting_capsule = _capsule(ctypes.addressof(_counting), _NAME, None)


def allocated(function: Callable[[], object], at_least: int = 64 * 1024) -> list[int]:
    """Return the sizes in bytes of the arrays that a call allocates, those of at least a given size, in their order.

    Only what this thread allocates is seen.
    """
    _sizes.clear()
    before = _set_handler(_counting_capsule)
    try:
        function()
    finally:
        _set_handler(before)
    return [size for size in _sizes if size >= at_least]
