"""State dicts on disk: safetensors files, written whole or not at all, and checked when they are read."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard, cast

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray
from safetensors import SafetensorError

from nn.files import opened

_safetensors: Any = safetensors  # its stubs leave the types of entries open

# The format's dtype codes that NumPy has a dtype for.
_DTYPES = {
    "BOOL": "bool",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "C64": "complex64",
}

_NO_PROGRAMS = (
    "; files of torch.save hold programs, which are not run here: write the state dict there by "
    "safetensors.torch.save_file(model.state_dict(), path)"
)

# The library's name is part of the keys: a file of other origin may carry a checksum of something else.
_CHECKSUM = "autograd_np.sha256"
_STRUCTURE = "autograd_np.structure"


def save(state: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """Write a state dict to a safetensors file, or a dict of several, of numbers and of text.

    The file is complete or not written at all: an older file at `path` stays as it was until the new one is safely on
    disk. It keeps the older file's permissions, and a symbolic link keeps pointing where it points. A SHA-256 checksum
    of the entries goes into the file's metadata, where other readers of the format pass over it.

    Parameters
    ----------
    state : mapping of str
        Arrays of any shape and memory layout, boolean, integer, float16, float32, float64 or complex64; numbers, text
        and None; and dicts, lists and tuples of all these, such as the state dicts of optimisers and schedules. Keys
        of inner dicts may be integers. A mapping of arrays alone is what other readers of the format take for a model;
        of anything else they see the arrays, by the path of keys, joined by dots.
    path : path-like
        The file to write. Nothing is appended to its name; ``.safetensors`` is customary.

    Raises
    ------
    TypeError
        If `state` is not a mapping, a key is not a string, or something in it is none of the above.
    ValueError
        If a key is ``"__metadata__"``, which the format keeps for itself.
    OSError
        If the file cannot be written: its folder is missing (FileNotFoundError), it is read-only (PermissionError),
        something that is not a file has its name, or the disk is full.

    See Also
    --------
    load : Read the file back.

    References
    ----------
    The format: https://github.com/huggingface/safetensors#format

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from nn import checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     checkpoint.save({"weight": np.eye(2), "bias": np.zeros(2)}, path)
    ...     sorted(checkpoint.load(path))
    ['bias', 'weight']

    What a training goes on from:

    >>> import nn
    >>> model = nn.Linear(3, 2, rng=0)
    >>> optimizer = nn.optim.Adam(model.parameters())
    >>> state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "training.safetensors")
    ...     checkpoint.save(state, path)
    ...     found = checkpoint.load(path)
    >>> optimizer.load_state_dict(found["optimizer"])
    >>> found["epoch"]
    3
    """
    entries, structure = _checked(state)
    metadata = {_CHECKSUM: _checksum(entries, structure), **({_STRUCTURE: structure} if structure else {})}
    _replace(os.fsdecode(path), safetensors.numpy.save(entries, metadata=metadata))


def load(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what was saved, or any safetensors file.

    Nothing in the file is executed. The checksum that `save` leaves in a file is verified; files that have none, such
    as PyTorch's, are read without it.

    Parameters
    ----------
    path : path-like
        The file to read.

    Returns
    -------
    dict of str
        Writable arrays with the dtypes and shapes that were saved, in the order of the file; or what else was saved,
        with all mappings as dicts.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    PermissionError
        If it may not be read.
    IsADirectoryError
        If `path` is a directory.
    ValueError
        If it is no regular file, or truncated, changed or not a safetensors file, or if an entry has a dtype that NumPy
        lacks, such as bfloat16.

    See Also
    --------
    save : Write such a file.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from nn import checkpoint
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     checkpoint.save({"bias": np.zeros(3)}, path)
    ...     checkpoint.load(path)["bias"]
    array([0., 0., 0.])
    """
    name = os.fsdecode(path)
    # Read, and not mapped into memory: that would end the process if somebody shortened the file meanwhile.
    with opened("checkpoint.load", path, "a safetensors file") as file:
        content = file.read()
    try:
        entries = cast(list[tuple[str, Any]], _safetensors.deserialize(content))
        state: dict[str, NDArray[Any]] = {key: _entry(key, entry) for key, entry in entries}
        metadata = _metadata(content)
    except (SafetensorError, ValueError) as error:
        way = _NO_PROGRAMS if content.startswith((b"PK", b"\x80")) else ""
        raise ValueError(f"checkpoint.load: {name} cannot be read as a safetensors file: {error}{way}") from error
    structure = metadata.get(_STRUCTURE, "")
    if (structure or _CHECKSUM in metadata) and metadata.get(_CHECKSUM) != _checksum(state, structure):
        raise ValueError(
            f"checkpoint.load: the entries of {name} do not match the checksum saved with them: "
            "the file has been changed or damaged; save it again, or use another copy"
        )
    if not structure:
        return state
    try:
        return {key: _restored(part, state) for key, part in json.loads(structure).items()}
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise ValueError(f"checkpoint.load: {name} says that it holds what it does not: {error}") from error


def _checked(state: object) -> tuple[dict[str, NDArray[Any]], str]:
    """Give the entries in the form that safetensors writes correctly, or an error that names the wrong one.

    With them comes what they are parts of, as JSON; it is empty for a mapping of arrays alone.
    """
    if not isinstance(state, Mapping):
        raise TypeError(
            f"checkpoint.save: the state must be a dict of str to ndarray, got {type(state).__name__}; "
            "of a module, pass module.state_dict()"
        )
    items = cast(Mapping[object, object], state)
    entries: dict[str, NDArray[Any]] = {}
    parts: dict[str, Any] = {}
    for key, value in items.items():
        if not isinstance(key, str):
            raise TypeError(f"checkpoint.save: keys must be strings, got {key!r} of type {type(key).__name__}")
        if key == "__metadata__":
            raise ValueError("checkpoint.save: the format keeps the name '__metadata__' for itself; use another key")
        parts[key] = _described(key, value, entries)
    return entries, "" if all(map(_is_plain_array, items.values())) else json.dumps(parts)


def _described(path: str, value: object, entries: dict[str, NDArray[Any]]) -> Any:
    """Enter the arrays in a value, and return it as JSON that names them; see `_restored`."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        pairs = [*cast(Mapping[object, object], value).items()]
        for key, _ in pairs:
            if type(key) not in (str, int):
                raise TypeError(
                    f"checkpoint.save: keys in {path!r} must be strings or integers, got {key!r} of type "
                    f"{type(key).__name__}"
                )
        return {"dict": [[key, _described(f"{path}.{key}", part, entries)] for key, part in pairs]}
    if type(value) in (list, tuple):
        parts = enumerate(cast(Sequence[object], value))
        return {type(value).__name__: [_described(f"{path}.{i}", part, entries) for i, part in parts]}
    array: object = np.asarray(cast(Any, value)) if isinstance(value, np.generic) else value
    if not _is_plain_array(array):
        raise TypeError(
            f"checkpoint.save: the value of {path!r} must be a plain ndarray, a number, text, None, or a dict, list or "
            f"tuple of these, got {type(cast(object, value))}; convert it first, with np.asarray or, of a Tensor, "
            f".numpy()"
        )
    if array.dtype.name not in _DTYPES.values():
        raise TypeError(
            f"checkpoint.save: the dtype of {path!r} is {array.dtype}, which safetensors cannot hold; "
            f"convert it with astype to one of {', '.join(_DTYPES.values())}"
        )
    while path in entries:  # {"a": {"b": x}, "a.b": y} has two of one name
        path += "_"
    entries[path] = _little_endian(array)
    return {"number" if array is not value else "array": path}


def _restored(part: Any, state: Mapping[str, NDArray[Any]]) -> Any:
    """Return what `_described` was given."""
    if not isinstance(part, dict):
        return part
    [(kind, value)] = cast(dict[str, Any], part).items()
    if kind == "dict":
        return {key: _restored(inner, state) for key, inner in value}
    if kind in ("list", "tuple"):
        parts = [_restored(inner, state) for inner in value]
        return parts if kind == "list" else tuple(parts)
    return state[value] if kind == "array" else state[value][()]


def _is_plain_array(value: object) -> TypeGuard[NDArray[Any]]:
    # The format has no place for a mask.
    return isinstance(value, np.ndarray) and not isinstance(value, np.ma.MaskedArray)


def _little_endian(array: NDArray[Any]) -> NDArray[Any]:
    # safetensors reads an array's memory from its first byte on, whatever its strides are: only C order is right.
    # np.ascontiguousarray would turn shape () into (1,).
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _checksum(state: Mapping[str, NDArray[Any]], structure: str) -> str:
    digest = hashlib.sha256(structure.encode())
    for key in sorted(state):
        array = _little_endian(state[key])
        # The shape and dtype say how many bytes follow, so no two states are hashed as the same bytes.
        digest.update(json.dumps([key, array.dtype.name, array.shape]).encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def _metadata(content: bytes) -> dict[str, str]:
    """Return the texts in a file's header: JSON, after its length in eight bytes."""
    header: dict[str, Any] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    metadata: dict[str, str] = header.get("__metadata__") or {}
    for key in metadata:
        if key != _CHECKSUM and len(key) == len(_CHECKSUM) and sum(map(str.__ne__, key, _CHECKSUM)) < 5:
            raise ValueError(f"its checksum is under the name {key!r}: the file has been changed or damaged")
    return metadata


def _entry(key: str, entry: Mapping[str, Any]) -> NDArray[Any]:
    code = entry["dtype"]
    if code not in _DTYPES:
        raise ValueError(
            f"the dtype of entry {key!r} is {code}, which NumPy does not have; convert it where it was saved, "
            "for instance to float32"
        )
    return np.frombuffer(entry["data"], np.dtype(_DTYPES[code]).newbyteorder("<")).reshape(entry["shape"])


def _replace(path: str, content: bytes) -> None:
    """Put `content` at `path` in one step: readers see the old file or the new one, never a part."""
    # os.replace would put a file in the place of a symbolic link, so what the link points to is replaced.
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"checkpoint.save: there is no folder {folder}; create it before saving {path}")
    old = os.path.exists(target)
    if old and not os.path.isfile(target):
        raise OSError(f"checkpoint.save: {path} exists and is not a file; choose another name")
    if old and not os.access(target, os.W_OK):
        raise PermissionError(f"checkpoint.save: {path} is read-only; change its permissions or choose another name")
    # In the same folder, because a file can be moved in one step only within its file system.
    temporary = os.path.join(folder, f".{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            if old:
                shutil.copymode(target, temporary)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
        _settle(folder)
    except BaseException:
        # The first error is the one to report, also when the folder itself is gone.
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _settle(folder: str) -> None:
    """Wait until the new name in a folder is on disk, too, where the system can tell."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
