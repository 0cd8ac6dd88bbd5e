"""Lock files: what they say, and what can be told of their holders.

A *LockFile* names its holder, a process of some computer, and when it was last heard of. The files are restic's, so
restic and we respect each other; restic skips the fields that we add (``machine_id``, ``boot_id``, ``process_start``).

Source: restic's doc/design.rst, "Locks".
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from traybackup.api.errors import (
    AccessDenied,
    NotFound,
    RepositoryDamaged,
    RepositoryLocked,
    StoreDamaged,
    StoreFailed,
)
from traybackup.engine.codec import FileKind, format_datetime, parse_datetime
from traybackup.engine.identity import Identity, process_started
from traybackup.engine.repository import Repository

CLOCK_TOLERANCE = timedelta(minutes=1)
"""How far a date in the repository may lie ahead of an honest clock."""


@dataclass(frozen=True, slots=True)
class LockFile:
    """What a lock file says.

    Attributes:
        time: When it was written or last renewed; None: the file cannot be read, and `why` is the keyword for it.
        holder: Who wrote it; fields that its program does not write are empty.
    """

    id: str
    time: datetime | None
    exclusive: bool
    holder: Identity
    why: str = ""

    def error(self) -> RepositoryLocked:
        """Return the error that names this lock."""
        return RepositoryLocked(
            host=self.holder.hostname,
            user=self.holder.username,
            pid=self.holder.pid,
            since=self.time.isoformat() if self.time else "",
            lock=self.id,
        )


class _Json(msgspec.Struct):
    time: str
    exclusive: bool = False
    hostname: str = ""
    username: str = ""
    pid: int = 0
    uid: int = 0
    gid: int = 0
    machine_id: str = ""
    boot_id: str = ""
    process_start: str = ""


def encode(moment: datetime, holder: Identity, *, exclusive: bool) -> bytes:
    """Return the JSON of a lock file."""
    return msgspec.json.encode(
        _Json(
            time=format_datetime(moment),
            exclusive=exclusive,
            hostname=holder.hostname,
            username=holder.username,
            pid=holder.pid,
            uid=holder.uid,
            gid=holder.gid,
            machine_id=holder.machine,
            boot_id=holder.boot,
            process_start=holder.started,
        )
    )


def decode(data: bytes, file_id: str) -> LockFile:
    """Read a lock file.

    Raises:
        RepositoryDamaged: It is none.
    """
    try:
        parsed = msgspec.json.decode(data, type=_Json)
        holder = Identity(
            hostname=parsed.hostname,
            username=parsed.username,
            pid=parsed.pid,
            uid=parsed.uid,
            gid=parsed.gid,
            machine=parsed.machine_id,
            boot=parsed.boot_id,
            started=parsed.process_start,
        )
        return LockFile(file_id, parse_datetime(parsed.time), parsed.exclusive, holder)
    except (ValueError, RecursionError) as error:
        raise RepositoryDamaged(kind="lock", id=file_id, why="bad-lock") from error


def read_all(repo: Repository, *, but: str = "") -> list[LockFile]:
    """Return every lock there is, those that cannot be read included, the one with the id *but* left out."""
    found = []
    for entry in repo.ids(FileKind.LOCK):
        if entry.id == but:
            continue
        try:
            found.append(decode(repo.load(FileKind.LOCK, entry.id), entry.id))
        except NotFound:  # removed since it was listed
            continue
        except (RepositoryDamaged, StoreDamaged, StoreFailed, AccessDenied) as error:
            why = error.why if isinstance(error, RepositoryDamaged) else "unreadable"
            found.append(LockFile(entry.id, None, exclusive=True, holder=Identity(""), why=why))
    return found


def is_dead(lock: LockFile, me: Identity, *, booted: datetime) -> bool:
    """Say whether the holder is surely dead: it was a process of this very computer, and is no more.

    Args:
        booted: When this computer was switched on.
    """
    holder = lock.holder
    if lock.time is None or not me.machine or holder.machine != me.machine:
        return False
    if holder.boot != me.boot:
        # a clone of this computer, down to its network card, would have renewed its lock since we were switched on
        return lock.time < booted - CLOCK_TOLERANCE
    started = process_started(holder.pid)
    return started is None or bool(started and holder.started and started != holder.started)


def lives_here(lock: LockFile, me: Identity) -> bool:
    """Say whether the holder is a process that lives on this very computer, however long it has been silent."""
    holder = lock.holder
    if not me.machine or (holder.machine, holder.boot) != (me.machine, me.boot):
        return False
    started = process_started(holder.pid)
    return started is not None and (not started or not holder.started or started == holder.started)


def same_holder(one: Identity, other: Identity) -> bool:
    """Say whether both are the same process, as far as a lock file tells."""
    return (one.hostname, one.pid, one.machine) == (other.hostname, other.pid, other.machine)
