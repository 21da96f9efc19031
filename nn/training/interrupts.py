"""Ctrl-C while a training runs: the first one asks it to end, the second one ends it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from types import FrameType
from typing import Any

__all__ = ["Interrupts"]


class Interrupts:
    """Notes the first Ctrl-C inside the block, and lets the second one through.

    Attributes
    ----------
    asked : bool
        Whether there was one.

    Notes
    -----
    Signals reach the main thread alone, and a handler that somebody else has installed is left as it is, also one that
    was installed inside the block.
    """

    def __init__(self) -> None:
        self.asked = False
        self._installed = False

    def __enter__(self) -> Interrupts:
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._note)
            self._installed = True
        return self

    def __exit__(self, *error: Any) -> None:
        if self._installed and signal.getsignal(signal.SIGINT) == self._note:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
        # A progress bar may be in the midst of writing there, which cannot be entered twice; or it is closed.
        with contextlib.suppress(RuntimeError, OSError, ValueError):
            print("\nfit: ending after this batch; once more to end at once", file=sys.stderr, flush=True)
