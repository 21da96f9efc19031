"""Mistakes that arrays alone show: each is named with its evidence, and where two explain it, both are."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nn.doctor.diagnosis import diagnose
from nn.doctor.evidence import Diagnosis, Hypothesis, KnownLoss, Tolerance, agreeing_digits, listed

Arrays = Mapping[str, np.ndarray]

TOLERANCE = Tolerance(1e-10, 1e-13)
seeds = st.integers(0, 2**32 - 1)


def network(seed: int = 0, classes: int = 3) -> dict[str, np.ndarray]:
    """Return arrays with the shapes of a small network's gradients."""
    rng = np.random.default_rng(seed)
    shapes = {"W1": (4, 5), "b1": (4,), "K": (2, 3, 2, 3), "bK": (2,), "W2": (classes, 4), "b2": (classes,)}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def named(
    manual: Arrays, reference: Arrays, tolerance: Tolerance = TOLERANCE, **known: Any
) -> dict[str, tuple[str, ...]]:
    """Return for each mistake that is named whose gradients it accounts for."""
    return {d.mistake: d.parameters for d in diagnose(manual, reference, tolerance, **known)}


def only(manual: Arrays, reference: Arrays, **known: Any) -> Diagnosis:
    [diagnosis] = diagnose(manual, reference, TOLERANCE, **known)
    return diagnosis


@given(seeds)
def test_rounding_is_no_mistake(seed: int) -> None:
    right = network(seed)
    rng = np.random.default_rng([seed, 1])
    assert named({k: g + 1e-11 * rng.uniform(-1, 1, g.shape) * np.abs(g).max() for k, g in right.items()}, right) == {}


@given(seeds, st.floats(1e-9, 1e-3))
def test_small_noise_is_no_mistake_that_is_known(seed: int, size: float) -> None:
    """It differs by more than rounding, but no mistake accounts for what is left."""
    right = network(seed)
    rng = np.random.default_rng([seed, 1])
    assert named({k: g + size * rng.normal(size=g.shape) for k, g in right.items()}, right, loss=KnownLoss(5)) == {}


@given(seeds, st.floats(1e-9, 0.5))
def test_a_mistake_and_noise_are_not_that_mistake(seed: int, size: float) -> None:
    right = network(seed)
    rng = np.random.default_rng([seed, 1])
    wrong = {**right, "W1": 2 * right["W1"] + size * rng.normal(size=(4, 5))}
    assert named(wrong, right) == {}


@pytest.mark.parametrize(
    ("factor", "n", "number", "words"),
    [
        (0.5, 8, "0.5000", ["the 2 from differentiating a square is missing"]),
        (2.0, 8, "2.0000", ["the 2 from differentiating a square is there twice"]),
        (-1.0, 8, "-1.0000", ["the sign is turned"]),
        (8.0, 8, "8.0000", ["mean over the batch of 8, and the division by 8 is missing"]),
        (1 / 8, 8, "0.1250", ["the division by the batch size 8 is done twice"]),
        (2.0, 2, "2.0000", ["the loss is a mean over the batch of 2", "; or the 2 from differentiating a square"]),
        (-0.5, 8, "-0.5000", ["the sign is turned", "; and the 2 from differentiating a square is missing"]),
        (8.0, None, "8.0000", ["a whole number: a mean over 8 numbers was forgotten"]),
        (1 / 640, None, "0.0015625", ["a mean over 640 numbers was taken once too often"]),
        (0.8, 8, "0.8000", ["a constant of the loss or of a layer"]),
    ],
)
def test_constant_factors_are_read(factor: float, n: int | None, number: str, words: list[str]) -> None:
    right = network()
    [found, *others] = diagnose(
        {name: factor * g for name, g in right.items()}, right, TOLERANCE, loss=KnownLoss(n or 1)
    )
    assert [d.mistake for d in others] == ["step in place of the gradient"] * (factor == -0.5)
    assert found.mistake == "constant factor"
    assert found.parameters == tuple(right)
    assert found.evidence.startswith(f"manual is {number} times the automatic gradient everywhere in every parameter")
    for word in words:
        assert word in found.thought
    assert (factor, n) != (2.0, 2) or "; and" not in found.thought  # not as three mistakes that cancel in part


def test_digits_and_names_of_the_evidence() -> None:
    """With a numerical gradient, as many digits as it has."""
    right = network()
    rng = np.random.default_rng(1)
    numerical = {name: g * (1 + 1e-9 * rng.uniform(-1, 1, g.shape)) for name, g in right.items()}
    tolerance, names = Tolerance(1e-5), ("manual", "numerical")
    [found] = diagnose({name: 0.5 * g for name, g in right.items()}, numerical, tolerance, names=names)
    assert found.evidence == "manual is 0.5000 times the numerical gradient everywhere in every parameter, to 9 digits"


def test_a_factor_needs_numbers_that_obey_it() -> None:
    right = {"w": np.array([1.0, 2.0]), "b": np.array([3.0])}
    assert named({"w": 0.7 * right["w"], "b": right["b"]}, right) == {}
    assert named({"w": 0.7 * right["w"], "b": 0.7 * right["b"]}, right) == {"constant factor": ("w", "b")}
    right = {"w": np.array([1.0, 1e-5, 1e-5])}
    assert named({"w": 0.7 * right["w"]}, right) == {}
    right = network()
    assert named({name: 1.001 * g for name, g in right.items()}, right) == {}  # no mistake makes a factor like that


def test_factors_of_layers_are_told_apart() -> None:
    right = network()
    wrong = {**right, "W1": 2 * right["W1"], "b1": 2 * right["b1"], "K": -right["K"], "bK": right["bK"]}
    found = {d.parameters: d.evidence for d in diagnose(wrong, right, TOLERANCE)}
    assert found.keys() == {("W1", "b1"), ("K",)}
    assert "2.0000 times" in found["W1", "b1"]


@pytest.mark.parametrize("order", [(3, 2, 1, 0), (0, 1, 3, 2), (1, 0, 2, 3)])
def test_axes_of_kernels_mixed_up(order: tuple[int, ...]) -> None:
    right = network()
    found = only({**right, "K": right["K"].transpose(order)}, right)
    assert found.mistake == "transposed gradient"
    assert f"in the order {order}" in found.evidence


@pytest.mark.parametrize(
    ("shape", "name", "axes"),
    [((7, 4), "b1", "axis 0"), ((7, 2, 5, 6), "bK", "axes 0, 2 and 3"), ((7, 1, 4), "b1", "axis 0")],
)
def test_not_summed(shape: tuple[int, ...], name: str, axes: str) -> None:
    delta = np.random.default_rng(0).normal(size=shape)
    over = tuple(i for i, n in enumerate(shape) if n not in (4, 2))
    right = {**network(), name: delta.sum(axis=over)}
    found = only({**right, name: delta}, right)
    assert (found.mistake, found.parameters) == ("gradient not summed over the batch", (name,))
    assert f"has shape {shape}" in found.evidence
    assert f"summed over {axes} it is the automatic one, to 1" in found.evidence
    means = {**right, name: delta.mean(axis=over)}
    assert only({**means, name: delta}, means).mistake == "gradient not averaged over the batch"


def test_not_summed_over_places() -> None:
    delta = np.random.default_rng(0).normal(size=(2, 5, 6))
    right = {**network(), "bK": delta.sum(axis=(1, 2))}
    assert only({**right, "bK": delta}, right).mistake == "gradient not summed over all axes"


def test_kept_axis() -> None:
    right = network()
    found = only({**right, "b1": right["b1"][np.newaxis]}, right)
    assert found.mistake == "another shape"
    assert "is the automatic one in shape (1, 4), and not in the parameter's (4,), to 15 digits" in found.evidence


def test_what_fits_two_mistakes_names_both() -> None:
    right = {"w": np.array([[1.0, 2.0, 3.0]])}
    found = diagnose({"w": right["w"].T}, right, TOLERANCE)
    assert [(d.mistake, d.alternatives) for d in found] == [
        ("transposed gradient", ("another shape",)),
        ("another shape", ("transposed gradient",)),
    ]
    assert "Not to be told apart here from: another shape." in str(found[0])


@given(seeds)
def test_swapped_and_mixed_up(seed: int) -> None:
    right = network(seed)
    assert named({**right, "b1": right["bK"], "bK": right["b1"]}, right) == {"swapped gradients": ("b1", "bK")}
    round_trip = {**right, "W1": right["W2"], "W2": right["K"], "K": right["W1"]}
    found = diagnose(round_trip, right, TOLERANCE)
    assert {d.parameters: d.mistake for d in found} == {
        (name,): "gradient of another parameter" for name in ("W1", "K", "W2")
    }
    assert named({**right, "W2": right["W1"]}, right) == {"gradient of another parameter": ("W2",)}


@given(seeds, st.sampled_from(["W1", "K"]))
def test_flipped_kernel(seed: int, name: str) -> None:
    right = network(seed)
    assert named({**right, name: right[name][..., ::-1, ::-1]}, right) == {"flipped kernel": (name,)}


def test_two_classes_are_no_kernel() -> None:
    """Their rows are each other's negative."""
    right = {"w": np.array([[1.0], [-1.0]])}
    assert named({"w": -right["w"]}, right) == {"constant factor": ("w",)}


@given(seeds, st.floats(-1, 1), st.booleans())
def test_regularisation(seed: int, strength: float, l1: bool) -> None:
    assume(abs(strength) > 1e-3)
    right, own = network(seed), network(seed + 1)
    wrong = {**right}
    for name in ("W1", "W2", "K"):
        wrong[name] = right[name] + strength * (np.sign(own[name]) if l1 else own[name])
    found = only(wrong, right, parameters=own)
    assert found.mistake == f"regularisation term {'missing' if strength < 0 else 'added twice, or not in the loss'}"
    assert found.parameters == ("W1", "K", "W2")
    assert f"{abs(strength):.6g} times the parameter{chr(39) + 's sign' if l1 else ''}, to" in found.evidence
    assert named(wrong, right) == {}  # the parameters are not known


def test_a_constant_is_no_regularisation() -> None:
    """Weights that are all alike explain nothing that a constant does not."""
    right = network()
    wrong = {**right, "W1": right["W1"] + 0.1}
    assert named(wrong, right, parameters={"W1": np.ones((4, 5))}) == {}


def test_never_computed() -> None:
    right = network()
    found = only({**right, "W1": np.zeros((4, 5)), "b1": np.zeros(4)}, right)
    assert (found.mistake, found.parameters) == ("zero gradient", ("W1", "b1"))
    # Without a loss there is but the penalty.
    wrong = {**right, "W1": np.zeros((4, 5))}
    found = diagnose(wrong, {**right, "W1": 0.1 * right["W1"]}, TOLERANCE, parameters=right)
    assert [d.mistake for d in found] == ["regularisation term missing", "zero gradient"]


@pytest.mark.parametrize(
    ("name", "cut", "kind", "place"),
    [
        ("W1", np.s_[2], "row", "2"),
        ("W1", np.s_[:, 3], "column", "3"),
        ("W1", np.s_[2, 3], "element", "(2, 3)"),
        ("b1", np.s_[1], "element", "1"),
        ("K", np.s_[1], "filter", "1"),
        ("K", np.s_[:, 2], "channel", "2"),
    ],
)
def test_single_wrong_part(name: str, cut: Any, kind: str, place: str) -> None:
    right = network()
    wrong = {key: g.copy() for key, g in right.items()}
    wrong[name][cut] += 1
    found = only(wrong, right)
    assert found.mistake == f"single wrong {kind}"
    assert f"differ only in {kind} {place} of {name} (counted from 0)" in found.evidence
    assert named(wrong, right, names=("manual", "numerical")) == {}  # the step may have crossed a kink
    wrong[name][cut] = right[name][cut] + 1e-5
    assert named(wrong, right) == {}  # too small to be told from chance


def test_where_nothing_is_right_nothing_is_lone() -> None:
    right = {"w": np.zeros((3, 4)), "b": np.ones(2)}
    wrong = np.zeros((3, 4))
    wrong[1] = [1.0, 2.0, 3.0, 4.0]
    assert named({**right, "w": wrong}, right) == {}
    assert named({**right, "w": wrong * (wrong == 3)}, right) == {}
    # What is rounding beside it is nothing that is right.
    right = {"w": np.array([5.0, 3.0]), "b": np.array([5e-17, -2e-17])}
    assert named({**right, "b": np.array([0.0, 0.07])}, right, Tolerance.of(1e-10, right)) == {}


def test_a_large_mistake_leaves_large_rounding_elsewhere() -> None:
    """Which it need not predict."""
    right = {**network(), "b1": np.array([1e-17, 0.0, -2e-17, 0.0])}
    tolerance = Tolerance.of(1e-10, right)
    large = {**right, "W1": right["W1"] ** 2 * 1e6}
    rounding = np.array([1e-10, 2e-10, -1e-10, 0.0])
    squares = Hypothesis("squares", {**large, "b1": rounding}, "things are squared", "squaring is good")
    assert named({**large, "b1": -rounding}, right, tolerance, hypotheses=[squares]) == {"squares": ("W1",)}


@given(st.sampled_from([np.nan, np.inf, -np.inf]), st.integers(0, 5))
def test_nan_begins_in_the_last_of_them(value: float, last: int) -> None:
    right = network()
    names = list(right)
    wrong = {name: g.copy() for name, g in right.items()}
    for name in names[: last + 1]:
        wrong[name].flat[1] = value
    found = only(wrong, right)
    assert (found.mistake, found.parameters) == ("NaN or infinity", tuple(names[: last + 1]))
    assert f"manual gradient of {names[last]}, 1 of {right[names[last]].size} elements is NaN" in found.evidence
    behind = names[last + 1 :]
    assert found.evidence.endswith(
        f"{listed(behind)} {'is' if len(behind) == 1 else 'are'} finite" if behind else "there"
    )
    assert ("logarithm of 0" in found.thought) == (not behind)


def test_nan_does_not_hide_another_mistake() -> None:
    right = network()
    wrong = {**right, "W1": right["W1"] * np.nan, "W2": right["W2"].T}
    assert named(wrong, right) == {"NaN or infinity": ("W1",), "transposed gradient": ("W2",)}


def test_nan_of_the_reference() -> None:
    right = network()
    found = only(right, {**right, "b2": right["b2"] * np.nan})
    assert "of the automatic gradient of b2, 3 of 3 elements are NaN" in found.evidence
    found = only({**right, "b2": right["b2"] * np.nan}, {**right, "b2": right["b2"] * np.nan})
    assert found.evidence.endswith("the automatic gradient is not finite either")


def test_hypotheses_must_explain_all_that_they_change() -> None:
    right = network()
    wrong = {**right, "W1": right["W1"] ** 2}
    whole = Hypothesis("squares", wrong, "things are squared", "squaring is good")
    more = whole._replace(gradients={**wrong, "b1": right["b1"] ** 2})
    found = only(wrong, right, hypotheses=[whole])
    assert (found.mistake, found.parameters) == ("squares", ("W1",))
    assert found.evidence == (
        "the manual gradient of W1 is, to 15 digits, the one that comes out when things are squared"
    )
    assert named(wrong, right, hypotheses=[more]) == {}
    assert named(right, right, hypotheses=[whole]) == {}


def test_a_mistake_leaves_hardly_anything_of_the_difference() -> None:
    """What numerical gradients tolerate is wide, and something near the truth would fit into it."""
    right, other = network(0), network(1)

    def moved(share: float) -> dict[str, np.ndarray]:
        return {name: g + share * 1e-4 * other[name] for name, g in right.items()}

    for share, expected in ((1.0, 1), (0.95, 0)):
        near = Hypothesis("a step", moved(share), "it is done", "why not")
        assert len(diagnose(moved(1.0), right, Tolerance(1e-5), hypotheses=[near])) == expected


def test_nothing_is_tried_out_where_nothing_differs() -> None:
    def never() -> Any:
        raise AssertionError
        yield

    assert diagnose(network(), network(), TOLERANCE, hypotheses=never(), observed=never()) == ()


def test_observations_come_after_predictions() -> None:
    right = network()
    seen = Diagnosis("ghost", ("W1",), "it was seen", "boo")
    assert named({**right, "W1": -right["W1"]}, right, observed=[seen]) == {"constant factor": ("W1",)}
    assert named({**right, "W1": right["W1"] ** 2}, right, observed=[seen]) == {"ghost": ("W1",)}


def test_tolerance_knows_the_size_of_other_gradients() -> None:
    """A gradient that cancels is what rounding leaves of it."""
    gradients = {"w": np.array([1.0]), "b": np.array([1e-17])}
    tolerance = Tolerance.of(1e-10, gradients)
    assert tolerance.agrees(np.array([-2e-17]), gradients["b"])
    assert not tolerance.agrees(np.array([1e-12]), gradients["b"])
    assert not Tolerance(1e-10).agrees(np.array([-2e-17]), gradients["b"])
    assert not tolerance.agrees(np.array([np.nan]), gradients["w"])
    assert not tolerance.agrees(np.ones((1, 1)), gradients["w"])
    assert not tolerance.agrees(np.array([np.inf]), np.array([np.inf]))


@pytest.mark.parametrize(
    ("found", "digits"), [(1.0, 15), (1 + 2e-9, 8), (1.04, 1), (1.2, 0), (-5.0, 0), (np.nan, 0), (np.inf, 0)]
)
def test_agreeing_digits(found: float, digits: int) -> None:
    assert agreeing_digits(np.array([found, 0.5]), np.array([1.0, 0.5])) == digits


def test_text_of_a_diagnosis() -> None:
    text = str(Diagnosis("zero gradient", ("a", "b", "c"), "x " * 60 + "y", "z", ("p", "q")))
    lines = text.splitlines()
    assert lines[0] == "Zero gradient (a, b and c)"
    assert all(line.startswith("  ") and len(line) <= 100 for line in lines[1:])
    assert lines[-2:] == ["  Likely thought: z.", "  Not to be told apart here from: p, q."]
