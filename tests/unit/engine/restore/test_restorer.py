"""Restoring a sound snapshot: everything comes back as it was, and what is there already is respected."""
# ruff: noqa: ARG002 - methods have the arguments of their contract

import os
import stat
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import Cancelled, NotInSnapshot, RestoreError, RestoreIncomplete, TargetUnusable
from traybackup.api.progress import Cancel, Progress
from traybackup.api.source import Kind
from traybackup.engine import restorer
from traybackup.engine.filesystem import TEMPORARY, Abilities
from traybackup.engine.placing import Overwrite
from traybackup.engine.restorer import problem, restore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="restoring on Windows has tests of its own")

TIME = 1_700_000_000_123_456_789
Make = Callable[..., Any]
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


def test_files_come_back_with_content_mode_and_times(made: Any, file: Make, folder: Make, target: Path) -> None:
    """A file gets its bytes, its mode and its times to the nanosecond; so does a directory, although it was filled."""
    tree = made.plant({b"d": folder({b"a": file(b"hello", mode=0o4711), b"empty": b""}, mode=0o1751)})
    restored = restore(made.repo, tree, target)
    found = (target / "d" / "a").stat()
    assert (target / "d" / "a").read_bytes() == b"hello"
    assert (target / "d" / "empty").read_bytes() == b""
    assert stat.S_IMODE(found.st_mode) == 0o4711
    assert (found.st_mtime_ns, found.st_atime_ns) == (TIME, TIME - 7)
    above = (target / "d").stat()
    assert (stat.S_IMODE(above.st_mode), above.st_mtime_ns, above.st_atime_ns) == (0o1751, TIME + 3, TIME - 9)
    assert (restored.files, restored.size, restored.directories) == (2, 5, 1)
    assert not restored.failed
    assert not restored.unset
    assert problem(restored) is None


def test_large_files_come_back_from_many_blobs(made: Any, file: Make, target: Path) -> None:
    """Blobs are put together in order, however they lie in the packs, and a blob may occur many times."""
    blobs = [bytes([number % 251]) * (1000 + number) for number in range(1500)]
    content = [*blobs, *reversed(blobs), blobs[3], blobs[3]]
    restore(made.repo, made.plant({b"big": file(*content), b"same": file(*content)}), target)
    assert (target / "big").read_bytes() == b"".join(content) == (target / "same").read_bytes()


@pytest.mark.parametrize("most", [{"_MOST_FILES": 2}, {"_MOST_BLOBS": 3}, {"_MOST_GROWING": 1}])
def test_batches_change_nothing(
    made: Any, file: Make, folder: Make, target: Path, monkeypatch: pytest.MonkeyPatch, most: dict[str, int]
) -> None:
    """However small the batches, content and the times of directories are right."""
    for name, value in most.items():
        monkeypatch.setattr(restorer, name, value)
    blobs = [bytes([number]) * 5000 for number in range(11)]
    tree = {b"d%d" % n: folder({b"f%d" % m: file(*blobs[m : m + n]) for m in range(5)}) for n in range(4)}
    restored = restore(made.repo, made.plant({**tree, b"z": file(*blobs, *blobs)}), target)
    for n in range(4):
        for m in range(5):
            assert (target / f"d{n}" / f"f{m}").read_bytes() == b"".join(blobs[m : m + n])
        assert (target / f"d{n}").stat().st_mtime_ns == TIME + 3
    assert (target / "z").read_bytes() == b"".join(blobs * 2)
    assert (restored.files, restored.failed) == (21, [])


def test_symlinks_fifos_and_their_times_come_back(made: Any, special: Make, target: Path) -> None:
    """Links hold what they held, even if it is no UTF-8, and nothing follows them."""
    tree = made.plant(
        {
            b"link": special(Kind.SYMLINK, link_target=b"../outside/canary\xff"),
            b"pipe": special(Kind.FIFO),
            b"socket": special(Kind.SOCKET),
        }
    )
    restored = restore(made.repo, tree, target)
    assert os.readlink(os.fsencode(target / "link")) == b"../outside/canary\xff"
    assert os.lstat(target / "link").st_mtime_ns == TIME + 5
    pipe = os.lstat(target / "pipe")
    assert stat.S_ISFIFO(pipe.st_mode)
    assert (stat.S_IMODE(pipe.st_mode), pipe.st_mtime_ns) == (0o640, TIME + 5)
    assert not (target / "socket").exists()
    assert (restored.others, restored.unset, restored.failed) == (2, {"socket": 1}, [])


@pytest.mark.skipif(not ROOT, reason="only the administrator may make devices")
def test_devices_come_back(made: Any, special: Make, target: Path) -> None:
    """A device gets its kind and number; it is never opened."""
    made_of = {b"b": special(Kind.BLOCK_DEVICE, device=1795), b"c": special(Kind.CHARACTER_DEVICE, device=1281)}
    restore(made.repo, made.plant(made_of), target)
    block, char = os.lstat(target / "b"), os.lstat(target / "c")
    assert (stat.S_ISBLK(block.st_mode), block.st_rdev) == (True, 1795)
    assert (stat.S_ISCHR(char.st_mode), char.st_rdev) == (True, 1281)


@pytest.mark.skipif(not ROOT, reason="only the administrator may give files away")
def test_owners_come_back(made: Any, file: Make, folder: Make, special: Make, target: Path) -> None:
    """Files, directories and links belong again to whom they belonged, and a setuid bit survives that."""
    given = {"uid": 12345, "gid": 23456}
    tree = {
        b"a": file(b"x", mode=0o4755, **given),
        b"d": folder({}, **given),
        b"l": special(Kind.SYMLINK, link_target=b"a", **given),
    }
    restore(made.repo, made.plant(tree), target)
    for name in "adl":
        found = os.lstat(target / name)
        assert (found.st_uid, found.st_gid) == (12345, 23456)
    assert stat.S_IMODE((target / "a").stat().st_mode) == 0o4755


def test_attributes_come_back_or_are_counted(made: Any, file: Make, target: Path) -> None:
    """An extended attribute is set again; one that the system refuses is counted and costs nothing else."""
    tree = made.plant({b"a": file(b"x", xattrs=(("user.shop", b"\0\xff"), ("nonsense.name", b"1")))})
    restored = restore(made.repo, tree, target)
    assert os.getxattr(target / "a", "user.shop") == b"\0\xff"
    assert (restored.unset, restored.failed) == ({"attributes": 1}, [])


def test_hard_links_are_one_file_again(made: Any, file: Make, folder: Make, target: Path) -> None:
    """Names of one file share it again, across directories, also when it is empty."""
    shared = file(b"one", links=3, inode=7, device_id=1)
    empty = file(links=2, inode=8, device_id=1)
    tree = made.plant({b"a": shared, b"d": folder({b"b": shared, b"e": empty}), b"f": shared, b"g": empty})
    restored = restore(made.repo, tree, target)
    assert len({(target / name).stat().st_ino for name in ("a", "d/b", "f")}) == 1
    assert (target / "d" / "e").samefile(target / "g")
    assert (target / "a").stat().st_nlink == 3
    assert (target / "d").stat().st_mtime_ns == TIME + 3
    assert (restored.files, restored.size) == (5, 3)


def test_a_file_that_changed_between_its_names_is_two(made: Any, file: Make, target: Path) -> None:
    """Two names with one number but different content are not linked: both contents come back."""
    numbers = {"links": 2, "inode": 7, "device_id": 1}
    restore(made.repo, made.plant({b"a": file(b"one", **numbers), b"b": file(b"two", **numbers)}), target)
    assert (target / "a").read_bytes() == b"one"
    assert (target / "b").read_bytes() == b"two"


def test_where_links_cannot_be_made_there_are_copies(
    made: Any, file: Make, folder: Make, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without hard links every name gets the content, and directories keep their times."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    shared = file(b"one", b"two", links=2, inode=7, device_id=1)
    restored = restore(made.repo, made.plant({b"a": shared, b"d": folder({b"b": shared})}), target)
    assert (target / "d" / "b").read_bytes() == b"onetwo"
    assert not (target / "d" / "b").samefile(target / "a")
    assert (target / "d").stat().st_mtime_ns == TIME + 3
    assert (restored.files, restored.failed) == (2, [])


def test_zeros_become_holes(made: Any, file: Make, target: Path) -> None:
    """A file of zeros takes no room, and zeros around content are not written."""
    hole, text = bytes(1 << 20), b"x" * 8192
    tree = made.plant({b"holes": file(hole, hole, text, hole), b"one": file(bytes(1 << 16)), b"end": file(text + hole)})
    restore(made.repo, tree, target)
    assert (target / "holes").read_bytes() == hole * 2 + text + hole
    assert (target / "one").read_bytes() == bytes(1 << 16)
    assert (target / "end").read_bytes() == text + hole
    assert (target / "holes").stat().st_blocks * 512 < 1 << 18
    assert (target / "end").stat().st_blocks * 512 < 1 << 18
    assert (target / "one").stat().st_blocks == 0


def test_only_what_is_wanted_comes_back(made: Any, folder: Make, target: Path, listing: Callable[..., object]) -> None:
    """A file or directory is found by its path; what leads there is made, its neighbours are not."""
    tree = made.plant(
        {b"srv": folder({b"till": folder({b"db": b"1", b"x": {b"y": b"2"}}), b"log": b"3"}), b"etc": b"4"}
    )
    restored = restore(made.repo, tree, target, only=["/srv/till/x", "srv/till/db/"])
    assert listing(target) == {
        "srv": None,
        "srv/till": None,
        "srv/till/db": b"1",
        "srv/till/x": None,
        "srv/till/x/y": b"2",
    }
    assert (target / "srv").stat().st_mtime_ns == TIME + 3
    assert restored.files == 2


def test_what_only_leads_to_the_wanted_keeps_its_metadata(made: Any, folder: Make, target: Path) -> None:
    """A directory that was there and is only passed through is not changed."""
    (target / "srv").mkdir(parents=True, mode=0o700)
    tree = made.plant({b"srv": folder({b"a": b"1", b"b": b"2"}, mode=0o755)})
    restore(made.repo, tree, target, only=["/srv/a"])
    assert stat.S_IMODE((target / "srv").stat().st_mode) == 0o700


def test_a_wanted_path_that_is_not_there_is_told(made: Any, target: Path) -> None:
    """One missing path is listed as failed; if all are missing, nothing is made at all."""
    tree = made.plant({b"a": b"1"})
    restored = restore(made.repo, tree, target, only=["/a", "/b"])
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/b", "not-in-snapshot")]
    assert isinstance(problem(restored), RestoreIncomplete)
    with pytest.raises(NotInSnapshot):
        restore(made.repo, tree, target / "new", only=["/b", "/a/b"])
    assert not (target / "new").exists()


@pytest.mark.parametrize("wanted", [["/"], ["/d", "/d/x"], ["/d/x", "/d"]])
def test_paths_within_wanted_paths_change_nothing(made: Any, target: Path, wanted: list[str]) -> None:
    """Naming a directory and something in it brings all of it back, once."""
    tree = made.plant({b"d": {b"x": b"1", b"y": b"2"}})
    assert restore(made.repo, tree, target, only=wanted).files == 2


# What is there already ------------------------------------------------------------------------------------------------


def test_what_is_there_stays_unless_the_owner_says_so(made: Any, target: Path) -> None:
    """A different file is not touched, and the one that could not be restored is told."""
    target.mkdir()
    (target / "a").write_bytes(b"mine")
    restored = restore(made.repo, made.plant({b"a": b"theirs", b"b": b"new"}), target)
    assert (target / "a").read_bytes() == b"mine"
    assert (target / "b").read_bytes() == b"new"
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/a", "exists")]
    assert isinstance(problem(restored), RestoreIncomplete)


def test_what_is_there_can_be_set_aside(made: Any, folder: Make, special: Make, target: Path) -> None:
    """Files, links and directories in the way get another name, which is told, and nothing of them is lost."""
    target.mkdir()
    (target / "a").write_bytes(b"mine")
    (target / "a.before-restore").write_bytes(b"older")
    (target / "d").symlink_to("nowhere")
    (target / "l").mkdir()
    tree = made.plant({b"a": b"theirs", b"d": folder({b"x": b"1"}), b"l": special(Kind.SYMLINK, link_target=b"a")})
    restored = restore(made.repo, tree, target, overwrite=Overwrite.ASIDE)
    assert (target / "a").read_bytes() == b"theirs"
    assert (target / "a.before-restore").read_bytes() == b"older"
    assert (target / "a.before-restore-2").read_bytes() == b"mine"
    assert os.readlink(target / "d.before-restore") == "nowhere"
    assert (target / "d" / "x").read_bytes() == b"1"
    assert (target / "l.before-restore").is_dir()
    assert os.readlink(target / "l") == "a"
    assert sorted(restored.aside) == [
        (b"/a", b"a.before-restore-2"), (b"/d", b"d.before-restore"), (b"/l", b"l.before-restore"),
    ]  # fmt: skip
    assert not restored.failed


def test_a_long_name_can_be_set_aside_too(made: Any, target: Path) -> None:
    """A name of 255 bytes leaves no room for an ending, so it is shortened."""
    target.mkdir()
    name = "n" * 255
    (target / name).write_bytes(b"mine")
    restored = restore(made.repo, made.plant({name.encode(): b"theirs"}), target, overwrite=Overwrite.ASIDE)
    [(_, aside)] = restored.aside
    assert (target / name).read_bytes() == b"theirs"
    assert (target / aside.decode()).read_bytes() == b"mine"


def test_what_is_there_can_be_replaced(made: Any, target: Path) -> None:
    """A different file is replaced; a directory in the place of a file is never thrown away."""
    (target / "b" / "full").mkdir(parents=True)
    (target / "a").write_bytes(b"mine")
    restored = restore(made.repo, made.plant({b"a": b"theirs", b"b": b"x"}), target, overwrite=Overwrite.REPLACE)
    assert (target / "a").read_bytes() == b"theirs"
    assert (target / "b" / "full").is_dir()
    assert [item.path for item in restored.failed] == [b"/b"]


def test_a_link_in_the_place_of_a_directory_is_refused(made: Any, folder: Make, target: Path) -> None:
    """Nothing is written through a link that was there before, whatever it points to."""
    target.mkdir()
    (target / "d").symlink_to("../outside")
    restored = restore(made.repo, made.plant({b"d": folder({b"x": b"1"})}), target)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/d", "exists")]


def test_a_second_restore_keeps_everything(made: Any, file: Make, folder: Make, special: Make, target: Path) -> None:
    """What is there and equal is compared, counted and left alone, hard links and special files too."""
    shared = file(b"one", links=2, inode=7, device_id=1)
    tree = made.plant(
        {
            b"a": shared,
            b"b": shared,
            b"c": file(b"1", b"2", b"3"),
            b"d": folder({b"e": b""}),
            b"l": special(Kind.SYMLINK, link_target=b"x"),
            b"p": special(Kind.FIFO),
        }
    )
    restore(made.repo, tree, target)
    inodes = {name: os.lstat(target / name).st_ino for name in ("a", "c", "d/e", "l", "p")}
    again = restore(made.repo, tree, target)
    assert (again.files, again.others, again.failed) == (0, 0, [])
    assert again.skipped == 6
    assert {name: os.lstat(target / name).st_ino for name in inodes} == inodes
    assert problem(again) is None


def test_equal_content_gets_its_metadata_where_files_may_be_changed(made: Any, file: Make, target: Path) -> None:
    """When the owner lets us replace files, an equal one is not written again but gets its mode and times."""
    target.mkdir()
    (target / "a").write_bytes(b"same")
    (target / "a").chmod(0o600)
    inode = (target / "a").stat().st_ino
    restored = restore(made.repo, made.plant({b"a": file(b"same", mode=0o640)}), target, overwrite=Overwrite.REPLACE)
    found = (target / "a").stat()
    assert (found.st_ino, stat.S_IMODE(found.st_mode), found.st_mtime_ns) == (inode, 0o640, TIME)
    assert (restored.files, restored.skipped) == (0, 1)


@pytest.mark.parametrize(("trust", "kept"), [(True, b"tampered"), (False, b"original")])
def test_times_are_trusted_only_if_told(made: Any, file: Make, target: Path, *, trust: bool, kept: bytes) -> None:
    """Size and time alone prove nothing, so content is compared unless the caller says otherwise."""
    tree = made.plant({b"a": file(b"original")})
    restore(made.repo, tree, target)
    (target / "a").write_bytes(b"tampered")
    os.utime(target / "a", ns=(TIME, TIME))
    restore(made.repo, tree, target, overwrite=Overwrite.REPLACE, trust_times=trust)
    assert (target / "a").read_bytes() == kept


def test_an_empty_file_is_no_obstacle(made: Any, target: Path) -> None:
    """What a power cut left of a restore, a name without content, is written anew without asking."""
    target.mkdir()
    (target / "a").touch()
    restored = restore(made.repo, made.plant({b"a": b"content"}), target)
    assert (target / "a").read_bytes() == b"content"
    assert not restored.failed
    assert not restored.aside


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that makes the file between looking and renaming keeps it, whatever the owner chose."""
    from traybackup.engine import hand  # noqa: PLC0415 - the one place to slip in

    publish = hand.publish

    def racing(folder, temporary, name, verdict, policy):  # noqa: ANN001, ANN202 - as the original
        (target / "a").write_bytes(b"mine")
        return publish(folder, temporary, name, verdict, policy)

    monkeypatch.setattr(hand, "publish", racing)
    restored = restore(made.repo, made.plant({b"a": b"theirs"}), target, overwrite=Overwrite.REPLACE)
    assert (target / "a").read_bytes() == b"mine"
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/a", "exists")]
    assert os.listdir(target) == ["a"]


def test_read_only_directories_can_be_filled_again(made: Any, folder: Make, target: Path) -> None:
    """A directory restored without write permission does not stop a second restore into it."""
    tree = made.plant({b"d": folder({b"a": b"1"}, mode=0o500)})
    restore(made.repo, tree, target)
    (target / "d").chmod(0o700)
    (target / "d" / "a").unlink()
    (target / "d").chmod(0o500)
    restore(made.repo, tree, target)
    assert (target / "d" / "a").read_bytes() == b"1"
    assert stat.S_IMODE((target / "d").stat().st_mode) == 0o500


# Cut short -----------------------------------------------------------------------------------------------------------


class StopAfter(Progress):
    """Asks to stop after so many files."""

    def __init__(self, files: int, cancel: Cancel) -> None:
        self._left, self._cancel = files, cancel

    def item(self, path: bytes, state: str, size: int) -> None:
        self._left -= state == "restored"
        if not self._left:
            self._cancel.set()


def test_a_stopped_restore_leaves_whole_files_and_can_go_on(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch, listing: Callable[..., dict[str, bytes]]
) -> None:
    """After a stop there are no temporary files, no half ones, no threads; the next restore does the rest."""
    monkeypatch.setattr(restorer, "_MOST_FILES", 10)
    blobs = [bytes([number]) * 3000 for number in range(9)]
    tree = made.plant({b"f%02d" % number: file(*blobs[: number % 9], bytes([number])) for number in range(60)})
    cancel = Cancel()
    threads = threading.active_count()
    with pytest.raises(Cancelled):
        restore(made.repo, tree, target, progress=StopAfter(25, cancel), cancel=cancel)
    assert threading.active_count() == threads
    partly = listing(target)
    assert 25 <= len(partly) < 60
    restored = restore(made.repo, tree, target)
    whole = listing(target)
    assert {name: whole[name] for name in partly} == partly
    assert (len(whole), restored.skipped, restored.files) == (60, len(partly), 60 - len(partly))


def test_leftovers_of_a_killed_restore_are_swept_away(made: Any, folder: Make, target: Path) -> None:
    """Temporary files of an earlier restore go, unless the snapshot itself holds a file of that name."""
    ours = TEMPORARY + b"0011-2"
    tree = made.plant({b"d": folder({b"a": b"1", ours: b"saved once"}), ours: b"also"})
    (target / "d").mkdir(parents=True)
    (target / "d" / (TEMPORARY + b"aabb-0").decode()).write_bytes(b"half")
    (target / (TEMPORARY + b"aabb-1").decode()).write_bytes(b"half")
    restore(made.repo, tree, target)
    assert sorted(os.listdir(target)) == [ours.decode(), "d"]
    assert sorted(os.listdir(target / "d")) == [ours.decode(), "a"]


def test_two_restores_into_one_folder_do_not_meet(made: Any, target: Path) -> None:
    """While one restore works in a folder, another is refused."""
    tree = made.plant({b"a": b"1", b"b": b"2"})
    refused: list[str] = []

    class Intruder(Progress):
        def item(self, path: bytes, state: str, size: int) -> None:
            with pytest.raises(TargetUnusable) as caught:
                restore(made.repo, tree, target)
            refused.append(caught.value.why)

    restore(made.repo, tree, target, progress=Intruder())
    assert refused == ["busy", "busy"]


# The target cannot take it --------------------------------------------------------------------------------------------


def test_a_target_that_is_no_folder_is_refused(made: Any, target: Path) -> None:
    """A file where the folder should be, or above it, is named as such."""
    target.write_bytes(b"")
    tree = made.plant({b"a": b"1"})
    for place in (target, target / "below"):
        with pytest.raises(TargetUnusable) as caught:
            restore(made.repo, tree, place)
        assert caught.value.why == "not-a-folder"


@pytest.mark.parametrize(("flag", "why"), [(0, "no-permission"), (os.ST_RDONLY, "read-only")])
def test_a_target_that_may_not_be_written_is_refused(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch, flag: int, why: str
) -> None:
    """No right to write and a medium that is read-only are told apart, before anything is tried."""
    real = os.fstatvfs
    monkeypatch.setattr(os, "fstatvfs", lambda fd: _Room(real(fd), f_flag=flag))
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, made.plant({b"a": b"1"}), target)
    assert caught.value.why == why


def test_room_is_looked_at_before_anything_is_written(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too little room is told with the bytes needed; holes, second names and what is there already need none."""
    shared = file(b"x" * 5000, links=2, inode=7, device_id=1)
    tree = made.plant({b"a": shared, b"b": shared, b"holes": file(bytes(1 << 20)), b"c": file(b"y" * 3000)})
    real = os.fstatvfs

    def full(free: int) -> None:
        monkeypatch.setattr(os, "fstatvfs", lambda fd: _Room(real(fd), f_bavail=free, f_frsize=1))

    full(7999)
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, tree, target)
    assert (caught.value.why, caught.value.needed) == ("full", 8000)
    assert os.listdir(target) == []
    full(3000)
    (target / "a").write_bytes(b"x" * 5000)
    assert not restore(made.repo, tree, target).failed


def test_too_many_files_are_refused_before_anything_is_written(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that has no room for that many names is told apart from one that is full."""
    real = os.fstatvfs
    monkeypatch.setattr(os, "fstatvfs", lambda fd: _Room(real(fd), f_files=10, f_favail=1))
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, made.plant({b"a": b"1", b"b": b"2"}), target)
    assert caught.value.why == "too-many-files"


def test_a_file_too_large_for_fat_is_told_beforehand(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a FAT stick cannot hold is refused before hours of copying."""
    monkeypatch.setattr("traybackup.engine.preflight.largest_file", lambda _: (4 << 30) - 1)
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, made.plant({b"a": file(b"1", size=4 << 30)}), target)
    assert (caught.value.why, caught.value.needed) == ("file-too-large", 4 << 30)


class _Room:
    """What statvfs says, with changes."""

    def __init__(self, real: os.statvfs_result, **changes: int) -> None:
        self._real, self._changes = real, changes

    def __getattr__(self, name: str) -> int:
        return self._changes[name] if name in self._changes else getattr(self._real, name)


@pytest.mark.parametrize(("number", "why"), [(28, "full"), (122, "full"), (30, "read-only"), (5, "gone"), (19, "gone")])
def test_a_target_that_fails_on_the_way_ends_the_restore(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch, number: int, why: str
) -> None:
    """A full, read-only or vanished target is told as what it is, and no half file stays behind."""
    tree = made.plant({b"f%02d" % n: file(bytes([n + 1]) * 5000, b"tail%d" % n) for n in range(20)})
    real, calls = os.pwritev, []

    def failing(*arguments: object) -> int:
        calls.append(1)
        if len(calls) > 5:
            raise OSError(number, os.strerror(number))
        return real(*arguments)

    monkeypatch.setattr(os, "pwritev", failing)
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, tree, target)
    assert (caught.value.why, caught.value.path) == (why, str(target))
    assert all(os.stat(target / name).st_size > 5000 for name in os.listdir(target))
    assert not any(name.startswith(TEMPORARY.decode()) for name in os.listdir(target))


def test_one_file_that_cannot_be_written_costs_only_itself(made: Any, target: Path) -> None:
    """A name that is too long for the target is reported, everything else is there."""
    restored = restore(made.repo, made.plant({b"n" * 256: b"1", b"ok": b"2"}), target)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/" + b"n" * 256, "ENAMETOOLONG")]
    assert os.listdir(target) == ["ok"]


def test_nothing_at_all_is_a_failure(made: Any, target: Path) -> None:
    """If files were expected and none came back, the restore has failed, not only in part."""
    target.mkdir()
    (target / "a").write_bytes(b"mine")
    complaint = problem(restore(made.repo, made.plant({b"a": b"theirs"}), target))
    assert type(complaint) is RestoreError
    assert complaint.exit_code == 1


def test_an_empty_snapshot_is_no_failure(made: Any, target: Path) -> None:
    """A snapshot without files restores to an empty folder and all is well."""
    assert problem(restore(made.repo, made.plant({}), target)) is None
    assert os.listdir(target) == []


class When(Progress):
    """Does something once the file at *path* is restored."""

    def __init__(self, path: bytes, deed: Callable[[], object]) -> None:
        self._path, self._deed = path, deed

    def item(self, path: bytes, state: str, size: int) -> None:
        if path == self._path and state == "restored":
            self._deed()


def test_a_name_taken_meanwhile_by_a_stranger_is_his(made: Any, file: Make, special: Make, target: Path) -> None:
    """Hard links and symlinks overwrite nothing either, and leave nothing behind when they cannot have their name."""
    shared = file(b"one", links=2, inode=7, device_id=1)
    tree = made.plant({b"a": shared, b"b": shared, b"l": special(Kind.SYMLINK, link_target=b"a")})

    def intrude() -> None:
        (target / "b").write_bytes(b"mine")
        (target / "l").write_bytes(b"mine")

    restored = restore(made.repo, tree, target, progress=When(b"/a", intrude))
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/b", "exists"), (b"/l", "exists")]
    assert sorted(os.listdir(target)) == ["a", "b", "l"]
    assert (target / "b").read_bytes() == (target / "l").read_bytes() == b"mine"


def test_a_directory_moved_away_meanwhile_is_told(made: Any, folder: Make, target: Path) -> None:
    """What was put into a directory that is gone cannot be finished; the rest of the restore goes on."""
    tree = made.plant({b"d": folder({b"a": b"1"}), b"z": folder({b"b": b"2"})})
    moved = When(b"/d/a", lambda: (target / "d").rename(target / "moved"))
    restored = restore(made.repo, tree, target, progress=moved)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/d", "ENOENT")]
    assert (target / "z" / "b").read_bytes() == b"2"


def test_a_first_name_that_fails_costs_the_others_nothing(made: Any, file: Make, target: Path) -> None:
    """If the target does not take the first of two names, the second one gets the content."""
    shared = file(b"one", links=2, inode=7, device_id=1)
    restored = restore(made.repo, made.plant({b"n" * 256: shared, b"short": shared}), target)
    assert [item.reason for item in restored.failed] == ["ENAMETOOLONG"]
    assert (target / "short").read_bytes() == b"one"


def test_a_file_that_cannot_be_compared_is_told(made: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is there and may not be read is left alone, and the new one is reported."""
    target.mkdir()
    (target / "a").write_bytes(b"same")

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("traybackup.engine.filesystem.Folder.read", refuse)
    restored = restore(made.repo, made.plant({b"a": b"same"}), target)
    assert [(item.path, item.reason) for item in restored.failed] == [(b"/a", "EACCES")]


def test_metadata_that_cannot_be_set_again_is_counted(
    made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An equal file that can be read only once keeps its mode, which is told."""
    from traybackup.engine.filesystem import Folder  # noqa: PLC0415 - patched here only

    tree = made.plant({b"a": file(b"same")})
    restore(made.repo, tree, target)
    real, reads = Folder.read, []

    def once(folder: Folder, name: bytes) -> int:
        reads.append(name)
        if len(reads) > 1:
            raise PermissionError(13, "Permission denied")
        return real(folder, name)

    monkeypatch.setattr(Folder, "read", once)
    restored = restore(made.repo, tree, target, overwrite=Overwrite.REPLACE)
    assert (restored.skipped, restored.unset, restored.failed) == (1, {"mode": 1}, [])


def test_leftovers_that_cannot_be_removed_do_no_harm(made: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tidying up is no reason to fail."""
    target.mkdir()
    (target / (TEMPORARY + b"aabb-0").decode()).write_bytes(b"half")

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(restorer, "sweep", refuse)
    assert restore(made.repo, made.plant({b"a": b"1"}), target).failed == []


def test_a_flush_that_fails_is_a_failure(made: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system says at the end that something was lost, nothing is said to be restored."""

    def lose(_: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(restorer, "flush", lose)
    with pytest.raises(TargetUnusable) as caught:
        restore(made.repo, made.plant({b"a": b"1"}), target)
    assert caught.value.why == "gone"


def test_writes_cut_short_are_continued(made: Any, file: Make, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that writes less than it was asked to is asked again."""
    pwrite, pwritev = os.pwrite, os.pwritev
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, bytes(data)[:7], at))
    monkeypatch.setattr(os, "pwritev", lambda fd, buffers, at: pwritev(fd, [bytes(buffers[0])[:3]], at))
    blobs = [b"%03d" % number * 5 for number in range(20)]
    restore(made.repo, made.plant({b"many": file(*blobs), b"one": b"0123456789" * 3}), target)
    assert (target / "many").read_bytes() == b"".join(blobs)
    assert (target / "one").read_bytes() == b"0123456789" * 3


# Names that the target cannot hold ------------------------------------------------------------------------------------


FAT = Abilities(any_bytes=False, any_characters=False, case=False)


def test_names_that_the_target_cannot_hold_are_changed_and_told(
    made: Any, target: Path, monkeypatch: pytest.MonkeyPatch, listing: Callable[..., dict[str, bytes]]
) -> None:
    """On a FAT stick each file gets a name it can have, no two the same, and the same ones at the next restore."""
    monkeypatch.setattr(Abilities, "of", lambda _: FAT)
    tree = made.plant(
        {
            b"a:b": b"1",
            b"a?b": b"2",
            b"README": b"3",
            b"readme": b"4",
            b"con.txt": b"5",
            b"bad\xff": b"6",
            b"dot.": b"7",
        }
    )
    restored = restore(made.repo, tree, target)
    found = listing(target)
    assert sorted(found.values()) == [b"1", b"2", b"3", b"4", b"5", b"6", b"7"]
    assert sorted(found) == ["README", "_con.txt", "a_b", "a_b (2)", "bad\ufffd", "dot_", "readme (2)"]
    assert dict(restored.renamed)[b"/a?b"] == b"a_b (2)"
    assert len(restored.renamed) == 6
    assert restore(made.repo, tree, target).skipped == 7


def test_case_is_minded_where_the_target_does_not(made: Any, target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An existing file under the same name in other letters is in the way there, and is not overwritten."""
    monkeypatch.setattr(Abilities, "of", lambda _: Abilities(case=False))
    target.mkdir()
    (target / "README").write_bytes(b"mine")
    looked = restore(made.repo, made.plant({b"readme": b"theirs"}), target)
    assert (target / "README").read_bytes() == b"mine"  # this file system has room for both
    assert looked.files == 1


def test_progress_adds_up(made: Any, file: Make, folder: Make, target: Path) -> None:
    """Bytes and files that were announced are the ones that are told as done."""
    told = {"files": 0, "size": 0, "done": 0, "items": 0}

    class Counting(Progress):
        def expect(self, files: int, size: int) -> None:
            told["files"] += files
            told["size"] += size

        def advance(self, size: int) -> None:
            told["done"] += size

        def item(self, path: bytes, state: str, size: int) -> None:
            assert path.startswith(b"/d/")
            assert state == "restored"
            told["items"] += 1

    tree = made.plant({b"d": folder({b"a": file(b"1" * 10, b"2" * 20), b"b": file(b"3" * 5), b"c": file()})})
    restore(made.repo, tree, target, progress=Counting())
    assert told == {"files": 3, "size": 35, "done": 35, "items": 3}
