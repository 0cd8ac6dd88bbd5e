"""Identity: telling processes, and runs of computers, apart."""

import os
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest

from traybackup.engine import identity
from traybackup.engine.identity import process_started, this_process, uptime


def test_we_know_ourselves() -> None:
    """This process has an identity, twice the same, with everything that a lock file names."""
    me = this_process()
    assert me == this_process()
    assert me.pid == os.getpid()
    assert me.started == process_started(os.getpid())
    assert me.hostname
    assert me.machine


def test_another_process_of_this_computer_shares_all_but_itself() -> None:
    """A second process names the same computer and the same run of it."""
    program = "from traybackup.engine.identity import this_process as t; me = t(); print(me.machine); print(me.boot)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    me = this_process()
    assert run.stdout == f"{me.machine}\n{me.boot}\n"


def test_a_number_that_cannot_be_is_no_process() -> None:
    """Numbers from a hostile lock file are no processes, and nothing is sent to a whole group."""
    assert [process_started(number) for number in (0, -1, 1 << 31, 1 << 80)] == [None] * 4


@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_a_process_ends(monkeypatch: pytest.MonkeyPatch, system: str) -> None:
    """A living process has a start, one that ended has none, fetched by its parent or not."""
    monkeypatch.setattr(identity, "sys", SimpleNamespace(platform=system))
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process_started(process.pid)
    process.kill()
    while process_started(process.pid) is not None:
        time.sleep(0.001)
    process.communicate()
    assert process_started(process.pid) is None


def test_a_process_we_may_not_look_at_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system hides a process of another user, it is there all the same, and its start unknown."""

    def denied(number: int) -> None:
        raise psutil.AccessDenied(number)

    monkeypatch.setattr(identity, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(psutil, "Process", denied)
    assert process_started(1) == ""


def test_a_process_hidden_in_proc_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    """With /proc mounted so that it hides others, a signal that does nothing still finds them."""

    def refuse(number: int, signal: int) -> None:
        raise PermissionError(number, signal)

    monkeypatch.setattr(identity, "Path", lambda _: SimpleNamespace(read_text=_no_file))
    assert process_started(os.getpid()) == ""
    monkeypatch.setattr(os, "kill", refuse)
    assert process_started(os.getpid()) == ""


def _no_file(**_: object) -> str:
    raise FileNotFoundError


def test_without_any_id_a_computer_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither system nor network card has an id, the computer is unknown rather than the same as every other."""
    monkeypatch.setattr(identity, "_system_id", lambda: "")
    monkeypatch.setattr(identity, "_network_hardware", list)
    assert this_process().machine == ""


def test_a_cloned_disk_in_another_case_is_another_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the same system id but another network card the computer is another one."""
    before = this_process().machine
    monkeypatch.setattr(identity, "_network_hardware", lambda: ["02:00:00:00:00:99"])
    assert this_process().machine not in ("", before)


def test_invented_network_addresses_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that the system invents anew each time is no hardware."""
    monkeypatch.setattr(identity, "sys", SimpleNamespace(platform="darwin"))
    monkeypatch.setattr(identity.uuid, "getnode", lambda: 0x0200_0000_0001)
    assert identity._network_hardware() == ["020000000001"]
    monkeypatch.setattr(identity.uuid, "getnode", lambda: 0x0300_0000_0001)
    assert identity._network_hardware() == []


def test_uptime_passes() -> None:
    """The stopwatch runs, and starts at power-on."""
    first = uptime()
    assert 0 < first <= uptime()
