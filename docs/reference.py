"""The pages of the reference: one for each module, and one for each of its public functions and classes."""

import inspect
import re
import shutil
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

TARGET = Path(__file__).parent / "generated" / "api"
MODULES = {
    "The engine": [
        "autograd_np", "autograd_np.neural", "autograd_np.compiling", "autograd_np.hints", "autograd_np.implicit",
        "autograd_np.testing",
    ],
    "SciPy's functions for tensors": [
        f"autograd_np.scipy.{name}"
        for name in ("integrate", "linalg", "signal", "sparse", "sparse.linalg", "special", "stats")
    ],
    "Neural networks": [
        "nn",
        *(f"nn.{name}" for name in ("compare", "data", "functional", "init", "optim", "optim.lr_scheduler", "plots")),
        *(f"nn.{name}" for name in ("estimators", "onnx", "reference", "testing", "utils", "utils.rnn")),
        "nn.training.callbacks",
    ],
}  # fmt: skip


def write() -> None:
    """Write the pages, with what the packages have now."""
    shutil.rmtree(TARGET, ignore_errors=True)
    TARGET.mkdir(parents=True)
    lines = [titled("Reference"), "Every public name, by the module that it is in.\n"]
    for heading, modules in MODULES.items():
        lines += [f".. rubric:: {heading}\n", ".. autosummary::\n", *(f"   {name}" for name in modules), ""]
        lines += [".. toctree::\n   :hidden:\n", *(f"   {name}" for name in modules), ""]
        for name in modules:
            write_module(name)
    (TARGET / "index.rst").write_text("\n".join(lines))


def write_module(name: str) -> None:
    """Write a module's page, and those of what it has."""
    module = import_module(name)
    groups: dict[str, list[str]] = {"Classes": [], "Functions": [], "Exceptions and warnings": []}
    for member in sorted(public(module), key=str.casefold):
        groups[kind(getattr(module, member))].append(member)
    lines = [titled(name), f".. automodule:: {name}\n", f".. currentmodule:: {name}\n"]
    for heading, members in groups.items():
        if members:
            lines += [f".. rubric:: {heading}\n", ".. autosummary::\n   :nosignatures:\n"]
            lines += [*(f"   {member}" for member in members), ""]
    members = [member for group in groups.values() for member in group]
    lines += [".. toctree::\n   :hidden:\n", *(f"   {name}.{member}" for member in members), ""]
    (TARGET / f"{name}.rst").write_text("\n".join(lines))
    for member in members:
        what = getattr(module, member)
        text = f".. autofunction:: {member}\n"
        if inspect.isclass(what):
            # What scikit-learn adds to its estimators refers to its own pages.
            added = [own for own in dir(what) if re.fullmatch("set_[a-z_]+_request", own)]
            text = f".. autoclass:: {member}\n   :members:\n   :exclude-members: {', '.join(added)}\n"
        if member == "Tensor":
            text += "   :inherited-members:\n"
        (TARGET / f"{name}.{member}.rst").write_text(f"{titled(member)}\n.. currentmodule:: {name}\n\n{text}")


def public(module: ModuleType) -> list[str]:
    """Return the public names of a module that are no modules and have a docstring of their own."""
    names = [name for name in module.__all__ if callable(getattr(module, name))]
    return [name for name in names if inspect.getdoc(getattr(module, name)) and not alias(getattr(module, name))]


def alias(what: Any) -> bool:
    """Return whether something is a type written down, which has no page."""
    return not inspect.isclass(what) and not hasattr(what, "__name__")


def kind(what: Any) -> str:
    """Return the heading that a function or class stands under."""
    if not inspect.isclass(what):
        return "Functions"
    return "Exceptions and warnings" if issubclass(what, BaseException) else "Classes"


def titled(text: str) -> str:
    """Return a title in reStructuredText."""
    return f"{text}\n{'=' * len(text)}\n"
