"""Generators of random numbers, NumPy's, its older ones and Python's: where they are, and putting them there again."""

from __future__ import annotations

import pickle
import random
from typing import Any

import numpy as np

__all__ = ["put_state", "state_of"]


def state_of(rng: Any) -> bytes:
    """Return what a generator's next numbers depend on."""
    if isinstance(rng, random.Random):
        return pickle.dumps(rng.getstate())
    if isinstance(rng, np.random.RandomState):
        return pickle.dumps(rng.get_state(legacy=False))
    return pickle.dumps(_bits(rng).state)


def put_state(rng: Any, state: bytes) -> None:
    """Put a generator where it was."""
    value = pickle.loads(state)
    if isinstance(rng, random.Random):
        rng.setstate(value)
    elif isinstance(rng, np.random.RandomState):
        rng.set_state(value)
    else:
        _bits(rng).state = value


def _bits(rng: Any) -> Any:
    return rng.bit_generator if isinstance(rng, np.random.Generator) else rng
