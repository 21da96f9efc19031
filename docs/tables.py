"""The tables of the pages that the code prints, so that they say what it does."""

import contextlib
import io
from collections.abc import Callable, Iterable, Sequence

from autograd_np import supported
from docs import awkward, names

Rows = Iterable[Sequence[str]]


def markdown(header: Sequence[str], rows: Rows) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def code(text: str) -> str:
    """Return Python as a table shows it."""
    return f"`{text}`" if text else ""


def of_names(library: str) -> tuple[Sequence[str], Rows]:
    """Return the table for users of a library."""
    return (library, "here", "what differs"), [(code(r.there), code(r.here), r.differs) for r in names.TABLES[library]]


def of_hints(library: str) -> tuple[Sequence[str], Rows]:
    """Return the table of the names that have another one here."""
    rows = [(code(row.there), code(row.here), row.differs) for row in names.of_hints(library)]
    return (library, "here", "remark"), rows


def of_functions() -> tuple[Sequence[str], Rows]:
    """Return what `autograd_np.supported` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        supported()
    head, *lines = printed.getvalue().splitlines()
    places = [head.index(word) for word in ("function", "differentiated", "keywords")]
    cells = [
        [line[start:end].strip() for start, end in zip(places, [*places[1:], None], strict=True)] for line in lines
    ]
    return ("function", "differentiated by", "keywords"), [(code(a), b, code(c)) for a, b, c in cells]


def of_awkward_points() -> tuple[Sequence[str], Rows]:
    """Return the gradients at awkward points, those of here as they come out now."""
    rows = [
        (code(p.function), code(p.point), code(awkward.shown(awkward.gradients_at(p))), p.pytorch, p.jax, p.why)
        for p in awkward.POINTS
    ]
    return ("function", "at", "gradient here", "PyTorch", "JAX", "why"), rows


TABLES: dict[str, Callable[[], tuple[Sequence[str], Rows]]] = {
    "supported functions": of_functions,
    "awkward points": of_awkward_points,
    **{f"names of {library}": lambda library=library: of_names(library) for library in names.TABLES},
    **{f"hints for {library}": lambda library=library: of_hints(library) for library in ("PyTorch", "NumPy")},
}
