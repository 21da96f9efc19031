"""Every function that takes tensors is exported, and the file computes what the function does, or refused by name."""

import numpy as np
import pytest
import scipy.special as special

import autograd_np
import nn
import nn.onnx
from autograd_np import Tensor
from tests.nn.onnx.__main__ import paragraphs
from tests.nn.onnx.functions import EXPORTED, REFUSED
from tests.nn.onnx.runtimes import check_export

rng = np.random.default_rng(0)
X, M = (rng.uniform(0.2, 0.9, shape).astype(np.float32) for shape in ((2, 3), (2, 3, 3)))
CALLS = [call for calls in EXPORTED.values() for call in calls]
SHARES = 8


def function(*calls):
    """Return what makes some calls."""
    return eval(f"lambda x, m: [{', '.join(calls)}]", {"np": np, "special": special, "Tensor": Tensor})


@pytest.mark.parametrize("share", range(SHARES))
def test_exported_functions_compute_the_same_everywhere(share, tmp_path):
    check_export(tmp_path / "f.onnx", function(*CALLS[share::SHARES]), (X, M))


@pytest.mark.parametrize("name", REFUSED)
def test_other_functions_are_refused_with_their_line(name, tmp_path):
    with pytest.raises(nn.onnx.OnnxError) as caught, np.errstate(all="ignore"):
        nn.export_onnx(function(REFUSED[name]), (X, M), tmp_path / "f.onnx")
    assert not list(tmp_path.iterdir())
    if name not in ("np.may_share_memory", "np.shares_memory"):  # which tell something of memory, and hold no line up
        assert "<string>:1, in <lambda>" in str(caught.value)


def test_the_table_has_every_function(capsys):
    autograd_np.supported()
    names = {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}
    assert names == EXPORTED.keys() | REFUSED.keys()
    assert not EXPORTED.keys() & REFUSED.keys()


def test_the_documentation_has_the_table():
    """`python -m tests.nn.onnx` writes it there."""
    text = nn.onnx.__doc__ or ""
    assert [part for part in paragraphs() if part not in text] == []
