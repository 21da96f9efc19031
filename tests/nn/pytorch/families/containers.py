"""What changes no number, or none outside training: containers, flattening, dropout."""

import math

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

_X = "rng.normal(size=(2, 3, 4, 2))"
CASES = [
    Case("nn.Flatten()", (_X,)),
    Case("nn.Flatten(0, 1)", (_X,)),
    Case("nn.Flatten(-3, end_dim=-2)", (_X,)),
    Case("nn.Flatten(2, 2)", (_X,)),
    Case("nn.Flatten(0)", ("rng.normal(size=3)",)),
    Case("nn.Unflatten(1, (3, 2))", ("rng.normal(size=(2, 6))",)),
    Case("nn.Unflatten(-1, (2, -1))", ("rng.normal(size=(2, 3, 4))",)),
    Case("nn.Unflatten(dim=0, unflattened_size=(2,))", ("rng.normal(size=(2, 3))",)),
    Case("nn.Sequential(nn.Unflatten(1, (2, 3)), nn.Flatten(1, 2))", ("rng.normal(size=(2, 6))",)),
    *(Case(f"nn.{name}(0.3)", (_X,), training=False) for name in ("Dropout", "Dropout2d", "AlphaDropout")),
    Case("nn.Dropout1d(0.3, True)", ("rng.normal(size=(2, 3, 4))",), training=False),
    *(Case(f"nn.{name}(0.0)", (_X,)) for name in ("Dropout", "Dropout2d", "AlphaDropout")),
    Case("nn.Dropout(1.0)", (_X,)),
    Case("nn.Dropout2d(1.0)", (_X,)),
    Case("nn.AlphaDropout(1.0)", (_X,)),
    Case("nn.Dropout1d(1)", ("rng.normal(size=(3, 4))",)),
    Case(
        "nn.Sequential(nn.Linear(4, 2), nn.ReLU(inplace=True), nn.Dropout(0, inplace=True))",
        ("rng.normal(size=(2, 4))",),
    ),
]


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    """Draw axes to flatten, or an axis to part."""
    shape = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=4)))
    seed, n = draw(st.integers(0, 2**32 - 1)), len(shape)
    first = draw(st.integers(0, n - 1))
    last = draw(st.integers(first, n - 1))
    if draw(st.booleans()):
        first, last = (axis - draw(st.sampled_from([0, n])) for axis in (first, last))
        return Case(f"nn.Flatten({first}, {last})", (f"rng.normal(size={shape})",), seed)
    whole = (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])
    parts = list(shape[first : last + 1])
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = -1
    axis = first - draw(st.sampled_from([0, len(whole)]))
    return Case(f"nn.Unflatten({axis}, {tuple(parts)})", (f"rng.normal(size={whole})",), seed)


random_cases = _random_cases()
