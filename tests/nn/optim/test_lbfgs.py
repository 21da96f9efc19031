"""L-BFGS by what it reaches: the solution of a quadratic, the minimum that PyTorch's reaches, never a larger loss.

Its way there is SciPy's. What must not happen: more evaluations than allowed, a loss that rises, parameters left at a
point that was only tried, whether the search ends, the closure raises, or the loss is no number; changes of parameters
that are frozen or that the loss does not depend on.
"""

import math
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_np
import nn
from autograd_np import Tensor
from autograd_np.compiling import Uncapturable
from nn import optim

seeds = st.integers(0, 2**32 - 1)
shapes = st.lists(st.sampled_from([(), (1,), (3,), (2, 2), (0,)]), min_size=1, max_size=3)
dtypes = st.sampled_from([np.float64, np.float32])


class Problem:
    """A loss of some parameters, with what was evaluated: `closure` is what a step is given."""

    def __init__(self, loss, shapes=((3,),), seed=0, dtype=np.float64):
        rng = np.random.default_rng(seed)
        self.parameters = [Tensor(rng.normal(size=shape), requires_grad=True, dtype=dtype) for shape in shapes]
        self.loss, self.losses = loss, []

    def now(self):
        with autograd_np.no_grad():
            return self.loss(*self.parameters).item()

    def closure(self):
        loss = self.loss(*self.parameters)
        loss.backward()
        self.losses.append(loss.item())
        return loss

    def bits(self):
        return [p.data.tobytes() for p in self.parameters]


def quadratic(shapes, seed):
    """Return a convex quadratic of several parameters, and where it is smallest."""
    rng = np.random.default_rng(seed)
    n = sum(math.prod(shape) for shape in shapes)
    a = rng.normal(size=(n, n)) / (n + 1) + np.eye(n)
    solution = rng.normal(size=n)

    def loss(*parameters):
        x = np.concatenate([p.reshape(-1) for p in parameters])
        return (((x - solution.astype(x.dtype)) @ a.astype(x.dtype)) ** 2).sum()

    return loss, solution


def uneven(p, *others):
    """Return a loss with hills and valleys."""
    return sum((np.sin(3 * q).sum() + (q**2).sum() / 4 for q in others), (p**4 - 3 * p**2 + p).sum())


def rosenbrock(p):
    return (100 * (p[1:] - p[:-1] ** 2) ** 2 + (1 - p[:-1]) ** 2).sum()


@given(shapes, seeds, dtypes)
def test_a_quadratic_is_minimised_to_its_solution(shapes, seed, dtype):
    loss, solution = quadratic(shapes, seed)
    problem = Problem(loss, shapes, seed, dtype)
    before = problem.now()
    memory = [p.data for p in problem.parameters]
    first = optim.LBFGS(problem.parameters, max_iter=200).step(problem.closure)
    assert first.item() == before == problem.losses[0]
    found = np.concatenate([p.data.reshape(-1) for p in problem.parameters])
    np.testing.assert_allclose(found, solution, atol=1e-3 if dtype == np.float32 else 1e-4)
    for p, array in zip(problem.parameters, memory, strict=True):
        assert p.data is array  # in place
        assert p.dtype == dtype


@given(shapes, seeds, dtypes, st.integers(1, 12), st.integers(2, 9), st.integers(1, 4))
def test_a_step_ends_at_the_best_point_that_was_evaluated(shapes, seed, dtype, iterations, evaluations, steps):
    """So the loss never rises; and there are no more evaluations than allowed."""
    problem = Problem(uneven, shapes, seed, dtype)
    optimizer = optim.LBFGS(problem.parameters, max_iter=iterations, max_eval=evaluations)
    for _ in range(steps):
        problem.losses.clear()
        before = problem.now()
        assert optimizer.step(problem.closure).item() == before
        assert problem.now() == min(problem.losses) <= before
        assert 1 <= len(problem.losses) <= evaluations


@given(seeds, dtypes, st.integers(1, 8), st.sampled_from([ValueError, KeyboardInterrupt, np.nan, np.inf, -np.inf]))
def test_after_an_error_the_parameters_are_as_they_were(seed, dtype, when, what):
    """Whenever it comes: an error of the closure's, or a loss that is no number."""
    problem = Problem(uneven, [(3,), ()], seed, dtype)
    before = problem.bits()

    def closure():
        loss = problem.closure()
        if len(problem.losses) < when:
            return loss
        if isinstance(what, float):
            return loss.detach() * what
        raise what("closure")

    optimizer = optim.LBFGS(problem.parameters, tolerance_grad=0.0, tolerance_change=0.0)
    message = "closure" if isinstance(what, type) else rf"the loss is -?(nan|inf) in evaluation {when} of this step"
    with pytest.raises(what if isinstance(what, type) else FloatingPointError, match=message):
        optimizer.step(closure)
    assert problem.bits() == before


def test_an_infinite_gradient_is_refused():
    p = Tensor([4.0, 0.0], requires_grad=True)
    with np.errstate(divide="ignore"), pytest.raises(FloatingPointError, match="the gradient is not finite in eval"):
        optim.LBFGS([p]).step(Problem(lambda: np.sqrt(p).sum(), ()).closure)
    assert p.data.tolist() == [4.0, 0.0]


@given(seeds, dtypes)
def test_frozen_parameters_and_those_without_a_gradient_stay_as_they_are(seed, dtype):
    problem = Problem(lambda p, q, r: uneven(p) * (1 + q**2).sum(), [(3,), (2,), (4,)], seed, dtype)
    q = problem.parameters[1]
    q.requires_grad = False
    q.grad = np.ones(2)
    before, start = problem.bits(), problem.now()
    optim.LBFGS(problem.parameters).step(problem.closure)
    assert problem.bits()[1:] == before[1:]
    assert problem.now() < start


def test_there_is_nothing_to_change_when_all_were_frozen():
    problem = Problem(rosenbrock)
    optimizer = optim.LBFGS(problem.parameters)
    problem.parameters[0].requires_grad = False
    with pytest.raises(ValueError, match=r"LBFGS\.step: none of the parameters requires a gradient"):
        optimizer.step(problem.closure)


# -- options ----------------------------------------------------------------------------------------------------------


def evaluations(**options):
    """Return how many evaluations a step takes on a curved valley, and the loss after it."""
    problem = Problem(rosenbrock, [(6,)])
    optim.LBFGS(problem.parameters, **options).step(problem.closure)
    return len(problem.losses), problem.now()


def test_each_option_counts():
    count, loss = evaluations(max_iter=300)
    assert loss < 1e-8
    assert evaluations(max_iter=300, max_eval=7)[0] == 7
    assert evaluations(max_iter=1)[0] <= 2
    assert evaluations(max_iter=3, max_eval=1000)[0] < count
    assert evaluations(max_iter=300, tolerance_grad=1.0)[0] < count
    assert evaluations(max_iter=300, tolerance_change=0.1)[0] < count
    assert evaluations(max_iter=300, history_size=1)[0] > count
    assert evaluations(max_iter=300, line_search_fn="strong_wolfe", lr=1) == (count, loss)
    assert evaluations(max_iter=300, max_eval=375) == (count, loss)


def test_at_the_minimum_it_evaluates_once():
    problem = Problem(lambda p: ((p - 1) ** 2).sum())
    optimizer = optim.LBFGS(problem.parameters)
    optimizer.step(problem.closure)
    problem.losses.clear()
    before = problem.bits()
    optimizer.step(problem.closure)
    assert (len(problem.losses), problem.bits()) == (1, before)


def test_gradients_are_forgotten_before_each_evaluation():
    """`closure` above never does, and what was there before a step is nobody's."""
    problem = Problem(rosenbrock, [(4,)])
    problem.parameters[0].grad = np.full(4, 1e6)
    other = Problem(rosenbrock, [(4,)])
    optimizer, others = optim.LBFGS(problem.parameters), optim.LBFGS(other.parameters)

    def closure():
        others.zero_grad()
        return other.closure()

    optimizer.step(problem.closure)
    others.step(closure)
    assert problem.bits() == other.bits()


def test_a_step_is_taken_under_no_grad_and_noticed_by_the_tape():
    problem = Problem(lambda p: (p**4).sum())
    loss = problem.loss(*problem.parameters)
    with autograd_np.no_grad():
        optim.LBFGS(problem.parameters).step(problem.closure)
    assert problem.now() < loss.item()
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


def test_losses_may_be_numbers_and_half_precision():
    p = Tensor([3.0, -2.0], requires_grad=True, dtype=np.float16)

    def closure():
        loss = ((p - 1) ** 2).sum()
        loss.backward()
        return float(loss.item())

    assert optim.LBFGS([p]).step(closure) == 13.0
    np.testing.assert_allclose(p.data, 1, atol=1e-2)
    assert p.dtype == np.float16


def test_a_network_is_trained():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] > 0).astype(int)
    model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
    optimizer = optim.LBFGS(model.parameters(), max_iter=100)

    def closure():
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        return loss

    first = optimizer.step(closure)
    assert first.dtype == np.float32
    assert closure().item() < 0.1 < first.item()


def test_a_model_may_be_taken_into_another_dtype():
    model = nn.Linear(3, 1, rng=0)
    optimizer = optim.LBFGS(model.parameters())

    def closure():
        loss = (model(np.ones((2, 3), model.weight.dtype)) ** 2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    model.double()
    assert optimizer.step(closure).dtype == np.float64
    model.to(np.longdouble)
    with pytest.raises(TypeError, match="SciPy computes in float64"):
        optimizer.step(closure)


# -- state dicts ------------------------------------------------------------------------------------------------------


def test_state_dicts():
    """Nothing is remembered; what PyTorch remembers is passed over."""
    problem = Problem(rosenbrock)
    optimizer = optim.LBFGS(problem.parameters, max_iter=7, history_size=5)
    optimizer.step(problem.closure)
    assert optimizer.state_dict()["state"] == {}
    other = optim.LBFGS(problem.parameters)
    other.load_state_dict(optimizer.state_dict())
    assert other.param_groups == optimizer.param_groups
    (group,) = optimizer.state_dict()["param_groups"]
    theirs = {"func_evals": 9, "n_iter": 7, "d": np.ones(3), "t": 1, "old_dirs": [np.ones(3)], "H_diag": 1.0, "al": [0]}
    other.load_state_dict({"state": {0: theirs}, "param_groups": [{**group, "max_iter": 4, "maximize": False}]})
    assert (other.state_dict()["state"], other.param_groups[0]["max_iter"]) == ({0: {}}, 4)
    for state, change, message in (
        ({0: {"exp_avg": np.ones(3)}}, {}, "of parameter 0 it remembers exp_avg"),
        ({}, {"lr": 0.5}, "LBFGS: lr=0.5"),
        ({}, {"maximize": True}, "a group has maximize=True"),
    ):
        with pytest.raises(ValueError, match=message):
            other.load_state_dict({"state": state, "param_groups": [{**group, **change}]})
    assert other.param_groups[0]["max_iter"] == 4


# -- refusals ---------------------------------------------------------------------------------------------------------

P, Q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"lr": 0.1}, ValueError, "LBFGS: lr=0.1; SciPy's line search sets the length of a step: leave lr=1"),
        ({"lr": "1"}, TypeError, "LBFGS: lr is a str"),
        ({"line_search_fn": "armijo"}, ValueError, "LBFGS: line_search_fn='armijo'; .* give 'strong_wolfe' or None"),
        ({"max_iter": 0}, ValueError, "LBFGS: max_iter=0; give at least 1"),
        ({"max_iter": 1.5}, TypeError, "LBFGS: max_iter is a float; give a whole number"),
        ({"max_iter": True}, TypeError, "LBFGS: max_iter is a bool"),
        ({"max_iter": "20"}, TypeError, "LBFGS: max_iter is a str"),
        ({"max_eval": 1}, ValueError, "LBFGS: max_eval=1; give at least 2"),
        ({"history_size": 0}, ValueError, "LBFGS: history_size=0; give at least 1"),
        ({"tolerance_grad": -1e-9}, ValueError, "LBFGS: tolerance_grad=-1e-09"),
        ({"tolerance_change": math.nan}, ValueError, "LBFGS: tolerance_change=nan"),
        ({"params": [{"params": [P]}, {"params": [Q]}]}, ValueError, "LBFGS: a second group of parameters"),
        ({"params": [Tensor(np.ones(1, np.longdouble), requires_grad=True)]}, TypeError, "SciPy computes in float64"),
        ({"params": []}, ValueError, "LBFGS: there are no parameters"),
    ],
)
def test_what_makes_no_sense_is_refused(options, error, message):
    with pytest.raises(error, match=message):
        optim.LBFGS(**{"params": [P], **options})


@pytest.mark.parametrize(
    ("closure", "error", "message"),
    [
        (lambda p: None, TypeError, "LBFGS: the closure returned a NoneType of shape"),
        (lambda p: p.sum().backward(), TypeError, "LBFGS: the closure returned a NoneType of shape"),
        (lambda p: p**2, TypeError, r"LBFGS: the closure returned a Tensor of shape \(3,\)"),
        (lambda p: 1j, TypeError, "LBFGS: the closure returned a complex"),
        (lambda p: (p**2).sum(), RuntimeError, "no parameter has a gradient after the closure; call loss.backward"),
    ],
)
def test_closures_that_cannot_be_used(closure, error, message):
    problem = Problem(rosenbrock)
    before = problem.bits()
    with pytest.raises(error, match=message):
        optim.LBFGS(problem.parameters).step(lambda: closure(*problem.parameters))
    assert problem.bits() == before


def test_a_schedule_is_refused_at_the_next_step():
    problem = Problem(rosenbrock)
    optimizer = optim.LBFGS(problem.parameters)
    before = problem.bits()
    optim.lr_scheduler.StepLR(optimizer, 1).step()
    with pytest.raises(ValueError, match=r"LBFGS: lr=0\.1"):
        optimizer.step(problem.closure)
    optimizer.lr = 1
    optimizer.step(problem.closure)
    assert problem.bits() != before


def test_what_computes_the_loss_once_has_no_use_for_it():
    x, y = np.ones((4, 3), np.float32), np.zeros((4, 2), np.float32)
    model, loss = nn.Linear(3, 2, rng=0), nn.MSELoss()
    optimizer = optim.LBFGS(model.parameters())
    before = model.state_dict()

    @autograd_np.compile
    def compiled(x):
        return optimizer.step(lambda: loss(model(x), y))

    for call in (
        lambda: optimizer.step(),
        lambda: nn.fit(model, x, y, optimizer=optimizer, loss=loss, epochs=1, progress=False),
        lambda: nn.fit(model, x, y, optimizer=optimizer, loss=loss, epochs=1, progress=False, compiled=True),
        lambda: nn.compile_step(model, loss, optimizer)(x, y),
    ):
        with pytest.raises(TypeError, match=r"LBFGS.step: there is no closure|fit: optimizer is an LBFGS, .*closure"):
            call()
    for _ in range(2):
        with pytest.raises(Uncapturable, match=r"LBFGS\.step: SciPy's search looks at values"):
            compiled(x)
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])


if find_spec("torch"):

    @given(st.integers(2, 6), seeds, st.sampled_from([1e-2, 1.0]))
    def test_it_reaches_the_minimum_that_pytorchs_reaches(n, seed, decay):
        """Of a penalised logistic regression, and its state dict begins afresh there."""
        import torch

        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(20, n)), rng.choice([-1.0, 1.0], 20)
        problem = Problem(lambda w: np.log1p(np.exp(-y * (x @ w))).mean() + decay * (w**2).sum(), [(n,)], seed)
        w = torch.tensor(problem.parameters[0].data, requires_grad=True)
        ours = optim.LBFGS(problem.parameters, max_iter=100)
        theirs = torch.optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")

        def closure():
            theirs.zero_grad()
            loss = torch.log1p(torch.exp(-torch.tensor(y) * (torch.tensor(x) @ w))).mean() + decay * (w**2).sum()
            loss.backward()
            return loss

        first = ours.step(problem.closure)
        theirs.load_state_dict({**ours.state_dict(), "param_groups": theirs.state_dict()["param_groups"]})
        assert first.item() == pytest.approx(theirs.step(closure).item(), rel=1e-12)
        assert problem.now() == pytest.approx(closure().item(), rel=1e-8)
        np.testing.assert_allclose(problem.parameters[0].data, w.detach().numpy(), atol=1e-3)
        ours.load_state_dict(theirs.state_dict())
