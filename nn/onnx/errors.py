"""The one exception of ONNX files, and the package that they need."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["OnnxError", "onnx_package"]


class OnnxError(ValueError):
    """A model cannot be written as an ONNX file, or a file is none that can be read."""


def onnx_package(name: str = "onnx") -> Any:
    """Return the package `onnx`, or a module of it, imported now.

    Raises
    ------
    ImportError
        If it is not installed, with what to install.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(f"nn.onnx needs the package onnx: pip install autograd_np[onnx] ({error})") from error
