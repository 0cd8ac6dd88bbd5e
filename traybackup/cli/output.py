"""Output: lines for people, JSON for programs. Names from backups are made harmless before a terminal sees them."""

import json
import os
import re
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import TextIO

import click

from traybackup.app.language import Language
from traybackup.app.texts import Texts

_MOST_LISTED = 20
_BROKEN = re.compile("[\ud800-\udfff]")
_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(text: str) -> str:
    r"""Return *text* with control characters, text direction marks and broken letters spelled out, as in ``\x1b``.

    A file name may hold sequences that a terminal obeys.
    """
    return _HARMFUL.sub(lambda found: _spelled(found[0]), text)


def _spelled(letter: str) -> str:
    code = ord(letter)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte that is no UTF-8, as the file system gave it
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - a byte


def path_text(path: bytes) -> str:
    """Return a path for people: one line, harmless."""
    return clean(path.decode("utf-8", "surrogateescape"))


def json_text(path: bytes) -> str:
    """Return a path for JSON; what is not UTF-8 becomes U+FFFD, as restic has it."""
    return path.decode("utf-8", "replace")


class Output:
    """Where a command writes.

    Attributes:
        json: JSON for programs instead of lines for people.
        quiet: Only results and errors.
        verbose: How much more than usual.

    Args:
        language: The one to use; empty: what the environment, the configuration or the system says.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False, verbose: int = 0, language: str = "") -> None:
        self.json = json
        self.quiet = quiet
        self.verbose = verbose
        self._language = language

    @cached_property
    def language(self) -> Language:
        """The language for people; programs are told everything in English."""
        from traybackup.app import preference  # noqa: PLC0415 - only where something is shown

        return preference.find(os.environ, self._language)

    @cached_property
    def texts(self) -> Texts:
        """What errors and findings are called, for people."""
        return Texts(self.language)

    def say(self, text: str = "") -> None:
        """Write a line for people, unless programs read or silence is wanted."""
        if not self.json and not self.quiet:
            _write(sys.stdout, text)

    def result(self, text: str) -> None:
        """Write a line that was asked for, even if silence is wanted."""
        if not self.json:
            _write(sys.stdout, text)

    def warn(self, text: str) -> None:
        """Write a line for people that is worth noticing."""
        if not self.json:
            _write(sys.stderr, text)

    def record(self, message: object) -> None:
        """Write one JSON document for programs, on one line."""
        if self.json:
            _write(sys.stdout, dump(message))

    def record_error(self, message: object) -> None:
        """Write one JSON document for programs to where errors go."""
        if self.json:
            _write(sys.stderr, dump(message))

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
        """Write a table for people; the columns numbered in *right* are set to the right."""
        columns = list(zip(titles, *rows, strict=True))
        widths = [max(len(cell) for cell in column) for column in columns]
        for row in [titles, *rows]:
            cells = [
                cell.rjust(width) if number in right else cell.ljust(width)
                for number, (cell, width) in enumerate(zip(row, widths, strict=True))
            ]
            self.result("  ".join(cells).rstrip())


def dump(message: object) -> str:
    """Return *message* as JSON on one line."""
    return _BROKEN.sub("\ufffd", json.dumps(message, ensure_ascii=False, separators=(",", ":"), default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return json_text(value)
    raise TypeError(type(value).__name__)


def _write(stream: TextIO, text: str) -> None:
    click.echo(text, file=stream)


def output_of(context: click.Context) -> Output:
    """Return the output that belongs to the running command."""
    found = context.find_object(Output)
    return found if found is not None else Output()


def list_items(output: Output, title: str, items: list[tuple[bytes, str]]) -> None:
    """List paths with a remark, not more than fit on a screen unless asked for."""
    if not items:
        return
    output.warn(title)
    most = len(items) if output.verbose else _MOST_LISTED
    for path, remark in items[:most]:
        output.warn(f"  {path_text(path)}: {clean(remark)}")
    if len(items) > most:
        more = len(items) - most
        output.warn("  " + output.language.gettext("… and {count} more; -v lists them all", count=more))
