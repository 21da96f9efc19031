"""gradient_property: what it runs, what it prints, and that pasting that repeats the failure."""

import inspect
import re
import subprocess
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from autograd_np import neural
from autograd_np.testing import (
    NondifferentiableWarning,
    arrays,
    broadcastable,
    convolutions,
    gradient_property,
    poolings,
)
from autograd_np.testing.reproduction import script
from tests.families import costly

SETTINGS = hypothesis.settings(derandomize=True, deadline=None, database=None)
FEW = hypothesis.settings(SETTINGS, max_examples=costly(4).max_examples)
ROOT = Path(__file__).parents[3]


@gradient_property(broadcastable(2))
def test_product(pair: Any) -> Any:
    x, y = pair
    return np.multiply(x, y)


@gradient_property(convolutions())
def test_convolution(case: Any) -> Any:
    return neural.conv2d(*case)


@gradient_property(poolings())
def test_pooling(case: Any) -> Any:
    return neural.max_pool2d(*case)


@gradient_property(arrays(), st.floats(0.5, 2), backward=lambda g, x, a: (g * a, np.sum(g * x)))
def test_hand_written(x: Any, a: Any) -> Any:
    return a * x


def test_test_takes_no_arguments() -> None:
    assert not inspect.signature(test_product).parameters
    test_product.check((np.ones(2), np.ones((3, 1))))


FILE = """
import numpy as np
from autograd_np.testing import NondifferentiableWarning, arrays, gradient_property

@gradient_property(arrays(dtype=float), backward=lambda g, x: g * np.where(x > 1, 3, 2) * x)
def test_square(x):
    return x * x

@gradient_property(arrays(dtype=float), backward=lambda g, x: g)
def test_double(x):
    return 2 * x

@gradient_property(arrays(dtype=float))
def test_broken(x):
    return helper(x)

def helper(x):
    raise RuntimeError("out of order")

test_exp = gradient_property(arrays(dtype=float), backward=lambda g, x: g)(np.exp)
"""


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(
        [sys.executable, *command], check=False, capture_output=True, text=True, cwd=folder, env=environment
    )


class Failures(NamedTuple):
    """What pytest prints of each test of a file that fails, line by line, without its margin; and where it ran."""

    folder: Path
    lines: dict[str, list[str]]


def failures(folder: Path, file: Path) -> Failures:
    result = run(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(file.relative_to(folder)))
    assert result.returncode == 1, result.stdout
    _, *parts = re.split(r"^_{3,} (\S+) _{3,}$", result.stdout, flags=re.MULTILINE)
    texts = dict(zip(parts[::2], parts[1::2], strict=True))
    return Failures(
        folder, {test: [line.removeprefix("E").strip() for line in text.splitlines()] for test, text in texts.items()}
    )


@pytest.fixture(scope="module")
def failed(tmp_path_factory: pytest.TempPathFactory) -> Failures:
    file = tmp_path_factory.mktemp("failed") / "test_it.py"
    file.write_text(FILE)
    return failures(file.parent, file)


def test_failure_is_shrunk_and_its_code_repeats_it(failed: Failures) -> None:
    lines = failed.lines["test_square"]
    start = lines.index("This repeats it:") + 2
    code = lines[start : lines.index(")", start) + 1]
    assert code == [
        "import numpy as np",
        "import runpy",
        "test_square = runpy.run_path('test_it.py')['test_square']",
        "",
        "test_square.check(",
        "np.array(1.125),",
        ")",
    ]
    again = run(failed.folder, "-c", "\n".join(code))
    assert "square: the reverse derivative of order 1 is wrong" in again.stderr.splitlines()[-3]


PACKAGED = """
import numpy as np
from autograd_np.testing import arrays, gradient_property
from .helpers import two

class TestIt:
    @staticmethod
    @gradient_property(arrays(dtype=float), backward=lambda g, x: g)
    def test_double(x):
        return two * x

@gradient_property(arrays(dtype=float), backward=lambda g, x: g)
def test_double(x):
    return two * x

def test_inner():
    @gradient_property(arrays(dtype=float), backward=lambda g, x: g)
    def inner(x):
        return two * x
    inner()
"""


@pytest.fixture(scope="module", params=[True, False], ids=["packaged", "alone"])
def failed_anywhere(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Failures:
    folder = tmp_path_factory.mktemp("anywhere")
    if not request.param:
        file = folder / "test_it.py"
        file.write_text(PACKAGED.replace("from .helpers import two", "two = 2"))
        return failures(folder, file)
    for package in (folder / "pack", folder / "pack" / "inner"):
        package.mkdir()
        (package / "__init__.py").touch()
    file = folder / "pack" / "inner" / "test_it.py"
    (file.parent / "helpers.py").write_text("two = 2")
    file.write_text(PACKAGED)
    return failures(folder, file)


@pytest.mark.parametrize("test", ["TestIt.test_double", "test_double", "test_inner"])
def test_printed_program_runs_or_says_what_is_missing(test: str, failed_anywhere: Failures) -> None:
    """Methods, relative imports and functions inside functions; only the last cannot be found again."""
    lines = failed_anywhere.lines[test]
    start = lines.index("This repeats it:") + 2
    code = lines[start : lines.index(")", start) + 1]
    if test == "test_inner":
        assert any(line.startswith("# Fill in what makes inner: the test test_inner.<locals>.inner") for line in code)
        return
    again = run(failed_anywhere.folder, "-c", "\n".join(code))
    assert "double: the reverse derivative of order 1 is wrong" in again.stderr


def test_code_says_what_cannot_be_made_again() -> None:
    """What has no code for its representation: generators of random numbers, functions; nested too."""
    values = (np.ones(1), {"a": [np.random.default_rng(0)]}, np.random.RandomState(0), len, object())
    found: list[Any] = []
    code = script("call", values)
    exec(code, {"call": lambda *args: found.extend(args)})
    assert found[1:] == [{"a": [...]}, ..., ..., ...]
    comments = [line.strip() for line in code.splitlines() if "#" in line]
    assert len(comments) == 4
    assert comments[0].startswith("# Fill in for the dots: Generator(PCG64)")


@pytest.mark.parametrize(
    ("test", "message"),
    [
        ("test_square", "AssertionError: test_square: the reverse derivative of order 1 is wrong:"),
        ("test_double", "AssertionError: test_double: the reverse derivative of order 1 is wrong:"),
        ("test_broken", "RuntimeError: out of order"),
        ("test_exp", "AssertionError: exp: the reverse derivative of order 1 is wrong:"),
    ],
)
def test_failure_shows_what_is_wrong_in_the_users_file_alone(test: str, message: str, failed: Failures) -> None:
    lines = failed.lines[test]
    assert lines.index(message) < lines.index("This repeats it:")
    shown = "\n".join(lines)
    if test == "test_exp":  # which has no place in a file
        assert "AttributeError" not in shown
        assert "TypeError" not in shown
        return
    for inside in ("checks.py", "properties.py", "hypothesis", "_compare", "Explanation"):
        assert inside not in shown
    assert f"def {test}(x):" in shown


def test_tests_do_not_meet_each_others_failures() -> None:
    """Each has a key of its own in Hypothesis's database: failures of one are not tried on another."""
    database = hypothesis.database.InMemoryExampleDatabase()
    settings = hypothesis.settings(
        database=database, max_examples=30, deadline=None, phases=["reuse", "generate", "shrink"]
    )

    @gradient_property(arrays(dtype=float), settings=settings, backward=lambda g, x: g)
    def test_double(x: Any) -> Any:
        return 2 * x

    tried: list[Any] = []

    @gradient_property(
        arrays(dtype=float),
        settings=hypothesis.settings(settings, phases=["reuse"]),
    )
    def test_triple(x: Any) -> Any:
        tried.append(x)
        return 3 * x

    exp = gradient_property(arrays(dtype=float), settings=settings, backward=lambda g, x: g)(np.exp)
    sin = gradient_property(arrays(dtype=float), settings=settings, backward=lambda g, x: g)(np.sin)
    for count, test in enumerate((test_double, exp, sin), 1):
        with pytest.raises(AssertionError):
            test()
        assert len([key for key in database.data if database.data[key] and not key.endswith(b"y")]) >= count
    test_triple()
    assert not tried


def test_kinks_are_passed_over() -> None:
    @gradient_property(arrays((1,), elements=st.sampled_from([0.0, 1.0])), settings=SETTINGS)
    def test_relu(x: Any) -> Any:
        return neural.relu(x)

    test_relu()


@pytest.mark.parametrize("backward", [None, lambda g, x: g * 17])
@pytest.mark.parametrize(
    ("f", "place"),
    [(neural.relu, 0.0), (np.log, -1.0), (lambda x: x * np.nan, 1.0), (lambda x: np.log(-1 - x**2), 1.0)],
)
def test_nothing_that_could_be_checked_is_said(f: Any, place: float, backward: Any) -> None:
    """Kinks, and what is not finite, wherever arguments are drawn; each time that the test runs."""
    if backward and f is neural.relu:
        f = partial(np.maximum, 0)

    @gradient_property(arrays((1,), elements=st.just(place)), backward=backward, settings=FEW)
    def test_it(x: Any) -> Any:
        return f(x)

    for _ in range(2):
        with np.errstate(all="ignore"), pytest.warns(NondifferentiableWarning, match="none could be checked, the last"):
            test_it()


def test_wrong_use() -> None:
    with pytest.raises(TypeError, match="is no strategy"):
        gradient_property(np.ones(2))  # pyright: ignore
    with pytest.raises(TypeError, match="is no strategy"):
        gradient_property()
    for wrong in (lambda x, y: x, lambda: 1.0, lambda x, *, axis: x):
        with pytest.raises(TypeError, match=r"cannot be called with 1 positional argument; give one strategy for each"):
            gradient_property(arrays())(wrong)

    def test_it(self: Any, x: Any) -> Any:
        return x

    with pytest.raises(TypeError, match=r"test_it\(self.*given no self"):
        gradient_property(arrays())(test_it)


# -- the code that is printed -----------------------------------------------------------------------------------------


@hypothesis.given(arrays(dtype=st.sampled_from(["float16", "float32", "float64", "complex64", "complex128"])))
def test_code_makes_an_array_in_its_layout(x: Any) -> None:
    found: list[Any] = []
    exec(script("found.extend", ([x],)), {"found": found})
    (y,) = found
    assert isinstance(y, np.ndarray)
    assert (y.dtype, y.shape, y.flags.writeable) == (x.dtype, x.shape, x.flags.writeable or not x.size)
    np.testing.assert_array_equal(x, y)
    if x.size:
        steps = [[s for s, n in zip(a.strides, a.shape, strict=True) if n > 1] for a in (x, y)]
        assert steps[0] == steps[1]


def test_code_makes_everything_else() -> None:
    from autograd_np import Tensor
    from autograd_np.testing import Program
    from autograd_np.testing.strategies import Pooling

    found: list[Any] = []
    program = Program(((2,),), (("np.sin({})", 0),))
    values = ({"a": [1, 2.5, np.inf, None]}, (slice(0, 2), ..., "text"), Tensor([1.0], requires_grad=True), program)
    pooling = Pooling(np.ones((1, 1, 2, 2)), (1, 2), (1, 1), (0, 0))
    exec(script("call", (*values, pooling)), {"call": lambda *args: found.extend(args)})
    assert found[0] == values[0]
    assert found[1] == values[1]
    assert found[2].requires_grad
    assert found[3] == program
    assert isinstance(found[4], Pooling)
    assert found[4].kernel_size == (1, 2)


def test_settings_that_name_no_phases_do_not_explain() -> None:
    """Nor do they set a deadline, or report several failures; what they do name is kept."""
    in_force = hypothesis.settings()
    for given in (None, hypothesis.settings(max_examples=7), hypothesis.settings(database=None)):
        chosen = settings_of(given)
        assert hypothesis.Phase.explain not in chosen.phases
        assert set(chosen.phases) == set(in_force.phases) - {hypothesis.Phase.explain}
        assert (chosen.deadline, chosen.report_multiple_bugs) == (None, False)
        assert chosen.max_examples == (given or in_force).max_examples
        assert chosen.database == (given or in_force).database
    named = [hypothesis.Phase.generate, hypothesis.Phase.shrink, hypothesis.Phase.explain]
    chosen = settings_of(hypothesis.settings(phases=named, deadline=123))
    assert list(chosen.phases) == named
    assert chosen.deadline is not None
    assert chosen.deadline.total_seconds() == 0.123


def settings_of(given: hypothesis.settings | None) -> hypothesis.settings:
    """Return the settings of a gradient property, as Hypothesis keeps them on the test."""
    test: Any = gradient_property(arrays(), settings=given)(np.sin)
    return test.__wrapped__._hypothesis_internal_use_settings


@pytest.mark.parametrize(
    ("f", "coarse", "fine"),
    [
        (np.floor, st.floats(1e5, 1e6), st.floats(1e5, 1e7)),
        (partial(np.round, decimals=2), st.floats(1e3, 1e4), st.floats(1e2, 1e5)),
    ],
)
def test_gradient_of_fine_steps_is_not_called_wrong_and_a_slope_is_not_silent(f: Any, coarse: Any, fine: Any) -> None:
    """Of still finer steps a slope passes: rounding to single precision leaves those of any function."""

    def steps(x: Any) -> Any:
        return f(x)

    for elements in (coarse, fine):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NondifferentiableWarning)
            gradient_property(arrays((2,), np.float64, elements=elements), settings=FEW)(steps)()
    straight = gradient_property(arrays((2,), np.float64, elements=coarse), backward=lambda g, x: g, settings=FEW)(
        steps
    )
    with pytest.raises((AssertionError, NondifferentiableWarning)):
        straight()
