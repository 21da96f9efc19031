"""The mutants of the rules: that they are the slips meant, that tests catch them, and that it shows where none does."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import mutation

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("formula", "mutants"),
    [
        ("g * b", {"factor dropped: g", "factor dropped: b"}),
        ("g / b", {"factor dropped: g", "operands swapped: b / g"}),
        ("-g", {"sign flipped: g"}),
        ("a + b", {"sign flipped: a - b"}),
        ("a - b", {"sign flipped: a + b", "operands swapped: b - a"}),
        ("a @ g", {"operands swapped: g @ a"}),
        ("solve(a, g)", {"operands swapped: solve(g, a)"}),
        ("a < b", {"operands swapped: b < a"}),
        ("np.maximum(a, b)", set()),
        ("a.T", {"transpose dropped: a"}),
        ("np.swapaxes(a, i, j)", {"transpose dropped: a"}),
        ("a.transpose(order)", {"transpose dropped: a"}),
        ("1", {"index shifted: 2"}),
        ("-1", {"index shifted: 0", "sign flipped: 1"}),
        ("np.where(m, a, b)", {"mask dropped: a", "mask dropped: b", "operands swapped: np.where(m, b, a)"}),
        ("a if m else b", {"mask dropped: a", "mask dropped: b"}),
        ("m & n", {"mask dropped: m", "mask dropped: n"}),
        ("~m", {"mask dropped: m"}),
        ("np.tril(a)", {"mask dropped: a"}),
    ],
)
def test_slips(formula: str, mutants: set[str]) -> None:
    made = mutation.mutations(ast.parse(formula, mode="eval").body)
    assert {f"{kind}: {ast.unparse(node)}" for kind, node in made} == mutants


def test_every_file_of_rules_has_its_tests() -> None:
    rules = mutation.RULES
    files = {str(file.relative_to(rules)) for file in rules.rglob("*.py") if "testing" not in file.parts}
    assert {path for path in files if any(mutation.rules_of(path))} == set(mutation.GUARDS)
    assert all((mutation.TESTS / test).is_file() for tests in mutation.GUARDS.values() for test in tests)


def mutate(*options: str, before: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own, since it runs pytest itself."""
    code = f"from tests.tools import mutation; {before}; raise SystemExit(mutation.main({list(options)}))"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("guard", "caught"), [("rfft", True), ("fft", False)])
def test_a_rule_is_as_safe_as_its_tests(guard: str, caught: bool) -> None:
    test = f"rules/test_fourier.py::test_derivatives[{guard}]"
    before = f"mutation.GUARDS['rules/fourier.py'] = ['{test}']"
    result = mutate("--only", "np.fft.rfft", "--sample", "5", "--jobs", "1", before=before)
    assert result.returncode == (0 if caught else 1), result.stdout + result.stderr
    assert ("rfft: factor dropped: g / _occurrences(" in result.stdout.partition("Survivors")[2]) != caught


@pytest.mark.parametrize(
    ("caught_by", "reason", "wrong"),
    [("a test", None, False), (None, "a reason", False), (None, None, True), ("a test", "a reason", True)],
)
def test_verdicts(caught_by: str | None, reason: str | None, wrong: bool) -> None:
    mutant = next(mutation.mutants_of("rules/fourier.py"))
    verdict = mutation.Verdict(mutant, caught_by, reason)
    assert verdict.wrong == wrong
    assert (str(mutant) in mutation.report([verdict])) == wrong


def test_mutants_said_to_be_equivalent_exist() -> None:
    mutants = {(m.path, m.rule, m.text) for path in mutation.GUARDS for m in mutation.mutants_of(path)}
    assert set(mutation.EQUIVALENT) <= mutants


@pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="takes an hour")
def test_every_mutant_is_caught_or_equivalent() -> None:
    result = mutate()
    assert result.returncode == 0, result.stdout + result.stderr
