"""Trees: what restic writes is what we write and read, and nothing hostile gets through."""

import json
import re
from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.source import Kind, Metadata
from traybackup.engine.tree import Node, decode_tree, encode_node, encode_tree

TIME = 1_795_354_149_489_301_796
OWNER = {"modified": TIME, "accessed": TIME, "changed": TIME, "user": "root", "group": "root"}
TIMES = '"mtime":"2026-11-22T13:29:09.489301796Z","atime":"2026-11-22T13:29:09.489301796Z","ctime":"2026-11-22T13:29:09.489301796Z"'  # noqa: E501 - as restic wrote it
TAIL = TIMES + ',"uid":0,"gid":0,"user":"root","group":"root"'
FIRST, SECOND = bytes(range(32)), bytes(range(32, 64))


def file(**changes: object) -> Metadata:
    return Metadata(Kind.FILE, **{"mode": 0o644, "inode": 2155600, **OWNER, **changes})


def tree(*nodes: str) -> bytes:
    return ('{"nodes":[' + ",".join(nodes) + "]}\n").encode()


def node(name: str = "a", **changes: object) -> str:
    plain = {"name": name, "type": "file", "mtime": "2026-11-22T13:29:09Z", "content": []}
    return json.dumps({key: value for key, value in {**plain, **changes}.items() if value is not ...})


def fault(data: bytes) -> str:
    with pytest.raises(RepositoryDamaged) as caught:
        decode_tree(data, FIRST)
    assert (caught.value.kind, caught.value.id) == ("tree", FIRST.hex())
    return caught.value.why


WRITTEN_BY_RESTIC = [
    (b"a b", file(mode=0o4755, inode=7, links=2, device_id=65024), [],
     '{"name":"a b","type":"file","mode":8389101,' + TAIL + ',"inode":7,"device_id":65024,"links":2,"content":[]}'),
    (b"whole", file(mode=0, inode=0, links=0, uid=1000, gid=100, user="", group=""), [],
     '{"name":"whole","type":"file",' + TIMES + ',"uid":1000,"gid":100,"content":[]}'),
    (b"two", file(size=3 << 20), [FIRST, SECOND],
     '{"name":"two","type":"file","mode":420,' + TAIL + ',"inode":2155600,"size":3145728,"links":1,'
     f'"content":["{FIRST.hex()}","{SECOND.hex()}"]}}'),
    (b"b", Metadata(Kind.BLOCK_DEVICE, mode=0o644, device=1795, **OWNER), None,
     '{"name":"b","type":"dev","mode":67109284,' + TAIL + ',"links":1,"device":1795,"content":null}'),
    (b"c", Metadata(Kind.CHARACTER_DEVICE, mode=0o644, device=1281, **OWNER), None,
     '{"name":"c","type":"chardev","mode":69206436,' + TAIL + ',"links":1,"device":1281,"content":null}'),
    (b"fi", Metadata(Kind.FIFO, mode=0o644, **OWNER), None,
     '{"name":"fi","type":"fifo","mode":33554852,' + TAIL + ',"content":null}'),
    (b"so", Metadata(Kind.SOCKET, mode=0o755, **OWNER), None,
     '{"name":"so","type":"socket","mode":16777709,' + TAIL + ',"content":null}'),
    (b"ln", Metadata(Kind.SYMLINK, mode=0o777, link_target=b"ok<", **OWNER), None,
     '{"name":"ln","type":"symlink","mode":134218239,' + TAIL + ',"links":1,"linktarget":"ok\\u003c","content":null}'),
    (b"ln", Metadata(Kind.SYMLINK, mode=0o777, link_target=b"t\xff", **OWNER), None,
     '{"name":"ln","type":"symlink","mode":134218239,' + TAIL + ',"links":1,"linktarget":"t\\ufffd",'
     '"linktarget_raw":"dP8=","content":null}'),
    (b"ns", file(xattrs=(("user.foo", b"bar"), ("user.emp", b""))), [],
     '{"name":"ns","type":"file","mode":420,' + TAIL + ',"inode":2155600,"links":1,'
     '"extended_attributes":[{"name":"user.foo","value":"YmFy"},{"name":"user.emp","value":""}],"content":[]}'),
    (b"gen", file(generic={"windows.file_attributes": 32, "windows.creation_time": {"LowDateTime": 1}}), [],
     '{"name":"gen","type":"file","mode":420,' + TAIL + ',"inode":2155600,"links":1,'
     '"generic_attributes":{"windows.creation_time":{"LowDateTime":1},"windows.file_attributes":32},"content":[]}'),
]  # fmt: skip


@pytest.mark.parametrize(("name", "metadata", "content", "text"), WRITTEN_BY_RESTIC)
def test_nodes_are_written_as_restic_writes_them(
    name: bytes, metadata: Metadata, content: list[bytes] | None, text: str
) -> None:
    """Field order, omitted fields, Go's mode bits and times are those restic 0.14 wrote for the same files."""
    assert encode_node(name, metadata, content).decode() == text


@pytest.mark.parametrize(("name", "metadata", "content", "text"), WRITTEN_BY_RESTIC)
def test_nodes_written_by_restic_are_read(
    name: bytes, metadata: Metadata, content: list[bytes] | None, text: str
) -> None:
    """Everything restic writes about a file comes back."""
    links = metadata.links if '"links"' in text else 0
    assert decode_tree(tree(text)) == [Node(name, replace(metadata, links=links), content)]


def test_a_directory_names_its_tree_and_not_its_links() -> None:
    """A directory has a subtree, null content, and neither links nor device id, which change for no reason."""
    metadata = Metadata(Kind.DIRECTORY, mode=0o2755, inode=9, device_id=65024, links=3, size=4096, **OWNER)
    text = encode_node(b"d", metadata, None, SECOND).decode()
    assert text == (
        '{"name":"d","type":"dir","mode":2151678445,' + TAIL + f',"inode":9,"content":null,"subtree":"{SECOND.hex()}"}}'
    )
    [found] = decode_tree(tree(text))
    assert (found.subtree, found.content, found.metadata.mode) == (SECOND, None, 0o2755)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"amp<&>", r"amp\u003c\u0026\u003e"),
        (b"back\\slash", r"back\\\\slash"),
        (b"bad\xff", r"bad\\xff"),
        ("bom\ufeff".encode(), r"bom\\ufeff"),
        ("c1\x85".encode(), r"c1\\u0085"),
        (b"del\x7f", r"del\\x7f"),
        ("emoji\U0001f600".encode(), "emoji\U0001f600"),
        (b"it's", "it's"),
        ("ls\u2028".encode(), r"ls\\u2028"),
        ("nbsp\xa0".encode(), r"nbsp\\u00a0"),
        (b"new\nline", r"new\\nline"),
        ("priv\ue000".encode(), r"priv\\ue000"),
        ("far\U000f0000".encode(), r"far\\U000f0000"),
        (b'q"uo', r"q\\\"uo"),
        ("repl\ufffd".encode(), "repl\ufffd"),
        (b"tab\t\a\b\f\v\r\x01", r"tab\\t\\a\\b\\f\\v\\r\\x01"),
        ("ünï".encode(), "ünï"),
        (b"\xed\xa0\x80", r"\\xed\\xa0\\x80"),
        (b"\xf0\x9f\x98", r"\\xf0\\x9f\\x98"),
        (b"...", "..."),
        (b" ", " "),
    ],
)
def test_names_are_quoted_as_go_does(name: bytes, text: str) -> None:
    """Names that are no UTF-8 or cannot be printed are escaped exactly as restic's are."""
    encoded = encode_node(name, file(), [])
    assert encoded.decode().startswith(f'{{"name":"{text}","type"')
    assert decode_tree(encode_tree([encoded]))[0].name == name


names = st.binary(min_size=1, max_size=255).filter(
    lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..")
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(0, (1 << 64) - 1)
times = st.integers(-62_135_596_800 * 10**9, 253_402_300_800 * 10**9 - 1)
files = st.builds(
    Metadata,
    st.just(Kind.FILE),
    mode=st.integers(0, 0o7777),
    modified=times,
    accessed=times,
    changed=times,
    uid=st.integers(0, 0xFFFF_FFFF),
    gid=st.integers(0, 0xFFFF_FFFF),
    user=texts,
    group=texts,
    inode=numbers,
    size=st.integers(0, (1 << 63) - 1),
    links=st.integers(0, 1),
    xattrs=st.lists(st.tuples(texts, st.binary(max_size=20)), max_size=3).map(tuple),
)


@given(st.lists(names, unique=True, max_size=20))
def test_any_names_survive(given_names: list[bytes]) -> None:
    """Every set of legal names is read back as it was written, and the tree is JSON."""
    data = encode_tree([encode_node(name, file(), []) for name in sorted(given_names)])
    json.loads(data)
    assert [found.name for found in decode_tree(data)] == sorted(given_names)


@given(files, st.lists(st.binary(min_size=32, max_size=32), max_size=4))
def test_any_metadata_survive(metadata: Metadata, content: list[bytes]) -> None:
    """Every mode, time, owner, number and attribute is read back as it was written."""
    [found] = decode_tree(encode_tree([encode_node(b"x", metadata, content)]))
    assert found == Node(b"x", metadata, content)


@given(st.binary(min_size=1, max_size=60).filter(lambda target: b"\0" not in target))
def test_any_link_target_survives(target: bytes) -> None:
    """What a symlink holds comes back even if it is no UTF-8."""
    encoded = encode_node(b"x", Metadata(Kind.SYMLINK, link_target=target))
    assert decode_tree(encode_tree([encoded]))[0].metadata.link_target == target


@given(names)
def test_a_name_is_written_in_one_way_only(name: bytes) -> None:
    """The text of a name is a fixed point, so that unchanged directories stay the same blob."""
    once = encode_tree([encode_node(name, file(), [])])
    [found] = decode_tree(once)
    assert encode_tree([encode_node(found.name, found.metadata, found.content)]) == once


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"/", b"a\0b"])
def test_what_is_no_name_is_never_written(name: bytes) -> None:
    """A caller that passes a path instead of a name is stopped."""
    with pytest.raises(ValueError, match=r".*"):
        encode_node(name, file(), [])


def test_times_in_other_zones_and_years_are_read() -> None:
    """The writer's own time zone, and the year zero that restic writes for all that is older."""
    zoned = node(mtime="2026-11-22T14:29:09.5+01:00", atime="0000-01-01T00:00:00Z")
    [found] = decode_tree(tree(zoned))
    assert found.metadata.modified == 1_795_354_149_500_000_000
    assert found.metadata.accessed == -62_135_596_800 * 10**9


def test_text_that_is_no_unicode_is_replaced_not_refused() -> None:
    """A user name with broken bytes is written as restic does, so that the backup goes on."""
    encoded = encode_node(b"x", file(user="a\udcff"), [])
    assert b'"user":"a\\ufffd"' in encoded
    assert decode_tree(encode_tree([encoded]))[0].metadata.user == "a\ufffd"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "/", "../x", "a\\u002fb", "\\x2e\\x2e", "a\\x00", "\\x2e", "a\\x", "a\\q", "\\'", "a\\",
     'a"b', "a\nb", "\\777", "\\U00110000", "\\ud800", "\\x2F", "\\056\\056"],
)  # fmt: skip
def test_names_that_could_leave_their_directory_are_refused(name: str) -> None:
    """Separators, dots, NUL and whatever Go would not accept, escaped or not, damage the tree."""
    assert fault(tree(node(name))) == "bad-name"


def test_octal_escapes_of_go_are_read() -> None:
    """Go accepts octal bytes, so they are no damage."""
    assert decode_tree(tree(node("a\\101\\\\")))[0].name == b"aA\\"


@pytest.mark.parametrize("order", [("a", "a"), ("b", "a", "b"), ("a", "c", "b", "c"), ("a", "\\x61")])
def test_a_name_twice_is_refused(order: tuple[str, ...]) -> None:
    """A second entry of the same name (a link first, a file through it next) damages the tree, in any order."""
    assert fault(tree(*(node(name) for name in order))) == "duplicate-name"


def test_trees_in_another_order_are_read() -> None:
    """Order is not safety: an unsorted tree without duplicates can be restored."""
    assert [found.name for found in decode_tree(tree(node("c"), node("a"), node("b")))] == [b"c", b"a", b"b"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"type": "irregular"}, "bad-type"),
        ({"type": ""}, "bad-type"),
        ({"type": "dir"}, "no-subtree"),
        ({"content": None}, "no-content"),
        ({"content": ["00"]}, "bad-id"),
        ({"content": ["g" * 64]}, "bad-id"),
        ({"content": [" " * 2 + "0" * 62]}, "bad-id"),
        ({"content": ["0" * 66, "0" * 60]}, "bad-id"),
        ({"type": "dir", "subtree": "../../etc/passwd"}, "bad-id"),
        ({"subtree": "é" * 64}, "bad-id"),
        ({"mtime": "yesterday"}, "bad-time"),
        ({"mtime": "2026-13-22T13:29:09Z"}, "bad-time"),
        ({"mtime": "2026-11-22T13:29:09.1234567891Z"}, "bad-time"),
        ({"mtime": "2026-11-22T13:29:09,1Z"}, "bad-time"),
        ({"mtime": "2026-11-22T13:29:09.٣Z"}, "bad-time"),
        ({"mtime": ""}, "bad-time"),
        ({"inode": 1 << 64}, "bad-number"),
        ({"device": 10**400}, "bad-number"),
        ({"links": 1 << 64}, "bad-number"),
        ({"size": -1}, "bad-json"),
        ({"size": 1 << 63}, "bad-json"),
        ({"size": 1.5}, "bad-json"),
        ({"uid": 1 << 32}, "bad-json"),
        ({"mode": "0644"}, "bad-json"),
        ({"name": ...}, "bad-json"),
        ({"type": ...}, "bad-json"),
        ({"extended_attributes": [{"name": "user.x", "value": "***"}]}, "bad-json"),
    ],
)
def test_nodes_that_break_a_rule_are_refused(changes: dict[str, object], why: str) -> None:
    """Types, ids, times and numbers out of their range are damage with a name."""
    assert fault(tree(node(**changes))) == why


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'{"nodes":{}}',
        b'{"nodes":[1]}',
        b'{"nodes":[]}{}',
        b'{"nodes":[',
        b'{"nodes":[],"x":NaN}',
        b'{"nodes":[],"x":' + b"[" * 200_000 + b"}",
        b'{"nodes":[],"x":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        tree(node()).replace(b'"a"', b'"\xff"'),
        tree(node()).replace(b'"a"', b'"\\ud800"'),
        tree(node()).replace(b'"a"', b'"\\ud800\\u0041"'),
        tree(node()).replace(b'"a"', b'"\\udc00"'),
        tree(node(inode=1)).replace(b": 1}", b": " + b"9" * 5000 + b"}"),
        tree(node(generic_attributes={"x": 1})).replace(b": 1}", b": " + b"9" * 5000 + b"}"),
    ],
)
def test_what_is_no_tree_is_refused(data: bytes) -> None:
    """Broken, deep, endless or not even text: all end as damage, never as a traceback."""
    assert fault(data) in {"bad-json", "bad-name", "bad-number"}


@given(st.binary(max_size=200).filter(lambda data: not data.startswith(b"]")))
def test_noise_is_refused(data: bytes) -> None:
    """Whatever bytes follow the start of a tree, the error says which one is damaged."""
    assert fault(b'{"nodes":[' + data)


@given(st.data())
def test_a_changed_byte_gives_damage_or_sound_names(data: st.DataObject) -> None:
    """One byte changed in a real tree never yields a name that is a path, nor a traceback."""
    text = bytearray(tree(*(entry[3] for entry in sorted(WRITTEN_BY_RESTIC, key=lambda entry: entry[0]))))
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] = data.draw(st.integers(0, 255))
    faults: list[str] = []
    try:
        nodes = decode_tree(bytes(text), faults=faults)
    except RepositoryDamaged:
        return
    found = [one.name for one in nodes]
    assert len(set(found)) == len(found)
    assert not any(b"/" in name or b"\0" in name or name in (b"", b".", b"..") for name in found)


def test_a_restore_gets_the_sound_nodes_of_a_damaged_tree() -> None:
    """With a list for faults the bad nodes are left out and named, the good ones stay."""
    faults: list[str] = []
    data = tree(node("a"), node("../b"), node("a"), node("c", type="dir"), node("d"))
    assert [found.name for found in decode_tree(data, faults=faults)] == [b"a", b"d"]
    assert faults == ["bad-name", "duplicate-name", "no-subtree"]


def test_fields_of_newer_versions_are_ignored() -> None:
    """An unknown field is no damage, in the node and around the list."""
    data = tree(node(future={"x": [1]})).replace(b'{"nodes"', b'{"version":3,"nodes"', 1)
    assert [found.name for found in decode_tree(data)] == [b"a"]


def test_base64_is_the_standard_one_with_padding() -> None:
    """Attribute values use the alphabet with plus and slash, as Go's default has it."""
    value = bytes((0xFB, 0xEF, 0xFF, 0xFE))
    encoded = encode_node(b"x", file(xattrs=(("user.x", value),)), [])
    assert b64encode(value) in encoded
    assert re.search(rb'"value":"\+\+///g=="', encoded)
