"""The notebook, run by a real kernel as Jupyter runs it: each cell, and what it shows."""

import re
from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat", reason="Jupyter's parts come with the extra docs")
nbclient = pytest.importorskip("nbclient", reason="Jupyter's parts come with the extra docs")
pytest.importorskip("ipykernel", reason="Jupyter's parts come with the extra docs")

NOTEBOOK = Path(__file__).parents[2] / "examples" / "introduction.ipynb"


def shown(cell: Any, kind: str) -> str:
    """Return what a cell shows in a format, or prints."""
    if kind == "text":
        return "".join(output.text for output in cell.outputs if output.output_type == "stream")
    found = [output.data[kind] for output in cell.outputs if kind in output.get("data", {})]
    assert found, f"nothing in {kind} below\n{cell.source}"
    return found[0]


# The first words of a cell, the format of what it shows, and something that stands in it.
SHOWN = [
    ("import numpy", "text/html", r"<pre>Tensor\(.*origin=np.sum.*<td>none so far</td>"),
    ("draw(loss", "image/svg+xml", r"<svg.*np.tanh"),
    ("print_tape", "text", r"backward, from the last step to the first"),
    ("loss.backward", "text/html", r"<td>of norm [\d.]+</td>"),
    ('data = nn.data.load("digits")\nmodel', "text/html", r"Linear\(in_features=64.*2,080 parameters"),
    ("nn.plots", "image/png", r"^iVBOR"),
    ("nn.compare", "text/html", r"<caption>Manual gradients beside automatic ones.*All three ways agree"),
    ("def backward", "text/html", r"DIFFERS.*Missing ReLU mask"),
]


@pytest.mark.filterwarnings("ignore:::zmq", "ignore:::jupyter_client", "ignore:::nbclient")
def test_every_cell_runs_and_shows_what_it_says(tmp_path: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not [output for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    for start, kind, pattern in SHOWN:
        (cell,) = [cell for cell in cells if cell.source.startswith(start)]
        assert re.search(pattern, shown(cell, kind), re.DOTALL), shown(cell, kind)


def test_it_is_kept_without_output() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not [cell for cell in notebook.cells if cell.cell_type == "code" and (cell.outputs or cell.execution_count)]
