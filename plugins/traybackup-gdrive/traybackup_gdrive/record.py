"""Record: what is remembered about a destination's sign-in, in the vault beside its refresh token.

None of it is secret. It tells a wrong account, another client, a folder that can no longer be seen, and a sign-in that
ended after a week.
"""

import json
from dataclasses import asdict, dataclass
from typing import Self

from traybackup.api import Vault

REFRESH_TOKEN = "refresh_token"  # noqa: S105 - the name under which the vault keeps it
_RECORD = "account"


@dataclass(frozen=True, slots=True)
class Record:
    """What was true when it was written.

    Attributes:
        account: Google's unchanging id of the account.
        email: What the owner calls it.
        client: The client that he signed in to.
        since: When, in seconds since 1970.
        folder: The setting for which `root` is the folder's id.
    """

    account: str = ""
    email: str = ""
    client: str = ""
    since: float = 0.0
    folder: str = ""
    root: str = ""

    @classmethod
    def load(cls, vault: Vault) -> Self:
        """Return what the vault remembers; an empty record if that is nothing, or nothing sensible."""
        try:
            found = json.loads(vault.get(_RECORD) or "{}")
            return cls(
                account=str(found.get("account", "")),
                email=str(found.get("email", "")),
                client=str(found.get("client", "")),
                since=float(found.get("since", 0.0)),
                folder=str(found.get("folder", "")),
                root=str(found.get("root", "")),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def save(self, vault: Vault) -> None:
        """Remember it."""
        vault.set(_RECORD, json.dumps({name: value for name, value in asdict(self).items() if value}))
