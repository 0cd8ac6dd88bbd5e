"""``traybackup ls``."""

import stat
from datetime import UTC, datetime, timedelta

import click

from traybackup.api.errors import RepositoryDamaged
from traybackup.api.source import Kind, Metadata
from traybackup.app import forms
from traybackup.app.language import Language
from traybackup.app.listing import Contents, Filter
from traybackup.app.opening import Access
from traybackup.cli.options import common, from_place, not_empty, which
from traybackup.cli.output import Output, clean, path_text
from traybackup.cli.services import service

_TYPES = {
    Kind.FILE: stat.S_IFREG,
    Kind.DIRECTORY: stat.S_IFDIR,
    Kind.SYMLINK: stat.S_IFLNK,
    Kind.BLOCK_DEVICE: stat.S_IFBLK,
    Kind.CHARACTER_DEVICE: stat.S_IFCHR,
    Kind.FIFO: stat.S_IFIFO,
    Kind.SOCKET: stat.S_IFSOCK,
}


@click.command("ls")
@click.argument("snapshot")
@click.argument("path", default="")
@from_place
@click.option("-l", "--long", is_flag=True, help="Show rights, owner, size and time as well.")
@click.option("--recursive", is_flag=True, help="With PATH: everything below it, not only the next level.")
@which
@common
def command(
    output: Output, *, access: Access, snapshot: str, path: str, long: bool, recursive: bool, meant: Filter
) -> int:
    """List what a snapshot holds: everything, or what is in the folder PATH.

    SNAPSHOT is an id, the beginning of one, or “latest”.
    """
    not_empty(snapshot, "SNAPSHOT")
    with service(output).contents(access, snapshot, path, which=meant, recursive=recursive or not path) as held:
        return _show(output, held, long=long)


def _show(output: Output, held: Contents, *, long: bool) -> int:
    output.record({"message_type": "snapshot", "struct_type": "snapshot"} | forms.snapshot(held.snapshot))
    paths = clean(", ".join(held.snapshot.paths))
    texts, language, exit_code = output.texts, output.language, 0
    output.say(
        language.gettext(
            "Snapshot {snapshot} of {paths}, {time}:",
            snapshot=held.snapshot.id[:8],
            paths=paths,
            time=language.moment(held.snapshot.time),
        )
    )
    for path, node in held.items:
        if isinstance(node, RepositoryDamaged):
            exit_code = 1
            output.record_error(forms.fault(node) | {"item": path.decode("utf-8", "replace")})
            output.warn(f"{path_text(path)}: {clean(texts.error(node).explanation)}")
            continue
        if output.json:
            output.record(forms.node(path, node))
        else:
            output.result(f"{_facts(node.metadata, language)} {path_text(path)}" if long else path_text(path))
    return exit_code


def _facts(known: Metadata, language: Language) -> str:
    owner = f"{known.user or known.uid:>8} {known.group or known.gid:>8}"
    mode, size = stat.filemode(_TYPES[known.kind] | known.mode), language.number(known.size)
    return f"{mode} {clean(owner)} {size:>12} {_time(known.modified, language)}"


def _time(nanoseconds: int, language: Language) -> str:
    """Return a time for people; file systems hold times that no calendar has."""
    try:
        return language.moment(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=nanoseconds // 1000))
    except (OverflowError, ValueError):
        return "????-??-?? ??:??"
