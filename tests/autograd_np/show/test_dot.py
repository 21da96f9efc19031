"""Pictures in DOT: names of any kind, and no need of Graphviz."""

import subprocess
import sys

import pygraphviz
import pytest

from autograd_np import draw
from tests.autograd_np.show.pictures import groups, leaf, texts


@pytest.mark.parametrize("name", ["<b>&\"'", "a\\nb\\", "new\nline\x00\ud800", "{rank} [x=1];", "ώ漢字", "x" * 300])
def test_names_are_escaped(name: str) -> None:
    w = leaf(2)
    picture = draw(w * 2, {f"{name}.{name}": w})
    clean = "".join(c if c.isprintable() else "\ufffd" for c in name)
    shown = clean if len(clean) < 50 else f"{clean[:30]}…{clean[-17:]}"
    assert (shown, "(2,)") in texts(picture)
    assert groups(picture)[0].text == (shown,)
    graph = pygraphviz.AGraph(string=picture.dot)
    labels = {node.attr["label"] for node in graph.nodes()}
    assert shown.replace("\\", r"\\") + r"\n(2,)" in labels


def test_without_pygraphviz_there_is_still_dot() -> None:
    code = (
        "import sys; sys.modules['pygraphviz'] = None; from autograd_np import Tensor, draw\n"
        "picture = draw(Tensor(1.0, requires_grad=True) * 2); print(picture.dot)\n"
        "try: picture.svg\nexcept ImportError as error: print(error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("digraph {")
    assert "pip install pygraphviz" in result.stdout
