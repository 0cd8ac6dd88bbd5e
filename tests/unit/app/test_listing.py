"""Listing: snapshots, what they hold, and the content of one file."""

from typing import Any

import pytest

from traybackup.api.errors import NoSuchSnapshot, NotAFile, NotInSnapshot, RepositoryDamaged
from traybackup.api.source import Kind
from traybackup.app.listing import Filter, contents, file_content, list_snapshots
from traybackup.app.opening import opened
from traybackup.engine.codec import FileKind
from traybackup.engine.index import decode_index, encode_index


def paths(shop: Any, path: str = "", **more: object) -> list[str]:
    with contents(shop.context, shop.access, "latest", path, which=Filter(), **more) as held:
        return [found.decode() for found, _ in held.items]


def test_snapshots_are_filtered_by_host_tags_and_paths(shop: Any) -> None:
    """Each filter narrows the list; tags of one list must all be there."""
    first = shop.save(tags=("a", "b")).snapshot.id
    shop.clock.forward(hours=1)
    second = shop.save(host="other", tags=("a",)).snapshot.id
    shop.clock.forward(hours=1)
    third = shop.save(shop.source / "data").snapshot.id

    def listed(**wanted: object) -> list[str]:
        return [one.id for one in list_snapshots(shop.context, shop.access, Filter(**wanted)).snapshots]  # type: ignore[arg-type]  # a test's shorthand

    assert listed() == [first, second, third]
    assert listed(hosts=("other",)) == [second]
    assert listed(tags=(("a", "b"),)) == [first]
    assert listed(tags=(("a",), ("zzz",))) == [first, second]
    assert listed(paths=(str(shop.source / "data"),)) == [third]


def test_only_the_newest_of_each_host_and_paths(shop: Any) -> None:
    """``--latest 1`` shows one snapshot for each source."""
    shop.save()
    shop.clock.forward(hours=1)
    ids = {shop.save().snapshot.id, shop.save(host="other").snapshot.id}
    assert {one.id for one in list_snapshots(shop.context, shop.access, Filter(), latest=1).snapshots} == ids


def test_a_snapshot_that_cannot_be_read_hides_no_other(shop: Any) -> None:
    """The others are listed, the damaged one is named."""
    lost, kept = shop.save().snapshot.id, shop.save().snapshot.id
    file = shop.place / "snapshots" / lost
    file.chmod(0o600)
    file.write_bytes(b"rot")
    found = list_snapshots(shop.context, shop.access, Filter())
    assert [one.id for one in found.snapshots] == [kept]
    assert [damage.id for damage in found.damaged] == [lost]


def test_a_snapshot_is_listed_wholly_or_folder_by_folder(shop: Any) -> None:
    """Without a path everything is listed; with one, it and its next level, or all below."""
    shop.save()
    top = str(shop.source)
    assert {top, f"{top}/data", f"{top}/data/sales.txt", f"{top}/settings.ini"} <= set(paths(shop))
    assert paths(shop, top, recursive=False) == [top, f"{top}/data", f"{top}/settings.ini"]
    assert paths(shop, top + "/") == [top, f"{top}/data", f"{top}/data/sales.txt", f"{top}/settings.ini"]
    assert paths(shop, f"{top}/settings.ini", recursive=False) == [f"{top}/settings.ini"]
    assert paths(shop, "/", recursive=False) == ["/" + top.split("/")[1]]


def test_what_is_not_there_is_said(shop: Any) -> None:
    """Neither a missing path nor a missing snapshot is an empty list."""
    shop.save()
    with pytest.raises(NotInSnapshot):
        paths(shop, "/nowhere")
    with (
        pytest.raises(NoSuchSnapshot),
        contents(shop.context, shop.access, "ffff", which=Filter()),
    ):
        pass


def test_latest_is_the_newest_that_fits(shop: Any) -> None:
    """``latest`` together with a filter means the newest of those."""
    shop.save()
    shop.clock.forward(hours=1)
    shop.save(host="other")
    with contents(shop.context, shop.access, "latest", which=Filter(hosts=("till-1",))) as held:
        assert held.snapshot.hostname == "till-1"


def test_a_lost_folder_is_told_in_its_place(shop: Any) -> None:
    """A tree that is gone is named with its path, and the rest is listed."""
    shop.save()
    with contents(shop.context, shop.access, "latest", which=Filter()) as held:
        (lost,) = [node.subtree for path, node in held.items if path.endswith(b"/data")]  # type: ignore[union-attr]  # all is sound
    with opened(shop.context, shop.access) as target:
        repo = target.repository
        (entry,) = repo.ids(FileKind.INDEX)
        packs = decode_index(repo.load(FileKind.INDEX, entry.id), entry.id)
        repo.save(FileKind.INDEX, encode_index([(pack, [b for b in blobs if b.id != lost]) for pack, blobs in packs]))
        repo.remove(FileKind.INDEX, entry.id)
    with contents(shop.context, shop.access, "latest", which=Filter()) as held:
        found = dict(held.items)
    damage = [path for path, node in found.items() if isinstance(node, RepositoryDamaged)]
    assert damage == [str(shop.source / "data").encode()]
    assert str(shop.source / "settings.ini").encode() in found


def test_the_content_of_a_file_is_written_out(shop: Any) -> None:
    """One file can be had without a restore; a folder cannot."""
    shop.save()
    wanted = f"{shop.source}/data/sales.txt"
    with file_content(shop.context, shop.access, "latest", wanted, which=Filter()) as pieces:
        assert b"".join(pieces) == b"one\ntwo\n"
    with (
        pytest.raises(NotAFile),
        file_content(shop.context, shop.access, "latest", str(shop.source), which=Filter()),
    ):
        pass


def test_an_empty_file_has_no_content(shop: Any) -> None:
    """An empty file is a file."""
    (shop.source / "empty").touch()
    shop.save()
    with file_content(shop.context, shop.access, "latest", f"{shop.source}/empty", which=Filter()) as pieces:
        assert list(pieces) == []
    with contents(shop.context, shop.access, "latest", f"{shop.source}/empty", which=Filter()) as held:
        [(_, node)] = held.items
    assert not isinstance(node, RepositoryDamaged)
    assert node.metadata.kind is Kind.FILE
