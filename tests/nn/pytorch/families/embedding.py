"""Embedding: rows of a table."""

from hypothesis import strategies as st

from tests.nn.pytorch.cases import Case

CASES = [
    Case("nn.Embedding(5, 3)", ("rng.integers(0, 5, (2, 4))",)),
    Case("nn.Embedding(5, 3, padding_idx=0)", ("rng.integers(0, 2, (2, 4))",)),
    Case("nn.Embedding(4, 2, -1)", ("np.array([3, 0, 3, 1])",)),
    Case("nn.Embedding(4, 2)", ("np.array(2)",)),
    Case("nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 2))", ("rng.integers(0, 4, 6)",)),
    Case("lambda x, w: F.embedding(x, w)", ("rng.integers(0, 4, (2, 3))", "rng.normal(size=(4, 2))")),
    Case("lambda x, w: F.embedding(x, w, 1) * w.sum()", ("rng.integers(0, 3, 5)", "rng.normal(size=(3, 2))")),
    Case("lambda x, w: F.embedding(x, w, padding_idx=-3)", ("rng.integers(0, 3, 5)", "rng.normal(size=(3, 2))")),
]


@st.composite
def _random_cases(draw: st.DrawFn) -> Case:
    """Draw a table, its padding and the numbers of rows."""
    rows, width = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    padding = draw(st.integers(-rows, rows - 1) | st.none())
    shape = tuple(draw(st.lists(st.integers(0, 4), max_size=3)))
    seed, index = draw(st.integers(0, 2**32 - 1)), f"np.array(rng.integers(0, {rows}, {shape}))"
    if draw(st.booleans()):
        return Case(f"nn.Embedding({rows}, {width}, {padding})", (index,), seed)
    return Case(f"lambda x, w: F.embedding(x, w, {padding})", (index, f"rng.normal(size=({rows}, {width}))"), seed)


random_cases = _random_cases()
