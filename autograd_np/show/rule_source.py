"""The source of a rule: its formula with the values of a call, and the functions that it is made of."""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, cast

from autograd_np.show.calls import short
from autograd_np.tape import Node

__all__ = ["applied", "explained", "helpers", "literal"]


def applied(rule: Callable[..., Any], node: Node, given: Sequence[ast.expr]) -> str:
    """Return a rule's formula with what it is given in place of its parameters; else the rule's name, and that."""
    source = _lambda(getattr(rule, "__code__", None))
    if source is not None and not source.args.vararg:
        return ast.unparse(_Substitution(source.args, given, node.kwargs).visit(copy.deepcopy(source.body)))
    name = getattr(rule, "__name__", "<lambda>")
    return f"{f'vjp of {node.name} ' if name == '<lambda>' else name}({', '.join(map(ast.unparse, given))})"


class _Substitution(ast.NodeTransformer):
    """Puts variables and values in place of a rule's parameters."""

    def __init__(self, parameters: ast.arguments, given: Sequence[ast.expr], kwargs: Mapping[str, Any]) -> None:
        positional = parameters.posonlyargs + parameters.args
        self._found = {parameter.arg: value for parameter, value in zip(positional, given, strict=False)}
        defaults = zip(reversed(positional), reversed(parameters.defaults), strict=False)
        keywords = zip(parameters.kwonlyargs, parameters.kw_defaults, strict=True)
        for parameter, default in itertools.chain(defaults, keywords):
            if parameter.arg not in kwargs:
                if default is not None:
                    self._found[parameter.arg] = default
            elif (text := short(kwargs[parameter.arg])) is not None:
                self._found[parameter.arg] = literal(text)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a name."""
        return self._found.get(node.id, node)


def literal(text: str) -> ast.expr:
    """Return a number, a tuple or the like as it stands in a formula."""
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=4096)
def helpers(rule: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return the functions that a rule is made of, other than NumPy's; of a rule that is no lambda, the rule itself."""
    source = _lambda(getattr(rule, "__code__", None))
    if source is None:
        return (rule,) if getattr(rule, "__name__", "<lambda>") != "<lambda>" else ()
    named = [node.id for node in ast.walk(source.body) if isinstance(node, ast.Name)]
    found = (getattr(rule, "__globals__", {}).get(name) for name in named)
    return tuple(function for function in found if isinstance(function, FunctionType))


@lru_cache(maxsize=4096)
def explained(helper: Callable[..., Any]) -> str | None:
    """Say what a function does, in the first line of its documentation; else show its body, if it is short."""
    parameters = inspect.signature(helper).parameters.values()
    names = (str(parameter.replace(annotation=parameter.empty)) for parameter in parameters)
    head = f"  {helper.__name__}({', '.join(names)}):"
    if helper.__doc__:
        return f"{head} {helper.__doc__.strip().splitlines()[0]}"
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(helper))).body
    except (OSError, SyntaxError, ValueError):
        return None
    body = "\n".join(map(ast.unparse, cast(ast.FunctionDef, definition).body))
    return f"{head}\n{textwrap.indent(body, ' ' * 6)}" if body.count("\n") < 12 else None


@lru_cache(maxsize=4096)
def _lambda(code: CodeType | None) -> ast.Lambda | None:
    """Return the lambda that a code object was compiled from, if its source is at hand."""
    if code is None or code.co_name != "<lambda>":
        return None
    try:
        lambdas = _lambdas("".join(inspect.findsource(code)[0]))
    except (OSError, SyntaxError):
        return None
    # A line may hold several: the last one that begins no later than its instructions do.
    places = [
        (line, column)
        for line, end_line, column, end_column in code.co_positions()
        if line is not None and column is not None and (line, column) != (end_line, end_column)
    ]
    names = code.co_varnames[: code.co_argcount]
    candidates = [
        found
        for found in lambdas
        if tuple(parameter.arg for parameter in found.args.posonlyargs + found.args.args) == names
        if places and (found.body.lineno, found.body.col_offset) <= min(places)
    ]
    return max(candidates, key=lambda found: (found.body.lineno, found.body.col_offset), default=None)


@lru_cache(maxsize=64)
def _lambdas(source: str) -> list[ast.Lambda]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Lambda)]
