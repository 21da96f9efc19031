"""Programs that are read as they stand: `python -m tests.nn.programs` writes them anew, to be read after a change."""

from pathlib import Path

import numpy as np

import nn

FOLDER = Path(__file__).with_suffix("")


def cnn(exact: bool = True) -> str:
    """Return the training step of a small convolutional network."""
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, rng=0), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1352, 10, rng=0)
    )
    optimizer = nn.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    step = nn.compile_step(model, nn.CrossEntropyLoss(), optimizer, exact=exact)
    rng = np.random.default_rng(0)
    for _ in range(4):
        step(rng.normal(size=(64, 1, 28, 28)).astype(np.float32), rng.integers(10, size=64))
    return step.source


PROGRAMS = {"cnn.txt": cnn, "cnn_folded.txt": lambda: cnn(exact=False)}

if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, program in PROGRAMS.items():
        (FOLDER / name).write_text(program(), encoding="utf-8")
