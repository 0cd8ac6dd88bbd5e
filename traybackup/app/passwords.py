"""Passwords: where they come from, and where new ones are kept.

In this order: a file named on the command line, ``TRAYBACKUP_PASSWORD``, the keyring, a question on the terminal. A
password that was given is used and not kept; a generated recovery code is kept in the keyring under the id of the key
it opens, so that it is found wherever the drive is plugged in.
"""

import hashlib
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from pathlib import Path

from traybackup.api.errors import PasswordMissing, PasswordUnusable
from traybackup.app.vault import Secret, Vault

VARIABLE = "TRAYBACKUP_PASSWORD"
_LONGEST = 64 << 10
_KEYS_LOOKED_UP = 20


class Question(Enum):
    """What a face asks for."""

    PASSWORD = "password"  # noqa: S105 - the name of a question
    AGAIN = "again"
    NEW = "new"
    REPEAT = "repeat"


Ask = Callable[[Question], str | None]
"""Asks the user; None: he gave up."""


class Passwords:
    """The password sources of one command."""

    def __init__(
        self,
        *,
        environment: Mapping[str, str],
        vault: Vault,
        file: Path | None = None,
        ask: Ask | None = None,
    ) -> None:
        self._environment = environment
        self._file = file
        self._ask = ask
        self.vault = vault

    def given(self) -> Secret | None:
        """Return the password that was given by file or environment.

        Raises:
            PasswordUnusable: The file cannot be read, or the password is empty.
        """
        if self._file is not None:
            return read_file(self._file)
        if VARIABLE not in self._environment:
            return None
        return _not_empty(self._environment[VARIABLE], VARIABLE)

    def kept(self, key_ids: Iterable[str], place: str) -> Iterator[tuple[str, Secret]]:
        """Yield the passwords in the vault for these keys, with the key's id; then one kept for a place to be."""
        for key_id in list(key_ids)[:_KEYS_LOOKED_UP]:
            secret = self.vault.get(_for_key(key_id))
            if secret:
                yield key_id, secret
        pending = self.pending(place)
        if pending:
            yield "", pending

    def asked(self, question: Question) -> Secret:
        """Ask the user.

        Raises:
            PasswordMissing: There is nobody to ask, or he gave up.
            PasswordUnusable: He typed nothing.
        """
        answer = self._ask(question) if self._ask else None
        if answer is None:
            raise PasswordMissing
        return _not_empty(answer, "the terminal")

    @property
    def can_ask(self) -> bool:
        """Whether there is somebody to ask."""
        return self._ask is not None

    def chosen(self, file: Path | None) -> Secret | None:
        """Return a new password from *file*, else asked for twice; None if there is neither file nor somebody to ask.

        Raises:
            PasswordUnusable: Unreadable, empty, or typed differently the second time.
        """
        if file is not None:
            return read_file(file)
        if not self.can_ask:
            return None
        first, second = self.asked(Question.NEW), self.asked(Question.REPEAT)
        if first.reveal() != second.reveal():
            raise PasswordUnusable(source="the terminal", why="not-repeated")
        return first

    def keep(self, key_id: str, secret: Secret) -> bool:
        """Keep *secret* for the key; say whether it is kept."""
        return self.vault.set(_for_key(key_id), secret)

    def forget(self, key_id: str) -> None:
        """Forget the password of a key that is gone."""
        self.vault.delete(_for_key(key_id))

    # A code is put into the vault before the repository exists, so that a crash between the two locks nobody out.

    def pending(self, place: str) -> Secret | None:
        """Return the code kept for a repository about to be made at *place*."""
        return self.vault.get(_for_place(place))

    def keep_pending(self, place: str, secret: Secret) -> None:
        """Keep the code for a repository about to be made at *place*."""
        self.vault.set(_for_place(place), secret)

    def forget_pending(self, place: str) -> None:
        """The repository is there and its code is kept under its key."""
        self.vault.delete(_for_place(place))


def read_file(file: Path) -> Secret:
    """Return the password in *file*, without spaces and line ends around it.

    Raises:
        PasswordUnusable: It cannot be read as text, or is empty.
    """
    try:
        if str(file) == "-":
            data = sys.stdin.buffer.read(_LONGEST)
        else:
            with file.open("rb") as stream:
                data = stream.read(_LONGEST)
        text = data.decode("utf-8-sig")
    except OSError as error:
        raise PasswordUnusable(source=str(file), why=error.strerror or type(error).__name__) from error
    except UnicodeDecodeError as error:
        raise PasswordUnusable(source=str(file), why="not UTF-8 text") from error
    return _not_empty(text, str(file))


def _not_empty(text: str, source: str) -> Secret:
    stripped = text.strip() if source != "the terminal" else text
    if not stripped:
        raise PasswordUnusable(source=source, why="empty")
    return Secret(stripped)


def _for_key(key_id: str) -> str:
    return f"key {key_id}"


def _for_place(place: str) -> str:
    return f"new {hashlib.sha256(place.encode('utf-8', 'surrogateescape')).hexdigest()}"
