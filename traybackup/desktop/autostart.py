"""Autostart: whether the desktop starts the program when somebody logs on.

On Linux a file in ``~/.config/autostart`` (https://specifications.freedesktop.org/autostart-spec), on Windows a value
under the user's ``Run`` key, on macOS a LaunchAgent. What is there is what is shown: nothing else is remembered.
"""

import contextlib
import plistlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

NAME = "traybackup"
LABEL = "org.traybackup.tray"
_WORDS = ("tray", "--at-login")
_RUN_KEY = r"Software\Microsoft\Windows\CurrentVersion\Run"
_SPECIAL = '"`$\\'


def command() -> tuple[str, ...]:
    """Return what starts the program: as a module, or as the one file that an installer made of it."""
    own = (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-m", "traybackup")
    return (*own, *_WORDS)


def file_of(environment: Mapping[str, str]) -> Path:
    """Return the file that has the program started on Linux and macOS."""
    home = Path(environment.get("HOME") or Path.home())
    if sys.platform == "darwin":
        return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    return Path(environment.get("XDG_CONFIG_HOME") or home / ".config") / "autostart" / f"{NAME}.desktop"


def is_on(environment: Mapping[str, str]) -> bool:
    """Say whether the desktop starts the program."""
    if sys.platform == "win32":
        return _registered() is not None
    try:
        text = file_of(environment).read_bytes()
    except OSError:
        return False
    return b"\nHidden=true" not in text


def switch(environment: Mapping[str, str], *, on: bool) -> bool:
    """Have the program started by the desktop, or not; say whether that is so now."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            _register(subprocess_line(command()) if on else None)
        elif on:
            file = file_of(environment)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(agent(command()) if sys.platform == "darwin" else entry(command()).encode())
        else:
            file_of(environment).unlink(missing_ok=True)
    return is_on(environment) is on


def entry(words: Sequence[str]) -> str:
    """Return the desktop entry that starts *words*."""
    return (
        "[Desktop Entry]\n"
        "Type=Application\n"
        f"Name={NAME}\n"
        "Comment=Backs up the till\n"
        "Comment[de]=Sichert die Kasse\n"
        "Comment[es]=Respalda la caja\n"
        f"TryExec={words[0]}\n"
        f"Exec={' '.join(quoted(word) for word in words)}\n"
        f"Icon={NAME}\n"
        "Terminal=false\n"
        "X-GNOME-Autostart-enabled=true\n"
        "X-GNOME-Autostart-Delay=3\n"
    )


def quoted(word: str) -> str:
    """Return a word as ``Exec`` wants it: escaped once for the quotes, once more as a string of the file."""
    inner = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in word).replace("%", "%%")
    return '"' + inner.replace("\\", "\\\\") + '"'


def agent(words: Sequence[str]) -> bytes:
    """Return the LaunchAgent that starts *words*."""
    return plistlib.dumps(
        {"Label": LABEL, "ProgramArguments": list(words), "RunAtLoad": True, "LimitLoadToSessionType": "Aqua"}
    )


def subprocess_line(words: Sequence[str]) -> str:
    """Return *words* as Windows has a command line."""
    import subprocess  # noqa: PLC0415 - only there

    return subprocess.list2cmdline(words)


def _registered() -> str | None:
    if sys.platform != "win32":
        return None
    import winreg  # noqa: PLC0415 - only there

    with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_CURRENT_USER, _RUN_KEY) as key:
        return str(winreg.QueryValueEx(key, NAME)[0])
    return None


def _register(line: str | None) -> None:
    if sys.platform != "win32":
        return
    import winreg  # noqa: PLC0415 - only there

    with winreg.CreateKey(winreg.HKEY_CURRENT_USER, _RUN_KEY) as key:
        if line is not None:
            winreg.SetValueEx(key, NAME, 0, winreg.REG_SZ, line)
        elif _registered() is not None:
            winreg.DeleteValue(key, NAME)
