"""The overview as a page without anything behind it: how everything is doing, what to do, what was run. Pure."""

from collections.abc import Iterator
from html import escape

from traybackup.app.daytimes import when
from traybackup.app.language import Language
from traybackup.app.runs import Run
from traybackup.app.runtexts import RunTexts
from traybackup.app.view import View
from traybackup.tray import model

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 2rem auto; padding: 0 1rem; color: #1d2329;
  background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; padding: .3rem .6rem .3rem 0; }
tr { border-bottom: 1px solid #d5dae0; } code { background: #eef1f4; padding: .1rem .3rem; }
@media (prefers-color-scheme: dark) { body { color: #e6eaee; background: #1b1f24; } tr { border-color: #3a424b; }
  code { background: #2a3138; } }
"""


def page(view: View, runs: tuple[Run, ...], *, language: Language) -> str:
    """Return the page."""
    shown = model.shown(view, language)
    parts = "\n".join(
        (*_places(view, language), *_problems(view, language), *_history(view, runs, language), *_help(language))
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{language.code}"><head><meta charset="utf-8"><title>traybackup</title>\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width">\n'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(shown.title)}</h1>\n{parts}\n</body></html>\n"
    )


def _places(view: View, language: Language) -> Iterator[str]:
    texts = RunTexts(language)
    if not view.status.destinations:
        return
    yield "<table>"
    for one in view.status.destinations:
        last = when(language, one.verified, view.now, view.zone) if one.verified else "–"
        why = "; ".join(texts.reason(reason) for reason in one.reasons)
        cells = (view.place(one.destination).label, last, texts.state(one.state), why)
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"


def _problems(view: View, language: Language) -> Iterator[str]:
    texts = RunTexts(language)
    reasons = [reason for one in view.status.destinations for reason in one.reasons] + list(view.status.reasons)
    told = dict.fromkeys(texts.problem(reason.problem) for reason in reasons if reason.problem is not None)
    title = language.gettext("What to do")
    if told:
        yield f'<h2 id="problems">{escape(title)}</h2>'
        yield from (f"<p>{escape(text)}</p>" for text in told)


def _history(view: View, runs: tuple[Run, ...], language: Language) -> Iterator[str]:
    texts = RunTexts(language)
    title = language.gettext("What was run")
    yield f'<h2 id="history">{escape(title)}</h2><table>'
    for run in runs:
        cells = (
            when(language, run.started, view.now, view.zone),
            view.place(run.destination).label,
            texts.trigger(run.trigger),
            texts.outcome(run),
        )
        yield "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
    yield "</table>"


def _help(language: Language) -> Iterator[str]:
    gettext = language.gettext
    parts = (
        (
            "restore",
            gettext("Get data back"),
            gettext("In a terminal, or ask your dealer:"),
            "traybackup restore --help",
        ),
        (
            "settings",
            gettext("Change the settings"),
            gettext("In a terminal, or ask your dealer:"),
            "traybackup jobs --help",
        ),
        (
            "help",
            gettext("Emergency sheet and help"),
            gettext("In a terminal, or ask your dealer:"),
            "traybackup doctor",
        ),
    )
    for name, title, text, command in parts:
        yield f'<h2 id="{name}">{escape(title)}</h2><p>{escape(text)} <code>{command}</code></p>'
