"""The campaign's means: the failing medium, the golden repository, and a table of figures at the end."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.faults.deeds", "tests.faults.scene")

from tests.faults.medium import Medium, build  # noqa: E402 - after the line above
from tests.faults.scene import Golden, make_golden  # noqa: E402 - same

ROOM = 1 << 30


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the whole campaign out unless it is asked for by ``-m campaign``."""
    if "campaign" in (config.option.markexpr or ""):
        return
    campaign = [item for item in items if item.get_closest_marker("campaign")]
    if campaign:
        config.hook.pytest_deselected(items=campaign)
        items[:] = [item for item in items if item not in campaign]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures as the table that README shows."""
    figures = [
        json.loads(str(value))
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", "") == "call"
        for name, value in getattr(report, "user_properties", ())
        if name == "figures"
    ]
    if figures:
        terminalreporter.section("fault campaign")
        terminalreporter.write_line("| while | fault | trials | struck | lost or damaged |")
        terminalreporter.write_line("|---|---|--:|--:|--:|")
        for deed, fault, trials, struck, bad in sorted(figures):
            terminalreporter.write_line(f"| {deed} | {fault} | {trials} | {struck} | {bad} |")


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[..., None]:
    """Return a function that records a line of the table."""

    def record(deed: str, fault: str, trials: int, struck: int, bad: int) -> None:
        record_property("figures", json.dumps([deed, fault, trials, struck, bad]))

    return record


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Path:
    """Compile the shim."""
    return build(tmp_path_factory.mktemp("shim"), program("gcc"))


@pytest.fixture(scope="session")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder in memory where there is one: thousands of trials flush all the time, and no power is cut here."""
    shared = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
    if not os.access(shared, os.W_OK) or shutil.disk_usage(shared).free < ROOM:
        yield tmp_path_factory.mktemp("faults")
        return
    with tempfile.TemporaryDirectory(prefix="traybackup-faults-", dir=shared) as folder:
        yield Path(folder)


@pytest.fixture
def scratch(memory: Path) -> Iterator[Path]:
    """Give an empty folder in memory for one test."""
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


@pytest.fixture
def medium(shim: Path, scratch: Path) -> Medium:
    """Return what runs programs on a failing medium."""
    return Medium(shim, scratch)


@pytest.fixture(scope="session")
def counted() -> dict[str, tuple[str, ...]]:
    """Keep what each deed did on a sound medium, so that it is asked only once."""
    return {}


@pytest.fixture(scope="session")
def golden(memory: Path, restic: str) -> Golden:
    """Make the golden repository."""
    folder = memory / "golden"
    folder.mkdir()
    return make_golden(folder, restic)
