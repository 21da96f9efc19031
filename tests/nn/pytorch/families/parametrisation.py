"""Layers whose weights are computed from other parameters."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

X, IMAGES = ("rng.normal(size=(4, 3))",), ("rng.normal(size=(2, 3, 4, 4))",)
CASES = [
    Case("nn.utils.weight_norm(nn.Linear(3, 2))", X),
    Case("nn.utils.weight_norm(nn.Linear(3, 2), dim=1)", X),
    Case("nn.utils.weight_norm(nn.Linear(3, 2), dim=None)", X, training=False),
    Case("nn.utils.weight_norm(nn.Linear(3, 2), 'bias')", X),
    Case("nn.utils.weight_norm(nn.Conv2d(3, 2, 3))", IMAGES),
    Case("nn.utils.weight_norm(nn.utils.weight_norm(nn.Linear(3, 2, bias=True)), 'bias')", X),
    Case("nn.utils.remove_weight_norm(nn.utils.weight_norm(nn.Linear(3, 2)))", X),
    Case("nn.utils.spectral_norm(nn.Linear(3, 2))", X),
    Case("nn.utils.spectral_norm(nn.Linear(3, 2), n_power_iterations=3)", X),
    Case("nn.utils.spectral_norm(nn.Linear(3, 2), 'weight', 2, 1e-6, 1)", X),
    Case("nn.utils.spectral_norm(nn.Linear(3, 2))", X, training=False),
    Case("nn.utils.spectral_norm(nn.Conv2d(3, 2, 3))", IMAGES),
    Case("nn.Sequential(nn.utils.spectral_norm(nn.Linear(3, 2)), nn.Tanh(), nn.utils.weight_norm(nn.Linear(2, 1)))", X),
]

_sizes = st.integers(1, 4)
_linear = st.builds(
    lambda norm, i, o, n, seed, training: Case(
        f"nn.utils.{norm.replace('LAYER', f'nn.Linear({i}, {o})')}", (f"rng.normal(size=({n}, {i}))",), seed, training
    ),
    st.sampled_from([
        "weight_norm(LAYER)", "weight_norm(LAYER, 'bias')", "weight_norm(LAYER, dim=1)", "weight_norm(LAYER, dim=None)",
        "spectral_norm(LAYER)", "spectral_norm(LAYER, n_power_iterations=4)", "spectral_norm(LAYER, dim=1, eps=0.1)",
    ]),
    _sizes, _sizes, _sizes, st.integers(0, 2**32 - 1), st.booleans(),
)  # fmt: skip
_conv = st.builds(
    lambda norm, i, o, dim, seed, training: Case(
        f"nn.utils.{norm}(nn.Conv2d({i}, {o}, (2, 3)), dim={dim})", (f"rng.normal(size=(2, {i}, 4, 4))",),
        seed, training,
    ),
    st.sampled_from(["weight_norm", "spectral_norm"]),
    _sizes, _sizes, st.integers(0, 3), st.integers(0, 2**32 - 1), st.booleans(),
)  # fmt: skip
random_cases = _linear | _conv
