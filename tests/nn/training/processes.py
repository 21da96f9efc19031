"""Trainings in processes of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.nn.training.trainings import Options

ROOT = Path(__file__).parents[3]


class Program:
    """The program that runs trainings, each in a process of its own."""

    def __init__(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.nn.training.trainings"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
        )  # fmt: skip

    def send(self, line: str) -> None:
        """Give it a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def receive(self) -> int:
        """Return the number that it answers with."""
        assert self.process.stdout is not None
        return int(self.process.stdout.readline())

    def order(self, options: Options, folder: Path, **order: Any) -> None:
        """Order a training, with an end that is not its own."""
        result = str(folder.parent / "result.json")
        self.send(
            json.dumps({"options": dataclasses.asdict(options), "folder": str(folder), "result": result, **order})
        )

    def run(self, options: Options, folder: Path, **order: Any) -> int:
        """Order a training, and return how its process ended."""
        self.order(options, folder, **order)
        return self.receive()

    def close(self) -> None:
        """Let it end."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def result(folder: Path) -> dict[str, Any]:
    """Return what a training's process has written down."""
    found: dict[str, Any] = json.loads((folder.parent / "result.json").read_text())
    return found
