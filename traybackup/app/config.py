"""The configuration: what the owner chose, in ``config.toml``.

::

    version = 1
    upload_limit = "08:00,512 18:00,off"     # KiB a second, for every destination that says nothing else

    [providers.gdrive]                       # settings for all places of a provider
    client_id = "…"

    [destinations.cloud]
    provider = "gdrive"
    upload_limit = "512"
    download_limit = "off"
    [destinations.cloud.settings]
    folder = "TrayBackup"

It is read strictly: a field that cannot be right is named with its path and with what is allowed. It is written as a
whole at one moment, with the owner's comments; the last five versions stay beside it. No secret is ever in it.
"""

import contextlib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from traybackup.api.errors import ConfigInvalid, ConfigTooNew, ConfigUnusable
from traybackup.app import limits
from traybackup.app.limits import NO_LIMIT, Timetable
from traybackup.app.paths import Paths
from traybackup.app.safefile import write_private

VERSION = 1
GENERATIONS = 5
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,31}")

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = ("version", "upload_limit", "download_limit", "providers", "destinations")
_DESTINATION = ("provider", "upload_limit", "download_limit", "settings")
_RETRIES = 5

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Destination:
    """A place that has a name.

    Attributes:
        upload, download: None: what holds for all.
    """

    name: str
    provider: str
    settings: Settings = field(default_factory=dict)
    upload: Timetable | None = None
    download: Timetable | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """What the owner chose; without a file, nothing.

    Attributes:
        providers: Settings for all places of a provider, by its id.
        upload, download: For every destination that says nothing else.
    """

    destinations: Mapping[str, Destination] = field(default_factory=dict)
    providers: Mapping[str, Settings] = field(default_factory=dict)
    upload: Timetable = NO_LIMIT
    download: Timetable = NO_LIMIT

    def limits(self, destination: str) -> tuple[Timetable, Timetable]:
        """Return the limits up and down for a destination; for a place without a name those that hold for all."""
        found = self.destinations.get(destination)
        up = found.upload if found and found.upload is not None else self.upload
        down = found.download if found and found.download is not None else self.download
        return up, down


def file_of(paths: Paths) -> Path:
    """Return where the configuration is, or would be."""
    return paths.config / "config.toml"


def load(paths: Paths) -> Config:
    """Read the configuration.

    Raises:
        ConfigInvalid, ConfigTooNew, ConfigUnusable
    """
    file = file_of(paths)
    data = _read(file)
    return Config() if data is None else understand(data, str(file))


def _read(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigUnusable(file=str(file), reason=error.strerror or type(error).__name__) from error


def understand(data: bytes, file: str) -> Config:
    """Understand the content of a configuration file.

    Raises:
        ConfigInvalid: A field cannot be right.
        ConfigTooNew: It is of a newer program.
        ConfigUnusable: It is no TOML.
    """
    try:
        found = tomllib.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ConfigUnusable(file=file, reason=str(error)) from error
    reader = _Reader(file)
    version = found.get("version", VERSION)
    if type(version) is not int or version < 1:
        reader.refuse("version", str(VERSION))
    if version > VERSION:
        raise ConfigTooNew(file=file, version=version)
    reader.known("", found, _TOP)
    return Config(
        destinations={
            name: reader.destination(name, table) for name, table in reader.tables("destinations", found, NAME)
        },
        providers={
            name: reader.settings(f"providers.{name}", table)
            for name, table in reader.tables("providers", found, PROVIDER)
        },
        upload=reader.limit("upload_limit", found) or NO_LIMIT,
        download=reader.limit("download_limit", found) or NO_LIMIT,
    )


class _Reader:
    """Reads tables, and names what is wrong in them."""

    def __init__(self, file: str) -> None:
        self._file = file

    def refuse(self, path: str, allowed: str) -> NoReturn:
        raise ConfigInvalid(file=self._file, path=path, allowed=allowed)

    def known(self, path: str, table: Mapping[str, object], allowed: Iterable[str]) -> None:
        for key in table:
            if key not in allowed:
                self.refuse(f"{path}.{key}".lstrip("."), ", ".join(allowed))

    def table(self, path: str, value: object) -> Mapping[str, object]:
        if not isinstance(value, dict):
            self.refuse(path, f"[{path}]")
        return value

    def tables(
        self, path: str, above: Mapping[str, object], names: re.Pattern[str]
    ) -> list[tuple[str, Mapping[str, object]]]:
        found = []
        for name, value in self.table(path, above.get(path, {})).items():
            if not names.fullmatch(name):
                self.refuse(f"{path}.{name}", names.pattern)
            found.append((name, self.table(f"{path}.{name}", value)))
        return found

    def settings(self, path: str, table: Mapping[str, object]) -> Settings:
        found = {}
        for key, value in table.items():
            if not _KEY.fullmatch(key):
                self.refuse(f"{path}.{key}", _KEY.pattern)
            if isinstance(value, bool):
                found[key] = "true" if value else "false"
            elif isinstance(value, str | int | float):
                found[key] = str(value)
            else:
                self.refuse(f"{path}.{key}", '"…", 123, true, false')
        return found

    def limit(self, key: str, table: Mapping[str, object], above: str = "") -> Timetable | None:
        value = table.get(key)
        if value is None:
            return None
        try:
            return limits.parse(str(value) if type(value) in (str, int) else "?")
        except ValueError:
            self.refuse(f"{above}{key}", limits.ALLOWED)

    def destination(self, name: str, table: Mapping[str, object]) -> Destination:
        path = f"destinations.{name}"
        self.known(path, table, _DESTINATION)
        provider = table.get("provider")
        if not isinstance(provider, str) or not PROVIDER.fullmatch(provider):
            self.refuse(f"{path}.provider", "folder, gdrive, …")
        return Destination(
            name,
            provider,
            self.settings(f"{path}.settings", self.table(f"{path}.settings", table.get("settings", {}))),
            self.limit("upload_limit", table, f"{path}."),
            self.limit("download_limit", table, f"{path}."),
        )


def change(paths: Paths, edit: Callable[[dict[str, Any]], None]) -> Config:
    """Let *edit* change the configuration, and write it; nothing is written if the result cannot be right.

    Args:
        edit: Gets the document as nested dictionaries that keep the comments; called again if somebody else wrote
            meanwhile.

    Raises:
        ConfigInvalid, ConfigTooNew: The file is not touched.
        ConfigUnusable: It cannot be written.
    """
    import tomlkit  # noqa: PLC0415 - reading needs none of it

    file = file_of(paths)
    for _ in range(_RETRIES):
        before = _read(file)
        if before is not None:
            understand(before, str(file))
        document = tomlkit.parse((before or b"").decode("utf-8-sig"))
        if "version" not in document:
            document["version"] = VERSION
        edit(document)
        after = tomlkit.dumps(document).encode()
        config = understand(after, str(file))
        if after == before:
            return config
        if _read(file) == before:
            _keep(file, before)
            write_private(file, after)
            return config
    raise ConfigUnusable(file=str(file), reason="busy")


def _keep(file: Path, before: bytes | None) -> None:
    """Keep what was there as the first of the earlier versions."""
    if before is None:
        return
    versions = [file.with_name(f"config.{number}.toml") for number in range(1, GENERATIONS + 1)]
    for newer, older in zip(versions[-2::-1], versions[:0:-1], strict=True):
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)
    write_private(versions[0], before)
