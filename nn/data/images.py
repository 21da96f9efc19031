"""Images with their labels: those that come with scikit-learn, MNIST, and files of its kind."""

import gzip
import math
import os
import struct
import zlib
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nn.data.batches import check_count
from nn.files import opened

__all__ = ["LabelledImages", "load", "read_idx"]

# The four files as their authors named them: the images' and the labels', for training and for testing.
_IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

# An IDX file's third byte says what its numbers are; they are big-endian.
_IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

# A compressed file may hold so many bytes, and more if it is large itself: real images take a tenth to a half.
_SMALL, _COMPRESSED = 2**24, 200

_Examples = tuple[NDArray[np.float32], NDArray[np.int64]]


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Images and labels, for training and for testing.

    Attributes
    ----------
    name : str
        ``"digits"``, ``"mnist"``, or the name of the directory the files came from.
    x_train, x_test : ndarray of float32, shape (N, H, W)
        Grey images, scaled to [0, 1].
    y_train, y_test : ndarray of int64, shape (N,)
        The class of each image.

    Examples
    --------
    >>> from nn import data
    >>> digits = data.load("digits", samples=100)
    >>> digits.name, digits.y_train.shape, digits.y_test.shape
    ('digits', (80,), (20,))
    """

    name: str
    x_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


def load(source: str | os.PathLike[str], *, samples: int | None = None) -> LabelledImages:
    """Load a data set of labelled grey images.

    Parameters
    ----------
    source : {"digits", "mnist"} or path-like
        - ``"digits"``: the 1,797 images of 8 x 8 pixels that come with scikit-learn. They have no test set of their
          own: a fifth of them is set aside, the same ones each time.
        - ``"mnist"``: MNIST, 60,000 training and 10,000 test images of 28 x 28 pixels, fetched from OpenML and kept
          in scikit-learn's data folder from then on.
        - the path of a directory with the four IDX files of MNIST, Fashion-MNIST or another set of their kind,
          ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, ``t10k-images-idx3-ubyte`` and
          ``t10k-labels-idx1-ubyte``, each gzipped (``.gz``) or not. A directory that is called like one of the two
          names above is written ``./mnist``.
    samples : int, optional
        Take the first `samples` training images only, and set a fifth of them aside for testing; the data set's own
        test images are then not used.

    Returns
    -------
    LabelledImages
        The training images and labels and the test images and labels.

    Raises
    ------
    ValueError
        If `source` is none of the above, if `samples` is less than 10 or more than there are, or if a file is
        truncated, damaged or does not fit the others.
    FileNotFoundError
        If the directory lacks one of the four files.
    ModuleNotFoundError
        If scikit-learn is needed and not installed.
    ConnectionError
        If MNIST is not yet in scikit-learn's data folder and there is no network.

    Examples
    --------
    >>> from nn import data
    >>> digits = data.load("digits")
    >>> digits.x_train.shape, digits.x_test.shape
    ((1437, 8, 8), (360, 8, 8))
    """
    if samples is not None:
        check_count("data.load", "samples", samples, least=10)
    test: _Examples | None = None
    if source == "digits":
        name, train = "digits", _digits()
    elif source == "mnist":
        name, (train, test) = "mnist", _mnist()
    elif Path(source).is_dir():
        name, (train, test) = Path(source).resolve().name, _idx_directory(Path(source))
    else:
        raise ValueError(
            f"data.load: there is no data set or directory {os.fspath(source)!r}; the source is 'digits', 'mnist' or "
            f"the path of a directory with the files {', '.join(_IDX_FILES)}"
        )
    if samples is not None:
        images, labels = train
        if samples > len(images):
            raise ValueError(f"data.load: samples={samples}, but {name} has only {len(images)} training images")
        train, test = (images[:samples], labels[:samples]), None
    if test is None:
        split = _scikit_learn("model_selection").train_test_split
        x_train, x_test, y_train, y_test = split(*train, test_size=0.2, random_state=42)
        return LabelledImages(name, x_train, y_train, x_test, y_test)
    return LabelledImages(name, *train, *test)


def _scikit_learn(module: str) -> ModuleType:
    # Imported only where it is needed: it takes a second, and files with a test set of their own do without it.
    try:
        return import_module(f"sklearn.{module}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "data.load: the digits, MNIST and splitting need scikit-learn; python -m pip install scikit-learn"
        ) from error


def _digits() -> _Examples:
    digits = _scikit_learn("datasets").load_digits()
    return np.divide(digits.images, 16).astype(np.float32), digits.target.astype(np.int64)


def _mnist() -> tuple[_Examples, _Examples]:
    from http.client import HTTPException
    from urllib.error import URLError

    fetch_openml = _scikit_learn("datasets").fetch_openml
    try:
        # scikit-learn's other parser needs pandas.
        mnist = fetch_openml("mnist_784", version=1, as_frame=False, parser="liac-arff")
    except (URLError, TimeoutError, ConnectionError, HTTPException) as error:
        raise ConnectionError(
            f"data.load: MNIST could not be fetched from OpenML ({error}); without a network use 'digits', or the "
            f"path of a directory with the files {', '.join(_IDX_FILES)}"
        ) from error
    images = _scaled(mnist.data.reshape(-1, 28, 28).astype(np.uint8))
    labels = mnist.target.astype(np.int64)
    return (images[:60_000], labels[:60_000]), (images[60_000:], labels[60_000:])


def _idx_directory(directory: Path) -> tuple[_Examples, _Examples]:
    paths = [_find(directory, name) for name in _IDX_FILES]
    missing = [name for name, path in zip(_IDX_FILES, paths, strict=True) if path is None]
    if missing:
        raise FileNotFoundError(
            f"data.load: {directory} lacks {', '.join(missing)}; each of the four IDX files may be gzipped (.gz) or not"
        )
    train_images, train_labels, test_images, test_labels = [path for path in paths if path is not None]
    train, test = _examples(train_images, train_labels), _examples(test_images, test_labels)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise ValueError(
            f"data.load: the images in {train_images} have shape {train[0].shape[1:]}, those in {test_images} "
            f"{test[0].shape[1:]}; the four files must belong together"
        )
    return train, test


def _find(directory: Path, name: str) -> Path | None:
    # Some archives of the same files spell the last hyphen but one as a dot.
    dotted = name.replace("-idx", ".idx")
    candidates = (directory / (stem + suffix) for stem in (name, dotted) for suffix in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _examples(images_path: Path, labels_path: Path) -> _Examples:
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"data.load: {images_path} holds an array of shape {images.shape} and dtype {images.dtype}; "
            "images must be (N, H, W) and uint8"
        )
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise ValueError(
            f"data.load: {labels_path} holds an array of shape {labels.shape} and dtype {labels.dtype}; "
            "labels must be (N,) and integers"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"data.load: {images_path} holds {len(images)} images, but {labels_path} {len(labels)} labels; "
            "the files must belong together"
        )
    return _scaled(images), labels.astype(np.int64)


def _scaled(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return np.divide(images, 255, dtype=np.float32)


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read an array from an IDX file, the format of the MNIST files.

    Parameters
    ----------
    path : path-like
        The file, gzipped or not: its content tells, not its name.

    Returns
    -------
    ndarray
        An array of the shape and dtype in the file's header, in the machine's byte order.

    Raises
    ------
    ValueError
        If the file is no IDX file, is shorter or longer than its header says, or holds more than 16 MiB and 200 times
        as much as it takes compressed.
    FileNotFoundError, PermissionError, IsADirectoryError
        If there is no such file, it may not be read, or it is a directory.

    References
    ----------
    Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits", section "File formats".

    Examples
    --------
    >>> import os, tempfile
    >>> from nn import data
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "labels-idx1-ubyte")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([0, 0, 0x08, 1, 0, 0, 0, 3]) + bytes([5, 0, 4]))
    ...     data.read_idx(path)
    array([5, 0, 4], dtype=uint8)
    """
    with opened("data.read_idx", path, "an IDX file") as file:
        length = os.fstat(file.fileno()).st_size
        gzipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        try:
            if gzipped:
                with gzip.open(file) as stream:
                    return _parse_idx(stream, max(_SMALL, _COMPRESSED * length))
            return _parse_idx(file, length)
        except (ValueError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"data.read_idx: {os.fsdecode(path)} is not a whole IDX file: {error}") from error


def _parse_idx(stream: Any, most: int) -> NDArray[Any]:
    """Read an array from a file that holds at most so many bytes."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _IDX_DTYPES:
        codes = ", ".join(f"{code:02x}" for code in _IDX_DTYPES)
        raise ValueError(
            f"expected the bytes 00 00, a type code (one of {codes}) and the number of axes at the beginning, "
            f"found {magic.hex(' ') or 'nothing'}"
        )
    dtype, ndim = np.dtype(_IDX_DTYPES[magic[2]]), magic[3]
    lengths = stream.read(4 * ndim)
    if len(lengths) < 4 * ndim:
        raise ValueError(f"expected {4 * ndim} bytes with the lengths of {ndim} axes, found {len(lengths)}")
    shape = struct.unpack(f">{ndim}I", lengths)
    size = math.prod(shape) * dtype.itemsize
    if size > most:
        raise ValueError(
            f"expected {size} bytes for shape {shape} and dtype {dtype}, and the file holds at most {most}"
        )
    content = bytearray()
    # Piece by piece, so that memory grows with what is there and not with what a damaged header promises.
    while len(content) <= size and (piece := stream.read(1 << 20)):
        content += piece
    if len(content) != size:
        found = "more" if len(content) > size else f"{len(content)}"
        raise ValueError(f"expected {size} bytes for shape {shape} and dtype {dtype} after the header, found {found}")
    return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
