"""Pictures for tests, and what is read off them."""

import itertools
import re
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np

import nn
from autograd_np import Tensor
from autograd_np.show.drawing import Drawing

SVG = "{http://www.w3.org/2000/svg}"


class Frame(NamedTuple):
    """A rectangle of the picture, and the text in it."""

    left: float
    top: float
    right: float
    bottom: float
    text: tuple[str, ...] = ()
    fill: str = ""

    def apart(self, other: "Frame") -> bool:
        return self.right < other.left or other.right < self.left or self.bottom < other.top or other.bottom < self.top

    def around(self, other: "Frame") -> bool:
        return (
            self.left <= other.left
            and self.top <= other.top
            and other.right <= self.right
            and other.bottom <= self.bottom
        )


def frame(rectangle: Any, text: tuple[str, ...] = ()) -> Frame:
    x, y, width, height = (float(rectangle.get(name)) for name in ("x", "y", "width", "height"))
    return Frame(x, y, x + width, y + height, text, rectangle.get("fill"))


def boxes(picture: Drawing) -> list[Frame]:
    graph = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[0]
    return [
        frame(box.find(f"{SVG}rect"), tuple(text.text or "" for text in box.findall(f"{SVG}text")))
        for box in graph.findall(f"{SVG}g")
    ]


def groups(picture: Drawing) -> list[Frame]:
    """The boxes around boxes."""
    graph = ElementTree.fromstring(picture.svg).findall(f"{SVG}g")[0]
    labels = [(text.text or "",) for text in graph.findall(f"{SVG}text")]
    return list(map(frame, graph.findall(f"{SVG}rect"), labels))


def arrows(picture: Drawing) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    """Where each arrow starts, and where its tip is."""
    paths = [path.get("d", "") for path in ElementTree.fromstring(picture.svg).iter(f"{SVG}path")]
    points = [tuple(map(float, re.findall(r"[-\d.]+", path)[:2])) for path in paths]
    return list(zip(points[::2], points[1::2], strict=True))  # type: ignore[arg-type]


def texts(picture: Drawing) -> list[tuple[str, ...]]:
    return sorted(box.text for box in boxes(picture))


def held(picture: Drawing) -> dict[str, list[str]]:
    """Which boxes stand in which group, by the first line of each."""
    return {
        group.text[0]: sorted(box.text[0] for box in boxes(picture) if group.around(box)) for group in groups(picture)
    }


def check_places(picture: Drawing) -> None:
    """Boxes are apart from one another, each is inside or outside each group, and all are inside the picture."""
    nodes, around = boxes(picture), groups(picture)
    for a, b in itertools.combinations(nodes, 2):
        assert a.apart(b), (a, b)
    for a, b in itertools.combinations(around, 2):
        assert a.apart(b) or a.around(b) or b.around(a), (a, b)
    for group, box in itertools.product(around, nodes):
        assert group.apart(box) or group.around(box), (group, box)
    for start, tip in arrows(picture):
        for x, y in (start, tip):
            point = Frame(x - 2, y - 2, x + 2, y + 2)
            assert any(not box.apart(point) and not box.around(point) for box in nodes), "on no box's edge"
    root = ElementTree.fromstring(picture.svg)
    left, top, width, height = map(float, root.get("viewBox", "").split())
    shift = float(re.findall(r"translate\(([\d.]+) 0\)", picture.svg)[0])
    for box in nodes + around:
        assert left <= box.left + shift
        assert box.right + shift <= left + width
        assert top <= box.top
        assert box.bottom <= top + height


def leaf(*shape: int) -> Tensor:
    return Tensor(np.full(shape, 0.5), requires_grad=True)


def mlp() -> tuple[Tensor, dict[str, Tensor]]:
    model = nn.Sequential(nn.Linear(784, 256, rng=0), nn.ReLU(), nn.Linear(256, 10, rng=1))
    x = np.random.default_rng(0).normal(size=(64, 784)).astype(np.float32)
    return nn.CrossEntropyLoss()(model(x), np.zeros(64, int)), dict(model.named_parameters())


def chain(length: int, x: Tensor) -> Tensor:
    for i in range(length):
        x = np.tanh(x) if i % 2 else x * 1.5
    return x
