"""What the strategies draw: always valid, and everything that they promise."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from autograd_np import Tensor, neural
from autograd_np.testing import (
    Program,
    arrays,
    axes,
    broadcastable,
    classification_batches,
    convolutions,
    einsums,
    indices,
    poolings,
    programs,
    tensors,
)
from autograd_np.testing.random_programs import _OPERATIONS, _result

ROOT = Path(__file__).parents[3]
SEARCH = settings(max_examples=2000, derandomize=True, deadline=None, database=None, phases=[Phase.generate])

LAYOUTS: dict[str, Callable[[Any], bool]] = {
    "C": lambda x: x.ndim == 2 and x.size > 1 and x.flags.c_contiguous and x.flags.writeable,
    "Fortran": lambda x: x.flags.f_contiguous and not x.flags.c_contiguous,
    "strided": lambda x: x.size > 1 and x.ndim == 1 and x.strides[0] == 2 * x.itemsize,
    "negative": lambda x: x.size > 1 and x.strides[0] < 0,
    "broadcast": lambda x: x.ndim and x.shape[0] > 1 and x.size and x.strides[0] == 0,
    "read-only": lambda x: x.size > 1 and x.flags.c_contiguous and not x.flags.writeable,
    "zero-size": lambda x: x.size == 0,
    "0-d": lambda x: x.ndim == 0,
    "float32": lambda x: x.dtype == np.float32,
    "ties": lambda x: x.size > 1 and 0 not in x.strides and len(np.unique(x)) < x.size,
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_arrays_come_in_every_layout(name: str) -> None:
    assert isinstance(find(arrays(), LAYOUTS[name], settings=SEARCH), np.ndarray)


@pytest.mark.parametrize("name", [name for name in LAYOUTS if name != "read-only"])
def test_tensors_come_in_every_layout(name: str) -> None:
    t = find(tensors(), lambda t: LAYOUTS[name](t.data), settings=SEARCH)
    assert t.is_leaf
    assert t.requires_grad


@given(arrays())
def test_default_values_are_what_is_documented(x: Any) -> None:
    assert np.array_equal(x, np.clip(np.round(x * 8) / 8, -3, 3))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_other_values_are_drawn_where_asked_for(dtype: str) -> None:
    everything = arrays(dtype=dtype, elements=st.floats())
    find(everything, lambda x: np.isnan(x).any(), settings=SEARCH)
    find(everything, lambda x: np.isinf(x).any(), settings=SEARCH)
    find(everything, lambda x: (abs(x[np.isfinite(x)]) > 1000).any(), settings=SEARCH)
    find(everything, lambda x: ((abs(x) > 0) & (abs(x) < 0.01)).any(), settings=SEARCH)


@given(arrays((2, 3), "complex64", layouts=["F"]), tensors(requires_grad=False))
def test_arguments_are_kept(x: Any, t: Tensor) -> None:
    assert (x.shape, x.dtype) == ((2, 3), np.complex64)
    assert x.flags.f_contiguous
    assert not t.requires_grad


def test_unknown_layout() -> None:
    with pytest.raises(ValueError, match="give some of C, F, strided"):
        arrays(layouts=["fortran"])


@given(broadcastable(3))
def test_groups_broadcast(group: Any) -> None:
    assert len(group) == 3
    np.broadcast_shapes(*(x.shape for x in group))


@given(st.integers(0, 3).flatmap(lambda n: st.tuples(st.just(n), axes(n))))
def test_axes_are_valid(case: Any) -> None:
    ndim, axis = case
    np.sum(np.ones((2,) * ndim), axis=axis)


@given(arrays().flatmap(lambda x: st.tuples(st.just(x), indices(x.shape))))
def test_indices_are_valid(case: Any) -> None:
    x, index = case
    x[index]


def test_indices_come_in_every_kind() -> None:
    def found(holds: Callable[[Any], bool]) -> Any:
        return find(indices((2, 3)), holds, settings=SEARCH)

    found(lambda i: isinstance(i, np.ndarray) and i.dtype == bool and i.any())
    found(lambda i: isinstance(i, np.ndarray) and i.dtype != bool and len(np.unique(i)) < i.size)
    found(lambda i: isinstance(i, np.ndarray) and i.dtype != bool and i.min() < 0)
    found(lambda i: isinstance(i, tuple) and any(isinstance(part, slice) and (part.step or 1) < 0 for part in i))
    found(lambda i: isinstance(i, tuple) and None in [part for part in i if not isinstance(part, np.ndarray)])
    found(lambda i: isinstance(i, tuple) and len(i) == 2 and all(isinstance(part, np.ndarray) for part in i))


@given(einsums())
def test_einsums_are_valid(case: Any) -> None:
    np.einsum(case.subscripts, *case.operands)


def test_einsums_sum_share_and_permute() -> None:
    def found(holds: Callable[[list[str], str], bool]) -> None:
        def wanted(case: Any) -> bool:
            inputs, output = case.subscripts.split("->")
            return holds(inputs.split(","), output)

        find(einsums(), wanted, settings=SEARCH)

    found(lambda inputs, output: len(inputs) == 2 and bool(set(inputs[0]) & set(inputs[1]) - set(output)))
    found(lambda inputs, output: len(inputs) > 1 and bool(set(inputs[0]) & set(inputs[1]) & set(output)))
    found(lambda inputs, output: len(output) > 1 and output == inputs[0][::-1])


@given(classification_batches())
def test_batches_are_valid(batch: Any) -> None:
    n, classes = batch.logits.shape
    assert batch.labels.shape == (n,)
    assert ((batch.labels >= 0) & (batch.labels < classes)).all()


@given(convolutions(), poolings())
def test_windows_fit(convolution: Any, pooling: Any) -> None:
    assert neural.conv2d(*convolution).size
    assert neural.max_pool2d(*pooling).size


def test_windows_come_in_every_kind() -> None:
    find(convolutions(), lambda c: c.padding[0] > 0 and c.stride[1] > 1 and c.bias is not None, settings=SEARCH)
    find(convolutions(), lambda c: c.stride[0] > c.weight.shape[2], settings=SEARCH)  # leaves pixels out
    find(poolings(), lambda p: p.stride[0] < p.kernel_size[0] and p.x.shape[2] > p.kernel_size[0], settings=SEARCH)


@given(programs(), st.integers(0, 100))
def test_programs_run_and_read_as_what_they_compute(program: Program, seed: int) -> None:
    rng = np.random.default_rng(seed)
    args = [rng.normal(size=shape) for shape in program.shapes]
    y = program(*args)
    assert np.isfinite(y).all()
    names: dict[str, Any] = {"np": np}
    exec(str(program), names)
    np.testing.assert_array_equal(names["program"](*args), y)
    assert eval(repr(program)) == program


def test_import_without_hypothesis() -> None:
    code = """
import sys
sys.modules["hypothesis"] = None
import numpy as np
import autograd_np.testing as testing
testing.check_grads(np.exp, (1.0,))
try:
    testing.arrays
except ImportError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout == (
        "autograd_np.testing.arrays needs the package hypothesis, which is not installed: pip install hypothesis\n"
    )


def test_import_of_the_engine_leaves_the_kit_alone() -> None:
    code = "import sys, autograd_np; print([m for m in ('hypothesis', 'autograd_np.testing') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert result.stdout.strip() == "[]"


def test_unknown_name() -> None:
    import autograd_np.testing

    with pytest.raises(AttributeError, match="no attribute 'array'"):
        autograd_np.testing.array  # noqa: B018


def test_programs_are_drawn_whatever_numbers_are_made_on_the_way() -> None:
    """The sum of a vector is a number, which has no @."""
    numbers = [np.float64(1), np.float64(2)]
    for text in _OPERATIONS:
        _result(text, numbers[: text.count("{}")])
