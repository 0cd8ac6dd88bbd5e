"""Discovery: which plugins are installed, by what the distributions say about themselves. Nothing is imported.

A *Plugin* is one entry point of the group ``traybackup``. Its *fingerprint* is the hash of every file that its
distribution has put on this computer, and of the package that the entry point names, wherever that lies.
Source: https://packaging.python.org/en/latest/specifications/entry-points/ and recording-installed-packages.
"""

import hashlib
import importlib.machinery
import importlib.util
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

GROUP = "traybackup"
_log = logging.getLogger(__name__)

Distributions = Callable[[], Iterable[Distribution]]
"""Returns what is installed."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """A plugin as its metadata names it.

    Attributes:
        name: Of the entry point.
        module: What would be imported.
        distribution: What `pip` calls it.
    """

    name: str
    module: str
    distribution: str
    version: str
    entry: EntryPoint = field(repr=False, compare=False)
    files: Distribution = field(repr=False, compare=False)

    def load(self) -> object:
        """Import it."""
        return self.entry.load()

    def fingerprint(self) -> str:
        """Return ``sha256:…`` of all its files as they are now."""
        digest = hashlib.sha256()
        for label, path in sorted({**_recorded(self.files), **_package(self.module)}.items()):
            try:
                content = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError:
                content = "missing"
            digest.update(f"{content}  {label}\n".encode(errors="surrogateescape"))
        return f"sha256:{digest.hexdigest()}"


def installed() -> Iterable[Distribution]:
    """Return every distribution that this Python finds."""
    return distributions()


def discover(found: Iterable[Distribution]) -> list[Plugin]:
    """Return the plugins among the distributions *found*, sorted by name; of two of one name the first one found.

    A distribution whose metadata cannot be read is passed over.
    """
    plugins: dict[str, Plugin] = {}
    seen: set[str] = set()
    for distribution in found:
        try:
            name = distribution.name.lower().replace("_", "-")
            if name in seen:  # another one of this name comes first on the path and hides it
                continue
            seen.add(name)
            for one in _plugins(distribution):
                plugins.setdefault(one.name, one)
        except Exception:  # noqa: BLE001 - metadata can be broken in every way
            _log.info("a distribution was passed over", exc_info=True)
    return sorted(plugins.values(), key=lambda one: one.name)


def _plugins(distribution: Distribution) -> Iterator[Plugin]:
    for entry in distribution.entry_points:
        if entry.group == GROUP:
            yield Plugin(entry.name, entry.value, distribution.name, distribution.version, entry, distribution)


def _recorded(distribution: Distribution) -> dict[str, Path]:
    """Return the files that were installed, as the distribution's own list has them."""
    return {
        file.as_posix(): Path(str(file.locate()))
        for file in distribution.files or ()
        if file.suffix != ".pyc" and file.name != "RECORD"
    }


def _package(module: str) -> dict[str, Path]:
    """Return the files of the package that would be imported: an editable installation lists none of them."""
    top = module.partition(":")[0].partition(".")[0].strip()
    spec = importlib.machinery.PathFinder.find_spec(top) or importlib.util.find_spec(top)
    if spec is None:
        return {}
    found = [Path(spec.origin)] if spec.origin and spec.has_location else []
    for folder in spec.submodule_search_locations or ():
        found += [path for path in Path(folder).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    roots = [Path(folder).parent for folder in spec.submodule_search_locations or ()] or [
        path.parent for path in found[:1]
    ]
    return {_label(path, roots): path for path in found}


def _label(path: Path, roots: list[Path]) -> str:
    root = next((root for root in roots if path.is_relative_to(root)), None)
    return path.relative_to(root).as_posix() if root else path.as_posix()
