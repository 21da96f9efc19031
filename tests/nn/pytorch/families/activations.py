"""Activations, at ordinary points, at their kinks, and at large numbers."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

_X = "rng.normal(size=(2, 4, 3)) * 3"
_KINKS = "np.array([[-3.0, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0]])"
_LARGE = "np.array([[-1e4, -800.0, -50.0, 20.0, 50.0, 1e4]])"

# What each takes, as drawn at random.
_number = st.sampled_from(["-1.5", "0.1", "0.7", "2", "3.5"])
_LAYERS: dict[str, st.SearchStrategy[str]] = {
    "ReLU": st.just(""),
    "LeakyReLU": _number,
    "ELU": _number,
    "CELU": st.sampled_from(["0.25", "1", "2"]),  # PyTorch rounds their inverses to single precision
    "SELU": st.just(""),
    "GELU": st.sampled_from(["'none'", "'tanh'"]),
    "SiLU": st.just(""),
    "Mish": st.just(""),
    "Softplus": st.sampled_from(["1.0", "0.5, 3", "2, 20", "3.0, 1.0"]),
    "Hardtanh": st.sampled_from(["", "-2, 0.5", "0, 3"]),
    "ReLU6": st.just(""),
    "Hardswish": st.just(""),
    "LogSigmoid": st.just(""),
    "Softsign": st.just(""),
    "Tanh": st.just(""),
    "Tanhshrink": st.just(""),
    "Threshold": st.sampled_from(["0.5, 2", "-1.0, 0.0"]),
}
_FUNCTIONS = [name.lower() for name in _LAYERS] + ["leaky_relu"]
_FUNCTIONS.remove("leakyrelu")

CASES = [
    *(
        Case(f"nn.{name}({'0.5, 2' if name == 'Threshold' else ''})", (x,))
        for name in _LAYERS
        for x in (_X, _KINKS, _LARGE)
    ),
    *(Case(f"F.{name}", (_X,)) for name in _FUNCTIONS if name != "threshold"),
    # PyTorch rounds the slope of a hard sigmoid to single precision.
    *(Case("lambda x: x * F.hardsigmoid(x.detach())", (x,)) for x in (_X, _KINKS, _LARGE)),
    Case("nn.LeakyReLU(0.3)", (_X,)),
    Case("nn.ELU(alpha=-0.5)", (_X,)),
    Case("nn.CELU(0.25)", (_X,)),
    Case("nn.GELU('tanh')", (_X,)),
    Case("nn.GELU(approximate='tanh')", (_LARGE,)),
    Case("nn.Softplus(2, 3)", (_KINKS,)),
    Case("nn.Softplus(0.5)", (_LARGE,)),
    Case("nn.Hardtanh(-2.0, 0.5)", (_X,)),
    Case("nn.PReLU()", (_X,)),
    Case("nn.PReLU(4, 0.1)", (_X,)),
    Case("nn.PReLU()", (_KINKS,)),
    Case("nn.PReLU()", ("rng.normal(size=3)",)),
    Case("lambda x, w: F.prelu(x, w)", (_X, "rng.normal(size=4)")),
    Case("nn.GLU()", ("rng.normal(size=(3, 4))",)),
    Case("nn.GLU(0)", ("rng.normal(size=(4, 3))",)),
    Case("lambda x: F.glu(x, dim=1)", ("rng.normal(size=(2, 4))",)),
    Case("nn.LogSoftmax(dim=1)", (_X,)),
    Case("nn.Softmin(dim=1)", (_X,)),
    Case("lambda x: F.softmin(x, 0)", (_X,)),
    Case("nn.Softmax2d()", ("rng.normal(size=(2, 3, 1, 2))",)),
    Case("nn.Softmax2d()", ("rng.normal(size=(3, 1, 2))",)),
    Case("nn.Identity(54, unused=0.1)", (_X,)),
]


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    """Draw a layer or a function, its settings and its input."""
    seed = draw(st.integers(0, 2**32 - 1))
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    x = f"np.array(rng.normal(size={shape}) * {draw(st.sampled_from([0.1, 3, 100]))})"
    kind = draw(st.sampled_from([*_LAYERS, "PReLU", "GLU", "LogSoftmax", "Softmin"]))
    if kind == "PReLU":
        channels = shape[1] if len(shape) > 1 and draw(st.booleans()) else 1
        return Case(f"nn.PReLU({channels})", (x,), seed)
    if kind not in _LAYERS:
        lead = tuple(draw(st.lists(st.integers(1, 3), max_size=2)))
        axis = draw(st.integers(-1 - len(lead), len(lead)))
        lengths = [2 * n for n in (*lead, draw(st.integers(1, 3)))]
        return Case(f"nn.{kind}({axis})", (f"rng.normal(size={tuple(lengths)})",), seed)
    settings = draw(_LAYERS[kind])
    if draw(st.booleans()):
        name = "leaky_relu" if kind == "LeakyReLU" else kind.lower()
        named = settings.replace("'", '"')
        named = f"approximate={named}" if kind == "GELU" else named
        return Case(f"lambda x: F.{name}(x{', ' * bool(named)}{named})", (x,), seed)
    return Case(f"nn.{kind}({settings})", (x,), seed)


random_cases = _random_cases()
