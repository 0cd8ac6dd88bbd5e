"""The commands: what each says to people and to programs, and its exit codes."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from traybackup.app import recovery
from traybackup.app.recovery import normal_form

CODE = re.compile(r"Recovery code:  ((?:[0-9A-Z]{5}-){6}[0-9A-Z]{5})")


@pytest.fixture
def saved(shell: Any) -> Any:
    """Make one backup."""
    assert shell.backup().code == 0
    return shell


def snapshot_ids(shell: Any) -> list[str]:
    (listed,) = shell.at("snapshots", "--json").records
    return [one["id"] for one in listed]


# backup


def test_backup_says_what_it_saved(shell: Any) -> None:
    """People read files, bytes, time, what was new, and that it was read back."""
    said = shell.backup()
    assert said.code == 0
    assert said.err == ""
    assert f"Made a new place for backups in {shell.place}." in said.out
    assert "Saved 2 files, 15 bytes, in " in said.out
    assert "2 new, 0 changed" in said.out
    assert re.search(r"Snapshot [0-9a-f]{8} is complete and was read back", said.out)
    assert "Recovery code" not in said.out


def test_backup_speaks_restics_json(shell: Any) -> None:
    """Programs get initialized, status and summary messages with restic's names."""
    said = shell.backup("--json", "--tag", "a,b")
    assert [one["message_type"] for one in said.records] == ["initialized", "status", "summary"]
    status, summary = said.record("status"), said.record("summary")
    assert (status["percent_done"], status["files_done"], status["bytes_done"]) == (1.0, 2, 15)
    expected = {
        "files_new": 2,
        "files_changed": 0,
        "files_unmodified": 0,
        "total_files_processed": 2,
        "total_bytes_processed": 15,
        "data_blobs": 2,
    }
    assert expected.items() <= summary.items()
    assert {
        "dirs_new",
        "dirs_changed",
        "dirs_unmodified",
        "tree_blobs",
        "data_added",
        "data_added_packed",
    } <= summary.keys()
    assert summary["total_duration"] > 0
    assert snapshot_ids(shell) == [summary["snapshot_id"]]


def test_verbose_json_lists_every_file(shell: Any) -> None:
    """With --json -v each file has its verbose_status."""
    said = shell.backup("--json", "-v")
    items = {one["item"]: one["action"] for one in said.records if one["message_type"] == "verbose_status"}
    assert items == {str(shell.source / "data/sales.txt"): "new", str(shell.source / "settings.ini"): "new"}
    (shell.source / "settings.ini").write_bytes(b"[till]\nx=1\n")
    said = shell.backup("--json", "-v")
    assert [one["action"] for one in said.records if one.get("item", "").endswith(".ini")] == ["modified"]


def test_a_new_place_shows_its_code_once(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a password a code is made and shown, even if silence is wanted; it is the password from then on."""
    monkeypatch.delenv("TRAYBACKUP_PASSWORD")
    said = shell.backup("--quiet")
    assert said.code == 0
    found = CODE.search(said.out)
    assert found
    assert normal_form(found[1]) == found[1]
    assert "The keyring cannot be used: it is switched off" in said.out
    assert shell.backup().code == 12
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", found[1].lower())
    again = shell.backup()
    assert again.code == 0
    assert found[1] not in again.out


def test_a_new_place_tells_programs_its_code(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In JSON the code is in the message about the new place."""
    monkeypatch.delenv("TRAYBACKUP_PASSWORD")
    made = shell.backup("--json").record("initialized")
    assert normal_form(made["recovery_code"])
    assert made["kept_in_keyring"] is False
    assert made["repository"] == str(shell.place)


def test_selection_options_reach_the_source(shell: Any, tmp_path: Path) -> None:
    """Excludes by pattern, file, size, cache tag and mark; further paths from a file."""
    for name, data in {
        "a.tmp": b"x",
        "b.log": b"x",
        "big": bytes(3000),
        "cache/CACHEDIR.TAG": b"Signature: 8a477f597d28d172789f06886806bc55",
        "cache/thing": b"x",
        "private/.nobackup": b"",
        "private/thing": b"x",
    }.items():
        path = shell.source / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    (tmp_path / "patterns").write_text("# comment\n*.log\n\n")
    (tmp_path / "more.txt").write_text("more")
    (tmp_path / "list").write_text(f"# comment\n{tmp_path}/mo*.txt\n\n")
    said = shell.backup(
        *("--exclude", "*.tmp", "--exclude-file", tmp_path / "patterns", "--exclude-larger-than", "2k"),
        *("--exclude-caches", "--exclude-if-present", ".nobackup", "--files-from", tmp_path / "list"),
        *("-x", "--host", "h1"),
    )
    assert said.code == 0
    names = {Path(line).name for line in shell.at("ls", "latest").out.splitlines() if line.startswith("/")}
    assert {"sales.txt", "settings.ini", "more.txt", "CACHEDIR.TAG"} <= names
    assert not names & {"a.tmp", "b.log", "big", "thing"}
    (listed,) = shell.at("snapshots", "--json").records
    assert listed[0]["hostname"] == "h1"
    assert listed[0]["excludes"] == ["*.tmp", "*.log"]


def test_a_time_of_the_past_can_be_given(shell: Any) -> None:
    """--time is local if it has no offset."""
    assert shell.backup("--time", "2026-01-02 03:04").code == 0
    (listed,) = shell.at("snapshots", "--json").records
    assert listed[0]["time"] == "2026-01-02T02:04:00.000000Z"
    assert "2026-01-02 03:04" in shell.at("snapshots").out


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["backup", "{tmp}/nowhere", "--to", "{tmp}/place"], 1, "is not there; no backup was made"),
        (["backup", "{tmp}/till", "--to", "{tmp}/a/b"], 10, "{tmp}/a/b is not there"),
        (["backup", "{tmp}/till", "--to", "nosuch:TrayBackup"], 1, "No provider called “nosuch”"),
        (["backup", "{tmp}/till", "--to", "{tmp}/till/settings.ini"], 1, "is not a folder"),
        (["backup", "{tmp}/place", "--to", "{tmp}/place"], 1, "belongs to the backups"),
        (["snapshots", "--from", "{tmp}/till"], 10, "There are no backups in {tmp}/till"),
        (["snapshots", "--from", "{tmp}/nowhere"], 10, "{tmp}/nowhere is not there"),
        (["restore", "latest", "--from", "{tmp}/till", "--into", "{tmp}/out"], 10, "There are no backups"),
        (["backup", "{tmp}/till", "--to", "{tmp}/place", "--password-file", "{tmp}/no"], 12, "cannot be read from"),
        (["backup", "{tmp}/till", "--to", "{tmp}/place", "--exclude", "[z-a]"], 1, "is no pattern"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_next_step(
    words: list[str], code: int, expected: str, shell: Any, tmp_path: Path
) -> None:
    """One line, the documented exit code, the same in JSON, and nothing changed."""
    words = [word.format(tmp=tmp_path) for word in words]
    before = sorted(tmp_path.rglob("*"))
    said = shell(*words)
    assert said.code == code
    assert expected.format(tmp=tmp_path) in said.err
    assert said.err.count("\n") == 1
    assert said.out == ""
    assert shell(*words, "--json").errors[-1]["code"] == code
    assert sorted(tmp_path.rglob("*")) == before


def test_a_wrong_password_changes_nothing(saved: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 12 for every command that opens the place."""
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", "wrong")
    before = sorted(saved.place.rglob("*"))
    for said in (saved.backup(), saved.at("snapshots"), saved.at("check"), saved.at("key list"), saved.at("prune")):
        assert said.code == 12
        assert "does not open these backups" in said.err
    assert sorted(saved.place.rglob("*")) == before


def test_a_mistyped_code_names_the_group(shell: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recovery code with a typo is told with the number of the group."""
    code = recovery.generate()
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", code)
    assert shell.backup().code == 0
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", code[:6] + ("X" if code[6] != "X" else "Y") + code[7:])
    said = shell.at("snapshots")
    assert said.code == 12
    assert "mistake in group 2" in said.err


# snapshots, ls, dump


def test_snapshots_are_a_table_or_one_array(saved: Any) -> None:
    """People get a table, programs one JSON array as restic prints it."""
    said = saved.at("snapshots")
    assert said.code == 0
    assert said.out.splitlines()[0].split() == ["ID", "Time", "Computer", "Tags", "Size", "Paths"]
    assert str(saved.source) in said.out
    (listed,) = saved.at("snapshots", "--json").records
    assert {"time", "tree", "paths", "hostname", "username", "program_version", "summary", "id", "short_id"} <= listed[
        0
    ].keys()
    assert listed[0]["id"].startswith(listed[0]["short_id"])


def test_an_empty_list_is_said(saved: Any) -> None:
    """No snapshots is a sentence, or an empty array."""
    assert saved.at("snapshots", "--host", "nobody").out == "There are no snapshots.\n"
    assert saved.at("snapshots", "--host", "nobody", "--json").out == "[]\n"


def test_a_damaged_snapshot_is_told_and_exit_code_1(saved: Any) -> None:
    """What can be read is listed."""
    (lost,) = snapshot_ids(saved)
    saved.backup()
    file = saved.place / "snapshots" / lost
    file.chmod(0o600)
    file.write_bytes(b"rot")
    said = saved.at("snapshots")
    assert said.code == 1
    assert lost[:8] in said.err
    assert "1 snapshot" in said.out
    assert saved.at("snapshots", "--json").errors[0]["id"] == lost


def test_ls_lists_paths_or_nodes(saved: Any) -> None:
    """People get paths, with -l facts as well; programs get restic's nodes."""
    top = str(saved.source)
    lines = saved.at("ls", "latest", top).out.splitlines()
    assert lines[0].startswith("Snapshot ")
    assert lines[1:] == [top, f"{top}/data", f"{top}/settings.ini"]
    assert f"{top}/data/sales.txt" in saved.at("ls", "latest", top, "--recursive").out
    facts = saved.at("ls", "latest", f"{top}/settings.ini", "-l").out.splitlines()[1]
    assert facts.startswith("-rw")
    assert " 7 20" in facts
    head, *nodes = saved.at("ls", "latest", "--json").records
    assert (head["struct_type"], head["message_type"]) == ("snapshot", "snapshot")
    by_path = {node["path"]: node for node in nodes}
    file = by_path[f"{top}/settings.ini"]
    assert (file["type"], file["size"], file["name"], file["struct_type"]) == ("file", 7, "settings.ini", "node")
    assert file["permissions"].startswith("-rw")
    folder = by_path[f"{top}/data"]
    assert folder["mode"] >> 31 == 1
    assert folder["permissions"].startswith("drwx")
    assert "size" not in folder


def test_hostile_names_are_spelled_out(shell: Any) -> None:
    """A name that would move the cursor is harmless in a listing and exact in JSON."""
    (shell.source / "evil\x1b[2J\nname").write_bytes(b"x")
    shell.backup()
    listed = shell.at("ls", "latest", shell.source)
    assert "evil\\x1b[2J\\x0aname" in listed.out
    assert "\x1b" not in listed.out
    nodes = shell.at("ls", "latest", "--json").records[1:]
    assert any(node["name"] == "evil\x1b[2J\nname" for node in nodes)


def test_what_a_snapshot_does_not_hold_is_told(saved: Any) -> None:
    """A wrong path and a wrong snapshot have their own lines."""
    assert "holds nothing" in saved.at("ls", "latest", "/nowhere").err
    assert saved.at("ls", "latest", "/nowhere").code == 1
    assert "no backup “ffffffff”" in saved.at("ls", "ffffffff").err
    assert "is not a file" in saved.at("dump", "latest", saved.source).err


def test_dump_writes_exactly_the_bytes(shell: Any, tmp_path: Path) -> None:
    """To the output, or to a new file; never over an old one."""
    data = bytes(range(256)) * 20
    (shell.source / "bytes.bin").write_bytes(data)
    shell.backup()
    wanted = shell.source / "bytes.bin"
    assert shell.at("dump", "latest", wanted, "-o", tmp_path / "copy").code == 0
    assert (tmp_path / "copy").read_bytes() == data
    again = shell.at("dump", "latest", wanted, "-o", tmp_path / "copy")
    assert again.code == 2
    assert "File exists" in again.err
    assert shell.at("dump", "latest", shell.source / "settings.ini").out == "[till]\n"


# restore


def test_restore_says_what_came_back(saved: Any, tmp_path: Path) -> None:
    """People read counts and that every byte was checked; programs get restic's summary."""
    said = saved.at("restore", "latest", "--into", tmp_path / "out")
    assert said.code == 0
    assert f"Brought back 2 files, 15 bytes, into {tmp_path}/out" in said.out
    assert "every byte was checked" in said.out
    back = tmp_path / "out" / saved.source.relative_to("/")
    assert (back / "data" / "sales.txt").read_bytes() == b"one\ntwo\n"
    again = saved.at("restore", "latest", "--into", tmp_path / "out", "--json")
    summary = again.record("summary")
    assert (summary["files_restored"], summary["files_skipped"], summary["total_bytes"]) == (0, 2, 15)
    assert again.record("status")["total_files"] == 2


def test_restore_of_a_folder_and_of_parts(saved: Any, tmp_path: Path) -> None:
    """SNAPSHOT:FOLDER and --only narrow it down."""
    assert saved.at("restore", f"latest:{saved.source}", "--into", tmp_path / "a", "--only", "/data").code == 0
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["data"]
    assert saved.at("restore", "latest", "--into", tmp_path / "b", "--only", "/nowhere").code == 1


def test_what_is_in_the_way_stays_and_is_listed(saved: Any, tmp_path: Path) -> None:
    """Exit code 3, the file is named, and it is as it was."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "settings.ini").write_bytes(b"mine")
    words = ("restore", f"latest:{saved.source}", "--into", tmp_path / "out")
    said = saved.at(*words)
    assert said.code == 3
    assert "settings.ini: another one of this name is there" in said.err
    assert "1 of " in said.err
    told = saved.at(*words, "--json")
    assert told.code == 3
    assert [one["message_type"] for one in told.errors] == ["error", "exit_error"]
    assert (tmp_path / "out" / "settings.ini").read_bytes() == b"mine"
    said = saved.at(*words, "--overwrite", "aside")
    assert said.code == 0
    assert "kept under another name" in said.err
    assert (tmp_path / "out" / "settings.ini").read_bytes() == b"[till]\n"


# check, forget, prune, unlock


def test_check_tells_damage_in_files_and_dates(saved: Any) -> None:
    """A sound place ends with 0; a flipped bit with 1 and the file it costs."""
    said = saved.at("check", "--read-data")
    assert said.code == 0
    assert "No errors were found." in said.out
    assert "byte by byte" in said.out
    assert "--read-data" in saved.at("check").out
    pack = min((path for path in saved.place.rglob("data/*/*") if path.is_file()), key=lambda path: path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[2] ^= 4
    pack.chmod(0o600)
    pack.write_bytes(data)
    said = saved.at("check", "--read-data=100%")
    assert said.code == 1
    assert f"pack {pack.name[:8]} was altered." in said.err
    assert re.search(r"cannot be restored: .*(sales\.txt|settings\.ini) \(20", said.err)
    told = saved.at("check", "--read-data", "--json")
    assert told.code == 1
    assert told.record("summary")["num_errors"] == 1
    assert told.record("summary")["broken_packs"] == [pack.name]
    assert told.errors[0]["files"][0]["snapshots"] == snapshot_ids(saved)


def test_forget_shows_what_stays_and_why(saved: Any) -> None:
    """A dry run changes nothing; the real one removes and frees."""
    saved.backup()
    (saved.source / "settings.ini").unlink()
    saved.backup()
    ids = snapshot_ids(saved)
    said = saved.at("forget", "--keep-last", "1", "--dry-run")
    assert said.code == 0
    assert "Would remove 2 snapshots." in said.out
    assert f"{ids[2][:8]}" in said.out
    assert "among the last" in said.out
    assert snapshot_ids(saved) == ids
    ((group,),) = saved.at("forget", "--keep-last", "2", "--dry-run", "--json").records
    assert [one["id"] for one in group["remove"]] == ids[:1]
    assert group["reasons"][0]["matches"] == ["last snapshot"]
    said = saved.at("forget", "--keep-last", "1", "--prune", "--max-unused", "0")
    assert "Removed 2 snapshots." in said.out
    assert "Freed " in said.out
    assert snapshot_ids(saved) == ids[2:]
    assert saved.at("check", "--read-data").code == 0


def test_forget_by_id(saved: Any) -> None:
    """A named snapshot goes."""
    (gone,) = snapshot_ids(saved)
    saved.backup()
    assert "Removed 1 snapshot." in saved.at("forget", gone[:8]).out
    assert gone not in snapshot_ids(saved)
    assert saved.at("forget", gone[:8]).code == 1


@pytest.mark.parametrize(
    "rule",
    [
        ["--keep-hourly", "1"],
        ["--keep-daily", "1"],
        ["--keep-weekly", "1"],
        ["--keep-monthly", "1"],
        ["--keep-yearly", "unlimited"],
        ["--keep-within", "1d"],
        ["--keep-within-hourly", "1y6m"],
        ["--keep-within-daily", "1d"],
        ["--keep-within-weekly", "1d"],
        ["--keep-within-monthly", "1d"],
        ["--keep-within-yearly", "1d"],
        ["--keep-tag", "x"],
    ],
)
def test_every_rule_is_understood(saved: Any, rule: list[str]) -> None:
    """Each rule alone keeps the only snapshot."""
    said = saved.at("forget", *rule, "--group-by", "host", "-n")
    assert said.code == 0
    assert "Would remove 0 snapshots." in said.out


def test_prune_tells_what_it_frees(saved: Any) -> None:
    """Programs get all figures, people the sum; limits are understood."""
    assert "Would free 0 bytes" in saved.at("prune", "-n").out
    told = saved.at("prune", "--json", "--max-unused", "200M", "--max-repack-size", "1G", "--repack-small")
    assert told.code == 0
    assert told.record("summary")["dry_run"] is False
    assert told.record("summary")["freed_size"] == 0
    assert saved.at("prune", "--max-unused", "unlimited", "-v").out.count("\n") == 2


def test_pruning_an_empty_place_needs_a_word(saved: Any) -> None:
    """If not one snapshot is left, everything would go: refused, unless it is meant."""
    for path in (saved.place / "snapshots").iterdir():
        path.unlink()
    said = saved.at("prune")
    assert said.code == 1
    assert "--allow-empty" in said.err
    assert saved.at("prune", "--allow-empty").code == 0
    assert not [path for path in saved.place.rglob("data/*/*") if path.is_file()]


def test_unlock_says_what_it_removed(saved: Any) -> None:
    """A lock that cannot be read stays until everything is to be removed."""
    assert saved.at("unlock").out == "There was no lock to remove.\n"
    (saved.place / "locks" / ("ab" * 32)).write_bytes(b"rot")
    assert "no lock" in saved.at("unlock").out
    for told in (saved.backup(), saved.at("forget", "--keep-last", "1")):
        assert told.code == 11
        assert "unlock --remove-all" in told.err
    assert "an unknown program" in saved.at("unlock", "--remove-all").out
    assert saved.at("forget", "--keep-last", "1").code == 0
    assert saved.at("unlock", "--json").record("unlocked")["removed"] == []


# keys and status


def test_keys_are_listed_added_changed_and_removed(saved: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole life of a key, for people and for programs."""
    (tmp_path / "second").write_text("second")
    (tmp_path / "third").write_text("third")
    added = saved.at("key add", "--new-password-file", tmp_path / "second", "--host", "h", "--user", "u")
    assert added.code == 0
    assert "Added the key" in added.out
    listed = saved.at("key list")
    assert listed.out.splitlines()[0].split() == ["ID", "User", "Computer", "Created"]
    (keys,) = saved.at("key list", "--json").records
    assert [key["current"] for key in keys].count(True) == 1
    assert {"id", "userName", "hostName", "created"} <= keys[0].keys()
    other = next(key["id"] for key in keys if not key["current"])
    changed = saved.at("key passwd", "--new-password-file", tmp_path / "third", "--json")
    assert changed.record("key_added")["removed"] == next(key["id"] for key in keys if key["current"])
    assert saved.at("snapshots").code == 12
    monkeypatch.setenv("TRAYBACKUP_PASSWORD", "third")
    assert f"Removed the key {other[:8]}" in saved.at("key remove", other[:12]).out
    assert saved.at("key remove", changed.record("key_added")["id"]).code == 1
    assert len(saved.at("key list", "--json").records[0]) == 1


def test_a_recovery_code_can_be_added(saved: Any) -> None:
    """It is shown once, to people and to programs."""
    found = CODE.search(saved.at("key add", "--recovery-code").out)
    assert found
    code = saved.at("key add", "--recovery-code", "--json").record("key_added")["recovery_code"]
    assert normal_form(code) == code
    assert code != found[1]


def test_a_new_password_needs_somebody_to_ask(saved: Any) -> None:
    """In a script without a file nothing is guessed."""
    said = saved.at("key add")
    assert said.code == 12
    assert "nobody to ask" in said.err


def test_a_broken_key_is_listed(saved: Any) -> None:
    """It is told beside the sound ones."""
    (saved.place / "keys" / ("ab" * 32)).write_bytes(b"{")
    assert "abababab" in saved.at("key list").err


def test_status_tells_how_a_place_is_doing(saved: Any) -> None:
    """Snapshots, size, age and room in words; the same as one JSON object."""
    saved.backup("--host", "other")
    said = saved.at("status")
    assert said.code == 0
    assert f"{saved.place} is a folder with 2 snapshots" in said.out
    assert "ago." in said.out
    assert "are free." in said.out
    assert "other: 20" in said.out
    told = saved.at("status", "--json").record("status")
    assert (told["snapshots_count"], told["keys_count"], told["locks"]) == (2, 1, [])
    assert told["newest"]["hostname"] == "other"
    assert told["age_seconds"] >= 0


def test_status_notices_the_future_and_damage(saved: Any) -> None:
    """A snapshot dated ahead makes the clock suspicious; a damaged one is told with exit code 1."""
    saved.backup("--time", "2199-01-01")
    assert "is the clock right?" in saved.at("status").out
    for path in (saved.place / "snapshots").iterdir():
        path.chmod(0o600)
        path.write_bytes(b"rot")
    (saved.place / "locks" / ("ab" * 32)).write_bytes(b"rot")
    said = saved.at("status")
    assert said.code == 1
    assert "no backup in it yet" in said.out
    assert "is locked by" in said.out


def test_demo_shows_it_all(shell: Any, tmp_path: Path) -> None:
    """The story ends with all of it back, and its commands work as printed."""
    said = shell("demo", "--in", tmp_path)
    assert said.code == 0
    assert "All of it is back." in said.out
    (folder,) = [path for path in tmp_path.iterdir() if path.name.startswith("traybackup-demo-")]
    (line,) = [line for line in said.out.splitlines() if line.startswith("  traybackup snapshots")]
    assert len(json.loads(shell(*line.split()[1:], "--json").out)) == 2
    shutil.rmtree(folder)


def test_demo_tells_programs_its_steps(shell: Any, tmp_path: Path) -> None:
    """Each step is a message, and the summary says that everything is equal."""
    said = shell("demo", "--in", tmp_path, "--clean", "--json")
    steps = [one["step"] for one in said.records if one["message_type"] == "step"]
    assert steps == ["till-made", "saved", "saved-again", "checked", "destroyed", "restored", "compared"]
    assert said.record("summary")["equal"] is True
    assert not os.path.exists(said.record("summary")["folder"])
