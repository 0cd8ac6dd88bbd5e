"""The kit as the author of a place meets it: a few lines of test, and a failure that shows its values."""

import subprocess
import sys
from pathlib import Path

import pytest

from traybackup.testing import FACTS

AUTHORS_TEST = '''
import pytest
from traybackup.testing import MemoryPlace, MemoryStore, StoreConformance


class ShortStore(MemoryStore):
    """Loses the last byte."""

    def get(self, name, offset=0, length=None):
        return super().get(name, offset, length)[:{end}]


class TestShortStore(StoreConformance):
    @pytest.fixture
    def open_store(self):
        place = MemoryPlace()
        return lambda: ShortStore(place)
'''


def run_kit(folder: Path, end: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the author's test in a pytest of its own."""
    (folder / "test_short.py").write_text(AUTHORS_TEST.replace("{end}", end))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, folder]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


@pytest.mark.parametrize("options", [(), ("-p", "traybackup.testing")])
def test_wrong_store_fails_with_its_values(tmp_path: Path, options: tuple[str, ...]) -> None:
    """A wrong store fails by the facts' names, and the assertion shows what was got and what was wanted."""
    done = run_kit(tmp_path, "-1", *options)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "test_fact[round_trip]" in done.stdout
    assert "assert (0, " in done.stdout
    assert "== (1, " in done.stdout
    assert "What the place should do" in done.stdout
    assert "What was put is what is got, at every size." in done.stdout


def test_facts_can_be_chosen_by_their_marker(tmp_path: Path) -> None:
    """The marker is known by itself, and is on the kit's tests and on no other; the vault is there for the others."""
    (tmp_path / "test_more.py").write_text(
        "class TestMore:\n"
        "    def test_vault(self, memory_vault):\n"
        "        memory_vault.set('token', 'x')\n"
        "        assert repr(memory_vault) == 'MemoryVault(token)'\n"
    )
    strict = ("--strict-markers", "-W", "error")
    for expression, passed in (("traybackup_fact", len(FACTS) - 5), ("not traybackup_fact", 1)):
        done = run_kit(tmp_path, "", *strict, "-m", expression)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{passed} passed" in done.stdout


def test_every_pytest_of_the_computer_pays_next_to_nothing() -> None:
    """The part that pytest loads by itself brings nothing of the product along, not even the kit."""
    script = (
        "import sys, pytest, traybackup.pytest_plugin\n"
        "ours = {name for name in sys.modules if name.partition('.')[0] == 'traybackup'}\n"
        "assert ours == {'traybackup', 'traybackup.pytest_plugin'}, ours\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_right_store_passes(tmp_path: Path) -> None:
    """A right store passes; what it cannot simulate is skipped."""
    done = run_kit(tmp_path, "")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 skipped" in done.stdout


def test_stand_ins_need_no_pytest() -> None:
    """A product command that states the facts about a real account gets by without pytest."""
    script = (
        "import sys; from traybackup.testing import FACTS, Ground, MemoryStore, NotApplicable\n"
        "for fact in FACTS[:3]:\n"
        "    with Ground(MemoryStore) as ground: fact(ground)\n"
        "assert 'pytest' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
