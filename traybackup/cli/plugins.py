"""``traybackup plugins``."""

import click

from traybackup.app import forms
from traybackup.app.plugins import Survey
from traybackup.app.wording.marks import N_
from traybackup.cli.options import common, not_empty
from traybackup.cli.output import Output, clean
from traybackup.cli.services import service

_TITLES = (N_("Plugin"), N_("Distribution"), N_("Version"), N_("Places"))


@click.command("plugins")
@click.option(
    "--allow", "allowed", multiple=True, metavar="NAME", help="Allow this plugin as it is now, and only those allowed."
)
@click.option("--allow-all", is_flag=True, help="Do away with the list of allowed plugins.")
@common
def command(output: Output, *, allowed: tuple[str, ...], allow_all: bool) -> None:
    """List the plugins that are installed: those in use, and those that are rejected, with the reason.

    With --allow there is a list of allowed plugins, each pinned by version and files. One that is not on it, or has
    changed since, is not loaded.
    """
    if allowed and allow_all:
        raise click.UsageError("--allow and --allow-all exclude each other.")  # noqa: EM101, TRY003 - click's way
    if allow_all:
        service(output).allow_all_plugins()
    elif allowed:
        service(output).allow_plugins([not_empty(name, "--allow") for name in allowed])
    survey = service(output).plugins()
    output.record(forms.plugins(survey))
    _show(output, survey)


def _show(output: Output, survey: Survey) -> None:
    texts, language = output.texts, output.language
    rows = [
        (
            clean(one.plugin.name),
            clean(one.plugin.distribution),
            clean(one.plugin.version),
            clean(", ".join(f"{provider.id} ({provider.label_in(language.code)})" for provider in one.providers)),
        )
        for one in survey.accepted
    ]
    if rows:
        titles = [language.gettext(title) for title in _TITLES]
        output.table(titles, rows)
    elif not survey.rejected:
        output.result(language.gettext("No plugins are installed."))
    for rejected in survey.rejected:
        plugin = rejected.plugin
        detail = f" ({rejected.detail})" if rejected.detail else ""
        name = clean(f"{plugin.name} ({plugin.distribution} {plugin.version})")
        why = texts.rejected(rejected.why.value) + clean(detail)
        output.warn(language.gettext("not used: {plugin} {why}", plugin=name, why=why))
