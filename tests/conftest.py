"""What every test starts from: an empty home, a clean environment, a fixed time zone, and no network but loopback.

Nothing a test does can reach the tester's own files or another computer. Real programs come by the fixture `restic` or,
for any other, `program`; where one is missing the test is skipped with a reason that starts with ``missing:``. With
CI=true such a skip is a failure, so that a build server cannot lose tests without anybody noticing.
"""

import ipaddress
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

MISSING = "missing:"
FOREIGN = ("TRAYBACKUP_", "RESTIC_", "BORG_", "XDG_", "LC_", "GIT_", "PIP_")
FOREIGN_TOO = {"LANG", "LANGUAGE", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY", "PYTHONPATH", "COLUMNS"}

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a background job: tests send it, and mean it
    signal.signal(signal.SIGINT, signal.default_int_handler)

hypothesis.settings.register_profile("here", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", parent=hypothesis.settings.get_profile("here"), derandomize=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") == "true" else "here")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:  # noqa: ARG001
    return _judge((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:  # noqa: ARG001
    return _judge((yield))


def _judge(report: pytest.TestReport | pytest.CollectReport) -> pytest.TestReport | pytest.CollectReport:
    """Turn a skip for something missing into a failure where nothing may be missing."""
    if report.skipped and isinstance(report.longrepr, tuple) and os.environ.get("CI") == "true":
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason.startswith(MISSING):
            report.outcome = "failed"
            report.longrepr = f"{reason}: with CI=true no test is skipped for that"
    return report


def _refuse_others(host: object) -> None:
    """Fail the test if *host* is neither this computer nor nothing in particular."""
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        here = ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        here = name == "localhost"
    if not here:
        pytest.fail(f"a test tried to reach {name}")


def _guarded(connect: Callable[..., object]) -> Callable[..., object]:
    def guard(self: socket.socket, address: object) -> object:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple):
            _refuse_others(address[0])
        return connect(self, address)

    return guard


def _guarded_lookup(lookup: Callable[..., object]) -> Callable[..., object]:
    def guard(host: object, *more: object, **named: object) -> object:
        _refuse_others(host)
        return lookup(host, *more, **named)

    return guard


@pytest.fixture(scope="session", autouse=True)
def _apart_from_this_computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Clean the environment, fix the time zone and shut the network, before any other fixture is made."""
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(FOREIGN) or name in FOREIGN_TOO or name.lower().endswith("_proxy"):
                patch.delenv(name)
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HOME", str(home))
        patch.setenv("USERPROFILE", str(home))
        patch.setenv("TRAYBACKUP_HOME", str(home / "traybackup"))
        patch.setenv("LC_ALL", "C.UTF-8")
        patch.setenv("PATH", os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]))
        patch.setenv("TRAYBACKUP_KEYRING", "off")  # the tester's own keyring stays shut
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")  # spelled out: a bare Debian has no zone files
        if hasattr(time, "tzset"):
            time.tzset()
        patch.setattr(socket.socket, "connect", _guarded(socket.socket.connect))
        patch.setattr(socket.socket, "connect_ex", _guarded(socket.socket.connect_ex))
        patch.setattr(socket, "getaddrinfo", _guarded_lookup(socket.getaddrinfo))
        yield
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture(autouse=True)
def _empty_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a home of its own, outside its `tmp_path`."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("TRAYBACKUP_HOME", str(home / "traybackup"))


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return a function that finds a program on PATH, or skips the test by its name."""

    def find(name: str) -> str:
        found = shutil.which(name)
        if found is None:
            pytest.skip(f"{MISSING} {name}")
        return found

    return find


@pytest.fixture(scope="session")
def restic(program: Callable[[str], str]) -> str:
    """Return the path of the real restic."""
    return program("restic")
