"""A directory of the snapshot before: what has not changed is taken over as it stands."""

import hashlib
from dataclasses import replace

import pytest

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.source import Kind, Metadata
from traybackup.engine.parent import Parent
from traybackup.engine.tree import Node, encode_head, encode_node, encode_tree

IDS = [hashlib.sha256(bytes([number])).digest() for number in range(3)]
FILE = Metadata(Kind.FILE, 0o644, 1_700_000_000_123_456_789, 1, 2, 1000, 1000, "shop", "shop", 77, 0, 48_000, 1)


def parent(*nodes: bytes) -> Parent:
    return Parent(encode_tree(nodes), b"\x01" * 32)


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("name", [b"till.db", b'a","type":"b', b'"type":', b"caf\xe9\n", "naïve.txt".encode()])
def test_what_has_not_changed_is_taken_over(name: bytes, count: int) -> None:
    """The text of the node and its blobs are found, whatever the name and however many blobs there are."""
    text = encode_node(name, FILE, IDS[:count])
    before = parent(encode_node(b"A", FILE, IDS), text, encode_node(b"z", FILE, IDS[1:]))
    assert before.unchanged(encode_head(name, FILE)) == (text, IDS[:count])
    assert before.node(name) == Node(name, FILE, IDS[:count])


@pytest.mark.parametrize(
    "change",
    [
        {"size": 48_001},
        {"modified": FILE.modified + 1},
        {"changed": 3},
        {"inode": 78},
        {"mode": 0o600},
        {"uid": 0},
        {"xattrs": (("user.a", b"1"),)},
        {"kind": Kind.FIFO},
    ],
)
def test_any_change_is_noticed(change: dict[str, object]) -> None:
    """Another size, time, number, mode, owner, attribute or kind: the file is not taken over as it stands."""
    before = parent(encode_node(b"till.db", FILE, IDS))
    assert before.unchanged(encode_head(b"till.db", replace(FILE, **change))) is None
    assert before.unchanged(encode_head(b"till.dc", FILE)) is None
    assert before.node(b"till.dc") is None


def test_nothing_but_sound_ids_is_taken_over() -> None:
    """Content that is null, cut, too long, or no hexadecimal is left to the decoder, which refuses it by name."""
    head = encode_head(b"f", FILE)
    one = IDS[0].hex()
    for tail in (
        "null}",
        f'["{one}","{one[:-2]}"]}}',
        f'["{one}","{one}{one}"]}}',
        f'["{one[:-1]}g"]}}',
        f'["{one}",""]}}',
        f'["{one}"],"subtree":null}}',
    ):
        assert parent(head + b'"content":' + tail.encode()).unchanged(head) is None
    with pytest.raises(RepositoryDamaged) as caught:
        parent(head + b'"content":["zz"]}').node(b"f")
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("tree", "01" * 32, "bad-id")


def test_other_programs_may_order_fields_otherwise() -> None:
    """A tree whose nodes do not begin with the name is decoded as a whole; its files are found without their text."""
    text = encode_node(b"f", FILE, IDS)
    turned = b'{"type":"file",' + text[1:].replace(b'"type":"file",', b"")
    before = parent(turned)
    assert before.unchanged(encode_head(b"f", FILE)) is None
    assert before.node(b"f") == Node(b"f", FILE, IDS)
    assert before.node(b"g") is None


@pytest.mark.parametrize("data", [b"", b"[]", b'{"nodes":{}}', b'{"nodes":[{"name":"a"}', b"\xff"])
def test_what_is_no_tree_is_damage(data: bytes) -> None:
    """Bytes that are no tree are told as such, with the id."""
    with pytest.raises(RepositoryDamaged) as caught:
        Parent(data, b"\x02" * 32)
    assert (caught.value.kind, caught.value.id, caught.value.why) == ("tree", "02" * 32, "bad-json")
