"""pystray's faults on Windows and macOS are mended; shown with stand-ins that fail as the real ones do."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from traybackup.tray import patches


class Win32:
    """As much of Windows as the icon calls."""

    NIM_ADD, NIM_MODIFY = 0, 1

    def __init__(self) -> None:
        self.posted: list[tuple[int, int]] = []

    def PostMessage(self, window: int, message: int, _w: int, _l: int) -> None:  # noqa: N802 - Windows' name
        self.posted.append((window, message))


class WindowsIcon:
    """pystray's icon for Windows: it does what it is told in whatever thread."""

    taskbar = True

    def __init__(self, name: str) -> None:
        self.name, self._title, self._hwnd = name, "", 0
        self._message_handlers: dict[int, Callable[[int, int], object]] = {}
        self.done: list[object] = []
        self.during: Callable[[], object] = lambda: None

    @property
    def title(self) -> str:
        return self._title

    @title.setter
    def title(self, value: str) -> None:
        self._title = value

    def _mark_ready(self) -> None:
        self._hwnd = 7

    def _update_icon(self) -> None:
        self._message(Win32.NIM_MODIFY, 0)

    def _update_title(self) -> None:
        self.done.append(("title", self.title))

    def _update_menu(self) -> None:
        self.done.append("menu")

    def _show(self) -> None:
        if not self.taskbar:
            raise OSError
        self.done.append("show")

    def _message(self, code: int, _flags: int) -> None:
        if not self.taskbar:
            raise OSError
        self.done.append(("message", code))

    def _notify(self, message: str, title: str | None = None) -> None:
        self.done.append(("notify", message, title))

    def _on_notify(self, _w: int, _l: int) -> None:
        self.during()


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def icon(ended: list[str]) -> Any:
    module = SimpleNamespace(Icon=WindowsIcon)
    kind = patches.windows(
        module,
        Win32(),
        ends=lambda: ended.append("ends"),
        sleeps=lambda: ended.append("sleeps"),
        wakes=lambda: ended.append("wakes"),
    )
    found = kind("x")
    found._mark_ready()
    return found


def pump(icon: Any) -> None:
    """Deliver what was posted, as the icon's thread does."""
    while icon._win32.posted:
        _, message = icon._win32.posted.pop(0)
        icon._message_handlers[message](0, 0)


def test_calls_from_other_threads_are_passed_on(icon: Any) -> None:
    """Nothing is done in the caller's thread; the icon's own does it when the message comes."""
    thread = threading.Thread(target=icon._update_menu)
    thread.start()
    thread.join()
    assert icon.done == []
    pump(icon)
    assert icon.done == ["menu"]


def test_an_open_menu_is_not_replaced(icon: Any) -> None:
    """What comes while the menu is open waits until it is closed, and is done then."""

    def meanwhile() -> None:
        icon._update_menu()
        pump(icon)
        assert icon.done == []

    icon.during = meanwhile
    icon._on_notify(0, 0)
    assert icon.done == ["menu"]


def test_texts_fit(icon: Any) -> None:
    """Titles and notifications are cut to what Windows takes, counted as it counts: some letters are two."""
    icon.title = "🧾" * 100
    assert len(icon.title.encode("utf-16-le")) // 2 <= patches.LONGEST_TIP
    icon._notify("b" * 999, "t" * 999)
    pump(icon)
    _, body, head = icon.done[-1]
    assert (len(body), len(head)) == (patches.LONGEST_BODY, patches.LONGEST_HEAD)
    assert body.endswith("…")
    assert patches.fitting("short", 255) == "short"


def test_ampersands_are_shown() -> None:
    """“Huber & Sons” underlines no letter."""
    assert patches.doubled("Huber & Sons") == "Huber && Sons"


def test_the_session_may_end(icon: Any, ended: list[str]) -> None:
    """Windows is told that it may, and the program ends when it does, not when somebody else objected."""
    assert icon._message_handlers[patches.WM_QUERYENDSESSION](0, 0) == 1
    icon._message_handlers[patches.WM_ENDSESSION](0, 0)
    assert ended == []
    icon._message_handlers[patches.WM_ENDSESSION](1, 0)
    assert ended == ["ends"]


def test_sleep_is_told(icon: Any, ended: list[str]) -> None:
    """Falling asleep and waking, by whichever of the two messages; nothing else."""
    for event in (0x4, 0x12, 0x7, 0xA):
        assert icon._message_handlers[patches.WM_POWERBROADCAST](event, 0) == 1
    assert ended == ["sleeps", "wakes", "wakes"]


def test_a_lost_icon_is_added_again(icon: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a taskbar nothing is raised; as soon as there is one, the icon is on it."""
    monkeypatch.setattr(patches, "_AGAIN", 0.01)
    icon.taskbar = False
    icon._show()
    icon._update_icon()
    pump(icon)
    assert icon.done == []
    icon.taskbar = True
    waiting = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    for timer in waiting:
        timer.join()
    pump(icon)
    assert "show" in icon.done


class MacIcon:
    """pystray's icon for macOS: it must only be called from the main thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.done: list[object] = []

    def _update_title(self) -> None:
        self.done.append(threading.current_thread() is threading.main_thread())

    def _notify(self, _message: str, title: str | None = None) -> None:
        assert title is not None
        self.done.append(title)


def test_macos_is_called_from_the_main_thread() -> None:
    """A call from the main thread is done at once, one from another is passed on; a title is always given."""
    later: list[Callable[[], object]] = []
    icon = patches.macos(SimpleNamespace(Icon=MacIcon), later.append)("x")
    icon._update_title()
    thread = threading.Thread(target=icon._update_title)
    thread.start()
    thread.join()
    assert icon.done == [True]
    later[0]()
    assert icon.done == [True, True]
    icon._notify("body")
    assert icon.done[-1] == "x"
