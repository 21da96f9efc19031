"""The chapters' scripts, run as a reader runs them: what they promise to print and to draw."""

import ast
import functools
import os
import re
import runpy
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from hypothesis import settings

from nn import reference
from tests.examples.programs import run, run_alone
from tests.families import WHILE_WRITING

ROOT = Path(__file__).parents[2]
# While writing, chapters that train several networks do so with fewer images, of which they learn a little less.
WRITING = settings().max_examples <= WHILE_WRITING
FEWER = ["--samples", "1000"]
SCRIPTS = sorted(path.stem for path in (ROOT / "examples").glob("chapter_*.py"))


class Output:
    """What a script printed, line breaks inside paragraphs undone."""

    def __init__(self, text: str) -> None:
        self.text = " ".join(text.split())

    def numbers(self, pattern: str) -> list[float]:
        """Return the numbers in the groups of a pattern, which must occur once."""
        found = re.findall(pattern, self.text)
        assert len(found) == 1, f"{pattern!r} occurs {len(found)} times in:\n{self.text}"
        return [float(group) for group in (found[0] if isinstance(found[0], tuple) else found)]


N = r"(-?[\d.]+(?:e[-+]\d+)?)"


def listed(text: str) -> list[float]:
    """Return the numbers of a list in words."""
    return [float(number) for number in text.split(", ")]


def logistic_regression(output: Output) -> None:
    ways = [
        output.numbers(f"{way}: loss {N} after one epoch, {N} at the end; test loss {N}, accuracy {N}")
        for way in ("by hand", "automatically")
    ]
    assert ways[0] == ways[1]
    first, last, test, accuracy = ways[0]
    assert np.log(2) > first > last
    assert last < test < 0.05
    assert accuracy >= 0.97
    n = int(output.numbers(r"(\d+) images of digits with")[0])
    last_losses = []
    for batch in ("2", "4", "32", "all"):
        updates, first, last, _, accuracy = output.numbers(rf"(?<= ){batch} (\d+) {N} {N} {N} {N}(?= [34aS])")
        assert updates == (1 if batch == "all" else -(-n // int(batch)))
        assert first > last
        assert accuracy >= 0.97
        last_losses.append(last)
    assert last_losses == sorted(last_losses)

    # Batches of the line: how often the loss grows, and how it falls with the smaller rate.
    medians = []
    for lr, batch, updates in (
        ("0.1", "2", 4),
        ("0.1", "4", 2),
        ("0.01", "2", 4),
        ("0.01", "4", 2),
        ("0.01", "all", 1),
    ):
        found, grown, median, least, most, _ = output.numbers(rf" {lr} {batch} (\d) (\d+)% {N} {N} to {N} {N}")
        assert found == updates
        if lr == "0.1":
            assert 85 <= grown <= 99
            assert least < 102 < median < most
        else:
            assert grown == 0
            medians.append(median)
    assert medians == sorted(medians)
    # The deviation of means of B of the 8 numbers -2 x^2, drawn without replacement.
    samples = -2 * np.arange(1.0, 9.0) ** 2
    for batch in (2, 4, 8):
        size, std = "all" if batch == 8 else batch, samples.std() * np.sqrt((8 - batch) / (7 * batch))
        assert output.numbers(rf"{size} {N} \+- {N} {N} \+- {N}(?= [4aS])") == [-51, round(std, 1), 0, 0]

    assert np.all(np.diff(listed(output.text.split("at lr = 0.1: ")[1].split(" Losses")[0])) > 0)
    curvature, again, bound = output.numbers(rf"curvature of the loss here, is {N}\..*2 / {N} = {N}\. Yours")
    # x = 1 to 8: the mean of x^2 is 25.5, that of x 4.5.
    exact = np.linalg.eigvalsh([[25.5, 4.5], [4.5, 1]])[-1]
    np.testing.assert_allclose([curvature, again, bound], [exact, exact, 2 / exact], rtol=1e-3)
    growth, ratio = output.numbers(f"should grow by {N} a step: the last two above are in the ratio {N}\\.")
    np.testing.assert_allclose([growth, ratio], (1 - 0.1 * exact) ** 2, rtol=1e-3)

    # The chapter's own exercises.
    assert 85 <= output.numbers(r"In (\d+)% of 300 orders the loss ends above 102: likely, not certain")[0] <= 96
    *losses, W, b = output.numbers(f"of all 300: here {N}, {N}, {N}, {N}, {N}, to W = {N}, b = {N}\\.")
    assert np.all(np.diff([102, *losses]) < 0)
    assert 0.017 < losses[-1] < 0.027
    np.testing.assert_allclose([W, b], [1.94, 0.32], rtol=0, atol=0.03)
    assert output.numbers(r"ends above 102 in (\d+)% of 300 orders")[0] >= 93
    least, most, times = output.numbers(
        f"falls in every epoch, to {N} \\.\\.\\. {N}\\. Batches.*a loss {N} times as small"
    )
    assert 0.15 < least < most < 0.27
    assert 9 <= times <= 12
    losses = listed(output.text.split("-> Losses: ")[1].split("; W")[0])
    assert len(losses) == 10
    assert 0.652 < losses[0] < 0.665
    assert 0.568 < losses[-1] < 0.572
    assert "4 of 6 are right so far" in output.text
    assert "Losses: 494.66, 2790.89, 14750.33, 80167.54, 430509.28; W = 127.35, b = 25.85" in output.text
    # Those beyond.
    assert output.numbers(f"-> {N} = ln 2") == [0.6931]
    assert output.numbers(f"It is {N}, and {N} for all samples") == [0.0348, 0.076]
    assert output.numbers(r"converge in (\d+) of 40 orders at lr 0.05, and in (\d+) of 40 at lr 0.08") == [40, 40]
    apart, back, epoch = output.numbers(f"comes to lie {N} times.*distance by {N}\\..*all distances by {N} in")
    assert apart > 1 > max(apart * back, epoch)


def numerical_gradients(output: Output) -> None:
    ratios = output.text.split("The numerical one is that, times: ")[1].split(" The same")[0].split(", ")
    np.testing.assert_allclose([float(ratio) for ratio in ratios], 2, rtol=0, atol=1e-7)
    assert "Constant factor (W and b) Evidence: manual is 0.5000 times the automatic gradient" in output.text
    (error,) = output.numbers(f"with h = 1e-4 come within {N}\\. A")
    assert error < 1e-8
    for name, transposed in (("W1", True), ("b1", True), ("W2", False), ("b2", False)):
        numerical, right, wrong = output.numbers(f"{name} +{N} +{N} +{N}")
        assert numerical < 1e-8
        assert right < 1e-14
        assert wrong > 0.1 if transposed else wrong < 1e-14
    for way, truncation in (("forward", 1), ("central", 2)):
        assert abs(output.numbers(f"{way}, truncation {N}")[0] - truncation) < 0.05
        assert abs(output.numbers(f"{way}, rounding {N}")[0] + 1) < 0.1
    # The square and the cube root of the precision.
    assert 3e-9 < output.numbers(f"best forward step: h = {N}")[0] < 1e-6
    assert 1e-6 < output.numbers(f"best central step: h = {N}")[0] < 1e-4

    assert "dL/dW: -2 by the formula, -4.00000000 numerically; dL/db: -1.25 and -2.50000000." in output.text
    assert output.numbers(f"With it both agree to {N}\\. 2")[0] < 1e-10
    assert output.numbers(f"-4.00000000 and -2.50000000, off by {N}: not less accurate")[0] < 1e-12
    assert (
        output.numbers(f"= -0.083333 = -1/12, and the mean error is 0.166667 = 1/6: both agree to {N}\\. 4")[0] < 5e-12
    )
    assert "NumPy refuses the product, (2, 1) times (2, 1)" in output.text
    assert "is [ -8. -12.], the wrong one [ -6. -14.], and the numerical one [ -8. -12.]" in output.text
    # Enough to retrace it.
    assert "X = [[1.0, 2.0], [3.0, 4.0]], y = [[3.0], [5.0]], W = [[1.5], [-0.5]] and b = [[0.5]]" in output.text
    assert output.text.count("the text expects") + output.text.count("The text expects") == 2
    assert output.numbers(f"forward error falls to 1/{N}, the central one to 1/{N}:") == [2, 4]


def perceptron(output: Output) -> None:
    assert "the logistic regression of chapter 2.3" in output.text
    for problem in ("AND", "OR", "25 points", "XOR"):
        by_hand, automatic, accuracy = output.numbers(rf"\b{problem} {N} {N} {N}")
        assert by_hand == automatic
        if problem == "XOR":
            assert (by_hand, accuracy) == (0.6931, 0.5)
        else:
            assert by_hand < 0.1
            assert accuracy == 1
    _, by_hand, automatic = output.numbers(
        f"loss {N} at first; after 1000 steps {N} by hand, {N} automatically accuracy 1.00"
    )
    assert by_hand == automatic < 0.01
    assert output.numbers(f"perceptron: test accuracy {N}")[0] < 0.7
    assert output.numbers(f"hidden layer: test accuracy {N}")[0] > 0.95

    for answer in (
        "Probabilities 0.035, 0.217, 0.217, 0.679; predictions 0, 0, 0, 1; accuracy 1, loss 0.2283. "
        "W = (2.03, 2.03), b = -3.31.",
        "Probabilities 0.313, 0.885, 0.885, 0.992; predictions 0, 1, 1, 1; accuracy 1, loss 0.1568.",
        "Probabilities 0.500, 0.500, 0.500, 0.500; predictions 0, 0, 0, 0; accuracy 0.5, loss 0.6931.",
        "10 points have label 1.",
        "The best have 3 of 4 samples right.",
    ):
        assert answer in output.text
    loss, *W, b = output.numbers(rf"Accuracy 1, loss {N}; W = \({N}, {N}\), b = {N}\. 10")
    np.testing.assert_allclose([loss, *W, b], [0.061, 3.43, 3.43, -1.71], rtol=0.02)
    assert abs(output.numbers(f"to x1 \\+ x2 = {N}\\. 5")[0] - 0.5) < 0.03


def activations(output: Output) -> None:
    for value in (1000, -1000):
        assert f"softmax({value}, {value}, {value}) [nan nan nan] [0.3333 0.3333 0.3333]" in output.text
    mean, zero, derivative, largest = output.numbers(f"relu {N} {N} {N} {N} Of")
    assert mean > 0
    assert abs(zero - 0.5) < 0.02
    assert abs(derivative - 0.5) < 0.02
    assert largest == 1
    assert output.numbers(r"Of a ReLU's units (\d+)% are silent") == [round(100 * zero)]
    *_, derivative, largest = output.numbers(f"largest derivative sigmoid {N} {N} {N} {N}")
    assert 0.15 < derivative < largest == 0.25
    assert abs(output.numbers(r"a sigmoid passes on (\d+)% of it")[0] / 100 - derivative) < 0.006

    assert "-> [[0. 2. 0. ] [0. 0. 1.5] [3. 0. 0.5] [0. 4. 0. ]] " in output.text
    assert "7 zeros, one of which was 0 before" in output.text
    assert "the rows sum to 1.0000, 1.0000, 1.0000." in output.text
    zeros, least, most, mean = output.numbers(f"-> {N} of 20\\. In 1000 such matrices there are {N} to {N}, and {N} on")
    assert least <= zeros <= most
    assert abs(mean - 10) < 0.2
    assert "-> [[0.3333 0.3333 0.3333] [0.3333 0.3333 0.3333]] Nothing overflows" in output.text
    assert output.numbers(f"From probabilities it is {N}, the bound") == [34.54]


def forward_pass(output: Output) -> None:
    assert "parameters: 203,530 " in output.text
    loss, ln_10 = output.numbers(f"loss {N}, ln 10 = {N} ")
    assert ln_10 == 2.3026
    assert abs(loss - ln_10) < 0.01
    by_hand, automatic, largest, saturated, _ = output.numbers(f"He {N} {N} {N} {N} {N}")
    assert by_hand == automatic
    by_hand, automatic, largest, saturated, _ = output.numbers(f" 1 {N} {N} {N} {N} {N} Where")
    assert by_hand < 34.54 < automatic
    assert largest > 0.95
    assert saturated > 0.9

    assert "A1, of shape (2, 4): " in output.text
    assert "A2, of shape (2, 2), its rows sum to 1: " in output.text
    assert output.numbers(f"over 200 seeds no probability is farther than {N} from 1/2")[0] < 1e-3
    loss, ln_2, least, most = output.numbers(f"-> {N}, near ln 2 = {N}; over 200 seeds {N} to {N}\\. 3")
    assert ln_2 == 0.69315
    assert 0.6925 < least <= round(loss, 4) <= most < 0.6938
    least, most = output.numbers(rf"A1 is \(5, 128\), A2 is \(5, 10\), its rows sum to 1; probabilities {N} to {N}\. 4")
    assert 0.09 < least < 0.1 < most < 0.11
    assert 94 <= output.numbers(r"Over 200 such networks (\d+)% of the rows")[0] <= 98
    assert abs(output.numbers(f"The loss grows {N} times")[0] - 4) < 0.01


def training(output: Output) -> None:
    assert "All three ways agree." in output.text
    error = listed(output.text.split("class by class: ")[1].split(". Its")[0])
    assert len(error) == 10
    assert sorted(round(e, 1) for e in error) == [-0.9, *[0.1] * 9]
    probability, surprisal = output.numbers(rf"loss is -log {N} = {N}\. The")
    assert surprisal == round(-np.log(probability), 3)

    # One line an epoch, of the loss that both ways are compared by.
    epochs = re.findall(rf"Epoch (\d+)/20, Loss: {N}, test accuracy {N}", output.text)
    assert [int(epoch) for epoch, _, _ in epochs] == list(range(1, 21))
    ways = [
        output.numbers(f"{way}: loss {N} after one epoch, {N} at the end; test accuracy {N}")
        for way in ("by hand", "automatically")
    ]
    assert ways[0] == ways[1] == [float(epochs[0][1]), float(epochs[-1][1]), float(epochs[-1][2])]
    _, last, accuracy = ways[0]
    assert last < 0.1
    assert accuracy > 0.95

    # Zeros against ones, at two learning rates.
    rows = re.findall(r"(?<= )(\d+) (0\.\d{5}) (0\.\d{5})", output.text)
    assert [int(epoch) for epoch, _, _ in rows] == list(range(1, 11))
    slow, fast = (np.array([float(row[column]) for row in rows]) for column in (1, 2))
    assert np.all(fast < slow)
    assert np.all(np.diff(slow) < 0)
    assert slow[-1] < 0.05
    assert min(output.numbers(f"accuracy {N} {N} Picture")) > 0.95

    assert "-> (2, 3), (1, 3), (3, 2), (1, 2): " in output.text
    before, after = output.numbers(f"-> {N} before, {N} after\\.")
    assert abs(before - np.log(2)) < 0.02
    assert after <= before
    falls, still, rises = output.numbers(rf"it falls in {N}%\. In {N}% nothing changes.*In {N}% it rises")
    assert 87 < falls < 92
    assert 8 < still < 12
    assert rises < 2
    assert falls + still + rises == pytest.approx(100, abs=0.2)
    assert re.search(rf"-> Losses: (?:{N}, ){{9}}{N}; test accuracy {N}\. The images", output.text)
    assert output.numbers(f"Faster: {N} after one epoch instead of {N}")[0] == round(fast[0], 4)
    predicted, found = output.numbers(rf"of the gradient, {N}; it falls by {N}\.")
    np.testing.assert_allclose(found, predicted, rtol=1e-3)


def deeper(output: Output) -> None:
    assert "All three ways agree." in output.text
    for name, layers in (("2 layers, 0.01", 2), ("3 layers, 0.01", 3), ("3 layers, He", 3)):
        sizes = output.numbers(f"{name}(?: {N})" + f" {N}" * (layers - 1) + " (?=[230])")
        assert sizes == sorted(sizes)
    epochs = np.array([output.numbers(f"Epoch {epoch}/20" + f" {N}" * 6) for epoch in range(1, 21)])
    two, two_right, three, three_right, he, he_right = epochs.T
    two_losses, three_losses, he_losses = two, three, he
    # Weights of 0.01 learn later, the more layers the later.
    assert abs(three[0] - np.log(10)) < 0.01
    assert three[2] > 2 > two[0] > he[0]
    assert max(two[-1], three[-1], he[-1]) < (0.1 if WRITING else 0.05)
    assert min(two_right[-1], three_right[-1], he_right[-1]) > 0.97
    ratios = np.array([output.numbers(f" {depth} {N} {N} {N} (?=[1-9F])") for depth in range(3, 11)])
    # A factor of about a quarter for each layer with sigmoids, and none with ReLUs.
    slope = np.polyfit(np.arange(3, 11), np.log(ratios[:, 0]), 1)[0]
    assert 0.15 < np.exp(slope) < 0.35
    assert np.all((ratios[:, 1] > 0.1) & (ratios[:, 1] < 1))
    sigmoid, relu = output.numbers(rf"on average, times {N} \(sigmoid, Xavier\), {N} \(ReLU, He\)")
    assert 0.15 < sigmoid < 0.3
    assert 0.8 < relu < 1.25
    tiny, large = output.numbers(f"the first one's is {N}, against {N} with He")
    assert tiny < 1e-6 * large

    assert "(2, 4), (2, 3), (2, 2); gradients (2, 4), (1, 4), (4, 3), (1, 3), (3, 2), (1, 2):" in output.text
    before, after, falls, most, rises = output.numbers(
        rf"-> {N} and {N}\. Of 500 seeds it falls in {N}%, by {N} at most, and rises in {N}%"
    )
    assert np.log(2) - 0.001 < after < before < np.log(2) + 0.001
    assert 82 < falls < 90
    assert most < 0.003
    assert rises < 1
    losses = [float(loss) for loss in output.text.split("third layer help? -> ")[1].split(";")[0].split(", ")]
    assert len(losses) == 10
    assert losses[2] > 2 > 0.5 > losses[-1]
    low, high, right, best, low_two, high_two, right_two, best_two = output.numbers(
        rf"last loss is {N} to {N} and the accuracy {N} to {N}; with one hidden layer, {N} to {N} and {N} to {N}\."
    )
    assert low_two <= high_two < low <= losses[-1] + 0.0005
    assert high >= losses[-1] - 0.0005
    assert 0.9 < right <= best
    assert right < right_two <= best_two
    sizes = output.numbers(f"-> {N}, {N}, {N}: the first layer's is the smallest")
    assert sizes == sorted(sizes)
    epochs_needed, epochs_two = output.numbers(
        rf"below 1 after {N} epochs on average, with one hidden layer after {N}\."
    )
    assert epochs_needed > epochs_two + 3
    assert output.numbers(f"it rises {N} and {N} times in 45: both are stable") == [0, 0]
    verdict = "helps" if three_right[-1] > two_right[-1] else "does not help"
    two, three = output.numbers(f"is {N} and {N}: the third layer {verdict}")
    assert (two, three) == (two_right[-1], three_right[-1])
    plateau = output.numbers(rf"{N} \(2 layers, 0\.01\), {N} \(3 layers, 0\.01\), {N} \(3 layers, He\)")
    assert plateau == [np.sum(losses > 0.95 * np.log(10)) for losses in (two_losses, three_losses, he_losses)]
    assert output.numbers(f"the gradient that arrives there is {N} = 2\\^9") == [512]


def initialisation(output: Output) -> None:
    found = {
        name: output.numbers(rf"(?<=\d ){name} {N} {N} {N} {N}(?= [tRE])")
        for name in (
            "tanh, 0.01", "tanh, 1", "tanh, Xavier", "ReLU, 0.01", "ReLU, 1", "ReLU, Xavier", "ReLU, He",
            "ReLU, 0.01, batch norm", "ReLU, 1, batch norm",
        )
    }  # fmt: skip
    for name in ("tanh, 0.01", "ReLU, 0.01"):
        assert max(found[name][1:]) < 1e-8
    assert min(found["ReLU, 1"][1:]) > 1e4
    assert found["tanh, 1"][1] > 0.9
    for name in ("tanh, Xavier", "ReLU, He", "ReLU, 0.01, batch norm", "ReLU, 1, batch norm"):
        assert found[name][1] > 0.3 * found[name][0]
        assert 0.1 < found[name][2] / found[name][3] < 1
    # Eight layers, each with a factor of sqrt(2).
    halved, kept = (found[name][1] / found[name][0] for name in ("ReLU, Xavier", "ReLU, He"))
    assert 8 < kept / halved < 32

    assert "All three ways agree." in output.text
    assert output.text.count("batch_norm(x") == 2
    epochs = np.array([output.numbers(f"Epoch {epoch}/20" + f" {N}" * 8) for epoch in range(1, 21)])
    small, he, small_normed, he_normed = epochs.T[::2]
    assert small[2] > 2
    assert max(he[0], he_normed[0]) < 0.3
    assert small_normed[1 if WRITING else 0] < 1 < small[1]
    assert he_normed[-1] < 0.02
    assert min(epochs[-1, 1::2]) > 0.95
    plateau = "" if WRITING else ": the plateau of chapter 4.1 is gone"
    firsts = output.numbers(
        rf"is {N} with weights of 0.01, {N} with He's, {N} and {N} with batch normalisation{plateau}"
    )
    np.testing.assert_allclose(firsts, epochs[0, ::2], atol=0.0006)
    # What is said about the table is read off it.
    jumps = [int(np.sum(np.diff(losses) > 0)) for losses in (small_normed, he_normed)]
    small_jumps, he_jumps = ({1: "once", 2: "twice"}.get(count, f"{count} times") for count in jumps)
    assert f"it rises {small_jumps}, with He's weights {he_jumps}. At" in output.text
    least, best = output.numbers(rf"the least loss is {N} \([^)]+\), and the best accuracy {N} \(")
    assert (least, best) == (min(epochs[-1, ::2]), max(epochs[-1, 1::2]))

    xavier, he, xavier_said, he_said = output.numbers(
        rf"-> {N} and {N}; sqrt\(2 / \(784 \+ 256\)\) = {N} and sqrt\(2 / 784\) = {N}\."
    )
    assert (xavier_said, he_said) == (0.0439, 0.0505)
    np.testing.assert_allclose([xavier, he], [xavier_said, he_said], rtol=0.01)
    assert (
        "-> Mean [3.0, 6.0], variance [2.6667, 18.6667], result [[-1.225, -0.926], [0.0, -0.463], [1.225, 1.389]]:"
        in output.text
    )
    assert "-> [[0.1021, 0.0], [-0.2041, 0.0], [0.1021, 0.0]], off by" in output.text
    for weights in ("-> 0.01", "; Xavier", "; He"):
        first, last, accuracy, low, high = output.numbers(rf"{weights}: {N}, {N}, {N}, over three seeds {N} to {N}[.;]")
        assert (first > 2) == (weights == "-> 0.01")
        assert last < 0.3
        assert 0.9 < low <= accuracy <= high
    assert abs(output.numbers(f"is {N} times as small: against")[0] - 10) < 0.02
    assert output.numbers(f"-> It is 0, but for {N}: the mean")[0] < 1e-10
    off, ratio, loss, own = output.numbers(
        rf"off by {N} deviations, the variances by a factor of {N} .*is {N} with the averages and {N} with"
    )
    assert off < 0.2
    assert abs(ratio - 1) < 0.1
    np.testing.assert_allclose(loss, own, rtol=0.5)


def convolution(output: Output) -> None:
    assert output.text.count("(28, 28) (26, 26) (13, 13)") == 4
    for name, sign in (("vertical edges", -1), ("horizontal edges", -1), ("all edges", 1), ("blur", 1)):
        same, opposite = output.numbers(rf"{name} {N} {N} (?=[a-zT])")
        assert (same if sign == 1 else opposite) == 0
        assert (opposite if sign == 1 else same) > 0.5
    assert (
        "the filters for vertical edges and horizontal edges change their sign; all edges and blur look" in output.text
    )
    for way in ("correlation", "convolution"):
        assert output.numbers(f"{way}, error within {N}:")[0] < 1e-8
    assert "[[-1. 0. 1.] [-2. 0. 2.] [-1. 0. 1.]] convolution" in output.text
    assert "[[ 1. 0. -1.] [ 2. 0. -2.] [ 1. 0. -1.]] Picture" in output.text
    for line in (
        "-> [[1.25, 1.5, 1.25], [1.5, 2.0, 1.5], [1.25, 1.5, 1.25]], of shape (3, 3).",
        "-> [[1.25, 1.25], [1.25, 1.25]], of shape (2, 2)",
        "the map is (26, 26), from",
        "-> (H + 2 p - u) // s + 1: 26 for u = 3; 28 again for u = 5 and p = 2.",
        "-> It is (9, 25)",
        "-> It is one of 5 x 5",
    ):
        assert line in output.text
    for name, after in (("from", ", positive"), ("From", ", by")):
        low, high = output.numbers(rf"{name} (-\d+) to (\d+){after}")
        assert -765 <= low < -400
        assert 400 < high <= 765
    assert output.numbers(r"From (?:\S+) to (?:\S+), by convolution from (-?\d+) to (\d+)") == [-high, -low]
    across, down = output.numbers(rf"louder at {N}% of the places, the horizontal one at {N}%")
    assert min(across, down) > 5
    assert across + down < 100


def cnn(output: Output) -> None:
    for line in (
        "Conv2d (64, 8, 26, 26) 80 ReLU (64, 8, 26, 26) MaxPool2d (64, 8, 13, 13) Flatten (64, 1352) Linear (64, 10) ",
        "Linear (64, 10) 13,530",
        "parameters in all: 13,610",
        "have 1352 features: 8 maps of 13 x 13. The series prints 2197 = 13 x 13 x 13.",
        "maxima [[5. 2.]] gradient of their sum [[0. 1. 1. 0.] [0. 0. 0. 0.]]",
        "All three ways agree.",
    ):
        assert line in output.text
    least, largest, low, high = output.numbers(f"0 to 255, no ReLU {N} {N} {N} to {N}")
    assert low <= least <= high < 1e-6
    assert largest > 0.9
    for kind in ("0 to 1, no ReLU", "0 to 1, ReLU"):
        least, largest, low, high = output.numbers(f"{kind} {N} {N} {N} to {N}")
        assert 0.08 < least < 0.1 < largest < 0.12
        assert 0.08 < low <= high <= 0.1
    assert 0 <= output.numbers(r"in (\d+) of the 20 networks the least probability is smaller without it")[0] <= 20
    for line in (
        "-> [[6.0, 8.0], [14.0, 16.0]]",
        "-> [[6.0, 7.0, 8.0], [10.0, 11.0, 12.0], [14.0, 15.0, 16.0]], of shape (3, 3)",
        "-> (28, 28), (26, 26), (13, 13).",
        "-> (2, 28, 28), (2, 26, 26, 4), (2, 13, 13, 4), (2, 676), (2, 10).",
        "-> 13,610, of which the filters have 80; a dense layer would have 4,245,280",
        "-> (5, 5) becomes (2, 2)",
        "With stride 1 there are 9 windows; a pixel that wins in 4 of them gets a gradient of 4.",
    ):
        assert line in output.text
    before, after = output.numbers(f"go: {N}% of the map are below zero, {N}% of the pooled one")
    assert 0 < after < before
    low, high = output.numbers(rf"the probabilities reach from {N} to {N}\.")
    assert 0.08 < low < 0.1 < high < 0.12


def regularisation(output: Output) -> None:
    series, scaled = output.numbers(f"training over testing: {N} in the series, {N} if scaled")
    assert abs(series - 0.8) < 0.02
    assert abs(scaled - 1) < 0.02
    for i in (1, 2, 3):
        masked, unmasked, early = output.numbers(f"W{i} {N} {N} {N} (?=[WT])")
        assert min(masked, unmasked) > 0.1
        assert early == {1: unmasked, 2: early, 3: 0}[i]
        assert early > 0.1 or i == 3
    rows = {
        name: output.numbers(rf"(?<=\d ){name} {N} {N} {N} {N} {N}(?= [A-Zd])")
        for name in ("L2", "dropout", "L2 and dropout", "L2 and dropout, by hand", "L2 and dropout, the series' way")
    }
    rows["without"] = output.numbers(rf"without {N} {N} {N} {N} {N} L2")
    assert rows["L2 and dropout"] == rows["L2 and dropout, by hand"]
    for training_loss, _, test_loss, accuracy, _ in rows.values():
        assert training_loss < test_loss
        assert accuracy > (0.9 if WRITING else 0.95)
    # The penalty makes the weights smaller and the training loss larger; the accuracy does not gain.
    assert rows["L2"][4] < (0.8 if WRITING else 0.75) * rows["without"][4]
    assert rows["L2"][0] > (1.5 if WRITING else 2.5) * rows["without"][0]
    assert max(row[3] for row in rows.values()) == rows["without"][3]
    np.testing.assert_allclose(
        output.numbers(rf"training loss, from {N} to {N}, and the test loss, from {N} to {N}\."),
        [rows[name][i] for i in (0, 2) for name in ("without", "L2 and dropout")],
        atol=0.0006,
    )

    assert "-> 0.51; [[0.02, 0.04], [0.06, 0.08]] and [[0.01, 0.03], [0.05, 0.07]]." in output.text
    assert "Outside training [[1, 2, 3], [4, 5, 6]]: nothing changes." in output.text
    before, penalised, _, penalised_after, least, most = output.numbers(
        f"-> {N} without and {N} with it; after the step {N} and {N}\\. Over 200 seeds the penalty is {N} to {N},"
    )
    assert abs(before - np.log(2)) < 0.03
    assert penalised_after < penalised
    assert least <= round(penalised - before, 4) <= most
    assert (least, most) == (0.0005, 0.0037)
    accuracies = {
        name: output.numbers(f"{name} {N}, over five seeds {N} to {N}[.;]")
        for name in ("Without dropout", "; dropout", "the series' way")
    }
    for seed, least, most in accuracies.values():
        assert 0.9 < least <= seed <= most
    assert accuracies["the series' way"][2] < accuracies["Without dropout"][2]
    assert output.numbers(f"-> {N} and {N}: 1 and \\(1 - p\\) / p = {N}\\.")[2] == 0.25
    assert abs(output.numbers(f"after 100 there is {N} left")[0] - 0.998**100) < 1e-4
    assert output.numbers(f"then Z2 is, to {N}, what")[0] < 0.02


def capstone(output: Output) -> None:
    first, last = output.numbers(f"loss {N} in the first batch, {N} in the last")
    assert first > 2
    assert last < 0.7
    # The listing and what is said about it: pooling comes before the ReLU.
    assert output.text.index("max_pool2d(x5)") < output.text.index("relu(x6)")
    assert "(The pooling comes before the ReLU," in output.text
    accuracies = {}
    for name, parameters in (
        ("784-256-10", "203,530"),
        ("784-256-128-10", "235,146"),
        ("with L2 and dropout", "235,146"),
        ("CNN", "13,610"),
    ):
        loss, accuracies[name] = output.numbers(f"{name} {parameters} {N} {N}")
        assert loss < 0.1
        assert accuracies[name] > 0.95
    without, _ = output.numbers(f"CNN without momentum 13,610 {N} {N}")
    assert without > 2 * output.numbers(f"CNN 13,610 {N}")[0]
    # On these digits the perceptrons win, and the script says so.
    best = max(accuracy for name, accuracy in accuracies.items() if name != "CNN")
    assert output.numbers(f"the perceptrons are ahead, {N} against {N}:") == [best, accuracies["CNN"]]
    wrong, images = output.numbers(f"The CNN gets {N} of {N} wrong")
    assert abs(1 - wrong / images - accuracies["CNN"]) < 1e-4

    assert "-> -0.200, 0.800; -0.340, 0.460; -0.398, 0.062." in output.text
    assert "-> 0.8 = 4 / 5, and 0.75 = 3 / 4" in output.text
    losses = [
        [float(loss) for loss in output.text.split(start)[1].split(";")[0].split(", ")]
        for start in ("-> Without ", "With it, at lr 0.02, ", "times a step. At lr 0.1, ")
    ]
    assert [len(epochs) for epochs in losses] == [10, 10, 10]
    assert losses[1][-1] < losses[0][-1] < 0.2 < losses[2][-1]
    seeds = [
        output.numbers(rf"; test accuracy {N}, over three seeds {N} to {N}{end}")
        for end in (r"\. With", r"\. The", "; with all three seeds")
    ]
    for accuracy, low, high in seeds:
        assert low <= accuracy <= high
    assert min(seeds[0][1], seeds[1][1]) > 0.95 > 0.5 > seeds[2][2]
    fast, slow = output.numbers(f"below 1 after {N} epochs instead of {N}:")
    assert fast < slow - 1
    epochs = [float(a) for a in output.text.split("before and after. -> ")[1].split(". The")[0].split(", ")]
    assert len(epochs) == 10
    assert epochs[-1] > 0.95
    assert output.numbers(f"The step goes to {N} =") == [-1]
    plain, with_momentum = output.numbers(f"-> {N} steps without and {N} with it")
    assert (plain, with_momentum) == (691, 95)
    figures = output.numbers(f"that of the perceptron from {N} to {N} and that of the CNN from {N} to {N}:")
    assert figures[0] - figures[1] > 0.2 > 0.1 > figures[2] - figures[3]


def conclusion(output: Output) -> None:
    built, rest = output.text.split("By hand, automatically, numerically")
    assert set(reference.__all__) <= set(re.findall(r"\w+", built))
    for network in ("784-256-10", "784-256-128-10", "784-64-32-10, batch norm", "CNN"):
        by_hand, numerical = output.numbers(rf"{network} [\d,]+ {N} {N} yes")
        assert by_hand < 1e-12
        assert numerical < 1e-5
    rows = re.findall(rf"(4\.\db?|[23]\.\d) ((?:(?! [23]\.\d | 4\.\d).)*?) (-|(?:about )?{N}) {N}(?= [234P])", rest)
    here = {(chapter, network): float(accuracy) for chapter, network, _, _, accuracy in rows}
    assert [chapter for chapter, *_ in rows] == ["2.3", "3.4", "4.1", "4.1", "4.1b", "4.1b", *["4.4"] * 3, *["4.5"] * 4]
    assert [series for _, _, series, _, _ in rows] == [
        "0.935", "0.892", "0.887", "-", "-", "-", "0.870", "0.885", "-", "-", "about 0.90", "-", "about 0.90"
    ]  # fmt: skip
    # Of some of the images, networks of three layers with weights of 0.01 have hardly begun to learn.
    slow = set() if ALL_IMAGES else {key for key in here if key[0] in ("4.1", "4.4") and "He" not in key[1]}
    assert min(here[key] for key in here.keys() - slow) > (0.95 if ALL_IMAGES else 0.9)
    # The very same training in two chapters.
    assert here["4.1", "784-256-128-10"] == here["4.4", "784-256-128-10 (again)"]


def curvature(output: Output) -> None:
    errors = [float(error) for error in output.text.split("are off by ")[1].split(": each")[0].split(", ")]
    assert len(errors) == 6
    np.testing.assert_allclose(errors[1:], np.square(errors[:-1]), rtol=0.1)
    newton, descent = output.numbers(f" 10 {N} {N} 300")
    assert newton < 1e-12
    assert descent > 1e-3
    assert output.numbers(f" 10 {N} {N} 300 {N}")[2] > 1e-5
    for lr in (0.03, 0.05, 0.1):
        bound, first, _, last, loss_first, loss_last = output.numbers(rf" {lr:g} {N} {N} {N} {N} {N} {N}(?= [0W])")
        np.testing.assert_allclose(bound, 2 / lr, atol=0.05)
        assert first > bound
        assert loss_last < loss_first / 10
        assert 0.8 * bound < last < 1.1 * bound


PROMISES: dict[str, Callable[[Output], None]] = {
    "chapter_2_3_logistic_regression": logistic_regression,
    "chapter_2_4_numerical_gradients": numerical_gradients,
    "chapter_3_1_perceptron": perceptron,
    "chapter_3_2_activations": activations,
    "chapter_3_3_forward_pass": forward_pass,
    "chapter_3_4_training": training,
    "chapter_4_1_deeper": deeper,
    "chapter_4_1b_initialisation": initialisation,
    "chapter_4_2_convolution": convolution,
    "chapter_4_3_cnn": cnn,
    "chapter_4_4_regularisation": regularisation,
    "chapter_4_5_capstone": capstone,
    "chapter_4_6_conclusion": conclusion,
    "chapter_5_1_curvature": curvature,
}


def added(chapter: str) -> list[str]:
    """Return the functions that a chapter adds, by the documentation of `nn.reference`."""
    (found,) = re.findall(rf"^- {chapter}, (.*?)(?=^- |^$)", reference.__doc__ or "", re.MULTILINE | re.DOTALL)
    return re.findall(r"`(\w+)`", found)


# The conclusion trains all networks of the chapters once more, for which some of the images will do but at night.
ALL_IMAGES = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
OPTIONS = {} if ALL_IMAGES else {"chapter_4_6_conclusion": ["--samples", "360"]}
if WRITING:
    OPTIONS |= {
        "chapter_4_1_deeper": FEWER,
        "chapter_4_1b_initialisation": FEWER,
        "chapter_4_4_regularisation": FEWER,
        "chapter_4_5_capstone": ["--epochs", "8"],
    }
TRAINING = [script for script in PROMISES if re.search("2_3|3_1|3_4|4_1|4_4|4_5", script)]


def test_every_chapter_is_tested() -> None:
    assert sorted(PROMISES) == SCRIPTS


@pytest.mark.parametrize("script", PROMISES)
def test_chapter_keeps_its_promises(script: str, tmp_path: Path) -> None:
    from matplotlib import image

    result = run(script, *OPTIONS.get(script, []), folder=tmp_path)
    assert "Warning" not in result.stderr
    output = Output(result.stdout)
    PROMISES[script](output)

    agreements = re.findall(rf"by hand and automatically agree to {N}", output.text)
    assert agreements
    assert max(map(float, agreements)) <= 1e-10
    assert "Lesson: " in output.text
    # Chapters that train a model show the tape of a step, once.
    assert output.text.count("forward, in the order of creation") == (script in TRAINING)
    assert output.text.startswith("Why it matters: ")
    if script < "chapter_4_6":
        exercises = re.findall(r"^(\d+)\. .*", result.stdout.split("Exercises\n")[1], re.MULTILINE)
        assert exercises == [str(i + 1) for i in range(len(exercises))]
        assert len(exercises) > 4
        _, printed = output.text.split("New in this chapter: from nn.reference import ")
        number = ".".join(script.split("_")[1:3])
        expected = added("announced after 4.1 and never written" if number == "4.1b" else number)
        assert re.match(r"(?:\w+, )*\w+", printed)[0].split(", ") == expected  # type: ignore[index]
        assert re.search(r" Next: .*[cC]hapter \d\.\db?,? [^.]*\.$", output.text)

    pictures = re.findall(r"^Picture: (\S+)$", result.stdout, re.MULTILINE)
    assert pictures
    assert sorted(pictures) == sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "out").iterdir())
    for picture in pictures:
        pixels = image.imread(tmp_path / picture)[:, :, :3]
        assert min(pixels.shape[:2]) > 400
        assert pixels.std() > 0.05
        # Something is drawn in every quarter.
        for half in np.array_split(pixels, 2, axis=1):
            for quarter in np.array_split(half, 2, axis=0):
                assert np.ptp(quarter) > 0.5


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_the_page_of_the_textbook(script: str, tmp_path: Path) -> None:
    text = run(script, "--help", folder=tmp_path).stdout
    source = (ROOT / "examples" / f"{script}.py").read_text(encoding="utf-8")
    assert source.split('"""')[1].strip() in text
    for option in ("--data", "--samples", "--seed", "--out"):
        assert option in text


@pytest.mark.parametrize("script", SCRIPTS)
def test_wrong_data_ends_in_a_line(script: str, tmp_path: Path) -> None:
    result = run(script, "--data", "nowhere", "--out", "new", folder=tmp_path, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"{script}.py: ")
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("script", "lr"),
    [
        # Where a logistic regression bears a rate of 1, and two easy classes more.
        ("chapter_2_3_logistic_regression", "1e6"),
        ("chapter_3_1_perceptron", "1e6"),
        *((script, "1") for script in TRAINING if script > "chapter_3_4"),
    ],
)
def test_a_training_that_diverges_is_called_so(script: str, lr: str, tmp_path: Path) -> None:
    """In words, and without a warning of each number that is too large on the way to the one that it ends at."""
    result = run(script, "--lr", lr, "--epochs", "4", folder=tmp_path, check=False)
    assert result.returncode == 1
    end = result.stderr.splitlines()[-1]
    assert end.startswith(f"{script}.py: ")
    assert " diverged" in end
    assert "Warning" not in result.stderr
    # No figure of it is printed, nor compared.
    assert max(map(len, result.stdout.splitlines())) < 200


def test_a_large_rate_that_ends_well_did_not_diverge(tmp_path: Path) -> None:
    run("chapter_2_3_logistic_regression", "--lr", "1", folder=tmp_path)


def test_answers_found_with_other_images_say_what_the_chapters_own_give() -> None:
    with mock.patch.object(sys, "path", [str(ROOT / "examples"), *sys.path]):
        common = runpy.run_path(str(ROOT / "examples" / "common.py"))
    for name in ("digits", "fashion"):
        assert common["of_mnist"](name, "0.9") == (
            f"\nThe images are those of {name}. With the chapter's, --data mnist: 0.9."
        )
    assert common["of_mnist"]("mnist", "0.9") == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--samples", "0"], "--samples: invalid positive int value: '0'"),
        (["--samples", "9"], "--samples 9: give 10 at least, and at most 360"),
        (["--samples", "361"], "--samples 361: give 10 at least, and at most 360"),
        (["--lr", "-1"], "--lr: invalid positive float value: '-1'"),
        (["--lr", "nan"], "--lr: invalid positive float value: 'nan'"),
        (["--epochs", "0"], "--epochs: invalid positive int value: '0'"),
    ],
)
def test_wrong_options_end_in_a_line(options: list[str], message: str, tmp_path: Path) -> None:
    result = run("chapter_2_3_logistic_regression", *options, folder=tmp_path, check=False)
    assert result.returncode != 0
    assert message in result.stderr.splitlines()[-1]
    assert "Traceback" not in result.stderr


def test_a_script_is_a_program_of_its_own(tmp_path: Path) -> None:
    result = run_alone("chapter_3_2_activations", folder=tmp_path)
    assert "Lesson: " in result.stdout
    assert not result.stderr


PAGE = (ROOT / "docs" / "chapters.md").read_text(encoding="utf-8")


def test_gallery_is_what_the_pages_show() -> None:
    pages = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    shown = [path for page in pages for path in re.findall(r"!\[.+?\]\(\.\./(examples/gallery/.+?)\)", page)]
    assert sorted(shown) == sorted(f"examples/gallery/{path.name}" for path in (ROOT / "examples/gallery").iterdir())
    assert all((ROOT / path).stat().st_size < 80_000 for path in shown)
    assert re.findall(r"^\| `(chapter_\w+)\.py` \| [^|]+ \|$", PAGE, re.MULTILINE) == SCRIPTS


# The test accuracies that a script prints, in the order of its rows in docs/chapters.md.
PRINTED = {
    "chapter_2_3_logistic_regression": [rf"by hand: .*? accuracy {N} automatically"],
    "chapter_3_4_training": [rf"automatically: .*? accuracy {N} Losses"],
    "chapter_4_1_deeper": [rf"Epoch 20/20 \S+ \S+ \S+ {N}", rf"Epoch 20/20 \S+ \S+ \S+ \S+ \S+ {N}"],
    "chapter_4_1b_initialisation": [rf"Epoch 20/20(?: \S+){{5}} {N}", rf"Epoch 20/20(?: \S+){{7}} {N}"],
    "chapter_4_4_regularisation": [
        rf"without \S+ \S+ \S+ {N} \S+ L2",
        rf"L2 and dropout, the series' way \S+ \S+ \S+ {N}",
        rf"L2 and dropout, by hand \S+ \S+ \S+ {N}",
    ],
    "chapter_4_5_capstone": [
        rf"784-256-10 203,530 \S+ {N}",
        rf"784-256-128-10 235,146 \S+ {N}",
        rf"with L2 and dropout 235,146 \S+ {N}",
        rf"CNN 13,610 \S+ {N}",
    ],
}
MNIST = ROOT.parent / "shared" / "data" / "mnist"
NEEDS_MNIST = pytest.mark.skipif(not MNIST.exists(), reason="needs a folder with the MNIST files")
NIGHTLY = pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="takes a minute with the others")
CHECKED = pytest.mark.skipif(settings().max_examples < 50, reason="takes 15 seconds: not while writing")


@pytest.fixture(scope="module")
def with_mnist(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Return what a script prints of MNIST, by its name; each runs once."""

    @functools.cache
    def printed(script: str) -> str:
        return run(script, "--data", str(MNIST), folder=tmp_path_factory.mktemp(script)).stdout

    return printed


@NEEDS_MNIST
@pytest.mark.parametrize(
    "script", [pytest.param(script, marks=CHECKED if "capstone" in script else NIGHTLY) for script in PRINTED]
)
def test_mnist_beats_the_series_as_the_page_says(script: str, with_mnist: Callable[[str], str]) -> None:
    stated = re.findall(rf"^\| `{script}\.py` \| .+ \| (?:about )?(-|{N}) \| {N} \|$", PAGE, re.MULTILINE)
    output = Output(with_mnist(script))
    assert len(stated) == len(PRINTED[script])
    for (series, _, here), pattern in zip(stated, PRINTED[script], strict=True):
        (found,) = output.numbers(pattern)
        assert series == "-" or found > float(series)
        # Sums that another machine adds up in another order lead to another few images.
        assert abs(found - float(here)) < 0.01


def stated_of_mnist(script: str) -> dict[str, list[str]]:
    """Return the numbers that the exercises of a script state of MNIST without a run, by the exercise."""
    found = {}
    for function in ast.parse((ROOT / "examples" / f"{script}.py").read_text(encoding="utf-8")).body:
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "of_mnist":
                assert isinstance(function, ast.FunctionDef)
                figures = ast.literal_eval(node.args[1])
                found[function.name.removeprefix("exercise_")] = re.findall(r"-?\d+(?:\.\d+)?(?:e-\d+)?", figures)
    return found


def unit(number: str) -> float:
    """Return one in the last digit of a number."""
    return float(Decimal(1).scaleb(int(Decimal(number).as_tuple().exponent)))


def missing(stated: list[str], answer: str) -> list[str]:
    """Return the stated numbers that an answer does not have in this order, rounded to as many digits.

    Other machines add up in another order: one in the last digit is the same, and an image in two hundred.
    """
    printed, lost = iter(re.findall(r"-?\d+(?:\.\d+)?(?:e-\d+)?", answer)), []
    for number in stated:
        value = float(number)
        slack = max(unit(number), 0.005 if 0.2 < value < 1 else 0)
        if not any(abs(float(other) - value) <= slack * 1.01 for other in printed):
            lost.append(number)
    return lost


STATING = [script for script in SCRIPTS if stated_of_mnist(script)]


def test_numbers_stated_are_looked_for_in_their_order() -> None:
    assert missing(["0.81", "0.068"], "of 0.0675, 0.810 to 0.86") == ["0.068"]
    assert missing(["0.068", "0.81"], "of 0.0675, 0.810 to 0.86") == []
    assert missing(["-759", "2.3"], "from -757 to 759, 2.35") == ["-759", "2.3"]
    assert missing(["0.865", "0.855"], "0.860, 0.849") == ["0.855"]
    assert missing(["2", "5.0e-05"], "1, 5.3e-05") == ["5.0e-05"]


@NEEDS_MNIST
@pytest.mark.parametrize(
    "script", [pytest.param(script, marks=CHECKED if "capstone" in script else NIGHTLY) for script in STATING]
)
def test_what_exercises_state_of_mnist_is_what_mnist_gives(script: str, with_mnist: Callable[[str], str]) -> None:
    output = with_mnist(script).split("Exercises\n")[1]
    assert "The images are those of" not in output
    answers = dict(re.findall(r"^(\d+)\. .*?   -> (.*?)(?=^\d+\. |^\w)", output, re.MULTILINE | re.DOTALL))
    assert {number: missing(figures, answers[number]) for number, figures in stated_of_mnist(script).items()} == {
        number: [] for number in stated_of_mnist(script)
    }


@CHECKED
@NEEDS_MNIST
def test_capstone_states_of_mnist_what_mnist_gives(with_mnist: Callable[[str], str]) -> None:
    source = (ROOT / "examples" / "chapter_4_5_capstone.py").read_text(encoding="utf-8")
    stated = re.findall(rf"{N} against {N}\.", re.sub(r'"\n +f?"', "", source))
    found = Output(with_mnist("chapter_4_5_capstone")).numbers(f"The CNN is ahead, {N} against {N},")
    np.testing.assert_allclose(found, [float(figure) for figure in stated[0]], atol=0.005)


@NIGHTLY
@NEEDS_MNIST
def test_conclusion_prints_the_figures_of_the_page(tmp_path: Path) -> None:
    stated = re.findall(rf"^\| `chapter_\w+\.py` \| .+ \| (-|(?:about )?{N}) \| {N} \|$", PAGE, re.MULTILINE)
    output = Output(run("chapter_4_6_conclusion", "--data", str(MNIST), folder=tmp_path).stdout)
    _, table = output.text.split("here, mnist ")
    found = re.findall(rf" (-|(?:about )?{N}) {N}(?= [234P])", table)
    assert len(found) == len(stated) == 13
    for (series, _, here), (printed, _, figure) in zip(stated, found, strict=True):
        assert series == printed
        assert abs(float(here) - float(figure)) < 0.01


@NIGHTLY
def test_conclusion_prints_the_figures_of_the_chapters(tmp_path: Path) -> None:
    """To the last digit: the same training twice, from the same weights in the same precision."""
    of_chapters = [
        number
        for script, patterns in PRINTED.items()
        for output in [Output(run(script, folder=tmp_path).stdout)]
        for pattern in patterns
        for number in output.numbers(pattern)
    ]
    _, table = Output(run("chapter_4_6_conclusion", folder=tmp_path).stdout).text.split("here, digits ")
    assert [float(found[-1]) for found in re.findall(rf" (-|(?:about )?{N}) {N}(?= [234P])", table)] == of_chapters


@NIGHTLY
@pytest.mark.parametrize("seed", ["3", "7"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_exercises_hold_for_other_seeds(script: str, seed: str, tmp_path: Path) -> None:
    """What depends on what is drawn is said as it comes out; an assertion in an exercise holds for every seed."""
    short = ["--epochs", "2"] if script in TRAINING and script > "chapter_3_4" else []
    assert "Next" in run(script, "--seed", seed, *short, folder=tmp_path).stdout or script > "chapter_5"
