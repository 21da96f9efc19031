"""The tape as a picture, which a notebook shows and a file holds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from autograd_np.show.dot import dot_text, labelled
from autograd_np.show.graph import Box, boxes_and_arrows
from autograd_np.show.recorded import Names, Recorded
from autograd_np.show.svg import svg_text
from autograd_np.tensor import Tensor

__all__ = ["Drawing", "draw"]


def draw(tensor: Tensor, names: Names | None = None) -> Drawing:
    """Draw what was recorded on the way to a tensor: operations, their shapes, and the arrays they start from.

    A notebook shows the picture; `save` writes it to a file. Leaves show the norm of their `.grad` once they have one:
    draw before `backward()`, which releases the graph, and look at the picture whenever you like.

    Up to 100 boxes, there is one for each operation, leaf and array. Of more, each run of operations in a group becomes
    one box, and if that does not suffice, all that lies between the first and the last operations.

    Parameters
    ----------
    tensor : Tensor
        Whatever was computed, usually a loss.
    names : mapping of str to Tensor or ndarray, optional
        What to call tensors, and arrays that need no gradient: `dict(model.named_parameters())`. What is called
        `"encoder.weight"` stands in a box `encoder`, together with the operations on it; so does a result that is
        called `"encoder.hidden"`.

    Returns
    -------
    Drawing

    Raises
    ------
    TypeError
        If `tensor` is no Tensor, or `names` no mapping from names to tensors.
    RuntimeError
        If nothing was recorded, or if a backward pass has released the graph.

    See Also
    --------
    print_tape : The same as text, with the rules of the backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd_np import Tensor, draw
    >>> w = Tensor([1.0, 2.0], requires_grad=True)
    >>> loss = np.sum(np.tanh(w * 3.0))
    >>> picture = draw(loss, names={"layer.w": w})
    >>> picture
    Drawing(4 boxes, 3 arrows; .save("graph.svg") writes it to a file)
    >>> loss.backward()
    >>> "np.tanh" in picture.svg
    True
    """
    recorded = Recorded("draw", tensor, names)
    return Drawing(*boxes_and_arrows(recorded))


@dataclass(frozen=True)
class Drawing:
    """A picture of a graph; see `draw`."""

    _all: Sequence[Box]
    _arrows: Sequence[tuple[int, int]]

    def __repr__(self) -> str:
        return f'Drawing({len(self._all)} boxes, {len(self._arrows)} arrows; .save("graph.svg") writes it to a file)'

    @property
    def dot(self) -> str:
        """The graph in DOT, Graphviz's language, with colours and labels."""
        return dot_text(self._all, self._arrows, labelled)

    @property
    def svg(self) -> str:
        """The picture, as a text that stands alone.

        Raises
        ------
        ImportError
            If pygraphviz, which lays the picture out, is not installed.
        """
        return svg_text(self._all, self._arrows)

    def _repr_svg_(self) -> str:
        return self.svg

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            Its suffix says what to write: `.svg` or `.dot`.

        Raises
        ------
        ValueError
            If the path has another suffix.
        ImportError
            If it is `.svg` and pygraphviz, which lays the picture out, is not installed.
        OSError
            If the file cannot be written.
        """
        target = Path(os.path.realpath(path))
        suffix = Path(path).suffix.lower()
        if suffix not in (".svg", ".dot"):
            raise ValueError(
                f"Drawing.save: {os.fspath(path)!r} ends in {suffix or 'no suffix'}; name a .svg file for the picture, "
                f"or a .dot file for Graphviz, which makes others of it"
            )
        text = self.svg if suffix == ".svg" else self.dot
        if not target.parent.is_dir():
            raise FileNotFoundError(f"Drawing.save: there is no folder {target.parent}; create it first")
        temporary = target.with_name(f".{os.urandom(8).hex()}.tmp")  # a file moves in one step within its folder only
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
