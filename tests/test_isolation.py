"""conftest.py keeps its word: nothing leaks in, nothing gets out, and no test gets lost on a build server."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

CONFTEST = Path(__file__).resolve().parent / "conftest.py"


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of *folder* under a copy of our conftest."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST.read_text("utf-8"), "utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rA",
        "-p",
        "no:cacheprovider",
        "--continue-on-collection-errors",
        folder,
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def test_home_is_empty_and_temporary(tmp_path: Path) -> None:
    """A test's home and TRAYBACKUP_HOME are its own, below pytest's folder and outside tmp_path."""
    home = Path.home()
    assert list(home.iterdir()) == []
    assert home.is_relative_to(tmp_path.parent)
    assert not home.is_relative_to(tmp_path)
    assert Path(os.environ["TRAYBACKUP_HOME"]).is_relative_to(home)


def test_environment_is_clean(tmp_path: Path) -> None:
    """Passwords, proxies and session buses of the tester do not reach a test."""
    (tmp_path / "test_it.py").write_text(
        "import os\n"
        "def test_it():\n"
        "    assert not set(os.environ) & {'RESTIC_PASSWORD', 'TRAYBACKUP_PASSWORD', 'https_proxy', 'DISPLAY'}\n"
    )
    dirty = {"RESTIC_PASSWORD": "a", "TRAYBACKUP_PASSWORD": "b", "https_proxy": "c", "DISPLAY": ":0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in dirty.items():
            patch.setenv(name, value)
        done = run_pytest(tmp_path)
    assert done.returncode == 0, done.stdout


def test_time_zone_is_fixed() -> None:
    """Local time is Central Europe's with its summer time, so that a forgotten zone shows."""
    if not hasattr(time, "tzset"):
        pytest.skip("Windows has no tzset")
    assert time.localtime(1_753_000_000).tm_gmtoff == 7200
    assert time.localtime(1_737_000_000).tm_gmtoff == 3600


def test_loopback_is_open() -> None:
    """A test may talk to a server of its own."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        assert client.getpeername() == server.getsockname()


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1", "example.org", "localhost.example.org"])
def test_other_computers_are_out_of_reach(host: str) -> None:
    """A connection to anything but loopback fails the test before a byte goes out, a look-up of its name too."""
    with pytest.raises(pytest.fail.Exception, match="tried to reach"):
        socket.create_connection((host, 9))
    with socket.socket() as client, pytest.raises(pytest.fail.Exception, match="tried to reach"):
        client.connect((host, 9))


@pytest.mark.parametrize(("ci", "summary"), [("", "3 skipped"), ("true", "1 failed, 1 skipped, 1 error")])
def test_skip_for_something_missing_fails_under_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ci: str, summary: str
) -> None:
    """With CI=true a skip "missing: ..." is a failure, of a test and of a whole module; other skips stay skips."""
    (tmp_path / "test_a.py").write_text("def test_it(program):\n    program('no-such-program')\n")
    (tmp_path / "test_b.py").write_text("import pytest\npytest.skip('missing: something', allow_module_level=True)\n")
    (tmp_path / "test_c.py").write_text(
        "import pytest\n@pytest.mark.skip(reason='on Windows only')\ndef test_it():\n    pass\n"
    )
    if ci:
        monkeypatch.setenv("CI", ci)
    else:
        monkeypatch.delenv("CI", raising=False)
    done = run_pytest(tmp_path)
    assert summary in done.stdout.splitlines()[-1]
    assert "missing: no-such-program" in done.stdout
