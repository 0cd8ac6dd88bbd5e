"""``traybackup run JOB``: starts the job's process, shows what it does, and tells how it ended."""

import threading

import click

from traybackup.app import runforms
from traybackup.app.events import Event
from traybackup.app.language import Language
from traybackup.app.runs import Outcome, Run, Trigger
from traybackup.app.runtexts import RunTexts
from traybackup.app.supervisor import Watcher
from traybackup.app.tidying import Tidying
from traybackup.cli.news import tell_code
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.progress import Standing, Tally, bar
from traybackup.cli.residents import resident
from traybackup.cli.signals import stoppable

_POLL = 0.2
_EXIT_CODES = {Outcome.SUCCESS: 0, Outcome.PARTIAL: 3, Outcome.CANCELLED: 130, Outcome.INTERRUPTED: 130}


@click.command("run")
@click.argument("job")
@click.option("--events", is_flag=True, help="For programs: do the work in this process, and print events as JSON.")
@click.option("--prune", is_flag=True, help="With --events: free the room of old snapshots afterwards.")
@click.option("--make-room", is_flag=True, help="With --events: free the room of old snapshots first.")
@click.option(
    "--check", default=0.0, type=click.FloatRange(0, 100), metavar="PERCENT", help="With --events: read back."
)
@common
def command(output: Output, *, job: str, events: bool, prune: bool, make_room: bool, check: float) -> int:
    """Run the JOB now, as the program does by itself, in a process of its own with low priority.

    Its end is written into the history whatever happens. Ctrl-C stops it within two seconds. A run that nobody started
    by hand decides by itself whether to free room and to read data back afterwards.
    """
    not_empty(job, "JOB")
    if events:
        return _work(job, Tidying(prune, make_room, check))
    return _attend(output, job)


def _work(job: str, tidying: Tidying) -> int:
    """Do the work in this process."""
    from traybackup.app import priority, tether  # noqa: PLC0415 - only for a run's own process
    from traybackup.cli.services import service  # noqa: PLC0415 - same: brings the engine

    output, lock = Output(json=True), threading.Lock()
    with stoppable() as cancel:

        def tell(event: Event) -> None:
            try:
                with lock:
                    output.record(event)
            except (OSError, ValueError):  # nobody reads any more
                cancel.set()

        tether.hold(cancel)
        priority.lower()
        return service(output).run_job(job, tidying, tell=tell, cancel=cancel)


class _Mirror(Tally):
    """Stands where the run's process stands."""

    def __init__(self) -> None:
        super().__init__()
        self._standing = Standing()

    def standing(self) -> Standing:
        return self._standing

    def reflect(self, event: Event) -> None:
        """Take in a ``status``."""

        def number(key: str) -> int:
            value = event.get(key)
            return int(value) if isinstance(value, int | float) else 0

        self._standing = Standing(
            phase="save",
            files=number("files_done"),
            bytes=number("bytes_done"),
            total_files=number("total_files"),
            total_bytes=number("total_bytes"),
            counted="seconds_remaining" in event,
            errors=number("error_count"),
            seconds=number("seconds_elapsed"),
        )


class _Front(Watcher):
    """Shows what a run's process tells."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.mirror = _Mirror()
        self.exit_code: int | None = None
        self._lock = threading.Lock()

    def event(self, run: Run, event: Event) -> None:  # noqa: ARG002 - there is only one
        with self._lock:
            self.output.record(event)
        kind = event.get("message_type")
        if kind == "status":
            self.mirror.reflect(event)
        elif kind == "initialized" and isinstance(event.get("recovery_code"), str):
            tell_code(self.output, str(event["recovery_code"]), kept=bool(event.get("kept_in_keyring")))
        elif kind == "waiting":
            self.output.warn(clean(str(event.get("message", ""))))
        elif kind == "run_ended" and isinstance(event.get("exit_code"), int):
            self.exit_code = int(str(event["exit_code"]))


def _attend(output: Output, name: str) -> int:
    """Start the job's process, and stay until it has ended."""
    front = _Front(output)
    with resident(front) as here, stoppable() as cancel:
        job = here.job(name)
        run = here.start(job, Trigger.NOW)
        with bar(output, front.mirror):
            while (done := here.supervisor.wait(run.id, _POLL)) is None:
                if cancel.is_set():
                    here.supervisor.stop()
    output.record({"message_type": "run"} | runforms.run(done, RunTexts()))
    if not output.json:
        _tell(output, output.language, done)
    if done.outcome in _EXIT_CODES:
        return _EXIT_CODES[done.outcome]
    return front.exit_code or 1


def _tell(output: Output, language: Language, done: Run) -> None:
    texts, figures = RunTexts(language), done.figures
    files = language.ngettext("{count} file", "{count} files", figures.files)
    known = {"job": clean(done.job), "files": files, "size": language.size(figures.bytes)}
    if done.outcome is Outcome.SUCCESS:
        output.say(language.gettext("“{job}” is saved and was read back: {files}, {size}.", **known))
    elif done.outcome is Outcome.PARTIAL:
        output.say(language.gettext("“{job}” is saved, but incomplete: {files}, {size}.", **known))
        lost = language.ngettext(
            "{count} item could not be read", "{count} items could not be read", figures.unreadable
        )
        output.warn(f"{lost}: traybackup history {done.id}")
    if done.problem is not None:
        output.warn(clean(texts.problem(done.problem)))
    elif done.outcome is Outcome.CANCELLED:
        output.warn(output.texts.message("cancelled", {}).line)
