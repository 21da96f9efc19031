"""The tape as text: what led to a tensor, in the order of creation, and the backward pass as assignments."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from autograd_np.show.calls import call_text
from autograd_np.show.recorded import Constant, Names, Recorded
from autograd_np.show.rule_source import Helpers, applied, explained, literal
from autograd_np.tape import Node
from autograd_np.tensor import Tensor

__all__ = ["print_tape"]


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
      4  np.sum       g3 += broadcast_like(x3, True, with_reduced_axes(g4, x3, None))
      3  np.tanh      g2 += g3 * (1 - x3 * x3)
      2  np.multiply  w.grad += g2 * 3.0
    <BLANKLINE>
    where
      broadcast_like(x, where, g): Broadcast a gradient to the shape of `x`, with 0 for what is left out.
      with_reduced_axes(g, x, axis): Give back the reduced axes, with length 1, so that it broadcasts against `x`.
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
    steps = list(_backward(recorded, variables))
    _print_table([("", f"{variables.gradient(last)} = {start}"), *(row for row, _ in steps)])
    used = dict.fromkeys(helper for _, helpers in steps for helper in helpers)
    explanations = [text for helper in used if (text := explained(helper))]
    if explanations:
        print("\nwhere", *explanations, sep="\n")


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


def _backward(recorded: Recorded, variables: _Variables) -> Iterator[tuple[tuple[str, ...], Helpers]]:
    """Yield the rows of the backward pass, each with the functions that it names."""
    for node in reversed(recorded.nodes):
        head = str(variables.numbers[node]), node.name
        for line, helpers in _assignments(node, recorded, variables):
            yield (*head, line), helpers
            head = "", ""


def _assignments(node: Node, recorded: Recorded, variables: _Variables) -> Iterator[tuple[str, Helpers]]:
    """Yield what the backward pass does at a node: one assignment for each argument, or one for all."""
    primitive = node.primitive
    if primitive is None:
        return
    parents = dict(zip(node.argnums, node.parents, strict=True))
    arguments = list(recorded.arguments(node))
    given = [ast.Name(variables.gradient(node)), ast.Name(variables[node])]
    given += [literal(arg) if isinstance(arg, str) else ast.Name(variables[arg]) for arg in arguments]
    if primitive.joint:
        targets = [variables.gradient(parents[i]) if i in parents else "_" for i in range(len(arguments))]
        formula = applied(primitive.joint, node, given)
        yield f"{', '.join(targets)} += {formula.text}", formula.helpers
        return
    for i, parent in parents.items():
        target, rule = variables.gradient(parent), primitive.vjps[i]
        if parent.several:
            yield f"{target}[{node.kwargs['index']}] += {variables.gradient(node)}", ()
        elif rule is not None:
            formula = applied(rule, node, given)
            text = f"unbroadcast({formula.text}, {parent.shape})" if _broadcasted(node, parent) else formula.text
            yield f"{target} += {text}", formula.helpers


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
