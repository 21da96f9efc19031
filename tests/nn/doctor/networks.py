"""Networks of every kind with a batch and a loss, and the slips that a hand-written pass of one can make."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

import nn
from autograd_np import no_grad
from tests.nn.passes import ORDERS, HandWritten

ACTIVATIONS = {"ReLU": nn.ReLU, "Sigmoid": nn.Sigmoid, "Tanh": nn.Tanh}
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d)


@dataclass(frozen=True)
class Network:
    """A classifier or a regression with a batch: described by its fields, made of them on first use.

    `image` and `filters` are those of convolutions before the first linear layer, of which there may be none; `layers`
    are the sizes of the linear ones, from the second on.
    """

    features: int
    image: tuple[int, int, int]
    filters: tuple[int, ...]
    kernel: int
    stride: int
    padding: int
    pool: tuple[int, int, int]
    layers: tuple[int, ...]
    activation: str
    batch_norm: bool
    dropout: float
    loss: str
    reduction: str
    training: bool
    examples: int
    seed: int

    @cached_property
    def model(self) -> Any:
        rng = np.random.default_rng(self.seed)
        layers = [*self._convolutions(rng)]
        width = [*_through(layers, self.x)][-1].shape[1]
        for i, size in enumerate(self.layers):
            layers.append(nn.Linear(width, size, dtype="float64", rng=rng))
            if i < len(self.layers) - 1:
                layers += self._between(nn.BatchNorm1d, size, rng)
            width = size
        layers += {"BCELoss": [nn.Sigmoid()], "Softmax": [nn.Softmax()]}.get(self.loss, [])
        model = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, NORMALISATIONS):
                layer.weight.data = rng.uniform(0.5, 2, layer.num_features)
                layer.bias.data = rng.normal(size=layer.num_features)
                layer.running_mean = rng.normal(size=layer.num_features)
                layer.running_var = rng.uniform(0.5, 2, layer.num_features)
        return model.train(self.training)

    def _convolutions(self, rng: Any) -> Iterator[Any]:
        channels = self.image[0]
        for filters in self.filters:
            yield nn.Conv2d(channels, filters, self.kernel, self.stride, self.padding, dtype="float64", rng=rng)
            yield from self._between(nn.BatchNorm2d, filters, None)
            channels = filters
        if self.filters:
            yield nn.MaxPool2d(*self.pool)
            yield nn.Flatten()

    def _between(self, normalisation: Any, size: int, rng: Any) -> list[Any]:
        normalised = [normalisation(size, dtype="float64")] if self.batch_norm else []
        dropped = [nn.Dropout(self.dropout, rng=rng)] if self.dropout and rng is not None else []
        return [*normalised, ACTIVATIONS[self.activation](), *dropped]

    @cached_property
    def x(self) -> Any:
        shape = self.image if self.filters else (self.features,)
        return np.random.default_rng((self.seed, 1)).normal(size=(self.examples, *shape))

    @cached_property
    def y(self) -> Any:
        rng, classes = np.random.default_rng((self.seed, 2)), self.layers[-1]
        if self.loss == "CrossEntropyLoss":
            return rng.integers(classes, size=self.examples)
        if self.loss in ("BCELoss", "BCEWithLogitsLoss"):
            return rng.integers(2, size=(self.examples, classes)).astype(float)
        return rng.normal(size=(self.examples, classes))

    @cached_property
    def criterion(self) -> Any:
        name = "MSELoss" if self.loss == "Softmax" else self.loss
        return getattr(nn, name)(reduction=self.reduction)

    def keeps_its_digits(self) -> bool:
        """Tell whether no normalisation blows up differences between examples, and with them what rounding leaves."""
        layers = list(replace(self).model)  # a copy, from which masks may be drawn
        return not any(
            isinstance(layer, NORMALISATIONS) and np.any(x.var(axis=(0, *range(2, x.ndim))) < 1e-2)
            for layer, x in zip(layers, _through(layers, self.x), strict=False)
        )

    def hand_written(self, **slips: Any) -> HandWritten:
        return HandWritten(self.model, self.criterion, **slips)

    def gradients(self, **slips: Any) -> dict[str, Any]:
        return self.hand_written(**slips)(self.parameters, self.x, self.y)

    @property
    def parameters(self) -> dict[str, Any]:
        return {name: p.data for name, p in self.model.named_parameters()}

    def named(self, *kinds: type[nn.Module]) -> list[str]:
        return [name for name, layer in self.model.named_children() if isinstance(layer, kinds)]


def _through(layers: list[Any], x: Any) -> Iterator[Any]:
    """Yield what goes into each layer, and what comes out of the last one."""
    yield x
    for layer in layers:
        with no_grad():
            x = np.asarray(layer(x))
        yield x


@st.composite
def networks(draw: st.DrawFn) -> Network:
    convolutional = draw(st.booleans())
    training, batch_norm = draw(st.booleans()), draw(st.booleans())
    small = st.integers(1, 4)
    filters = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=2))) if convolutional else ()
    wide = st.lists(small, min_size=2, max_size=4) | small.map(lambda size: [size] * 3)
    return Network(
        features=draw(small),
        image=(draw(st.integers(1, 2)), draw(st.integers(6, 7)), draw(st.integers(6, 7))),
        filters=filters,
        kernel=draw(st.integers(1, 3)),
        stride=draw(st.integers(1, 2)) if len(filters) < 2 else 1,
        padding=draw(st.integers(0, 1)),
        pool=draw(st.sampled_from([(1, 1, 0), (2, 2, 0), (2, 1, 0), (2, 1, 1), (3, 2, 1)])),
        layers=tuple(draw(st.lists(small, min_size=1, max_size=2) if convolutional else wide)),
        activation=draw(st.sampled_from(list(ACTIVATIONS))),
        batch_norm=batch_norm,
        dropout=draw(st.sampled_from([0.0, 0.25, 0.5])),
        loss=draw(st.sampled_from(["CrossEntropyLoss"] * 3 + ["MSELoss", "BCELoss", "BCEWithLogitsLoss", "Softmax"])),
        reduction=draw(st.sampled_from(["mean", "mean", "sum"])),
        training=training,
        examples=draw(st.integers(2 if batch_norm else 1, 5)),
        seed=draw(st.integers(0, 2**16)),
    )


class Slip(NamedTuple):
    """What a pass does wrongly, and what that is called; None where it has no name."""

    mistake: str | None
    changes: dict[str, Any]


def slips(network: Network) -> list[Slip]:
    """Return what can be done wrongly in a pass of a network."""
    return [Slip(mistake, changes) for mistake, changes in _slips(network)]


def _each(places: list[str]) -> list[list[str]]:
    return [[place] for place in places] + ([places] if len(places) > 1 else [])


def _slips(network: Network) -> Iterator[tuple[str | None, dict[str, Any]]]:
    n = network.examples
    weighted = network.named(nn.Linear, nn.Conv2d)
    names = [name for name, _ in network.model.named_children()]
    yield from _of_activations(network)
    if network.training and network.named(nn.Dropout):
        for kind, mistake in (
            ("next", "mask drawn twice"), ("none", "missing dropout mask"),
            ("unscaled", "dropout's scale missing"), ("twice", "dropout's scale doubled"),
        ):  # fmt: skip
            for places in _each(network.named(nn.Dropout)):
                yield mistake, {"dropout": dict.fromkeys(places, kind)}
    for kinds in ((nn.Dropout,), NORMALISATIONS, (nn.Dropout, *NORMALISATIONS)):
        if network.named(*kinds) and (n > 1 or nn.Dropout in kinds):
            yield f"pass in {'evaluation' if network.training else 'training'} mode", {"toggled": kinds}
    if network.filters:
        yield from _of_images(network)
    for places in _each([name for name in network.named(nn.Linear) if _is_square(network, name)]):
        yield "transposed weight in the delta", {"transposed": places}
    for places in _each(weighted):
        yield "bias summed over the wrong axis", {"wrong_axis": places}
        yield "gradient not summed over the batch", {"not_summed": places}
    normalising = network.named(*NORMALISATIONS)
    for places in _each(normalising):
        yield "normalisation's weight missing on the way back", {"unscaled": places}
        yield "normalisation without its eps", {"without_eps": places}
    if network.training:
        for places in _each(normalising):
            yield "batch statistics taken for constants", {"constant": places}
    for which, place in (("first", 0), ("last", -1), (None, 1)):
        if n > (2 if which is None else 1):
            mistake = f"{which} sample dropped" if which else None
            for places in _each([*weighted, *normalising]):
                yield mistake, {"dropped": dict.fromkeys(places, place)}
                for part in ("weight", "bias"):
                    yield mistake, {"dropped": dict.fromkeys(places, place), "parts": [part]}
            yield mistake, {"dropped": {"": place}}
            if network.reduction == "mean":
                yield mistake, {"dropped": {"": place}, "divided": n - 1}
    yield "weights updated too early", {"rate": 0.37}
    for places in ([name] for name in [*weighted, *normalising]):
        yield "weights updated too early", {"rate": 0.37, "early": places}
    if normalising:
        yield "weights updated too early", {"rate": 0.37, "early": weighted}
    for outputs, mistake in _of_outputs(network):
        yield mistake, {"outputs": outputs}
    yield None, {"outputs": "rooted"}
    for name in names:
        yield None, {"noise": {name: network.seed}}
        yield "constant factor", {"scale": {name: 1.37}}
    for factor in {2.0, 0.5, -1.0, float(n), 1 / n} - {1.0}:
        yield "constant factor", {"scale": {"": factor}}
    yield "step in place of the gradient", {"scale": {"": -0.1}}


def _of_activations(network: Network) -> Iterator[tuple[str | None, dict[str, Any]]]:
    for kind, name in ((nn.Sigmoid, "the sigmoid"), (nn.Tanh, "tanh"), (nn.ReLU, ""), (nn.Softmax, "the softmax")):
        for places in _each(network.named(kind)):
            yield f"missing derivative of {name}" if name else "missing ReLU mask", {"unmasked": places}
            if kind is not nn.Softmax:
                yield "activation in place of its derivative", {"slopes": dict.fromkeys(places, "output")}
            if kind in (nn.Sigmoid, nn.Tanh):
                for letter in "za":
                    mistake = f"derivative of {name} taken of {letter.upper()}"
                    yield mistake, {"slopes": dict.fromkeys(places, letter)}
            elif kind is nn.Softmax:
                mistake = "derivative of the softmax without its off-diagonal part"
                yield mistake, {"slopes": dict.fromkeys(places, "diagonal")}
            else:
                yield None, {"slopes": dict.fromkeys(places, "leaky")}
    layers = list(network.model.named_children())
    before: dict[str, int] = {}
    for i, (name, layer) in enumerate(layers):
        if not isinstance(layer, nn.Linear | nn.Conv2d):
            continue
        for steps in range(1, i + 1):
            other = layers[i - steps][1]
            if isinstance(other, tuple(ACTIVATIONS.values())):
                same_size = not any(isinstance(between, nn.MaxPool2d) for _, between in layers[i - steps : i])
                if same_size and not any(isinstance(b, nn.Linear | nn.Conv2d) for _, b in layers[i - steps : i]):
                    before[name] = steps
    for places in _each(list(before)):
        yield "values before the activation", {"before": {place: before[place] for place in places}}
    inputs = list(_through(list(deepcopy(network.model)), network.x))  # a copy, from which masks may be drawn
    for i, (name, layer) in enumerate(layers):
        if isinstance(layer, nn.Linear):
            for steps in range(1, i + 1):
                other = inputs[i - steps]
                if (
                    other.shape == inputs[i].shape
                    and steps != before.get(name)
                    and not np.array_equal(other, inputs[i])
                ):
                    yield "input of another layer", {"before": {name: steps}}


def _of_images(network: Network) -> Iterator[tuple[str | None, dict[str, Any]]]:
    for places in _each(network.named(nn.Conv2d)):
        yield "flipped kernel", {"flipped": places}
    for ties, mistake in {
        "even": "pooling that spreads its gradient over ties", "all": "pooling that spreads its gradient over ties",
        "every": "pooling that sends its gradient to all cells", "mean": "max pooling differentiated as mean pooling",
        "corner": "pooling to the wrong place", "turned": "pooling to the wrong place",
        "last": "pooling to the wrong place", "smallest": None,
    }.items():  # fmt: skip
        yield mistake, {"ties": ties}
    for order in ORDERS.values():
        for where in ("back", "both", "weight"):
            yield "flattened in another order", {"flat": where, "order": order}


def _of_outputs(network: Network) -> list[tuple[str, str | None]]:
    twice = "derivative of the {} taken twice"
    if network.loss == "CrossEntropyLoss":
        turned = [(f"label {step}", "labels off by one") for step in ("+ 1", "- 1")]
        counted = [(f"counted from {first}", "labels off by one") for first in ("1", "-1")]
        return [
            *((outputs, twice.format("softmax")) for outputs in ("softmax", "jacobian")),
            *turned,
            *counted,
            ("label + 2", None),
            ("logits", "logits in place of probabilities"),
            ("no labels", "labels not subtracted"),
        ]
    return {
        "BCEWithLogitsLoss": [
            ("sigmoid", twice.format("sigmoid")),
            ("logits", "logits in place of probabilities"),
            ("turned", "labels turned"),
        ],
        "BCELoss": [("sigmoid", twice.format("sigmoid"))],
    }.get(network.loss, [])


def _is_square(network: Network, name: str) -> bool:
    rows, columns = network.model.state_dict()[f"{name}.weight"].shape
    return rows == columns
