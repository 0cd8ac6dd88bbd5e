"""The list of jobs: add, change, remove, in the configuration, of which the rest stays as the owner wrote it."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

from traybackup.api.errors import ConfigInvalid, DestinationUnknown, JobExists, JobUnknown
from traybackup.app import config
from traybackup.app.config import Config
from traybackup.app.jobs import Job, table_of
from traybackup.app.paths import Paths


@dataclass(frozen=True, slots=True)
class Changed:
    """A job as it is in the configuration now."""

    job: Job
    config: Config


def get(found: Config, name: str) -> Job:
    """Return the job of that name.

    Raises:
        JobUnknown: There is none.
    """
    if name not in found.jobs:
        raise JobUnknown(name=name)
    return found.jobs[name]


def add(paths: Paths, job: Job) -> Changed:
    """Add a job.

    Raises:
        JobExists: The name is taken.
        DestinationUnknown: It would save to nowhere.
        ConfigInvalid: Something of it cannot be right; nothing was changed.
    """
    _check_name(paths, job.name)

    def edit(document: dict[str, Any]) -> None:
        known = document.setdefault("jobs", {})
        if job.name in known:
            raise JobExists(name=job.name)
        _check_destination(document, job)
        known[job.name] = table_of(job)

    return _changed(config.change(paths, edit), job.name)


def change(paths: Paths, job: Job) -> Changed:
    """Put *job* in the place of the one of the same name; comments at what stays as it was are kept.

    Raises:
        JobUnknown, DestinationUnknown, ConfigInvalid: Nothing was changed.
    """

    def edit(document: dict[str, Any]) -> None:
        known = document.get("jobs", {})
        if job.name not in known:
            raise JobUnknown(name=job.name)
        _check_destination(document, job)
        _update(known[job.name], table_of(job))

    return _changed(config.change(paths, edit), job.name)


def remove(paths: Paths, name: str) -> None:
    """Remove a job; what it saved stays.

    Raises:
        JobUnknown
    """

    def edit(document: dict[str, Any]) -> None:
        if name not in document.get("jobs", {}):
            raise JobUnknown(name=name)
        del document["jobs"][name]

    config.change(paths, edit)


def _changed(found: Config, name: str) -> Changed:
    return Changed(found.jobs[name], found)


def _check_name(paths: Paths, name: str) -> None:
    if not config.NAME.fullmatch(name):
        raise ConfigInvalid(file=str(config.file_of(paths)), path=f"jobs.{name}", allowed=config.NAME.pattern)


def _check_destination(document: dict[str, Any], job: Job) -> None:
    if job.destination not in document.get("destinations", {}):
        raise DestinationUnknown(name=job.destination)


def _update(there: MutableMapping[str, Any], wanted: dict[str, object]) -> None:
    """Make *there* say what *wanted* says, and touch nothing that says so already."""
    for key in [key for key in there if key not in wanted]:
        del there[key]
    for key, value in wanted.items():
        if isinstance(value, dict) and isinstance(there.get(key), MutableMapping):
            _update(there[key], value)
        elif key not in there or there[key] != value:
            there[key] = value
