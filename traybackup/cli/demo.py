"""``traybackup demo``."""

from pathlib import Path

import click

from traybackup.app.demo.steps import Step, Story
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service
from traybackup.cli.signals import stoppable


@click.command("demo")
@click.option("--in", "parent", metavar="DIR", help="Make its folder in DIR instead of where temporary files are.")
@click.option("--clean", is_flag=True, help="Remove its folder in the end.")
@common
def command(output: Output, *, parent: str | None, clean: bool) -> int:
    """Show it: a sample till is saved while it sells, destroyed, brought back and compared.

    Nothing of yours is touched; everything happens in a new folder.
    """
    number = 0

    def step(done: Step) -> None:
        nonlocal number
        number += 1
        output.say(f"{number}. {_clean(output.texts.demo(done.code, done.params))}")
        output.record({"message_type": "step", "step": done.code} | done.params)

    where = Path(not_empty(parent, "--in")) if parent is not None else None
    output.say(output.language.gettext("This shows traybackup on a sample till. Nothing of yours is touched."))
    with stoppable() as cancel:
        story = service(output).demonstrate(parent=where, clean=clean, step=step, cancel=cancel)
    _tell(output, story)
    return 1 if story.comparison.differences else 0


_clean = clean


def _tell(output: Output, story: Story) -> None:
    output.record(
        {
            "message_type": "summary",
            "equal": not story.comparison.differences,
            "folder": str(story.folder),
            "place": str(story.place),
            "password_file": str(story.code_file),
            "snapshot_id": story.backup.snapshot.id,
            "receipts": story.comparison.receipts,
            "files": story.comparison.files,
            "removed": story.removed,
        }
    )
    language = output.language
    output.say()
    if story.comparison.differences:
        output.say(language.gettext("This must not happen. Please tell us, with the folder as it is."))
    else:
        output.say(language.gettext("All of it is back."))
    if story.removed:
        return
    access = f"--from {story.place} --password-file {story.code_file}"
    where = _clean(str(story.folder))
    output.say(language.gettext("Everything is still there, in {folder}; delete it when you like. Try:", folder=where))
    output.say(f"  traybackup snapshots {access}")
    output.say(f"  traybackup ls latest {access}")
    output.say(f"  restic -r {story.place} --password-file {story.code_file} check --read-data")
    output.say(language.gettext("Your own backup, into an empty folder or onto a stick:"))
    output.say("  " + language.gettext("traybackup backup FOLDER --to PLACE"))
