"""The known faults of pystray on Windows and macOS, mended in one place.

* Texts that are too long for Windows raise in whoever sets them: they are cut.
* ``&`` in a menu of Windows underlines the next letter: it is doubled.
* Neither system bears calls from other threads than the icon's own: they are passed on to it. A menu of Windows that is
  open is not replaced before it is closed, or the click is lost.
* Windows is told “no” when it asks whether it may switch off: it is told “yes”, and the program ends in good order.
* When the taskbar is not ready, or was replaced, the icon is lost: it is added again until it is there.

Source: pystray 0.19.5; its issues 60 and 129; the manual of Win32 (Shell_NotifyIcon, WM_QUERYENDSESSION). Not tried on
Windows or macOS themselves: the tests run this against stand-ins for pystray's classes.
"""

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from traybackup.tray.model import shortened

LONGEST_TIP, LONGEST_BODY, LONGEST_HEAD = 127, 255, 63
"""Units of UTF-16 that a tooltip of Windows takes, and a notification and its title."""

WM_QUERYENDSESSION, WM_ENDSESSION, WM_POWERBROADCAST, WM_CALL = 0x11, 0x16, 0x218, 0x8000 + 0x7B
_SUSPENDS, _RESUMES = 0x4, frozenset({0x7, 0x12})
_AGAIN = 2.0

Told = Callable[[], object]


def doubled(text: str) -> str:
    """Return *text* as a menu of Windows has to be given it."""
    return text.replace("&", "&&")


def fitting(text: str, longest: int) -> str:
    """Return as much of *text* as fits into so many units of UTF-16."""
    letters = longest
    while len(text.encode("utf-16-le")) // 2 > longest:
        text = shortened(text, letters)
        letters -= 1
    return text


_Any: Any = object


class WindowsIcon(_Any):  # type: ignore[misc]  # pystray has no types
    """Goes before pystray's icon for Windows.

    Attributes:
        _win32: ``pystray._util.win32``.
        _ends: Called when the session ends; the computer waits some seconds for it.
        _sleeps, _wakes: Called when the computer does.
    """

    _win32: Any
    _ends: Told
    _sleeps: Told
    _wakes: Told

    escape = staticmethod(doubled)

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._calls: deque[Callable[[], object]] = deque()
        self._open = False
        self._message_handlers.update(
            {
                WM_QUERYENDSESSION: lambda _w, _l: 1,
                WM_ENDSESSION: lambda w, _l: self._ends() if w else None,
                WM_POWERBROADCAST: self._on_power,
                WM_CALL: lambda _w, _l: self._work(),
            }
        )

    def _on_power(self, event: int, _: int) -> int:
        if event == _SUSPENDS:
            self._sleeps()
        elif event in _RESUMES:
            self._wakes()
        return 1

    # -- one thread

    def _pass_on(self, call: Callable[[], object]) -> None:
        self._calls.append(call)
        if self._hwnd:
            self._win32.PostMessage(self._hwnd, WM_CALL, 0, 0)

    def _work(self) -> None:
        while self._calls and not self._open:
            with suppress(OSError):
                self._calls.popleft()()

    def _on_notify(self, wparam: int, lparam: int) -> None:
        self._open = True
        try:
            super()._on_notify(wparam, lparam)
        finally:
            self._open = False
            self._work()

    def _mark_ready(self) -> None:
        super()._mark_ready()
        self._work()

    def _update_icon(self) -> None:
        self._pass_on(super()._update_icon)

    def _update_title(self) -> None:
        self._pass_on(super()._update_title)

    def _update_menu(self) -> None:
        self._pass_on(super()._update_menu)

    def _show(self) -> None:
        self._pass_on(self._add)

    def _notify(self, message: str, title: str | None = None) -> None:
        head = fitting(title or "", LONGEST_HEAD)
        plain = super()._notify
        self._pass_on(lambda: plain(fitting(message, LONGEST_BODY), head))

    # -- what Windows bears

    @property
    def title(self) -> str:
        return fitting(super().title, LONGEST_TIP)

    @title.setter
    def title(self, value: str) -> None:
        super(WindowsIcon, type(self)).title.fset(self, value)

    # -- lost icons

    def _add(self) -> None:
        try:
            super()._show()
        except OSError:  # the taskbar is not ready
            timer = threading.Timer(_AGAIN, lambda: self._pass_on(self._add))
            timer.daemon = True
            timer.start()

    def _message(self, code: int, flags: int, **more: Any) -> None:
        try:
            super()._message(code, flags, **more)
        except OSError:
            if code != self._win32.NIM_MODIFY:
                raise
            self._add()  # the taskbar is another one


class MacIcon(_Any):  # type: ignore[misc]  # same
    """Goes before pystray's icon for macOS.

    Attributes:
        _call_after: ``PyObjCTools.AppHelper.callAfter``: calls something in the main thread.
    """

    _call_after: Callable[..., object]

    def _pass_on(self, call: Callable[[], object]) -> None:
        if threading.current_thread() is threading.main_thread():
            call()
        else:
            self._call_after(call)

    def _update_icon(self) -> None:
        self._pass_on(super()._update_icon)

    def _update_title(self) -> None:
        self._pass_on(super()._update_title)

    def _update_menu(self) -> None:
        self._pass_on(super()._update_menu)

    def _show(self) -> None:
        self._pass_on(super()._show)

    def _hide(self) -> None:
        self._pass_on(super()._hide)

    def _stop(self) -> None:
        self._pass_on(super()._stop)

    def _notify(self, message: str, title: str | None = None) -> None:
        super()._notify(message, title or self.name)


def windows(module: Any, win32: Any, *, ends: Told, sleeps: Told = bool, wakes: Told = bool) -> type[Any]:
    """Return pystray's icon for Windows without its faults.

    Args:
        module: ``pystray._win32``.
    """
    calls = {"_ends": ends, "_sleeps": sleeps, "_wakes": wakes}
    known = {name: staticmethod(call) for name, call in calls.items()}
    return type("Icon", (WindowsIcon, module.Icon), {"_win32": win32, **known})


def macos(module: Any, call_after: Callable[..., object]) -> type[Any]:
    """Return pystray's icon for macOS without its faults.

    Args:
        module: ``pystray._darwin``.
    """
    return type("Icon", (MacIcon, module.Icon), {"_call_after": staticmethod(call_after)})
