"""Progress: what a run reports, counted, and shown as a bar on a terminal or as restic's status messages."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from traybackup.api.progress import Progress
from traybackup.app.estimate import COUNTED
from traybackup.app.language import Language
from traybackup.app.wording.marks import N_
from traybackup.cli.output import Output, json_text, path_text

_BAR_EVERY = 0.2
_STATUS_EVERY = 1.0
_PHASES = {
    "index": N_("Reading the list of what is there"),
    "scan": N_("Looking"),
    "save": N_("Saving"),
    "snapshot": N_("Finishing"),
    "restore": N_("Restoring"),
    "flush": N_("Finishing"),
    "check-structure": N_("Checking whether all is there"),
    "check-data": N_("Reading everything"),
    "check-damage": N_("Looking what is damaged"),
    "prune-plan": N_("Looking what is not needed"),
    "prune-repack": N_("Keeping what is needed"),
    "prune-index": N_("Writing the list"),
    "prune-delete": N_("Removing"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a run stands.

    Attributes:
        counted: Whether *total_files* and *total_bytes* are all there will be.
        seconds_left: None while nobody can say.
    """

    phase: str = ""
    files: int = 0
    bytes: int = 0
    total_files: int = 0
    total_bytes: int = 0
    counted: bool = False
    stored: int = 0
    errors: int = 0
    current: str = ""
    seconds: float = 0.0

    @property
    def share(self) -> float:
        """How much is done, from 0 to 1."""
        return min(1.0, self.bytes / self.total_bytes) if self.total_bytes else 0.0

    @property
    def seconds_left(self) -> float | None:
        """At the speed so far."""
        if not self.counted or not self.bytes or self.bytes > self.total_bytes:
            return None
        return self.seconds * (self.total_bytes - self.bytes) / self.bytes


class Tally(Progress):
    """Counts what a run reports; asked now and then by whoever draws it.

    Attributes:
        told: Called with path, state and size of every item; None: nobody wants to know.
    """

    def __init__(self, *, counted: bool = False) -> None:
        self.told: Callable[[bytes, str, int], None] | None = None
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._phase = ""
        self._files = self._bytes = self._total_files = self._total_bytes = self._stored = self._errors = 0
        self._counted = counted
        self._current = b""

    def expect(self, files: int, size: int) -> None:
        with self._lock:
            self._total_files += files
            self._total_bytes += size

    def item(self, path: bytes, state: str, size: int) -> None:
        with self._lock:
            self._files += 1
            self._current = path
        if self.told is not None:
            self.told(path, state, size)

    def advance(self, size: int) -> None:
        with self._lock:
            self._bytes += size

    def stored(self, size: int) -> None:
        with self._lock:
            self._stored += size

    def phase(self, name: str) -> None:
        with self._lock:
            if name == COUNTED:
                self._counted = True
            else:
                self._phase = name

    def trouble(self, path: bytes, reason: str) -> None:  # noqa: ARG002 - listed at the end
        with self._lock:
            self._errors += 1

    def standing(self) -> Standing:
        """Return where the run stands now."""
        with self._lock:
            return Standing(
                phase=self._phase,
                files=self._files,
                bytes=self._bytes,
                total_files=self._total_files,
                total_bytes=self._total_bytes,
                counted=self._counted,
                stored=self._stored,
                errors=self._errors,
                current=path_text(self._current),
                seconds=time.monotonic() - self._began,
            )


def wanted(output: Output) -> bool:
    """Say whether anybody looks at the progress: a program that reads JSON, or somebody at a terminal."""
    return output.json or (not output.quiet and sys.stderr.isatty())


@contextmanager
def shown(output: Output, tally: Tally, status: Callable[[Standing], dict[str, object]]) -> Iterator[None]:
    """Show *tally* while the block runs: as *status* messages in JSON, as a bar on a terminal, else not at all."""
    if output.json:
        with _every(_STATUS_EVERY, lambda: output.record(status(tally.standing()))):
            yield
        output.record(status(tally.standing()))
    else:
        with bar(output, tally):
            yield


@contextmanager
def bar(output: Output, tally: Tally) -> Iterator[None]:
    """Show *tally* as a bar on a terminal while the block runs; programs are told nothing."""
    if wanted(output) and not output.json:
        with _bar(tally, output.language):
            yield
    else:
        yield


@contextmanager
def _every(seconds: float, draw: Callable[[], object]) -> Iterator[None]:
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(seconds):
            try:
                draw()
            except (OSError, ValueError):  # nobody reads any more, or the output is closed; the run goes on
                return

    thread = threading.Thread(target=run, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _bar(tally: Tally, language: Language) -> Iterator[None]:
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second, only where a bar is drawn
    from rich.progress import BarColumn, TextColumn  # noqa: PLC0415 - same
    from rich.progress import Progress as Bar  # noqa: PLC0415 - same

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[figures]}", markup=False),
    )
    with Bar(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as drawn:
        task = drawn.add_task("", total=None, figures="")

        def draw() -> None:
            now = tally.standing()
            total = now.total_bytes if now.counted and now.total_bytes else None
            drawn.update(
                task,
                description=language.gettext(_PHASES[now.phase]) if now.phase in _PHASES else "",
                total=total,
                completed=min(now.bytes, total) if total else 0,
                figures=figures(now, language),
            )
            drawn.refresh()

        with _every(_BAR_EVERY, draw):
            yield


def figures(now: Standing, language: Language) -> str:
    """Return the figures of a bar: share, files, bytes, time left."""
    parts = []
    if now.counted and now.total_bytes:
        done, total = min(now.bytes, now.total_bytes), now.total_bytes
        files = language.number(now.files)
        parts.append(language.percent(now.share))
        parts.append(
            language.ngettext("{done} of {count} file", "{done} of {count} files", now.total_files, done=files)
        )
        parts.append(language.gettext("{done} of {total}", done=language.size(done), total=language.size(total)))
    else:
        parts.append(language.ngettext("{count} file", "{count} files", now.files))
        parts.append(language.size(now.bytes))
    if now.errors:
        parts.append(language.gettext("{count} unreadable", count=language.number(now.errors)))
    if now.seconds_left is not None:
        parts.append(language.gettext("{span} left", span=language.span(now.seconds_left)))
    return ", ".join(parts)


def item_teller(output: Output) -> Callable[[bytes, str, int], None] | None:
    """Return what prints every item, if that was asked for by ``-vv``, or ``-v`` with ``--json``."""
    if output.json and output.verbose:
        actions = {"changed": "modified"}

        def record(path: bytes, state: str, size: int) -> None:
            action = actions.get(state, state)
            output.record(
                {"message_type": "verbose_status", "action": action, "item": json_text(path), "data_size": size}
            )

        return record
    if output.verbose > 1:
        return lambda path, state, size: output.say(f"{state:9} {path_text(path)} {output.language.size(size)}")
    return None
