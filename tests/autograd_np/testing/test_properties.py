"""gradient_property: what it runs, what it prints, and that pasting that repeats the failure."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies as st

from autograd_np import neural
from autograd_np.testing import arrays, broadcastable, convolutions, gradient_property, poolings
from autograd_np.testing.reproduction import script

SETTINGS = hypothesis.settings(derandomize=True, deadline=None, database=None)
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
from autograd_np.testing import arrays, gradient_property

@gradient_property(arrays(dtype=float), backward=lambda g, x: g * np.where(x > 1, 3, 2) * x)
def test_square(x):
    return x * x
"""


def test_failure_is_shrunk_and_its_code_repeats_it(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(FILE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    options: dict[str, Any] = {"capture_output": True, "text": True, "cwd": tmp_path, "env": environment}
    result = subprocess.run(command, check=False, **options)
    assert result.returncode == 1
    lines = [line.removeprefix("E").strip() for line in result.stdout.splitlines()]
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
    again = subprocess.run([sys.executable, "-c", "\n".join(code)], check=False, **options)
    assert "square: the reverse derivative of order 1 is wrong" in again.stderr.splitlines()[-3]


def test_kinks_are_passed_over_and_counted() -> None:
    @gradient_property(arrays((1,), elements=st.just(0.0)), settings=SETTINGS)
    def test_relu(x: Any) -> Any:
        return neural.relu(x)

    test_relu()


def test_wrong_use() -> None:
    with pytest.raises(TypeError, match="is no strategy"):
        gradient_property(np.ones(2))  # pyright: ignore
    with pytest.raises(TypeError, match="is no strategy"):
        gradient_property()


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
