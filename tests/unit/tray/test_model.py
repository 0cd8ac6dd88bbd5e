"""What the tray shows of every view: picture, two lines and menu, in three languages."""

import itertools
import string
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from traybackup.api.errors import Retry
from traybackup.app.language import LANGUAGES, Language
from traybackup.app.orders import Order, Verb
from traybackup.app.runs import Problem
from traybackup.app.status import DestinationStatus, Reason, State, Status
from traybackup.app.view import Attached, Going, Place, Target, View
from traybackup.app.wording.states import LATE, WHY_NOT
from traybackup.tray.model import LONGEST_TITLE, MOST_LINES, Line, Shown, shortened, shown

NOW = datetime(2026, 10, 14, 20, 0, tzinfo=UTC)
STICK = Place("red", "KINGSTON 64GB rot", drive=True)
CLOUD = Place("cloud", "Google Drive", service=True)
TODAY = NOW.replace(hour=19, minute=2)
MORNING = NOW.replace(hour=9, minute=4)
SATURDAY = datetime(2026, 10, 10, 19, 2, tzinfo=UTC)
MONDAY = datetime(2026, 10, 12, 19, 2, tzinfo=UTC)

ALL = {language: Language(language) for language in LANGUAGES}


def view(
    state: State,
    *reasons: Reason,
    stick: datetime | None = TODAY,
    cloud: datetime | None = None,
    general: tuple[Reason, ...] = (),
    **more: object,
) -> View:
    destinations = [DestinationStatus("red", state, reasons, stick)]
    targets = [Target("till", STICK)]
    if cloud is not None:
        destinations.append(DestinationStatus("cloud", State.OK, (), cloud))
        targets.append(Target("online", CLOUD))
    times = [time for time in (stick, cloud) if time is not None]
    plain = View(
        Status(state, tuple(destinations), general, max(times, default=None)),
        NOW,
        places={"red": STICK, "cloud": CLOUD},
        targets=tuple(targets),
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # the view's own fields


EXAMPLES: dict[State, View] = {
    State.OK: view(State.OK, cloud=MORNING),
    State.RUNNING: view(State.RUNNING, Reason("running"), going=(Going("till", STICK, 0.43),)),
    State.UNPLUG: view(State.UNPLUG, Reason("unplug")),
    State.WAITING: view(State.WAITING, Reason("not-there"), stick=MONDAY),
    State.ATTENTION: view(State.ATTENTION, Reason("stale", {"count": 3}), stick=SATURDAY),
    State.ERROR: view(State.ERROR, Reason("failed"), Reason("overdue", {"count": 6}), stick=SATURDAY),
    State.PAUSED: view(
        State.PAUSED, stick=MORNING, general=(Reason("paused"),), paused_until=NOW.replace(hour=21, minute=30)
    ),
    State.SETUP: View(Status(State.SETUP, reasons=(Reason("setup"),)), NOW),
}

TITLES = {
    State.OK: (
        "Protected – USB today 19:02, Google Drive today 09:04",
        "Geschützt – USB heute 19:02, Google Drive heute 09:04",
        "Protegido: USB hoy 19:02, Google Drive hoy 09:04",
    ),
    State.RUNNING: (
        "Backing up to “KINGSTON 64GB rot” – 43%, do not unplug",
        "Sichert auf „KINGSTON 64GB rot“ – 43 %, nicht abziehen",
        "Respaldando en “KINGSTON 64GB rot”: 43 %, no retirar",
    ),
    State.UNPLUG: (
        "Finished – you can unplug “KINGSTON 64GB rot”",
        "Fertig – „KINGSTON 64GB rot“ kann abgezogen werden",
        "Listo: ya puede retirar “KINGSTON 64GB rot”",
    ),
    State.WAITING: (
        "Waiting for “KINGSTON 64GB rot” – last backup Mon 12 Oct 19:02",
        "Wartet auf „KINGSTON 64GB rot“ – letzte Sicherung Mo 12.10. 19:02",
        "Esperando “KINGSTON 64GB rot”: último respaldo lun 12 oct 19:02",
    ),
    State.ATTENTION: (
        "Attention – no backup since Sat 10 Oct 19:02",
        "Achtung – keine Sicherung seit Sa 10.10. 19:02",
        "Atención: sin respaldo desde sáb 10 oct 19:02",
    ),
    State.ERROR: (
        "Backup failed – last good one Sat 10 Oct 19:02",
        "Sicherung fehlgeschlagen – letzte gute Sa 10.10. 19:02",
        "Falló el respaldo: último correcto sáb 10 oct 19:02",
    ),
    State.PAUSED: (
        "Paused until 21:30 – last backup today 09:04",
        "Pausiert bis 21:30 – letzte Sicherung heute 09:04",
        "En pausa hasta 21:30: último respaldo hoy 09:04",
    ),
    State.SETUP: (
        "Not set up yet – click to start",
        "Noch nicht eingerichtet – zum Starten klicken",
        "Sin configurar: haga clic para empezar",
    ),
}


def texts(lines: Iterable[Line]) -> list[str]:
    """Return what a menu says, submenus in parentheses."""
    found = []
    for line in lines:
        if line.lines:
            found.append(f"{line.text} ({' / '.join(texts(line.lines))})")
        elif line.text:
            found.append(line.text)
    return found


def every(lines: Iterable[Line]) -> list[Line]:
    return [one for line in lines for one in (line, *every(line.lines))]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("language", LANGUAGES)
def test_each_state_has_its_title(state: State, language: str) -> None:
    """The tooltip says what the owner must know, in his language, with absolute times."""
    found = shown(EXAMPLES[state], ALL[language])
    assert found.state is state
    assert found.title == TITLES[state][LANGUAGES.index(language)]
    assert found.tooltip.startswith(found.title)
    assert len(found.tooltip) <= LONGEST_TITLE


def test_the_menu_when_all_is_well() -> None:
    """The lines and their order, in English: the overview first, quitting last, nothing that does not apply."""
    found = shown(EXAMPLES[State.OK], ALL["en"])
    assert texts(found.menu) == [
        "Open backup overview",
        "Protected – last backup today 19:02",
        "Back up now (Everything / USB “KINGSTON 64GB rot” / Google Drive)",
        "Restore…",
        "History…",
        "Pause backups (1 hour / Until tomorrow 09:00)",
        "Settings…",
        "Emergency sheet and help…",
        "Quit until next start",
    ]
    assert [line.key for line in found.menu if line.default] == ["open"]


def test_the_menu_in_german() -> None:
    """A drive that is plugged in can be ejected, and a single target needs no submenu."""
    here = view(State.OK, attached=(Attached("/drive", "ROT", "red"),), can_switch_off=True)
    assert texts(shown(here, ALL["de"]).menu) == [
        "Sicherungsübersicht öffnen",
        "Geschützt – letzte Sicherung heute 19:02",
        "Jetzt sichern",
        "Sichern und PC ausschalten",
        "Stick „ROT“ auswerfen",
        "Wiederherstellen…",
        "Verlauf…",
        "Sicherung pausieren (1 Stunde / Bis morgen 09:00)",
        "Einstellungen…",
        "Notfallblatt und Hilfe…",
        "Beenden bis zum nächsten Start",
    ]


def test_the_menu_during_a_run_in_spanish() -> None:
    """What runs can be stopped, and its drive stopped and ejected; nothing else can be started."""
    here = replace(EXAMPLES[State.RUNNING], attached=(Attached("/drive", "ROJA", "red", running=True),))
    assert texts(shown(here, ALL["es"]).menu) == [
        "Abrir resumen de respaldos",
        "Respaldando en “KINGSTON 64GB rot”: 43 %, no retirar",
        "Detener este respaldo",
        "Detener y expulsar “ROJA”",
        "Restaurar…",
        "Historial…",
        "Pausar respaldos (1 hora / Hasta mañana 09:00)",
        "Configuración…",
        "Hoja de emergencia y ayuda…",
        "Salir hasta el próximo inicio",
    ]


def test_a_pause_can_be_ended() -> None:
    """The line says until when, with the day if it is not today's, and replaces the one for pausing."""
    assert "Resume backups (paused until 21:30)" in texts(shown(EXAMPLES[State.PAUSED], ALL["en"]).menu)
    longer = replace(EXAMPLES[State.PAUSED], paused_until=NOW + timedelta(hours=13))
    found = texts(shown(longer, ALL["en"]).menu)
    assert "Resume backups (paused until tomorrow 09:00)" in found
    assert "Pause backups" not in " ".join(found)


def test_before_anything_is_set_up_nothing_can_be_started() -> None:
    """Nothing to back up, nothing to pause."""
    orders = {line.order.verb for line in every(shown(EXAMPLES[State.SETUP], ALL["en"]).menu) if line.order}
    assert orders == {Verb.OPEN, Verb.QUIT}


def test_problems_are_named_and_counted() -> None:
    """Two problems are named with what they are about, the others counted; a click opens the overview."""
    reasons = (Reason("sign-in"), Reason("space"), Reason("partial"), Reason("left-in"))
    here = view(State.ATTENTION, *reasons)
    found = [line for line in shown(here, ALL["en"]).menu if line.order == Order(Verb.OPEN, "problems")]
    assert [line.text for line in found] == [
        "⚠ Sign in to KINGSTON 64GB rot again…",
        "⚠ KINGSTON 64GB rot: there is little room left…",
        "2 more problems…",
    ]


def test_the_worst_comes_first() -> None:
    """What is an error is named before what is not, whichever destination comes first."""
    status = Status(
        State.ERROR,
        (
            DestinationStatus("cloud", State.ATTENTION, (Reason("sign-in"),), TODAY),
            DestinationStatus("red", State.ERROR, (Reason("damaged"),), MONDAY),
        ),
        (Reason("config", {}, Problem("config-invalid", {}, Retry.NEVER)),),
        TODAY,
    )
    here = View(status, NOW, places={"red": STICK, "cloud": CLOUD})
    found = shown(here, ALL["en"])
    assert found.detail == "KINGSTON 64GB rot: a check found damage"
    assert [line.text for line in found.menu if line.text.startswith("⚠")] == [
        "⚠ KINGSTON 64GB rot: a check found damage…",
        "⚠ Sign in to Google Drive again…",
    ]


def test_the_second_line_adds_something() -> None:
    """It says when the next backup is, or where the trouble is and when all was well."""
    assert shown(view(State.OK, next_due=NOW + timedelta(days=1)), ALL["en"]).detail == "Next backup tomorrow 20:00"
    partial = shown(view(State.ATTENTION, Reason("partial")), ALL["en"])
    assert partial.title == "Attention – some files could not be saved"
    assert partial.detail == "KINGSTON 64GB rot: last backup today 19:02"
    assert texts(partial.menu)[1] == "Attention – last backup today 19:02"
    assert shown(EXAMPLES[State.WAITING], ALL["en"]).detail == ""


def test_what_there_is_no_backup_of_is_said() -> None:
    """No state speaks of a last backup where there is none."""
    for state in State:
        here = replace(EXAMPLES[state], status=replace(EXAMPLES[state].status, verified=None))
        here = replace(
            here,
            status=replace(
                here.status,
                destinations=tuple(replace(one, verified=None) for one in here.status.destinations),
            ),
        )
        for language in LANGUAGES:
            title = shown(here, ALL[language]).title
            assert title
            assert not title.endswith(" ")
            assert "None" not in title
    first = view(State.ATTENTION, Reason("never"), stick=None)
    assert shown(first, ALL["en"]).title == "Attention – there is no backup yet"


def test_two_sticks_are_told_apart() -> None:
    """Several drives are called by their names; more places than fit are not listed."""
    blue = Place("blue", "BLUE", drive=True)
    status = Status(
        State.OK,
        (DestinationStatus("red", State.OK, (), TODAY), DestinationStatus("blue", State.OK, (), MONDAY)),
        (),
        TODAY,
    )
    here = View(status, NOW, places={"red": STICK, "blue": blue})
    assert shown(here, ALL["en"]).title == "Protected – KINGSTON 64GB rot today 19:02, BLUE Mon 12 Oct 19:02"
    many = replace(status, destinations=status.destinations * 2)
    assert shown(replace(here, status=many), ALL["en"]).title == "Protected – last backup today 19:02"


def test_two_jobs_to_one_place_are_told_apart() -> None:
    """Their names stand beside the place."""
    here = view(State.OK, targets=(Target("till", STICK), Target("photos", STICK)))
    line = next(line for line in shown(here, ALL["en"]).menu if line.key == "now")
    assert texts(line.lines) == [
        "Everything",
        "USB “KINGSTON 64GB rot” – till",
        "USB “KINGSTON 64GB rot” – photos",
    ]


def crowded(state: State, problems: int, drives: int, *, off: bool, running: bool) -> View:
    reasons = tuple(Reason(word) for word in list(WHY_NOT)[:problems])
    return view(
        state,
        *reasons,
        cloud=MORNING,
        attached=tuple(Attached(f"/{n}", f"DRIVE {n}", "red") for n in range(drives)),
        can_switch_off=off,
        going=(Going("till", CLOUD),) if running else (),
        paused_until=NOW + timedelta(hours=1) if state is State.PAUSED else None,
    )


CROWDS = list(itertools.product(State, (0, 1, 2, 9), (0, 1, 2, 5), (True, False), (True, False)))


def rules(found: Shown) -> None:
    assert sum(bool(line.text) for line in found.menu) <= MOST_LINES
    assert [line.key for line in found.menu if line.default] == ["open"]
    assert found.menu[0].key == "open"
    assert found.menu[-1].order == Order(Verb.QUIT)
    keys = [line.key for line in found.menu]
    assert len(keys) == len(set(keys))
    for line in every(found.menu):
        assert (line.order is None) == (not line.text or bool(line.lines))
        assert "None" not in line.text
        assert not [name for _, name, _, _ in string.Formatter().parse(line.text) if name]
    assert found.title
    assert len(found.tooltip) <= LONGEST_TITLE


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_menu_keeps_the_rules(language: str) -> None:
    """Thirteen lines at most, every key once, an order for every line, however much there is to say."""
    for state, problems, drives, off, running in CROWDS:
        rules(shown(crowded(state, problems, drives, off=off, running=running), ALL[language]))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("word", sorted({*WHY_NOT, *LATE} - {"paused", "setup", "unplug", "running", "not-there"}))
def test_every_reason_can_be_shown(language: str, word: str) -> None:
    """Each word for what is wrong has a title and a line, for a destination and for the computer itself."""
    for state in (State.ATTENTION, State.ERROR):
        own = shown(view(state, Reason(word, {"count": 3})), ALL[language])
        rules(own)
        assert [line for line in own.menu if line.text.startswith("⚠")]
        rules(shown(view(state, general=(Reason(word, {"count": 3}),)), ALL[language]))


def test_keys_stay_while_texts_change() -> None:
    """A run's progress changes the text of lines and no line's key, so that an open menu is only written anew."""
    before = EXAMPLES[State.RUNNING]
    after = replace(before, going=(Going("till", STICK, 0.9),))
    one, two = shown(before, ALL["en"]), shown(after, ALL["en"])
    assert [line.key for line in one.menu] == [line.key for line in two.menu]
    assert one.menu != two.menu


def test_long_names_are_cut() -> None:
    """A name that does not fit costs its end and nothing else."""
    here = view(State.UNPLUG, Reason("unplug"), places={"red": Place("red", "X" * 300, drive=True)})
    assert len(shown(here, ALL["en"]).tooltip) == LONGEST_TITLE
    assert shortened("abcdef", 4) == "abc…"
    assert shortened("abcd", 4) == "abcd"


def test_long_ago_is_said_with_its_year() -> None:
    """A day of another year is not taken for one of this."""
    found = shown(replace(view(State.WAITING, Reason("not-there"), stick=NOW - timedelta(days=400))), ALL["en"])
    assert found.title == "Waiting for “KINGSTON 64GB rot” – last backup 9 Sep 2025 20:00"
