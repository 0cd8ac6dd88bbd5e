"""Hosting: a plugin's provider as the rest of the program may use it.

A *Hosted* provider is one that was accepted: what it says about itself is copied and checked, every call of it is made
under a `Guard`, and what comes back is what it should be.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

from traybackup.api.provider import (
    Account,
    Field,
    FieldKind,
    Provider,
    Redirects,
    SignInAnswer,
    SignInRequest,
    Vault,
)
from traybackup.api.store import Store
from traybackup.stores.guarding import Guard

_ID = re.compile(r"[a-z][a-z0-9-]{0,31}")
_KEY = re.compile(r"[a-z][a-z0-9_]{0,63}")
_WEB = re.compile(r"https?://[!-~]+")
_HOSTS = frozenset({"127.0.0.1", "localhost"})
_OPENING = 150.0
_ASKING = 10.0


class Nonsense(Exception):
    """What a provider says about itself cannot be worked with; the word is the attribute's name."""


class Hosted:
    """A provider that may be used.

    Attributes:
        plugin: Whose it is; empty: built in.
    """

    def __init__(self, provider: Provider, plugin: str = "") -> None:
        self.plugin = plugin
        self.id: str = provider.id
        self.label: str = provider.label
        self.fields: tuple[Field, ...] = tuple(provider.fields)
        self.location_field: str = provider.location_field
        self.redirects: Redirects | None = provider.redirects
        self.translations = provider.translations
        self._provider = provider
        _check(self)
        self.translations = {language: dict(words) for language, words in provider.translations.items()}

    def label_in(self, language: str) -> str:
        """Return what the owner of that language reads."""
        return self._in(language, self.label)

    def fields_in(self, language: str) -> tuple[Field, ...]:
        """Return the settings as the owner of that language reads them."""
        return tuple(
            replace(one, label=self._in(language, one.label), help=self._in(language, one.help)) for one in self.fields
        )

    def choice_in(self, language: str, choice: str) -> str:
        """Return what the owner of that language reads for one of a field's choices."""
        return self._in(language, choice)

    def _in(self, language: str, text: str) -> str:
        return self.translations.get(language, {}).get(text, text)

    def secret_keys(self) -> frozenset[str]:
        """Return the settings that are kept in the vault."""
        return frozenset(one.key for one in self.fields if one.kind is FieldKind.SECRET)

    def open(self, settings: Mapping[str, str], vault: Vault, guard: Guard) -> Store:
        """Open the place; the store is as the plugin made it.

        Raises:
            PluginCrashed, StoreError, Cancelled
        """
        found: object = guard.call(lambda _: self._provider.open(dict(settings), vault), patience=_OPENING)
        if not isinstance(found, Store):
            raise guard.junk(found)
        return found

    def scratch(self, settings: Mapping[str, str], name: str, guard: Guard) -> dict[str, str]:
        """Return the settings of an empty place called *name* inside this one."""
        found: object = guard.call(lambda _: self._provider.scratch(dict(settings), name), patience=_ASKING)
        if not isinstance(found, Mapping) or not all(type(one) is str for pair in found.items() for one in pair):
            raise guard.junk(found)
        return dict(found)

    def sign_in_url(self, settings: Mapping[str, str], request: SignInRequest, guard: Guard) -> str:
        """Return the address to open in the browser: surely one of the web."""
        found: object = guard.call(lambda _: self._provider.sign_in_url(dict(settings), request), patience=_ASKING)
        if not isinstance(found, str) or not re.fullmatch(r"https?://[!-~]+", found):
            raise guard.junk(found)
        return found

    def sign_in(self, settings: Mapping[str, str], answer: SignInAnswer, vault: Vault, guard: Guard) -> Account:
        """Trade the answer of the browser for whatever lasts."""
        found: object = guard.call(lambda _: self._provider.sign_in(dict(settings), answer, vault), patience=_OPENING)
        if not isinstance(found, Account) or type(found.name) is not str or type(found.id) is not str:
            raise guard.junk(found)
        return found

    def sign_out(self, settings: Mapping[str, str], vault: Vault, guard: Guard) -> None:
        """Give the sign-in back to the service."""
        guard.call(lambda _: self._provider.sign_out(dict(settings), vault), patience=_OPENING)


def _check(hosted: Hosted) -> None:
    """See whether what a provider says about itself can be worked with.

    Raises:
        Nonsense: It cannot.
    """
    back = hosted.redirects
    fields: tuple[object, ...] = hosted.fields
    keys = [one.key for one in fields if isinstance(one, Field)]
    right = {
        "id": type(hosted.id) is str and bool(_ID.fullmatch(hosted.id)),
        "label": type(hosted.label) is str and bool(hosted.label.strip()),
        "fields": len(keys) == len(hosted.fields) == len(set(keys)) and all(map(_is_sane, hosted.fields)),
        "location_field": type(hosted.location_field) is str,
        "redirects": back is None or _is_sane_way_back(back),
        "translations": _are_sane(hosted.translations),
    }
    wrong = next((name for name, is_right in right.items() if not is_right), "")
    if wrong:
        raise Nonsense(wrong)


def _is_sane(one: Field) -> bool:
    texts = (one.key, one.label, one.default, one.help, *one.choices)
    return (
        all(type(text) is str for text in texts) and bool(_KEY.fullmatch(one.key)) and isinstance(one.kind, FieldKind)
    )


def _are_sane(translations: object) -> bool:
    return isinstance(translations, Mapping) and all(
        type(language) is str
        and isinstance(words, Mapping)
        and all(type(text) is str and type(word) is str and word.strip() for text, word in words.items())
        for language, words in translations.items()
    )


def _is_sane_way_back(back: Redirects) -> bool:
    path = back.path
    return (
        back.host in _HOSTS
        and all(type(port) is int and 0 < port < 1 << 16 for port in back.ports)
        and (path is None or (path.startswith("/") and path.isascii() and path.isprintable()))
    )
