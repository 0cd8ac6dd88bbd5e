"""Keys: passwords are added, changed and removed, and nobody is ever locked out."""

from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import KeyInUse, NoSuchKey, PasswordMissing, PasswordUnusable, WrongPassword
from traybackup.app.keys import NewKey, add_key, change_password, list_keys, remove_key
from traybackup.app.opening import Access, opened


def opens(shop: Any, password: str) -> bool:
    file = shop.place.parent / "try"
    file.write_text(password)
    try:
        with opened(shop.context, Access(str(shop.place), file)):
            return True
    except WrongPassword:
        return False


@pytest.fixture
def new(tmp_path: Path) -> NewKey:
    (tmp_path / "new").write_text("second password")
    return NewKey(tmp_path / "new")


def test_a_second_password_opens_the_same_place(shop: Any, new: NewKey) -> None:
    """A key is added under the name asked for; both passwords open it."""
    shop.save()
    done = add_key(shop.context, shop.access, NewKey(new.file, host="laptop", user="bea"))
    assert done.recovery_code is None
    assert not done.kept
    found = list_keys(shop.context, shop.access)
    assert {(key.hostname, key.username) for key in found.keys} == {("till-1", "anna"), ("laptop", "bea")}
    assert found.current != done.id
    assert opens(shop, "second password")
    assert opens(shop, "correct horse")


def test_a_recovery_code_can_be_added_later(shop: Any) -> None:
    """A generated code is told once and kept in the vault."""
    shop.save()
    done = add_key(shop.context, shop.access, NewKey(generate=True))
    assert done.recovery_code is not None
    assert done.kept
    assert opens(shop, done.recovery_code.reveal().lower())
    assert shop.vault.get(f"key {done.id}") is not None


def test_without_a_new_password_nothing_is_added(shop: Any, tmp_path: Path) -> None:
    """No file and nobody to ask, or an empty file: the keys stay as they are."""
    shop.save()
    with pytest.raises(PasswordMissing):
        add_key(shop.context, shop.access, NewKey())
    (tmp_path / "empty").touch()
    with pytest.raises(PasswordUnusable):
        add_key(shop.context, shop.access, NewKey(tmp_path / "empty"))
    assert len(list_keys(shop.context, shop.access).keys) == 1


def test_a_removed_password_opens_nothing(shop: Any, new: NewKey) -> None:
    """A key is removed by the beginning of its id, and the vault forgets it."""
    shop.save()
    done = add_key(shop.context, shop.access, NewKey(generate=True))
    add_key(shop.context, shop.access, new)
    assert remove_key(shop.context, shop.access, done.id[:10]) == done.id
    assert shop.vault.secrets == {}
    assert done.recovery_code is not None
    assert not opens(shop, done.recovery_code.reveal())
    assert opens(shop, "second password")


def test_the_key_one_came_in_with_stays(shop: Any) -> None:
    """The last way in cannot be removed; a key that is not there is told."""
    shop.save()
    with pytest.raises(KeyInUse):
        remove_key(shop.context, shop.access, list_keys(shop.context, shop.access).current)
    with pytest.raises(NoSuchKey):
        remove_key(shop.context, shop.access, "zz")
    assert len(list_keys(shop.context, shop.access).keys) == 1


def test_a_password_is_changed_in_one_step(shop: Any, new: NewKey) -> None:
    """The new one opens, the old one does not any more."""
    shop.save()
    old = list_keys(shop.context, shop.access).current
    done = change_password(shop.context, shop.access, new)
    assert done.removed == old
    assert opens(shop, "second password")
    assert not opens(shop, "correct horse")


def test_a_kept_code_is_replaced_in_the_vault(shop: Any, make_context: Any, new: NewKey) -> None:
    """If the vault knew the old password it knows the new one: the next backup goes on by itself."""
    from dataclasses import replace  # noqa: PLC0415 - for this test

    silent = replace(shop, context=make_context(shop.clock, shop.vault))
    silent.save()
    done = change_password(silent.context, silent.access, new)
    assert done.kept
    assert list(shop.vault.secrets.values()) == ["second password"]
    assert silent.save().snapshot.id


def test_a_broken_key_file_is_listed_as_such(shop: Any) -> None:
    """It blocks no other key."""
    shop.save()
    (shop.place / "keys" / ("ab" * 32)).write_bytes(b"{")
    found = list_keys(shop.context, shop.access)
    assert len(found.keys) == 1
    assert [damage.kind for damage in found.damaged] == ["key"]
