"""Kinks: where the slopes on both sides differ, of which differences take the mean, so that they cannot judge."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.doctor.differences import NUMERICAL, Differences, moved
from nn.doctor.evidence import distance, largest, listed
from nn.doctor.layers import pooled
from nn.doctor.rounding import rounding
from nn.doctor.trials import Call, Rule, Trial
from nn.layers import MaxPool2d, ReLU

__all__ = ["at_a_kink"]

Array = NDArray[Any]

# How far parameters are moved off a kink, as a share of their size.
_BESIDE = 1e-3
# An input that is so small beside what it is summed from is at the kink, for all that differences can tell: the steps
# that would be too small to reach it are lost in rounding.
_NEAR = 1e-9
# The steps that differences begin with, which small inputs do not reach beyond.
_STEP = 1e-6
# So many units are listed by their numbers.
_LISTED = 5


def at_a_kink(trial: Trial, contradicted: list[str], differences: Differences) -> tuple[list[str], str]:
    """Return of which gradients differences cannot judge for a ReLU at 0 or a tie of maxima, and where that is.

    That it is the kink, and no wrong rule, is tried out twice: the gradient must be another one on its other side, and
    with parameters that are a little beside it differences must agree.
    """
    inputs = _nearness(trial) if any(issubclass(call.kind, ReLU | MaxPool2d) for call in trial.calls) else []
    turning: set[str] = set()
    units: list[str] = []
    windows: list[str] = []
    near = False
    for call, change in zip(trial.calls, inputs, strict=False):
        if call.g is None or not call.x.ndim:
            continue
        if issubclass(call.kind, ReLU):
            at, exact, rule = _at_zero(call, change)
        elif issubclass(call.kind, MaxPool2d):
            at, exact, rule = _at_a_tie(call, largest(change))
        else:
            continue
        if not at.any():
            continue
        other = trial.gradients({call.path: rule})
        turned = [name for name, g in trial.right.items() if _differs(other[name], g)]
        if turned:
            turning.update(turned)
            near = near or not exact
            place = f"that of {call.path or 'the model'} in {_units(at)}"
            (units if issubclass(call.kind, ReLU) else windows).append(place)
    names = [name for name in contradicted if name in turning]
    if not names:
        return [], ""
    every = [name for name, _ in trial.model.named_parameters()]
    beside = Trial(moved(trial.model, every, _BESIDE), trial.loss, trial.x, trial.y)
    there = Differences(beside, differences.directions, differences.entries, differences.rng)
    names = [name for name in names if not there.apart(name, beside.right[name]).contradicts(NUMERICAL)]
    how = "nearly" if near else "exactly"
    where = [f"the input of a ReLU is {how} 0, where it has its kink: {listed(units)}"] if units else []
    where += [f"a pooling has maxima that tie {how}, each with slopes of its own: {listed(windows)}"] if windows else []
    return names, "; and ".join(where)


def _nearness(trial: Trial) -> list[Array]:
    """Return how near to a kink the inputs of each call are at it, for all that differences can tell."""
    near = [_NEAR * change for change in rounding(trial).inputs]
    rng = np.random.default_rng(0)
    for _ in range(2):
        model = deepcopy(trial.model)
        for p in model.parameters():
            p.data = p.data + _STEP * rng.choice([-1.0, 1.0], size=p.shape)
        with np.errstate(all="ignore"):
            calls = Trial(model, trial.loss, trial.x, trial.y).calls
        for most, call, own in zip(near, calls, trial.calls, strict=False):
            if call.x.shape == own.x.shape:
                np.fmax(most, distance(call.x, own.x), out=most)
    return near


def _differs(a: Array, b: Array) -> bool:
    return largest(distance(a, b)) > NUMERICAL * largest(b)


def _at_zero(call: Call, near: Array) -> tuple[Array, bool, Rule]:
    """Return where the input of a ReLU is at its kink, whether exactly, and the rule of the other side."""
    at = (np.abs(call.x) <= near) & (call.g != 0)

    def rule(call: Call, g: Array) -> Mapping[str, Array]:
        return {"x": g * ((call.x > 0) ^ at)} if call.x.shape == at.shape else {}

    return at, not call.x[at].any(), rule


def _at_a_tie(call: Call, near: float) -> tuple[Array, bool, Rule]:
    """Return which windows of a pooling have several maxima, whether exactly, and the rule that takes all of them."""
    several: list[Array] = []

    def share(windows: Array, _call: Call) -> Array:
        most = windows.max(axis=0)
        tied = windows >= most - near
        number = tied.sum(axis=0)
        several.append(number > 1)
        several.append(number > (windows == most).sum(axis=0))
        return tied / number

    rule = pooled(share)
    rule(call, np.zeros(call.y.shape))
    at, nearly = several[0] & (call.g != 0), several[1]
    return at, not nearly[at].any(), rule


def _units(at: Array) -> str:
    """Say in which units, and of how many samples, something is so."""
    samples = f"{int(at.reshape(len(at), -1).any(axis=1).sum())} of {len(at)} samples"
    if at.ndim < 2:
        return samples
    units = np.flatnonzero(at.any(axis=(0, *range(2, at.ndim)))).tolist()
    what = "unit" if at.ndim == 2 else "channel"
    if len(units) > _LISTED:
        return f"{len(units)} of {at.shape[1]} {what}s, of {samples}"
    return f"{what}{'' if len(units) == 1 else 's'} {listed(map(str, units))}, of {samples}"
