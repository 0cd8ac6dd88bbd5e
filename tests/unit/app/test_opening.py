"""Opening: the place is found, the password is found, a repository is made where there is none and one is wanted."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import (
    NoRepository,
    PasswordMissing,
    PasswordUnusable,
    PlaceMissing,
    RecoveryCodeMistyped,
    RepositoryDamaged,
    WrongPassword,
)
from traybackup.app import opening, recovery
from traybackup.app.context import Context
from traybackup.app.opening import Access, opened, opened_or_made
from traybackup.app.passwords import Question
from traybackup.app.vault import NoVault, Secret, Vault
from traybackup.engine.repository import Repository


@pytest.fixture
def surroundings(shop, make_context: Callable[..., Context]) -> Context:  # noqa: ANN001 - the type lives in conftest
    """Return surroundings without a given password, with an empty vault."""
    return make_context(shop.clock, shop.vault)


def make(context: Context, place: Path, **more: object) -> opening.NewRepository:
    with opened_or_made(context, Access(str(place), **more)) as found:  # type: ignore[arg-type]  # a test's shorthand
        assert found.made is not None
        return found.made


def answers(*given: str | None) -> Callable[[Question], str | None]:
    left = list(given)
    return lambda _question: left.pop(0)


def test_a_new_place_gets_a_recovery_code_kept_in_the_vault(surroundings: Context, tmp_path: Path) -> None:
    """The code is told once, kept under the key it opens, and found again without asking."""
    news = make(surroundings, tmp_path / "new")
    assert news.recovery_code is not None
    assert recovery.normal_form(news.recovery_code.reveal()) == news.recovery_code.reveal()
    assert news.kept
    with opened(surroundings, Access(str(tmp_path / "new"))) as again:
        assert again.repository.id == news.id
        assert again.made is None
    with opened_or_made(surroundings, Access(str(tmp_path / "new"))) as again:
        assert again.made is None


def test_a_moved_place_is_still_found_by_its_key(surroundings: Context, tmp_path: Path) -> None:
    """The vault knows keys, not paths: a stick may come back under another name."""
    news = make(surroundings, tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "elsewhere")
    with opened(surroundings, Access(str(tmp_path / "elsewhere"))) as again:
        assert again.repository.id == news.id


def test_a_given_password_is_used_and_not_kept(surroundings: Context, tmp_path: Path, shop: Any) -> None:
    """Who gives a password keeps it himself."""
    (tmp_path / "secret").write_text("mine")
    news = make(surroundings, tmp_path / "new", password_file=tmp_path / "secret")
    assert news.recovery_code is None
    assert shop.vault.secrets == {}
    with pytest.raises(PasswordMissing):
        make(surroundings, tmp_path / "new")


def test_without_a_vault_the_code_is_told_and_the_reason(surroundings: Context, tmp_path: Path) -> None:
    """Nothing falls back to plain text; the code is told all the same."""
    news = make(replace(surroundings, vault=NoVault("locked")), tmp_path / "new")
    assert news.recovery_code is not None
    assert not news.kept
    assert news.vault_trouble == "locked"


def test_a_code_opens_however_it_was_typed(surroundings: Context, tmp_path: Path) -> None:
    """Small letters, spaces and look-alikes are fine; plain restic needs the normal form."""
    news = make(surroundings, tmp_path / "new")
    assert news.recovery_code is not None
    typed = news.recovery_code.reveal().lower().replace("-", " ").replace("0", "o")
    nobody = replace(surroundings, vault=NoVault("off"))
    with opened(nobody, Access(str(tmp_path / "new"), ask=answers(typed))) as again:
        assert again.repository.id == news.id


def test_a_mistyped_code_names_its_group(surroundings: Context, tmp_path: Path) -> None:
    """A typo is told with the group to look at, and exit code 12 like any wrong password."""
    news = make(surroundings, tmp_path / "new")
    assert news.recovery_code is not None
    code = list(news.recovery_code.reveal())
    code[13] = "X" if code[13] != "X" else "Y"
    (tmp_path / "typo").write_text("".join(code))
    with pytest.raises(RecoveryCodeMistyped) as caught:
        make(surroundings, tmp_path / "new", password_file=tmp_path / "typo")
    assert caught.value.groups == "3"
    assert caught.value.exit_code == 12


def test_the_code_of_another_place_is_just_wrong(surroundings: Context, tmp_path: Path) -> None:
    """A right code for something else has no mistake to name."""
    make(surroundings, tmp_path / "new")
    (tmp_path / "other").write_text(recovery.generate())
    with pytest.raises(WrongPassword) as caught:
        make(surroundings, tmp_path / "new", password_file=tmp_path / "other")
    assert type(caught.value) is WrongPassword


def test_on_a_terminal_there_are_three_tries(surroundings: Context, tmp_path: Path) -> None:
    """The user is asked again twice, and differently."""
    (tmp_path / "secret").write_text("mine")
    make(surroundings, tmp_path / "new", password_file=tmp_path / "secret")
    with opened(surroundings, Access(str(tmp_path / "new"), ask=answers("a", "b", "mine"))):
        pass
    with pytest.raises(WrongPassword), opened(surroundings, Access(str(tmp_path / "new"), ask=answers("a", "b", "c"))):
        pass


def test_a_crash_while_a_place_is_made_locks_nobody_out(
    surroundings: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The code is in the vault before the repository exists, and is used when it is tried again."""
    create = Repository.create

    def killed_after(*given: object, **more: object) -> Repository:
        create(*given, **more)  # type: ignore[arg-type]  # handed on
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "create", killed_after)
    with pytest.raises(KeyboardInterrupt):
        make(surroundings, tmp_path / "new")
    monkeypatch.undo()
    with opened_or_made(surroundings, Access(str(tmp_path / "new"))) as found:
        assert found.made is None
        key_id = found.repository.key_id
    assert [name.split()[0] for name in surroundings.vault.secrets] == ["key"]  # type: ignore[attr-defined]  # the test's vault
    assert surroundings.vault.get(f"key {key_id}") is not None


def test_a_crash_before_it_exists_uses_the_same_code_again(
    surroundings: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A code that was announced is not thrown away for another one."""
    codes = []

    def killed_before(_store: object, password: str, **_more: object) -> Repository:
        codes.append(password)
        raise KeyboardInterrupt

    monkeypatch.setattr(Repository, "create", killed_before)
    with pytest.raises(KeyboardInterrupt):
        make(surroundings, tmp_path / "new")
    monkeypatch.undo()
    news = make(surroundings, tmp_path / "new")
    assert news.recovery_code is not None
    assert [news.recovery_code.reveal()] == codes


def test_a_folder_made_for_nothing_is_removed(surroundings: Context, tmp_path: Path) -> None:
    """If no repository came to be, the folder that was made for it goes again."""
    (tmp_path / "secret").write_text("")
    with pytest.raises(PasswordUnusable):
        make(surroundings, tmp_path / "new", password_file=tmp_path / "secret")
    assert not (tmp_path / "new").exists()


def test_a_damaged_repository_is_never_made_anew(surroundings: Context, tmp_path: Path) -> None:
    """Where packs are but no config, somebody's data may still be saved: nothing is written over it."""
    (tmp_path / "new" / "data" / "ab").mkdir(parents=True)
    (tmp_path / "new" / "data" / "ab" / ("ab" * 32)).write_bytes(b"pack")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(RepositoryDamaged) as caught:
        make(surroundings, tmp_path / "new")
    assert caught.value.why == "config-missing"
    assert sorted(tmp_path.rglob("*")) == before


def test_reading_makes_nothing(surroundings: Context, tmp_path: Path) -> None:
    """Who only wants to read gets an error that names the place as he wrote it, and nothing is made."""
    with pytest.raises(PlaceMissing) as caught, opened(surroundings, Access(str(tmp_path / "new"))):
        pass
    assert caught.value.place == str(tmp_path / "new")
    assert caught.value.exit_code == 10
    (tmp_path / "new").mkdir()
    with pytest.raises(NoRepository) as empty, opened(surroundings, Access(str(tmp_path / "new"))):
        pass
    assert empty.value.place == str(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_a_vault_that_lies_is_passed_over(surroundings: Context, tmp_path: Path) -> None:
    """An outdated password in the vault is not the end: the user is asked."""
    (tmp_path / "secret").write_text("mine")
    make(surroundings, tmp_path / "new", password_file=tmp_path / "secret")

    class Stale(Vault):
        def get(self, name: str) -> Secret | None:
            return Secret(f"old {name}")

        def set(self, name: str, secret: Secret) -> bool:
            raise AssertionError((name, secret))

        def delete(self, name: str) -> None:
            raise AssertionError(name)

    with opened(replace(surroundings, vault=Stale()), Access(str(tmp_path / "new"), ask=answers("mine"))):
        pass
