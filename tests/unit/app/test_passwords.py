"""Passwords: where they come from, in which order, and where new ones are kept."""

import io
import sys
from pathlib import Path

import pytest

from traybackup.api.errors import PasswordMissing, PasswordUnusable
from traybackup.app.passwords import Passwords, Question, read_file
from traybackup.app.vault import NoVault, Secret, Vault


class DictVault(Vault):
    def __init__(self) -> None:
        self.secrets: dict[str, str] = {}

    def get(self, name: str) -> Secret | None:
        return Secret(self.secrets[name]) if name in self.secrets else None

    def set(self, name: str, secret: Secret) -> bool:
        self.secrets[name] = secret.reveal()
        return True

    def delete(self, name: str) -> None:
        self.secrets.pop(name, None)


class Person:
    """Somebody at a terminal who gives prepared answers."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> str | None:
        self.asked.append(question)
        return self.answers.pop(0)


def passwords(environment: dict[str, str] | None = None, **more: object) -> Passwords:
    return Passwords(environment=environment or {}, **({"vault": NoVault("off")} | more))  # type: ignore[arg-type]  # a test's shorthand


def test_a_file_comes_before_the_environment(tmp_path: Path) -> None:
    """What was named on the command line wins."""
    file = tmp_path / "secret"
    file.write_text("from file\n")
    found = passwords({"TRAYBACKUP_PASSWORD": "from environment"}, file=file).given()
    assert found is not None
    assert found.reveal() == "from file"


def test_the_environment_gives_a_password() -> None:
    """TRAYBACKUP_PASSWORD is used when no file is named; without it nothing was given."""
    found = passwords({"TRAYBACKUP_PASSWORD": "geheim"}).given()
    assert found is not None
    assert found.reveal() == "geheim"
    assert passwords().given() is None


@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_password_is_refused(value: str) -> None:
    """A variable that a script failed to set must not make the program look elsewhere."""
    with pytest.raises(PasswordUnusable) as caught:
        passwords({"TRAYBACKUP_PASSWORD": value}).given()
    assert caught.value.why == "empty"


@pytest.mark.parametrize(
    ("content", "password"),
    [(b"one", "one"), (b"\xef\xbb\xbfone\r\n", "one"), (b"  zwei drei \n\n", "zwei drei"), ("ñandú".encode(), "ñandú")],
)
def test_a_password_file_is_text_without_space_around(tmp_path: Path, content: bytes, password: str) -> None:
    """Line ends, a byte order mark and spaces around it do not belong to the password, as in restic."""
    (tmp_path / "f").write_bytes(content)
    assert read_file(tmp_path / "f").reveal() == password


def test_a_password_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """The file and the system's reason are told."""
    for path, why in ((tmp_path / "nowhere", "No such file"), (tmp_path, "Is a directory")):
        with pytest.raises(PasswordUnusable) as caught:
            read_file(path)
        assert caught.value.source == str(path)
        assert why in caught.value.why


def test_a_password_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 are not guessed at."""
    (tmp_path / "f").write_bytes(b"\xff\xfe\x00s")
    with pytest.raises(PasswordUnusable) as caught:
        read_file(tmp_path / "f")
    assert "UTF-8" in caught.value.why


def test_a_dash_reads_the_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """``--password-file -`` reads the password from a pipe."""

    class Input:
        buffer = io.BytesIO(b"piped\n")

    monkeypatch.setattr(sys, "stdin", Input())
    assert read_file(Path("-")).reveal() == "piped"


def test_kept_passwords_are_found_by_key_wherever_the_place_is() -> None:
    """The vault knows passwords by the key they open, so a drive may come back under another letter."""
    vault = DictVault()
    kept = passwords(vault=vault)
    assert kept.keep("k2", Secret("second"))
    kept.keep_pending("/place", Secret("to be"))
    assert [(key, secret.reveal()) for key, secret in kept.kept(["k1", "k2"], "/elsewhere")] == [("k2", "second")]
    assert [(key, secret.reveal()) for key, secret in kept.kept(["k1"], "/place")] == [("", "to be")]
    kept.forget("k2")
    kept.forget_pending("/place")
    assert vault.secrets == {}


def test_a_place_with_thousands_of_keys_asks_the_vault_only_so_often() -> None:
    """A hostile place cannot keep the keyring busy."""

    class Counting(DictVault):
        calls = 0

        def get(self, name: str) -> Secret | None:
            self.calls += 1
            return super().get(name)

    vault = Counting()
    assert list(passwords(vault=vault).kept([str(number) for number in range(5000)], "/place")) == []
    assert vault.calls <= 21


def test_somebody_is_asked() -> None:
    """On a terminal the user is asked; what he types is not stripped."""
    person = Person(" secret ")
    assert passwords(ask=person).asked(Question.PASSWORD).reveal() == " secret "
    assert person.asked == [Question.PASSWORD]


def test_nobody_to_ask_is_an_error() -> None:
    """Without a terminal, or if he gives up, the password is missing; typing nothing is refused."""
    with pytest.raises(PasswordMissing):
        passwords().asked(Question.PASSWORD)
    with pytest.raises(PasswordMissing):
        passwords(ask=Person(None)).asked(Question.PASSWORD)
    with pytest.raises(PasswordUnusable):
        passwords(ask=Person("")).asked(Question.PASSWORD)


def test_a_new_password_is_typed_twice(tmp_path: Path) -> None:
    """A new password comes from a file or is asked for twice; without either there is none."""
    chosen = passwords(ask=Person("a", "a")).chosen(None)
    assert chosen is not None
    assert chosen.reveal() == "a"
    with pytest.raises(PasswordUnusable) as caught:
        passwords(ask=Person("a", "b")).chosen(None)
    assert caught.value.why == "not-repeated"
    (tmp_path / "new").write_text("from file")
    found = passwords().chosen(tmp_path / "new")
    assert found is not None
    assert found.reveal() == "from file"
    assert passwords().chosen(None) is None
