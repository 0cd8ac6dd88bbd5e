"""Record: what is remembered about a destination's sign-in, in the vault beside its refresh token.

None of it is secret. It tells a wrong account, another app, and a folder that can no longer be seen.
"""

import json
from dataclasses import asdict, dataclass, replace
from typing import Self

from traybackup.api import MAX_SECRET, Vault

REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name under which the vault keeps it
_RECORD = "account"


@dataclass(frozen=True, slots=True)
class Record:
    """What was true when it was written.

    Attributes:
        account: Dropbox's unchanging id of the account.
        email: What the owner calls it.
        app: The key of the app that he signed in to.
        roots: The ids of folders, by the setting that led to them; those used last are last.
    """

    account: str = ""
    email: str = ""
    app: str = ""
    roots: tuple[tuple[str, str], ...] = ()

    @classmethod
    def load(cls, vault: Vault) -> Self:
        """Return what the vault remembers; an empty record if that is nothing, or nothing sensible."""
        try:
            found = json.loads(vault.get(_RECORD) or "{}")
            return cls(
                account=str(found.get("account", "")),
                email=str(found.get("email", "")),
                app=str(found.get("app", "")),
                roots=tuple((str(folder), str(root)) for folder, root in found.get("roots", ())),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def root(self, folder: str) -> str:
        """Return the id of the folder of that setting, empty if it is not known."""
        return dict(self.roots).get(folder, "")

    def with_root(self, folder: str, root: str) -> Self:
        """Return the record with another folder's id; empty: without one."""
        others = tuple(one for one in self.roots if one[0] != folder)
        return replace(self, roots=(*others, (folder, root)) if root else others)

    def save(self, vault: Vault) -> None:
        """Remember it, and of folders as many as a keyring can hold."""
        record = self
        while len(text := record._text()) > MAX_SECRET and record.roots:
            record = replace(record, roots=record.roots[1:])
        vault.set(_RECORD, text)

    def _text(self) -> str:
        return json.dumps({name: value for name, value in asdict(self).items() if value}, ensure_ascii=False)
