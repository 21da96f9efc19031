"""The three ways side by side: they agree on right networks, and part where a pass is wrong."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from matplotlib.figure import Figure

import nn
from autograd_np import Tensor, grad
from nn.compare import Comparison, compare_backprop, compare_gradients, hand_written
from nn.doctor.evidence import Diagnosis
from nn.testing import MLP, cnns, mlps
from tests.families import of_family
from tests.nn.passes import HandWritten

sizes = st.integers(1, 6)
seeds = st.integers(0, 2**32 - 1)


def perceptron(widths: list[int], seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Flatten())
    for i, (fan_in, fan_out) in enumerate(itertools.pairwise(widths)):
        if i:
            model.append(nn.ReLU())
        model.append(nn.Linear(fan_in, fan_out, rng=rng))
    return model


def cnn(filters: int, kernel: int, height: int, width: int, classes: int, seed: int) -> nn.Sequential:
    rng = np.random.default_rng(seed)
    flat = filters * ((height - kernel + 1) // 2) * ((width - kernel + 1) // 2)
    return nn.Sequential(
        nn.Conv2d(1, filters, kernel, rng=rng),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(flat, classes, rng=rng),
    )


def batch(n: int, shape: tuple[int, ...], classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([seed, 1])
    return rng.normal(size=(n, *shape)), rng.integers(classes, size=n)


@given(st.lists(sizes, min_size=3, max_size=4), st.integers(2, 5), sizes, seeds)
def test_perceptrons_agree_to_rounding(widths: list[int], classes: int, n: int, seed: int) -> None:
    """backward_mlp and backward_mlp_3layer, against automatic and numerical gradients."""
    widths = [*widths[:-1], classes]
    comparison = compare_backprop(perceptron(widths, seed), *batch(n, (widths[0],), classes, seed))
    assert comparison.agrees, str(comparison)
    assert all(row.relative is not None and row.relative < 1e-12 for row in comparison.rows)
    assert len(comparison.rows) == 2 * (len(widths) - 1)


@given(st.integers(1, 3), st.integers(1, 3), st.integers(4, 8), st.integers(4, 8), st.integers(2, 4), sizes, seeds)
def test_cnns_agree_to_rounding(f: int, k: int, height: int, width: int, classes: int, n: int, seed: int) -> None:
    """backward_cnn, against automatic and numerical gradients."""
    comparison = compare_backprop(cnn(f, k, height, width, classes, seed), *batch(n, (1, height, width), classes, seed))
    assert comparison.agrees, str(comparison)
    assert all(row.relative is not None and row.relative < 1e-12 for row in comparison.rows)


def scaled(name: str, factor: float) -> Any:
    """Return a hand-written pass of a 4-3-2 perceptron whose gradient of one parameter is wrong."""
    own = hand_written(perceptron([4, 3, 2], 0))
    assert own is not None

    def backward(p: Mapping[str, Any], x: Any, y: Any) -> Any:
        return {key: g * factor if key == name else g for key, g in own(p, x, y).items()}

    return backward


@pytest.mark.parametrize("name", ["1.weight", "1.bias", "3.weight", "3.bias"])
@pytest.mark.parametrize("factor", [2.0, -1.0, 1 + 1e-8])
def test_wrong_hand_written_gradient_is_found(name: str, factor: float) -> None:
    comparison = compare_backprop(perceptron([4, 3, 2], 0), *batch(5, (4,), 2, 0), backward=scaled(name, factor))
    assert not comparison.agrees
    assert [row.name for row in comparison.rows if not row.agrees] == [name]
    assert f"They differ in {name}." in str(comparison)


def test_wrong_automatic_gradient_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The numerical way does not take the automatic one's word for it."""
    from autograd_np.primitives import primitives

    relu = next(p for p in primitives.values() if p.name == "relu")
    monkeypatch.setattr(relu, "vjps", (lambda g, y, x: g,))
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.ReLU(), nn.Linear(8, 3, rng=1))
    comparison = compare_backprop(model, *batch(5, (4,), 3, 0))
    assert hand_written(model) is None
    assert [row.agrees for row in comparison.rows] == [False, False, True, True]


def test_leaves_the_model_as_it_is() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.BatchNorm1d(3), nn.Dropout(0.5, rng=0), nn.Linear(3, 2, rng=0))
    before = model.state_dict()
    x, y = batch(6, (4,), 2, 0)
    comparison = compare_backprop(model, x, y)
    assert comparison.agrees
    assert model.training
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert all(p.grad is None for p in model.parameters())


def test_other_losses_have_two_ways() -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0))
    x, _ = batch(6, (4,), 2, 0)
    comparison = compare_backprop(model, x, np.zeros((6, 2)), loss=nn.MSELoss())
    assert comparison.agrees
    assert "no hand-written pass" in str(comparison)


def test_table_has_a_line_for_each_parameter() -> None:
    comparison = compare_backprop(perceptron([4, 3, 2], 0), *batch(5, (4,), 2, 0))
    title, header, *lines, verdict = str(comparison).splitlines()
    assert "Manual gradients beside automatic ones" in title
    assert header.split() == [
        "parameter",
        "shape",
        "|automatic|",
        "|manual|",
        "difference",
        "relative",
        "at",
        "digits",
        "numerical",
    ]
    assert [line.split()[0] for line in lines] == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert all(line.endswith("agrees") for line in lines)
    assert verdict == "All three ways agree."


def test_wrong_names_are_named() -> None:
    model, (x, y) = perceptron([4, 3, 2], 0), batch(5, (4,), 2, 0)
    with pytest.raises(ValueError, match=r"returned gradients for \['w'\], but the parameters are"):
        compare_backprop(model, x, y, backward=lambda p, x, y: {"w": np.zeros(1)})
    with pytest.raises(TypeError, match=r"the hand-written pass is a tuple; give a dict"):
        compare_backprop(model, x, y, backward=lambda p, x, y: tuple(p.values()))  # pyright: ignore


def convolutional(conv: nn.Conv2d, pool: nn.MaxPool2d) -> nn.Sequential:
    return nn.Sequential(conv, nn.ReLU(), pool, nn.Flatten(), nn.Linear(8, 2, rng=0))


@pytest.mark.parametrize(
    "model",
    [
        nn.Linear(4, 3, rng=0),
        nn.Sequential(nn.Linear(4, 3, rng=0)),
        nn.Sequential(nn.Linear(4, 3, bias=False, rng=0), nn.ReLU(), nn.Linear(3, 2, rng=0)),
        nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh(), nn.Linear(3, 2, rng=0)),
        convolutional(nn.Conv2d(1, 2, 3, padding=1, rng=0), nn.MaxPool2d(2)),
        convolutional(nn.Conv2d(1, 2, 3, rng=0), nn.MaxPool2d(3)),
        convolutional(nn.Conv2d(2, 2, 3, rng=0), nn.MaxPool2d(2)),
    ],
)
def test_other_models_have_no_hand_written_pass(model: nn.Module) -> None:
    assert hand_written(model) is None


# -- mistakes put into hand-written passes of random networks ----------------------------------------------------------


def without_batch_norm(network: Any) -> Any:
    return replace(network, batch_norm=False)


perceptrons = mlps(dtype="float64").map(without_batch_norm)
convolutional_networks = cnns(dtype="float64").map(without_batch_norm)
networks = perceptrons | convolutional_networks
# With what a mistake needs to show: a ReLU; a dropout layer behind enough units; kernels that are not the same flipped.
rectified = st.builds(
    lambda network, units: replace(network, activation="ReLU", sizes=(3, *units, max(network.sizes[-1], 2))),
    perceptrons,
    st.lists(st.integers(1, 5), min_size=1, max_size=2),
) | convolutional_networks.map(lambda network: replace(network, activation="ReLU", classes=3))
dropping = st.builds(
    lambda network, units: replace(network, dropout=0.5, sizes=(3, *units, max(network.sizes[-1], 2)), examples=10),
    perceptrons,
    st.lists(st.integers(4, 8), min_size=1, max_size=2),
)
any_seed = st.integers(0, 2**16)
one_of_many = of_family(40)  # properties, each of one mistake in networks of the same kinds


@dataclass(frozen=True)
class TwoConvolutions:
    """Two convolutions, so that one of them sends a gradient back to the other."""

    kernel: int
    stride: int
    padding: int
    channels: int
    seed: int

    @cached_property
    def model(self) -> nn.Sequential:
        rng = np.random.default_rng(self.seed)
        convolution = nn.Conv2d(self.channels, 2, self.kernel, self.stride, self.padding, dtype="float64", rng=rng)
        first = nn.Conv2d(1, self.channels, 2, dtype="float64", rng=rng)
        side = (4 + 2 * self.padding - self.kernel) // self.stride + 1
        return nn.Sequential(
            first, nn.Tanh(), convolution, nn.Flatten(), nn.Linear(2 * side * side, 3, dtype="float64", rng=rng)
        )

    @cached_property
    def x(self) -> np.ndarray:
        return np.random.default_rng((self.seed, 1)).normal(size=(2, 1, 5, 5))

    y = np.array([0, 2])


two_convolutions = st.builds(
    TwoConvolutions, st.integers(2, 3), st.integers(1, 2), st.integers(0, 1), st.integers(1, 2), any_seed
)


def compared(network: Any, backward: Any) -> Comparison:
    """Compare, with few numerical derivatives: they are not what is tested."""
    return compare_backprop(network.model, network.x, network.y, backward=backward, directions=1, entries=0)


def changed(comparison: Comparison) -> set[str]:
    """Return which gradients are clearly wrong: whether a difference of rounding's size is one, nobody could say."""
    wrong = [row for row in comparison.rows if not row.manual_agrees]
    assume(not any(row.relative < 1e-6 for row in wrong))
    names = {row.name for row in wrong}
    assume(names)
    return names


def assert_named(comparison: Comparison, mistake: str, names: set[str]) -> Diagnosis:
    """Assert that a mistake, and no other one that can be told apart from it, is named for these gradients."""
    assert comparison.diagnoses, comparison
    for diagnosis in comparison.diagnoses:
        assert mistake in (diagnosis.mistake, *diagnosis.alternatives), comparison
    found = [diagnosis for diagnosis in comparison.diagnoses if diagnosis.mistake == mistake]
    assert {name for diagnosis in found for name in diagnosis.parameters} == names, comparison
    return found[0]


def altered(network: Any, alter: Any) -> Any:
    """Return a pass whose gradients are altered afterwards, as by a mistake in the line that computes them."""
    own = HandWritten(network.model)

    def backward(p: Mapping[str, Any], x: Any, y: Any) -> Any:
        return {name: np.array(g) for name, g in alter(own(p, x, y)).items()}

    return backward


def layers_of(network: Any, kind: type[nn.Module]) -> list[str]:
    return [name for name, layer in network.model.named_children() if isinstance(layer, kind)]


def weights_of(network: Any) -> list[str]:
    return [name for name, p in network.model.named_parameters() if p.ndim > 1]


@one_of_many
@given(networks)
def test_right_passes_have_no_diagnosis(network: Any) -> None:
    comparison = compared(network, HandWritten(network.model))
    assert comparison.diagnoses == ()
    assert all(row.digits is not None and row.digits >= 10 for row in comparison.rows), comparison


@one_of_many
@given(networks, st.floats(1, 200))
def test_right_passes_have_no_diagnosis_where_nothing_is_left_to_learn(network: Any, size: float) -> None:
    """Large weights saturate the softmax, so that the gradients are made of rounding."""
    for p in network.model.parameters():
        p.data = size * p.data
    network.__dict__["y"] = nn.predict(network.model.eval(), network.x).argmax(axis=1)
    comparison = compared(network, HandWritten(network.model))
    assert comparison.diagnoses == ()
    assert all(row.manual_agrees for row in comparison.rows), comparison


@one_of_many
@given(two_convolutions)
def test_right_passes_of_two_convolutions_have_no_diagnosis(network: Any) -> None:
    comparison = compared(network, HandWritten(network.model))
    assert comparison.agrees, comparison
    assert comparison.diagnoses == ()


@one_of_many
@given(networks, st.data())
def test_factor_of_the_loss(network: Any, data: st.DataObject) -> None:
    n = network.examples
    factor = data.draw(st.sampled_from([2.0, 0.5, -1.0, n, 1 / n, 2 / n, -n]).filter(lambda f: f != 1))
    comparison = compared(network, HandWritten(network.model, scale={"": factor}))
    found = assert_named(comparison, "constant factor", changed(comparison))
    assert f"manual is {factor:.4f} times the automatic gradient everywhere in" in found.evidence
    for f, word in ((-1.0, "sign"), (n, "mean"), (1 / n, "twice")):
        assert factor != f or word in found.thought
    assert "square" not in found.thought  # of which a cross-entropy has none


@one_of_many
@given(networks, st.floats(0.1, 10), st.data())
def test_factor_within_the_network(network: Any, factor: float, data: st.DataObject) -> None:
    assume(abs(factor - 1) > 0.02)
    place = data.draw(st.sampled_from([name for name, _ in network.model.named_children()]))
    comparison = compared(network, HandWritten(network.model, scale={place: factor}))
    names = changed(comparison)
    assume(sum(network.model.state_dict()[name].size for name in names) >= 6)
    gradients = [comparison.reference[name] for name in names]
    assume(sum(np.sum(np.abs(g) > 0.01 * np.abs(g).max()) for g in gradients) >= 3)
    # What goes back further follows from what comes to the last layer that is wrong, and all from the outputs.
    last = np.abs([comparison.reference[row.name] for row in comparison.rows if row.name in names][-1])
    assume(last.ndim == 1 and np.sum(last > 0.01 * last.max()) >= 3)
    assume(network.examples * len(comparison.reference[comparison.rows[-1].name]) >= 3)
    found = assert_named(comparison, "constant factor", names)
    assert f"manual is {factor:.4f} times" in found.evidence


@one_of_many
@given(networks, st.data())
def test_transposed(network: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(weights_of(network)))
    comparison = compared(network, altered(network, lambda g: {**g, name: g[name].T}))
    assert_named(comparison, "transposed gradient", changed(comparison))


@one_of_many
@given(rectified, st.booleans(), st.data())
def test_missing_relu_mask(network: Any, everywhere: bool, data: st.DataObject) -> None:
    places = layers_of(network, nn.ReLU)
    places = places if everywhere else [data.draw(st.sampled_from(places))]
    comparison = compared(network, HandWritten(network.model, unmasked=places))
    found = assert_named(comparison, "missing ReLU mask", changed(comparison))
    assert f"the ReLU {' and '.join(places)}" in found.evidence or len(layers_of(network, nn.ReLU)) > 1


@one_of_many
@given(dropping)
def test_mask_drawn_twice_in_a_row(network: Any) -> None:
    comparison = compared(network, HandWritten(network.model, dropout="next"))
    found = assert_named(comparison, "mask drawn twice", changed(comparison))
    assert "draws a new mask" in found.evidence


@one_of_many
@given(dropping)
def test_mask_drawn_twice_from_anywhere(network: Any) -> None:
    one_pass, calls = HandWritten(network.model, dropout="other"), []

    def backward(*args: Any) -> Any:
        calls.append(one_pass(*args))
        return calls[-1]

    comparison = compared(network, backward)
    names = changed(comparison)
    # Where few units are alive, two masks can come to the same.
    assume(not any(np.array_equal(calls[0][name], calls[-1][name]) for name in names))
    assert_named(comparison, "mask drawn twice", names)


@one_of_many
@given(networks, st.data())
def test_bias_not_summed(network: Any, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from(layers_of(network, nn.Linear) + layers_of(network, nn.Conv2d)))
    comparison = compared(network, HandWritten(network.model, not_summed=[place]))
    found = assert_named(comparison, "gradient not summed over the batch", {f"{place}.bias"})
    assert f"shape ({network.examples}, " in found.evidence


@one_of_many
@given(networks, st.floats(1e-3, 1), st.sampled_from([1, -1]), st.booleans(), st.data())
def test_regularisation(network: Any, strength: float, sign: int, l1: bool, data: st.DataObject) -> None:
    """The loss without a penalty stands for one with: what differs is the same."""
    chosen = data.draw(st.lists(st.sampled_from(weights_of(network)), min_size=1, unique=True))
    values = {name: np.sign(w) if l1 else w for name, w in network.model.state_dict().items()}
    assume(sum(values[name].size for name in chosen) >= 4)
    assume(not l1 or np.ptp(np.concatenate([values[name].ravel() for name in chosen])))
    assume(all((np.abs(values[n]) > 0.02 * np.abs(values[n]).max()).all() for n in chosen))
    comparison = compared(
        network,
        altered(network, lambda g: {k: v + sign * strength * values[k] if k in chosen else v for k, v in g.items()}),
    )
    names = changed(comparison)
    found = assert_named(
        comparison, f"regularisation term {'added twice, or not in the loss' if sign > 0 else 'missing'}", names
    )
    assert f"{'plus' if sign > 0 else 'minus'} {strength:.6g} times the parameter" in found.evidence
    assert ("the parameter's sign" in found.evidence) == l1


@one_of_many
@given(networks, st.data())
def test_swapped(network: Any, data: st.DataObject) -> None:
    names = list(network.model.state_dict())
    first, second = data.draw(st.lists(st.sampled_from(names), min_size=2, max_size=2, unique=True))
    comparison = compared(network, altered(network, lambda g: {**g, first: g[second], second: g[first]}))
    assume(all(row.norm > 1e-6 for row in comparison.rows if row.name in (first, second)))
    found = assert_named(comparison, "swapped gradients", changed(comparison))
    assert found.parameters == tuple(name for name in names if name in (first, second))


@one_of_many
@given(convolutional_networks.map(lambda network: replace(network, kernel=(2, 3), image=(2, 4, 5), pool=(1, 1))))
def test_flipped_gradient_of_a_kernel(network: Any) -> None:
    comparison = compared(network, altered(network, lambda g: {**g, "0.weight": g["0.weight"][:, :, ::-1, ::-1]}))
    assert_named(comparison, "flipped kernel", changed(comparison))


@one_of_many
@given(two_convolutions)
def test_flipped_kernel_on_the_way_back(network: Any) -> None:
    comparison = compared(network, HandWritten(network.model, flipped=["2"]))
    found = assert_named(comparison, "flipped kernel", changed(comparison))
    assert "the Conv2d 2 sends the gradient back" in found.evidence


@one_of_many
@given(convolutional_networks, st.sampled_from(["even", "all", "last"]), st.booleans())
def test_pooling_at_ties(network: Any, ties: str, overlapping: bool) -> None:
    """Whole numbers in the images and the kernels make ties."""
    rng = np.random.default_rng(network.seed)
    network = replace(network, pool=(2, 2), kernel=(2, 2), image=(1, 6, 6), stride=(1, 1), padding=(0, 0))
    model, x = network.model, np.round(network.x)
    model[0].weight.data = rng.integers(-1, 2, model[0].weight.shape).astype(float)
    if overlapping:
        for i, layer in enumerate(model):
            if isinstance(layer, nn.MaxPool2d):
                model[i] = nn.MaxPool2d(3, 1, padding=1)
        model[-1] = nn.Linear(network.filters * 25, network.classes, dtype="float64", rng=rng)
    comparison = compare_backprop(model, x, network.y, backward=HandWritten(model, ties=ties), directions=1, entries=0)
    spread = "pooling that spreads its gradient over ties"
    mistake, word = {
        "even": (spread, "evenly"),
        "all": (spread, "to each"),
        "last": ("pooling to the wrong place", "the last"),
    }[ties]
    assert word in assert_named(comparison, mistake, changed(comparison)).evidence


@one_of_many
@given(networks, st.integers(0, 1), st.data())
def test_single_wrong_row_or_column(network: Any, axis: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(weights_of(network)))
    shape = network.model.state_dict()[name].shape
    assume(min(shape[:2]) > 1)
    place = data.draw(st.integers(0, shape[axis] - 1))
    cut = (slice(None),) * axis + (place,)

    def alter(g: dict[str, Any]) -> dict[str, Any]:
        wrong = g[name].copy()
        wrong[cut] += np.random.default_rng(network.seed).uniform(1, 2, wrong[cut].shape)
        return {**g, name: wrong}

    comparison = compared(network, altered(network, alter))
    assume(np.delete(comparison.reference[name], place, axis=axis).any())
    kind = [("row", "column"), ("filter", "channel")][len(shape) == 4][axis]
    found = assert_named(comparison, f"single wrong {kind}", {name})
    assert f"{kind} {place}" in found.evidence


@one_of_many
@given(networks, st.data())
def test_one_unit_is_wrong(network: Any, data: st.DataObject) -> None:
    """Its row of the weight and its element of the bias are named together."""
    place = data.draw(st.sampled_from(layers_of(network, nn.Linear) + layers_of(network, nn.Conv2d)))
    weight, bias = (network.model.state_dict()[f"{place}.{name}"] for name in ("weight", "bias"))
    unit = data.draw(st.integers(0, len(bias) - 1))

    def alter(g: dict[str, Any]) -> dict[str, Any]:
        g = {name: value.copy() for name, value in g.items()}
        g[f"{place}.weight"][unit] += np.random.default_rng(network.seed).uniform(1, 2, weight.shape[1:])
        g[f"{place}.bias"][unit] += 1
        return g

    comparison = compared(network, altered(network, alter))
    assume(all(np.delete(comparison.reference[f"{place}.{name}"], unit, axis=0).any() for name in ("weight", "bias")))
    assume(weight[0].size > 1)
    kind = "filter" if weight.ndim == 4 else "row"
    assert_named(comparison, f"single wrong {kind}", {f"{place}.weight", f"{place}.bias"})


@one_of_many
@given(networks, st.sampled_from([np.nan, np.inf]), st.data())
def test_nan_begins_where_it_does(network: Any, value: float, data: st.DataObject) -> None:
    place = data.draw(st.sampled_from([name for name, _ in network.model.named_children()]))
    with np.errstate(invalid="ignore"):
        comparison = compared(network, HandWritten(network.model, scale={place: value}))
    assert comparison.manual is not None
    names = list(comparison.reference)
    bad = [name for name in names if not np.isfinite(comparison.manual[name]).all()]
    assume(bad)
    behind = names[names.index(bad[-1]) + 1 :]
    found = assert_named(comparison, "NaN or infinity", set(bad))
    assert f"gradient of {bad[-1]}, " in found.evidence
    assert found.evidence.endswith("finite" if behind else "they begin there")
    assert all(name in found.evidence.split("begin there")[1] for name in behind)


@one_of_many
@given(networks, any_seed)
def test_unknown_mistake_is_not_named(network: Any, seed: int) -> None:
    """Numbers that have nothing to do with the right ones."""

    def alter(g: dict[str, Any]) -> dict[str, Any]:
        rng = np.random.default_rng(seed)
        return {name: rng.normal(size=value.shape) for name, value in g.items()}

    comparison = compared(network, altered(network, alter))
    assert not comparison.agrees
    assert comparison.diagnoses == ()
    assert "No known mistake accounts for it." in str(comparison)


@one_of_many
@given(networks, st.sampled_from([2.0, -1.0]))
def test_two_mistakes_are_both_named(network: Any, factor: float) -> None:
    """In different parameters."""
    place = layers_of(network, nn.Linear)[-1]

    def alter(g: dict[str, Any]) -> dict[str, Any]:
        return {**g, f"{place}.weight": factor * g[f"{place}.weight"], f"{place}.bias": g[f"{place}.bias"][np.newaxis]}

    comparison = compared(network, altered(network, alter))
    assume(comparison.reference[f"{place}.weight"].any())
    found = {(mistake, d.parameters) for d in comparison.diagnoses for mistake in (d.mistake, *d.alternatives)}
    assert ("constant factor", (f"{place}.weight",)) in found
    assert ("another shape", (f"{place}.bias",)) in found


# -- gradients that are given ------------------------------------------------------------------------------------------


def gradients_of(network: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the automatic and the numerical gradients of a network."""
    network.loss().backward()
    model = network.model

    def loss(outputs: Any, y: Any) -> float:
        return nn.functional.cross_entropy(outputs, y).item()

    def forward(x: Any, values: Any) -> Any:
        return nn.functional_call(model, values, x)

    values = model.state_dict()
    numerical = nn.reference.numerical_gradient(network.x, network.y, values, loss, forward)
    return {name: p.grad for name, p in model.named_parameters()}, numerical


def smooth(network: Any) -> Any:
    """Return a network without kinks, which numerical gradients do not bear, and without masks."""
    return replace(
        network, activation="Tanh", batch_norm=False, **({"dropout": 0.0} if isinstance(network, MLP) else {})
    )


smooth_networks = mlps(dtype="float64").map(smooth) | cnns(dtype="float64").map(
    lambda n: replace(smooth(n), pool=(1, 1))
)


@given(smooth_networks)
def test_right_gradients_agree_with_all_ways(network: Any) -> None:
    automatic, numerical = gradients_of(network)
    manual = HandWritten(network.model)(network.model.state_dict(), network.x, network.y)
    known = {"parameters": network.model.state_dict(), "batch_size": network.examples}
    for ways, verdict in (
        ({"automatic": automatic, "numerical": numerical}, "All three ways agree."),
        ({"automatic": automatic}, "Both ways agree."),
        ({"numerical": numerical}, "Both ways agree."),
    ):
        comparison = compare_gradients(manual, **ways, **known)
        assert comparison.agrees, comparison
        assert comparison.diagnoses == ()
        assert comparison.compared_with == next(iter(ways))
        assert f"\n{verdict}" in str(comparison)


def test_kink_within_the_numerical_step_is_no_mistake() -> None:
    """A right pass, held against numerical gradients that are wrong in one unit's row."""
    network = MLP((3, 5, 4), examples=4, seed=0)
    first = network.model[0]
    first.bias.data = first.bias.data - (network.x[0] @ first.weight.data.T + first.bias.data) * np.eye(5)[2] + 1e-6
    automatic, numerical = gradients_of(network)
    manual = HandWritten(network.model)(network.model.state_dict(), network.x, network.y)
    comparison = compare_gradients(manual, numerical=numerical)
    assert [row.name for row in comparison.rows if not row.agrees] == ["0.weight", "0.bias"]
    assert comparison.diagnoses == ()
    assert compare_gradients(manual, automatic).agrees


@given(smooth_networks, st.sampled_from([2.0, 0.5, -1.0]))
def test_factor_beside_numerical_gradients(network: Any, factor: float) -> None:
    _, numerical = gradients_of(network)
    assume(max(np.abs(g).max() for g in numerical.values()) > 1e-3)
    manual = HandWritten(network.model, scale={"": factor})(network.model.state_dict(), network.x, network.y)
    comparison = compare_gradients(manual, numerical=numerical, batch_size=network.examples)
    found = assert_named(comparison, "constant factor", changed(comparison))
    assert f"manual is {factor:.4f} times the numerical gradient everywhere in" in found.evidence
    assert int(found.evidence.split()[-2]) >= 5


@given(smooth_networks, st.floats(0.01, 1))
def test_penalty_that_the_pass_forgets(network: Any, strength: float) -> None:
    """The loss has the series' penalty; the pass has not."""
    weights = weights_of(network)
    assume(sum(network.model.state_dict()[name].size for name in weights) >= 3)

    def loss(p: Any) -> Any:
        penalty = strength * sum(np.sum(p[name] ** 2) for name in weights)
        return nn.functional.cross_entropy(nn.functional_call(network.model, p, network.x), network.y) + penalty

    parameters = dict(network.model.named_parameters())
    values = {name: p.data for name, p in parameters.items()}
    manual = HandWritten(network.model)(values, network.x, network.y)
    comparison = compare_gradients(manual, grad(loss)(values), parameters=parameters)
    found = assert_named(comparison, "regularisation term missing", set(weights))
    assert f"minus {2 * strength:.6g} times the parameter" in found.evidence
    penalised = {k: g + 2 * strength * values[k] * (k in weights) for k, g in manual.items()}
    assert compare_gradients(penalised, grad(loss)(values), parameters=parameters).agrees


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_precision_is_that_of_the_coarsest_dtype(dtype: str) -> None:
    right = {"w": np.random.default_rng(0).normal(size=(3, 4))}
    manual = {"w": (right["w"] * (1 + 1e-6)).astype(dtype)}
    assert compare_gradients(manual, right).agrees == (dtype == "float32")
    assert not compare_gradients({"w": (right["w"] * 1.001).astype(dtype)}, right).agrees


def test_whole_numbers_lists_and_tensors_are_gradients() -> None:
    assert compare_gradients(
        {"w": [[1, 2]]}, {"w": np.array([[1.0, 2.0]])}, parameters={"w": Tensor([[1.0, 1.0]])}
    ).agrees


def test_what_numerical_gradients_confirm_is_no_mistake() -> None:
    """The automatic gradient is the wrong one."""
    right = {"w": np.arange(1.0, 7.0), "b": np.ones(2)}
    comparison = compare_gradients(right, {**right, "w": 2 * right["w"]}, right)
    assert [row.agrees for row in comparison.rows] == [False, True]
    assert comparison.confirmed == ("w",)
    assert comparison.diagnoses == ()
    assert "They differ in w." in str(comparison)
    assert str(comparison).endswith("The numerical gradients confirm the manual ones of w.")


def test_what_numerical_gradients_alone_contradict_may_be_a_kink() -> None:
    right = {"w": np.arange(1.0, 7.0), "b": np.ones(2)}
    comparison = compare_gradients(right, right, {**right, "w": right["w"] + np.eye(6)[2]})
    assert not comparison.agrees
    assert comparison.diagnoses == ()
    assert "Numerical and automatic gradients differ in w: at a kink, a ReLU at 0 or a tie" in str(comparison)
    # What is wrong in both ways is diagnosed.
    comparison = compare_gradients({**right, "w": -right["w"]}, right, {**right, "w": right["w"] + np.eye(6)[2]})
    assert [d.mistake for d in comparison.diagnoses] == ["constant factor"]


def test_order_is_that_of_what_is_compared_with() -> None:
    """A backward pass comes upon the last layer first: where NaN begins is a matter of the order."""
    right = {"w": np.ones(3), "b": np.ones(2)}
    comparison = compare_gradients({"b": right["b"], "w": right["w"] * np.nan}, right)
    assert [row.name for row in comparison.rows] == ["w", "b"]
    assert "b is finite" in comparison.diagnoses[0].evidence
    row = comparison.rows[0]
    assert (row.digits, row.place) == (0, (0,))
    assert np.isnan(row.difference)


def test_row_says_where_and_how_much() -> None:
    right = {"w": np.array([[1.0, -4.0], [2.0, 0.0]])}
    [row] = compare_gradients({"w": np.array([[1.0, -4.0], [2.0, -0.02]])}, right).rows
    assert (row.name, row.shape, row.place, row.digits) == ("w", (2, 2), (1, 1), 2)
    assert (row.norm, row.difference, row.relative) == pytest.approx((21**0.5, 0.02, 0.005))
    assert row.manual_norm == pytest.approx((21 + 0.02**2) ** 0.5)
    assert row.numerical is None
    [row] = compare_gradients(right, right).rows
    assert (row.difference, row.relative, row.place, row.digits, row.agrees) == (0, 0, None, 15, True)
    comparison = compare_gradients({"w": np.ones((3, 3))}, right)
    assert comparison.rows[0].difference == np.inf
    assert "shape (3, 3)" in str(comparison)
    assert "No known mistake accounts for it." in str(comparison)
    [row] = compare_gradients({"w": np.ones(2)}, {"w": np.zeros(2)}).rows
    assert (row.relative, row.digits) == (np.inf, 0)


@pytest.mark.parametrize(
    ("arguments", "known", "error", "message"),
    [
        (({"w": [1.0]},), {}, ValueError, "nothing to compare with; give automatic= or numerical="),
        (
            ([np.ones(2)], {"w": [1.0]}),
            {},
            TypeError,
            r"manual is a list; give a dict .* dict\(zip\(names, gradients\)\)",
        ),
        (({"w": [1.0]}, [1.0]), {}, TypeError, "automatic is a list"),
        (({"w": [1.0]}, {"v": [1.0]}), {}, ValueError, r"manual holds gradients of \['w'\], and automatic of \['v'\]"),
        (({"w": [1.0]}, {"w": [1.0]}, {}), {}, ValueError, r"numerical holds gradients of \[\]"),
        (
            ({"w": [1.0]}, {"w": [1.0]}, {"w": [1.0, 1]}),
            {},
            ValueError,
            r"w has shape \(2,\) in numerical, and \(1,\) in auto",
        ),
        (({"w": [1.0]}, {"w": [1.0]}), {"parameters": {"w": 1.0}}, ValueError, r"w has shape \(\) in parameters"),
        (({"w": ["a"]}, {"w": [1.0]}), {}, TypeError, "manual holds a <U1 for w; give real numbers"),
        (({"w": [1j]}, {"w": [1.0]}), {}, TypeError, "manual holds a complex128 for w"),
    ],
)
def test_what_cannot_be_compared(arguments: Any, known: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compare_gradients(*arguments, **known)


def test_comparison_needs_a_derivative_that_is_numerical() -> None:
    with pytest.raises(ValueError, match="directions=0, entries=0; take at least one"):
        compare_backprop(perceptron([4, 3, 2], 0), *batch(5, (4,), 2, 0), directions=0, entries=0)


def test_nothing_is_drawn_from_the_model() -> None:
    """And its masks are those that it would draw next."""
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(8, 2, rng=2))
    before = model[1].rng.bit_generator.state
    x, y = batch(5, (4,), 2, 0)
    comparison = compare_backprop(model, x, y, backward=HandWritten(model))
    assert comparison.agrees
    assert model[1].rng.bit_generator.state == before
    assert comparison.loss == pytest.approx(nn.CrossEntropyLoss()(model.astype(float)(x), y).item())
    assert compare_backprop(model.eval(), x, y, backward=HandWritten(model)).agrees


class TestPassesThatWriteIntoWhatTheyAreGiven:
    """What a pass writes into its parameters, examples and labels, or into what it returned, changes no verdict."""

    @pytest.mark.parametrize("mode", ["parameters", "examples", "labels", "own"])
    @pytest.mark.parametrize("wrong", [False, True])
    def test_they_are_judged_by_what_they_return(self, mode: str, wrong: bool) -> None:
        model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.ReLU(), nn.Dropout(0.5, rng=1), nn.Linear(8, 2, rng=2))
        model = model.astype(np.float64)
        x, y = batch(5, (4,), 2, 0)
        before, x_before, y_before = model.state_dict(), x.copy(), y.copy()
        own, returned = HandWritten(model, unmasked=["1"] if wrong else []), list[Any]()

        def backward(p: Any, x: Any, y: Any) -> Any:
            for array in returned:
                array += 1
            gradients = own(p, x, y)
            if mode == "parameters":
                for name in p:
                    p[name] -= 0.1 * gradients[name]
            elif mode == "examples":
                x -= x.mean(axis=0)
            elif mode == "labels":
                y[:] = 0
            else:
                returned.extend(gradients.values())
            return gradients

        comparison = compare_backprop(model, x, y, backward=backward)
        assert comparison.agrees == (not wrong), comparison
        assert [row.name for row in comparison.rows if not row.manual_agrees] == ["0.weight", "0.bias"] * wrong
        assert [d.mistake for d in comparison.diagnoses] == ["missing ReLU mask"] * wrong
        np.testing.assert_array_equal(x, x_before)
        np.testing.assert_array_equal(y, y_before)
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    ("loss", "factor", "words", "never"),
    [
        (nn.CrossEntropyLoss(), 2.0, "a 2 was put in", "square"),
        (nn.functional.cross_entropy, 0.5, "a half was put in", "square"),
        (nn.CrossEntropyLoss(reduction="sum"), 0.2, "the loss is a sum over the batch", "twice"),
        (nn.MSELoss(), 2.0, "square", "put in"),
        (nn.functional.mse_loss, 3.0, "the 3 outputs of an example", "whole"),
        (nn.BCEWithLogitsLoss(), 15.0, "the batch of 5, and the division by 5 is missing; and", "whole"),
        (nn.L1Loss(), 0.5, "a half was put in", "square"),
        (lambda outputs, y: np.sum((outputs - y) ** 2), 0.5, "square", "put in"),
    ],
)
def test_factors_are_read_by_the_loss_at_hand(loss: Any, factor: float, words: str, never: str) -> None:
    model = nn.Sequential(nn.Linear(4, 3, rng=0, dtype=np.float64))
    x, y = batch(5, (4,), 3, 0)
    targets = y if "ross" in getattr(loss, "__name__", type(loss).__name__) else np.eye(3)[y]

    def backward(p: Any, x: Any, y: Any) -> Any:
        copy = nn.Sequential(nn.Linear(4, 3, dtype=np.float64))
        copy.load_state_dict(p)
        loss(copy(x), y).backward()
        return {name: factor * value.grad for name, value in copy.named_parameters()}

    [found] = compare_backprop(model, x, targets, loss=loss, backward=backward).diagnoses
    assert found.mistake == "constant factor"
    assert words in found.thought
    assert never not in found.thought


def test_what_no_mistake_accounts_for_is_said() -> None:
    right = {"w": np.arange(1.0, 7.0), "b": np.arange(1.0, 4.0), "v": np.ones(3), "c": np.ones(4)}
    comparison = compare_gradients(
        {**right, "w": 2 * right["w"], "b": right["b"] ** 2, "c": right["c"] * [1, 2, 3, 4]}, right
    )
    assert [d.parameters for d in comparison.diagnoses] == [("w",)]
    assert "They differ in w, b and c. No known mistake accounts for b and c." in str(comparison)


def test_a_pass_of_chance_is_no_second_mask() -> None:
    """Where the last layer's gradient is another one each time, the forward pass draws other masks itself."""
    model = nn.Sequential(nn.Linear(4, 8, rng=0), nn.Dropout(0.5, rng=1), nn.Linear(8, 2, rng=2))
    own, rng = HandWritten(model), np.random.default_rng(0)
    comparison = compare_backprop(
        model,
        *batch(5, (4,), 2, 0),
        backward=lambda p, x, y: {k: g + rng.normal(size=g.shape) for k, g in own(p, x, y).items()},
    )
    assert comparison.diagnoses == ()


def test_differences_are_drawn() -> None:
    right = {"w": np.ones((2, 3)), "b": np.ones(2)}
    figure = Figure()
    assert compare_gradients({"w": 2 * right["w"], "b": right["b"]}, numerical=right).plot(figure) is figure
    assert figure.get_suptitle() == "Manual minus numerical gradient, as a share of the latter's largest entry"
    model = nn.Sequential(nn.Linear(4, 3, rng=0), nn.Tanh())
    with pytest.raises(ValueError, match="no manual gradient to draw the differences of; give backward="):
        compare_backprop(model, *batch(5, (4,), 3, 0)).plot()
