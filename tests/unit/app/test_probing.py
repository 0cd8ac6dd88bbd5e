"""The probe of new drives: good ones pass and are as empty as before, lying and failing ones are found."""

import errno
import os
from pathlib import Path

import pytest

from traybackup.api.errors import Cancelled, DriveError, DriveFake, DriveUnsuitable
from traybackup.api.progress import Cancel
from traybackup.app import probing
from traybackup.app.probing import SAMPLE, probe, read_back

FREE = 80 << 20


def test_a_good_drive_passes_and_nothing_is_left(tmp_path: Path) -> None:
    """All samples come back, they lie over the free room, and the folder is empty again."""
    found = probe(tmp_path, "Red", free=FREE)
    assert found.samples > 1
    assert found.spread > FREE // 2 - (32 << 20)
    assert found.spread <= FREE
    assert found.speed > 0
    assert list(tmp_path.iterdir()) == []


def test_samples_are_read_back_as_they_are(tmp_path: Path) -> None:
    """Reading past the cache returns what is in the file."""
    file = tmp_path / "sample"
    file.write_bytes(os.urandom(SAMPLE))
    assert read_back(file) == file.read_bytes()


@pytest.mark.parametrize("good", [0, 1, 5])
def test_a_drive_that_is_smaller_than_it_says_is_found(tmp_path: Path, good: int) -> None:
    """What lies beyond its real end reads as zeros: it is refused, and nothing is left."""

    def lie(file: Path) -> bytes:
        return read_back(file) if int(file.name) < good else bytes(SAMPLE)

    with pytest.raises(DriveFake) as told:
        probe(tmp_path, "Red", free=FREE, read=lie)
    assert told.value.drive == "Red"
    assert (told.value.size > 0) == (good > 0)
    assert list(tmp_path.iterdir()) == []


def test_a_drive_that_begins_anew_at_its_end_is_found(tmp_path: Path) -> None:
    """Where later samples have overwritten earlier ones, the first does not come back."""
    with pytest.raises(DriveFake):
        probe(tmp_path, "Red", free=FREE, read=lambda file: read_back(file.with_name(f"{int(file.name) | 1:02}")))


def test_one_turned_bit_is_found(tmp_path: Path) -> None:
    """Every byte of a sample counts."""

    def turn(file: Path) -> bytes:
        data = bytearray(read_back(file))
        data[-1] ^= 1
        return bytes(data)

    with pytest.raises(DriveFake):
        probe(tmp_path, "Red", free=FREE, read=turn)


def test_a_drive_that_cannot_be_read_is_found(tmp_path: Path) -> None:
    """An input error is the drive's fault."""

    def fail(_file: Path) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(DriveFake) as told:
        probe(tmp_path, "Red", free=FREE, read=fail)
    assert told.value.reason
    assert list(tmp_path.iterdir()) == []


def test_a_full_drive_is_told_from_a_broken_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without room for a single sample it is full; with room for some, those are compared."""
    written: list[int] = []

    def fill(_fd: int, data: bytes) -> None:
        written.append(len(data))
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(probing, "write_all", fill)
    with pytest.raises(DriveUnsuitable) as told:
        probe(tmp_path, "Red", free=FREE)
    assert told.value.why == "full"
    assert written == [SAMPLE]


@pytest.mark.parametrize(
    ("number", "why"), [(errno.EROFS, "read-only"), (errno.EACCES, "no-right"), (errno.EPERM, "no-right")]
)
def test_a_protected_drive_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str) -> None:
    """The reason has a word."""

    def refuse(*_args: object, **_named: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(DriveUnsuitable) as told:
        probe(tmp_path, "Red", free=FREE)
    assert told.value.why == why


def test_any_other_failure_has_the_systems_word(tmp_path: Path) -> None:
    """A folder that is not there is an error of the drive with its reason."""
    with pytest.raises(DriveError) as told:
        probe(tmp_path / "none", "Red", free=FREE)
    assert told.value.reason == os.strerror(errno.ENOENT)


def test_it_takes_no_longer_than_it_may(tmp_path: Path) -> None:
    """Without time one sample is all that is tried."""
    assert probe(tmp_path, "Red", free=FREE, seconds=0).samples == 1


def test_it_can_be_stopped(tmp_path: Path) -> None:
    """Somebody who asks to stop finds nothing left."""
    cancel = Cancel()
    cancel.set()
    with pytest.raises(Cancelled):
        probe(tmp_path, "Red", free=FREE, cancel=cancel)
    assert list(tmp_path.iterdir()) == []


def test_where_room_cannot_be_reserved_samples_are_written_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A system that would write zeros instead of reserving is not asked to."""
    monkeypatch.setattr(probing, "_reserve", lambda *_: False)
    found = probe(tmp_path, "Red", free=FREE)
    assert found.spread == found.samples * SAMPLE
