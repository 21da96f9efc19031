"""The networks that are drawn: they train, and the checks find what is wrong in them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings

from autograd_np import Tensor
from autograd_np.testing import check_grads, gradient_property
from autograd_np.testing.reproduction import script
from nn import functional as F
from nn.testing import CNN, MLP, cnns, mlps
from tests.families import costly

SEARCH = settings(max_examples=2000, derandomize=True, deadline=None, database=None, phases=[Phase.generate])


@gradient_property(mlps(dtype="float64"), order=1, settings=costly(4))
def test_mlps_have_right_gradients(network: Any) -> Any:
    return network.loss()


@gradient_property(mlps(dtype="float32"), order=1, modes=("rev",), settings=costly(4))
def test_mlps_have_right_gradients_in_float32(network: Any) -> Any:
    return network.loss()


@gradient_property(cnns(), order=1, modes=("rev",), settings=costly(4))
def test_cnns_have_right_gradients(network: Any) -> Any:
    return network.loss()


@pytest.mark.parametrize("network", [MLP((3, 4, 2), activation="Tanh"), CNN((1, 5, 5), activation="Tanh")])
def test_second_derivatives(network: Any) -> None:
    check_grads(lambda network: network.loss(), (network,))


@given(mlps())
def test_mlps_are_as_described(network: MLP) -> None:
    assert network.x.shape == (network.examples, network.sizes[0])
    assert network.model(network.x).shape == (network.examples, network.sizes[-1])
    assert {p.dtype for p in network.model.parameters()} == {np.dtype(network.dtype)} == {network.x.dtype}
    assert network.y.shape == (network.examples,)
    assert network.loss().shape == ()


@given(mlps())
def test_examples_differ_where_they_are_normalised(network: MLP) -> None:
    """Float32 could hardly tell them apart otherwise, and differences of losses would be noise."""
    model = network.model
    if network.batch_norm and len(network.sizes) > 2:
        var = model[0](network.x).data.var(axis=0)
        assert not np.any((var > 0) & (var < 1e-3))


@given(cnns())
def test_cnns_are_as_described(network: CNN) -> None:
    assert network.x.shape == (network.examples, *network.image)
    assert network.model(network.x).shape == (network.examples, network.classes)
    assert network.model[0].weight.shape == (network.filters, network.image[0], *network.kernel)  # pyright: ignore


def test_networks_come_in_every_kind() -> None:
    find(mlps(), lambda n: len(n.sizes) == 4 and n.batch_norm and n.dropout > 0, settings=SEARCH)
    find(mlps(), lambda n: len(n.sizes) == 2, settings=SEARCH)
    find(cnns(), lambda n: n.stride[0] == 2 and n.padding[1] == 1 and n.pool[0] == 2, settings=SEARCH)


@given(mlps() | cnns())
def test_representation_is_code_for_the_same_network(network: Any) -> None:
    found: list[Any] = []
    exec(script("found.append", (network,)), {"found": found})
    (again,) = found
    assert again == network
    np.testing.assert_array_equal(again.x, network.x)
    for p, q in zip(again.model.parameters(), network.model.parameters(), strict=True):
        np.testing.assert_array_equal(p.data, q.data)


def test_wrong_gradient_is_found() -> None:
    def loss(network: Any) -> Tensor:
        return F.cross_entropy(network.model(network.x), network.y) + np.sum(network.model[0].weight.data ** 2)

    network = MLP((3, 4, 2))
    check_grads(lambda network: network.loss(), (network,), 1)
    with pytest.raises(AssertionError, match=r"by args\[0\]\.0\.weight, float64 \(4, 3\): .* <- wrong"):
        check_grads(loss, (network,), 1)
