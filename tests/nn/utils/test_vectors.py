import copy

import numpy as np
import pytest

import nn
from autograd_np import Tensor
from autograd_np.testing import check_grads
from nn.utils import parameters_to_vector, vector_to_parameters


def model():
    return nn.Sequential(nn.Linear(3, 2, rng=0), nn.Tanh(), nn.Linear(2, 1, rng=1))


def test_there_and_back():
    net = model()
    before = net.state_dict()
    vector = parameters_to_vector(net.parameters())
    np.testing.assert_array_equal(vector.data, np.concatenate([a.ravel() for a in before.values()]))
    memory = [p.data for p in net.parameters()]
    vector_to_parameters(vector * 2, net.parameters())
    for p, array, old in zip(net.parameters(), memory, before.values(), strict=True):
        assert p.data is array
        np.testing.assert_array_equal(array, 2 * old)


def test_the_vector_is_recorded():
    shapes = [(3, 2), (), (0,), (2,)]
    check_grads(
        lambda *ps: np.sum(parameters_to_vector(ps) ** 3), [np.random.default_rng(0).normal(size=s) for s in shapes]
    )


def test_views_and_dtypes():
    p = Tensor(np.asfortranarray(np.arange(6.0).reshape(2, 3)), requires_grad=True)
    q = Tensor(np.float32([6.0]), requires_grad=True)
    np.testing.assert_array_equal(parameters_to_vector([p, q]).data, np.arange(7))
    vector_to_parameters(list(range(7, 0, -1)), [p, q])
    np.testing.assert_array_equal(p.data, [[7, 6, 5], [4, 3, 2]])
    assert q.data == np.float32(1)
    assert q.dtype == np.float32
    vector = Tensor(np.zeros(4), requires_grad=True)
    vector_to_parameters(vector, [vector[:0], Tensor(np.ones(4), requires_grad=True)])


def test_the_tape_is_told():
    p = Tensor([1.0, 2.0], requires_grad=True)
    loss = np.sum(p**2)
    vector_to_parameters([3.0, 4.0], [p])
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda ps: vector_to_parameters(np.ones(10), ps), ValueError, r"shape \(10,\) for parameters of 11 numbers"),
        (lambda ps: vector_to_parameters(np.ones(12), ps), ValueError, r"shape \(12,\) for parameters of 11 numbers"),
        (lambda ps: vector_to_parameters(np.ones((11, 1)), ps), ValueError, r"shape \(11, 1\)"),
        (lambda ps: vector_to_parameters(np.ones(11) * 1j, ps), TypeError, "vector of dtype complex128"),
        (lambda ps: vector_to_parameters(np.ones(11), [*ps, 1.0]), TypeError, "parameters holds a float"),
        (lambda ps: vector_to_parameters(np.ones(0), []), ValueError, "there are no parameters"),
        (lambda ps: vector_to_parameters(np.ones(6), ps[0]), TypeError, "parameters is a Tensor"),
        (lambda ps: parameters_to_vector([*ps, np.ones(2)]), TypeError, "parameters holds a ndarray"),
        (lambda ps: parameters_to_vector([]), ValueError, "parameters_to_vector: there are no parameters"),
        (lambda ps: parameters_to_vector(1), TypeError, "parameters_to_vector: parameters is a int"),
    ],
)
def test_what_is_wrong_is_refused_and_changes_nothing(call, error, message):
    net = model()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(error, match=message):
        call(list(net.parameters()))
    for key, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[key])
