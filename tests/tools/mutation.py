"""Change every derivative rule, one place at a time, and see if the tests notice: `python -m tests.tools.mutation`.

A mutant is a rule with one slip of those that people make: a factor dropped, a sign flipped, operands swapped, a
transpose dropped, an index shifted, a mask dropped. The rules are the functions given to `defvjp`, and what these call
in the files of rules. Each mutant lives in a process of its own, forked from one that has collected the tests: there
those that call the changed function run until one fails, first those that have caught most of its mutants so far, then
the quickest. No file is changed.

A mutant that no test notices either shows a gap in the tests or computes the same: those are listed in EQUIVALENT, with
the reason. The program fails if any other survives.
"""

from __future__ import annotations

import argparse
import ast
import gc
import inspect
import itertools
import multiprocessing
import multiprocessing.connection
import os
import random
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import pytest
from tqdm import tqdm

ROOT = Path(__file__).parents[2]
RULES = ROOT / "autograd_np"
TESTS = ROOT / "tests" / "autograd_np"

GUARDS = {
    "rules/arguments.py": [
        "rules/test_arguments.py",
        "rules/test_indexing.py",
        "rules/test_ordering.py",
        "rules/test_products.py",
        "rules/test_linalg.py",
    ],
    "rules/elementwise.py": [
        "rules/test_elementwise.py",
        "rules/test_ufuncs.py",
        "rules/test_complex.py",
        "test_awkward_points.py",
        "rules/test_kinks.py",
    ],
    "rules/fourier.py": ["rules/test_fourier.py", "compositions/test_fourier.py"],
    "rules/indexing.py": ["rules/test_indexing.py", "test_tensor.py"],
    "rules/kinks.py": ["rules/test_kinks.py"],
    "rules/linalg.py": [
        "rules/test_linalg.py",
        "rules/test_complex.py",
        "rules/test_kinks.py",
        "compositions/test_linalg.py",
    ],
    "rules/ordering.py": ["rules/test_ordering.py"],
    "rules/products.py": [
        "rules/test_products.py",
        "rules/test_einsum.py",
        "rules/test_convolve.py",
        "rules/test_complex.py",
        "compositions/test_samples.py",
    ],
    "rules/ranges.py": ["rules/test_ranges.py", "compositions/test_linalg.py", "test_half_precision.py"],
    "rules/reductions.py": [
        "rules/test_reductions.py",
        "rules/test_cumulative.py",
        "rules/test_complex.py",
        "rules/test_ranges.py",
        "rules/test_kinks.py",
        "rules/test_reduce.py",
        "compositions/test_statistics.py",
    ],
    "rules/shaping.py": [
        "rules/test_shaping.py",
        "rules/test_shapes.py",
        "rules/test_complex.py",
        "compositions/test_shaping.py",
        "compositions/test_joining.py",
    ],
    "rules/special.py": ["rules/test_special.py", "rules/test_complex.py", "test_awkward_points.py"],
    "scipy/linalg.py": ["scipy/test_linalg.py"],
    "scipy/signal.py": ["scipy/test_signal.py"],
    "scipy/special.py": ["scipy/test_special.py"],
    "neural/activations.py": ["neural/test_activations.py", "neural/losses/test_classes.py", "test_half_precision.py"],
    "neural/attention.py": ["neural/test_attention.py"],
    "neural/convolution.py": ["neural/test_convolution.py"],
    "neural/gates.py": ["neural/test_gates.py"],
    "neural/images.py": ["neural/test_convolution.py", "neural/test_pooling.py"],
    "neural/layers.py": ["neural/test_layers.py"],
    "neural/losses/binary.py": ["neural/losses/test_elements.py", "test_half_precision.py"],
    "neural/losses/classes.py": ["neural/losses/test_classes.py", "test_half_precision.py"],
    "neural/losses/regression.py": ["neural/losses/test_elements.py", "test_half_precision.py"],
    "neural/normalisation.py": ["neural/test_normalisation.py", "test_half_precision.py"],
    "neural/pooling.py": ["neural/test_pooling.py"],
    "neural/rectifiers.py": ["neural/test_rectifiers.py"],
    "neural/resampling.py": ["neural/test_resampling.py"],
}
"""Every file of rules, and the tests that it is held to."""

EQUIVALENT = {
    (
        "rules/fourier.py",
        "_fit",
        "pad(cropped, width=missing) if any((after for _, after in missing)) else cropped"
        "  ->  pad(cropped, width=missing)",
    ): "nothing is added where nothing is missing",
    (
        "rules/products.py",
        "_matmul_right",
        "2 < a.ndim == g.ndim  ->  3 < a.ndim == g.ndim",
    ): "a stack of products and its sum is the one product, more slowly",
    (
        "rules/products.py",
        "_einsum_vjp",
        "part if part.shape == shape else np.broadcast_to(part, shape)  ->  np.broadcast_to(part, shape)",
    ): "an array is broadcast to its own shape as it stands",
    (
        "rules/reductions.py",
        "_broadcast_like",
        "g if where is True else np.where(where, g, 0)  ->  np.where(where, g, 0)",
    ): "of all elements nothing is left out",
    (
        "rules/reductions.py",
        "_over_count",
        "count if isinstance(count, int) else np.maximum(count, 1).astype(g.dtype)"
        "  ->  np.maximum(count, 1).astype(g.dtype)",
    ): "one number for all is at least 1, and takes the precision of any array",
    (
        "rules/reductions.py",
        "_product_vjp",
        "_divides(x, leaves_range)  ->  _divides(leaves_range, x)",
    ): "the way that divides nothing is right for all numbers, and slower",
    ("rules/shaping.py", "pad", "width or 0  ->  width or 1"): "a number has no axis to pad",
    (
        "rules/kinks.py",
        "kinked",
        "tensors and np.any((kinks := at()))  ->  np.any((kinks := at()))",
    ): "kinks are looked for where nothing comes of them",
    (
        "rules/ranges.py",
        "times_power_of_2",
        "limits.maxexp - 1  ->  limits.maxexp - 2",
    ): "what the first step leaves, the second takes",
    (
        "rules/elementwise.py",
        "_to_chosen",
        "g * np.logical_not(beaten) if np.isfinite(g).all() else np.where(beaten, 0, g)  ->  np.where(beaten, 0, g)",
    ): "choosing is right for all gradients, and slower",
    (
        "rules/elementwise.py",
        "_to_chosen",
        "np.where(tied, g * 0.5, part) if np.any(tied) else part  ->  np.where(tied, g * 0.5, part)",
    ): "where nothing is tied the part is taken as it stands",
    (
        "rules/elementwise.py",
        "sinc_derivative",
        "n / 2  ->  n / 3",
    ): "between the two the powers and the recurrence keep as many digits",
    (
        "rules/linalg.py",
        "_slope_of_det",
        "np.finfo(a.dtype).eps ** (-0.5)  ->  np.finfo(a.dtype).eps",
    ): "the way that needs no inverse is right for all matrices, and slower",
    (
        "rules/linalg.py",
        "_slope_of_det",
        "np.finfo(a.dtype).eps ** (-0.5)  ->  np.finfo(a.dtype).eps ** 0.5",
    ): "the way that needs no inverse is right for all matrices, and slower",
    (
        "rules/linalg.py",
        "_quotient",
        "np.where(vanishing, 0, numerators)  ->  numerators",
    ): "the numerators are 0 there, or the line before has raised",
    (
        "rules/linalg.py",
        "_refuse_defective",
        "w[..., None] - w[..., None, :]  ->  w[..., None, :] - w[..., None]",
    ): "a gap is as large from either side",
    (
        "rules/linalg.py",
        "_refuse_defective",
        "10 * eps  ->  11 * eps",
    ): "a margin: eigenvalues of defective matrices came out up to 6 eps apart, times their sensitivity",
    ("rules/special.py", "k0e_derivative", "y < 20  ->  y < 21"): "from 20 to 21 both ways have the same digits",
    ("rules/special.py", "sp.kn", "n - 1  ->  1 - n"): "the function of order -n is that of order n: DLMF 10.27.3",
    ("rules/special.py", "sp.kv", "v - 1  ->  1 - v"): "the function of order -v is that of order v: DLMF 10.27.3",
    ("rules/special.py", "sp.kve", "v - 1  ->  1 - v"): "the function of order -v is that of order v: DLMF 10.27.3",
    (
        "neural/pooling.py",
        "_max_pool",
        "y if y.base is None else y.copy()  ->  y.copy()",
    ): "one copy more",
    (
        "neural/pooling.py",
        "_from_winners",
        "zip(windows.cells(v), winners, strict=True)  ->  zip(winners, windows.cells(v), strict=True)",
    ): "the two are multiplied",
    (
        "neural/activations.py",
        "_logsumexp_vjp",
        "np.where(nothing, 0, x) if np.any(nothing) else x  ->  np.where(nothing, 0, x)",
    ): "where nothing is without a share x is taken as it stands",
    (
        "neural/losses/classes.py",
        "_softmax_less_one_hot",
        "softmax(x, axis=axis) if residuals is None else residuals  ->  softmax(x, axis=axis)",
    ): "what is saved is the softmax",
    (
        "neural/losses/classes.py",
        "_of_labels",
        "labels.ndim == axis == 1  ->  labels.ndim == axis == 2",
    ): "the way for labels of any number of axes, more slowly",
    (
        "neural/layers.py",
        "_linear",
        "y if bias.dtype == y.dtype else None  ->  None",
    ): "one array more",
    ("scipy/linalg.py", "_expm_slope", "initial=1  ->  initial=2"): "any scale near 1 will do for a small gradient",
    ("neural/pooling.py", "_winners", "-np.inf  ->  np.inf"): "the padding never wins, whatever it holds: see `exists`",
}
"""Mutants that compute the same, by file, function and change, and why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return 0 if every mutant is caught or known to be equivalent."""
    parser = argparse.ArgumentParser(prog="python -m tests.tools.mutation", description=__doc__.split("\n\n")[0])
    parser.add_argument("--only", metavar="NAME", action="append", help="a file or a rule to mutate; repeatable")
    parser.add_argument("--sample", metavar="N", type=int, help="draw N mutants instead of making all")
    parser.add_argument("--seed", metavar="S", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    options = parser.parse_args(arguments)

    mutants = [m for path in GUARDS for m in mutants_of(path)]
    if options.only:
        mutants = [m for m in mutants if not {m.path, Path(m.path).stem, m.rule}.isdisjoint(options.only)]
    if options.sample is not None and options.sample < len(mutants):
        mutants = sorted(random.Random(options.seed).sample(mutants, options.sample), key=mutants.index)
    if not mutants:
        parser.error(f"no rule is named {' or '.join(options.only or [])}; --list names them all")
    if options.list:
        print(*mutants, sep="\n")
        return 0
    verdicts = judge(mutants, options.jobs)
    print(report(verdicts))
    return int(any(v.wrong for v in verdicts))


# ---------------------------------------------------------------------------------------------------------------------
# Mutants
# ---------------------------------------------------------------------------------------------------------------------


class Mutant(NamedTuple):
    """One change of one rule."""

    path: str
    rule: str
    line: int
    kind: str
    text: str
    place: Place
    replacement: ast.AST
    function: tuple[str, int]
    """What tests are seen to call: its file and first line."""

    def __str__(self) -> str:
        return f"autograd_np/{self.path}:{self.line}: {self.rule}: {self.kind}: {self.text}"


class Place(NamedTuple):
    """Where a node of a syntax tree is: in which field of the node above it, and there at which place in a list."""

    parent: ast.AST
    field: str
    index: int | None

    def put(self, node: ast.AST) -> None:
        """Set the node."""
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


Function = ast.Lambda | ast.FunctionDef
Definition = ast.FunctionDef | ast.ClassDef


@cache
def tree_of(path: str) -> ast.Module:
    """Return the syntax tree of a file of rules."""
    return ast.parse((RULES / path).read_text(encoding="utf-8"))


def mutants_of(path: str) -> Iterator[Mutant]:
    """Yield every mutant of the rules in a file, and of what rules call there."""
    for rule, function in rules_of(path):
        decorators = [] if isinstance(function, ast.Lambda) else function.decorator_list
        called = str(RULES / path), min(node.lineno for node in (function, *decorators))
        for node, place in nodes_below(function):
            shown = place.parent if is_number(node) else node  # a number alone says little
            before, made = ast.unparse(shown), set[str]()
            for kind, replacement in mutations(node):
                place.put(replacement)
                after = ast.unparse(shown if shown is place.parent else replacement)
                place.put(node)
                if after not in {before, *made}:
                    made.add(after)
                    text = f"{before}  ->  {after}"
                    yield Mutant(path, rule, node.lineno, kind, text, place, replacement, called)


def rules_of(path: str) -> Iterator[tuple[str, Function]]:
    """Yield the functions that a file gives to `defvjp`, and those of its own that rules call, methods included."""
    for call in defvjp_calls(path):
        for node in (*call.args[1:], *(keyword.value for keyword in call.keywords)):
            if isinstance(node, ast.Lambda):
                yield ast.unparse(call.args[0]), node
    for node in tree_of(path).body:
        if (path, node) in called_by_rules():
            for part in ast.walk(node) if isinstance(node, ast.ClassDef) else [node]:
                if isinstance(part, ast.FunctionDef):
                    yield part.name, part


def defvjp_calls(path: str) -> list[ast.Call]:
    """Return the calls of `defvjp` in a file."""
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    return [call for call in calls if ast.unparse(call.func) == "defvjp"]


@cache
def called_by_rules() -> set[tuple[str, Definition]]:
    """Return the functions and classes that rules name, directly or through others, each with its file.

    Not those that stand for NumPy's functions (`implements`): they record functions that have rules.
    """
    found: set[tuple[str, Definition]] = set()
    waiting = [(path, part) for path in GUARDS for call in defvjp_calls(path) for part in ast.iter_child_nodes(call)]
    while waiting:
        path, node = waiting.pop()
        named = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        fresh = {definition for name in named for definition in definitions(path, name)} - found
        found |= fresh
        waiting += fresh
    return found


def definitions(path: str, name: str) -> Iterator[tuple[str, Definition]]:
    """Yield the function or class that a name stands for in a file, if it is one of the files of rules."""
    for node in tree_of(path).body:
        if isinstance(node, Definition) and node.name == name:
            if not any(ast.unparse(decorator).startswith("implements(") for decorator in node.decorator_list):
                yield path, node
        elif isinstance(node, ast.ImportFrom) and any(alias.name == name for alias in node.names):
            origin = str(node.module).removeprefix("autograd_np.").replace(".", "/") + ".py"
            if origin in GUARDS:
                yield from definitions(origin, name)


def nodes_below(node: ast.AST) -> Iterator[tuple[ast.AST, Place]]:
    """Yield the nodes of a function's body, and where they are.

    What is not part of a formula is passed over: annotations, defaults, types and messages.
    """
    for field, value in ast.iter_fields(node):
        if field in ("args", "decorator_list", "returns", "annotation") and not isinstance(node, ast.Call):
            continue
        for i, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST) and not is_aside(child) and not is_filling(child, node):
                yield child, Place(node, field, i if isinstance(value, list) else None)
                if not is_number(child):
                    yield from nodes_below(child)


def is_aside(node: ast.AST) -> bool:
    """Tell whether something does nothing but raise an error, or ask for a type."""
    called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
    return called in ("isinstance", "_refuse") or isinstance(node, ast.Raise | ast.JoinedStr)


def is_filling(node: ast.AST, parent: ast.AST) -> bool:
    """Tell whether something is a number that `np.where` fills in: it names no place, and often any other would do."""
    return isinstance(parent, ast.Call) and ast.unparse(parent.func) == "np.where" and is_number(node)


def is_number(node: ast.AST) -> bool:
    """Tell whether something is a number, with its sign."""
    negative = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)
    return isinstance(node.operand if negative else node, ast.Constant)


TRANSPOSING = {"transpose", "swapaxes", "moveaxis", "_transposed", "_transpose", "_adjoint", "conjugate", "conjugated"}
MASKING = {"tril", "triu", "_off_diagonal"}
# Functions whose operands may be swapped.
COMMUTING = {
    "add", "max", "min", "maximum", "minimum", "multiply", "equal", "hypot", "betaln", "convolve", "_convolve",
    "swapaxes", "result_type", "_both_0", "_is_singular", "_condition",
}  # fmt: skip


def mutations(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what can be written in place of a node by mistake, and what kind of mistake that is."""
    match node:
        case ast.Constant(int() as value) if not isinstance(value, bool):
            yield "index shifted", ast.Constant(value + 1)
        case ast.UnaryOp(ast.USub(), ast.Constant(int() as value) as number):
            yield "index shifted", ast.Constant(1 - value)
            yield "sign flipped", number
        case ast.UnaryOp(ast.USub(), operand):
            yield "sign flipped", operand
        case ast.UnaryOp(ast.Invert() | ast.Not(), operand):
            yield "mask dropped", operand
        case ast.BinOp(left, ast.Add(), right):
            yield "sign flipped", ast.BinOp(left, ast.Sub(), right)
        case ast.BinOp(left, ast.Sub(), right):
            yield "sign flipped", ast.BinOp(left, ast.Add(), right)
            yield "operands swapped", ast.BinOp(right, ast.Sub(), left)
        case ast.BinOp(left, ast.Mult(), right):
            yield "factor dropped", left
            yield "factor dropped", right
        case ast.BinOp(left, ast.Div() | ast.Pow() | ast.FloorDiv() as operator, right):
            yield "factor dropped", left
            yield "operands swapped", ast.BinOp(right, operator, left)
        case ast.BinOp(left, ast.MatMult() as operator, right):
            yield "operands swapped", ast.BinOp(right, operator, left)
        case ast.BinOp(left, ast.BitOr() | ast.BitAnd(), right) | ast.BoolOp(_, [left, right]):
            yield "mask dropped", left
            yield "mask dropped", right
        case ast.AugAssign(target, ast.Add(), value):
            yield "sign flipped", ast.AugAssign(target, ast.Sub(), value)
        case ast.AugAssign(target, ast.Sub(), value):
            yield "sign flipped", ast.AugAssign(target, ast.Add(), value)
        case ast.AugAssign(target, ast.Mult()):
            yield "factor dropped", ast.Pass()
        case ast.AugAssign(target, ast.BitOr() | ast.BitAnd() | ast.BitXor()):
            yield "mask dropped", ast.Pass()
        case ast.Compare(left, [ast.Lt() | ast.LtE() | ast.Gt() | ast.GtE() as operator], [right]):
            yield "operands swapped", ast.Compare(right, [operator], [left])
        case ast.IfExp(_, body, otherwise):
            yield "mask dropped", body
            yield "mask dropped", otherwise
        case ast.Attribute(value, "T"):
            yield "transpose dropped", value
        case ast.Call(function, arguments, keywords):
            name = ast.unparse(function).rpartition(".")[2]
            method = isinstance(function, ast.Attribute) and ast.unparse(function.value) not in ("np", "sp")
            if name in TRANSPOSING:
                yield "transpose dropped", function.value if method else arguments[0]
            if name in MASKING:
                yield "mask dropped", arguments[0]
            if name == "where":
                condition, yes, no = arguments
                yield "mask dropped", yes
                yield "mask dropped", no
                yield "operands swapped", ast.Call(function, [condition, no, yes], keywords)
            elif len(arguments) > 1 and name not in COMMUTING:
                first, second, *others = arguments
                yield "operands swapped", ast.Call(function, [second, first, *others], keywords)


# ---------------------------------------------------------------------------------------------------------------------
# Their tests
# ---------------------------------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What became of a mutant: the test that caught it, or why it computes the same."""

    mutant: Mutant
    caught_by: str | None
    reason: str | None

    @property
    def wrong(self) -> bool:
        """Whether it is neither caught nor equivalent, or said to be equivalent and caught."""
        return (self.caught_by is None) == (self.reason is None)


def judge(mutants: Sequence[Mutant], jobs: int) -> list[Verdict]:
    """Run the tests of each mutant.

    Raises
    ------
    RuntimeError
        If the tests cannot be collected, or fail as it is.
    """
    judgement = _Judgement(mutants, jobs)
    files = sorted({str(TESTS / test) for mutant in mutants for test in GUARDS[mutant.path]})
    configuration = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "-p", "no:cacheprovider"]
    # Nothing is captured, so that the processes share no file.
    status = pytest.main([*configuration, "--capture=no", "--no-header", "--quiet", *files], plugins=[judgement])
    if len(judgement.verdicts) != len(mutants):
        raise RuntimeError(f"pytest could not run the tests: {status}")
    return judgement.verdicts


class _Judgement:
    """A plugin for pytest: in place of running all tests once, it runs those of each mutant."""

    def __init__(self, mutants: Sequence[Mutant], jobs: int) -> None:
        self.mutants, self.jobs = mutants, jobs
        self.files = {mutant.function[0] for mutant in mutants}
        self.items: dict[str, pytest.Item] = {}
        self.tests: dict[tuple[str, int], list[tuple[float, str]]] = defaultdict(list)
        self.catches = Counter[tuple[tuple[str, int], str | None]]()
        self.verdicts: list[Verdict] = []
        self.failed = False

    def pytest_collection(self) -> None:
        """Set how many examples are drawn, after conftest.py has and before the tests are imported."""
        from hypothesis import HealthCheck, Phase, settings  # not before pytest, which rewrites its assertions

        # What fails is not made simple, and every run draws the same.
        settings.register_profile(
            "mutation",
            max_examples=30,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
        settings.load_profile("mutation")

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Find out which tests call which function, and judge the mutants."""
        if session.testsfailed:
            return True
        self.items = {item.nodeid: item for item in session.items}
        for name, trace in self._each("tests", self.items, self.trace):
            if not isinstance(trace, tuple):
                raise RuntimeError(f"{name} fails as it is: nothing can be said of mutants")
            seconds, functions = trace
            for function in functions:
                self.tests[function].append((seconds, name))
        # The functions to change: what the code in the files made, not what wraps it.
        gc.unfreeze()  # conftest.py has hidden them
        everything = [f for f in gc.get_objects() if type(f) is FunctionType]
        self.functions = [f for f in everything if f.__code__.co_filename in self.files]
        caught: dict[Mutant, str | None] = {}
        for mutant, name in self._each("mutants", self.mutants, self.catch):
            caught[mutant] = name
            self.catches[mutant.function, name] += 1
        self.verdicts = [Verdict(m, caught[m], EQUIVALENT.get((m.path, m.rule, m.text))) for m in self.mutants]
        return True

    def _each(self, what: str, tasks: Iterable[Any], work: Callable[[Any], Any]) -> Iterable[tuple[Any, Any]]:
        tasks = list(tasks)
        return tqdm(in_children(tasks, work, self.jobs), what, len(tasks), disable=None)

    def trace(self, name: str) -> tuple[float, set[tuple[str, int]]] | None:
        """Run a test; return how long it took and which functions of rules it called, or None if it failed."""
        codes: set[CodeType] = set()

        def note(frame: FrameType, _event: str, _argument: Any) -> None:  # that it returns None: not of every line
            codes.add(frame.f_code)

        start = time.process_time()
        sys.settrace(note)
        passed = self._passes(name)
        sys.settrace(None)
        functions = {(code.co_filename, code.co_firstlineno) for code in codes if code.co_filename in self.files}
        return (time.process_time() - start, functions) if passed else None

    def catch(self, mutant: Mutant) -> str | None:
        """Change a rule, and return the name of a test that fails then, or None."""
        function = mutant.function
        tests = sorted(self.tests[function], key=lambda test: (-self.catches[function, test[1]], test))
        apply(mutant, self.functions)
        for seconds, name in tests:
            # A test can run for ever now: a signal ends the process when it has used too much of the processor.
            signal.setitimer(signal.ITIMER_PROF, 10 + 5 * seconds)
            if not self._passes(name):
                return name
        return None

    def _passes(self, name: str) -> bool:
        self.failed, item = False, self.items[name]
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return not self.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that the running test fails."""
        self.failed |= report.failed


def apply(mutant: Mutant, functions: Iterable[FunctionType]) -> None:
    """Change a rule in this process, where its function is in use already."""
    tree, file = tree_of(mutant.path), mutant.function[0]
    before = compile(tree, file, "exec", dont_inherit=True)
    mutant.place.put(mutant.replacement)
    after = compile(ast.fix_missing_locations(tree), file, "exec", dont_inherit=True)
    ((old, new),) = different_functions(before, after)
    changed = [function for function in functions if same_code(function.__code__, old)]
    if not changed:
        raise RuntimeError(f"{mutant}: the function is not to be found")
    for function in changed:
        function.__code__ = new


def different_functions(before: CodeType, after: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Yield the functions, in the code of a module or a class, that are not the same."""
    if same_code(before, after):
        return
    if before.co_flags & inspect.CO_OPTIMIZED:  # as functions alone are
        yield before, after
        return
    parts = ([constant for constant in code.co_consts if isinstance(constant, CodeType)] for code in (before, after))
    for old, new in zip(*parts, strict=True):
        yield from different_functions(old, new)


def same_code(one: CodeType, other: CodeType) -> bool:
    """Tell whether two codes are equal and come from the same place in a file."""
    return one == other and one.co_linetable == other.co_linetable


def in_children(tasks: Iterable[Any], work: Callable[[Any], Any], jobs: int) -> Iterator[tuple[Any, Any]]:
    """Do each task in a process forked from this one; yield it with its result, or with the signal that ended it."""
    context = multiprocessing.get_context("fork")
    waiting, running = iter(tasks), dict[Any, Any]()

    def child(task: Any, sender: multiprocessing.connection.Connection) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        sender.send(work(task))

    while True:
        for task in itertools.islice(waiting, jobs - len(running)):
            receiver, sender = context.Pipe(duplex=False)
            process = context.Process(target=child, args=(task, sender))
            process.start()
            sender.close()
            running[receiver] = process, task
        if not running:
            return
        for receiver in multiprocessing.connection.wait(list(running)):
            process, task = running.pop(receiver)
            try:
                result = receiver.recv()
            except EOFError:
                process.join()
                if process.exitcode >= 0:
                    raise RuntimeError(f"the process of {task} failed") from None
                result = signal.Signals(-process.exitcode).name
            yield task, result


# ---------------------------------------------------------------------------------------------------------------------
# The report
# ---------------------------------------------------------------------------------------------------------------------


def report(verdicts: Sequence[Verdict]) -> str:
    """Return a table of all verdicts by file, and a list of those that are wrong."""
    outcomes = ("caught", "equivalent", "survivors")
    rows = [("file", "rules", "mutants", *outcomes)]
    for path in (*GUARDS, "total"):
        some = [v for v in verdicts if path in (v.mutant.path, "total")]
        rules = {(v.mutant.path, v.mutant.rule) for v in some}
        counts = Counter("caught" if v.caught_by else "equivalent" if v.reason else "survivors" for v in some)
        rows += [(path, *map(str, (len(rules), len(some), *(counts[o] for o in outcomes))))] if some else []
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join([f"{row[0]:<{widths[0]}}", *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    survivors = [str(v.mutant) for v in verdicts if v.wrong and not v.caught_by]
    caught = [f"{v.mutant}\n    caught by {v.caught_by}" for v in verdicts if v.wrong and v.caught_by]
    lines += ["", "Survivors:", *survivors] if survivors else []
    lines += ["", "Said to be equivalent, but caught:", *caught] if caught else []
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
