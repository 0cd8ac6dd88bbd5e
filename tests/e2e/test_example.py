"""The guide for authors of plugins: the package that stands in it is built, installed and used.

Everything comes from the text of plugins/README.md. The fresh environment gets traybackup and the example as wheels;
the libraries that they need it borrows from the environment of the tests, so that no network is needed.
"""

import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "plugins" / "README.md"
FILE = re.compile(r"^\*\*`([\w/.-]+)`\*\*[^\n]*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file of the example: its name in bold, and then its content in a block."""


def run(*words: object, **more: Any) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end."""
    command = [str(word) for word in words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=250, **more)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the example, written as the guide says."""
    folder = tmp_path_factory.mktemp("guide") / "traybackup-shelf"
    for name, content in FILE.findall(GUIDE.read_text("utf-8")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, "utf-8")
    return folder


@dataclass
class Installed:
    """A fresh environment with traybackup and the example in it."""

    bin: Path
    environment: dict[str, str]

    def __call__(self, *words: object) -> "subprocess.CompletedProcess[str]":
        return run(self.bin / "traybackup", *words, env=self.environment)


@pytest.fixture(scope="module")
def installed(example: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Build both wheels, and install them where nothing else is."""
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("missing: hatchling")
    base = tmp_path_factory.mktemp("fresh")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    offline = ["--no-deps", "--no-index"]
    built = run(*pip, "wheel", *offline, "--no-build-isolation", "--wheel-dir", base / "wheels", ROOT, example)
    assert built.returncode == 0, built.stderr
    wheels = sorted((base / "wheels").glob("*.whl"))
    assert [wheel.name.split("-")[0] for wheel in wheels] == ["traybackup", "traybackup_shelf"]

    made = run(sys.executable, "-m", "venv", "--without-pip", base / "venv")
    assert made.returncode == 0, made.stderr
    scripts = base / "venv" / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / Path(sys.executable).name
    put = run(*pip, "--python", python, "install", *offline, *wheels)
    assert put.returncode == 0, put.stderr
    where = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip()
    (Path(where) / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    known = {
        "TRAYBACKUP_HOME": str(base / "home"),
        "TRAYBACKUP_PASSWORD": "correct horse",
        "TRAYBACKUP_PLUGINS": "shelf",  # those of the tests' environment can be seen as well
        "TRAYBACKUP_KEYRING": "off",
        "HOME": str(base),
    }
    return Installed(scripts, dict(os.environ) | known)


def test_guide_holds_the_whole_package(example: Path) -> None:
    """The files that the guide's picture of the package names are those that it shows."""
    picture = re.search(r"^traybackup-shelf/\n((?:  .*\n)+)", GUIDE.read_text("utf-8"), re.MULTILINE)
    assert picture is not None
    named = sorted(line.split()[0] for line in picture[1].splitlines())
    assert named == sorted(str(path.relative_to(example)) for path in example.rglob("*") if path.is_file())


def test_example_keeps_the_promise_of_a_place(example: Path) -> None:
    """Its own test passes, with every fact that there is, in a pytest that knows nothing of ours."""
    environment = dict(os.environ) | {"PYTHONPATH": os.pathsep.join([str(example), str(ROOT)])}
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", example, "-c", os.devnull]
    done = run(sys.executable, *words, example / "tests", cwd=example, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 30
    assert "failed" not in done.stdout


def test_installed_kit_shows_itself_to_pytest(installed: Installed, example: Path) -> None:
    """Where traybackup is installed from its wheel, pytest knows the facts by their marker, without a line for that."""
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "error", "--rootdir", example, "-c", os.devnull]
    words += ["--strict-markers", "-m", "traybackup_fact", "-k", "round_trip or missing_is_not_found"]
    python = installed.bin / Path(sys.executable).name
    done = run(python, *words, example / "tests", cwd=example, env=installed.environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_installed_example_is_listed(installed: Installed) -> None:
    """The program, installed from its wheel, finds the plugin by its entry point, and says which version it is."""
    said = installed("plugins", "--json")
    assert said.returncode == 0, said.stderr
    (record,) = [json.loads(line) for line in said.stdout.splitlines()]
    (plugin,) = record["accepted"]
    assert (plugin["name"], plugin["distribution"], plugin["version"]) == ("shelf", "traybackup-shelf", "1.0.0")
    where = run(installed.bin / Path(sys.executable).name, "-I", "-c", "import traybackup; print(traybackup.__file__)")
    assert not Path(where.stdout.strip()).is_relative_to(ROOT)


def test_backup_and_restore_through_the_example(
    installed: Installed, till: Path, tmp_path: Path, facts_of: Callable[[Path], Any]
) -> None:
    """The installed program saves twice through the plugin, checks, forgets, and brings all of it back."""
    place = f"shelf:{tmp_path / 'backups.db'}"
    for content in (b"one\n", b"two\n"):
        (till / "data" / "sales.txt").write_bytes(content)
        said = installed("backup", till, "--to", place)
        assert said.returncode == 0, said.stderr
    assert (tmp_path / "backups.db").stat().st_size > 3_000_000
    for words in (
        ("check", "--from", place, "--read-data"),
        ("forget", "--from", place, "--keep-last", "1", "--prune"),
        ("restore", "latest", "--from", place, "--into", tmp_path / "back"),
    ):
        said = installed(*words)
        assert said.returncode == 0, said.stderr
    assert facts_of(tmp_path / "back" / till.relative_to("/")) == facts_of(till)


def test_settings_and_errors_of_the_example_reach_the_owner(installed: Installed, till: Path, tmp_path: Path) -> None:
    """A setting that its form knows is taken, one that it does not is refused, and what it raises is one clear line."""
    good = ["destinations", "add", "shelf", f"shelf:{tmp_path / 'b.db'}"]
    assert installed(*good, "--set", "wait=soon").returncode == 1
    assert installed(*good, "--set", "colour=red").returncode == 1
    assert installed(*good, "--set", "wait=5").returncode == 0
    assert "works" in installed("destinations", "test", "shelf").stdout
    for place, word in ((f"shelf:{tmp_path / 'no' / 'b.db'}", "not there"), ("shelf:here.db", "/FOLDER/FILE")):
        said = installed("backup", till, "--to", place)
        assert said.returncode != 0
        assert word in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_doctor_leaves_nothing_of_the_example(installed: Installed, tmp_path: Path) -> None:
    """Every fact holds on a real place, and the scratch file is gone."""
    said = installed("doctor", f"shelf:{tmp_path / 'b.db'}")
    assert said.returncode == 0, said.stdout + said.stderr
    assert [path.name for path in tmp_path.glob("b.db-doctor*")] == []
