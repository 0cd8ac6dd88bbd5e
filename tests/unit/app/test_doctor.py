"""The doctor: what he asks the keyring for."""

from collections import Counter

from traybackup.app.doctor import AskedOnce
from traybackup.testing import MemoryVault


class Counting(MemoryVault):
    """A vault that counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def get(self, key: str) -> str | None:
        self.asked[key] += 1
        return super().get(key)


def test_the_keyring_is_asked_for_each_secret_once() -> None:
    """However often the place is opened; what a plugin changes meanwhile is kept, and seen."""
    inner = Counting()
    inner.set("token", "old")
    vault = AskedOnce(inner)
    assert [vault.get("token"), vault.get("token"), vault.get("missing"), vault.get("missing")] == ["old"] * 2 + [
        None
    ] * 2
    assert inner.asked == {"token": 1, "missing": 1}
    vault.set("token", "new")
    vault.delete("missing")
    assert (vault.get("token"), inner.get("token")) == ("new", "new")
    vault.delete("token")
    assert vault.get("token") is inner.get("token") is None
