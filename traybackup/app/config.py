"""The configuration: what the owner chose, in ``config.toml``.

::

    version = 1
    language = "de"                          # without it that of the system
    upload_limit = "08:00,512 18:00,off"     # KiB a second, for every destination that says nothing else

    [providers.gdrive]                       # settings for all places of a provider
    client_id = "…"

    [destinations.cloud]
    provider = "gdrive"
    upload_limit = "512"
    download_limit = "off"
    [destinations.cloud.settings]
    folder = "TrayBackup"

    [destinations.sticks]                    # two sticks in turn, known by the tags on them
    provider = "drive"
    [destinations.sticks.settings]
    drives = "5f3c… 9a01…"

    [runs]
    start_delay = 3                          # minutes after the program's start before anything starts by itself
    hang_after = 30                          # minutes without a sign of life until a run is ended
    memory = "2GB"                           # that a run may take; without it, what this computer can bear

Jobs, and the days on which the shop is closed, are described in `traybackup.app.jobs`.

It is read strictly: a field that cannot be right is named with its path and with what is allowed. It is written as a
whole at one moment, with the owner's comments; the last five versions stay beside it. No secret is ever in it.
"""

import contextlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traybackup.api.errors import ConfigError, ConfigTooNew, ConfigUnusable
from traybackup.app import jobs, limits, opendays
from traybackup.app.jobs import Job
from traybackup.app.language import LANGUAGES
from traybackup.app.limits import NO_LIMIT, Timetable
from traybackup.app.opendays import OpenDays
from traybackup.app.paths import Paths
from traybackup.app.reading import Reader, Table, day_text
from traybackup.app.safefile import write_private
from traybackup.app.units import parse_size

VERSION = 1
GENERATIONS = 5
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
PROVIDER = re.compile(r"[a-z][a-z0-9-]{0,31}")

FOLDER = "folder"
"""The provider of destinations that are a folder or a drive."""

PATH = "path"
"""The key of its one setting."""

DRIVE = "drive"
"""The provider of destinations that are backup drives, one or several in turn, wherever they are plugged in."""

DRIVES = "drives"
"""The key of its one setting: the ids of the drives' tags, with blanks between them."""

_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TOP = (
    "version",
    "language",
    "upload_limit",
    "download_limit",
    "closed",
    "runs",
    "providers",
    "destinations",
    "jobs",
)
_DESTINATION = ("provider", "upload_limit", "download_limit", "settings")
_RUNS = ("start_delay", "hang_after", "memory")
_LEAST_MEMORY = 64 << 20
_RETRIES = 5

Settings = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What holds for every run.

    Attributes:
        start_delay: Seconds after the program's start before anything starts by itself.
        hang_after: Seconds without a sign of life until a run is ended.
        memory: Bytes that a run may take; None: what this computer can bear.
    """

    start_delay: float = 180.0
    hang_after: float = 1800.0
    memory: int | None = None


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

    @property
    def drives(self) -> tuple[str, ...]:
        """The ids of the drives that it is; empty: it is none."""
        return tuple(self.settings.get(DRIVES, "").split()) if self.provider == DRIVE else ()


@dataclass(frozen=True, slots=True)
class Config:
    """What the owner chose; without a file, nothing.

    Attributes:
        providers: Settings for all places of a provider, by its id.
        upload, download: For every destination that says nothing else.
        language: Empty: that of the system.
    """

    destinations: Mapping[str, Destination] = field(default_factory=dict)
    providers: Mapping[str, Settings] = field(default_factory=dict)
    upload: Timetable = NO_LIMIT
    download: Timetable = NO_LIMIT
    language: str = ""
    jobs: Mapping[str, Job] = field(default_factory=dict)
    open_days: OpenDays = opendays.ALWAYS
    runs: RunLimits = field(default_factory=RunLimits)

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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration to work with, and what is wrong if it is not the one in the file."""

    config: Config
    problem: ConfigError | None = None


def load_or_earlier(paths: Paths) -> Loaded:
    """Read the configuration; if it cannot be right, the newest of the earlier versions that can.

    Backups go on while a slip of the keyboard waits to be mended. What a newer program wrote is no slip.
    """
    try:
        return Loaded(load(paths))
    except ConfigTooNew as error:
        return Loaded(Config(), error)
    except ConfigError as error:
        for file in _versions(file_of(paths)):
            with contextlib.suppress(ConfigError):
                data = _read(file)
                if data is not None:
                    return Loaded(understand(data, str(file)), error)
        return Loaded(Config(), error)


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
        text = data.decode("utf-8-sig")
        found = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigUnusable(file=file, reason=str(error)) from error
    reader = Reader(file, text)
    version = found.get("version", VERSION)
    if type(version) is not int or version < 1:
        reader.refuse("version", str(VERSION))
    if version > VERSION:
        raise ConfigTooNew(file=file, version=version)
    reader.known("", found, _TOP)
    config = Config(
        destinations={
            name: _destination(reader, name, table) for name, table in reader.tables("destinations", found, NAME)
        },
        providers={
            name: _settings(reader, f"providers.{name}", table)
            for name, table in reader.tables("providers", found, PROVIDER)
        },
        upload=_limit(reader, "upload_limit", found) or NO_LIMIT,
        download=_limit(reader, "download_limit", found) or NO_LIMIT,
        language=reader.choice("language", found.get("language", ""), {"": "", **{one: one for one in LANGUAGES}}),
        jobs={name: jobs.read(reader, name, table) for name, table in reader.tables("jobs", found, NAME)},
        open_days=_open_days(reader, found.get("closed", [])),
        runs=_run_limits(reader, reader.table("runs", found.get("runs", {}))),
    )
    for job in config.jobs.values():
        if job.destination not in config.destinations:
            reader.refuse(f"jobs.{job.name}.destination", ", ".join(config.destinations) or "[destinations.…]")
    return config


def _settings(reader: Reader, path: str, table: Table) -> Settings:
    found = {}
    for key, value in table.items():
        if not _KEY.fullmatch(key):
            reader.refuse(f"{path}.{key}", _KEY.pattern)
        if isinstance(value, bool):
            found[key] = "true" if value else "false"
        elif isinstance(value, str | int | float):
            found[key] = str(value)
        else:
            reader.refuse(f"{path}.{key}", '"…", 123, true, false')
    return found


def _limit(reader: Reader, key: str, table: Table, above: str = "") -> Timetable | None:
    value = table.get(key)
    if value is None:
        return None
    try:
        return limits.parse(str(value) if type(value) in (str, int) else "?")
    except ValueError:
        reader.refuse(f"{above}{key}", limits.ALLOWED)


def _destination(reader: Reader, name: str, table: Table) -> Destination:
    path = f"destinations.{name}"
    reader.known(path, table, _DESTINATION)
    provider = table.get("provider")
    if not isinstance(provider, str) or not PROVIDER.fullmatch(provider):
        reader.refuse(f"{path}.provider", "folder, gdrive, …")
    return Destination(
        name,
        provider,
        _settings(reader, f"{path}.settings", reader.table(f"{path}.settings", table.get("settings", {}))),
        _limit(reader, "upload_limit", table, f"{path}."),
        _limit(reader, "download_limit", table, f"{path}."),
    )


def _open_days(reader: Reader, value: object) -> OpenDays:
    plain = [day_text(one) for one in value] if isinstance(value, list) else day_text(value)
    words = reader.texts("closed", plain, opendays.ALLOWED)
    try:
        return opendays.parse(words)
    except ValueError as error:
        reader.refuse(f"closed.{words.index(str(error)) + 1}", opendays.ALLOWED)


def _run_limits(reader: Reader, table: Table) -> RunLimits:
    reader.known("runs", table, _RUNS)
    usual = RunLimits()
    memory = usual.memory
    if "memory" in table:
        try:
            memory = parse_size(str(table["memory"]))
        except ValueError:
            memory = 0
        if memory < _LEAST_MEMORY:
            reader.refuse("runs.memory", "512M, 2GB")
    delay, hang = table.get("start_delay"), table.get("hang_after")
    return RunLimits(
        usual.start_delay if delay is None else 60 * reader.number("runs.start_delay", delay, 0, 240, whole=False),
        usual.hang_after if hang is None else 60 * reader.number("runs.hang_after", hang, 1, 1440, whole=False),
        memory,
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
    versions = _versions(file)
    for newer, older in zip(versions[-2::-1], versions[:0:-1], strict=True):
        with contextlib.suppress(FileNotFoundError):
            newer.replace(older)
    write_private(versions[0], before)


def _versions(file: Path) -> list[Path]:
    """Return where the earlier versions are, or would be, newest first."""
    return [file.with_name(f"config.{number}.toml") for number in range(1, GENERATIONS + 1)]
