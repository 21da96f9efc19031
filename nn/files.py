"""Files that are read: regular ones alone, and no more of them than they may hold."""

from __future__ import annotations

import os
import stat
from typing import BinaryIO

__all__ = ["opened"]


def opened(call: str, path: str | os.PathLike[str], what: str) -> BinaryIO:
    """Open a file for reading; refuse what is none: a pipe, for one, would keep the process waiting.

    Parameters
    ----------
    call : str
        The operation that needs it, for the errors.
    path : path-like
        The file.
    what : str
        What it is to be: "an IDX file".

    Raises
    ------
    FileNotFoundError, PermissionError
        If there is none, or it may not be read.
    IsADirectoryError, ValueError
        If a directory or something else that is no file has its name.
    """
    name = os.fsdecode(path)
    try:
        # A pipe is opened at once then, whether somebody writes to it or not.
        descriptor = os.open(name, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise FileNotFoundError(error.errno, f"{call}: there is no file", name) from None
    except PermissionError as error:
        if os.path.isdir(name):  # on Windows
            raise IsADirectoryError(f"{call}: {name} is a directory; give the path of {what}") from None
        raise PermissionError(error.errno, f"{call}: the file may not be read; change its permissions", name) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(f"{call}: {name} is a directory; give the path of {what}")
        raise ValueError(f"{call}: {name} is a pipe, a device or the like; give the path of {what}")
    return os.fdopen(descriptor, "rb")
