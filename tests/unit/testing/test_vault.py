"""The vault in memory behaves like a keyring."""

import pytest

from traybackup.api.provider import MAX_SECRET
from traybackup.testing import MemoryVault


def test_secrets_are_kept_until_they_are_deleted() -> None:
    """What was set is got, what was not is None, and deleting twice is fine."""
    vault = MemoryVault(token="first")  # noqa: S106 - no real one
    assert vault.get("token") == "first"
    assert vault.get("other") is None
    vault.set("token", "second")
    vault.set("other", "")
    assert vault.get("token") == "second"
    vault.delete("token")
    vault.delete("token")
    assert vault.get("token") is None
    assert vault.get("other") == ""


def test_secrets_do_not_show_themselves() -> None:
    """A vault that is printed names its secrets and keeps them."""
    vault = MemoryVault(b="t0ken", token="s3cret")  # noqa: S106 - no real one
    assert repr(vault) == "MemoryVault(b, token)"


def test_too_long_a_secret_is_refused() -> None:
    """What Windows could not keep is refused here, too, so that a test finds it."""
    vault = MemoryVault()
    vault.set("token", "x" * MAX_SECRET)
    with pytest.raises(ValueError, match="token"):
        vault.set("token", "x" * (MAX_SECRET + 1))
    assert vault.get("token") == "x" * MAX_SECRET
