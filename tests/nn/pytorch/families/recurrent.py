"""Recurrent layers and cells, and sequences of different lengths."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case


def normal(*shape: int) -> str:
    return f"rng.normal(size={shape})"


def packed(layer: str, lengths: list[int], **settings: bool) -> str:
    """Return a module that packs padded sequences for a layer, and pads what comes out, as one writes it."""
    order = "".join(f", {name}={value}" for name, value in settings.items())
    pack = f"nn.utils.rnn.pack_padded_sequence(x, {lengths}{order})"
    first = ", batch_first=True" if settings.get("batch_first") else ""
    return (
        "type('Tagger', (nn.Module,), {'__module__': '__main__', "
        f"'__init__': lambda self: (nn.Module.__init__(self), setattr(self, 'layer', {layer}))[0], "
        f"'forward': lambda self, x, *hx: (lambda y, h: [nn.utils.rnn.pad_packed_sequence(y{first}), h])"
        f"(*self.layer({pack}, *hx))}})()"
    )


CASES = [
    Case("nn.RNNCell(3, 2)", (normal(4, 3),)),
    Case("nn.RNNCell(3, 2, bias=False, nonlinearity='relu')", (normal(4, 3), normal(4, 2))),
    Case("nn.RNNCell(3, 2)", (normal(3), normal(2))),
    Case("nn.LSTMCell(3, 2)", (normal(4, 3),)),
    Case("nn.LSTMCell(3, 2)", (normal(4, 3), f"({normal(4, 2)}, {normal(4, 2)})")),
    Case("nn.LSTMCell(3, 2, bias=False)", (normal(3), f"({normal(2)}, {normal(2)})")),
    Case("nn.GRUCell(3, 2)", (normal(4, 3),)),
    Case("nn.GRUCell(3, 2, False)", (normal(4, 3), normal(4, 2))),
    Case("nn.RNN(3, 2)", (normal(4, 2, 3),)),
    Case("nn.RNN(3, 2, 2, 'relu')", (normal(4, 2, 3), normal(2, 2, 2))),
    Case("nn.RNN(3, 2, batch_first=True, bidirectional=True)", (normal(2, 4, 3), normal(2, 2, 2))),
    Case("nn.RNN(3, 2, bias=False)", (normal(4, 3),)),
    Case("nn.LSTM(3, 2)", (normal(4, 2, 3),)),
    Case("nn.LSTM(3, 2, 2)", (normal(4, 2, 3), f"({normal(2, 2, 2)}, {normal(2, 2, 2)})")),
    Case("nn.LSTM(3, 2, num_layers=2, bias=False, batch_first=True, bidirectional=True)", (normal(2, 3, 3),)),
    Case("nn.LSTM(3, 2, bidirectional=True)", (normal(4, 3), f"({normal(2, 2)}, {normal(2, 2)})")),
    Case("nn.LSTM(3, 2, 2, dropout=0.5)", (normal(1, 2, 3),), training=False),
    Case("nn.GRU(3, 2)", (normal(4, 2, 3),)),
    Case("nn.GRU(3, 2, 2, bidirectional=True)", (normal(3, 2, 3), normal(4, 2, 2))),
    Case("nn.GRU(3, 2, bias=False, batch_first=True)", (normal(3, 1, 3),)),
    Case("nn.GRU(3, 2, batch_first=True)", (normal(4, 3), normal(1, 2))),
    Case(packed("nn.LSTM(2, 2, bidirectional=True)", [4, 3, 3, 1]), (normal(4, 4, 2),)),
    Case(
        packed("nn.LSTM(2, 2, 2, batch_first=True)", [1, 4, 2], batch_first=True, enforce_sorted=False),
        (normal(3, 4, 2), f"({normal(2, 3, 2)}, {normal(2, 3, 2)})"),
    ),
    Case(packed("nn.GRU(2, 2, bidirectional=True)", [3, 3, 1]), (normal(4, 3, 2), normal(2, 3, 2))),
    Case(packed("nn.RNN(2, 2, bidirectional=True)", [2, 3], enforce_sorted=False), (normal(3, 2, 2), normal(2, 2, 2))),
    Case(
        "lambda x: nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_padded_sequence(x, [2, 3], True, False), True, "
        "padding_value=-1.5, total_length=5)",
        (normal(2, 4),),
    ),
    Case("lambda *x: nn.utils.rnn.pad_sequence(x)", (normal(2, 3), normal(4, 3), normal(1, 3))),
    Case("lambda *x: nn.utils.rnn.pad_sequence(x, True, 0.5)", (normal(2), normal(3))),
]


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    seed, training = draw(st.integers(0, 2**32 - 1)), draw(st.booleans())
    inputs, hidden, batch, steps = (draw(st.integers(1, 4)) for _ in range(4))
    kind = draw(st.sampled_from(["RNN", "LSTM", "GRU"]))
    settings = [f"{inputs}, {hidden}"]
    relu = ["nonlinearity='relu'"] if kind == "RNN" and draw(st.booleans()) else []
    if not draw(st.booleans()):
        settings.append("bias=False")
    cell = draw(st.integers(0, 4)) == 0
    if cell:
        batches: tuple[int, ...] = draw(st.sampled_from([(), (batch,)]))
        shape, states = (*batches, inputs), (*batches, hidden)
        text = f"nn.{kind}Cell({', '.join(settings + relu)})"
    else:
        layers = draw(st.integers(1, 3))
        flags = [name for name in ("bidirectional", "batch_first") if draw(st.booleans())]
        settings += [f"num_layers={layers}", *(f"{name}=True" for name in flags)]
        text = f"nn.{kind}({', '.join(settings + relu)})"
        states = (layers * (1 + ("bidirectional" in flags)), batch, hidden)
        shape = (batch, steps, inputs) if "batch_first" in flags else (steps, batch, inputs)
        form = draw(st.sampled_from(["padded", "packed", "single"]))
        if form == "single":
            shape, states = (steps, inputs), (states[0], hidden)
        elif form == "packed":
            lengths = draw(st.lists(st.integers(1, steps), min_size=batch, max_size=batch))
            text = packed(text, lengths, batch_first="batch_first" in flags, enforce_sorted=False)
    state = normal(*states)
    given = [normal(*shape)]
    if draw(st.booleans()):
        given.append(f"({state}, {state})" if kind == "LSTM" else state)
    return Case(text, tuple(given), seed, training)


random_cases = _random_cases()
