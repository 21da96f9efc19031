"""Functions of several outputs: each output has a node, which files its gradient under the output's index."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograd_np.primitives import Plan, Primitive
from autograd_np.tape import Array, Contribution, Node, record_node

__all__ = ["Part", "one_output", "output_node"]


class Part(Contribution):
    """The gradient of one of several outputs."""

    def __init__(self, g: Array, index: int) -> None:
        self.g, self.index = g, index

    def added_to(self, total: list[Any] | None, owned: bool, node: Node) -> list[Any]:
        """File the gradient under the output's index."""
        total = [None] * len(node.output) if total is None else total
        total[self.index] = self.g if total[self.index] is None else total[self.index] + self.g
        return total


def _pick(outputs: Sequence[Any], index: int = 0) -> Any:
    return outputs[index]


one_output = Primitive(_pick, "one of several outputs")
one_output.define((lambda g, _y, _outputs, index=0: Part(g, index),), None, broadcasts=False)
one_output.batched = True
_plan = Plan(one_output, 0b11)


def output_node(node: Node, outputs: Sequence[Any], index: int) -> Node:
    """Return a node for one of the several outputs of another."""
    return record_node(_plan, (node,), (outputs,), {"index": index}, outputs[index])
