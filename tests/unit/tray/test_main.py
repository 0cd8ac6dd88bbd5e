"""The tray program: what it loads, what it does with orders, and with desktops that lack something."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.session import wait_until
from traybackup.app import resident
from traybackup.app.attendant import Attendant
from traybackup.app.language import Language
from traybackup.app.orders import Order, Verb
from traybackup.tray import main
from traybackup.tray.main import Tray

HEAVY = (
    *("traybackup.engine", "traybackup.stores", "traybackup.sources", "traybackup.testing"),
    *("dropbox", "pydrive2", "googleapiclient", "opendal", "asyncssh", "requests", "cryptography"),
    *("zstandard", "keyring", "desktop_notifier", "rich", "uvicorn", "starlette", "gi", "Xlib"),
)


@pytest.mark.skipif(sys.platform != "linux", reason="the backend is Linux's")
def test_it_brings_nothing_heavy() -> None:
    """Neither engine nor clouds, no notifications before the first one, no GTK and no X."""
    code = (
        "import json, sys; import traybackup.cli.tray, traybackup.tray.backend;"
        "import babel.dates; print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = {name for name in json.loads(done.stdout) if name.startswith(HEAVY)}
    assert {name for name in loaded if name in HEAVY} == set()


class Icon:
    """An icon that remembers what it was given."""

    def __init__(self) -> None:
        self.icon: Any = None
        self.title, self.menu = "", ()
        self.ended = threading.Event()

    def run(self) -> None:
        self.ended.wait()

    def stop(self) -> None:
        self.ended.set()


@pytest.fixture
def attendant(tmp_path: Path) -> Attendant:
    def build(watcher: Any) -> resident.Resident:
        return resident.build({"TRAYBACKUP_HOME": str(tmp_path)}, watcher=watcher)

    return Attendant(build, clock=lambda: datetime.now(UTC))


def tray(attendant: Attendant, hosts: object, unhosted: Callable[[], object] = bool, **more: Any) -> Tray:
    assert isinstance(hosts, SimpleNamespace)
    return Tray(
        attendant,
        language=Language,
        opens=more.pop("opens", bool),
        unhosted=unhosted,
        hosts=hosts,  # type: ignore[arg-type]  # as much of the module as is used
        **more,
    )


PYSTRAY = SimpleNamespace(
    Menu=lambda *items: items, MenuItem=lambda text, action, **_: SimpleNamespace(text=text, action=action)
)
PYSTRAY.Menu.SEPARATOR = None  # type: ignore[attr-defined]  # a function's


def test_another_icon_takes_over_where_no_panel_comes(attendant: Attendant, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody shows our icon, pystray's own is tried: the old one ends, the new one shows the same."""
    monkeypatch.setattr(main, "HOSTED_WITHIN", 0.01)
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)
    first, second, told = Icon(), Icon(), []
    hosts = SimpleNamespace(icon=lambda *_: (PYSTRAY, first), indicator=lambda _: (PYSTRAY, second))
    here = tray(attendant, hosts, lambda: told.append("unhosted"))
    thread = threading.Thread(target=here.run)
    thread.start()
    wait_until(first.ended.is_set)
    wait_until(lambda: second.title == "Not set up yet – click to start")
    here.end()
    thread.join(20)
    assert not thread.is_alive()
    assert told == []


def test_without_any_icon_it_is_told_once(attendant: Attendant, monkeypatch: pytest.MonkeyPatch) -> None:
    """A desktop on which nothing works: it is said, and the program stays until it is ended."""
    monkeypatch.setattr(main, "HOSTED_WITHIN", 0.01)
    monkeypatch.setattr(main.signal, "signal", lambda *_: None)

    def none(*_: object) -> tuple[ModuleType, Icon]:
        raise ImportError

    told = threading.Event()
    begun, ended = threading.Event(), threading.Event()
    here = tray(attendant, SimpleNamespace(icon=none, indicator=none), told.set, begins=begun.set, ends=ended.set)
    thread = threading.Thread(target=here.run)
    thread.start()
    assert told.wait(20)
    assert begun.is_set()
    assert thread.is_alive()
    with pytest.raises(NotImplementedError):
        here.notify("body", "title")
    here.end()
    thread.join(20)
    assert ended.is_set()


def test_orders_return_at_once(attendant: Attendant) -> None:
    """Opening takes as long as it takes, elsewhere; what is wrong with an order is told, and ends nothing."""
    opened, free = threading.Event(), threading.Event()

    def opens(part: str) -> None:
        assert part == "history"
        free.wait(20)
        opened.set()

    failed: list[str] = []
    attendant.failed = lambda error: failed.append(error.code)
    here = tray(attendant, SimpleNamespace(), opens=opens)
    here.carry(Order(Verb.OPEN, "history"))
    assert not opened.is_set()
    free.set()
    assert opened.wait(20)
    here.carry(Order(Verb.BACK_UP, "nothing"))
    wait_until(lambda: failed == ["job-unknown"])
    here.carry(Order(Verb.PAUSE, "hour"))
    wait_until(lambda: attendant.resident.paused() is not None)
    here.carry(Order(Verb.RESUME))
    wait_until(lambda: attendant.resident.paused() is None)
    here.carry(Order(Verb.LATER))
    attendant.close()
