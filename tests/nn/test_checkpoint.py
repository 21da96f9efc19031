import errno
import json
import os
import shutil
import stat
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd_np import Tensor
from nn import checkpoint
from nn.module import IncompatibleKeys

DTYPES = ["bool", *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64))]
DTYPES += ["float16", "float32", "float64", "complex64"]

LAYOUTS = {
    "C": lambda array: array,
    "Fortran": np.asfortranarray,
    "transposed": lambda array: array.T,
    "strided": lambda array: np.repeat(array, 2, axis=-1)[..., ::2] if array.ndim else array,
    "reversed": lambda array: array[(slice(None, None, -1),) * array.ndim + (...,)],
    "broadcast": lambda array: np.broadcast_to(array, (2, *array.shape)),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
}


@st.composite
def arrays(draw):
    array = draw(
        hnp.arrays(draw(st.sampled_from(DTYPES)), hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    )
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](array)


keys = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
states = st.dictionaries(keys, arrays(), max_size=4)


def assert_same(loaded, state):
    assert loaded.keys() == state.keys()
    for key, array in state.items():
        np.testing.assert_array_equal(loaded[key], array.astype(array.dtype.newbyteorder("=")), strict=True)


numbers = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), keys)
numpy_numbers = st.one_of(st.floats(width=32).map(np.float32), st.floats().map(np.float64), st.booleans().map(np.bool_))
trees = st.recursive(
    numbers | numpy_numbers | arrays(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(keys | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)
nested = st.dictionaries(keys, trees, max_size=4)


def assert_same_tree(loaded, tree):
    assert type(loaded) is type(tree)
    if isinstance(tree, dict):
        assert list(loaded) == list(tree)
        loaded, tree = list(loaded.values()), list(tree.values())
    if isinstance(tree, list | tuple):
        for part, expected in zip(loaded, tree, strict=True):
            assert_same_tree(part, expected)
    elif isinstance(tree, np.ndarray | np.generic):
        np.testing.assert_array_equal(loaded, tree.astype(tree.dtype.newbyteorder("=")), strict=True)
    else:
        assert repr(loaded) == repr(tree)  # nan is not nan, and 0.0 is -0.0


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory):
    """One file that all the examples of a property are written to."""
    return tmp_path_factory.mktemp("checkpoint") / "model.safetensors"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def state():
    rng = np.random.default_rng(0)
    return {"0.weight": rng.standard_normal((3, 2), np.float32), "0.bias": rng.standard_normal(3), "steps": np.array(7)}


def raw(header, content=b""):
    """Lay out a safetensors file by hand."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content


class TestRoundTrip:
    @given(states)
    def test_gives_the_same_arrays(self, shared_path, state):
        checkpoint.save(state, shared_path)
        loaded = checkpoint.load(shared_path)
        assert_same(loaded, state)
        assert all(array.flags.writeable for array in loaded.values())

    @given(states)
    def test_writes_what_other_readers_of_the_format_read(self, shared_path, state):
        checkpoint.save(state, shared_path)
        assert_same(safetensors.numpy.load_file(shared_path), state)

    @given(states)
    def test_reads_what_other_writers_wrote_without_a_checksum(self, shared_path, state):
        plain = {key: np.asarray(array, order="C") for key, array in state.items()}
        shared_path.write_bytes(safetensors.numpy.save(plain, metadata={"format": "pt"}))
        assert_same(checkpoint.load(shared_path), state)

    @given(nested)
    def test_gives_the_same_dicts_lists_and_numbers(self, shared_path, tree):
        checkpoint.save(tree, shared_path)
        if all(isinstance(value, np.ndarray) for value in tree.values()):
            assert_same(checkpoint.load(shared_path), tree)
        else:
            assert_same_tree(checkpoint.load(shared_path), tree)

    def test_arrays_of_one_path_stay_apart(self, path):
        tree = {"a": {"b.c": np.array(1), "b": {"c": np.array(2)}}, "a.b": {"c": np.array(3)}, "a.b.c": np.array(4)}
        checkpoint.save(tree, path)
        assert_same_tree(checkpoint.load(path), tree)
        assert sorted(safetensors.numpy.load_file(path)) == ["a.b.c", "a.b.c_", "a.b.c__", "a.b.c___"]

    def test_takes_the_path_as_a_string_and_appends_nothing(self, tmp_path, state):
        checkpoint.save(state, str(tmp_path / "model"))
        assert os.listdir(tmp_path) == ["model"]
        assert_same(checkpoint.load(str(tmp_path / "model")), state)

    def test_does_not_change_the_state(self, path, state):
        before = {key: array.copy() for key, array in state.items()}
        checkpoint.save(state, path)
        assert_same(state, before)

    def test_the_same_state_gives_the_same_file(self, path, state):
        checkpoint.save(state, path)
        first = path.read_bytes()
        checkpoint.save(dict(reversed(state.items())), path)
        assert path.read_bytes() == first

    def test_does_not_hold_the_file_after_loading(self, path, state):
        checkpoint.save(state, path)
        loaded = checkpoint.load(path)
        path.write_bytes(bytes(path.stat().st_size))
        assert_same(loaded, state)


DEEP = '{"a": ' + '{"list": [' * 5000 + "1" + "]}" * 5000 + "}"


class TestDamage:
    @given(states, st.data())
    def test_a_file_cut_anywhere_is_refused(self, shared_path, state, draw):
        checkpoint.save(state, shared_path)
        content = shared_path.read_bytes()
        shared_path.write_bytes(content[: draw.draw(st.integers(0, len(content) - 1))])
        with pytest.raises(ValueError, match=r"model.safetensors cannot be read as a safetensors file"):
            checkpoint.load(shared_path)

    @given(states, st.binary(min_size=1, max_size=9))
    def test_a_file_that_goes_on_is_refused(self, shared_path, state, more):
        checkpoint.save(state, shared_path)
        with shared_path.open("ab") as file:
            file.write(more)
        with pytest.raises(ValueError, match=r"model.safetensors cannot be read as a safetensors file"):
            checkpoint.load(shared_path)

    @given(arrays().filter(lambda array: array.size), st.data())
    def test_a_flipped_bit_in_the_values_is_detected(self, shared_path, array, draw):
        checkpoint.save({"weight": array}, shared_path)
        content = bytearray(shared_path.read_bytes())
        bit = draw.draw(st.integers(8 * (len(content) - array.nbytes), 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
        shared_path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model.safetensors do not match the checksum"):
            checkpoint.load(shared_path)

    @given(states, st.data())
    def test_no_flipped_bit_gives_another_state(self, shared_path, state, draw):
        checkpoint.save(state, shared_path)
        content = bytearray(shared_path.read_bytes())
        bit = draw.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
        shared_path.write_bytes(content)
        try:
            loaded = checkpoint.load(shared_path)
        except ValueError:
            return
        # Where the name of the checksum itself is hit, the entries are still right.
        assert_same(loaded, state)

    @given(states, st.data())
    def test_bits_flipped_in_the_values_and_in_the_checksums_own_name_are_detected(self, shared_path, state, draw):
        state["w"] = np.arange(4.0)
        checkpoint.save(state, shared_path)
        content = bytearray(shared_path.read_bytes())
        place = content.index(b"autograd_np.sha256") + draw.draw(st.integers(0, 17))
        content[place] ^= 1 << draw.draw(st.integers(0, 7))
        content[-1 - draw.draw(st.integers(0, 31))] ^= 1 << draw.draw(st.integers(0, 7))
        shared_path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model.safetensors (cannot be read|do not match)"):
            checkpoint.load(shared_path)

    @given(nested, st.data())
    def test_no_flipped_bit_gives_other_dicts_lists_or_numbers(self, shared_path, tree, draw):
        tree["epoch"] = 3
        checkpoint.save(tree, shared_path)
        content = bytearray(shared_path.read_bytes())
        bit = draw.draw(st.integers(0, 8 * len(content) - 1))
        content[bit // 8] ^= 1 << bit % 8
        shared_path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model.safetensors (cannot be read|do not match)"):
            checkpoint.load(shared_path)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'"bias"', b'"base"'),
            (b'"F32"', b'"I32"'),
            (b'"shape":[6]', b'"shape":[2,3]'),
            (b'"data_offsets":[0,24]', b'"data_offsets":[24,48]'),
        ],
    )
    def test_a_change_of_names_dtypes_shapes_or_places_is_detected(self, path, old, new):
        state = {"bias": np.arange(6, dtype=np.float32), "weight": np.arange(6, 12, dtype=np.float32).reshape(6, 1)}
        checkpoint.save(state, path)
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header, values = content[8 : 8 + length], content[8 + length :]
        assert old in header
        if b"offsets" in old:
            # The two entries of equal size change places.
            header = header.replace(b"[24,48]", b"[0,24]")
            header = header.replace(b"[0,24]", b"[24,48]", 1)
        else:
            header = header.replace(old, new)
        path.write_bytes(len(header).to_bytes(8, "little") + header + values)
        assert safetensors.numpy.load_file(path)
        with pytest.raises(ValueError, match="do not match the checksum"):
            checkpoint.load(path)

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"not a safetensors file",
            b"\xff" * 8 + b"{}",
            (10**8 + 1).to_bytes(8, "little") + b"{}",
            b"\x80\x04\x95\x0f\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94\x8c\x06system\x94\x93\x94.",
            raw([]),
            raw({"w": {"dtype": "F32", "shape": [2**62, 2**62], "data_offsets": [0, 0]}}),
            raw({"w": {"dtype": "F32", "shape": [0, 2**62, 1], "data_offsets": [0, 0]}}),
            raw({"w": {"dtype": "U8", "shape": [1] * 70, "data_offsets": [0, 1]}}, b"1"),
            raw({"w": {"dtype": "U8", "shape": [2], "data_offsets": [1, 3]}}, b"123"),
        ],
    )
    def test_garbage_is_refused(self, path, content):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"model.safetensors cannot be read as a safetensors file: "):
            checkpoint.load(path)

    @pytest.mark.parametrize("content", [b"PK\3\4" + bytes(30), b"\x80\x04\x95" + bytes(30)])
    def test_files_of_torch_save_are_told_the_way(self, path, content):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"which are not run here: .*safetensors.torch.save_file"):
            checkpoint.load(path)

    @pytest.mark.parametrize(("code", "size"), [("BF16", 2), ("F8_E4M3", 1)])
    def test_a_dtype_that_numpy_lacks_is_named_with_its_entry(self, path, code, size):
        entry = {"dtype": code, "shape": [2], "data_offsets": [0, 2 * size]}
        path.write_bytes(raw({"fc.weight": entry}, bytes(2 * size)))
        with pytest.raises(
            ValueError, match=f"model.safetensors .* entry 'fc.weight' is {code}, which NumPy does not have"
        ):
            checkpoint.load(path)

    @pytest.mark.parametrize(
        "structure",
        ["{", "[]", '{"a": {"array": "b"}}', '{"a": {"set": []}}', '{"a": {}}', '{"a": {"list": 1}}', "null", DEEP],
    )
    def test_a_structure_that_promises_what_is_not_there_is_refused(self, path, structure):
        values = np.zeros(1)
        metadata = {"autograd_np.structure": structure}
        metadata["autograd_np.sha256"] = checkpoint._checksum({"w": values}, structure)
        path.write_bytes(safetensors.numpy.save({"w": values}, metadata))
        with pytest.raises(ValueError, match="says that it holds what it does not"):
            checkpoint.load(path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
    def test_a_pipe_is_refused_at_once(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(
            ValueError, match="pipe is a pipe, a device or the like; give the path of a safetensors file"
        ):
            checkpoint.load(tmp_path / "pipe")

    def test_arrays_stay_when_the_file_is_shortened(self, path):
        checkpoint.save({"w": np.arange(1000.0)}, path)
        loaded = checkpoint.load(path)
        os.truncate(path, 0)
        np.testing.assert_array_equal(loaded["w"], np.arange(1000.0))

    def test_a_missing_file_is_named(self, path):
        with pytest.raises(FileNotFoundError, match=r"model.safetensors"):
            checkpoint.load(path)

    def test_a_directory_is_refused(self, tmp_path):
        with pytest.raises(IsADirectoryError, match="is a directory"):
            checkpoint.load(tmp_path)


class TestWrongState:
    @pytest.mark.parametrize(
        ("wrong", "error", "message"),
        [
            (None, TypeError, "dict of str to ndarray, got NoneType"),
            ([np.zeros(2)], TypeError, "dict of str to ndarray, got list"),
            ({3: np.zeros(2)}, TypeError, "keys must be strings, got 3 of type int"),
            ({"w": {1.0, 2.0}}, TypeError, "value of 'w' must be a plain ndarray, .*, got <class 'set'>"),
            ({"w": 1j}, TypeError, "value of 'w' must be a plain ndarray, .*, got <class 'complex'>"),
            ({"w": {"a": [3, Tensor(2.0)]}}, TypeError, r"value of 'w\.a\.1' must .*, got .*Tensor.*; .* \.numpy\(\)"),
            ({"w": {"a": np.str_("b")}}, TypeError, r"dtype of 'w\.a' is <U1"),
            ({"w": {1.5: 2}}, TypeError, "keys in 'w' must be strings or integers, got 1.5 of type float"),
            ({"w": {True: 2}}, TypeError, "keys in 'w' must be strings or integers, got True of type bool"),
            ({"w": IncompatibleKeys([], [])}, TypeError, "value of 'w' must .*, got .*IncompatibleKeys"),
            (
                {"w": np.ma.masked_array([1, 2], [0, 1])},
                TypeError,
                "value of 'w' .* got <class 'numpy.ma.*MaskedArray'>",
            ),
            ({"ok": np.ones(2), "w": np.array([None])}, TypeError, "dtype of 'w' is object, .* float16, float32"),
            ({"w": np.zeros(2, complex)}, TypeError, "dtype of 'w' is complex128"),
            ({"w": np.array(["a"])}, TypeError, "dtype of 'w' is <U1"),
            ({"w": np.zeros(2, [("a", "f4")])}, TypeError, "dtype of 'w' is "),
            ({"w": np.zeros(2, "datetime64[s]")}, TypeError, "dtype of 'w' is datetime64"),
            ({"__metadata__": np.zeros(2)}, ValueError, "keeps the name '__metadata__' for itself"),
            ({"\ud800": np.zeros(2)}, ValueError, "surrogates"),
        ],
    )
    def test_is_refused_before_anything_is_written(self, tmp_path, path, state, wrong, error, message):
        with pytest.raises(error, match=message):
            checkpoint.save(wrong, path)
        assert os.listdir(tmp_path) == []
        checkpoint.save(state, path)
        with pytest.raises(error, match=message):
            checkpoint.save(wrong, path)
        assert_same(checkpoint.load(path), state)


class TestWriting:
    @pytest.mark.parametrize("step", ["fsync", "replace"])
    @pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
    def test_after_a_failure_the_old_file_is_whole_and_alone(self, tmp_path, path, state, monkeypatch, step, error):
        def fail(*args, **kwargs):
            raise error

        checkpoint.save(state, path)
        with monkeypatch.context() as patch:
            patch.setattr(os, step, fail)
            with pytest.raises(type(error)):
                checkpoint.save({"other": np.zeros(1000)}, path)
        assert os.listdir(tmp_path) == [path.name]
        assert_same(checkpoint.load(path), state)

    def test_the_old_file_is_there_until_the_new_one_is_on_disk(self, tmp_path, path, state, monkeypatch):
        steps = []
        fsync, replace = os.fsync, os.replace

        def watch_fsync(descriptor):
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            steps.append("the folder's fsync" if is_folder else ("fsync", os.fstat(descriptor).st_size))
            fsync(descriptor)

        def watch_replace(source, target):
            assert Path(source).parent == tmp_path
            assert_same(checkpoint.load(target), state)
            steps.append(("replace", os.stat(source).st_size))
            replace(source, target)

        checkpoint.save(state, path)
        monkeypatch.setattr(os, "fsync", watch_fsync)
        monkeypatch.setattr(os, "replace", watch_replace)
        # Small enough to be held back in Python's buffer, were it not flushed.
        new = {"other": np.zeros(10)}
        checkpoint.save(new, path)
        size = path.stat().st_size
        assert steps == [("fsync", size), ("replace", size), "the folder's fsync"]
        assert_same(checkpoint.load(path), new)

    def test_a_folder_that_disappears_is_reported_as_such(self, tmp_path, state, monkeypatch):
        folder = tmp_path / "folder"
        folder.mkdir()
        fsync = os.fsync

        def remove_folder(descriptor):
            fsync(descriptor)
            shutil.rmtree(folder)

        monkeypatch.setattr(os, "fsync", remove_folder)
        with pytest.raises(FileNotFoundError, match=r"model.safetensors"):
            checkpoint.save(state, folder / "model.safetensors")
        assert os.listdir(tmp_path) == []

    def test_a_missing_folder_is_named(self, tmp_path, state):
        with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing; create it"):
            checkpoint.save(state, tmp_path / "missing" / "model.safetensors")

    def test_a_directory_is_refused(self, tmp_path, state):
        with pytest.raises(OSError, match="exists and is not a file"):
            checkpoint.save(state, tmp_path)
        assert os.listdir(tmp_path) == []

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
    def test_what_is_not_a_file_is_left_alone(self, path, state):
        os.mkfifo(path)
        with pytest.raises(OSError, match="exists and is not a file"):
            checkpoint.save(state, path)
        assert stat.S_ISFIFO(path.stat().st_mode)

    @pytest.mark.skipif(getattr(os, "geteuid", lambda: 0)() == 0, reason="nothing is read-only to root")
    def test_a_read_only_file_is_left_alone(self, path, state):
        checkpoint.save(state, path)
        path.chmod(0o444)
        with pytest.raises(PermissionError, match="is read-only"):
            checkpoint.save({}, path)
        assert_same(checkpoint.load(path), state)

    @pytest.mark.parametrize("exists", [True, False])
    def test_a_symbolic_link_stays_and_its_target_is_written(self, tmp_path, state, exists):
        (tmp_path / "store").mkdir()
        target, link = tmp_path / "store" / "target", tmp_path / "link"
        link.symlink_to(Path("store") / "target")
        if exists:
            target.write_bytes(b"old")
        checkpoint.save(state, link)
        assert link.is_symlink()
        assert not target.is_symlink()
        assert_same(checkpoint.load(target), state)
        assert os.listdir(tmp_path / "store") == ["target"]

    @pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
    @pytest.mark.parametrize("umask", [0o022, 0o027, 0o002])
    def test_a_new_file_has_the_mode_that_the_umask_leaves(self, path, state, umask):
        before = os.umask(umask)
        try:
            checkpoint.save(state, path)
        finally:
            os.umask(before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask

    @pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
    @pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
    def test_an_old_file_keeps_its_mode(self, path, state, mode):
        path.write_bytes(b"old")
        path.chmod(mode)
        checkpoint.save(state, path)
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert_same(checkpoint.load(path), state)
