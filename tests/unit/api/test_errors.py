"""The error tree: drawn as it is, worded by code, carrying what a text can name."""

import pickle
import re
from enum import Enum

import pytest

from traybackup.api import errors
from traybackup.api.errors import (
    Cancelled,
    PlaceMissing,
    RateLimited,
    RepositoryDamaged,
    RepositoryError,
    Retry,
    SourceError,
    SourceUnreadable,
    StoreError,
    StoreFailed,
    StoreFull,
    TraybackupError,
    WrongPassword,
)


def family(root: type[TraybackupError] = TraybackupError) -> list[type[TraybackupError]]:
    return [
        root,
        *(one for child in root.__subclasses__() if child.__module__ == errors.__name__ for one in family(child)),
    ]


ALL = family()
EXIT_CODES = {
    10: {"PlaceMissing", "PlaceInTrash", "NoRepository"},
    11: {"RepositoryLocked", "RunBusy"},
    12: {"WrongPassword", "RecoveryCodeMistyped", "PasswordMissing", "PasswordUnusable"},
    3: {"SourceUnreadable", "RestoreIncomplete", "LatestDoubtful"},
}


def drawn() -> dict[str, str]:
    """Return every class that the module's docstring draws, with the one above it."""
    found: dict[str, str] = {}
    way: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"^( *[│├└─ ]*)([A-Z]\w+)(?: |$)", line)
        if match and (way or match[2] == "TraybackupError"):
            depth = (len(match[1]) - 4) // 4
            if depth == 0 and way:
                break
            way[depth:] = [match[2]]
            found[match[2]] = way[depth - 1] if depth else ""
    return found


def test_the_tree_is_drawn_as_it_is() -> None:
    """The picture in the docstring has every class, below its base, and no other."""
    assert drawn() == {one.__name__: one.__bases__[0].__name__ if one is not TraybackupError else "" for one in ALL}


def test_every_kind_of_error_has_its_own_code() -> None:
    """A text is found by the code; only a family and its catch-all share one."""
    codes: dict[str, list[str]] = {}
    for one in ALL:
        assert "code" in one.__dict__, one
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", one.code)
        codes.setdefault(one.code, []).append(one.__name__)
    assert [names for names in codes.values() if len(names) > 1] == [["StoreError", "StoreFailed"]]


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_exit_codes_are_restics(one: type[TraybackupError]) -> None:
    """Scripts that know restic understand ours."""
    wanted = next((code for code, names in EXIT_CODES.items() if one.__name__ in names), 1)
    assert one.exit_code == wanted


def test_who_asked_to_stop_is_no_error() -> None:
    """It passes every ``except TraybackupError``, and has the exit code of an interrupt."""
    assert not issubclass(Cancelled, TraybackupError)
    assert Cancelled.exit_code == 130


def test_a_destination_error_is_never_a_source_error() -> None:
    """The two families share no class."""
    assert not set(family(StoreError)) & set(family(SourceError))
    assert not set(family(StoreError)) & set(family(RepositoryError))


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_every_class_says_whether_trying_again_can_help(one: type[TraybackupError]) -> None:
    """And has a sentence about itself."""
    assert isinstance(one.retry, Retry)
    assert (one.__doc__ or "").strip()


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.__name__)
def test_every_field_has_a_default_and_can_be_named(one: type[TraybackupError]) -> None:
    """An error can be raised bare, and with each of its fields; a text gets them all."""
    bare = one()
    assert set(bare.params) == set(one.fields)
    for name in one.fields:
        assert isinstance(bare.params[name], str | int | float | type(None))
        value = 7 if isinstance(bare.params[name], int | type(None)) else "seven"
        error = one(**{name: value})
        assert error.params == bare.params | {name: value}
        assert getattr(error, name) == value
        assert f"{name}={value!r}" in str(error)


def test_fields_are_those_of_the_class_and_of_those_above_it() -> None:
    """No class has fewer than its base, and settings of the class are no fields."""
    assert StoreError.fields == ("place", "name")
    assert StoreFull.fields == ("place", "name", "needed")
    assert WrongPassword.fields == ()
    for one in ALL:
        base = one.__bases__[0]
        if issubclass(base, TraybackupError):
            assert one.fields[: len(base.fields)] == base.fields
        assert not {"code", "exit_code", "retry", "fields", "params", "args"} & set(one.fields)


def test_what_is_no_field_is_a_mistake_of_the_program() -> None:
    """It is noticed where the error is made, not where its text is missing."""
    with pytest.raises(TypeError):
        StoreFull(missing=5)
    with pytest.raises(TypeError):
        StoreFull("positional")


def test_the_text_for_logs_names_what_is_known() -> None:
    """Code and fields, empty ones left out; zero is something."""
    assert str(StoreFull()) == "store-full()"
    assert str(StoreFull(place="/stick", needed=0)) == "store-full(place='/stick', needed=0)"
    assert str(RepositoryDamaged(kind="pack", id="ab", why="missing")) == (
        "repository-damaged(kind='pack', id='ab', why='missing')"
    )


def test_errors_are_compared_by_identity() -> None:
    """Two of the same kind are two events."""
    assert StoreFull() != StoreFull()
    assert len({StoreFull(), StoreFull()}) == 2


@pytest.mark.parametrize(
    "error", [StoreFailed(name="x", reason="EIO"), RateLimited(retry_after=1.5), SourceUnreadable()]
)
def test_errors_travel_between_processes(error: TraybackupError) -> None:
    """A run is a process of its own, and its error arrives whole."""
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(again) is type(error)
    assert again.params == error.params


def test_no_sentence_is_in_the_code() -> None:
    """What a field starts with is empty, a number or nothing: words are in the catalogues."""
    for one in ALL:
        assert all(value in ("", None, 0) for value in one().params.values())


def test_a_more_special_error_is_caught_with_its_family() -> None:
    """Whoever waits for the family waits for its members."""
    with pytest.raises(StoreError):
        raise PlaceMissing(place="/stick")
    assert isinstance(Retry.LATER, Enum)
