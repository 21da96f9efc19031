"""Linear layers, and the first layers and losses that there were."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

CASES = [
    Case("nn.Linear(3, 2)", ("rng.normal(size=(4, 3))",)),
    Case("nn.Linear(3, 2, bias=False)", ("rng.normal(size=(2, 4, 3))",)),
    Case("nn.BatchNorm1d(3)", ("rng.normal(size=(4, 3))",)),
    Case("nn.BatchNorm1d(3)", ("rng.normal(size=(4, 3, 2))",), training=False),
    Case("nn.Sequential(nn.Linear(3, 2), nn.Tanh())", ("rng.normal(size=(4, 3))",)),
    Case("nn.MSELoss()", ("rng.normal(size=(4, 3))", "rng.normal(size=(4, 3))")),
    Case("lambda x, y: F.cross_entropy(x, y, reduction='sum')", ("rng.normal(size=(4, 3))", "rng.integers(0, 3, 4)")),
]

_sizes = st.integers(1, 4)
random_cases = st.builds(
    lambda i, o, n, bias, seed: Case(f"nn.Linear({i}, {o}, bias={bias})", (f"rng.normal(size=({n}, {i}))",), seed),
    _sizes, _sizes, _sizes, st.booleans(), st.integers(0, 2**32 - 1),
)  # fmt: skip
