"""Code: the names in it."""

from __future__ import annotations

import dis
import functools
from collections.abc import Iterator
from types import CodeType

__all__ = ["names_in"]


@functools.lru_cache(4096)
def names_in(code: CodeType) -> tuple[list[str], list[str], list[str]]:
    """Return the names of globals, attributes and imported modules in a function and those inside of it."""
    names: dict[str, None] = {}
    attributes: dict[str, None] = {}
    imports: dict[str, None] = {}
    for part in _codes(code):
        for instruction in dis.get_instructions(part):
            if instruction.opname in _NAMING:
                names[instruction.argval] = None
            elif instruction.opname == "IMPORT_NAME":
                imports[instruction.argval] = None
            elif instruction.argval in part.co_names:
                attributes[instruction.argval] = None
    return [*names], [*attributes], [*imports]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield the code of a function, and of those inside of it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


_NAMING = {"LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"}
