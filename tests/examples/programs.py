"""Examples run as a reader runs them, but in this process."""

import contextlib
import io
import os
import runpy
import subprocess
import sys
from pathlib import Path
from unittest import mock

import matplotlib as mpl

ROOT = Path(__file__).parents[2]


def run(script: str, *options: str, folder: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run an example as a program in this process: a new one takes longer to import all that it needs."""
    path = ROOT / "examples" / f"{script}.py"
    command = [str(path), *options]
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
    code: object = 0
    with (
        mock.patch.object(sys, "argv", command),
        mock.patch.object(sys, "path", [str(path.parent), *sys.path]),
        mpl.rc_context(),
        contextlib.chdir(folder),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as end:
            code = end.code
    # Python prints a message that a program ends with, and then returns 1.
    if isinstance(code, str):
        err.write(f"{code}\n")
    stdout, stderr = (stream.buffer.getvalue().decode() for stream in (out, err))  # type: ignore[attr-defined]
    result = subprocess.CompletedProcess(command, 1 if isinstance(code, str) else int(code or 0), stdout, stderr)
    if check:
        result.check_returncode()
    return result


def run_alone(script: str, *options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run an example in a process of its own, as nothing else has imported or set anything there."""
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / f"{script}.py"), *options],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=folder,
    )  # fmt: skip
