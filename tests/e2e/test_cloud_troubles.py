"""What goes wrong with a cloud, in the installed program: a clear line, nothing half there, and the stick goes on.

The plugin, the keyring and the sign-in are real; Google is a stand-in on this computer that does what it is told.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from drive_server import DriveServer, Fault, World

from tests.clouddesk import client_words, desktop_with_browser
from tests.e2e.conftest import PASSWORD, Program, make_till

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the keyring of the tests is GNOME's")

PROMPTLY = 5.0
"""Seconds from Ctrl-C to the end: two, and what a busy computer needs to end a process."""


@dataclass
class Shop:
    """A shop with a till, a stick, and a cloud that holds one backup."""

    run: Program
    google: DriveServer
    folder: Path
    started: list["Running"] = field(default_factory=list)

    @property
    def world(self) -> World:
        return self.google.world

    @property
    def config(self) -> Path:
        return self.folder / "home" / "config" / "config.toml"

    @property
    def till(self) -> Path:
        return self.folder / "till"

    def trade(self) -> None:
        """Change what the till holds, so that a backup has something to send."""
        (self.till / "data" / "today.bin").write_bytes(os.urandom(1_500_000))

    def snapshots(self) -> int:
        (found,) = self.run("snapshots", "--from", "cloud", "--json").records
        return len(found)

    def back_up(self, **variables: str) -> Any:
        self.trade()
        return self.run.given(**variables)("backup", self.till, "--to", "cloud")

    def start(self, **variables: str) -> "Running":
        """Start a backup to the cloud."""
        self.trade()
        self.started.append(Running(self.run.given(**variables).start("backup", self.till, "--to", "cloud")))
        return self.started[-1]

    def stick_works(self) -> bool:
        said = self.run.given(TRAYBACKUP_PASSWORD=PASSWORD)("backup", self.till, "--to", self.folder / "stick")
        return said.code == 0


class Running:
    """A backup under way, and the lines that it writes to where errors go."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._lines: list[str] = []
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr:
            with self._news:
                self._lines.append(line)
                self._news.notify_all()

    def says(self, text: str) -> str:
        """Wait for a line with *text*, and return all lines so far."""
        with self._news:
            assert self._news.wait_for(lambda: any(text in line for line in self._lines), 60), self._lines
            return "".join(self._lines)

    def stop(self) -> tuple[int, float, str]:
        """Ask it to stop; return its exit code, the seconds it took, and all it said."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(60), time.monotonic() - began, self._all()

    def end(self) -> tuple[int, float, str]:
        """Wait for its end."""
        began = time.monotonic()
        return self._process.wait(60), time.monotonic() - began, self._all()

    def close(self) -> None:
        """Leave nothing of it."""
        self._process.kill()
        self._process.wait()
        self._all()

    def _all(self) -> str:
        self._reader.join(10)
        self._process.stdout.close()
        self._process.stderr.close()
        return "".join(self._lines)


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Shop]:
    """A shop that has signed in and saved once."""
    folder = tmp_path_factory.mktemp("shop")
    make_till(folder / "till")
    (folder / "stick").mkdir()
    with desktop_with_browser(folder, program) as desktop, DriveServer() as google:
        known = {"TRAYBACKUP_HOME": str(folder / "home"), "HOME": str(folder)}
        run = Program(dict(os.environ) | known | desktop)
        added = run("destinations", "add", "cloud", "gdrive:TrayBackup", *client_words(google, folder))
        assert added.code == 0, added.err
        assert run("sign-in", "cloud").code == 0
        assert run("backup", folder / "till", "--to", "cloud").code == 0
        yield Shop(run, google, folder)


@pytest.fixture
def shop(signed_in: Shop) -> Iterator[Shop]:
    """The same shop for each test, in which nothing is wrong any more afterwards."""
    before = signed_in.snapshots()
    yield signed_in
    for running in signed_in.started:
        running.close()
    signed_in.started.clear()
    signed_in.world.faults.clear()
    signed_in.world.skew = 0.0
    assert signed_in.snapshots() >= before
    assert not [name for name in signed_in.world.tree() if "/locks/" in name]


def at(shop: Shop, kind: str) -> set[str]:
    return {name for name in shop.world.tree() if f"/{kind}/" in name}


def test_a_sign_in_page_of_the_network(shop: Shop) -> None:
    """A page with status 200 instead of Google is told at once, while it is tried again; Ctrl-C ends the waiting."""
    shop.world.faults.append(Fault("*", "portal", times=-1))
    running = shop.start()
    said = running.says("Trying again")
    assert "Not cloud answered, but something in between" in said
    assert shop.stick_works()
    code, seconds, _ = running.stop()
    assert (code, seconds < PROMPTLY) == (130, True)


def test_a_clock_that_is_wrong_by_a_day(shop: Shop) -> None:
    """It is said by how much, and nothing is saved under a wrong date."""
    before = shop.snapshots()
    shop.world.skew = -86_400.0
    said = shop.back_up()
    assert said.code == 1
    assert "the clock of this PC is off by 24 h 00 min. Set the date and time" in said.err
    assert shop.stick_works()
    shop.world.skew = 0.0
    assert shop.snapshots() == before


def test_a_proxy_that_is_not_there(shop: Shop) -> None:
    """The line says what to look at."""
    running = shop.start(HTTP_PROXY="http://127.0.0.1:9", HTTPS_PROXY="http://127.0.0.1:9")
    running.says("cannot be reached at the moment")
    assert running.stop()[0] == 130


def test_a_proxy_that_wants_a_password(shop: Shop) -> None:
    """It answers in Google's place, and that is told."""
    shop.world.faults.append(Fault("*", "html-407", times=-1))
    running = shop.start()
    running.says("Not cloud answered")
    assert running.stop()[0] == 130


class Stranger(BaseHTTPRequestHandler):
    """Some other server."""

    def do_GET(self) -> None:
        self.send_error(404)

    do_POST = do_GET  # noqa: N815 - http.server wants its names

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def stranger() -> Iterator[str]:
    """Return the address of some other server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_an_endpoint_where_somebody_else_answers(shop: Shop, stranger: str) -> None:
    """It is told that it is not the service; with the right address all is as before."""
    plain = shop.config.read_text()
    shop.config.write_text(plain.replace(shop.google.url, stranger))
    running = shop.start()
    running.says("Not cloud answered")
    assert running.stop()[0] == 130
    shop.config.write_text(plain)


def test_an_endpoint_that_is_no_address(shop: Shop) -> None:
    """The setting is named, with what is allowed."""
    said = shop.run("sign-in", "gdrive", "--set", "endpoint=nonsense", "--set", "client_id=x")
    assert said.code == 1
    assert "The setting “endpoint” of gdrive cannot be right" in said.err


def test_a_sign_in_that_was_taken_back(shop: Shop) -> None:
    """The owner revoked it at Google: told at once with the command; afterwards all goes on as before."""
    before = shop.snapshots()
    for grant in shop.world.refresh_tokens.values():
        grant.revoked = True
    said = shop.back_up()
    assert said.code == 1
    assert "traybackup sign-in" in said.err
    assert len(said.err.splitlines()) == 1
    assert shop.stick_works()
    assert shop.run("sign-in", "cloud").code == 0
    assert shop.snapshots() == before


def test_a_full_account(shop: Shop) -> None:
    """No snapshot is written after it, and what was there stays."""
    before, packs = at(shop, "snapshots"), at(shop, "data")
    shop.world.faults.append(Fault("files.create", "storage", times=-1, skip=1))  # the first is the lock
    said = shop.back_up()
    assert said.code == 1
    assert "There is no room left in cloud; this backup is not finished, earlier ones are safe." in said.err
    assert (at(shop, "snapshots"), at(shop, "data")) == (before, packs)


def test_ctrl_c_in_the_middle_of_an_upload(shop: Shop) -> None:
    """An upload that Google never answers holds nobody up: nothing stays locked, the next run is whole."""
    before = at(shop, "snapshots")
    calls = len(shop.world.calls)
    shop.world.faults.append(Fault("files.create", "hang", times=1, skip=1, seconds=60))
    running = shop.start()
    until = time.monotonic() + 60
    while shop.world.faults[0].times and time.monotonic() < until:
        time.sleep(0.05)
    assert shop.world.faults[0].times == 0, [call.method for call in shop.world.calls[calls:]]
    code, seconds, said = running.stop()
    assert code == 130
    assert seconds < PROMPTLY
    assert "Stopped as you asked" in said
    assert at(shop, "snapshots") == before
    assert not at(shop, "locks")
    assert shop.back_up().code == 0
    assert shop.run("check", "--from", "cloud").code == 0


def test_a_limit_that_is_lifted_counts_at_once(shop: Shop) -> None:
    """A run that would take minutes at the speed of the configuration ends soon after that was changed."""
    plain = shop.config.read_text()
    shop.config.write_text(plain.replace("version = 1", 'version = 1\nupload_limit = "8"', 1))
    running = shop.start()
    until = time.monotonic() + 60
    while not at(shop, "locks") and time.monotonic() < until:
        time.sleep(0.05)
    received = shop.world.received
    time.sleep(3)  # what is measured is that it is slow
    assert shop.world.received - received < 200_000
    shop.config.write_text(plain)
    code, seconds, said = running.end()
    assert code == 0, said
    assert seconds < 45  # 1.5 MB at 8 KiB/s would take three minutes
