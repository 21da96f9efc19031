"""The tape as text: what led to a tensor, in the order of creation, and the backward pass as a list of assignments."""

# What is on the tape is seen through a Tensor's node.
# pyright: reportPrivateUsage=false

from __future__ import annotations

import ast
import copy
import inspect
import itertools
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from types import CodeType, FunctionType
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from autograd_np.tape import Node, Spec, is_array
from autograd_np.tensor import Tensor

__all__ = ["Constant", "Names", "Recorded", "print_tape"]

Names = Mapping[str, Tensor | NDArray[Any]]


def print_tape(tensor: Tensor, names: Names | None = None) -> None:
    """Print what led to a tensor, in the order of creation, and then the backward pass, step by step.

    Each step has a number: `x5` is the result of step 5, and `g5` the gradient of the tensor with respect to it. Arrays
    that need no gradient are `c1`, `c2`, ... The backward pass is a list of assignments, made of the rules' own source
    (see `defvjp`); of a rule that is no lambda, or whose source is not at hand, the name is given.
    `unbroadcast` sums a gradient over the axes that broadcasting added. The functions that the rules are made of, other
    than NumPy's, are explained below.

    Parameters
    ----------
    tensor : Tensor
        Whatever was computed, usually a loss, before `backward()` has released its graph.
    names : mapping of str to Tensor or ndarray, optional
        What to call tensors, and arrays that need no gradient: `dict(model.named_parameters())`.

    Raises
    ------
    TypeError
        If `tensor` is no Tensor, or `names` no mapping from names to tensors.
    RuntimeError
        If nothing was recorded, or if a backward pass has released the graph.

    See Also
    --------
    draw : The same as a picture.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, print_tape
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> print_tape(np.sum(np.tanh(w * 3.0)), names={"w": w})
    forward, in the order of creation
      1  w   leaf                 (2,) float64
      2  x2  np.multiply(w, 3.0)  (2,) float64
      3  x3  np.tanh(x2)          (2,) float64
      4  x4  np.sum(x3)           () float64
    <BLANKLINE>
    backward, from the last step to the first: g4 is the gradient of x4
         g4 = 1
      4  np.sum       g3 += _to(x3, True, _spread(g4, x3, None))
      3  np.tanh      g2 += g3 * (1 - x3 * x3)
      2  np.multiply  w.grad += g2 * 3.0
    <BLANKLINE>
    where
      _to(x, where, g): Broadcast a gradient to the shape of `x`, with 0 for what is left out.
      _spread(g, x, axis): Give back the reduced axes, with length 1, so that it broadcasts against `x`.
    """
    recorded = Recorded("print_tape", tensor, names)
    variables = _Variables(recorded)
    print("forward, in the order of creation")
    _print_table(_forward(recorded, variables))
    last = recorded.nodes[-1]
    start = "1" if tensor.size == 1 else "what backward() is given"
    print(
        f"\nbackward, from the last step to the first: {variables.gradient(last)} is the gradient of {variables[last]}"
    )
    _print_table([("", f"{variables.gradient(last)} = {start}"), *_backward(recorded, variables)])
    rules = (rule for node in reversed(recorded.nodes) for rule in _rules(node))
    helpers = [
        text
        for helper in dict.fromkeys(helper for rule in rules for helper in _helpers(rule))
        if (text := _explained(helper))
    ]
    if helpers:
        print("\nwhere", *helpers, sep="\n")


# ---------------------------------------------------------------------------------------------------------------------
# What was recorded
# ---------------------------------------------------------------------------------------------------------------------


class Constant(NamedTuple):
    """An array among the arguments of an operation that needs no gradient."""

    key: object  # tells it from others: the same memory, seen the same way, is the same array
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    name: str | None


class Recorded:
    """The part of the tape that leads to a tensor, and what it is called.

    Attributes
    ----------
    nodes : list of Node
        In the order of creation; the last one is the tensor's own.
    names : dict of Node to str
        Of those that have one.
    """

    def __init__(self, call: str, tensor: Tensor, names: Names | None) -> None:
        if not isinstance(tensor, Tensor):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError(f"{call}: takes a Tensor, usually a loss, not {type(tensor).__name__}")
        if tensor._node is None:
            raise RuntimeError(
                f"{call}: nothing was recorded that leads to the tensor of shape {tensor.shape}; make the leaves with "
                f"requires_grad=True, and do not compute it under no_grad() or from detached values"
            )
        self.nodes = _reachable(call, tensor._node)
        self.names: dict[Node, str] = {}
        self._constants: dict[object, str] = {}
        for name, value in _checked(call, names):
            if isinstance(value, Tensor) and value._node is not None:
                self.names.setdefault(value._node, name)
            else:
                self._constants.setdefault(_memory(value.data if isinstance(value, Tensor) else value), name)

    def arguments(self, node: Node) -> Iterator[Node | Constant | str]:
        """Yield the arguments of an operation: a node, an array that needs no gradient, or a number as text."""
        parents = dict(zip(node.argnums, node.parents, strict=True))
        for i, arg in enumerate(node.args or ()):
            if i in parents:
                yield parents[i]
            elif (constant := self._constant(arg)) is not None:
                yield constant
            else:
                yield "constant" if isinstance(arg, Spec) else short(arg.item() if is_array(arg) else arg) or "..."

    def sources(self, node: Node) -> Iterator[Node | Constant]:
        """Yield those arguments of an operation that no other one computed: leaves and constant arrays."""
        yield from (parent for parent in node.parents if parent.primitive is None)
        for i, arg in enumerate(node.args or ()):
            if i not in node.argnums and (constant := self._constant(arg)) is not None:
                yield constant

    def _constant(self, arg: object) -> Constant | None:
        if is_array(arg) and arg.ndim:
            memory = _memory(arg)
            return Constant((memory, arg.shape, arg.strides), arg.shape, arg.dtype, self._constants.get(memory))
        if isinstance(arg, Spec) and arg.shape:
            return Constant(id(arg), arg.shape, arg.dtype, None)
        return None


def _reachable(call: str, last: Node) -> list[Node]:
    """Return what leads to a node, in the order of creation."""
    seen, stack = {last}, [last]
    while stack:
        node = stack.pop()
        if node.args is None:
            raise RuntimeError(
                f"{call}: a backward pass has released this graph (at {node.name}); call {call} before backward(), or "
                f"pass retain_graph=True to backward()"
            )
        fresh = [parent for parent in node.parents if parent not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return sorted(seen, key=attrgetter("number"))


def _checked(call: str, names: object) -> Iterable[tuple[str, Any]]:
    """Return the pairs of a mapping from names to tensors or arrays."""
    if names is None:
        return ()
    if not isinstance(names, Mapping):
        raise TypeError(
            f"{call}: names maps names to tensors, as dict(model.named_parameters()) does; it is no mapping but "
            f"{type(names).__name__}"
        )
    pairs = list(cast(Mapping[Any, Any], names).items())
    for name, value in pairs:
        if not isinstance(name, str) or not (isinstance(value, Tensor) or is_array(value)):
            raise TypeError(
                f"{call}: names maps names to tensors, as dict(model.named_parameters()) does; it has "
                f"{type(value).__name__} for {name!r}"
            )
    return pairs


def _memory(array: NDArray[Any]) -> object:
    """Tell whether two arrays hold the same elements, though perhaps in another shape: flattened images, say."""
    return array.__array_interface__["data"][0], array.size, array.dtype


def short(value: Any) -> str | None:
    """Return the text of a number, a word, or a few of them; None for anything longer."""
    if not all(isinstance(part, _SHORT) for part in _parts(value)):
        return None
    text = repr(value).replace("Ellipsis", "...")
    return text if len(text) <= 24 else None


_SHORT = (bool, int, float, complex, str, type(None), type(...), slice, np.generic, np.dtype)


def _parts(value: Any) -> Sequence[Any]:
    return value if type(value) is tuple else (value,)  # pyright: ignore[reportUnknownVariableType]


def call_text(node: Node, arguments: Sequence[str]) -> str:
    """Write an operation as a call."""
    return item_text(node, arguments) or f"{node.name}({', '.join([*arguments, *keyword_texts(node)])})"


def item_text(node: Node, arguments: Sequence[str]) -> str | None:
    """Write what takes an item, or assigns one, with brackets; None of other operations."""
    if "index" not in node.kwargs or not node.name.startswith(("t[", "one of")):
        return None
    target, *value = arguments
    return f"{target}[{_subscript(node.kwargs['index'])}]" + (f" = {value[0]}" if value else "")


def keyword_texts(node: Node) -> list[str]:
    """Return the short ones of an operation's keyword arguments; what is None or False is seldom worth a word."""
    texts = {name: short(value) for name, value in node.kwargs.items() if value is not None and value is not False}
    return [f"{name}={text}" for name, text in texts.items() if text is not None]


def _subscript(index: Any) -> str:
    """Write an index as it stands in brackets."""
    parts: list[str] = []
    for part in _parts(index):
        if isinstance(part, slice):
            bounds = cast("slice[Any, Any, Any]", part)
            start, stop, step = ("" if x is None else str(x) for x in (bounds.start, bounds.stop, bounds.step))
            parts.append(f"{start}:{stop}" + (f":{step}" if step else ""))
        else:
            parts.append(short(part) or "index")
    text = ", ".join(parts)
    return text if len(text) <= 24 else "index"


# ---------------------------------------------------------------------------------------------------------------------
# The lines
# ---------------------------------------------------------------------------------------------------------------------


class _Variables:
    """What the listing calls results, gradients and constants."""

    def __init__(self, recorded: Recorded) -> None:
        self._names = recorded.names
        self._constants: dict[Constant, str] = {}
        self.numbers = {node: i for i, node in enumerate(recorded.nodes, 1)}

    def __getitem__(self, argument: Node | Constant | str) -> str:
        if isinstance(argument, str):
            return argument
        if isinstance(argument, Constant):
            return argument.name or self._constants.setdefault(argument, f"c{len(self._constants) + 1}")
        return self._names.get(argument) or f"x{self.numbers[argument]}"

    def __contains__(self, constant: Constant) -> bool:
        return constant in self._constants

    def gradient(self, node: Node) -> str:
        """Return the name of a node's gradient: a leaf has an attribute for it."""
        return f"{self[node]}.grad" if node.primitive is None else f"g{self.numbers[node]}"


def _forward(recorded: Recorded, variables: _Variables) -> Iterator[tuple[str, ...]]:
    named: set[Constant] = set()
    for node in recorded.nodes:
        arguments = list(recorded.arguments(node))
        for argument in arguments:
            if isinstance(argument, Constant) and argument not in named:
                named.add(argument)
                yield "", variables[argument], "constant", f"{argument.shape} {argument.dtype}"
        step = call_text(node, [variables[argument] for argument in arguments]) if node.primitive else "leaf"
        if node.several:
            sizes = f"{', '.join(str(part.shape) for part in node.output)} {node.dtype}"
        else:
            sizes = f"{node.shape} {node.dtype}"
        yield str(variables.numbers[node]), variables[node], step, sizes


def _backward(recorded: Recorded, variables: _Variables) -> Iterator[tuple[str, ...]]:
    for node in reversed(recorded.nodes):
        head = str(variables.numbers[node]), node.name
        for line in _assignments(node, recorded, variables):
            yield *head, line
            head = "", ""


def _assignments(node: Node, recorded: Recorded, variables: _Variables) -> Iterator[str]:
    """Yield what the backward pass does at a node: one assignment for each argument, or one for all."""
    primitive = node.primitive
    if primitive is None:
        return
    parents = dict(zip(node.argnums, node.parents, strict=True))
    arguments = list(recorded.arguments(node))
    given = [ast.Name(variables.gradient(node)), ast.Name(variables[node])]
    given += [_literal(arg) if isinstance(arg, str) else ast.Name(variables[arg]) for arg in arguments]
    if primitive.joint:
        targets = [variables.gradient(parents[i]) if i in parents else "_" for i in range(len(arguments))]
        yield f"{', '.join(targets)} += {_applied(primitive.joint, node, given)}"
        return
    for i, parent in parents.items():
        target, rule = variables.gradient(parent), primitive.vjps[i]
        if parent.several:
            yield f"{target}[{node.kwargs['index']}] += {variables.gradient(node)}"
        elif rule is not None:
            expression = _applied(rule, node, given)
            if _broadcasted(node, parent):
                expression = f"unbroadcast({expression}, {parent.shape})"
            yield f"{target} += {expression}"


def _rules(node: Node) -> Iterator[Callable[..., Any]]:
    """Yield the rules that the backward pass calls at a node."""
    if node.primitive is not None and node.primitive.joint:
        yield node.primitive.joint
    elif node.primitive is not None:
        yield from (rule for i in node.argnums if (rule := node.primitive.vjps[i]) is not None)


def _broadcasted(node: Node, parent: Node) -> bool:
    """Tell whether an argument was broadcast; of a product of matrices, whether the axes before them were."""
    primitive = node.primitive
    if primitive is None or not primitive.broadcasts:
        return False
    if getattr(primitive.function, "signature", None) is None:
        return parent.shape != node.shape
    return parent.ndim > 1 and parent.shape[:-2] != node.shape[:-2]


def _print_table(rows: Iterable[Sequence[str]]) -> None:
    """Print rows of cells: the first column to the right, the others to the left, the last as long as it is."""
    table = list(rows)
    long = [row for row in table if len(row) > 2]
    widths = [max((len(row[i]) for row in long), default=0) for i in range(max(map(len, table)) - 1)]
    for number, *cells in table:
        padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths[1:], strict=False)]
        print("  ".join(["", number.rjust(widths[0]), *padded, cells[-1]]).rstrip())


# ---------------------------------------------------------------------------------------------------------------------
# The source of a rule
# ---------------------------------------------------------------------------------------------------------------------


def _applied(rule: Callable[..., Any], node: Node, given: Sequence[ast.expr]) -> str:
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
                self._found[parameter.arg] = _literal(text)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """Replace a name."""
        return self._found.get(node.id, node)


def _literal(text: str) -> ast.expr:
    """Return a number, a tuple or the like as it stands in a formula."""
    return ast.parse(text, mode="eval").body


@lru_cache(maxsize=4096)
def _helpers(rule: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """Return the functions that a rule is made of, other than NumPy's; of a rule that is no lambda, the rule itself."""
    source = _lambda(getattr(rule, "__code__", None))
    if source is None:
        return (rule,) if getattr(rule, "__name__", "<lambda>") != "<lambda>" else ()
    named = [node.id for node in ast.walk(source.body) if isinstance(node, ast.Name)]
    found = (getattr(rule, "__globals__", {}).get(name) for name in named)
    return tuple(function for function in found if isinstance(function, FunctionType))


@lru_cache(maxsize=4096)
def _explained(helper: Callable[..., Any]) -> str | None:
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
