"""The allow-list: which plugins may be loaded, exactly as they were when the owner looked at them.

It is optional. Where there is one, a plugin is named by distribution and version and pinned by the hash of its files;
an update makes it unknown until the owner allows it again.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from traybackup.api.errors import ConfigUnusable, PluginRejected
from traybackup.app.discovery import Plugin
from traybackup.app.paths import Paths
from traybackup.app.safefile import write_private

_NAME = "plugins.json"


@dataclass(frozen=True, slots=True)
class Pin:
    """A plugin that is allowed."""

    name: str
    distribution: str
    version: str
    fingerprint: str


class AllowList:
    """The plugins that are allowed."""

    def __init__(self, pins: Iterable[Pin]) -> None:
        self.pins = {pin.name: pin for pin in pins}

    def refusal(self, plugin: Plugin) -> str:
        """Return why *plugin* may not be loaded as a keyword, ``""`` if it may: ``not-allowed`` or ``changed``."""
        pin = self.pins.get(plugin.name)
        if pin is None or pin.distribution != plugin.distribution:
            return "not-allowed"
        same = pin.version == plugin.version and pin.fingerprint == plugin.fingerprint()
        return "" if same else "changed"


def load(paths: Paths) -> AllowList | None:
    """Return the allow-list, None if there is none: then every plugin may be loaded.

    Raises:
        ConfigUnusable: It cannot be read, so nobody knows what is allowed.
    """
    file = paths.config / _NAME
    try:
        found = json.loads(file.read_text("utf-8"))
        fields = ("name", "distribution", "version", "fingerprint")
        return AllowList(Pin(*(str(one[field]) for field in fields)) for one in found["allowed"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigUnusable(file=str(file), reason=error.strerror or type(error).__name__) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ConfigUnusable(file=str(file), reason="JSON") from error


def allow(paths: Paths, installed: Sequence[Plugin], names: Sequence[str]) -> tuple[str, ...]:
    """Allow the plugins of these names as they are now, besides what is allowed already; return all names.

    Raises:
        PluginRejected: One of them is not installed.
    """
    known = {one.name: one for one in installed}
    for name in names:
        if name not in known:
            raise PluginRejected(plugin=name, why="missing", reason=name)
    before = load(paths)
    pins = before.pins if before is not None else {}
    pins = pins | {name: _pin(known[name]) for name in names}
    _write(paths, pins.values())
    return tuple(sorted(pins))


def _pin(plugin: Plugin) -> Pin:
    return Pin(plugin.name, plugin.distribution, plugin.version, plugin.fingerprint())


def _write(paths: Paths, pins: Iterable[Pin]) -> None:
    form = {"version": 1, "allowed": [{field: getattr(one, field) for field in one.__slots__} for one in pins]}
    write_private(paths.config / _NAME, json.dumps(form, indent=1).encode())


def unpin(paths: Paths) -> bool:
    """Allow every plugin again; return whether there was a list."""
    file: Path = paths.config / _NAME
    there = file.exists()
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigUnusable(file=str(file), reason=error.strerror or type(error).__name__) from error
    return there
