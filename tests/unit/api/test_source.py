"""Sources: what a plugin need not bring has a default that does nothing."""

from collections.abc import Sequence

import pytest

from traybackup.api.source import Content, Finding, Item, Kind, Metadata, Report, Selection, Source, Unreadable


class SmallestContent(Content):
    """A content with nothing but what the contract demands."""

    closed = 0

    def read(self, size: int) -> bytes:
        return b""[:size]

    def close(self) -> None:
        self.closed += 1


class SmallestSource(Source):
    """A source with nothing but what the contract demands."""

    closed = 0

    @property
    def paths(self) -> Sequence[str]:
        return ["/x"]

    def root(self) -> Item:
        return Item(b"", b"/", Metadata(Kind.DIRECTORY))

    def children(self, directory: Item) -> Sequence[Item]:
        return [directory][:0]

    def open(self, item: Item) -> Content:
        assert item
        return SmallestContent()

    def close(self) -> None:
        self.closed += 1
        super().close()


ITEM = Item(b"f", b"/f", Metadata(Kind.FILE))


def test_a_plain_content_is_cut_by_content_and_has_nothing_to_say() -> None:
    """No blocks, the metadata that were listed, no findings."""
    with SmallestContent() as content:
        assert content.block_size is None
        assert content.metadata() is None
        assert list(content.check()) == []
    assert content.closed == 1


def test_a_plain_source_wants_everything_and_takes_no_short_cut() -> None:
    """Every item is saved, and opened to be read."""
    with SmallestSource() as source:
        assert source.wanted(ITEM)
        assert source.read_small(ITEM, 1 << 20) is None
    assert source.closed == 1


def test_content_and_source_are_closed_when_a_block_fails() -> None:
    """However it ends."""
    for one in (SmallestContent(), SmallestSource()):
        with pytest.raises(KeyError), one:
            raise KeyError
        assert one.closed == 1


def test_kinds_are_restics_words() -> None:
    """A tree names them so."""
    assert {kind.value for kind in Kind} == {"file", "dir", "symlink", "dev", "chardev", "fifo", "socket"}


def test_two_reports_share_nothing() -> None:
    """Each run has lists of its own, and a selection leaves nothing out by itself."""
    one, two = Report(), Report()
    one.unreadable.append(Unreadable(b"/f", "Permission denied"))
    one.findings.append(Finding("changed-while-read", b"/f"))
    assert (two.unreadable, two.findings) == ([], [])
    assert Selection() == Selection((), None, exclude_caches=False, exclude_if_present=(), one_file_system=False)
