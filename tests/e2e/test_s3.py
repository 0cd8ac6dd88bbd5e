"""A chain's bucket: the installed program, rclone's real S3 server, and the real restic on the same bucket."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from s3_servers import BUCKET, KEY, SECRET, Door, Fault, door, error, rclone_s3

from tests.session import keyring, session

PASSWORD = "correct horse"  # noqa: S105 - of repositories that live for one test


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Door]:
    with rclone_s3(tmp_path / "buckets") as server, door(server) as shown:
        yield shown


@pytest.fixture
def shop(program_here: Any, bucket: Door) -> Any:
    """Return the program on a till without a keyring, which has its keys in a profile of the AWS tools."""
    folder = Path(program_here.environment["HOME"]) / ".aws"
    folder.mkdir()
    (folder / "credentials").write_text(f"[till]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\n")
    words = ["--set", f"endpoint={bucket.url}", "--set", "profile=till"]
    added = program_here("destinations", "add", "chain", f"s3:{BUCKET}/shop17", *words)
    assert added.code == 0, added.err
    return program_here


@pytest.fixture
def restic_on_s3(bucket: Door, restic: str, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs the real restic on the same folder of the bucket."""

    def run(*given: object) -> str:
        command = [restic, "--no-cache", "-r", f"s3:{bucket.url}/{BUCKET}/shop17", *map(str, given)]
        known = dict(os.environ) | bucket.environment | {"RESTIC_PASSWORD": PASSWORD, "HOME": str(tmp_path)}
        done = subprocess.run(command, env=known, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_whole_story(
    shop: Any,
    bucket: Door,
    till: Path,
    tmp_path: Path,
    facts_of: Callable[[Path], Any],
    restic_on_s3: Callable[..., str],
) -> None:
    """Save, check, bring back; restic checks, restores and adds in the same bucket, and we go on from there."""
    assert shop("destinations", "test", "chain").code == 0
    assert [path for path in (bucket.folder / BUCKET).rglob("*") if path.is_file()] == []
    first = shop("backup", till, "--to", "chain")
    assert first.code == 0, first.err
    (till / "data" / "sales.txt").write_bytes(b"one\ntwo\nthree\n")
    assert shop("backup", till, "--to", "chain").code == 0
    assert shop("check", "--from", "chain", "--read-data").code == 0
    assert shop("restore", "latest", "--from", "chain", "--into", tmp_path / "back").code == 0
    assert facts_of(tmp_path / "back" / till.relative_to("/")) == facts_of(till)

    assert "no errors were found" in restic_on_s3("check", "--read-data")
    restic_on_s3("restore", "latest", "--target", tmp_path / "again")
    assert facts_of(tmp_path / "again" / till.relative_to("/")) == facts_of(till)
    (tmp_path / "note").write_text("by restic")
    restic_on_s3("backup", "--host", "elsewhere", tmp_path / "note")
    (found,) = shop("snapshots", "--from", "chain", "--json").records
    assert [one["hostname"] for one in found].count("elsewhere") == 1
    assert shop("forget", found[0]["short_id"], "--from", "chain").code == 0
    assert shop("prune", "--from", "chain").code == 0
    assert "no errors were found" in restic_on_s3("check", "--read-data")


def test_secret_stays_in_the_keyring(
    program_here: Any, bucket: Door, till: Path, tmp_path: Path, program: Callable[[str], str]
) -> None:
    """With a keyring the secret key is kept there and nowhere else."""
    for name in ("dbus-daemon", "gnome-keyring-daemon"):
        program(name)
    (tmp_path / "secret").write_text(SECRET)
    with session(tmp_path / "session") as variables, keyring(variables):
        shop = program_here.given(**variables, TRAYBACKUP_KEYRING="")
        words = ["--set", f"endpoint={bucket.url}", "--set", f"access_key_id={KEY}"]
        words += ["--secret-file", f"secret_access_key={tmp_path / 'secret'}"]
        added = shop("destinations", "add", "chain", f"s3:{BUCKET}/shop17", *words)
        assert added.code == 0, added.err
        assert shop("backup", till, "--to", "chain").code == 0
        home = Path(shop.environment["TRAYBACKUP_HOME"])
        assert not [path for path in home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_till_that_may_not_delete(shop: Any, bucket: Door, till: Path, restic_on_s3: Callable[..., str]) -> None:
    """With the right to delete locks alone, a till saves and checks; what is saved it cannot remove."""
    denied = error("AccessDenied", 403)
    denied.method, denied.lasting, denied.but = "DELETE", True, "/locks/"
    bucket.faults.append(denied)
    for text in ("one", "two"):
        (till / "data" / "sales.txt").write_text(text)
        said = shop("backup", till, "--to", "chain")
        assert said.code == 0, said.err
    assert shop("check", "--from", "chain", "--read-data").code == 0
    before = {path for path in (bucket.folder / BUCKET).rglob("*") if path.is_file()}
    (found,) = shop("snapshots", "--from", "chain", "--json").records
    said = shop("forget", found[0]["short_id"], "--from", "chain")
    assert said.code == 1
    assert "permission" in said.err
    assert {path for path in (bucket.folder / BUCKET).rglob("*") if path.is_file()} == before

    bucket.faults.clear()  # the dealer, on his own computer and with his own key
    restic_on_s3("forget", found[0]["id"], "--prune")
    assert shop("check", "--from", "chain", "--read-data").code == 0


def test_till_that_may_delete_nothing(shop: Any, bucket: Door, till: Path) -> None:
    """Without the right to delete locks the first run leaves its own, and the next says that a right is missing."""
    denied = error("AccessDenied", 403)
    denied.method, denied.lasting = "DELETE", True
    bucket.faults.append(denied)
    assert shop("backup", till, "--to", "chain").code == 0
    said = shop("backup", till, "--to", "chain")
    assert said.code == 1
    assert "permission" in said.err
    bucket.faults.clear()
    assert shop("backup", till, "--to", "chain").code == 0
    assert shop("check", "--from", "chain", "--read-data").code == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (error("InvalidAccessKeyId", 403), "password or key"),
        (error("NoSuchBucket", 404), "The folder or bucket of chain is not there"),
        (error("RequestTimeTooSkewed", 403), "clock"),
        (error("AccessDenied", 403), "permission"),
    ],
)
def test_each_trouble_has_its_own_words(shop: Any, bucket: Door, till: Path, fault: Fault, words: str) -> None:
    """What is wrong is said in one clear line, and nothing is half-made at the place."""
    fault.lasting = True
    bucket.faults.append(fault)
    said = shop("backup", till, "--to", "chain")
    assert said.code == (10 if fault.status == 404 else 1)
    assert words in said.err
    assert "Traceback" not in said.err
    assert [path for path in (bucket.folder / BUCKET).rglob("*") if path.is_file()] == []
