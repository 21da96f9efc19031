"""Disks that are full, folders that are read-only or vanish, and checkpoints that are damaged.

Whatever happens: the error names the file and the step, earlier checkpoints are whole, no temporary file is left, what
is in memory is the state after that step, and the training goes on from there to the same bits. The full disk is real
wherever it can be: for root on Linux a file system in memory of 256 KiB; for everybody a limit of the size of files.
The read-only folder is the same file system, for permissions do not bind root.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import shutil
import signal
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nn
from tests.families import costly
from tests.nn.training.processes import Program
from tests.nn.training.trainings import Failing, Options, Training, assert_no_litter, bits

OPTIONS = Options(epochs=3, schedule="step", patience=None)


class Acting(Failing):
    """Does something when the second epoch ends, and counts how often it was tidied up."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__("on_epoch_end", 2)
        self.act, self.closed = act, 0

    def _count(self, event: str) -> None:
        try:
            super()._count(event)
        except ZeroDivisionError:
            self.act()

    def close(self) -> None:
        self.closed += 1


def undisturbed(folder: Path, epochs: int = 3) -> dict[str, Any]:
    training = Training(Options(**{**vars(OPTIONS), "epochs": epochs}), folder, [Acting(lambda: None)])
    training.run()
    found: dict[str, Any] = bits(training.outcome())
    return found


def steps_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("step-*.safetensors"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root on Linux may mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=False, capture_output=True)


def fill(place: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), open(place / "filler", "wb", buffering=0) as file:
        while True:
            file.write(bytes(1024))


def assert_fails_and_goes_on(
    elsewhere: Path, folder: Path, broken: Acting, mend: Callable[[], object], kind: type[OSError]
) -> None:
    """Train until the disk fails at the end of the second epoch, look at what is left, and go on when it is mended."""
    others = elsewhere / "others"
    whole, halfway = undisturbed(others / "whole"), undisturbed(others / "halfway", 2)
    training = Training(OPTIONS, folder, [broken])
    training.model.eval()
    try:
        with pytest.raises(kind) as caught:
            training.run()
        notes = " ".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
        assert str(folder) in notes
        assert "after step 8" in notes
        assert "Earlier ones are as they were" in notes
        # What is in memory is whole, and can be used.
        assert bits(training.model.state_dict()) == halfway["model"]
        assert bits(training.optimizer.state_dict()) == halfway["optimizer"]
        assert not training.model.training
        assert broken.closed == 1
        assert not [*folder.glob(".*")]
        for path in steps_in(folder):
            assert nn.load(path)["steps"] in (0, 4)
    finally:
        mend()
    training.run()
    assert bits(training.outcome()) == whole
    assert_no_litter(folder)


def test_a_full_disk(disk: Path, tmp_path: Path) -> None:
    broken = Acting(lambda: fill(disk))
    assert_fails_and_goes_on(tmp_path, disk / "folder", broken, (disk / "filler").unlink, OSError)


def test_files_that_may_not_grow(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    broken = Acting(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, hard)))
    assert_fails_and_goes_on(
        tmp_path, tmp_path / "folder", broken, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard)), OSError
    )


def test_a_read_only_disk(disk: Path, tmp_path: Path) -> None:
    def remount(how: str) -> None:
        subprocess.run(["mount", "-o", f"remount,{how}", str(disk)], check=True, capture_output=True)

    assert_fails_and_goes_on(tmp_path, disk / "folder", Acting(lambda: remount("ro")), lambda: remount("rw"), OSError)
    remount("ro")
    with pytest.raises(OSError, match="Read-only") as caught:
        Training(OPTIONS, disk / "new", [Acting(lambda: None)]).run()
    assert "nothing was trained" in " ".join(caught.value.__notes__)


@pytest.mark.parametrize("in_its_place", [False, True])
def test_a_folder_that_vanishes(in_its_place: bool, tmp_path: Path) -> None:
    folder, away = tmp_path / "folder", tmp_path / "away"

    def vanish() -> None:
        folder.rename(away)
        if in_its_place:
            folder.mkdir()

    def come_back() -> None:
        assert not in_its_place or not [*folder.iterdir()]
        assert [nn.load(path)["steps"] for path in steps_in(away)] == [0, 4]
        if in_its_place:
            folder.rmdir()
        away.rename(folder)

    assert_fails_and_goes_on(tmp_path, folder, Acting(vanish), come_back, FileNotFoundError)


@pytest.mark.parametrize("place", ["file", "file/folder"])
def test_a_file_in_the_place_of_the_folder(place: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    training = Training(OPTIONS, tmp_path / place, [Acting(lambda: None)])
    before = bits(training.model.state_dict())
    with pytest.raises(OSError, match="file") as caught:
        training.run()
    assert f"the folder {tmp_path / place} for checkpoints could not be made" in " ".join(caught.value.__notes__)
    assert bits(training.model.state_dict()) == before


# -- damage -----------------------------------------------------------------------------------------------------------


class Trap:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def flip(path: Path, place: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(place * (len(content) - 1))] ^= 4
    path.write_bytes(content)


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "kept").touch()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "empty": lambda path: path.write_bytes(b""),
    "truncated at once": lambda path: os.truncate(path, 7),
    "truncated in the header": lambda path: os.truncate(path, 200),
    "truncated at the end": lambda path: os.truncate(path, path.stat().st_size - 1),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"\0"),
    "a bit of its length": lambda path: flip(path, 0.0),
    "a bit of the header": lambda path: flip(path, 0.1),
    "a bit of the last number": lambda path: flip(path, 1.0),
    "text": lambda path: path.write_text("no checkpoint"),
    "arrays": lambda path: nn.save({"weight": np.ones(3)}, path),
    "no training": lambda path: nn.save({"setup": 1, "model": {"weight": np.ones(3)}}, path),
    "a pickle": lambda path: path.write_bytes(pickle.dumps(Trap(path.parent / "executed"))),
    "a folder": replace_by_folder,
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nothing")),
}


def interrupted(folder: Path) -> None:
    """Train until the third epoch."""
    with contextlib.suppress(ZeroDivisionError):
        Training(OPTIONS, folder, [Failing("on_epoch_begin", 3)]).run()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    training = Training(OPTIONS, tmp_path_factory.mktemp("whole") / "folder", [Failing("", 0)])
    training.run()
    found: dict[str, Any] = bits(training.outcome())
    return found


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_passed_over_with_a_warning(damage: str, whole: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    interrupted(folder)
    earlier, newest = steps_in(folder)
    DAMAGES[damage](newest)
    training = Training(OPTIONS, folder, [Failing("", 0)])
    with pytest.warns(
        RuntimeWarning, match=f"fit: going on from {earlier}, for a later one is damaged.*{newest}"
    ) as seen:
        training.run()
    assert Path(seen[0].filename).name == "trainings.py"  # where fit was called
    assert bits(training.outcome()) == whole
    assert not (folder / "executed").exists()
    kept = newest.with_name(f"{newest.name}.damaged")
    assert os.path.lexists(kept)  # it may be of use to somebody
    assert damage != "a folder" or (kept / "kept").exists()


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_all_is_an_error(damage: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    interrupted(folder)
    for path in steps_in(folder):
        DAMAGES[damage](path)
    training = Training(OPTIONS, folder, [Failing("", 0)])
    before, names = bits(training.model.state_dict()), sorted(folder.iterdir())
    with pytest.raises(ValueError, match=f"none of the checkpoints in {folder} can be read.*{steps_in(folder)[-1]}"):
        training.run()
    assert bits(training.model.state_dict()) == before
    assert sorted(folder.iterdir()) == names
    assert not (folder / "executed").exists()


@given(place=st.floats(0, 1), bit=st.integers(0, 7), length=st.none() | st.floats(0, 1))
@costly()
def test_no_bit_is_taken_for_another(
    place: float, bit: int, length: float | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("damage")
    path = folder / "step-000000001.safetensors"
    nn.save({"setup": {"x": "y"}, "arrays": [np.arange(5.0), np.float32(2)], "text": "é"}, path)
    content = bytearray(path.read_bytes())
    expected = nn.Checkpoints(folder).newest()
    content[int(place * (len(content) - 1))] ^= 1 << bit
    path.write_bytes(content if length is None else content[: int(length * len(content))])
    try:
        found = nn.Checkpoints(folder).newest()
    except ValueError:
        return
    assert bits(found) == bits(expected)


def test_a_file_that_may_not_be_read_is_an_error_and_stays(
    whole: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong may pass; the newest one is not given up for it. Root reads all files, so that it is only said."""
    folder = tmp_path / "folder"
    interrupted(folder)
    names = sorted(folder.iterdir())

    def refuse(path: str) -> Any:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patched:
        patched.setattr("nn.training.checkpoints.load", refuse)
        with pytest.raises(PermissionError) as caught:
            Training(OPTIONS, folder, [Failing("", 0)]).run()
    assert "nothing was changed" in " ".join(caught.value.__notes__)
    assert sorted(folder.iterdir()) == names
    training = Training(OPTIONS, folder, [Failing("", 0)])
    training.run()
    assert bits(training.outcome()) == whole


def test_two_at_once_are_refused(tmp_path: Path, program: Program) -> None:
    folder = tmp_path / "folder"
    program.order(OPTIONS, folder, pause=4)
    child = program.receive()
    names = sorted(folder.iterdir())
    with pytest.raises(RuntimeError, match=f"another training writes its checkpoints into {folder} now"):
        Training(OPTIONS, folder, [Failing("", 0)]).run()
    assert sorted(folder.iterdir()) == names
    os.kill(child, signal.SIGKILL)
    assert program.receive() == -signal.SIGKILL
    assert program.run(OPTIONS, folder) == 0


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in (".0123456789abcdef.tmp", "notes.txt", ".hidden", ".short.tmp"):
        (folder / name).touch()
    with warnings.catch_warnings():
        Training(OPTIONS, folder, [Failing("", 0)]).run()
    assert not (folder / ".0123456789abcdef.tmp").exists()
    assert all((folder / name).exists() for name in ("notes.txt", ".hidden", ".short.tmp"))
