"""What families of rules share."""

import numpy as np

from autograd_np import Tensor
from autograd_np.rules.arguments import conjugated


def test_only_complex_numbers_are_conjugated() -> None:
    x, z = Tensor([1.0, 2.0], requires_grad=True), Tensor([1.0 + 2.0j], requires_grad=True)
    assert conjugated(x) is x
    np.testing.assert_array_equal(conjugated(z).data, [1 - 2j])
