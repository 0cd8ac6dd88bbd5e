"""Forms: results as programs read them, under restic's field names, in English whatever the owner's language.

Source: restic's doc/075_scripting.rst.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING

from traybackup.api.errors import RepositoryDamaged, TraybackupError
from traybackup.api.source import Kind
from traybackup.app.texts import Texts
from traybackup.engine.codec import format_datetime
from traybackup.engine.tree import Node, encode_node

if TYPE_CHECKING:  # each command has one of them, and should not have to wait for the others
    from traybackup.app.backup import Backup
    from traybackup.app.check import Check, Problem
    from traybackup.app.destinations import Listed, Tried
    from traybackup.app.discovery import Plugin
    from traybackup.app.findings import Finding, Stated
    from traybackup.app.forget import Forgotten
    from traybackup.app.keys import KeyChanged, KeyList
    from traybackup.app.locking import LockFile
    from traybackup.app.opening import NewRepository
    from traybackup.app.placestatus import PlaceStatus
    from traybackup.app.plugins import Survey
    from traybackup.app.prune import Pruned
    from traybackup.app.restore import Restoration
    from traybackup.engine.snapshots import Snapshot

Form = dict[str, object]

_GO_LETTERS = "dalTLDpSugct?"


def _filled(form: Form) -> Form:
    """Leave out what says nothing, as restic does."""
    return {name: value for name, value in form.items() if value not in (None, "", [], ())}


def snapshot(one: Snapshot) -> Form:
    """Return a snapshot as ``snapshots``, ``ls`` and ``forget`` show it."""
    return _filled(
        {
            "time": format_datetime(one.time),
            "parent": one.parent,
            "tree": one.tree.hex(),
            "paths": list(one.paths),
            "hostname": one.hostname,
            "username": one.username,
            "uid": one.uid or None,
            "gid": one.gid or None,
            "excludes": list(one.excludes),
            "tags": list(one.tags),
            "original": one.original,
            "program_version": one.program_version,
            "summary": one.summary,
            "id": one.id,
            "short_id": one.id[:8],
        }
    )


def node(path: bytes, one: Node) -> Form:
    """Return an entry as ``ls`` shows it."""
    known = json.loads(encode_node(one.name or b"/", one.metadata)) if one.name else {"mode": 1 << 31 | 0o755}
    form: Form = {
        "name": one.name.decode("utf-8", "replace"),
        "type": one.metadata.kind.value,
        "path": path.decode("utf-8", "replace"),
        "uid": one.metadata.uid,
        "gid": one.metadata.gid,
    }
    copied = ("mode", "mtime", "atime", "ctime", "inode", "linktarget")
    form |= {field: known[field] for field in copied if field in known}
    if one.metadata.kind is Kind.FILE:
        form["size"] = one.metadata.size
    form["permissions"] = go_permissions(int(known.get("mode", 0)))
    return form | {"message_type": "node", "struct_type": "node"}


def go_permissions(mode: int) -> str:
    """Return Go's text for an os.FileMode: ``drwxr-xr-x``, ``Lrwxrwxrwx``."""
    kind = "".join(letter for place, letter in enumerate(_GO_LETTERS) if mode >> (31 - place) & 1)
    rights = "".join(letter if mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx"))
    return (kind or "-") + rights


def made(one: NewRepository) -> Form:
    """Return the news of a new repository; the recovery code is in it because it is shown only once."""
    return _filled(
        {
            "message_type": "initialized",
            "id": one.id,
            "repository": one.place,
            "recovery_code": one.recovery_code.reveal() if one.recovery_code else None,
            "kept_in_keyring": one.kept if one.recovery_code else None,
        }
    )


def backup_summary(one: Backup) -> Form:
    """Return the last message of ``backup``."""
    counts = one.counts
    return {
        "message_type": "summary",
        "files_new": counts.files_new,
        "files_changed": counts.files_changed,
        "files_unmodified": counts.files_unmodified,
        "dirs_new": counts.dirs_new,
        "dirs_changed": counts.dirs_changed,
        "dirs_unmodified": counts.dirs_unmodified,
        "data_blobs": counts.data_blobs,
        "tree_blobs": counts.tree_blobs,
        "data_added": counts.data_added,
        "data_added_packed": counts.data_added_packed,
        "total_files_processed": counts.total_files_processed,
        "total_bytes_processed": counts.total_bytes_processed,
        "backup_start": format_datetime(one.started),
        "backup_end": format_datetime(one.ended),
        "total_duration": round(one.seconds, 3),
        "snapshot_id": one.snapshot.id,
        "outcome": one.outcome.value,
        "verified": True,
        "unreadable": len(one.unreadable),
    } | _asked(one)


def _asked(one: Backup) -> Form:
    """Return what was asked of a place that is not on this computer."""
    asked = one.asked
    if not asked.calls:
        return {}
    return {
        "place_calls": asked.calls.total(),
        "place_bytes_sent": asked.sent,
        "place_bytes_received": asked.received,
    }


def restore_summary(one: Restoration) -> Form:
    """Return the last message of ``restore``."""
    done = one.restored
    return {
        "message_type": "summary",
        "seconds_elapsed": round(one.seconds, 3),
        "total_files": done.files + done.others + done.skipped + len(done.failed),
        "files_restored": done.files + done.others,
        "files_skipped": done.skipped,
        "files_failed": len(done.failed),
        "total_bytes": done.size + done.skipped_size,
        "bytes_restored": done.size,
        "bytes_skipped": done.skipped_size,
        "snapshot_id": one.snapshot.id,
    }


def item_error(path: bytes, message: str, during: str) -> Form:
    """Return what went wrong with one item."""
    item = path.decode("utf-8", "replace")
    return {"message_type": "error", "error": {"message": message}, "during": during, "item": item}


def fault(error: TraybackupError) -> Form:
    """Return something wrong with the repository that did not end the command."""
    form: Form = {"message_type": "error", "message": Texts().error(error).explanation, "error": error.code}
    if isinstance(error, RepositoryDamaged):
        form |= {"kind": error.kind, "id": error.id, "why": error.why}
    return form


def key_list(one: KeyList) -> list[Form]:
    """Return the keys as ``key list`` shows them."""
    return [
        {
            "current": key.id == one.current,
            "id": key.id,
            "userName": key.username,
            "hostName": key.hostname,
            "created": key.created,
        }
        for key in one.keys
    ]


def key_changed(one: KeyChanged) -> Form:
    """Return what became of the keys."""
    return _filled(
        {
            "message_type": "key_added",
            "id": one.id,
            "removed": one.removed,
            "recovery_code": one.recovery_code.reveal() if one.recovery_code else None,
            "kept_in_keyring": one.kept,
        }
    )


def place_status(one: PlaceStatus) -> Form:
    """Return how a place is doing."""
    return {
        "message_type": "status",
        "place": path_text(one.place),
        "kind": one.kind,
        "repository_id": one.id,
        "version": one.version,
        "total_size": one.size,
        "space_total": one.space.total,
        "space_free": one.space.free,
        "snapshots_count": one.snapshots,
        "newest": snapshot(one.newest) if one.newest else None,
        "age_seconds": int(one.age.total_seconds()) if one.age is not None else None,
        "hosts": {host: format_datetime(time) for host, time in one.hosts.items()},
        "keys_count": one.keys,
        "locks": [lock(found) for found in one.locks],
        "damaged_snapshots": [damage.id for damage in one.damaged],
    }


def lock(one: LockFile) -> Form:
    """Return a lock."""
    return {
        "id": one.id,
        "time": format_datetime(one.time) if one.time else None,
        "exclusive": one.exclusive,
        "hostname": one.holder.hostname,
        "username": one.holder.username,
        "pid": one.holder.pid,
    }


def check_summary(one: Check) -> Form:
    """Return the last message of ``check``."""
    found = one.result
    packs = [problem.id for problem in found.problems if problem.kind == "pack"]
    return {
        "message_type": "summary",
        "num_errors": len(found.problems),
        "broken_packs": packs or None,
        "suggest_repair_index": any(problem.kind == "index" for problem in found.problems),
        "suggest_prune": bool(found.unindexed or found.duplicates),
        "snapshots": found.snapshots,
        "packs": found.packs,
        "packs_size": found.packs_size,
        "packs_read": found.packs_read,
        "bytes_read": found.bytes_read,
        "blobs": found.blobs,
        "blobs_used": found.used,
        "unindexed_packs": found.unindexed,
        "unsteady_packs": found.unsteady,
        "seconds_elapsed": round(one.seconds, 3),
    }


def problem(one: Problem) -> Form:
    """Return one thing that is wrong, and the files it costs."""
    return {
        "message_type": "error",
        "message": f"{one.kind} {one.id[:8]} {Texts().fault(one.why)}",
        "kind": one.kind,
        "id": one.id,
        "why": one.why,
        "lost_blobs": one.blobs,
        "files": [
            {
                "path": damage.path.decode("utf-8", "replace"),
                "snapshots": [touched.id for touched in damage.snapshots],
            }
            for damage in one.damage
        ],
        "more_files": one.more,
    }


def plugins(one: Survey) -> Form:
    """Return the plugins, used and rejected."""

    def named(plugin: Plugin) -> Form:
        return {
            "name": plugin.name,
            "distribution": plugin.distribution,
            "version": plugin.version,
            "module": plugin.module,
        }

    return {
        "message_type": "plugins",
        "accepted": [
            named(found.plugin)
            | {"providers": [{"id": provider.id, "label": provider.label} for provider in found.providers]}
            for found in one.accepted
        ],
        "rejected": [
            named(found.plugin)
            | {"why": found.why.value, "reason": Texts().rejected(found.why.value), "detail": found.detail}
            for found in one.rejected
        ],
    }


def destination(one: Listed) -> Form:
    """Return a destination."""
    return {
        "name": one.destination.name,
        "provider": one.destination.provider,
        "settings": dict(one.destination.settings),
        "account": one.account or None,
    }


def tried(one: Tried) -> Form:
    """Return that a place works."""
    return {
        "message_type": "destination_works",
        "place": path_text(one.place),
        "seconds": round(one.seconds, 3),
        "space_total": one.space.total,
        "space_free": one.space.free,
        "holds_backups": one.repository,
    }


def finding(one: Finding) -> Form:
    """Return what was found out about this computer."""
    return {
        "message_type": "finding",
        "level": one.level.value,
        "code": one.code,
        "detail": one.detail,
        "why": one.why,
        "message": Texts().doctor(one.code, one.detail, one.why),
    }


def stated(one: Stated) -> Form:
    """Return a fact about a place."""
    return {
        "message_type": "fact",
        "fact": one.fact,
        "says": one.says,
        "holds": one.holds,
        "detail": one.detail,
    }


def pruned(one: Pruned) -> Form:
    """Return what was freed."""
    return {"message_type": "summary", "dry_run": one.dry_run} | dataclasses.asdict(one.figures)


def forgotten(one: Forgotten) -> list[Form]:
    """Return the groups of ``forget`` with what stays and what goes."""
    groups = one.decision.groups if one.decision else ()
    return [
        {
            "tags": list(group.group.tags) if group.group.tags is not None else None,
            "host": group.group.host or "",
            "paths": list(group.group.paths) if group.group.paths is not None else None,
            "keep": [snapshot(kept.snapshot) for kept in group.keep] + [snapshot(ahead) for ahead in group.ignored],
            "remove": [snapshot(gone) for gone in group.forget],
            "reasons": [
                {"snapshot": snapshot(kept.snapshot), "matches": [_match(reason) for reason in kept.reasons]}
                for kept in group.keep
            ],
        }
        for group in groups
    ]


def _match(reason: str) -> str:
    """Return a reason in restic's words where it has some."""
    periods = {"last", "hourly", "daily", "weekly", "monthly", "yearly"}
    if reason in periods:
        return f"{reason} snapshot"
    if reason.removeprefix("within-") in periods:
        return f"{reason.removeprefix('within-')} within"
    return {"tag": "has tag"}.get(reason, reason)


def path_text(path: str) -> str:
    """Return a path from the system as UTF-8 text; what is none becomes U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")
