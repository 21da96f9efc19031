"""Writing into memory that tensors share: random programs, held against differences of the same program in plain NumPy.

The kinds of fault that are looked for:

- a tensor is read whose memory was written through another one: the base of a view, a view of a base, views of views,
  what was taken before and after, by any order of writes, and slice by slice into what was a constant;
- an array that a rule needs was written before the backward pass: through the tensor, a view, a detached tensor,
  `.data`, an optimiser's kind of step under `no_grad()`, or by a write that failed halfway;
- a leaf was frozen or thawed, before or between forward passes, or before the backward pass;
- a graph, or a part of it, is spent; or two threads sweep it at once.

Each gradient is right, or an error says what is wrong and changes nothing.
"""

from __future__ import annotations

import inspect
import os
import re
import textwrap
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from autograd_np import Tensor, grad, gradients, no_grad, tape, views
from tests.autograd_np.checks import check_gradients

Array = np.ndarray

REFUSALS = "in place|is spent|does not require a gradient|shares memory|cannot be changed|no gradient|detached"

# ---------------------------------------------------------------------------------------------------------------------
# The instructions: each means the same for tensors and for arrays
# ---------------------------------------------------------------------------------------------------------------------

ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "double": lambda x: x * 2.0,
    "sin": np.sin,
    "square": lambda x: x * x,
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "quotient": lambda x, y: x / (2.0 + y * y),
}

VIEWS: dict[str, Callable[[Any], Any]] = {
    "t[0]": lambda x: x[0],
    "t[-1]": lambda x: x[-1],
    "t[1:]": lambda x: x[1:],
    "t[::-1]": lambda x: x[::-1],
    "t[..., :2]": lambda x: x[..., :2],
    "t.T": lambda x: x.T,
    "t.reshape(-1)": lambda x: x.reshape(-1),
    "t[None]": lambda x: x[None],
    "t.swapaxes(0, -1)": lambda x: x.swapaxes(0, -1),
}


def _set(target: Any, index: Any, value: Any) -> None:
    target[index] = value


def _add_to_slice(target: Any, index: Any, value: Any) -> None:
    target[index] += value


WRITES: dict[str, Callable[[Any, Any], Any]] = {
    "t += v": lambda t, v: t.__iadd__(v),
    "t *= v": lambda t, v: t.__imul__(v),
    "t[...] = v": lambda t, v: _set(t, ..., v),
    "t[0] = v[0]": lambda t, v: _set(t, 0, v[0]),
    "t[1:] += v[1:]": lambda t, v: _add_to_slice(t, slice(1, None), v[1:]),
    "t[-1] *= 3": lambda t, v: t[-1].__imul__(3.0) if t.ndim > 1 else _set(t, -1, t[-1] * 3.0),
    "np.add(t, v, out=t)": lambda t, v: np.add(t, v, out=t),
    "np.copyto(t, v)": np.copyto,
    "t[[0, -1]] = v[[0, -1]]": lambda t, v: _set(t, [0, -1], v[[0, -1]]),
}


@dataclass(frozen=True)
class Step:
    """One instruction: what is done, to which variables, and whether it is recorded."""

    kind: str  # "compute", "view", "detach", "zeros", "write" or "data"
    name: str
    operands: tuple[int, ...]
    recorded: bool = True
    constant: frozenset[int] = frozenset()
    """Which of the operands are constants at this moment: frozen, detached, or views of such."""


@dataclass
class Memory:
    """A run of the program in plain NumPy, in which variables share memory as the tensors do.

    With a shift of one leaf it is the program at a neighbouring point: there a constant has the value that it had in
    the run without a shift, and a leaf that was written as a constant is shifted from its new value.
    """

    arrays: list[Array] = field(default_factory=list)
    shifts: dict[int, Array] = field(default_factory=dict)
    trace: list[dict[str, Any]] = field(default_factory=list)
    """Of the run without a shift: what each step read, made and left behind."""

    def run(self, step: Step, leaves: dict[int, Array], known: dict[str, Any] | None = None) -> None:
        """Run a step; `known` is its part of the trace of the run without a shift."""
        seen: dict[str, Any] = {"read": {i: self.arrays[i].copy() for i in step.operands}}
        reads = known or seen
        values = [reads["read"][i] if i in step.constant else self.arrays[i] for i in step.operands]
        target = self.arrays[step.operands[0]] if step.operands else None
        if step.kind == "compute":
            result = np.array(ELEMENTWISE[step.name](*values))
            seen["made"] = result.copy()
            self.arrays.append(known["made"].copy() if known and not step.recorded else result)
        elif step.kind == "view":
            self.arrays.append(VIEWS[step.name](target))
        elif step.kind == "detach":
            self.arrays.append(target)
        elif step.kind == "zeros":
            self.arrays.append(np.zeros_like(target))
        else:
            self._write(step, target, values, seen, known)
            for i in leaves:
                if known:
                    if step.kind == "data" or not step.recorded or step.operands[0] in step.constant:
                        self.arrays[i][...] = known["leaves"][i] + self.shifts.get(i, 0.0)
                else:
                    seen.setdefault("leaves", {})[i] = self.arrays[i].copy()
        self.trace.append(seen)

    def _write(self, step: Step, target: Any, values: list[Array], seen: dict[str, Any], known: Any) -> None:
        as_constant = step.kind == "data" or not step.recorded or step.operands[0] in step.constant
        if known and as_constant:
            target[...] = known["after"]
            return
        value = values[1].copy() if len(values) > 1 else None
        if step.kind == "data":
            target[...] = target * 0.5
        else:
            WRITES[step.name](target, value)
        seen["after"] = target.copy()


# ---------------------------------------------------------------------------------------------------------------------
# The machine
# ---------------------------------------------------------------------------------------------------------------------

SHAPES = ((3,), (2, 3), (3, 2))
HOW = ("gradients", "outputs", "through", "backward", "frozen", "threads")


class Programs(RuleBasedStateMachine):
    """Draws a program, step by step, and holds gradients against differences."""

    def __init__(self) -> None:
        super().__init__()
        self.tensors: list[Tensor] = []
        self.constant: list[bool] = []  # detached, or a view of such, or taken while nothing was recorded or frozen
        self.base: list[int] = []  # whose memory it is
        self.leaves: dict[int, Array] = {}
        self.steps: list[Step] = []
        self.memory = Memory()
        self.living: list[int] = []

    @initialize(shapes=st.lists(st.sampled_from(SHAPES), min_size=2, max_size=3), seed=st.integers(0, 99))
    def make_leaves(self, shapes: list[tuple[int, ...]], seed: int) -> None:
        rng = np.random.default_rng(seed)
        for shape in shapes:
            values = rng.uniform(-1, 1, shape)
            self.leaves[len(self.tensors)] = values
            self._add(Tensor(values, requires_grad=True), constant=False, base=len(self.tensors))
            self.memory.arrays.append(values.copy())

    def _add(self, tensor: Tensor, constant: bool, base: int) -> None:
        self.living.append(len(self.tensors))
        self.tensors.append(tensor)
        self.constant.append(constant)
        self.base.append(base)

    def _is_constant(self, i: int) -> bool:
        return self.constant[i] or (
            self.base[i] in self.leaves and i in self.leaves and not self.tensors[i].requires_grad
        )

    def _pick(self, data: st.DataObject, like: int | None = None) -> int:
        fits = self.living if like is None else [i for i in self.living if self._shape(i) == self._shape(like)]
        return data.draw(st.sampled_from(fits), label="variable")

    def _shape(self, i: int) -> tuple[int, ...]:
        return self.tensors[i].shape

    def _do(self, step: Step, act: Callable[[], Any]) -> Any:
        """Do a step with tensors and then with arrays; leave it out if the tensors refuse it."""
        try:
            with nullcontext() if step.recorded else no_grad():
                result = act()
        except (RuntimeError, TypeError, ValueError) as error:
            assert_refused(error)
            return None
        self.memory.run(step, self.leaves)
        self.steps.append(step)
        return result

    def _step(self, kind: str, name: str, *operands: int, recorded: bool = True) -> Step:
        return Step(kind, name, operands, recorded, frozenset(i for i in operands if self._is_constant(i)))

    # -- what a program does ------------------------------------------------------------------------------------------

    @rule(data=st.data(), name=st.sampled_from(list(ELEMENTWISE)), recorded=st.sampled_from([True, True, True, False]))
    def compute(self, data: st.DataObject, name: str, recorded: bool) -> None:
        count = ELEMENTWISE[name].__code__.co_argcount if name != "sin" else 1
        first = self._pick(data)
        self.compute_of(name, *(first, self._pick(data, first))[:count], recorded=recorded)

    def compute_of(self, name: str, *operands: int, recorded: bool = True) -> None:
        step = self._step("compute", name, *operands, recorded=recorded)
        result = self._do(step, lambda: ELEMENTWISE[name](*(self.tensors[i] for i in operands)))
        if result is not None:
            self._add(result, constant=False, base=len(self.tensors))

    @rule(data=st.data(), name=st.sampled_from(list(VIEWS)), recorded=st.sampled_from([True, True, True, False]))
    def view(self, data: st.DataObject, name: str, recorded: bool) -> None:
        self.view_of(self._pick(data), name, recorded)

    def view_of(self, i: int, name: str, recorded: bool = True) -> None:
        if min(self._shape(i)) < 2 or (self.tensors[i].ndim == 1 and name in ("t[0]", "t[-1]")):
            return  # what they give is empty, or no view
        step = self._step("view", name, i, recorded=recorded)
        frozen = self._is_constant(i)
        result = self._do(step, lambda: VIEWS[name](self.tensors[i]))
        if result is not None:
            self._add(result, constant=frozen or not recorded, base=self.base[i])

    @rule(data=st.data())
    def detach(self, data: st.DataObject) -> None:
        i = self._pick(data)
        result = self._do(self._step("detach", "detach", i), lambda: self.tensors[i].detach())
        if result is not None:
            self._add(result, constant=True, base=self.base[i])

    @rule(data=st.data(), name=st.sampled_from(["t[1:] += v[1:]", "t *= v", "t[0] = v[0]", "t += v"]))
    def write_into_view(self, data: st.DataObject, name: str) -> None:
        """Write where something has been computed, which is what matters most."""
        results = [i for i in self.living if self.base[i] not in self.leaves and not self.constant[i]]
        if results:
            target = data.draw(st.sampled_from(results), label="target")
            self.write_to(target, self._pick(data, target), name)

    @rule(data=st.data())
    def zeros(self, data: st.DataObject) -> None:
        self.zeros_like(self._pick(data))

    def zeros_like(self, i: int) -> None:
        result = self._do(self._step("zeros", "zeros_like", i), lambda: np.zeros_like(self.tensors[i]))
        if result is not None:
            self._add(result, constant=False, base=len(self.tensors))

    @rule(data=st.data(), name=st.sampled_from(list(WRITES)), recorded=st.sampled_from([True, True, True, False]))
    def write(self, data: st.DataObject, name: str, recorded: bool) -> None:
        target = self._pick(data)
        self.write_to(target, self._pick(data, target), name, recorded)

    def write_to(self, target: int, value: int, name: str, recorded: bool = True) -> None:
        frozen_leaf = self.base[target] in self.leaves and not self.tensors[self.base[target]].requires_grad
        if frozen_leaf and recorded:
            return  # it would become the result of an operation, and could not be thawed
        itself = views.same_memory(self.tensors[value], self.tensors[target].data)
        if itself and name in ("t[...] = v", "np.copyto(t, v)"):
            return  # which changes nothing, and is no write
        step = self._step("write", name, target, value, recorded=recorded)

        def act() -> bool:
            WRITES[name](self.tensors[target], self.tensors[value])
            return True

        self._do(step, act)

    @rule(data=st.data(), how=st.sampled_from(["data", "failing", "freeze or thaw"]))
    def meddle(self, data: st.DataObject, how: str) -> None:
        """Do what the tape has no node for: assign to `.data`, fail to write, freeze a leaf or thaw it."""
        i = self._pick(data)
        if how == "freeze or thaw":
            leaf = self.tensors[data.draw(st.sampled_from(list(self.leaves)))]
            leaf.requires_grad = not leaf.requires_grad
        elif how == "failing":
            with pytest.raises((TypeError, ValueError, RuntimeError)):
                self.tensors[i][...] = np.array([1.0, "a"], dtype=object)
        else:

            def act() -> bool:
                self.tensors[i].data *= 0.5
                return True

            self._do(self._step("data", "t.data *= 0.5", i), act)

    @rule(data=st.data(), name=st.sampled_from(list(VIEWS)), write=st.sampled_from(["t += v", "t[...] = v"]))
    def fill(self, data: st.DataObject, name: str, write: str) -> None:
        """Take a view of zeros, and only then write recorded values into them."""
        value = self._pick(data)
        if self.tensors[value].ndim > 1:
            buffer = len(self.tensors)
            self.zeros_like(value)
            self.view_of(buffer, name)
            self.write_to(buffer, value, write)

    @rule(data=st.data())
    def freeze_and_thaw(self, data: st.DataObject) -> None:
        """Compute with a leaf on both sides of freezing it for a while, and with both results."""
        i = data.draw(st.sampled_from(list(self.leaves)))
        self.compute_of("sin", i)
        for _ in range(2):
            self.tensors[i].requires_grad = not self.tensors[i].requires_grad
        self.compute_of("double", i)
        if self._shape(-1) == self._shape(-2) == self._shape(i):
            self.compute_of("multiply", len(self.tensors) - 2, len(self.tensors) - 1)

    # -- what is checked ----------------------------------------------------------------------------------------------

    @invariant()
    def values_are_numpys(self) -> None:
        for t, array in zip(self.tensors, self.memory.arrays, strict=True):
            np.testing.assert_allclose(t.data, array, rtol=1e-12, atol=1e-12)

    @precondition(lambda self: any(leaf.requires_grad for leaf in map(self.tensors.__getitem__, self.leaves)))
    @rule(data=st.data(), retain=st.booleans(), how=st.sampled_from(HOW))
    def sweep(self, data: st.DataObject, retain: bool, how: str) -> None:
        chosen = data.draw(
            st.lists(st.sampled_from(self.living), min_size=1, max_size=3, unique=True), label="variables"
        )
        self.check(chosen, retain, how)

    @rule(data=st.data(), name=st.sampled_from(["double", "square"]))
    def sweep_through_what_is_spent(self, data: st.DataObject, name: str) -> None:
        i = data.draw(st.sampled_from(list(self.leaves)))
        between = len(self.tensors)
        self.compute_of(name, i)
        if self.tensors[i].requires_grad and len(self.tensors) > between:
            self.check([between], retain=False, how="backward")
            self.compute_of("double", between)
            self.check([len(self.tensors) - 1], retain=False, how="through", between=between)

    @rule(data=st.data(), name=st.sampled_from(list(VIEWS)))
    def sweep_from_a_view_whose_base_was_written(self, data: st.DataObject, name: str) -> None:
        i, base = data.draw(st.sampled_from(list(self.leaves))), len(self.tensors)
        self.compute_of("double", i)
        if self.tensors[i].requires_grad and len(self.tensors) > base:
            self.view_of(base, name)
            self.write_to(base, i, "t *= v")
            if len(self.tensors) > base + 1:
                self.check([base + 1], retain=True, how="outputs")

    def check(self, chosen: list[int], retain: bool, how: str, between: int | None = None) -> None:
        """Hold the gradients of a sum of variables against differences."""
        wanted = [i for i in self.leaves if self.tensors[i].requires_grad]
        for leaf in self.leaves:
            self.tensors[leaf].grad = None
        constant = frozenset(i for i in chosen if self._is_constant(i))
        try:
            if how == "outputs" and any(
                self.tensors[i].requires_grad for i in chosen
            ):  # from the variables themselves, and not from what is computed with them
                results = [self._pulled(chosen, wanted, retain)]
            else:
                loss = sum((np.sum(self.tensors[i] * weight(self._shape(i), i)) for i in chosen), 0.0)
                assert isinstance(loss, Tensor)
                results = self._swept(
                    loss, wanted, retain, how, self.tensors[chosen[0] if between is None else between]
                )
        except (RuntimeError, TypeError) as error:
            assert_refused(error)
            for i in wanted:
                self.tensors[i].requires_grad = True
            for i in self.leaves:
                assert self.tensors[i].grad is None
            self.living = [i for i in self.living if i in self.leaves or i not in chosen]
            return
        if how == "frozen":
            self.tensors[wanted.pop(0)].requires_grad = True
        if how in ("backward", "frozen"):
            for i in self.leaves:
                assert i in wanted or self.tensors[i].grad is None
        expected = {i: self._difference(i, chosen, constant) for i in wanted}
        for found in results:
            for i, g in found.items():
                actual = float(np.sum(g * weight(self._shape(i), 7)))
                assert abs(actual - expected[i]) <= 1e-6 * (1 + abs(expected[i])), (
                    f"the derivative by leaf {i} is {actual}, by differences {expected[i]}\n{self.text(chosen)}"
                )

    def _pulled(self, chosen: list[int], wanted: list[int], retain: bool) -> dict[int, Array]:
        outputs = [i for i in chosen if self.tensors[i].requires_grad]
        found = gradients(
            [self.tensors[i] for i in outputs],
            [self.tensors[i] for i in wanted],
            [weight(self._shape(i), i) for i in outputs],
            retain_graph=retain,
        )
        return {i: g.data for i, g in zip(wanted, found, strict=True)}

    def _swept(
        self, loss: Tensor, wanted: list[int], retain: bool, how: str, between: Tensor
    ) -> list[dict[int, Array]]:
        leaves = [self.tensors[i] for i in wanted]

        def by_gradients() -> dict[int, Array]:
            found = gradients(loss, leaves, retain_graph=retain)
            return {i: g.data for i, g in zip(wanted, found, strict=False)}

        if how == "through" and between.requires_grad:
            leaves.append(between)
        if how in ("gradients", "outputs", "through"):
            return [by_gradients()]
        if how in ("backward", "frozen"):
            leaves[0].requires_grad = how == "backward"
            loss.backward(retain_graph=retain)
            return [{i: g for i in wanted if (g := self.tensors[i].grad) is not None}]
        found: list[dict[int, Array]] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                found.append(by_gradients())
            except RuntimeError as error:
                errors.append(error)

        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not found:
            raise errors[0]
        return found

    def _difference(self, leaf: int, chosen: list[int], constant: frozenset[int]) -> float:
        h = 1e-4
        totals = [self._total_at(leaf, t * h, chosen, constant) for t in (-2, -1, 1, 2)]
        return (totals[0] - 8 * totals[1] + 8 * totals[2] - totals[3]) / (12 * h)

    def _total_at(self, leaf: int, t: float, chosen: list[int], constant: frozenset[int]) -> float:
        shift = t * weight(self._shape(leaf), 7)
        run = Memory([values.copy() for values in self.leaves.values()], {leaf: shift})
        run.arrays[leaf] += shift
        for step, known in zip(self.steps, self.memory.trace, strict=True):
            run.run(step, self.leaves, known)
        read = [self.memory.arrays[i] if i in constant else run.arrays[i] for i in chosen]
        return float(sum(np.sum(y * weight(y.shape, i)) for i, y in zip(chosen, read, strict=True)))

    def text(self, chosen: list[int]) -> str:
        """Return the program, to be read."""
        number, lines = len(self.leaves), []
        for step in self.steps:
            made = step.kind in ("compute", "view", "detach", "zeros")
            name = f"t{number} = " if made else ""
            number += made
            lines.append(f"{name}{step.name} of {step.operands}{'' if step.recorded else ' under no_grad'}")
        return "\n".join([*lines, f"loss of {chosen}"])


def weight(shape: tuple[int, ...], seed: int) -> Array:
    """Return numbers that tell the elements of an array apart."""
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape)


def assert_refused(error: Exception) -> None:
    """Check that an error is one of those that say what was wrong with the tape."""
    if not re.search(REFUSALS, str(error)):
        raise error


PROGRAMS = {"nightly": 20_000, "ci": 200}.get(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"), 50
)

TestPrograms = Programs.TestCase
TestPrograms.settings = settings(max_examples=PROGRAMS, stateful_step_count=25)


# ---------------------------------------------------------------------------------------------------------------------
# The machine finds what it is for
# ---------------------------------------------------------------------------------------------------------------------

FAULTS: dict[str, tuple[Any, str, str, str]] = {
    "a view is read as it was taken": (views, "current", "if number >= versions.latest", "if True"),
    "a view of what was a constant stays one": (
        views, "current", "(node is None and view is None) or", "node is None or"
    ),
    "a write is not noted": (views, "write", "versions.note(written)\n    try:", "try:"),
    "what a rule needs may have been written": (tape, "check_unchanged", "for node in order", "for node in ()"),
    "a leaf may be written": (views, "check_writable", "root._node.plan is None", "False"),
    "thawing makes another leaf": (views, "thaw", "_frozen.pop(id(tensor), (None, None))", "(None, None)"),
    "a frozen leaf has a gradient": (Tensor, "backward", "leaf._node is node", "True"),
    "a sweep ends at what is spent": (tape, "_order", "and node.number == oldest", ""),
    "a write leaves the base as it was": (
        views, "write", "if tensor is not root:", "if root_node: root_node.number = tick()\n        if False:"
    ),
}  # fmt: skip


@seed(7)
class Soon(Programs):
    """Of several seeds, this one finds all of the faults soon."""


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, old, new = FAULTS[fault]
    member = inspect.getattr_static(owner, name)
    function = member.fset if isinstance(member, property) else member
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(old) == 1
    namespace: dict[str, Any] = {}
    lines = [line for line in source.replace(old, new).splitlines() if not line.startswith("@")]
    exec("from __future__ import annotations\n" + "\n".join(lines), function.__globals__, namespace)
    broken = namespace[function.__name__]
    monkeypatch.setattr(owner, name, property(member.fget, broken) if isinstance(member, property) else broken)
    quick = settings(
        max_examples=2000, stateful_step_count=25, deadline=None, database=None, print_blob=False,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    with pytest.raises((AssertionError, RuntimeError)):
        run_state_machine_as_test(Soon, settings=quick)


# ---------------------------------------------------------------------------------------------------------------------
# What use has found
# ---------------------------------------------------------------------------------------------------------------------


class TestViewsOfNumpys:
    """Functions whose results are views in NumPy, and are written into or read after a write."""

    @pytest.mark.parametrize("subscripts", ["ii->i", "ij->ji", "ij->ij"])
    def test_einsum_of_one_array(self, subscripts: str) -> None:
        def f(t: Any) -> Any:
            square = t * np.ones((3, 1))
            before = np.einsum(subscripts, square)
            np.einsum(subscripts, square)[...] += np.sin(t[0]) * np.ones(np.shape(before))
            square *= 2.0
            return np.sum(square**2) + np.sum(before)

        check_gradients(f, np.array([0.5, -1.0, 2.0]))

    @pytest.mark.parametrize("of", [np.diagonal, np.diag, np.linalg.diagonal, lambda x: x.diagonal()])
    def test_diagonals_see_writes_and_cannot_be_written(self, of: Callable[[Any], Any]) -> None:
        def f(t: Any) -> Any:
            square = t * np.ones((3, 1))
            diagonal = of(square)
            square *= t
            return np.sum(diagonal)

        check_gradients(f, np.array([0.5, -1.0, 2.0]))
        with pytest.raises(ValueError, match="read-only"):
            of(Tensor(np.ones((2, 2))))[...] = 1.0

    def test_a_conjugate_of_real_numbers(self) -> None:
        h = Tensor([1.0, 2.0], requires_grad=True) * 1.0
        assert h.conj() is h

    def test_a_plain_array_is_returned_itself(self) -> None:
        array = np.ones((2, 2))
        assert np.diff(array, n=0, prepend=Tensor(1.0, requires_grad=True)) is array

    @pytest.mark.parametrize("shape", [(2,), (0, 1), (2, 3)])
    def test_what_is_no_argument_is_not_returned(self, shape: tuple[int, ...]) -> None:
        with pytest.raises(np.linalg.LinAlgError):
            np.linalg.matrix_power(Tensor(np.ones(shape)), 1)

    @pytest.mark.parametrize("same", [lambda x: np.diff(x, n=0), lambda x: np.linalg.matrix_power(x, 1)])
    def test_functions_that_return_their_argument(self, same: Callable[[Any], Any]) -> None:
        def f(x: Any) -> Any:
            y = same(x)
            y *= 2.0
            return np.sum(x)

        given = np.ones((2, 2))
        with pytest.raises(RuntimeError, match="an argument of a function that is being differentiated"):
            grad(f)(given)
        np.testing.assert_array_equal(given, 1.0)
        check_gradients(lambda x: f(x * 1.0), given)


class TestPlacesOfWrites:
    def test_one_element_is_written_and_no_more(self) -> None:
        """Of this kind: whatever indexes a number. What lies beside it stays valid."""

        def f(t: Any) -> Any:
            a = t * 1.0
            a[2] = np.sum(a[:2] * a[:2])
            return np.sum(a)

        check_gradients(f, np.array([0.5, -1.0, 2.0]))

    def test_cholesky_element_by_element(self) -> None:
        def f(t: Any) -> Any:
            square = t @ t.T + np.eye(3)
            factor = np.zeros_like(square)
            for i in range(3):
                for j in range(i + 1):
                    rest = square[i, j] - np.sum(factor[i, :j] * factor[j, :j])
                    factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
            return np.sum(np.sin(factor))

        check_gradients(f, np.array([[0.5, -1.0], [2.0, 0.3], [0.1, 1.0]]))

    def test_an_array_without_elements_is_never_changed(self) -> None:
        a = Tensor(np.ones((2, 2)), requires_grad=True) * 1.0
        y = a[1, :0] * a[1, :0]  # whose address lies in the middle of the others
        a *= 2.0
        (np.sum(y) + np.sum(a)).backward()

    def test_views_of_arrays_without_axes(self) -> None:
        for view in (lambda c: np.expand_dims(c, 0), lambda c: c.reshape(1), lambda c: c.reshape(-1)):
            t, c = Tensor(2.0, requires_grad=True), Tensor(1.0)
            view(c)[...] *= t
            (c * t).backward()
            assert t.grad == 4.0

    def test_complex_numbers_do_not_become_real(self) -> None:
        h = Tensor([1.0, 2.0])
        with pytest.raises(TypeError, match="complex128 does not fit float64"):
            h[0] = 1j
        np.testing.assert_array_equal(h.data, [1.0, 2.0])

    def test_a_view_cannot_be_made_a_leaf(self) -> None:
        with pytest.raises(RuntimeError, match=r"t\.copy\(\)"):
            Tensor([1.0, 2.0])[:].requires_grad = True


class TestInterrupts:
    """Ctrl-C and signals come at any moment: a write that they leave half done is told to whoever reads."""

    def test_between_the_numbers_and_the_tape(self, monkeypatch: pytest.MonkeyPatch) -> None:
        t, c = Tensor(2.0, requires_grad=True), Tensor(np.zeros(3))
        wide = t * np.ones(3)

        def interrupted(*args: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(views, "_assignment", interrupted)
            with pytest.raises(KeyboardInterrupt):
                c[...] = wide
            view = Tensor(np.zeros(3))
            with pytest.raises(KeyboardInterrupt):
                view[1:][...] = wide[1:]
        for written in (c, view):
            with pytest.raises(RuntimeError, match="write that failed"):
                np.sum(written * t)

    def test_an_address_is_used_again(self) -> None:
        """A note of an array that is gone says nothing of the next one at its address."""
        from autograd_np.versions import Versions

        versions = Versions()
        old, new = np.zeros(4), np.zeros(4)
        versions.note(old)
        versions._owners[id(new)] = versions._owners[id(old)]  # pyright: ignore[reportPrivateUsage]
        before = versions.last(new)
        versions.note(new[1:])
        assert before == 0
        assert versions.last(new) == versions.latest


class TestConstantGradients:
    """A gradient that is not recorded, inside a function that is being differentiated, loses a part of the result's."""

    @staticmethod
    def by_backward(x: Any) -> Any:
        q = Tensor(0.0, requires_grad=True)
        ((q - x) ** 2).backward()
        return x * q.grad

    @staticmethod
    def by_gradients(x: Any) -> Any:
        q = Tensor(0.0, requires_grad=True)
        (g,) = gradients((q - x) ** 2, q)
        return x * g

    @pytest.mark.parametrize("f", [by_backward, by_gradients])
    @pytest.mark.parametrize("x", [2.0, Tensor(2.0), Tensor(2.0, requires_grad=True)])
    def test_are_refused(self, f: Any, x: Any) -> None:
        with pytest.raises(RuntimeError, match=r"create_graph=True"):
            grad(f)(x)

    def test_recorded_or_of_something_else_they_are_right(self) -> None:
        def f(x: Any) -> Any:
            q = Tensor(0.0, requires_grad=True)
            (g,) = gradients((q - x) ** 2, q, create_graph=True)
            w = Tensor(3.0, requires_grad=True)
            (w * w * x.detach()).backward()
            return x * g + w.grad

        assert grad(f)(2.0) == -8.0
