"""A shop's desktop for clouds: an unlocked keyring, a browser that says yes, and the words that name the cloud."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drive_server import DriveServer

from tests.session import keyring, session

_BROWSER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=20) as page:
    page.read()
"""


@contextmanager
def desktop_with_browser(folder: Path, program: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """Yield the variables that lead to a desktop of its own in *folder*."""
    for name in ("dbus-daemon", "gnome-keyring-daemon"):
        program(name)
    (folder / "browser.py").write_text(_BROWSER)
    with session(folder / "session") as variables, keyring(variables):
        yield variables | {"BROWSER": f"{sys.executable} {folder / 'browser.py'} %s", "TRAYBACKUP_KEYRING": ""}


def client_words(google: DriveServer, folder: Path) -> list[object]:
    """Return the options that name the owner's own client and the stand-in for Google."""
    client = next(iter(google.world.clients.values()))
    (folder / "client-secret").write_text(client.secret)
    return [
        "--set",
        f"client_id={client.id}",
        "--set",
        f"endpoint={google.url}",
        "--secret-file",
        f"client_secret={folder / 'client-secret'}",
    ]
