"""Trees: a directory as restic's repository format has it, JSON with one node for each entry.

*Node* is an entry: a name, what the file system knows about it, and where its content is. Writing builds the text of a
node directly, since a first run writes one for every file; reading takes nothing on trust.

Where it is easy to go wrong: names are quoted twice (`traybackup.engine.names`); modes are Go's; a device id is only
written where it tells hard links apart, so that a drive that comes back under another number does not make every tree a
new one.

Source: restic's doc/design.rst, "Trees and Data", and the trees that restic 0.14 writes.
"""

import json
import re
from base64 import b64encode
from binascii import unhexlify
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Annotated

import msgspec

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.source import Kind, Metadata
from traybackup.engine.codec import MAX_FILE, format_time, parse_time
from traybackup.engine.names import quote, unquote

_GO_TYPE = {
    Kind.FILE: 0,
    Kind.DIRECTORY: 1 << 31,
    Kind.SYMLINK: 1 << 27,
    Kind.BLOCK_DEVICE: 1 << 26,
    Kind.CHARACTER_DEVICE: 1 << 26 | 1 << 21,
    Kind.FIFO: 1 << 25,
    Kind.SOCKET: 1 << 24,
}
_GO_SETUID, _GO_SETGID, _GO_STICKY = 1 << 23, 1 << 22, 1 << 20
_GO_SPECIAL = _GO_SETUID | _GO_SETGID | _GO_STICKY
_KINDS = {kind.value: kind for kind in Kind}
_HAS_LINKS = frozenset({Kind.FILE, Kind.SYMLINK, Kind.BLOCK_DEVICE, Kind.CHARACTER_DEVICE})
_DEVICES = frozenset({Kind.BLOCK_DEVICE, Kind.CHARACTER_DEVICE})

_LONE = re.compile(r"[\ud800-\udfff]")
_WHOLE_SECOND = len("2006-01-02T15:04:05Z")
_NANO_DIGITS = 9
_POWERS: list[int] = [10**missing for missing in range(9, -1, -1)]


@dataclass(slots=True)
class Node:
    """One entry of a directory.

    Attributes:
        name: As the file system has it.
        content: Ids of the data blobs of a file, in order; None for what is no file.
        subtree: Id of the tree of a directory; None for what is none.
    """

    name: bytes
    metadata: Metadata
    content: list[bytes] | None = None
    subtree: bytes | None = None


def encode_tree(nodes: Sequence[bytes]) -> bytes:
    """Return the plain bytes of the tree blob of a directory.

    Args:
        nodes: What `encode_node` made, sorted by name as bytes.
    """
    return b'{"nodes":[' + b",".join(nodes) + b"]}\n"


def encode_node(
    name: bytes, metadata: Metadata, content: Sequence[bytes] | None = None, subtree: bytes | None = None
) -> bytes:
    """Return the JSON text of one node, fields in restic's order, empty ones left out.

    Raises:
        ValueError: *name* is not the name of an entry.
    """
    head = encode_head(name, metadata)
    if metadata.kind is Kind.FILE:
        if not content:
            return head + b'"content":[]}'
        # one call for all ids: a large database has some ten thousand
        ids = content[0].hex() if len(content) == 1 else b"".join(content).hex("|", 32).replace("|", '","')
        return b'%b"content":["%b"]}' % (head, ids.encode())
    if subtree is None:
        return head + b'"content":null}'
    return b'%b"content":null,"subtree":"%b"}' % (head, subtree.hex().encode())


def encode_head(name: bytes, metadata: Metadata) -> bytes:
    """Return the JSON text of one node up to where its content is.

    Raises:
        ValueError: *name* is not the name of an entry.
    """
    kind = metadata.kind
    mode = _go_mode(kind, metadata.mode)
    modified = format_time(metadata.modified)
    changed = modified if metadata.changed == metadata.modified else format_time(metadata.changed)
    accessed = modified if metadata.accessed == metadata.modified else format_time(metadata.accessed)
    owner = _owner(metadata.uid, metadata.gid, metadata.user, metadata.group)
    head = (
        f'{{"name":"{quote(name)}",{mode}"mtime":"{modified}","atime":"{accessed}","ctime":"{changed}",{owner}'
        f"{_numbers(metadata)}"
    )
    if metadata.xattrs or metadata.generic or kind in _DEVICES or kind is Kind.SYMLINK:
        head += _extras(metadata)
    return head.encode()


def _numbers(metadata: Metadata) -> str:
    """Return inode, device id, size and links; those that are zero or say nothing for the kind are left out."""
    kind, links = metadata.kind, metadata.links
    text = f'"inode":{metadata.inode},' if metadata.inode else ""
    if links > 1 and kind in _HAS_LINKS and metadata.device_id:
        text += f'"device_id":{metadata.device_id},'
    if metadata.size and kind is Kind.FILE:
        text += f'"size":{metadata.size},'
    if links and kind in _HAS_LINKS:
        text += f'"links":{links},'
    return text


def _extras(metadata: Metadata) -> str:
    """Return the rarer fields that stand between the numbers and the content."""
    text = ""
    if metadata.kind is Kind.SYMLINK and metadata.link_target:
        target = metadata.link_target.decode(errors="surrogateescape")
        text += f'"linktarget":{_json(target)},'
        if _LONE.search(target):
            text += f'"linktarget_raw":"{b64encode(metadata.link_target).decode()}",'
    if metadata.xattrs:
        parts = (f'{{"name":{_json(name)},"value":"{b64encode(value).decode()}"}}' for name, value in metadata.xattrs)
        text += f'"extended_attributes":[{",".join(parts)}],'
    if metadata.generic:
        text += f'"generic_attributes":{_json(dict(sorted(metadata.generic.items())))},'
    if metadata.device and metadata.kind in _DEVICES:
        text += f'"device":{metadata.device},'
    return text


@lru_cache(maxsize=4096)
def _go_mode(kind: Kind, mode: int) -> str:
    value = _GO_TYPE[kind] | mode & 0o777
    value |= _GO_SETUID if mode & 0o4000 else 0
    value |= _GO_SETGID if mode & 0o2000 else 0
    value |= _GO_STICKY if mode & 0o1000 else 0
    return f'"type":"{kind.value}","mode":{value},' if value else f'"type":"{kind.value}",'


@lru_cache(maxsize=4096)
def _owner(uid: int, gid: int, user: str, group: str) -> str:
    text = f'"uid":{uid},"gid":{gid},'
    text += f'"user":{_json(user)},' if user else ""
    return text + (f'"group":{_json(group)},' if group else "")


def _json(value: object) -> str:
    """Return JSON as Go writes it: compact, not limited to ASCII, with HTML's characters escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    text = text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _LONE.sub(r"\\ufffd", text)


_U32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
_U64 = Annotated[int, msgspec.Meta(ge=0)]
_SIZE = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class _Attribute(msgspec.Struct, gc=False):
    name: str
    value: bytes | None = None


class _Raw(msgspec.Struct):
    """A node as it stands in JSON; fields of newer versions are ignored, as restic does."""

    name: str
    type: str
    mtime: str
    atime: str = "1970-01-01T00:00:00Z"
    ctime: str = "1970-01-01T00:00:00Z"
    mode: _U32 = 0
    uid: _U32 = 0
    gid: _U32 = 0
    user: str = ""
    group: str = ""
    inode: _U64 = 0
    device_id: _U64 = 0
    size: _SIZE = 0
    links: _U64 = 0
    linktarget: str = ""
    linktarget_raw: bytes | None = None
    extended_attributes: list[_Attribute] | None = None
    generic_attributes: dict[str, object] | None = None
    device: _U64 = 0
    content: list[str] | None = None
    subtree: str | None = None


class _RawTree(msgspec.Struct):
    nodes: list[_Raw]


_DECODER = msgspec.json.Decoder(_RawTree)
_UNLIMITED = 1 << 64


def decode_tree(data: bytes, tree_id: bytes = b"", faults: list[str] | None = None) -> list[Node]:
    """Return the nodes of a tree blob.

    Args:
        data: The plain bytes of the blob.
        tree_id: Named in the error.
        faults: Given a list, nodes that are not sound are left out and the reason is added here, so that a restore can
            bring back the others; without it the whole tree is refused.

    Raises:
        RepositoryDamaged: No tree, or it holds a name that could leave its directory, a name twice, a number out of its
            range, or a node that its type forbids.
    """
    if len(data) > MAX_FILE:
        raise RepositoryDamaged(kind="tree", id=tree_id.hex(), why="too-large")
    try:
        raws = _DECODER.decode(data).nodes
    except (ValueError, RecursionError) as error:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        raise RepositoryDamaged(kind="tree", id=tree_id.hex(), why="bad-json") from error
    nodes: list[Node] = []
    seen: set[bytes] | None = None
    last = b""
    for raw in raws:
        try:
            node = _node(raw)
            name = node.name
            if name <= last and seen is None:  # sorted, as it should be, there can be none twice
                seen = {known.name for known in nodes}
            if seen is not None:
                if name in seen:
                    raise _Unsound(_Why.DUPLICATE)  # noqa: TRY301 - reported like every other fault of a node
                seen.add(name)
        except _Unsound as error:
            if faults is None:
                raise RepositoryDamaged(kind="tree", id=tree_id.hex(), why=error.why) from error
            faults.append(error.why)
            continue
        last = name
        nodes.append(node)
    return nodes


class _Why(StrEnum):
    """The rules a node can break, as `RepositoryDamaged.why` names them."""

    TYPE = "bad-type"
    NAME = "bad-name"
    DUPLICATE = "duplicate-name"
    NUMBER = "bad-number"
    TIME = "bad-time"
    TEXT = "bad-text"
    ID = "bad-id"
    NO_CONTENT = "no-content"
    NO_SUBTREE = "no-subtree"


class _Unsound(ValueError):
    """A node that breaks a rule."""

    def __init__(self, why: _Why) -> None:
        super().__init__(why)
        self.why = why.value


def _node(raw: _Raw) -> Node:
    kind = _KINDS.get(raw.type)
    if kind is None:
        raise _Unsound(_Why.TYPE)
    if raw.inode >= _UNLIMITED or raw.device_id >= _UNLIMITED or raw.links >= _UNLIMITED or raw.device >= _UNLIMITED:
        raise _Unsound(_Why.NUMBER)
    mode = raw.mode & 0o777
    if raw.mode & _GO_SPECIAL:
        mode |= 0o4000 if raw.mode & _GO_SETUID else 0
        mode |= 0o2000 if raw.mode & _GO_SETGID else 0
        mode |= 0o1000 if raw.mode & _GO_STICKY else 0
    modified = _time(raw.mtime)
    try:
        metadata = Metadata(
            kind,
            mode,
            modified,
            modified if raw.atime == raw.mtime else _time(raw.atime),
            modified if raw.ctime == raw.mtime else _time(raw.ctime),
            raw.uid,
            raw.gid,
            raw.user,
            raw.group,
            raw.inode,
            raw.device_id,
            raw.size,
            raw.links,
        )
        if raw.linktarget or raw.linktarget_raw:
            metadata.link_target = raw.linktarget_raw or raw.linktarget.encode()
        if raw.extended_attributes:
            metadata.xattrs = tuple((one.name, one.value or b"") for one in raw.extended_attributes)
        metadata.device = raw.device
        metadata.generic = raw.generic_attributes or None
        subtree = None if raw.subtree is None else _ids([raw.subtree])[0]
        content = None if raw.content is None else _ids(raw.content)
    except UnicodeEncodeError as error:
        raise _Unsound(_Why.TEXT) from error
    if kind is Kind.DIRECTORY and subtree is None:
        raise _Unsound(_Why.NO_SUBTREE)
    if kind is Kind.FILE and content is None:
        raise _Unsound(_Why.NO_CONTENT)
    try:
        name = unquote(raw.name)
    except ValueError as error:
        raise _Unsound(_Why.NAME) from error
    return Node(name, metadata, content, subtree)


def _ids(texts: list[str]) -> list[bytes]:
    if not texts:
        return []
    try:
        joined = unhexlify("".join(texts))
    except ValueError as error:
        raise _Unsound(_Why.ID) from error
    if len(joined) != 32 * len(texts):
        raise _Unsound(_Why.ID)
    if len(texts) == 1:
        return [joined]
    return [joined[start : start + 32] for start in range(0, len(joined), 32)]


def _time(text: str) -> int:
    """Return the nanoseconds of a time; restic's own are in the zone of the computer that wrote them."""
    if not text.isascii():
        raise _Unsound(_Why.TIME)
    try:
        if text[-1:] == "Z":
            second = _second(text[:19])
            if len(text) == _WHOLE_SECOND:
                return second
            digits = text[20:-1]
            if text[19] == "." and len(digits) <= _NANO_DIGITS and digits.isdecimal():
                return second + int(digits) * _POWERS[len(digits)]
        return parse_time(text)
    except ValueError as error:
        raise _Unsound(_Why.TIME) from error


@lru_cache(maxsize=4096)
def _second(text: str) -> int:
    # Go has a year zero, which restic writes for all that is older
    return parse_time(("0001" + text[4:] if text.startswith("0000") else text) + "Z")
