import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

import nn
from autograd_np import Tensor, gradients
from nn import functional as F

shapes = st.tuples(st.integers(1, 5), st.integers(1, 4))
seeds = st.integers(0, 2**32 - 1)
reductions = {"mean": np.mean, "sum": np.sum, "none": np.asarray}


def inputs(name, shape, rng):
    """Draw what a loss is called with: the tensor, and the targets."""
    x = rng.normal(size=shape) * 3
    if name == "BCELoss":
        x = expit(x)
    if name.startswith("BCE"):
        return x, rng.uniform(size=shape)
    return x, rng.normal(size=shape)


FORMULAS = {
    "MSELoss": (lambda x, t: (x - t) ** 2, F.mse_loss),
    "L1Loss": (lambda x, t: abs(x - t), F.l1_loss),
    "BCELoss": (lambda x, t: -(t * np.log(x) + (1 - t) * np.log1p(-x)), F.binary_cross_entropy),
    "BCEWithLogitsLoss": (
        lambda x, t: -(t * np.log(expit(x)) + (1 - t) * np.log(expit(-x))),
        F.binary_cross_entropy_with_logits,
    ),
}


@pytest.mark.parametrize("reduction", reductions)
@pytest.mark.parametrize("name", FORMULAS)
@given(shape=shapes, seed=seeds)
def test_elementwise_losses(name, reduction, shape, seed):
    formula, function = FORMULAS[name]
    x, targets = inputs(name, shape, np.random.default_rng(seed))
    expected = reductions[reduction](formula(x, targets))
    loss = getattr(nn, name)(reduction=reduction)(Tensor(x, requires_grad=True), targets)
    np.testing.assert_allclose(loss.data, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(loss.data, function(x, targets, reduction=reduction), rtol=1e-12)


@pytest.mark.parametrize("reduction", reductions)
@given(shape=shapes, seed=seeds)
def test_cross_entropy(reduction, shape, seed):
    rng = np.random.default_rng(seed)
    logits, labels = rng.normal(size=shape) * 3, rng.integers(shape[1], size=shape[0])
    expected = reductions[reduction](-log_softmax(logits, axis=1)[np.arange(shape[0]), labels])
    criterion = nn.CrossEntropyLoss(reduction=reduction)
    np.testing.assert_allclose(criterion(Tensor(logits), labels).data, expected, rtol=1e-9, atol=1e-12)
    one_hot = np.eye(shape[1])[labels]
    np.testing.assert_allclose(criterion(Tensor(logits), one_hot).data, expected, rtol=1e-9, atol=1e-12)


def _losses():
    for name in FORMULAS:
        yield name, *inputs(name, (4, 3), np.random.default_rng(0))
    rng = np.random.default_rng(0)
    yield "CrossEntropyLoss", rng.normal(size=(4, 3)), rng.integers(3, size=4)


LOSSES = list(_losses())
OTHERS = ("NLLLoss", "SmoothL1Loss", "HuberLoss", "KLDivLoss", "GaussianNLLLoss", "CosineEmbeddingLoss")
OTHERS += ("MarginRankingLoss", "TripletMarginLoss", "HingeEmbeddingLoss")


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
def test_gradients_are_those_of_central_differences(name, x, targets):
    criterion, tensor, step = getattr(nn, name)(), Tensor(x, requires_grad=True), 1e-6
    (gradient,) = gradients(criterion(tensor, targets), tensor)
    for i in np.ndindex(x.shape):
        change = np.zeros(x.shape)
        change[i] = step
        above, below = (criterion(Tensor(x + sign * change), targets).item() for sign in (1, -1))
        np.testing.assert_allclose(gradient.data[i], (above - below) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
def test_losses_stay_in_float32(name, x, targets):
    tensor = Tensor(x, dtype=np.float32, requires_grad=True)
    targets = targets.astype(np.float32) if targets.dtype == np.float64 else targets
    loss = getattr(nn, name)()(tensor, targets)
    loss.backward()
    assert loss.dtype == tensor.grad.dtype == np.float32


@pytest.mark.parametrize("name", [*FORMULAS, "CrossEntropyLoss", *OTHERS])
def test_the_reduction_is_checked_and_shown(name):
    kind = getattr(nn, name)
    with pytest.raises(ValueError, match=f"{name}: unknown reduction 'average'; choose mean, sum or none"):
        kind(reduction="average")
    assert repr(kind()) == f"{name}()"
    assert repr(kind(reduction="sum")) == f"{name}(reduction='sum')"


@pytest.mark.parametrize(("name", "x", "targets"), LOSSES)
@pytest.mark.parametrize("reduction", reductions)
def test_against_pytorch(name, x, targets, reduction):
    torch = pytest.importorskip("torch")
    mine, theirs = Tensor(x, requires_grad=True), torch.from_numpy(x).requires_grad_()
    loss = getattr(nn, name)(reduction=reduction)(mine, targets)
    their_loss = getattr(torch.nn, name)(reduction=reduction)(theirs, torch.from_numpy(targets))
    np.testing.assert_allclose(loss.data, their_loss.detach().numpy(), rtol=1e-9)
    loss.sum().backward()
    their_loss.sum().backward()
    np.testing.assert_allclose(mine.grad, theirs.grad.numpy(), rtol=1e-9, atol=1e-12)


class TestState:
    """Weights are buffers, as in PyTorch: in the state dict, copied, and of the dtype that the module is given."""

    LOSSES = (
        (lambda w: nn.CrossEntropyLoss(w), ["weight"]),
        (lambda w: nn.NLLLoss(w), ["weight"]),
        (lambda w: nn.BCELoss(w), ["weight"]),
        (lambda w: nn.BCEWithLogitsLoss(w), ["weight"]),
        (lambda w: nn.BCEWithLogitsLoss(pos_weight=w), ["pos_weight"]),
        (lambda w: nn.BCEWithLogitsLoss(w, pos_weight=w), ["weight", "pos_weight"]),
    )

    @pytest.mark.parametrize(("make", "keys"), LOSSES)
    @pytest.mark.parametrize("given", [[1.0, 2.0], np.float32([1, 2]), Tensor([1.0, 2.0])])
    def test_weights_are_in_the_state(self, make, keys, given):
        loss = make(given)
        assert list(loss.state_dict()) == keys
        assert list(loss.parameters()) == []
        for key in keys:
            value = getattr(loss, key)
            np.testing.assert_array_equal(value, [1, 2])
            assert not np.shares_memory(value, np.asarray(given))
            assert getattr(loss.astype(np.float32), key).dtype == np.float32
        loss.load_state_dict({key: np.array([3.0, 4.0]) for key in keys})
        assert getattr(loss, keys[0]).tolist() == [3, 4]

    @pytest.mark.parametrize(("make", "keys"), LOSSES)
    def test_what_is_no_weight(self, make, keys):
        assert list(make(None).state_dict()) == []
        for wrong in ("heavy", ["a", "b"], Tensor([1.0], requires_grad=True), [[1], [2, 3]]):
            with pytest.raises(TypeError, match=f"{keys[0]} is a buffer"):
                make(wrong)

    def test_the_state_of_a_model_with_a_loss_is_pytorchs(self):
        model = nn.Sequential({"head": nn.Linear(2, 3, rng=0), "loss": nn.CrossEntropyLoss([1, 2, 3])})
        assert list(model.state_dict()) == ["head.weight", "head.bias", "loss.weight"]


def test_a_compiled_step_follows_labels_weights_and_what_is_ignored():
    """Labels are read anew in each step, whether in this one some are ignored or not; so is the buffer of weights."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4)).astype(np.float32)
    for options in ({"weight": [1.0, 2.0, 0.5]}, {"label_smoothing": 0.1}, {"ignore_index": 0}, {}):
        models = [nn.Linear(4, 3, rng=1) for _ in range(2)]
        optimizers = [nn.optim.SGD(model.parameters(), lr=0.5) for model in models]
        losses = [nn.CrossEntropyLoss(**options) for _ in range(2)]
        step = nn.compile_step(models[0], losses[0], optimizers[0])
        for number in range(8):
            labels = rng.integers(0, 3, 6)
            if number >= 4:
                labels[rng.integers(0, 5)] = options.get("ignore_index", -100)
            labels[-1] = 1
            if number == 6 and "weight" in options:
                for loss in losses:
                    loss.weight = np.array([0.25, 1.0, 4.0])
            optimizers[1].zero_grad()
            value = losses[1](models[1](x), labels)
            value.backward()
            optimizers[1].step()
            assert step(x, labels) == value.data
            assert models[0].weight.data.tobytes() == models[1].weight.data.tobytes()
        with pytest.raises(ValueError, match="the label 7"):
            step(x, np.full(6, 7))
        if options.get("ignore_index") == 0 or not options:
            with pytest.raises(ValueError, match="all are ignored"):
                step(x, np.full(6, options.get("ignore_index", -100)))


def test_divergence_of_samples():
    x, t = np.log([[0.5, 0.5], [0.25, 0.75]]), np.array([[1.0, 0.0], [0.5, 0.5]])
    loss = nn.KLDivLoss(reduction="batchmean")
    assert repr(loss) == "KLDivLoss(reduction='batchmean')"
    np.testing.assert_allclose(loss(x, t), nn.KLDivLoss(reduction="sum")(x, t) / 2)


def test_options_reach_the_functions():
    """Each module is called with other options than the defaults, and is its function with them."""
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 4, 3))
    t, signs, labels = expit(z), np.array([1, -1, 1, -1]), np.array([0, 2, 1, 0])
    w, s = np.array([0.5, 1.0, 2.0]), "sum"
    pairs = (
        (nn.CrossEntropyLoss(w, ignore_index=0, label_smoothing=0.5, reduction=s)(x, labels),
         F.cross_entropy(x, labels, w, ignore_index=0, label_smoothing=0.5, reduction=s)),
        (nn.NLLLoss(w, ignore_index=0, reduction=s)(x, labels),
         F.nll_loss(x, labels, w, ignore_index=0, reduction=s)),
        (nn.BCELoss(w, reduction=s)(expit(x), t), F.binary_cross_entropy(expit(x), t, w, reduction=s)),
        (nn.BCEWithLogitsLoss(w, pos_weight=2 * w, reduction=s)(x, t),
         F.binary_cross_entropy_with_logits(x, t, w, pos_weight=2 * w, reduction=s)),
        (nn.SmoothL1Loss(beta=0.5, reduction=s)(x, y), F.smooth_l1_loss(x, y, beta=0.5, reduction=s)),
        (nn.HuberLoss(delta=0.5, reduction=s)(x, y), F.huber_loss(x, y, delta=0.5, reduction=s)),
        (nn.KLDivLoss(log_target=True, reduction=s)(x, y), F.kl_div(x, y, log_target=True, reduction=s)),
        (nn.GaussianNLLLoss(full=True, eps=0.5, reduction=s)(x, y, t), F.gaussian_nll_loss(x, y, t, True, 0.5, s)),
        (nn.CosineSimilarity(0, 9.0)(x, y).sum(), F.cosine_similarity(x, y, 0, 9.0).sum()),
        (nn.CosineEmbeddingLoss(-0.5, reduction=s)(x, y, signs),
         F.cosine_embedding_loss(x, y, signs, -0.5, reduction=s)),
        (nn.MarginRankingLoss(0.5, reduction=s)(x[:, 0], y[:, 0], signs),
         F.margin_ranking_loss(x[:, 0], y[:, 0], signs, 0.5, reduction=s)),
        (nn.TripletMarginLoss(3.0, 1.0, 0.1, True, reduction=s)(x, y, z),
         F.triplet_margin_loss(x, y, z, 3.0, 1.0, 0.1, True, reduction=s)),
        (nn.HingeEmbeddingLoss(2.0, reduction=s)(x[:, 0], signs),
         F.hinge_embedding_loss(x[:, 0], signs, 2.0, reduction=s)),
    )  # fmt: skip
    for by_module, by_function in pairs:
        assert by_module == by_function
    assert len({float(value) for value, _ in pairs}) == len(pairs)
