"""Texts: every error can be told, with a next step, and no placeholder is ever left open."""

import gettext
import inspect
import string
from pathlib import Path

import pytest

from traybackup.api import errors
from traybackup.api.errors import TraybackupError
from traybackup.app.language import Language
from traybackup.app.texts import Texts, choose
from traybackup.app.wording import ERRORS
from traybackup.app.wording.phrases import DEMO, FINDINGS, KEPT, REASONS, UNSET, WHY, WORDS

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, TraybackupError)]
OTHER_PARAMS = {"unexpected": {"kind", "log"}, "cancelled": set()}


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_every_error_has_a_text_of_its_own(kind: type[TraybackupError]) -> None:
    """Each class of errors has a title, an explanation and a next step."""
    assert kind.code in ERRORS
    assert all(sentence.strip() for sentence in ERRORS[kind.code])


@pytest.mark.parametrize("key", sorted(ERRORS))
def test_every_placeholder_is_a_parameter_of_the_error(key: str) -> None:
    """Whatever a text names is a field of each class with that code, or supplied by the command line."""
    plain, _, needed = key.partition("+")
    code = plain.partition(":")[0]
    known = [set(kind.fields) for kind in CLASSES if kind.code == code] or [OTHER_PARAMS[code]]
    able = [fields for fields in known if not needed or needed in fields]
    assert able
    for fields in able:
        for sentence in ERRORS[key]:
            assert placeholders(sentence) <= fields


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_an_error_without_parameters_can_be_told(kind: type[TraybackupError]) -> None:
    """Missing parameters become words, never braces, None or an exception."""
    message = Texts().error(kind())
    for sentence in message:
        assert "{" not in sentence
        assert "None" not in sentence
    assert "\n" not in message.line


@pytest.mark.parametrize("kind", CLASSES, ids=lambda one: one.__name__)
def test_an_error_with_all_parameters_can_be_told(kind: type[TraybackupError]) -> None:
    """Braces in a parameter, such as a file called {0}, do no harm."""
    params = {name: value_for(getattr(kind, name)) for name in kind.fields}
    assert Texts().error(kind(**params)).line


def value_for(default: object) -> str | int | float:
    if isinstance(default, float):
        return 2.5
    if isinstance(default, int) or default is None:
        return 7
    return "{0}{x}%s"


@pytest.mark.parametrize("key", sorted(ERRORS))
def test_texts_use_plain_words(key: str) -> None:
    """No word that only technicians know."""
    text = " ".join(ERRORS[key]).lower()
    for word in ("repository", "token", "oauth", "exception", "traceback", "daemon", "blob"):
        assert word not in text


def test_a_full_drive_says_how_much_is_missing_if_that_is_known() -> None:
    """The variant with a parameter is used only when there is one."""
    assert "512 MB" in Texts().error(errors.StoreFull(place="RED", needed=512_000_000)).explanation
    assert "None" not in Texts().error(errors.StoreFull(place="RED")).explanation


def test_the_word_why_chooses_a_text_of_its_own() -> None:
    """A reason known by its keyword has its own text; another one is named."""
    busy = Texts().error(errors.TargetUnusable(path="/x", why="busy"))
    assert busy.title == ERRORS["target-unusable:busy"].title
    assert "No medium found" in Texts().error(errors.TargetUnusable(path="/x", why="No medium found")).explanation


@pytest.mark.parametrize(
    ("error", "explanation", "todo"),
    [
        (
            errors.SettingInvalid(place="webdav:", field="address", why="missing"),
            "The setting “address” of webdav: is missing.",
            "Add it with “--set address=…” (“traybackup destinations add”).",
        ),
        (
            errors.SettingInvalid(place="b2:x", field="key", why="missing-secret"),
            "The setting “key” of b2:x is missing.",
            "Add it with “--secret key” (“traybackup destinations add”); it is kept in the keyring.",
        ),
        (
            errors.SettingInvalid(place="sftp:x", field="port", allowed="1-65535"),
            "The setting “port” of sftp:x cannot be right; allowed: 1-65535.",
            "Correct it and try again.",
        ),
        (
            errors.PlaceMissing(place="s3:shop/till", why="service"),
            "The folder or bucket of s3:shop/till is not there.",
            ERRORS["place-missing:service"].todo,
        ),
    ],
)
def test_what_is_missing_is_told_with_what_mends_it(error: TraybackupError, explanation: str, todo: str) -> None:
    """A setting that is not there is not called wrong, and nobody is told to plug in a bucket."""
    message = Texts().error(error)
    assert (message.explanation, message.todo) == (explanation, todo)
    assert "drive" not in message.line


def test_a_known_parameter_and_a_word_together_come_first() -> None:
    """The most special text wins."""
    special = choose("target-unusable", {"why": "full", "needed": 5})
    assert special == ERRORS["target-unusable:full+needed"]
    assert choose("target-unusable", {"why": "full", "needed": None}) == ERRORS["target-unusable:full"]


def test_times_are_local_and_ids_short() -> None:
    """A lock is told with local time; ids are cut as restic cuts them."""
    error = errors.RepositoryLocked(host="till", user="anna", pid=7, since="2026-07-01T10:00:00+00:00")
    assert "2026-07-01 12:00" in Texts().error(error).explanation
    assert "soon" in Texts().error(errors.RepositoryLocked(host="till", since="soon")).explanation
    damaged = errors.RepositoryDamaged(kind="pack", id="ab" * 32, why="wrong-hash")
    assert "abababab is" in Texts().error(damaged).explanation
    assert WHY["wrong-hash"] in Texts().error(damaged).explanation


def test_an_unknown_code_still_has_a_text() -> None:
    """An error of a newer plugin is told in general words."""
    assert Texts().message("from-tomorrow", {}).line


def test_translations_take_over() -> None:
    """A catalogue translates sentences before parameters are filled in."""

    class Shouting(gettext.NullTranslations):
        def gettext(self, message: str) -> str:
            return message.replace("is not there", "IST NICHT DA")

    assert "E:\\ IST NICHT DA" in Texts(Language("en", Shouting())).error(errors.PlaceMissing(place="E:\\")).explanation


@pytest.mark.parametrize(
    ("code", "phrases"), [("findings", FINDINGS), ("reasons", REASONS), ("kept", KEPT), ("words", WORDS)]
)
def test_phrases_have_no_placeholders(code: str, phrases: dict[str, str]) -> None:
    """Phrases that are put into sentences stand alone."""
    assert all(not placeholders(phrase) for phrase in phrases.values()), code


def test_every_finding_of_the_sources_has_a_phrase() -> None:
    """Whatever a source notices can be told."""
    import re  # noqa: PLC0415 - for this test

    import traybackup.sources  # noqa: PLC0415 - for this test

    folder = Path(traybackup.sources.__path__[0])
    used = {code for file in folder.glob("*.py") for code in re.findall(r'Finding\(\s*"([a-z-]+)"', file.read_text())}
    assert used
    assert used <= FINDINGS.keys()


def test_reasons_of_a_restore_are_told_in_words() -> None:
    """Keywords and the system's error names become phrases; anything else stays."""
    texts = Texts()
    assert texts.reason("damaged") == REASONS["damaged"]
    assert texts.reason("EACCES") == "Permission denied"
    assert texts.reason("odd") == "odd"
    assert texts.unset("owner", 3) == UNSET["owner"][1].format(count=3)
    assert texts.kept("daily") == KEPT["daily"]
    assert texts.kept("fiscal 2026") == "fiscal 2026"
    assert texts.finding("new-kind", "why") == "new kind (why)"


def test_the_demonstration_can_be_told() -> None:
    """Every step has its sentence and gets its figures."""
    params = {name: 1234 for sentence in DEMO.values() for name in placeholders(sentence)}
    for code in DEMO:
        assert "{" not in Texts().demo(code, params)
    assert "1.23 kB" in Texts().demo("saved", params)
    assert "1,234 receipts" in Texts().demo("till-made", params)
