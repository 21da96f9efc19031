"""Saving: a program as a file that runs with NumPy (folded, also SciPy) alone, its arrays in another one beside it."""

from __future__ import annotations

import ast
import builtins
import inspect
import keyword
import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from string import Template
from symtable import SymbolTable, symtable
from types import EllipsisType, FunctionType, ModuleType
from typing import Any

import numpy as np

from autograd_np.compiling.program import Program
from autograd_np.primitives import name_of
from autograd_np.versions import is_array

__all__ = ["save_program"]

_HEAD = '''"""{title}

Written by autograd_np; it needs {needs} alone. The arrays are in {arrays}.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
{imports}

class Changed(Exception):
    """A check came out otherwise than when this program was written: its inputs are not what it stands for."""

    def __str__(self):
        return (
            "a check came out otherwise than for the inputs from which this program was written, so that it does not "
            "stand for these, such as labels out of range or numbers that are not finite: " + self.args[0]
        )


def check(name, value, kind, shape, dtype, strides):
    """Raise an error if an input is not of the form that this program is for."""
    if not isinstance(value, kind) or isinstance(value, np.ma.MaskedArray | np.matrix):
        given = type(value)
        raise TypeError(f"{{name}}: this program is for np.{{kind.__name__}}; it was given {{given.__qualname__}}")
    if value.dtype != dtype:
        raise TypeError(f"{{name}}: this program is for dtype {{np.dtype(dtype)}}; it was given {{value.dtype}}")
    if value.shape != shape:
        raise ValueError(f"{{name}}: this program is for shape {{shape}}; it was given {{value.shape}}")
    if any(n > 1 and a != b for n, a, b in zip(shape, strides, value.strides)):
        raise ValueError(
            f"{{name}}: this program is for an array in memory by strides {{strides}}; it was given one by "
            f"{{value.strides}}: give a copy"
        )


def check_apart(*arrays):
    """Raise an error if inputs share memory, of which this program writes some."""
    if any(np.may_share_memory(a, b) for i, a in enumerate(arrays) for b in arrays[:i]):
        raise ValueError("this program writes into an input that shares memory with another one; give a copy")


with np.load(Path(__file__).with_suffix(".npz")) as file:
    arrays = dict(file)
memory = np.empty({size}, np.uint8)


def placed(start, shape, dtype, strides):
    """Return an array that lies somewhere in the memory."""
    return np.ndarray(shape, dtype, memory.data, start, strides)


def seen(array, start, shape, strides):
    """Return a view of an array."""
    return np.ndarray(shape, array.dtype, array.data, start, strides)

'''


def save_program(
    program: Program, path: str | os.PathLike[str], contents: Mapping[str, Any], changed: Sequence[str], call: str,
    title: str, function: str,
) -> None:  # fmt: skip
    """Write a program to a file, and its arrays to another one beside it, whole or not at all.

    Parameters
    ----------
    program : Program
    path : path-like
        Ends in `.py`; the arrays go to the same name with `.npz`.
    contents : mapping
        What is in the slots now, by their names: numbers and arrays.
    changed : sequence of str
        The names of those that a run replaces.
    call : str
        The definition of the function that the file is for, by those of `step` and `state`, with $name, $inputs and
        $changed in place of its name and the other names, and $checks in place of lines that check the inputs.
    title : str
        The first line of the file.
    function : str
        What it is called; if the file has another thing of that name, `call`.

    Raises
    ------
    ValueError
        If the path has another suffix, or the program needs something that cannot be written down.
    OSError
        If a file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.suffix != ".py":
        raise ValueError(f"save: {os.fspath(path)!r}; name a .py file")
    stored = {name: program.namespace[name] for name in program.constants}
    stored |= {f"state_{name}": value for name, value in contents.items() if is_array(value)}
    settings = {name: value for name, value in program.namespace.items() if name not in stored}
    parts: dict[str, str] = {}
    imports: dict[str, str] = {}
    for name, value in settings.items():
        if name not in ("np", "Changed", "__builtins__", "step") and not is_array(value):
            _write_setting(name, value, parts, imports)
    needs = "NumPy and SciPy" if any("scipy" in line for line in imports.values()) else "NumPy"
    head = _HEAD.format(
        title=title, needs=needs, arrays=target.with_suffix(".npz").name, size=program.memory.size,
        imports="".join(f"{line}\n" for line in dict.fromkeys(imports.values())),
    )  # fmt: skip
    lines = [f'{name} = arrays["{name}"]' for name in program.constants]
    lines += _places(program)
    state = ", ".join(
        f'"{name}": arrays["state_{name}"]' if is_array(value) else f'"{name}": {value!r}'
        for name, value in contents.items()
    )
    text = "\n".join([head, *parts.values(), *lines, f"state = {{{state}}}", "", "", _told(program.source), "", ""])
    taken = symtable(text, target.name, "exec").get_identifiers()
    usable = function.isidentifier() and not keyword.iskeyword(function) and function not in {*taken, *dir(builtins)}
    names, checks = _inputs(program, len(program.inputs) - len(contents), call)
    text += Template(call if names else call.replace("$inputs, ", "")).substitute(
        name=function if usable else "call", inputs=", ".join(names), changed=list(changed),
        checks="\n    ".join(checks) or "pass",
    )  # fmt: skip
    _write_both(target, text + "\n", stored)


def _told(source: str) -> str:
    """Let the checks of a program say what they check, and in which part."""
    lines, section = source.splitlines(), ""
    for i, line in enumerate(lines):
        if line.startswith("    # forward") or line.startswith("    # backward") or line.startswith("    # update"):
            section = f", in {line.strip('# ')}"
        if found := re.fullmatch(r"( *if (.*): raise Changed)", line):
            lines[i] = f"{found[1]}({found[2] + section!r})"
    return "\n".join(lines) + "\n"


def _inputs(program: Program, count: int, call: str) -> tuple[list[str], list[str]]:
    """Return what a function that is defined in a file calls its inputs, and lines that check them."""
    used = {*re.findall(r"\w+", call), "check", "check_apart", "np"}
    names = [f"{name}_" if name in used else name for name in program.inputs[:count]]
    checks = [
        f"check({name!r}, {name}, np.{'ndarray' if array else 'generic'}, {shape}, {dtype.str!r}, {strides})"
        for name, (array, shape, dtype, strides) in zip(names, program.forms, strict=False)
    ]
    if program.written_inputs and count > 1:
        checks.append(f"check_apart({', '.join(names)})")
    return names, checks


def _places(program: Program) -> Iterator[str]:
    """Write where each array lies: in the memory, or as a view of a constant."""
    first = _address(program.memory)
    known: dict[Any, str] = {}
    constants = {name: program.namespace[name] for name in program.constants}
    for name, array in {**constants, **program.namespace}.items():
        if not is_array(array):
            continue
        layout = _address(array), array.shape, array.strides, array.dtype
        twin = known.setdefault(layout, name)
        of = next((n for n, other in constants.items() if np.shares_memory(array, other)), None)
        if twin != name:
            yield f"{name} = {twin}"
        elif name in constants:
            continue
        elif first <= _address(array) < first + program.memory.size:
            yield f"{name} = placed({_address(array) - first}, {array.shape}, {array.dtype.str!r}, {array.strides})"
        elif of is not None:
            yield f"{name} = seen({of}, {_address(array) - _address(constants[of])}, {array.shape}, {array.strides})"
        else:  # of a number, beside small arrays
            yield f"{name} = np.array(float('{array.item()}'), {array.dtype.str!r})"


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]


def _write_setting(name: str, value: Any, parts: dict[str, str], imports: dict[str, str]) -> None:
    """Write down what a program uses as it is: a function, a generator, a number or a tuple of them."""
    if isinstance(value, np.ufunc):
        module, _, function = name_of(value).rpartition(".")
        imports[name] = f"from {module} import {function}" + (f" as {name}" if function != name else "")
    elif isinstance(value, np.random.Generator):
        kind, state = type(value.bit_generator).__name__, value.bit_generator.state
        parts[name] = f"{name} = np.random.Generator(np.random.{kind}())\n{name}.bit_generator.state = {state!r}"
    elif isinstance(value, FunctionType):
        function = inspect.unwrap(value)
        _write_definition(function, function.__globals__, parts, imports)
        if function.__name__ != name:
            parts[name] = f"{name} = {function.__name__}"
    elif _is_literal(value):
        parts[name] = f"{name} = {value!r}"
    else:
        raise ValueError(f"save: the program needs {name}, a {type(value).__name__}, which cannot be written down")


def _write_definition(
    thing: Callable[..., Any], around: Mapping[str, Any], parts: dict[str, str], imports: dict[str, str]
) -> None:
    """Write down a function or a class of this project, and all that it leans on in the module around it."""
    name = thing.__name__
    if name in parts:
        return
    parts[name] = ""
    source = textwrap.dedent(inspect.getsource(thing))
    tree = ast.parse(source).body[0]
    assert isinstance(tree, ast.FunctionDef | ast.ClassDef)
    [inside] = (scope for scope in symtable(source, name, "exec").get_children() if scope.get_name() == name)
    for used in sorted(_globals(inside)):
        if used in around and used not in ("np", *parts):
            _write_global(used, around[used], parts, imports)
    body = source.splitlines()[tree.lineno - 1 :]  # without decorators
    del parts[name]
    parts[name] = "\n" + "\n".join(body) + "\n"


def _globals(scope: SymbolTable) -> set[str]:
    """Return the names that a function or a class takes from the module around it."""
    own = {symbol.get_name() for symbol in scope.get_symbols() if symbol.is_global()}
    return own.union(*map(_globals, scope.get_children()))


def _write_global(name: str, value: Any, parts: dict[str, str], imports: dict[str, str]) -> None:
    if isinstance(value, ModuleType):
        imports[name] = f"import {value.__name__} as {name}" if value.__name__ != name else f"import {name}"
    elif isinstance(value, FunctionType | type) and value.__module__.startswith("autograd_np"):
        function = inspect.unwrap(value)
        _write_definition(function, vars(sys.modules[function.__module__]), parts, imports)
    elif isinstance(value, FunctionType):
        imports[name] = f"from {value.__module__} import {name}"
    elif _is_literal(value):
        parts[name] = f"{name} = {value!r}"


def _is_literal(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_literal, value)) and type(value) in (tuple, list)  # pyright: ignore[reportUnknownArgumentType]
    if type(value) is slice:
        given: Any = value
        return all(map(_is_literal, (given.start, given.stop, given.step)))
    return value is None or type(value) in (bool, int, float, str, EllipsisType)


def _write_both(target: Path, text: str, stored: Mapping[str, Any]) -> None:
    """Write both files, and put them in their places at the end."""
    if not target.parent.is_dir():
        raise FileNotFoundError(f"save: there is no folder {target.parent}; create it first")
    token = os.urandom(8).hex()
    program, arrays = target.with_name(f".{token}.py"), target.with_name(f".{token}.npz")
    try:
        program.write_text(text, encoding="utf-8")
        np.savez(arrays, **stored)
        arrays.replace(target.with_suffix(".npz"))
        program.replace(target)
    finally:
        program.unlink(missing_ok=True)
        arrays.unlink(missing_ok=True)
