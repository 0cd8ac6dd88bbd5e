"""The plugin host: finds plugins by their metadata, loads them under guard when they are needed, and asks their hooks.

Nothing that a plugin does at import, at registration or in a hook reaches anybody else: it raises, ends the program,
hangs or returns junk, and is *rejected* with the reason, and everything else goes on. A run loads the plugin of its own
destination only: the one called like the provider, and others only if that does not offer it. Each plugin has a pluggy
manager of its own, so none can wrap or spoil another's hooks.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import TypeVar

from traybackup.api.errors import PluginCrashed, PluginRejected, ProviderUnknown
from traybackup.api.provider import Provider
from traybackup.app.allowlist import AllowList
from traybackup.app.discovery import Distributions, Plugin, discover
from traybackup.app.hosting import Hosted, Nonsense
from traybackup.stores.guarding import Guard

T = TypeVar("T")

VARIABLE = "TRAYBACKUP_PLUGINS"
"""Names of the plugins that may be loaded, with commas; empty: none."""

_MOST_PROVIDERS = 64
_LOADING = 30.0


class Why(Enum):
    """Why a plugin is not used."""

    SWITCHED_OFF = "switched-off"
    NOT_ALLOWED = "not-allowed"
    CHANGED = "changed"
    IMPORT = "import"
    NO_ANSWER = "no-answer"
    NEEDS_NEWER = "needs-newer"
    SIGNATURE = "signature"
    RAISED = "raised"
    JUNK = "junk"
    EMPTY = "empty"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A plugin that is not used, or a part of it that is not.

    Attributes:
        detail: The exception, the junk, or the id that somebody else has.
    """

    plugin: Plugin
    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A plugin that is used, and what it adds; *providers* lacks those that somebody else has already."""

    plugin: Plugin
    providers: tuple[Hosted, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All plugins there are."""

    accepted: tuple[Accepted, ...] = ()
    rejected: tuple[Rejected, ...] = ()


@dataclass(slots=True)
class _Loaded:
    providers: list[Hosted] = field(default_factory=list)
    rejected: Rejected | None = None


class PluginHost:
    """The plugins of this computer.

    Args:
        distributions: Returns what is installed.
        builtin: Providers that need no plugin; their ids are taken.
        only: Names of the plugins that may be loaded, with commas; None: all.
        allowed: Returns the allow-list; None: all are allowed.
        redact: Takes secrets out of a text.
        before: Called once, before the first line of foreign code runs.
        patience: Seconds that importing a plugin or asking a hook may take.
    """

    def __init__(
        self,
        distributions: Distributions = tuple,
        *,
        builtin: Sequence[Provider] = (),
        only: str | None = None,
        allowed: Callable[[], AllowList | None] = lambda: None,
        redact: Callable[[str], str] = str,
        before: Callable[[], object] = lambda: None,
        patience: float = _LOADING,
    ) -> None:
        self._distributions, self._allowed, self._before = distributions, allowed, before
        self._only = None if only is None else frozenset(name.strip() for name in only.split(","))
        self._redact, self._patience = redact, patience
        self._builtin = {one.id: Hosted(one) for one in builtin}
        self._found: list[Plugin] | None = None
        self._loaded: dict[str, _Loaded] = {}

    def installed(self) -> list[Plugin]:
        """Return the plugins that are installed, loaded or not, sorted by name; nothing is imported."""
        if self._found is None:
            self._found = discover(self._distributions())
        return self._found

    def provider(self, wanted: str) -> Hosted:
        """Return the provider with this id; as few plugins as possible are loaded.

        Raises:
            ProviderUnknown: No plugin offers it.
            PluginRejected: The plugin of that name cannot be used.
        """
        if wanted in self._builtin:
            return self._builtin[wanted]
        refused: Rejected | None = None
        for plugin in sorted(self.installed(), key=lambda one: one.name != wanted):
            loaded = self._load(plugin)
            found = next((one for one in loaded.providers if one.id == wanted), None)
            if found is not None:
                return found
            if plugin.name == wanted:
                refused = loaded.rejected
        if refused is not None:
            raise PluginRejected(plugin=wanted, why=refused.why.value, reason=refused.detail)
        raise ProviderUnknown(provider=wanted)

    def survey(self) -> Survey:
        """Load every plugin and tell what became of each."""
        plugins = self.installed()
        loaded = {one.name: self._load(one) for one in plugins}
        owners = dict.fromkeys(self._builtin, "")
        for one in plugins:  # whoever is called like the provider comes first, as in `provider`
            if any(provider.id == one.name for provider in loaded[one.name].providers):
                owners.setdefault(one.name, one.name)
        accepted, rejected = [], []
        for one in plugins:
            kept = []
            for provider in loaded[one.name].providers:
                if owners.setdefault(provider.id, one.name) == one.name:
                    kept.append(provider)
                else:
                    rejected.append(Rejected(one, Why.DUPLICATE, provider.id))
            refusal = loaded[one.name].rejected
            if refusal is not None:
                rejected.append(refusal)
            elif kept:
                accepted.append(Accepted(one, tuple(kept)))
        return Survey(tuple(accepted), tuple(rejected))

    def _load(self, plugin: Plugin) -> _Loaded:
        """Load a plugin once and ask for what it adds."""
        if plugin.name not in self._loaded:
            loaded = self._loaded[plugin.name] = _Loaded()
            guard = Guard(plugin.name, redact=self._redact, patience=self._patience)
            try:
                loaded.providers = self._asked(plugin, guard)
                if not loaded.providers:
                    loaded.rejected = Rejected(plugin, Why.EMPTY)
            except _Refused as refused:
                loaded.rejected = Rejected(plugin, refused.why, refused.detail)
        return self._loaded[plugin.name]

    def _asked(self, plugin: Plugin, guard: Guard) -> list[Hosted]:
        """Import, register and ask, one step after another, each under guard.

        Raises:
            _Refused: A step failed.
        """
        if self._only is not None and plugin.name not in self._only:
            raise _Refused(Why.SWITCHED_OFF)
        allowed = self._allowed()
        refusal = allowed.refusal(plugin) if allowed is not None else ""
        if refusal:
            raise _Refused(Why(refusal))
        import pluggy  # noqa: PLC0415 - a run to a folder needs none of it

        from traybackup.api import hookspecs  # noqa: PLC0415 - same

        self._before()
        module = _step(guard, plugin.load, Why.IMPORT)
        manager = pluggy.PluginManager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        _step(guard, lambda: manager.register(module, plugin.name), Why.SIGNATURE)
        _step(guard, manager.check_pending, Why.NEEDS_NEWER)
        found: list[Hosted] = []
        for hook in manager.hook.traybackup_providers.get_hookimpls():
            found += _step(guard, partial(_providers, hook.function, plugin.name), Why.RAISED)
        return found


class _Refused(Exception):
    """A step of loading a plugin failed."""

    def __init__(self, why: Why, detail: str = "") -> None:
        super().__init__(why)
        self.why, self.detail = why, detail


def _step(guard: Guard, function: Callable[[], T], why: Why) -> T:
    """Return what *function* returns.

    Raises:
        _Refused: It failed: for *why*, unless it is clear by itself.
    """
    try:
        return guard.call(lambda _: function())
    except PluginCrashed as error:
        if isinstance(error.__cause__, Nonsense):
            raise _Refused(Why.JUNK, str(error.__cause__)) from error
        raise _Refused(Why.NO_ANSWER if error.why == Why.NO_ANSWER.value else why, error.reason) from error
    except Exception as error:
        raise _Refused(why, guard.words(error)) from error


def _providers(function: Callable[[], object], plugin: str) -> list[Hosted]:
    """Call one implementation and take over the providers that it returns.

    Raises:
        Nonsense: It returned something else.
    """
    answer = function()
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes | Mapping):
        raise Nonsense(type(answer).__name__)
    found: list[Hosted] = []
    for one in answer:
        if not isinstance(one, Provider) or len(found) >= _MOST_PROVIDERS:
            raise Nonsense(type(one).__name__)
        found.append(Hosted(one, plugin))
    return found
