"""``traybackup backup``."""

import glob
import os
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import click

from traybackup.api.progress import Progress
from traybackup.api.source import Selection
from traybackup.app import forms
from traybackup.app.backup import Backup, BackupRequest, Outcome
from traybackup.app.opening import Access, NewRepository
from traybackup.app.texts import Texts
from traybackup.cli.news import tell_made
from traybackup.cli.options import common, moment, no_empty, size, split_tags, to_place
from traybackup.cli.output import Output, clean, list_items
from traybackup.cli.progress import Standing, Tally, item_teller, shown, wanted
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable

PARTIAL = 3


@click.command("backup")
@click.argument("paths", nargs=-1, metavar="PATH...", callback=no_empty)
@to_place
@click.option("-e", "--exclude", multiple=True, metavar="PATTERN", help="Leave out what fits; as in a .gitignore file.")
@click.option("--exclude-file", multiple=True, metavar="FILE", help="Read such patterns from FILE.")
@click.option("--exclude-larger-than", metavar="SIZE", callback=size, help="Leave out larger files: 500M, 2GB.")
@click.option("--exclude-caches", is_flag=True, help="Leave out folders marked as caches by CACHEDIR.TAG.")
@click.option("--exclude-if-present", multiple=True, metavar="NAME", help="Leave out folders that hold a file NAME.")
@click.option(
    "--files-from", multiple=True, metavar="FILE", help="Read more paths from FILE, one a line; - is the input."
)
@click.option("-x", "--one-file-system", is_flag=True, help="Do not enter other file systems.")
@click.option("--tag", multiple=True, metavar="TAG,…", callback=split_tags, help="Mark the snapshot.")
@click.option("-H", "--host", default="", metavar="NAME", help="The computer's name in the snapshot.")
@click.option("--parent", default="", metavar="SNAPSHOT", help="Compare with this snapshot instead of the newest.")
@click.option("-f", "--force", is_flag=True, help="Read every file again, and accept a source that is empty now.")
@click.option("--time", metavar="TIME", callback=moment, help="The snapshot's time, such as “2026-11-22 18:42”.")
@common
def command(
    output: Output,
    *,
    access: Access,
    paths: tuple[str, ...],
    exclude: tuple[str, ...],
    exclude_file: tuple[str, ...],
    exclude_larger_than: int | None,
    exclude_caches: bool,
    exclude_if_present: tuple[str, ...],
    files_from: tuple[str, ...],
    one_file_system: bool,
    tag: tuple[str, ...],
    host: str,
    parent: str,
    force: bool,
    time: datetime | None,
) -> int:
    """Save files and folders as one snapshot.

    A place that holds none yet gets its first one, and a recovery code, unless a password is given. Databases that are
    in use are saved as they were at one moment. Every part is read back from the medium before the snapshot counts.

    Exit codes: 0 everything was saved; 3 saved, but some files could not be read; others: there is no new snapshot.
    """
    selection = Selection(
        exclude=(*exclude, *_lines(exclude_file)),
        exclude_larger_than=exclude_larger_than,
        exclude_caches=exclude_caches,
        exclude_if_present=exclude_if_present,
        one_file_system=one_file_system,
    )
    wanted_paths = (*map(os.fsencode, paths), *_paths_from(files_from))
    if not wanted_paths:
        raise click.UsageError("Name at least one file or folder to save.")  # noqa: EM101, TRY003 - click's way
    return _run(output, BackupRequest(access, wanted_paths, selection, tag, host, parent, force=force, time=time))


def _run(output: Output, request: BackupRequest) -> int:
    tally = Tally()
    tally.told = item_teller(output)
    watched = tally if wanted(output) or tally.told else Progress()

    def made(new: NewRepository) -> None:
        tell_made(output, new)

    with stoppable() as cancel, shown(output, tally, _status):
        done = service(output).back_up(request, progress=watched, cancel=cancel, made=made, estimate=wanted(output))
    _tell(output, done)
    return 0 if done.outcome is Outcome.SUCCESS else PARTIAL


def _status(now: Standing) -> dict[str, object]:
    """Return restic's status message."""
    total = now.total_bytes if now.counted else max(now.total_bytes, now.bytes)
    form: dict[str, object] = {
        "message_type": "status",
        "seconds_elapsed": int(now.seconds),
        "percent_done": min(1.0, now.bytes / total) if total else 0,
        "total_files": max(now.total_files, now.files),
        "files_done": now.files,
        "total_bytes": max(now.total_bytes, now.bytes),
        "bytes_done": now.bytes,
        "error_count": now.errors,
    }
    if now.seconds_left is not None:
        form["seconds_remaining"] = int(now.seconds_left)
    if now.current:
        form["current_files"] = [now.current]
    return form


def _tell(output: Output, done: Backup) -> None:
    english, texts, language = Texts(), output.texts, output.language
    for item in done.unreadable:
        output.record_error(forms.item_error(item.path, item.reason, "archival"))
    for found in done.findings:
        output.record_error(forms.item_error(found.path, english.finding(found.code, found.detail), "finding"))
    for damage in done.damaged:
        output.record_error(forms.fault(damage))
        output.warn(clean(texts.error(damage).line))
    unreadable = [(item.path, texts.reason(item.reason)) for item in done.unreadable]
    list_items(output, language.gettext("could not be read:"), unreadable)
    notes = [(found.path, texts.finding(found.code, found.detail)) for found in done.findings]
    list_items(output, language.gettext("noticed:"), notes)
    counts = done.counts
    output.say(
        language.gettext(
            "Saved {files}, {size}, in {span}: {new} new, {changed} changed; {added} added to the place.",
            files=language.ngettext("{count} file", "{count} files", counts.total_files_processed),
            size=language.size(counts.total_bytes_processed),
            span=language.span(done.seconds),
            new=language.number(counts.files_new),
            changed=language.number(counts.files_changed),
            added=language.size(counts.data_added_packed),
        )
    )
    snapshot = done.snapshot.id[:8]
    if done.unreadable:
        output.say(
            language.ngettext(
                "Snapshot {snapshot} is incomplete: {count} item could not be read.",
                "Snapshot {snapshot} is incomplete: {count} items could not be read.",
                len(done.unreadable),
                snapshot=snapshot,
            )
        )
    else:
        output.say(
            language.gettext("Snapshot {snapshot} is complete and was read back from the medium.", snapshot=snapshot)
        )
    _tell_asked(output, done)
    output.record(forms.backup_summary(done))


def _tell_asked(output: Output, done: Backup) -> None:
    """Tell whoever wants to know what a service was asked for."""
    asked, language = done.asked, output.language
    if output.verbose and asked.calls:
        output.say(
            language.ngettext(
                "The place was asked {count} time; {sent} went there, {received} came back.",
                "The place was asked {count} times; {sent} went there, {received} came back.",
                asked.calls.total(),
                sent=language.size(asked.sent),
                received=language.size(asked.received),
            )
        )


def _lines(files: Iterable[str]) -> list[str]:
    """Return the patterns in pattern files, without comments and blank lines.

    Raises:
        click.UsageError: One cannot be read.
    """
    found: list[str] = []
    for name in files:
        lines = _read(name).decode("utf-8-sig", "surrogateescape").splitlines()
        found += [line for line in lines if line.strip() and not line.startswith("#")]
    return found


def _paths_from(files: Iterable[str]) -> list[bytes]:
    """Return the paths in list files: one a line, ``#`` begins a comment, ``*`` and ``?`` are expanded."""
    found: list[bytes] = []
    for name in files:
        for line in _read(name).removeprefix(b"\xef\xbb\xbf").splitlines():
            path = line.strip()
            if not path or path.startswith(b"#"):
                continue
            found += (sorted(glob.glob(path)) if glob.has_magic(path) else []) or [path]
    return found


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise click.UsageError(f"{clean(name)} cannot be read: {error.strerror}.") from error  # noqa: EM102, TRY003
