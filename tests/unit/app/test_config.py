"""The configuration: read strictly, written whole, and never lost."""

import stat
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import ConfigInvalid, ConfigTooNew, ConfigUnusable
from traybackup.app import config, safefile
from traybackup.app.config import Config, Destination
from traybackup.app.limits import Timetable, parse
from traybackup.app.paths import Paths

FULL = """# mine
version = 1
upload_limit = "08:00,512 18:00,off"

[providers.gdrive]
client_id = "abc"

[destinations.cloud]  # the important one
provider = "gdrive"
upload_limit = 300
[destinations.cloud.settings]
folder = "TrayBackup"
port = 22
fast = true

[destinations.red-stick]
provider = "folder"
settings = { path = "/media/anna/RED" }
"""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache")


def write(paths: Paths, text: str) -> Path:
    file = config.file_of(paths)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_without_a_file_there_is_nothing(paths: Paths) -> None:
    """No configuration is an empty one, and reading makes none."""
    assert config.load(paths) == Config()
    assert not paths.config.exists()


def test_everything_is_understood(paths: Paths) -> None:
    """Destinations, settings for all places of a provider, and limits, its own before those for all."""
    write(paths, FULL)
    found = config.load(paths)
    assert found.providers == {"gdrive": {"client_id": "abc"}}
    assert found.destinations["cloud"] == Destination(
        "cloud", "gdrive", {"folder": "TrayBackup", "port": "22", "fast": "true"}, parse("300")
    )
    assert found.destinations["red-stick"].settings == {"path": "/media/anna/RED"}
    assert found.limits("cloud") == (parse("300"), Timetable())
    assert found.limits("red-stick") == found.limits("") == (parse("08:00,512 18:00,off"), Timetable())


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("color = 1", "color"),
        ("version = 0", "version"),
        ('version = "1"', "version"),
        ("upload_limit = true", "upload_limit"),
        ('download_limit = "fast"', "download_limit"),
        ("destinations = 1", "destinations"),
        ("[destinations]\ncloud = 1", "destinations.cloud"),
        ('[destinations."my cloud"]\nprovider = "gdrive"', "destinations.my cloud"),
        ("[destinations.cloud]", "destinations.cloud.provider"),
        ('[destinations.cloud]\nprovider = "G Drive"', "destinations.cloud.provider"),
        ('[destinations.cloud]\nprovider = "gdrive"\nfolder = "x"', "destinations.cloud.folder"),
        ('[destinations.cloud]\nprovider = "gdrive"\nsettings = 1', "destinations.cloud.settings"),
        ('[destinations.cloud]\nprovider = "gdrive"\nupload_limit = "25:00,1"', "destinations.cloud.upload_limit"),
        ('[destinations.cloud]\nprovider = "gdrive"\nsettings = { a = [1] }', "destinations.cloud.settings.a"),
        ('[destinations.cloud]\nprovider = "gdrive"\nsettings = { "A B" = 1 }', "destinations.cloud.settings.A B"),
        ("[providers.gdrive]\nx = []", "providers.gdrive.x"),
        ("[providers.Gdrive]\nx = 1", "providers.Gdrive"),
    ],
)
def test_a_wrong_field_is_named_with_what_is_allowed(paths: Paths, text: str, path: str) -> None:
    """Whoever edits by hand learns which field it is, by its path, and what may stand there."""
    file = write(paths, text)
    with pytest.raises(ConfigInvalid) as caught:
        config.load(paths)
    assert (caught.value.file, caught.value.path) == (str(file), path)
    assert caught.value.allowed


def test_what_is_no_toml_is_told_with_its_line(paths: Paths) -> None:
    """A slip of the keyboard is found by line and column."""
    write(paths, "version = 1\nupload_limit = \n")
    with pytest.raises(ConfigUnusable) as caught:
        config.load(paths)
    assert "line 2" in caught.value.reason


def test_a_newer_file_is_left_untouched(paths: Paths) -> None:
    """What a newer program wrote is neither read nor changed."""
    file = write(paths, "version = 2\nnew = 1\n")
    for use in (config.load, lambda paths: config.change(paths, lambda found: found.update(x=1))):
        with pytest.raises(ConfigTooNew) as caught:
            use(paths)
        assert caught.value.version == 2
    assert file.read_text() == "version = 2\nnew = 1\n"


def add(name: str) -> Any:
    def edit(document: dict[str, Any]) -> None:
        document.setdefault("destinations", {})[name] = {"provider": "folder", "settings": {"path": f"/{name}"}}

    return edit


def test_changes_keep_the_owners_comments(paths: Paths) -> None:
    """What the program writes beside it leaves what the owner wrote as it was."""
    file = write(paths, FULL)
    found = config.change(paths, add("blue"))
    assert set(found.destinations) == {"cloud", "red-stick", "blue"}
    text = file.read_text("utf-8")
    assert "# mine" in text
    assert "# the important one" in text
    assert config.load(paths) == found


def test_the_last_five_versions_stay(paths: Paths) -> None:
    """Each change keeps what was before it; the sixth pushes out the oldest."""
    for number in range(8):
        config.change(paths, add(f"d{number}"))
    kept = sorted(path.name for path in paths.config.iterdir())
    assert kept == [*(f"config.{number}.toml" for number in range(1, 6)), "config.toml"]
    newest = config.understand((paths.config / "config.1.toml").read_bytes(), "")
    oldest = config.understand((paths.config / "config.5.toml").read_bytes(), "")
    assert len(newest.destinations) == 7
    assert len(oldest.destinations) == 3


def test_a_change_that_changes_nothing_writes_nothing(paths: Paths) -> None:
    """The generations are for real changes."""
    config.change(paths, add("a"))
    config.change(paths, add("a"))
    assert sorted(path.name for path in paths.config.iterdir()) == ["config.toml"]


def test_a_change_that_cannot_be_right_is_refused(paths: Paths) -> None:
    """Nothing is written that could not be read again, and a broken file is not written over."""
    file = write(paths, FULL)
    with pytest.raises(ConfigInvalid):
        config.change(paths, lambda document: document.update(upload_limit="x"))
    assert file.read_text("utf-8") == FULL
    write(paths, "broken")
    with pytest.raises(ConfigUnusable):
        config.change(paths, add("a"))
    assert file.read_text("utf-8") == "broken"


def test_what_somebody_else_wrote_meanwhile_is_kept(paths: Paths) -> None:
    """An edit is done again on what is there now."""
    write(paths, FULL)
    calls = []

    def edit(document: dict[str, Any]) -> None:
        if not calls:
            config.change(paths, add("theirs"))
        calls.append(1)
        add("ours")(document)

    assert {"theirs", "ours"} <= set(config.change(paths, edit).destinations)
    assert len(calls) == 2


def test_readers_never_see_half_a_file(paths: Paths) -> None:
    """While it is written again and again, every read finds one of the whole versions."""
    config.change(paths, add("d0"))
    stop = threading.Event()
    sizes: set[int] = set()

    def read() -> None:
        while not stop.is_set():
            sizes.add(len(config.load(paths).destinations))

    thread = threading.Thread(target=read)
    thread.start()
    for number in range(1, 30):
        config.change(paths, add(f"d{number}"))
    stop.set()
    thread.join()
    assert sizes <= set(range(1, 31))
    assert sizes


@pytest.mark.skipif(sys.platform == "win32", reason="modes are POSIX")
def test_it_is_private(paths: Paths) -> None:
    """Nobody else reads which places there are."""
    config.change(paths, add("a"))
    assert stat.S_IMODE(config.file_of(paths).stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.config.stat().st_mode) == 0o700


def test_a_failed_write_leaves_the_old_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs the change, not the configuration, and leaves no litter."""
    config.change(paths, add("a"))
    before = config.file_of(paths).read_bytes()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(safefile.os, "fsync", full)
    with pytest.raises(ConfigUnusable):
        config.change(paths, add("b"))
    assert config.file_of(paths).read_bytes() == before
    assert [path.name for path in paths.config.iterdir()] == ["config.toml"]
