"""Test the backward pass of a torch.autograd.Function: `pytest examples/test_torch_function.py`.

PyTorch's own `gradcheck` takes inputs that you choose; here they are drawn, and shrunk to the smallest that fails.
"""

from typing import Any

import numpy as np
import pytest

from autograd_np.testing import arrays, gradient_property

torch: Any = pytest.importorskip("torch")


class Softplus(torch.autograd.Function):
    """log(1 + e^x), without overflow."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Compute the value, and keep the input."""
        ctx.save_for_backward(x)
        return torch.clamp(x, min=0) + torch.log1p(torch.exp(-torch.abs(x)))

    @staticmethod
    def backward(ctx: Any, g: Any) -> Any:
        """Multiply the gradient by the sigmoid of the input."""
        (x,) = ctx.saved_tensors
        return g * torch.sigmoid(x)


def softplus_backward(g: Any, x: Any) -> Any:
    """Run the function's backward pass on arrays."""
    t = torch.tensor(np.array(x), requires_grad=True)
    (gradient,) = torch.autograd.grad(Softplus.apply(t), t, torch.tensor(np.array(g)))
    return gradient.numpy()


@gradient_property(arrays(), backward=softplus_backward)
def test_softplus(x: Any) -> Any:
    """The forward pass on arrays; what is tested is `Softplus.backward`."""
    return Softplus.apply(torch.tensor(np.array(x))).numpy()
