"""Signing in and out: the host leads the owner through his browser, the plugin gets only what came back.

The verifier of PKCE never leaves this process, the state is used once, and nothing is kept before everything is right:
what the plugin puts into its vault is staged, and goes into the keyring together with the account's name.
Source: RFC 7636 (PKCE), RFC 8252 (OAuth 2.0 for native apps).
"""

import base64
import hashlib
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from traybackup.api import provider
from traybackup.api.errors import (
    Cancelled,
    SignInImpossible,
    SignInUnanswered,
    StoreError,
    WrongAccount,
)
from traybackup.api.progress import Cancel
from traybackup.api.provider import Account, Redirects, SignInAnswer, SignInRequest
from traybackup.app import browser, config, remote
from traybackup.app.context import Context
from traybackup.app.invitation import Invitation, Paste, Tell
from traybackup.app.loopback import Loopback, Returned, understand
from traybackup.app.opening import find_place, named
from traybackup.app.places import ProviderPlace
from traybackup.app.remote import Remote
from traybackup.app.scopes import ScopedVault
from traybackup.app.vault import Secret
from traybackup.app.wording.pages import PAGES, Page

_PATIENCE = 300.0
"""Seconds that the owner has: long enough for a second factor, short enough for a forgotten window."""

_LOOK = 0.1


def sign_in(
    context: Context,
    target: str,
    *,
    settings: Mapping[str, str] | None = None,
    secret_settings: Mapping[str, Secret] | None = None,
    tell: Tell,
    paste: Paste | None = None,
    cancel: Cancel | None = None,
    patience: float = _PATIENCE,
) -> Account:
    """Sign in for a destination, or for all places of a provider.

    Args:
        target: A destination's name, a provider's id, or ``provider:location``.
        settings: Of the destination, or for all places of the provider; kept once the sign-in has succeeded.
        secret_settings: Those that belong into the keyring.
        paste: None: nobody can paste anything.

    Raises:
        SignInImpossible, SignInRefused, SignInUnanswered, WrongAccount, ScopeMissing
        VaultUnavailable: Nothing could be kept, so the owner was not even asked.
    """
    with named(target):
        place = _place(context, target)
        place = replace(place, settings={**place.settings, **(settings or {})})
        cancel = cancel or Cancel()
        found = remote.find(context, place, cancel=cancel)
        vault = ScopedVault(context.vault, remote.scope_of(place), context.redact)
        before = vault.signed_in  # a keyring that cannot be used is told before the owner is bothered
        staged = _Staged(vault)
        remote.check_secrets(found.hosted, secret_settings or {})
        for key, secret in (secret_settings or {}).items():
            staged.set(key, secret.reveal())
        answer = _ask(context, found, tell=tell, paste=paste, cancel=cancel, patience=patience)
        context.redact.know(answer.code, answer.verifier)
        account = found.hosted.sign_in(found.settings, answer, staged, found.guard)
        if before is not None and before.id and account.id and before.id != account.id:
            raise WrongAccount(account=account.name, expected=before.name)
        staged.commit()
        vault.note(account, context.clock().isoformat(timespec="seconds"))
    if settings:
        _keep_settings(context, place, settings)
    return account


def sign_out(context: Context, target: str) -> bool:
    """Give the sign-in of a destination or provider back, and forget it; return whether there was any.

    Settings that are secret stay: they are the owner's, not the service's.

    Raises:
        SignInImpossible: The place knows no sign-in.
        StoreError: The service could not be told; the sign-in is forgotten here all the same.
    """
    with named(target):
        place = _place(context, target)
        found = remote.find(context, place)
        vault = ScopedVault(context.vault, remote.scope_of(place), context.redact)
        if found.hosted.redirects is None:
            raise SignInImpossible(why="not-offered")
        settings = found.hosted.secret_keys()
        if not vault.holds_other_than(settings):
            return False
        try:
            found.hosted.sign_out(found.settings, vault, found.guard)
        finally:
            vault.empty(keep=settings)
    return True


def forget(context: Context, place: ProviderPlace) -> None:
    """Give back and forget whatever a destination has in the keyring; what fails on the way is no matter."""
    with suppress(StoreError, Cancelled):
        sign_out(context, place.destination)
    with suppress(StoreError):
        ScopedVault(context.vault, remote.scope_of(place), context.redact).empty()


def _keep_settings(context: Context, place: ProviderPlace, settings: Mapping[str, str]) -> None:
    def edit(document: dict[str, Any]) -> None:
        if place.destination:
            document["destinations"][place.destination].setdefault("settings", {}).update(settings)
        else:
            document.setdefault("providers", {}).setdefault(place.provider, {}).update(settings)

    config.change(context.paths, edit)


def _place(context: Context, target: str) -> ProviderPlace:
    """Return the place that is meant.

    Raises:
        SignInImpossible: It is a folder.
    """
    known = config.load(context.paths)
    if target not in known.destinations and config.PROVIDER.fullmatch(target):
        return ProviderPlace(target, target, settings=known.providers.get(target, {}))
    place = find_place(context, target)
    if not isinstance(place, ProviderPlace):
        raise SignInImpossible(why="not-offered")
    return place


def _ask(
    context: Context, found: Remote, *, tell: Tell, paste: Paste | None, cancel: Cancel, patience: float
) -> SignInAnswer:
    """Lead the owner through the browser and return what came back."""
    redirects = found.hosted.redirects
    if redirects is None:
        raise SignInImpossible(why="not-offered")
    if not browser.available(context.environment) and paste is None:
        raise SignInImpossible(why="nobody-to-ask")
    state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    listener = _listener(redirects, state, context, can_paste=paste is not None)
    try:
        uri = listener.redirect_uri if listener else ""
        address = found.hosted.sign_in_url(found.settings, SignInRequest(uri, state, challenge), found.guard)
        opened = browser.open_browser(address, context.environment)
        if not opened and paste is None:
            raise SignInImpossible(why="nobody-to-ask")
        tell(Invitation(address, opened=opened, code=listener is None))
        reader = _Pasted(paste, state, bare=listener is None) if paste and not (opened and listener) else None
        answer = _wait(listener, reader, cancel, patience)
    finally:
        if listener is not None:
            listener.close()
    answer.check()
    return SignInAnswer(answer.code, uri, verifier, answer.scope)


def _listener(redirects: Redirects, state: str, context: Context, *, can_paste: bool) -> Loopback | None:
    """Return an open listener, None where the owner is to paste a code instead."""
    pages = {name: Page(*map(context.language.gettext, page)) for name, page in PAGES.items()}
    try:
        return Loopback(redirects, state, pages, language=context.language.code)
    except SignInImpossible:
        if redirects.paste and can_paste:
            return None
        raise


class _Pasted:
    """Reads what somebody pastes, in a thread of its own.

    Args:
        bare: Whether a code alone counts; an address counts in any case, if it carries the state.
    """

    def __init__(self, paste: Paste, state: str, *, bare: bool) -> None:
        self.answer: Returned | None = None
        self.stop = threading.Event()
        self._paste, self._state, self._bare = paste, state, bare
        threading.Thread(target=self._read, name="paste", daemon=True).start()

    def _read(self) -> None:
        while not self.stop.is_set():
            line = self._paste(self.stop)
            if line is None:
                return
            text = line.strip()
            if "://" in text:
                self.answer = understand(urlsplit(text).query, self._state)
            elif text and self._bare:
                self.answer = Returned(text)
            if self.answer is not None:
                return


def _wait(listener: Loopback | None, reader: _Pasted | None, cancel: Cancel, patience: float) -> Returned:
    """Wait for the answer, whichever way it comes.

    Raises:
        SignInUnanswered: None came in time.
        Cancelled: Somebody asked to stop.
    """
    until = time.monotonic() + patience
    try:
        while time.monotonic() < until:
            cancel.check()
            if listener is not None and listener.over.wait(_LOOK) and listener.answer is not None:
                return listener.answer
            if reader is not None and reader.answer is not None:
                return reader.answer
            if listener is None:
                cancel.wait(_LOOK)
    finally:
        if reader is not None:
            reader.stop.set()
    raise SignInUnanswered(seconds=patience)


class _Staged(provider.Vault):
    """A vault whose changes are kept only when everything has gone well."""

    def __init__(self, inner: ScopedVault) -> None:
        self._inner = inner
        self._changes: dict[str, str | None] = {}

    def get(self, key: str) -> str | None:
        return self._changes[key] if key in self._changes else self._inner.get(key)

    def set(self, key: str, value: str) -> None:
        self._inner.check(key, value)
        self._changes[key] = value

    def delete(self, key: str) -> None:
        self._changes[key] = None

    def commit(self) -> None:
        """Keep the changes."""
        for key, value in self._changes.items():
            if value is None:
                self._inner.delete(key)
            else:
                self._inner.set(key, value)
