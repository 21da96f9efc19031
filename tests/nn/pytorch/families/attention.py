"""Attention, with one head and with several, and encoder layers of transformers."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case


def normal(*shape: int) -> str:
    return f"rng.normal(size={shape})"


ATTENTION = "lambda q, k, v, m=None: F.scaled_dot_product_attention(q, k, v, m"
CAUSAL = "np.triu(np.ones((3, 3), bool), 1)"
PADDED = "np.array([[False, False, True], [False, True, True]])"


CASES = [
    Case(f"{ATTENTION})", (normal(3, 2), normal(4, 2), normal(4, 3))),
    Case(f"{ATTENTION}, is_causal=True, scale=0.3)", (normal(2, 4, 2), normal(2, 3, 2), normal(2, 3, 1))),
    Case(f"{ATTENTION}, is_causal=True)", (normal(2, 1, 2, 2), normal(2, 1, 4, 2), normal(2, 1, 4, 2))),
    # The second query may attend to nothing.
    Case(
        f"{ATTENTION})",
        (normal(1, 3, 2), normal(1, 2, 2), normal(1, 2, 2), "np.array([[1, 0], [0, 0], [1, 1]], bool)"),
    ),
    Case(
        f"{ATTENTION})",
        (normal(2, 2, 2), normal(2, 3, 2), normal(2, 3, 2), "np.array([[0.5, -np.inf, 1], [-np.inf] * 3])"),
    ),
    Case(f"{ATTENTION})", (normal(2, 2, 2, 2), normal(2, 2, 3, 2), normal(2, 2, 3, 2), normal(2, 1, 2, 3))),
    Case("nn.MultiheadAttention(4, 2)", (normal(3, 2, 4), normal(5, 2, 4), normal(5, 2, 4))),
    Case("nn.MultiheadAttention(4, 1, bias=False, batch_first=True)", (normal(2, 3, 4),) * 3),
    Case("nn.MultiheadAttention(4, 4, kdim=3, vdim=2)", (normal(2, 1, 4), normal(3, 1, 3), normal(3, 1, 2))),
    Case("nn.MultiheadAttention(4, 2)", (normal(3, 4), normal(2, 4), normal(2, 4))),
    Case("nn.MultiheadAttention(4, 2, dropout=0.5)", (normal(3, 1, 4),) * 3, training=False),
    Case(
        "nn.MultiheadAttention(4, 2, batch_first=True)",
        (*(normal(2, 3, 4),) * 3, PADDED, "True", CAUSAL, "False"),
    ),
    Case("nn.MultiheadAttention(4, 2)", (*(normal(2, 3, 4),) * 3, normal(3, 2), "False", normal(6, 2, 2))),
    Case("nn.MultiheadAttention(4, 2)", (*(normal(3, 4),) * 3, "np.array([True, False, False])", "True", "None")),
    Case("nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0)", (normal(3, 2, 4),)),
    Case(
        "nn.TransformerEncoderLayer(4, 2, 6, 0.1, 'gelu', 0.01, batch_first=True, norm_first=True)",
        (normal(2, 3, 4), CAUSAL),
        training=False,
    ),
    Case("nn.TransformerEncoderLayer(4, 2, 6, bias=False)", (normal(3, 4),), training=False),
    Case("nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 3, 0.0), 1, nn.LayerNorm(2))", (normal(3, 2, 2),)),
    Case(
        "nn.TransformerEncoder(nn.TransformerEncoderLayer(2, 1, 3, 0.0, batch_first=True), 1)",
        (normal(2, 3, 2), CAUSAL, PADDED),
    ),
]


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    seed = draw(st.integers(0, 2**32 - 1))
    n, length, keys, heads, features = (draw(st.integers(1, 4)) for _ in range(5))
    flag = st.booleans()
    if draw(flag):
        axes: tuple[int, ...] = draw(st.sampled_from([(), (n,), (n, heads)]))
        q, k, v = (*axes, length, features), (*axes, keys, features), (*axes, keys, draw(st.integers(1, 4)))
        given = [normal(*shape) for shape in (q, k, v)]
        settings = f", scale={draw(st.floats(0.1, 2))}" if draw(flag) else ""
        mask = draw(st.sampled_from(["", "causal", "booleans", "numbers"]))
        if mask == "causal":
            settings += ", is_causal=True"
        elif mask:
            shape = draw(st.sampled_from([(length, keys), (*axes, length, keys)]))
            given.append(f"rng.random({shape}) < 0.6" if mask == "booleans" else normal(*shape))
        return Case(f"{ATTENTION}{settings})", tuple(given), seed)
    e, batch_first, single = heads * features, draw(flag), draw(flag)

    def shape_of(rows: int, features: int) -> str:
        return normal(*((rows, features) if single else (n, rows, features) if batch_first else (rows, n, features)))

    first = ", batch_first=True" if batch_first else ""
    bias = "" if draw(flag) else ", bias=False"
    if draw(flag):
        other = draw(flag)
        kdim, vdim = (draw(st.integers(1, 4)) for _ in range(2)) if other else (e, e)
        made = f"nn.MultiheadAttention({e}, {heads}{bias}{first}{f', kdim={kdim}, vdim={vdim}' if other else ''})"
        given = [shape_of(length, e), shape_of(keys, kdim), shape_of(keys, vdim)]
    else:
        keys = length
        first += ", norm_first=True" if draw(flag) else ""
        activation = draw(st.sampled_from(["relu", "gelu"]))
        made = f"nn.TransformerEncoderLayer({e}, {heads}, {features}, 0.0, '{activation}'{first}{bias})"
        given = [shape_of(length, e)]
    # The first key is never left out: where nothing is left, PyTorch has NaN or 0, depending on the way it takes.
    masks = {
        "padding": f"np.where(np.arange({keys}) < 1, False, rng.random({(keys,) if single else (n, keys)}) < 0.4)",
        "booleans": f"np.where(np.arange({keys}) < 1, False, rng.random({(length, keys)}) < 0.4)",
        "numbers": normal(*((length, keys) if single else (n * heads, length, keys))),
        "none": "None",
    }
    attention = draw(st.sampled_from(["none", "booleans", "numbers"]))
    # PyTorch wants both masks of one kind.
    padding = "padding" if attention != "numbers" and draw(flag) else "none"
    if made.startswith("nn.Multi"):
        given += [masks[padding], str(draw(flag)), masks[attention], str(draw(flag))]
    else:
        given += [masks[attention], masks[padding]]
    return Case(made, tuple(given), seed)


random_cases = _random_cases()
