"""The plugin host: nothing is imported before it is needed, and whatever a plugin does harms only itself."""

import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

import pytest

from tests.foreign import GOOD, PLUGINS, install
from traybackup.api import FieldKind, Provider
from traybackup.api.errors import ConfigUnusable, PluginCrashed, PluginRejected, ProviderUnknown
from traybackup.app import allowlist
from traybackup.app.builtin import Folder
from traybackup.app.discovery import discover
from traybackup.app.paths import Paths
from traybackup.app.plugins import PluginHost, Survey, Why
from traybackup.stores.guarding import Guard
from traybackup.testing import MemoryVault

REJECTED = {
    "missing-library": Why.IMPORT,
    "syntax": Why.IMPORT,
    "exits": Why.IMPORT,
    "interrupts": Why.IMPORT,
    "hangs": Why.NO_ANSWER,
    "recurses": Why.IMPORT,
    "from-tomorrow": Why.NEEDS_NEWER,
    "signature": Why.SIGNATURE,
    "empty": Why.EMPTY,
    "hook-raises": Why.RAISED,
    "hook-exits": Why.RAISED,
    "hook-hangs": Why.NO_ANSWER,
    "hook-none": Why.JUNK,
    "hook-text": Why.JUNK,
    "hook-numbers": Why.JUNK,
    "hook-endless": Why.JUNK,
    "hook-breaks-off": Why.RAISED,
    "bad-id": Why.JUNK,
    "no-label": Why.JUNK,
    "bad-fields": Why.JUNK,
    "bad-words": Why.JUNK,
    "steals": Why.DUPLICATE,
}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder that Python imports from; its modules are forgotten afterwards."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    yield folder
    for name in [name for name in sys.modules if name.startswith("foreign_")]:
        del sys.modules[name]


def host(site: Path, **more: Any) -> PluginHost:
    def found() -> list[Distribution]:
        return list(distributions(path=[str(site)]))

    return PluginHost(found, **({"patience": 20.0} | more))


def reasons(survey: Survey) -> dict[str, Why]:
    return {one.plugin.name: one.why for one in survey.rejected}


def imported() -> set[str]:
    return {name for name in sys.modules if name.startswith("foreign_")}


def test_hook_traybackup_providers(site: Path) -> None:
    """A plugin that returns providers adds them, with what they say about themselves."""
    install(site, "good")
    (accepted,) = host(site).survey().accepted
    assert (accepted.plugin.name, accepted.plugin.distribution, accepted.plugin.version) == (
        "good",
        "traybackup-good",
        "1.0",
    )
    (hosted,) = accepted.providers
    assert (hosted.id, hosted.label, hosted.plugin) == ("good", "A good place", "good")
    assert [field.key for field in hosted.fields] == ["folder", "password"]
    assert hosted.secret_keys() == {"password"}
    store = hosted.open({}, MemoryVault(), Guard("good"))
    assert list(store.entries()) == []


def test_a_plugin_brings_its_own_words(site: Path) -> None:
    """Label, fields and choices are shown in the owner's language; what the plugin does not translate stays English."""
    install(site, "polite")
    hosted = host(site).provider("polite")
    assert hosted.label_in("de") == "Ein guter Ort"
    assert [one.label for one in hosted.fields_in("de")] == ["Ordner", "Password"]
    assert hosted.fields_in("de")[1].kind is FieldKind.SECRET
    assert hosted.fields_in("en") == hosted.fields_in("fr") == hosted.fields
    assert (hosted.choice_in("de", "fast"), hosted.choice_in("de", "slow")) == ("schnell", "slow")


def test_discovery_reads_metadata_only(site: Path) -> None:
    """What is installed is known without importing any of it."""
    for name in ("good", "exits", "hangs"):
        install(site, name)
    assert [(one.name, one.distribution, one.version) for one in host(site).installed()] == [
        ("exits", "traybackup-exits", "1.0"),
        ("good", "traybackup-good", "1.0"),
        ("hangs", "traybackup-hangs", "1.0"),
    ]
    assert imported() == set()


def test_a_run_loads_the_plugin_of_its_own_destination_only(site: Path) -> None:
    """The plugin called like the provider is enough; no other is imported, however bad it is."""
    for name in PLUGINS:
        install(site, name)
    assert host(site).provider("good").id == "good"
    assert imported() == {"foreign_good"}


def test_a_provider_of_another_name_is_found_too(site: Path) -> None:
    """If no plugin is called like the provider, the others are asked, one after another, until one has it."""
    install(site, "good", GOOD.replace("{name}", "other"))
    install(site, "hook-raises")
    assert host(site).provider("other").plugin == "good"
    with pytest.raises(ProviderUnknown) as caught:
        host(site).provider("third")
    assert caught.value.provider == "third"


@pytest.mark.parametrize("name", sorted(REJECTED))
def test_a_bad_plugin_is_rejected_with_its_reason(site: Path, name: str) -> None:
    """Each is told with distribution, version and reason, and the good one beside it is used."""
    install(site, "good")
    install(site, name)
    survey = host(site, patience=1.0 if REJECTED[name] is Why.NO_ANSWER else 20.0).survey()
    assert [one.plugin.name for one in survey.accepted] == ["good"]
    (rejected,) = survey.rejected
    assert (rejected.plugin.distribution, rejected.plugin.version) == (f"traybackup-{name}", "1.0")
    assert rejected.why is REJECTED[name]


def test_reasons_name_what_happened(site: Path) -> None:
    """The reason holds the exception's words or the name of what makes no sense."""
    for name in ("missing-library", "exits", "bad-id", "from-tomorrow"):
        install(site, name)
    details = {one.plugin.name: one.detail for one in host(site).survey().rejected}
    assert "a_library_that_nobody_has" in details["missing-library"]
    assert "SystemExit" in details["exits"]
    assert details["bad-id"] == "id"
    assert "traybackup_predictions" in details["from-tomorrow"]


def test_who_spins_is_given_up(tmp_path: Path, program: Any) -> None:
    """A plugin that never returns and uses a whole core at import is rejected all the same."""
    import subprocess  # noqa: PLC0415 - for this test: what spins cannot be stopped but with its process

    program("python")
    install(tmp_path, "spins")
    code = (
        "import os, sys\n"
        "from importlib.metadata import distributions\n"
        "from traybackup.app.plugins import PluginHost\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        f"host = PluginHost(lambda: distributions(path=[{str(tmp_path)!r}]), patience=1.0)\n"
        "print(host.survey().rejected[0].why.value, flush=True)\n"
        "os._exit(0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "no-answer\n"


def test_of_two_with_one_id_the_one_called_so_wins(site: Path) -> None:
    """Listing and running agree on whose provider it is; the other one is told as a duplicate."""
    install(site, "good")
    install(site, "aaa", GOOD.replace("{name}", "good"))
    survey = host(site).survey()
    assert [one.plugin.name for one in survey.accepted] == ["good"]
    assert [(one.plugin.name, one.why, one.detail) for one in survey.rejected] == [("aaa", Why.DUPLICATE, "good")]
    assert host(site).provider("good").plugin == "good"


def test_built_in_providers_come_first(site: Path) -> None:
    """Nobody can take the place of what is built in."""
    install(site, "folder", GOOD)
    hosting = host(site, builtin=[Folder()])
    assert hosting.provider("folder").plugin == ""
    assert reasons(hosting.survey()) == {"folder": Why.DUPLICATE}


def test_of_two_distributions_with_one_name_the_first_counts(site: Path, tmp_path: Path) -> None:
    """As for Python itself, what comes first on the path hides the other."""
    install(site, "good")
    install(tmp_path / "behind", "good", version="2.0")
    found = discover(distributions(path=[str(site), str(tmp_path / "behind")]))
    assert [one.version for one in found] == ["1.0"]


def test_broken_metadata_hides_nothing_else(site: Path) -> None:
    """A distribution whose metadata is no text or has no name is passed over."""
    install(site, "good")
    for name, metadata in {"a": b"\xff\xfe\x00", "b": b"Version: 1.0\n", "c": b""}.items():
        folder = site / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_bytes(metadata)
        (folder / "entry_points.txt").write_bytes(b"[traybackup\nx\n=\n" + metadata)
    assert [one.name for one in host(site).installed()] == ["good"]


@pytest.mark.parametrize(
    ("only", "accepted"), [(None, {"good", "other"}), ("good", {"good"}), ("", set()), (" ", set())]
)
def test_plugins_can_be_restricted(site: Path, only: str | None, accepted: set[str]) -> None:
    """TRAYBACKUP_PLUGINS names those that may be loaded; empty means none; the others are told and not imported."""
    install(site, "good")
    install(site, "other", GOOD)
    survey = host(site, only=only).survey()
    assert {one.plugin.name for one in survey.accepted} == accepted
    assert set(reasons(survey)) == {"good", "other"} - accepted
    assert set(reasons(survey).values()) <= {Why.SWITCHED_OFF}
    assert imported() == {f"foreign_{name}" for name in accepted}


def test_a_rejected_plugin_is_named_where_it_is_needed(site: Path) -> None:
    """Who asks for a provider whose plugin was rejected learns why."""
    install(site, "missing-library")
    with pytest.raises(PluginRejected) as caught:
        host(site).provider("missing-library")
    assert (caught.value.plugin, caught.value.why) == ("missing-library", "import")
    assert "a_library_that_nobody_has" in caught.value.reason


@pytest.mark.parametrize("name", [name for name in PLUGINS if name.startswith("open-") and "hangs" not in name])
def test_opening_a_bad_place_is_the_plugins_failure(site: Path, name: str) -> None:
    """What flies out of open, or comes back and is no Store, is an error that names the plugin."""
    install(site, name)
    with pytest.raises(PluginCrashed) as caught:
        host(site).provider(name).open({}, MemoryVault(), Guard(name))
    assert caught.value.plugin == name


def test_addresses_for_the_browser_are_the_webs() -> None:
    """A plugin cannot make the browser open a file, a script or a program."""
    from traybackup.api import SignInRequest  # noqa: PLC0415 - for this test
    from traybackup.app.hosting import Hosted  # noqa: PLC0415 - same

    class Place(Provider):
        id = "place"
        label = "Place"
        address: object = ""

        def open(self, settings: object, vault: object) -> Any:
            raise NotImplementedError

        def sign_in_url(self, settings: object, request: object) -> Any:  # noqa: ARG002 - the contract's names
            return self.address

    place = Place()
    request = SignInRequest("http://127.0.0.1:1/", "state", "challenge")
    for address in ("file:///etc/passwd", "javascript:alert(1)", "--help", "https://a b", "https://a\n", None):
        place.address = address
        with pytest.raises(PluginCrashed):
            Hosted(place).sign_in_url({}, request, Guard("place"))
    place.address = "https://accounts.example/auth?x=1"
    assert Hosted(place).sign_in_url({}, request, Guard("place")) == place.address


# The allow-list


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache")


def test_an_allow_list_pins_name_version_and_files(site: Path, paths: Paths) -> None:
    """What is on the list is loaded as it was; what is not, or has changed by one byte, is not imported."""
    module = install(site, "good")
    install(site, "other", GOOD)
    (good, _) = discover(distributions(path=[str(site)]))
    assert allowlist.allow(paths, [good], ["good"]) == ("good",)
    with pytest.raises(PluginRejected):
        allowlist.allow(paths, [good], ["good", "nobody"])

    def survey() -> Survey:
        for name in imported():
            del sys.modules[name]
        return host(site, allowed=lambda: allowlist.load(paths)).survey()

    found = survey()
    assert [one.plugin.name for one in found.accepted] == ["good"]
    assert reasons(found) == {"other": Why.NOT_ALLOWED}
    assert imported() == {"foreign_good"}
    text = module.read_text()
    module.write_text(text + "#")
    assert reasons(survey())["good"] is Why.CHANGED
    assert imported() == set()
    module.write_text(text)
    assert reasons(survey()) == {"other": Why.NOT_ALLOWED}
    for file in (site / "traybackup_good-1.0.dist-info").iterdir():
        file.unlink()
    install(site, "good", version="1.0.1")
    assert reasons(survey())["good"] is Why.CHANGED
    assert allowlist.unpin(paths)
    assert {one.plugin.name for one in survey().accepted} == {"good", "other"}


def test_files_of_a_package_count_wherever_they_lie(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editable installation lists no source files; those of the package are hashed all the same."""
    module = install(site, "good")
    module.unlink()
    elsewhere = tmp_path / "sources" / "foreign_good"
    elsewhere.mkdir(parents=True)
    (elsewhere / "__init__.py").write_text("")
    (elsewhere / "part.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(elsewhere.parent)
    importlib.invalidate_caches()
    (plugin,) = discover(distributions(path=[str(site)]))
    before = plugin.fingerprint()
    assert plugin.fingerprint() == before
    (elsewhere / "part.py").write_text("x = 2\n")
    assert plugin.fingerprint() != before


@pytest.mark.parametrize("text", ["{", "[]", '{"allowed": [{}]}', '{"allowed": 7}'])
def test_a_broken_allow_list_allows_nothing(site: Path, paths: Paths, text: str) -> None:
    """If nobody can read what is allowed, nothing is loaded, and that is told."""
    install(site, "good")
    paths.config.mkdir(parents=True)
    (paths.config / "plugins.json").write_text(text)
    with pytest.raises(ConfigUnusable):
        host(site, allowed=lambda: allowlist.load(paths)).survey()
    assert imported() == set()
