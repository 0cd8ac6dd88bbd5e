"""Servers that keep their own ways: what is asked of them, and what is believed."""

import os
import threading
import time
from collections.abc import Callable

import pytest
from dav_servers import LISTING, XML, Dav

from traybackup.api import AlreadyExists, BytesPayload, NotFound, Offline, Store, StoreDamaged, StoreError, StoreFailed

Opener = Callable[..., Store]


def test_server_without_ranges_is_read_all_the_same(dav: Dav, store: Store) -> None:
    """Who answers a range with everything costs more, and is right; who answers with another range is not."""
    dav.answers["GET"] = ("200 OK", [("Content-Type", "application/octet-stream")], b"0123456789")
    assert store.get("data/00/old", 2, 3) == b"234"
    with pytest.raises(StoreDamaged):
        store.get("data/00/old", 8, 3)
    dav.answers["GET"] = ("206 Partial Content", [("Content-Range", "bytes 0-2/10")], b"012")
    with pytest.raises(StoreDamaged):
        store.get("data/00/old", 2, 3)
    dav.answers["GET"] = ("206 Partial Content", [("Content-Range", "bytes 2-4/10")], b"234")
    assert store.get("data/00/old", 2, 3) == b"234"
    with pytest.raises(StoreDamaged):
        store.get("data/00/old", 2)


def test_checksum_of_the_server_is_handed_on(dav: Dav, store: Store) -> None:
    """Nextcloud is asked for a hash and says it; the entry has it, so that the host need not read back."""
    sent = BytesPayload(b"new")
    dav.answers["PUT"] = ("201 Created", [("X-Hash-SHA256", sent.sha256.hex().upper())], b"")
    dav.answers["MOVE"] = ("201 Created", [], b"")
    assert store.put("data/00/new", sent).checksum == f"sha256:{sent.sha256.hex()}"
    dav.answers["PUT"] = ("201 Created", [], b"")
    assert store.put("data/00/new", sent).checksum is None


def test_what_killed_runs_left_is_swept_by_the_servers_clock(dav: Dav, open_at: Opener) -> None:
    """Uploads of the day before yesterday and claims of an hour ago go, today's uploads of others stay."""
    uploads = dav.folder / "TrayBackup" / "Uploads"
    uploads.mkdir(parents=True)
    for name, age in (("old", 2 * 86_400), ("young", 3600)):
        (uploads / name).write_bytes(b"half")
        os.utime(uploads / name, (time.time() - age,) * 2)
    store = open_at(dav)
    store.put("config", BytesPayload(b"x"))
    assert [path.name for path in uploads.iterdir()] == ["young"]
    assert [entry.name for entry in store.entries()] == ["config"]


def test_claim_of_somebody_who_was_killed_ends(dav: Dav, store: Store, open_at: Opener) -> None:
    """A name that somebody was about to make when he was killed can be made by the next, a minute later."""
    dav.answers["MOVE"] = ("500 Oops", [], b"")
    dav.answers["DELETE"] = ("500 Oops", [], b"")
    with pytest.raises(Offline):
        store.put("config", BytesPayload(b"one"))
    dav.answers.clear()
    claims = [path for path in (dav.folder / "TrayBackup" / "Uploads").iterdir() if path.is_dir()]
    assert len(claims) == 1
    os.utime(claims[0], (time.time() - 120,) * 2)
    open_at(dav).put("config", BytesPayload(b"two"))
    assert store.get("config") == b"two"


def test_folders_are_never_deleted_with_what_is_in_them(dav: Dav, store: Store) -> None:
    """The name of a folder is no object's: deleting it does nothing, overwriting it is refused, all stays."""
    store.delete("data")
    with pytest.raises(StoreFailed):
        store.put("data", BytesPayload(b"x"), overwrite=True)
    with pytest.raises((StoreFailed, AlreadyExists)):
        store.put("data", BytesPayload(b"x"))
    store.discard()
    assert store.get("data/00/old") == b"old"
    store.delete("data/00/old")
    (dav.folder / "TrayBackup" / "note.txt").write_text("the owner's own")
    store.discard()
    assert (dav.folder / "TrayBackup").exists()
    (dav.folder / "TrayBackup" / "note.txt").unlink()
    store.discard()
    assert list(dav.folder.iterdir()) == []


def test_folder_that_somebody_removed_is_made_again(dav: Dav, store: Store) -> None:
    """The put that meets it fails and leaves nothing; the next one, which the host tries, works."""
    (dav.folder / "TrayBackup" / "data" / "00" / "old").unlink()
    (dav.folder / "TrayBackup" / "data" / "00").rmdir()
    with pytest.raises(StoreError):
        store.put("data/00/new", BytesPayload(b"new"))
    store.put("data/00/new", BytesPayload(b"new"))
    assert store.get("data/00/new") == b"new"


def test_server_behind_another_may_list_other_paths(dav: Dav, store: Store) -> None:
    """Only the last step of what is listed counts: a proxy has its own paths, and some list whole addresses."""
    href = "<d:response><d:href>{}</d:href><d:propstat><d:status>HTTP/1.1 200 OK</d:status><d:prop>{}</d:prop>"
    end = "</d:propstat></d:response>"
    parts = [
        href.format("/dav/TrayBackup/", "<d:resourcetype><d:collection/></d:resourcetype>") + end,
        href.format("http://inner:8080/x/config", "<d:resourcetype/><d:getcontentlength>5</d:getcontentlength>") + end,
        href.format("/x/a%62c", "<d:resourcetype/><d:getcontentlength>6</d:getcontentlength>") + end,
        href.format("/x/Not%20ours.txt", "<d:resourcetype/><d:getcontentlength>6</d:getcontentlength>") + end,
    ]
    dav.answers["PROPFIND"] = ("207 Multi-Status", XML, LISTING % "".join(parts).encode())
    assert {entry.name: entry.size for entry in store.entries()} == {"config": 5, "abc": 6}


def test_room_is_that_of_the_account(dav: Dav, open_at: Opener, real_apache: Dav) -> None:
    """RFC 4331, before the folder is there and after; who tells nothing has an unknown room."""
    dav.capacity = 10_000
    store = open_at(dav)
    assert (store.space().total, store.space().free) == (10_000, 10_000)
    store.put("config", BytesPayload(bytes(1000)))
    assert (store.space().total, store.space().free) == (10_000, 9000)
    unknown = open_at(real_apache, folder="room").space()
    assert unknown.total is None


def test_missing_object_is_looked_for_again(dav: Dav, store: Store) -> None:
    """A server that overwrites by removing first has a moment without the object; whoever looks again finds it."""
    dav.calls.clear()
    with pytest.raises(NotFound):
        store.get("data/00/none")
    assert [method for method, _ in dav.calls] == ["GET"] * 4
    path = dav.folder / "TrayBackup" / "data" / "00" / "old"
    path.rename(path.with_name("moment"))
    back = threading.Timer(0.05, path.with_name("moment").rename, [path])
    back.start()
    assert store.get("data/00/old") == b"old"
    back.join()


def test_objects_cost_few_calls(dav: Dav, store: Store) -> None:
    """A pack costs three calls, an object that must not be there yet six, reading one; listings one for each folder."""
    for overwrite, cost in ((True, 3), (False, 6)):
        dav.calls.clear()
        store.put(f"data/00/{cost}", BytesPayload(b"new"), overwrite=overwrite)
        assert len(dav.calls) == cost
    dav.calls.clear()
    assert store.get("data/00/old", 1, 2) == b"ld"
    assert len(dav.calls) == 1
    dav.calls.clear()
    assert len(list(store.entries("data/"))) == 3
    assert [method for method, _ in dav.calls] == ["PROPFIND"] * 2
