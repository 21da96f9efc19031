"""The source of a rule: its formula with the values of a call, and the functions that it is made of."""

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from types import CodeType, FunctionType
from typing import Any, NamedTuple, cast

from autograd_np.show.calls import short
from autograd_np.tape import Node

__all__ = ["Formula", "Helpers", "applied", "explained", "literal"]


Helpers = tuple[Callable[..., Any], ...]


class Formula(NamedTuple):
    """What a rule computes, in the variables of a call, and the functions other than NumPy's that it names."""

    text: str
    helpers: Helpers


def applied(rule: Callable[..., Any], node: Node, given: Sequence[ast.expr]) -> Formula:
    """Return a rule's formula with what it is given in place of its parameters; else the rule's name, and that."""
    source = _lambda(getattr(rule, "__code__", None))
    if source is None:
        name = getattr(rule, "__name__", "<lambda>")
        helpers = (rule,) if name != "<lambda>" else ()
        return Formula(_bare(_called(name, node, given)), helpers)
    substitution = _Substitution(source.args, given, node.kwargs)
    text = ast.unparse(substitution.visit(copy.deepcopy(source.body)))
    if source.args.vararg:
        text = _called("<lambda>", node, given)
    found = (getattr(rule, "__globals__", {}).get(name) for name in substitution.kept)
    return Formula(_bare(text), tuple(function for function in found if isinstance(function, FunctionType)))


def _called(name: str, node: Node, given: Sequence[ast.expr]) -> str:
    name = f"vjp of {node.name} " if name == "<lambda>" else name
    return f"{name}({', '.join(map(ast.unparse, given))})"


class _Substitution(ast.NodeTransformer):
    """Puts variables and values in place of a rule's parameters, and keeps all other names."""

    def __init__(self, parameters: ast.arguments, given: Sequence[ast.expr], kwargs: Mapping[str, Any]) -> None:
        positional = parameters.posonlyargs + parameters.args
        self.kept: list[str] = []
        self._kwargs = kwargs
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
        if node.id in self._found:
            return self._found[node.id]
        self.kept.append(node.id)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        """Take one of the two where a parameter decides by being a certain word: `a if where is True else b`."""
        match node.test:
            case ast.Compare(ast.Name(name), [ast.Is() | ast.IsNot() as operator], [ast.Constant(word)]) if (
                name in self._found or name in self._kwargs
            ):
                known = self._found.get(name)  # else it is an array, which is no word
                is_word = isinstance(known, ast.Constant) and known.value is word
                return self.visit(node.body if is_word == isinstance(operator, ast.Is) else node.orelse)
            case _:
                return cast(ast.expr, self.generic_visit(node))


def _bare(text: str) -> str:
    """Leave out the underscores before names: a reader need not know whose they are."""
    return re.sub(r"\b_(?=[a-z])", "", text)


def literal(text: str) -> ast.expr:
    """Return a number, a tuple or the like as it stands in a formula."""
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=4096)
def explained(helper: Callable[..., Any]) -> str | None:
    """Say what a function does, in the first line of its documentation; else show its body, if it is short."""
    parameters = inspect.signature(helper).parameters.values()
    names = (str(p.replace(annotation=p.empty)) for p in parameters if p.default is p.empty)
    head = _bare(f"  {helper.__name__}({', '.join(names)}):")
    if helper.__doc__:
        return f"{head} {helper.__doc__.strip().splitlines()[0].removeprefix('Return ')}"
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(helper))).body
    except (OSError, SyntaxError, ValueError):
        return None
    body = _bare("\n".join(map(ast.unparse, cast(ast.FunctionDef, definition).body)))
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
