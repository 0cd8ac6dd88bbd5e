"""Paths: where an object lies on the server, under which name it grows, and what a killed writer left behind.

The layout is that of restic's sftp backend. A temporary name starts with a dot, so it is no object's, and is made as
the program's own folders on this computer make them: whoever opens the same folder there knows it as a leftover, too.
"""

import os
import posixpath
import re
import secrets

_TEMPORARY = re.compile(r"\.tmp-[0-9a-f]{8}-[0-9]{1,10}-[0-9a-f]{8}-.+")
_WRITER = f"{secrets.token_hex(4)}-{os.getpid()}"
OLD = 3 * 24 * 3600.0
"""Seconds after which a temporary file counts as left behind: no single put lasts that long."""


class Root:
    """The place's own folder on the server."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def of(self, name: str) -> str:
        """Return the path of an object or folder; of the place itself if *name* is empty."""
        return posixpath.join(self.folder, name) if name else self.folder

    def temporary(self, name: str) -> str:
        """Return a new path beside the object *name* for it to grow."""
        folder, _, last = name.rpartition("/")
        return posixpath.join(self.of(folder), f".tmp-{_WRITER}-{secrets.token_hex(4)}-{last}")

    def steps(self) -> list[str]:
        """Return the folders on the way to the place that may be made, the place last.

        The first step of an absolute path is none of them: a missing ``/volume1`` is a missing disk.
        """
        parts = [part for part in self.folder.split("/") if part not in ("", ".")]
        start = "/" if self.folder.startswith("/") else ""
        every = [start + "/".join(parts[: count + 1]) for count in range(len(parts))]
        return every[1:] if start else every


def is_temporary(last: str) -> bool:
    """Say whether a file's name is one under which objects grow."""
    return _TEMPORARY.fullmatch(last) is not None
