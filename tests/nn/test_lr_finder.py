"""Finding a learning rate: what is suggested, what ends the test, and that nothing of it stays.

Everything that a step changes is to be as it was, however the test ends: parameters, trained or frozen; buffers;
gradients; the mode of each module; generators; what `forward` notes in attributes; the same of a loss that is a module;
and what the optimiser remembers, with each group's learning rate.
"""

import math
import pickle
from collections.abc import Callable
from typing import Any

import matplotlib
import numpy as np
import pytest

matplotlib.use("agg")
from matplotlib import pyplot

import nn
from autograd_np import Tensor
from nn.lr_finder import RangeTest

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 3)) * [1.0, 0.5, 2.0]
Y = X @ [[1.0], [-2.0], [3.0]] + 0.5
LABELS = RNG.integers(0, 3, 120)


def linear(seed: int = 0) -> nn.Linear:
    return nn.Linear(3, 1, dtype=np.float64, rng=seed)


def find(model: Any = None, *, lr: float = 0.1, **options: Any) -> RangeTest:
    """Return what is found for a linear model and its squared error, unless the options say otherwise."""
    model = linear() if model is None else model
    given: dict[str, Any] = {"optimizer": nn.optim.SGD(model.parameters(), lr=lr), "loss": nn.MSELoss(), "rng": 0}
    return nn.find_lr(model, X, Y, **(given | options))


def scripted(*losses: float) -> Callable[[Any, Any], Any]:
    """Return a loss that has these values, one after the other, and the last one from then on."""
    rest = [*losses]
    return lambda outputs, _: 0 * outputs.mean() + (rest.pop(0) if len(rest) > 1 else rest[0])


class TestSuggestion:
    @pytest.mark.parametrize("batch_size", [120, 16])
    @pytest.mark.parametrize("seed", range(3))
    def test_is_stable_on_a_quadratic_and_training_with_it_converges(self, seed, batch_size):
        columns = np.column_stack([X, np.ones(len(X))])
        stable_below = 2 / np.linalg.eigvalsh(2 * columns.T @ columns / len(X)).max()
        model = linear(seed)
        optimizer = nn.optim.SGD(model.parameters(), lr=1.0)
        found = find(model, optimizer=optimizer, batch_size=batch_size, rng=seed)
        assert found.suggestion is not None
        assert stable_below / 50 < found.suggestion < stable_below
        optimizer.lr = found.suggestion
        options = {"loss": nn.MSELoss(), "epochs": 2 * batch_size, "batch_size": batch_size, "rng": 0}
        history = nn.fit(model, X, Y, optimizer=optimizer, progress=False, **options)
        assert history["loss"][-1] < 0.01 * found.losses[0]

    def test_is_where_the_losses_fall_not_where_their_mean_comes_after(self):
        falls_at = 50
        found = find(loss=scripted(*[10.0] * falls_at, *np.linspace(10, 1, 10), *[1.0] * 10, *np.geomspace(1, 1e4, 30)))
        step = int(np.flatnonzero(found.lrs == found.suggestion)[0])
        assert falls_at < step < falls_at + 7
        assert np.gradient(found.smoothed).argmin() >= falls_at + 9

    def test_is_not_a_fall_that_comes_after_a_rise(self):
        slowly = np.linspace(10, 5, 60)
        found = find(loss=scripted(*slowly, *[20.0] * 20, *[6.0] * 20), smooth_f=1)
        assert len(found.lrs) == 100
        assert found.suggestion is not None
        assert found.suggestion < found.lrs[60]

    def test_is_not_a_fall_from_the_first_batch(self):
        found = find(loss=scripted(14.0, *[10.0] * 50, *np.linspace(10, 1, 30)))
        assert found.suggestion is not None
        assert found.suggestion > found.lrs[40]
        assert find(loss=scripted(*np.linspace(10, 1, 10), 5.0), smooth_f=1).suggestion is None
        assert find(loss=scripted(*np.linspace(10, 1, 12), 5.0), smooth_f=1).suggestion in found.lrs[10:12]

    @pytest.mark.parametrize("losses", [[1.0, 2.0, 3.0, 4.0, 99.0], [1.0], [1.0, 9.0], [1.0, math.nan]])
    def test_is_none_if_the_loss_never_falls(self, losses):
        assert find(loss=scripted(*losses)).suggestion is None


class TestEnd:
    @pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
    def test_a_loss_that_is_no_number_ends_it_and_is_left_out(self, wrong):
        found = find(loss=scripted(*np.linspace(10, 9, 30), wrong))
        assert len(found.lrs) == len(found.losses) == len(found.smoothed) == 30
        assert np.isfinite([*found.losses, *found.smoothed, found.suggestion]).all()
        assert found.suggestion <= found.lrs[-1]

    def test_the_first_loss_must_be_a_number(self):
        with pytest.raises(FloatingPointError, match=r"the loss is NaN or infinite in the first step.*detect_anomaly"):
            find(loss=scripted(math.nan))

    def test_numbers_may_overflow(self):
        found = find(end=1e300, steps=50, diverge_th=math.inf, smooth_f=1)
        assert 2 < len(found.losses) < 50

    @pytest.mark.parametrize(("lowest", "highest"), [(2.0, 6.0), (-2.0, 2.0)])
    def test_divergence_is_so_many_times_the_lowest_value(self, lowest, highest):
        losses = [lowest + 1, lowest, highest, highest + 0.01, lowest]
        assert len(find(loss=scripted(*losses), diverge_th=3, smooth_f=1).losses) == 4
        assert len(find(loss=scripted(*losses), diverge_th=3.1, smooth_f=1).losses) == 100


class TestOptions:
    def test_lrs_grow_by_one_factor_from_start_to_end(self):
        found = find(start=1e-5, end=1e-2, steps=4)
        np.testing.assert_allclose(found.lrs, [1e-5, 1e-4, 1e-3, 1e-2])
        assert (find(steps=7, end=1e-6).lrs[[0, -1]] == [1e-7, 1e-6]).all()
        assert len(find(end=1e-6).lrs) == 100

    def test_losses_are_those_of_a_training_with_these_lrs(self):
        found = find(start=1e-3, end=0.1, steps=20, batch_size=50, rng=4)
        model, batches = linear(), nn.data.Batches(X, Y, batch_size=50, rng=4)
        optimizer, losses = nn.optim.SGD(model.parameters(), lr=1.0), []
        for epoch in range(7):
            for i, (x, y) in enumerate(batches):
                if 3 * epoch + i < 20:
                    optimizer.lr = float(found.lrs[3 * epoch + i])
                    optimizer.zero_grad()
                    loss = nn.MSELoss()(model(x), y)
                    loss.backward()
                    optimizer.step()
                    losses.append(loss.item())
        np.testing.assert_array_equal(found.losses, losses)

    def test_smoothed_is_an_exponential_mean_from_the_first_loss_on(self):
        found = find(smooth_f=0.25, end=1e-3)
        mean = found.losses[0]
        for loss, smoothed in zip(found.losses, found.smoothed, strict=True):
            mean = 0.25 * loss + 0.75 * mean
            assert smoothed == pytest.approx(mean, rel=1e-12)
        plain = find(smooth_f=1)
        np.testing.assert_array_equal(plain.losses, plain.smoothed)

    def test_the_order_of_examples_is_that_of_the_seed(self):
        one, again, other = find(rng=3), find(rng=np.random.default_rng(3)), find(rng=4)
        np.testing.assert_array_equal(one.losses, again.losses)
        assert one.suggestion == again.suggestion
        assert one.losses.tolist() != other.losses.tolist()

    def test_without_a_loss_it_is_the_cross_entropy(self):
        model = nn.Linear(3, 3, rng=0)
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        found = nn.find_lr(model, X, LABELS, optimizer=optimizer, batch_size=120, rng=0)
        assert found.losses[0] == pytest.approx(nn.evaluate(model, X, LABELS)["loss"], rel=1e-5)

    @pytest.mark.parametrize(
        ("lrs", "ratios"), [((0.1, 0.02), (1, 0.2)), ((0.0, 3.0), (0, 1)), ((0.0, 0.0), (1, 1)), ((5.0, 5.0), (1, 1))]
    )
    def test_groups_keep_the_ratios_of_their_lrs(self, lrs, ratios):
        model, seen = linear(), []
        groups = [{"params": [p], "lr": lr} for p, lr in zip(model.parameters(), lrs, strict=True)]
        optimizer = nn.optim.SGD(groups, lr=1.0)

        def loss(outputs: Any, targets: Any) -> Any:
            seen.append([group["lr"] for group in optimizer.param_groups])
            return nn.MSELoss()(outputs, targets)

        found = find(model, optimizer=optimizer, loss=loss, steps=10, end=1e-3)
        np.testing.assert_allclose(seen, np.outer(found.lrs, ratios))
        assert [group["lr"] for group in optimizer.param_groups] == [*lrs]


class Noisy(nn.Module):
    """A model with everything that a step may change."""

    def __init__(self) -> None:
        self.first = nn.Linear(3, 8, rng=0)
        self.norm = nn.BatchNorm1d(8)
        self.drop = nn.Dropout(0.3, rng=1)
        self.quiet = nn.Dropout(0.3, rng=2).eval()
        self.last = nn.utils.spectral_norm(nn.Linear(8, 3, rng=3), rng=4)
        self.frozen = nn.Parameter(np.ones(3, np.float32), requires_grad=False)
        self.register_buffer("seen", np.zeros(1))
        self.calls, self.constant = 0, np.ones(3, np.float32)
        self.constant.flags.writeable = False

    def forward(self, x: Any) -> Any:
        self.calls += 1
        setattr(self, f"call_{self.calls}", True)
        self.seen += 1
        return self.constant * self.frozen * self.last(self.quiet(self.drop(self.norm(self.first(x)))))


class NoisyLoss(nn.Module):
    """A loss with a parameter that the optimiser does not hold, and a generator."""

    def __init__(self, error: type[BaseException] | None, wrong: float) -> None:
        self.scale, self.rng = nn.Parameter(np.ones(())), np.random.default_rng(5)
        self.error, self.wrong, self.calls = error, wrong, 0

    def forward(self, outputs: Any, targets: Any) -> Any:
        self.calls += 1
        if self.calls == 20 and self.error is not None:
            raise self.error
        factor = self.wrong if self.calls == 20 else self.rng.uniform(0.9, 1.1)
        return nn.CrossEntropyLoss()(outputs, targets) * self.scale * factor


def trained(error: type[BaseException] | None = None, wrong: float = 1.0) -> tuple[Noisy, NoisyLoss, Any]:
    """Return a model, its loss and an optimiser in the middle of a training, before a step."""
    model, loss = Noisy(), NoisyLoss(error, wrong)
    groups = [{"params": model.first.parameters()}, {"params": model.last.parameters(), "lr": 0.01}]
    optimizer = nn.optim.Adam(groups, lr=0.02)
    for _ in range(3):
        loss(model(X.astype(np.float32)), LABELS).backward()
        optimizer.step()
    model.quiet.eval()
    return model, loss, optimizer


def bits(model: Noisy, loss: NoisyLoss, optimizer: Any) -> bytes:
    """Return all that makes a difference to what comes next."""
    modules = [*model.modules(), *loss.modules()]
    parameters = [*model.parameters(), *loss.parameters()]
    state = [
        model.state_dict(),
        loss.state_dict(),
        [(p.grad, p.requires_grad) for p in parameters],
        [module.training for module in modules],
        [
            value.bit_generator.state
            for m in modules
            for value in vars(m).values()
            if isinstance(value, np.random.Generator)
        ],
        [model.calls, loss.calls],
        [sorted(vars(module)) for module in modules],
        optimizer.state_dict(),
    ]
    return b"".join(pickle.dumps(part) for part in state)


class TestNothingStays:
    @pytest.mark.parametrize(
        ("error", "wrong"),
        [(None, 1.0), (None, math.nan), (ValueError, 1.0), (KeyboardInterrupt, 1.0), (SystemExit, 1.0)],
    )
    def test_however_it_ends(self, error, wrong):
        model, loss, optimizer = trained(error, wrong)
        before, parameters = bits(model, loss, optimizer), [*model.parameters()]
        grads = [p.grad for p in parameters]

        def test() -> Any:
            x = X.astype(np.float32)
            return nn.find_lr(model, x, LABELS, optimizer=optimizer, loss=loss, batch_size=40, rng=0)

        if error is None:
            assert len(test().losses) == (16 if math.isnan(wrong) else 100)
        else:
            with pytest.raises(error):
                test()
        assert bits(model, loss, optimizer) == before
        assert all(now is then for now, then in zip(model.parameters(), parameters, strict=True))
        for parameter, grad in zip(parameters, grads, strict=True):
            np.testing.assert_array_equal(parameter.grad, grad)

    def test_training_goes_on_as_if_it_had_not_been(self):
        ways = []
        for search in (False, True):
            model, loss, optimizer = trained()
            x = X.astype(np.float32)
            if search:
                nn.find_lr(model, x, LABELS, optimizer=optimizer, loss=loss, rng=0)
            fit = {"optimizer": optimizer, "loss": loss, "epochs": 2, "batch_size": 40, "rng": 1, "progress": False}
            history = nn.fit(model, x, LABELS, **fit)
            ways.append((history, bits(model, loss, optimizer)))
        assert ways[0] == ways[1]

    def test_a_fresh_optimiser_remembers_nothing(self):
        model = linear()
        optimizer = nn.optim.Adam(model.parameters())
        find(model, optimizer=optimizer)
        assert not optimizer.state
        assert [p.grad for p in model.parameters()] == [None, None]

    def test_a_parameter_that_the_optimiser_alone_holds_is_put_back(self):
        model, shift = linear(), Tensor([2.0], requires_grad=True)
        optimizer = nn.optim.SGD([*model.parameters(), shift], lr=0.1)
        shifted = find(model, optimizer=optimizer, loss=lambda outputs, y: nn.MSELoss()(outputs + shift, y))
        assert (shift.data.tolist(), shift.grad) == ([2.0], None)
        assert shifted.losses[0] != find(model).losses[0]

    def test_old_gradients_take_no_part(self):
        model, fresh = linear(), linear()
        for parameter in model.parameters():
            parameter.grad = np.full(parameter.shape, 100.0)
        np.testing.assert_array_equal(find(model).losses, find(fresh).losses)

    def test_the_model_trains_in_training_mode(self):
        model = nn.Sequential(nn.Linear(3, 1, rng=0), nn.Dropout(0.5, rng=0)).eval()
        modes: list[bool] = []
        model[1].register_forward_hook(lambda module, _args, _output: modes.append(module.training))
        find(model, steps=3)
        assert modes == [True] * 3
        assert not model.training


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": 0}, "find_lr: start=0; give a learning rate above 0"),
        ({"start": math.nan}, "start=nan"),
        ({"start": 1, "end": 1}, "end=1; give a learning rate above the first, 1"),
        ({"end": math.inf}, "end=inf"),
        ({"steps": 1}, "find_lr: steps must be an integer of at least 2, got 1"),
        ({"steps": 10.0}, "steps must be an integer"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1, got 0"),
        ({"smooth_f": 0}, "smooth_f=0; give a part above 0, and at most 1"),
        ({"smooth_f": 1.1}, "smooth_f=1.1"),
        ({"diverge_th": 1}, "diverge_th=1; give a factor above 1"),
        (
            {"optimizer": nn.optim.SGD(linear().parameters(), lr=0.1)},
            r"the optimizer, SGD, holds nothing of the Linear that is not frozen; make it of the model .*, SGD\(model",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        find(**options)


def test_refuses_examples_of_another_number_than_their_targets():
    model = linear()
    with pytest.raises(ValueError, match="the arrays must have the same number of rows"):
        nn.find_lr(model, X, Y[1:], optimizer=nn.optim.SGD(model.parameters(), lr=0.1))


def test_refuses_gradients_that_it_could_not_put_back():
    model = linear()
    nn.MSELoss()(model(X), Y).backward(create_graph=True)
    grad = model.weight.grad
    assert isinstance(grad, Tensor)
    with pytest.raises(ValueError, match=r"find_lr: a gradient is a Tensor, of backward\(create_graph=True\)"):
        find(model)
    assert model.weight.grad is grad


def test_plot_shows_what_was_found():
    found = find()
    figure, ax = pyplot.subplots()
    assert found.plot(ax) is ax
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.column_stack([found.lrs, found.losses]))
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), found.smoothed)
    assert ax.lines[-1].get_xdata()[0] == found.suggestion
    pyplot.close(figure)
    assert repr(found) == f"RangeTest(suggestion={found.suggestion})"
