"""Mistakes that are tried out on the model: each is named, and no pass is told of a mistake that it does not make.

A name is right if the pass makes that mistake, or if making it gives the same numbers: a mask that masks nothing is
missing and is not. What a pass does wrongly without a name of its own must be left without one, or described: a
gradient of noise, a leaky mask, labels off by two, the smallest element of a window, and any two mistakes at once.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, event, example, given, settings
from hypothesis import strategies as st

import nn
from autograd_np import Tensor
from nn.compare import Comparison, compare_backprop
from nn.doctor.elsewhere import places
from nn.doctor.evidence import FITTED, Diagnosis, telling_numbers
from nn.doctor.layers import pooled
from nn.doctor.mistakes import hypotheses
from nn.doctor.trials import Trial
from tests.families import costly
from tests.nn.doctor.networks import Network, Slip, networks, slips

# In the nightly run the four properties try ten thousand right and differently wrong passes together.
MANY = 2_500 if settings().max_examples >= 300 else costly().max_examples
Gradients = Mapping[str, Any]


def compared(network: Network, **changes: Any) -> Comparison:
    """Compare, with few numerical derivatives: they are not what is tested."""
    return compare_backprop(
        network.model, network.x, network.y,
        loss=network.criterion, backward=network.hand_written(**changes), directions=1, entries=0,
    )  # fmt: skip


def there(network: Network, comparison: Comparison, **changes: Any) -> Network:
    """Return the network with the numbers with which it was compared: others than its own where those hide a mistake.

    What a mistake makes of the gradients must be asked there, where the pass returns what the comparison holds.
    """
    found, trial = replace(network), Trial(network.model, network.criterion, network.x, network.y)
    if comparison.moved:
        [place] = [p for p in places(trial) if (p.names, p.why) == (comparison.moved, comparison.hidden)]
        found.model.load_state_dict(place.trial.model.state_dict())
    assert comparison.manual is not None
    for name, g in found.gradients(**changes).items():
        np.testing.assert_allclose(comparison.manual[name], g, rtol=1e-9, atol=1e-12)
    return found


def close(found: Any, expected: Any, beside: Any) -> bool:
    """Return whether gradients are the same, beside what else is in them."""
    size = max(np.abs(expected).max(initial=0), 1e-3 * np.abs(beside).max(initial=0))
    return found.shape == expected.shape and np.abs(found - expected).max(initial=0) <= 1e-7 * size


def gives_the_same(network: Network, diagnosis: Diagnosis, manual: Gradients, reference: Gradients) -> bool:
    """Return whether the mistake that is named gives the manual gradients."""
    if diagnosis.mistake == "weights updated too early":
        found = re.search(r"learning rate of (\S+?)\.?(\s|$)", diagnosis.evidence)
        assert found
        own = [slip.changes for slip in slips(network) if slip.mistake == diagnosis.mistake]
        same = [network.gradients(**{**changes, "rate": float(found[1])}) for changes in own]
        return any(
            all(
                close(manual[name] - reference[name], g[name] - reference[name], 1e5 * (manual[name] - reference[name]))
                for name in diagnosis.parameters
            )
            for g in same
        )
    own = [slip.changes for slip in slips(network) if slip.mistake == diagnosis.mistake]
    return any(
        all(close(manual[name], g[name], reference[name]) for name in diagnosis.parameters)
        for g in (network.gradients(**changes) for changes in own)
    )


def describes(network: Network, diagnosis: Diagnosis, manual: Gradients, reference: Gradients) -> bool:
    """Return whether what is said of the arrays is so, where that is all that is said."""
    names, values = diagnosis.parameters, network.parameters
    pairs = [(manual[name], reference[name], values[name]) for name in names]

    def in_proportion(lines: list[tuple[Any, Any]]) -> bool:
        top, bottom = (np.concatenate([np.ravel(side) for side in sides]) for sides in zip(*lines, strict=True))
        factor = np.vdot(bottom, top) / np.vdot(bottom, bottom)
        return bool(np.abs(top - factor * bottom).max() <= 1e-6 * np.abs(factor * bottom).max())

    match diagnosis.mistake:
        case "constant factor" | "step in place of the gradient":
            return in_proportion([(m, r) for m, r, _ in pairs])
        case "clipped gradient":
            return all(
                in_proportion([(m, r)]) or close(m, np.clip(r, -abs(m).max(), abs(m).max()), r) for m, r, _ in pairs
            )
        case "regularisation term missing" | "regularisation term added twice, or not in the loss":
            return in_proportion([(m - r, p) for m, r, p in pairs]) or in_proportion(
                [(m - r, np.sign(p)) for m, r, p in pairs]
            )
        case "updated parameter in place of the gradient":
            return in_proportion([(p - m, r) for m, r, p in pairs])
        case "zero gradient":
            # Where terms cancel, what rounding leaves is as small as the terms make it.
            rounding = 16 * np.finfo(float).eps * max(abs(g).max(initial=0) for g in manual.values())
            return all(close(m, np.zeros(m.shape), r) or abs(m).max() <= rounding for m, r, _ in pairs)
        case "transposed gradient":
            return all(sorted(m.shape) == sorted(r.shape) for m, r, _ in pairs)
        case "flipped kernel":
            return all(close(m, r[..., ::-1, ::-1], r) for m, r, _ in pairs)
        case "another shape":
            return all(close(m.ravel(), r.ravel(), r) for m, r, _ in pairs)
        case "swapped gradients" | "gradient of another parameter":
            return all(any(close(m, other, other) for other in reference.values()) for m, _, _ in pairs)
        case mistake if mistake.startswith("single wrong"):
            return all(
                any(
                    len(np.flatnonzero((np.abs(m - r) > 1e-9 * np.abs(r).max()).any(tuple({*range(m.ndim)} - {axis}))))
                    == 1
                    for axis in range(m.ndim)
                )
                for m, r, _ in pairs
            )
        case mistake if mistake.startswith("gradient not"):
            return all(m.size > r.size for m, r, _ in pairs)
        case _:
            return False


def assert_named_rightly(network: Network, comparison: Comparison, made: list[Slip]) -> None:
    """Assert that each mistake that is named is made, or gives the same numbers."""
    assert comparison.manual is not None
    network = there(network, comparison, **{name: value for slip in made for name, value in slip.changes.items()})
    for diagnosis in comparison.diagnoses:
        single = [slip.mistake for slip in made] == [diagnosis.mistake]
        assert (
            single
            or gives_the_same(network, diagnosis, comparison.manual, comparison.reference)
            or describes(network, diagnosis, comparison.manual, comparison.reference)
        ), (made, comparison)


def names(comparison: Comparison) -> set[str]:
    return {mistake for d in comparison.diagnoses for mistake in (d.mistake, *d.alternatives)}


def arriving(network: Network, name: str) -> int:
    """Return how many numbers the gradients of a parameter's layer and of all before it follow from."""
    calls = Trial(network.model, network.criterion, network.x, network.y).calls
    return telling_numbers(call.g for call in calls if call.path == name.rpartition(".")[0] and call.g is not None)


def is_one_factor(comparison: Comparison) -> bool:
    """Return whether all that is wrong is so by one factor, which any rate can make; within 1% of 1 it has no name."""
    assert comparison.manual is not None
    wrong = [row.name for row in comparison.rows if not row.manual_agrees]
    a, b = (np.concatenate([of[name].ravel() for name in wrong]) for of in (comparison.manual, comparison.reference))
    return bool(np.vdot(a, b) ** 2 >= (1 - 1e-9) * np.vdot(a, a) * np.vdot(b, b))


def chosen(network: Network) -> st.SearchStrategy[Slip]:
    """Draw what it is called first: some mistakes can be made in many ways."""
    named: dict[str, list[Slip]] = {}
    for slip in slips(network):
        named.setdefault(str(slip.mistake), []).append(slip)
    return st.sampled_from(list(named)).flatmap(lambda name: st.sampled_from(named[name]))


_ONE = Network(
    features=4, image=(2, 6, 6), filters=(), kernel=2, stride=1, padding=0, pool=(2, 2, 0), layers=(4, 4, 3),
    activation="Sigmoid", batch_norm=False, dropout=0.25, loss="CrossEntropyLoss", reduction="mean", training=True,
    examples=4, seed=3,
)  # fmt: skip
EVERY_KIND = [
    _ONE,
    replace(_ONE, filters=(2, 3), activation="ReLU", layers=(4, 3)),
    replace(_ONE, activation="Tanh", loss="BCEWithLogitsLoss", reduction="sum"),
    replace(_ONE, activation="ReLU", loss="Softmax", batch_norm=True),
    replace(_ONE, loss="BCELoss", batch_norm=True, training=False, layers=(3, 3)),
    replace(_ONE, filters=(1, 2), kernel=3, loss="MSELoss", pool=(3, 1, 1), layers=(3,)),
]
WAYS = [(i, slip.mistake) for i, network in enumerate(EVERY_KIND) for slip in slips(network) if slip.mistake]


# Of these each parameter, or each layer, is told by itself.
ONE_BY_ONE = ("constant factor", "gradient not summed over the batch")


# The first network that leaves room for a mistake has to do, but at night.
TRIED = dict.fromkeys(
    WAYS if settings().max_examples >= 300 else {mistake: (i, mistake) for i, mistake in WAYS[::-1]}.values()
)


@pytest.mark.parametrize(("i", "mistake"), TRIED)
def test_each_mistake_is_named_in_each_way_that_it_can_be_made(i: int, mistake: str) -> None:
    """And the parameters that it makes wrong are named together."""
    network, ways = EVERY_KIND[i], 0
    for slip in slips(network):
        if slip.mistake == mistake:
            comparison = compared(network, **slip.changes)
            wrong = {row.name for row in comparison.rows if not row.manual_agrees}
            ways += bool(wrong)
            found = [set(d.parameters) for d in comparison.diagnoses if d.mistake == mistake]
            assert not wrong or wrong in found or (found and mistake in ONE_BY_ONE), (slip, comparison)
    assert ways or mistake in WITHOUT_TRACE.get(i, ())


# Where a network leaves no room for a mistake: no ties, or none but between zeros that a ReLU made.
WITHOUT_TRACE = {
    i: ("pooling that spreads its gradient over ties",) for i, network in enumerate(EVERY_KIND) if network.filters
}


def test_every_mistake_that_is_known_is_made_somewhere() -> None:
    """Those that the arrays alone show are made in the tests of diagnoses and of factors."""
    known = {hypothesis.mistake for network in EVERY_KIND for hypothesis in hypotheses(*trial(network))}
    assert known == {mistake for _, mistake in WAYS if mistake} - {
        "constant factor", "step in place of the gradient", "gradient not summed over the batch"
    }  # fmt: skip


def trial(network: Network) -> tuple[Trial, Gradients]:
    wrong = network.gradients(rate=0.37)
    return Trial(network.model, network.criterion, network.x, network.y), wrong


drawn = networks().filter(Network.keeps_its_digits)


@pytest.mark.parametrize("factor", [0.63, 1.37])
def test_one_number_tells_neither_a_rate_nor_a_factor(factor: float) -> None:
    """Of one unit and one example the gradient is one number, and whatever is done to it is a factor of it."""
    network = replace(_ONE, layers=(1, 3), dropout=0.0, examples=1)
    assert names(compared(network, scale={"1": factor})) == set()
    assert names(compared(replace(network, examples=4), scale={"1": factor})) == {"constant factor"}


def test_a_step_that_makes_one_factor_tells_no_rate() -> None:
    """Of two outputs of a softmax, whose gradients are each other's negative, one unit gets a multiple of the right."""
    network = replace(
        _ONE, features=1, image=(1, 6, 7), filters=(3, 1), kernel=1, pool=(1, 1, 0), layers=(1, 2), activation="ReLU",
        dropout=0.5, loss="Softmax", training=False, seed=36023,
    )  # fmt: skip
    comparison = compared(network, rate=0.37, early=["9"])
    assert is_one_factor(comparison)
    assert not comparison.agrees
    assert names(comparison) == set()
    assert names(compared(network, rate=3.7, early=["9"])) == {"constant factor"}


def test_values_before_an_activation_are_those_before_the_layer_s_own() -> None:
    """Where that lets all values through, those before an earlier one are another layer's."""
    network = replace(_ONE, features=2, layers=(3, 3, 3), activation="ReLU", dropout=0.0, examples=1, seed=437)
    assert np.all(np.asarray(network.model[:3](network.x).data) > 0)
    assert names(compared(network, before={"4": 3})) == {"input of another layer"}


def test_a_bias_that_is_summed_over_the_wrong_axis_is_zero_to_rounding() -> None:
    """Along the classes the gradient of the logits adds up to 0, whether the shape is right by chance or not."""
    for examples in (3, 4):
        network = replace(_ONE, examples=examples)
        [found] = compared(network, wrong_axis=["6"]).diagnoses
        assert found.mistake == "bias summed over the wrong axis"
        assert "gradient of 6.bias is zero to rounding, as it comes out when the bias of the Linear 6" in found.evidence


# Of a bias before a normalisation the gradient is rounding, and so is the numerical one.
_CANCELLING = replace(
    _ONE, filters=(3,), kernel=3, padding=1, pool=(2, 1, 1), image=(2, 6, 7), layers=(3, 2), activation="ReLU",
    batch_norm=True, loss="MSELoss", examples=5, seed=169,
)  # fmt: skip


@settings(max_examples=MANY)
@given(drawn)
@example(_CANCELLING)
def test_right_passes_agree(network: Network) -> None:
    comparison = compared(network)
    assert comparison.agrees, comparison
    assert comparison.diagnoses == ()


@settings(max_examples=MANY)
@given(drawn, st.data())
def test_no_wrong_pass_is_told_of_another_mistake(network: Network, data: st.DataObject) -> None:
    slip = data.draw(chosen(network))
    assert_named_rightly(network, compared(network, **slip.changes), [slip])


# The gradients are 0, of one example and of filters that are off throughout: they are compared with other numbers.
_OFF = replace(_ONE, features=2, layers=(2, 2, 2), activation="ReLU", examples=1, seed=16383)
_BOTH_OFF = replace(
    _ONE, image=(1, 7, 7), filters=(1, 1), kernel=3, padding=1, pool=(1, 1, 0), layers=(1,), activation="ReLU",
    batch_norm=True, dropout=0.0, loss="BCEWithLogitsLoss", training=False, examples=2, seed=0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("network", "made"),
    [
        (_OFF, [Slip("missing dropout mask", {"dropout": {"2": "none"}})]),
        (
            _BOTH_OFF,
            [
                Slip("missing ReLU mask", {"unmasked": ["2"]}),
                Slip("weights updated too early", {"rate": 0.37, "early": ["0"]}),
            ],
        ),
    ],
)
def test_a_name_is_right_where_the_gradients_were_compared(network: Network, made: list[Slip]) -> None:
    comparison = compared(network, **{name: value for slip in made for name, value in slip.changes.items()})
    assert comparison.moved
    assert made[0].mistake in names(comparison)
    assert_named_rightly(network, comparison, made)


@settings(max_examples=MANY)
@given(drawn, st.data())
def test_two_mistakes_are_not_taken_for_a_third(network: Network, data: st.DataObject) -> None:
    slip, other = data.draw(chosen(network)), data.draw(chosen(network))
    assume(not slip.changes.keys() & other.changes.keys())
    assert_named_rightly(network, compared(network, **slip.changes, **other.changes), [slip, other])


@settings(max_examples=MANY)
@given(drawn, st.data())
def test_each_mistake_is_named_in_any_network(network: Network, data: st.DataObject) -> None:
    slip = data.draw(chosen(network))
    assume(slip.mistake)
    comparison = compared(network, **slip.changes)
    wrong = [row for row in comparison.rows if not row.manual_agrees]
    assume(wrong)
    assume(all(row.difference > 1e-7 for row in wrong))
    assume(slip.mistake != "gradient not summed over the batch" or network.examples > 1)
    event(slip.mistake)
    named = names(comparison)
    # A number that is fitted must hold for several, and is no other one's multiple.
    if slip.mistake in ("constant factor", "step in place of the gradient", "weights updated too early"):
        assume(sum(comparison.reference[row.name].any() * comparison.reference[row.name].size for row in wrong) > 9)
        assume(arriving(there(network, comparison, **slip.changes), wrong[-1].name) >= FITTED)
    if slip.mistake == "weights updated too early":
        assume("constant factor" not in named and not is_one_factor(comparison))
    assert slip.mistake in named, (slip, comparison)


@pytest.mark.parametrize(
    "layer",
    [
        nn.MaxPool2d(2),
        nn.MaxPool2d((3, 2), 2, 1),
        nn.MaxPool2d(2, 1, 1, 2),
        nn.MaxPool2d(2, ceil_mode=True),
        nn.MaxPool2d(3, 2, 1, ceil_mode=True),
    ],
)
def test_a_rule_of_pooling_meets_the_windows_of_its_layer(layer: nn.MaxPool2d) -> None:
    rng = np.random.default_rng(0)
    x = Tensor(rng.permutation(2 * 5 * 7).reshape(1, 2, 5, 7) / 8, requires_grad=True)
    y = layer(x)
    g = rng.normal(size=y.shape)
    y.backward(g)
    call: Any = SimpleNamespace(layer=layer, x=x.data, y=y.data)
    found = pooled(lambda windows, _: windows == windows.max(axis=0))(call, g)
    np.testing.assert_allclose(found["x"], x.grad, rtol=1e-12)
