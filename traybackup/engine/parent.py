"""Parent: a directory as the snapshot before has it, for a run that takes over what has not changed since.

A file of which nothing has changed has the same text in the new tree as in the old one, but for what can only be known
by reading it. So the text of the present is compared with that of the past, and nothing is decoded: that is for the few
files that differ.
"""

from binascii import unhexlify

import msgspec

from traybackup.api.errors import RepositoryDamaged
from traybackup.engine.codec import ID_LENGTH, MAX_FILE
from traybackup.engine.names import quote
from traybackup.engine.tree import Node, decode_tree, encode_tree

_TYPE = b'"type":'
"""Ends the name: within one, its first quotation mark would follow a backslash, or its second."""

_EMPTY = b'"content":[]}'
_OPEN, _CLOSE, _BETWEEN = b'"content":["', b'"]}', b'","'


class _RawTree(msgspec.Struct):
    nodes: list[msgspec.Raw]


_DECODER = msgspec.json.Decoder(_RawTree)


class Parent:
    """The nodes of one directory, by name."""

    def __init__(self, data: bytes = b'{"nodes":[]}', tree_id: bytes = b"") -> None:
        """Take the plain bytes of a tree blob apart.

        Raises:
            RepositoryDamaged: It is no tree.
        """
        self._id = tree_id
        self._decoded: dict[bytes, Node] | None = None
        if len(data) > MAX_FILE:
            raise RepositoryDamaged(kind="tree", id=tree_id.hex(), why="too-large")
        try:
            texts = [bytes(raw) for raw in _DECODER.decode(data).nodes]
        except (ValueError, RecursionError) as error:
            raise RepositoryDamaged(kind="tree", id=tree_id.hex(), why="bad-json") from error
        self._texts = {text.partition(_TYPE)[0]: text for text in texts}
        if not all(key.startswith(b'{"name":"') for key in self._texts):
            # some other program's order of fields
            self._decoded = {node.name: node for node in decode_tree(data, tree_id)}

    def unchanged(self, head: bytes) -> tuple[bytes, list[bytes]] | None:
        """Return the text of a file's node and the ids of its blobs, if all but those is as *head* says.

        Args:
            head: What `traybackup.engine.tree.encode_head` makes of the file as it is now.
        """
        text = self._texts.get(head.partition(_TYPE)[0])
        if text is None or not text.startswith(head):
            return None
        content = text[len(head) :]
        if content == _EMPTY:
            return text, []
        if not (content.startswith(_OPEN) and content.endswith(_CLOSE)):
            return None
        try:
            ids = unhexlify(content[len(_OPEN) : -len(_CLOSE)].replace(_BETWEEN, b""))
        except ValueError:
            return None
        count = len(ids) // ID_LENGTH
        if len(content) != len(_OPEN) + len(_CLOSE) - len(_BETWEEN) + count * (2 * ID_LENGTH + len(_BETWEEN)):
            return None
        return text, [ids] if count == 1 else [ids[at : at + ID_LENGTH] for at in range(0, len(ids), ID_LENGTH)]

    def node(self, name: bytes) -> Node | None:
        """Return the node called *name*, None if there is none.

        Raises:
            RepositoryDamaged: It is not sound.
        """
        if self._decoded is not None:
            return self._decoded.get(name)
        text = self._texts.get(f'{{"name":"{quote(name)}",'.encode()) if self._texts else None
        return None if text is None else decode_tree(encode_tree([text]), self._id)[0]
