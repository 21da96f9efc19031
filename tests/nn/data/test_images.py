import gzip
import hashlib
import json
import os
import socket
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from nn import data

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
CODES = {"uint8": 0x08, "int8": 0x09, "int16": 0x0B, "int32": 0x0C, "float32": 0x0D, "float64": 0x0E}
MNIST = Path(__file__).parents[4] / "shared" / "data" / "mnist"


def idx(array):
    """Write an array in the IDX format."""
    shape = np.array(array.shape, ">u4").tobytes()
    return (
        bytes([0, 0, CODES[array.dtype.name], array.ndim])
        + shape
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def plain(content):
    return content


def zipped(content):
    return gzip.compress(content, mtime=0)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """One file that all the examples of a property are written to."""
    return tmp_path_factory.mktemp("idx") / "some-file"


arrays = st.sampled_from(list(CODES)).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
containers = st.sampled_from([plain, zipped])


class TestReadIdx:
    @given(arrays, containers)
    @example(np.zeros(0, np.uint8), plain)
    def test_gives_the_array_that_was_written(self, path, array, container):
        path.write_bytes(container(idx(array)))
        read = data.read_idx(path)
        np.testing.assert_array_equal(read, array, strict=True)
        assert read.dtype.isnative
        assert read.flags.writeable

    @pytest.mark.parametrize(("name", "container"), [("plain.gz", plain), ("zipped", zipped)])
    def test_goes_by_the_content_not_the_name(self, tmp_path, name, container):
        (tmp_path / name).write_bytes(container(idx(np.arange(3, dtype=np.int32))))
        np.testing.assert_array_equal(data.read_idx(tmp_path / name), [0, 1, 2])

    def test_reads_more_than_one_piece(self, path):
        array = np.random.default_rng(0).integers(0, 256, (3, 1024, 1024), np.uint8)
        path.write_bytes(idx(array))
        np.testing.assert_array_equal(data.read_idx(path), array)

    @given(st.data(), arrays.filter(lambda array: array.size), containers)
    def test_refuses_a_file_cut_anywhere(self, path, draw, array, container):
        content = container(idx(array))
        path.write_bytes(content[: draw.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(ValueError, match=r"some-file is not a whole IDX file"):
            data.read_idx(path)

    @given(arrays, containers, st.binary(min_size=1, max_size=9))
    def test_refuses_a_file_that_goes_on(self, path, array, container, more):
        path.write_bytes(container(idx(array) + more))
        with pytest.raises(ValueError, match=r"some-file is not a whole IDX file: expected \d+ bytes .* found more"):
            data.read_idx(path)

    @given(st.data(), arrays)
    def test_never_gives_other_values_after_a_flipped_bit_in_a_gzipped_file(self, path, draw, array):
        content = bytearray(zipped(idx(array)))
        bit = draw.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        try:
            read = data.read_idx(path)
        except ValueError:
            return
        # A few bits, such as those of the date, mean nothing.
        np.testing.assert_array_equal(read, array, strict=True)

    @pytest.mark.parametrize(
        "content", [b"PK\3\4", b"\0\0\x07\1\0\0\0\0", b"\0\1\x08\1\0\0\0\0", b"<html>", b"\x1f\x8b"]
    )
    def test_refuses_what_is_no_idx_file(self, path, content):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="some-file is not a whole IDX file"):
            data.read_idx(path)

    @pytest.mark.parametrize("container", [plain, zipped])
    @pytest.mark.parametrize(
        "shape", [(2**32 - 1,), (2**31, 2**31), (2**32 - 1,) * 3, (0, *(2**32 - 1,) * 3), (1,) * 65, (2**32 - 1,) * 255]
    )
    def test_allocates_no_more_than_the_file_holds(self, path, shape, container):
        path.write_bytes(container(bytes([0, 0, 0x0E, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(8)))
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match="some-file is not a whole IDX file"):
                data.read_idx(path)
            assert tracemalloc.get_traced_memory()[1] < 5e6
        finally:
            tracemalloc.stop()

    def test_unpacks_little_more_than_the_header_promises(self, path):
        path.write_bytes(zipped(idx(np.zeros(3, np.uint8)) + bytes(30_000_000)))
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"expected 3 bytes .* found more"):
                data.read_idx(path)
            assert tracemalloc.get_traced_memory()[1] < 5e6
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("container", [plain, zipped])
    def test_refuses_a_file_that_is_much_larger_inside_or_has_holes(self, path, container):
        header = bytes([0, 0, 0x08, 1]) + np.array([2**26], ">u4").tobytes()
        path.write_bytes(container(header + bytes(2**26 if container is zipped else 0)))
        if container is plain:
            os.truncate(path, 2**33)  # a file that takes no place on the disk
        tracemalloc.start()
        try:
            with pytest.raises(ValueError, match=r"holds at most 16777216|found more"):
                data.read_idx(path)
            assert tracemalloc.get_traced_memory()[1] < 2**27
        finally:
            tracemalloc.stop()

    def test_reads_what_is_compressed_well_if_it_is_small(self, path):
        array = np.zeros(2**24, np.uint8)
        path.write_bytes(zipped(idx(array)))
        np.testing.assert_array_equal(data.read_idx(path), array)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_refuses_at_once_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(
            ValueError, match=r"read_idx: .*pipe is a pipe, a device or the like; give the path of an IDX"
        ):
            data.read_idx(tmp_path / "pipe")
        with pytest.raises(IsADirectoryError, match="is a directory; give the path of an IDX file"):
            data.read_idx(tmp_path)

    def test_says_that_there_is_no_file(self, tmp_path):
        with pytest.raises(FileNotFoundError, match="nothing-here"):
            data.read_idx(tmp_path / "nothing-here")


@pytest.fixture
def contents():
    """Four arrays that belong together, by the names of their files."""
    rng = np.random.default_rng(1)
    shapes = [(30, 5, 4), (30,), (7, 5, 4), (7,)]
    arrays = {name: rng.integers(0, 10, shape, np.uint8) for name, shape in zip(FILES, shapes, strict=True)}
    arrays[FILES[0]][0, 0, :2] = [0, 255]
    return arrays


def write(folder, contents):
    for name, array in contents.items():
        (folder / name).write_bytes(idx(array))


class TestLoadDirectory:
    @pytest.mark.parametrize("spelling", ["{}", "{}.gz", "dotted", "dotted.gz", "mixed"])
    @pytest.mark.parametrize("kind", [Path, str])
    def test_gives_scaled_images_and_labels(self, tmp_path, contents, spelling, kind):
        for i, (name, array) in enumerate(contents.items()):
            this = ("{}", "{}.gz", "dotted", "dotted.gz")[i] if spelling == "mixed" else spelling
            this = this.format(name).replace("dotted", name.replace("-idx", ".idx"))
            (tmp_path / this).write_bytes((zipped if this.endswith("gz") else plain)(idx(array)))
        loaded = data.load(kind(tmp_path))
        assert loaded.name == tmp_path.name
        x_train, y_train, x_test, y_test = contents.values()
        np.testing.assert_array_equal(loaded.x_train, x_train.astype(np.float32) / np.float32(255), strict=True)
        np.testing.assert_array_equal(loaded.x_test, x_test.astype(np.float32) / np.float32(255), strict=True)
        np.testing.assert_array_equal(loaded.y_train, y_train.astype(np.int64), strict=True)
        np.testing.assert_array_equal(loaded.y_test, y_test.astype(np.int64), strict=True)
        assert (loaded.x_train[0, 0, 0], loaded.x_train[0, 0, 1]) == (0, 1)

    @pytest.mark.parametrize("samples", [10, np.int64(20), 30])
    def test_splits_the_first_samples_four_to_one(self, tmp_path, contents, samples):
        write(tmp_path, contents)
        full, loaded = data.load(tmp_path), data.load(tmp_path, samples=samples)
        train, test = train_test_split(np.arange(samples), test_size=0.2, random_state=42)
        assert len(test) == samples // 5
        np.testing.assert_array_equal(loaded.x_train, full.x_train[train], strict=True)
        np.testing.assert_array_equal(loaded.y_train, full.y_train[train], strict=True)
        np.testing.assert_array_equal(loaded.x_test, full.x_train[test], strict=True)
        np.testing.assert_array_equal(loaded.y_test, full.y_train[test], strict=True)

    @pytest.mark.parametrize("samples", [9, 0, -1, 20.0, True, "20"])
    def test_refuses_a_wrong_number_of_samples(self, tmp_path, contents, samples):
        write(tmp_path, contents)
        with pytest.raises(ValueError, match=f"samples must be an integer of at least 10, got {samples!r}"):
            data.load(tmp_path, samples=samples)

    def test_refuses_more_samples_than_there_are(self, tmp_path, contents):
        write(tmp_path, contents)
        with pytest.raises(ValueError, match=r"samples=31, but .* has only 30 training images"):
            data.load(tmp_path, samples=31)

    @given(missing=st.sets(st.sampled_from(FILES), min_size=1))
    def test_lists_the_files_that_are_missing(self, tmp_path_factory, missing):
        folder = tmp_path_factory.mktemp("lacking")
        for name in set(FILES) - missing:
            (folder / name).write_bytes(b"")
        with pytest.raises(FileNotFoundError) as caught:
            data.load(folder)
        assert {name for name in FILES if name in str(caught.value)} == missing

    @pytest.mark.parametrize("name", FILES)
    def test_names_a_truncated_file(self, tmp_path, contents, name):
        write(tmp_path, contents)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-1])
        with pytest.raises(ValueError, match=f"{name} is not a whole IDX file: expected .* found"):
            data.load(tmp_path)

    @pytest.mark.parametrize(
        ("name", "array", "message"),
        [
            (FILES[0], np.zeros((30, 20), np.uint8), r"shape \(30, 20\) .* images must be \(N, H, W\)"),
            (FILES[2], np.zeros((7, 5, 4), np.float32), r"dtype float32; images must be .* uint8"),
            (FILES[1], np.zeros((30, 1), np.uint8), r"shape \(30, 1\) .* labels must be \(N,\)"),
            (FILES[3], np.zeros(7, np.float64), r"dtype float64; labels must be .* integers"),
            (FILES[1], np.zeros(29, np.uint8), r"holds 30 images, but .* 29 labels"),
            (FILES[2], np.zeros((8, 5, 4), np.uint8), r"holds 8 images, but .* 7 labels"),
            (FILES[2], np.zeros((7, 4, 5), np.uint8), r"shape \(5, 4\), those in .* \(4, 5\)"),
        ],
    )
    def test_refuses_files_that_do_not_belong_together(self, tmp_path, contents, name, array, message):
        write(tmp_path, contents | {name: array})
        with pytest.raises(ValueError, match=message):
            data.load(tmp_path)

    @pytest.mark.parametrize("source", ["minst", "Digits", "no/such/folder", Path("digits")])
    def test_lists_what_there_is_for_an_unknown_name(self, tmp_path, monkeypatch, source):
        monkeypatch.chdir(tmp_path)
        with pytest.raises(
            ValueError, match=f"'{source}'; the source is 'digits', 'mnist' or .*{FILES[0]}.*{FILES[3]}"
        ):
            data.load(source)

    @pytest.mark.skipif(not MNIST.is_dir(), reason="there is no directory with the files of MNIST")
    def test_reads_real_mnist(self):
        mnist = data.load(MNIST)
        assert mnist.name == "mnist"
        assert mnist.x_train.shape == (60_000, 28, 28)
        assert mnist.x_test.shape == (10_000, 28, 28)
        assert mnist.x_train.dtype == mnist.x_test.dtype == np.float32
        np.testing.assert_array_equal(mnist.y_train[:5], [5, 0, 4, 1, 9])
        np.testing.assert_array_equal(mnist.y_test[:5], [7, 2, 1, 0, 4])
        assert np.bincount(mnist.y_train).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        # The mean and deviation by which this set is customarily normalised.
        assert round(float(mnist.x_train.mean(dtype=float)), 4) == 0.1307
        assert round(float(mnist.x_train.std(dtype=float)), 4) == 0.3081


class TestLoadDigits:
    @pytest.mark.parametrize("samples", [None, 100, 1797])
    def test_splits_the_digits_four_to_one(self, samples):
        digits = load_digits()
        loaded = data.load("digits", samples=samples)
        x_train, x_test, y_train, y_test = train_test_split(
            digits.images[:samples], digits.target[:samples], test_size=0.2, random_state=42
        )
        np.testing.assert_array_equal(loaded.x_train, (x_train / 16).astype(np.float32), strict=True)
        np.testing.assert_array_equal(loaded.x_test, (x_test / 16).astype(np.float32), strict=True)
        np.testing.assert_array_equal(loaded.y_train, y_train.astype(np.int64), strict=True)
        np.testing.assert_array_equal(loaded.y_test, y_test.astype(np.int64), strict=True)
        assert loaded.x_train.max() == 1
        assert loaded.name == "digits"

    def test_refuses_more_samples_than_there_are(self):
        with pytest.raises(ValueError, match="samples=1798, but digits has only 1797 training images"):
            data.load("digits", samples=1798)

    def test_says_that_scikit_learn_is_missing(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
        with pytest.raises(ModuleNotFoundError, match="pip install scikit-learn"):
            data.load("digits")


@pytest.fixture
def openml_cache(tmp_path, monkeypatch):
    """Make scikit-learn's data folder a new one, and give a function that puts `images, labels` there as mnist_784."""
    monkeypatch.setenv("SCIKIT_LEARN_DATA", str(tmp_path))
    cache = tmp_path / "openml" / "openml.org"

    def put(path, content):
        file = cache / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content, compresslevel=1))

    def fill(images, labels):
        pixels = [f"pixel{i}" for i in range(1, 785)]
        header = [f"@ATTRIBUTE {name} REAL" for name in pixels] + ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}"]
        rows = [",".join(map(str, row)) for row in np.c_[images.reshape(-1, 784), labels].tolist()]
        arff = "\n".join(["@RELATION mnist_784", *header, "@DATA", *rows]).encode()
        numeric = [{"name": name, "data_type": "numeric", "is_target": "false"} for name in pixels]
        nominal = {"name": "class", "data_type": "nominal", "is_target": "true"}
        features = [
            {
                "index": str(i),
                "is_ignore": "false",
                "is_row_identifier": "false",
                "number_of_missing_values": "0",
                **feature,
            }
            for i, feature in enumerate([*numeric, nominal])
        ]
        description = {
            "id": "554",
            "name": "mnist_784",
            "version": "1",
            "description": "",
            "format": "ARFF",
            "status": "active",
            "url": "http://localhost/data/mnist_784.arff",
            "md5_checksum": hashlib.md5(arff).hexdigest(),
        }
        api = "api/v1/json/data"
        answers = {
            f"{api}/list/data_name/mnist_784/limit/2/data_version/1": {"data": {"dataset": [{"did": 554}]}},
            f"{api}/554": {"data_set_description": description},
            f"{api}/features/554": {"data_features": {"feature": features}},
            f"{api}/qualities/554": {
                "data_qualities": {"quality": [{"name": "NumberOfInstances", "value": str(len(labels))}]}
            },
        }
        for path, answer in answers.items():
            put(path, json.dumps(answer).encode())
        put("data/mnist_784.arff", arff)

    return fill


@pytest.fixture
def no_network(monkeypatch):
    """Let no name be resolved, as on a machine without a network, and list the hosts that were asked for."""
    asked = []

    def refuse(host, *args, **kwargs):
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    return asked


class TestLoadMnist:
    @pytest.mark.usefixtures("openml_cache")
    @pytest.mark.filterwarnings("ignore:A network error occurred")
    def test_says_without_a_network_what_else_there_is(self, no_network):
        with pytest.raises(ConnectionError) as caught:
            data.load("mnist")
        message = str(caught.value)
        assert no_network
        assert "MNIST could not be fetched" in message
        assert "without a network use 'digits'" in message
        assert all(name in message for name in FILES)
        assert "\n" not in message

    def test_takes_it_from_the_cache_without_a_network(self, openml_cache, no_network):
        rng = np.random.default_rng(2)
        images, labels = rng.integers(0, 256, (30, 28, 28), np.uint8), rng.integers(0, 10, 30)
        openml_cache(images, labels)
        loaded = data.load("mnist", samples=20)
        x_train, x_test, y_train, y_test = train_test_split(images[:20], labels[:20], test_size=0.2, random_state=42)
        np.testing.assert_array_equal(loaded.x_train, x_train.astype(np.float32) / np.float32(255), strict=True)
        np.testing.assert_array_equal(loaded.x_test, x_test.astype(np.float32) / np.float32(255), strict=True)
        np.testing.assert_array_equal(loaded.y_train, y_train, strict=True)
        np.testing.assert_array_equal(loaded.y_test, y_test, strict=True)
        assert loaded.name == "mnist"
        assert not no_network

    @pytest.mark.skipif(os.environ.get("HYPOTHESIS_PROFILE") != "nightly", reason="parsing 70,000 images takes long")
    @pytest.mark.usefixtures("no_network")
    def test_parts_training_from_test_images_after_60000(self, openml_cache):
        labels = np.random.default_rng(3).integers(0, 10, 70_000)
        images = np.zeros((70_000, 28, 28), np.uint8)
        images[:, 27, 27] = 25 * labels
        openml_cache(images, labels)
        loaded = data.load("mnist")
        np.testing.assert_array_equal(loaded.y_train, labels[:60_000])
        np.testing.assert_array_equal(loaded.y_test, labels[60_000:])
        np.testing.assert_array_equal(loaded.x_train, images[:60_000].astype(np.float32) / np.float32(255), strict=True)
        np.testing.assert_array_equal(loaded.x_test, images[60_000:].astype(np.float32) / np.float32(255), strict=True)
