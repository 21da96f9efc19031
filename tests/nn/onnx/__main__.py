"""Write the table of what is exported into the documentation of `nn.onnx`."""

import re
import textwrap
from pathlib import Path

import nn.layers
import nn.onnx
from tests.nn.onnx.functions import EXPORTED, REFUSED

TABLE = {
    "Layers": sorted(nn.layers.__all__),
    "Functions that are exported": sorted(EXPORTED),
    "Functions that are not": sorted(REFUSED),
}


def paragraphs() -> list[str]:
    """Return the table, a paragraph for each of its parts."""
    texts = (f"{title}: {', '.join(names)}." for title, names in TABLE.items())
    return ["\n".join(textwrap.wrap(text, 119, break_on_hyphens=False)) for text in texts]


if __name__ == "__main__":
    path = Path(str(nn.onnx.__file__))
    text = re.sub(r"Layers: .*?(?=\n\"\"\")", "\n\n".join(paragraphs()), path.read_text(), count=1, flags=re.DOTALL)
    path.write_text(text)
