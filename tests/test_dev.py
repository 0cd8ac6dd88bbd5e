"""installer/dev.py: the parts that decide, and the rule that it needs nothing but Python."""

import ast
import importlib.util
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def dev() -> types.ModuleType:
    spec = importlib.util.spec_from_file_location("dev", ROOT / "installer" / "dev.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path, dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a finished environment, and a dev.py that takes it for its own."""
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    for name, value in {
        "ROOT": tmp_path,
        "ENVIRONMENT": tmp_path / ".venv",
        "PYTHON": python,
        "STAMP": tmp_path / ".venv" / "made-from",
    }.items():
        monkeypatch.setattr(dev, name, value)
    return tmp_path


def record_calls(dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> list[list[str]]:
    calls: list[list[str]] = []

    def call(command: list[str | Path], **_: str) -> int:
        calls.append([str(word) for word in command])
        return code

    monkeypatch.setattr(dev, "call", call)
    return calls


def test_needs_only_the_standard_library() -> None:
    """A bare Python can start it: every import comes with Python."""
    tree = ast.parse((ROOT / "installer" / "dev.py").read_text("utf-8"))
    roots = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    roots |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {root.partition(".")[0] for root in roots} <= sys.stdlib_module_names


def test_explains_itself_and_refuses_unknown_commands() -> None:
    """--help says what there is on standard output and ends with 0; a typing error ends with 2 and changes nothing."""
    dev = [sys.executable, ROOT / "installer" / "dev.py"]
    asked = subprocess.run([*dev, "--help"], check=False, capture_output=True, text=True)
    mistyped = subprocess.run([*dev, "tset"], check=False, capture_output=True, text=True)
    assert (asked.returncode, mistyped.returncode, mistyped.stdout) == (0, 2, "")
    for command in ("setup", "run", "test", "bench"):
        assert f"dev.py {command}" in asked.stdout
        assert f"dev.py {command}" in mistyped.stderr


@pytest.mark.parametrize(
    ("system", "programs", "python"), [("nt", "Scripts", "python.exe"), ("posix", "bin", "python")]
)
def test_the_environment_is_where_the_system_puts_it(
    dev: types.ModuleType, tmp_path: Path, system: str, programs: str, python: str
) -> None:
    """Windows calls the folder and the program otherwise; here it is the real layout."""
    assert dev.layout(tmp_path, system) == (tmp_path / programs, tmp_path / programs / python)
    assert dev.layout(dev.ENVIRONMENT, dev.os.name) == (dev.BIN, dev.PYTHON)


@pytest.mark.parametrize("system", ["nt", "posix"])
def test_no_system_packages_are_installed_on_windows(
    dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str
) -> None:
    """What is missing is named there, too, but not a command of another system; nobody is asked for his user number."""
    started = record_calls(dev, monkeypatch)

    def geteuid() -> int:
        assert system == "posix"
        return 1000

    environment = types.SimpleNamespace(name=system, geteuid=geteuid)
    monkeypatch.setattr(dev, "os", environment)
    monkeypatch.setattr(dev.shutil, "which", lambda _: None)
    dev.provide("bench")
    said = capsys.readouterr().out
    assert "restic" in said
    assert ("apt-get" in said) == (system == "posix")
    assert started == []


def test_product_and_every_plugin_are_installed_from_their_sources(dev: types.ModuleType, tmp_path: Path) -> None:
    """The product comes first, with what its tests need, then every folder of plugins/ that has a pyproject.toml."""
    for name in ("pyproject.toml", "plugins/b/pyproject.toml", "plugins/a/pyproject.toml", "plugins/notes/README.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("[project]\n")
    assert dev.editable(tmp_path) == [
        *("--editable", f"{tmp_path}[test]"),
        *("--editable", str(tmp_path / "plugins" / "a")),
        *("--editable", str(tmp_path / "plugins" / "b")),
    ]


def test_finished_environment_is_left_alone(
    dev: types.ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While no pyproject.toml has changed, setting up starts no program at all."""
    (checkout / ".venv" / "made-from").write_text(dev.fingerprint(checkout))
    calls = record_calls(dev, monkeypatch)
    dev.setup()
    assert calls == []


@pytest.mark.parametrize("changed", ["pyproject.toml", "plugins/new/pyproject.toml"])
def test_changed_pyproject_renews_the_environment(
    dev: types.ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    """A pyproject.toml that changed or came makes pip run, in the same environment, and only once."""
    (checkout / ".venv" / "made-from").write_text(dev.fingerprint(checkout))
    (checkout / changed).parent.mkdir(parents=True, exist_ok=True)
    (checkout / changed).write_text("[project]\nname = 'other'\n")
    monkeypatch.setattr(dev, "usable", lambda: True)
    calls = record_calls(dev, monkeypatch)
    dev.setup()
    dev.setup()
    assert [call[1:3] for call in calls] == [["-m", "pip"]]


def test_environment_is_not_called_finished_when_pip_failed(
    dev: types.ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failure the next start tries again: the stamp is written last."""
    monkeypatch.setattr(dev, "usable", lambda: True)
    record_calls(dev, monkeypatch, code=1)
    with pytest.raises(SystemExit, match="pip could not finish"):
        dev.setup()
    assert not (checkout / ".venv" / "made-from").exists()


def test_broken_environment_is_made_anew(
    dev: types.ModuleType, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment whose Python does not run (a half-made one, another computer's) is replaced by a new one."""
    assert checkout.exists()
    monkeypatch.setattr(dev, "usable", lambda: False)
    calls = record_calls(dev, monkeypatch)
    dev.setup()
    assert calls[0][1:4] == ["-m", "venv", "--clear"]
    assert "pip" in calls[1]


def test_missing_venv_is_named_with_its_one_command(dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a bare Debian without the right to install, the one command that helps is said and nothing is started."""
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(dev, "can_install", lambda: False)
    calls = record_calls(dev, monkeypatch)
    with pytest.raises(SystemExit, match="sudo apt-get install python3-venv"):
        dev.require_venv()
    assert calls == []


def test_missing_venv_is_installed_where_allowed(dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root on Debian the missing part is installed without a question, after the lists were renewed."""
    monkeypatch.setattr(dev.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(dev, "can_install", lambda: True)
    calls = record_calls(dev, monkeypatch)
    dev.require_venv()
    assert [next(word for word in call if word in ("update", "install")) for call in calls] == ["update", "install"]
    assert calls[1][-1] == "python3-venv"


def test_packages_are_read_by_command(dev: types.ModuleType) -> None:
    """packages.txt names a package, how it is seen, and what wants it; comments and empty lines are nothing."""
    text = (
        "# heading\n\nrestic restic test bench\nlibc6-dev /usr/include/stdio.h test  # headers\nborgbackup borg bench\n"
    )
    assert [package.name for package in dev.wanted(text, "test")] == ["restic", "libc6-dev"]
    assert [package.name for package in dev.wanted(text, "bench")] == ["restic", "borgbackup"]


def test_every_listed_package_says_what_wants_it(dev: types.ModuleType) -> None:
    """No line of the real packages.txt is without effect."""
    for package in dev.wanted(dev.PACKAGES.read_text("utf-8"), "test") + dev.wanted(dev.PACKAGES.read_text(), "bench"):
        assert set(package.wanted_for) <= {"test", "bench"}
    lines = [line for line in dev.PACKAGES.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert all(len(line.split()) >= 3 for line in lines)


def test_what_is_missing_is_named(
    dev: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the right to install, the missing packages and the command for them are said; what is there is not."""
    (tmp_path / "packages.txt").write_text(f"nosuch nosuchprogram test\nthere {tmp_path} test\nother absent bench\n")
    monkeypatch.setattr(dev, "PACKAGES", tmp_path / "packages.txt")
    monkeypatch.setattr(dev, "can_install", lambda: False)
    dev.provide("test")
    said = capsys.readouterr().out
    assert "nosuch" in said
    assert "sudo apt-get install nosuch\n" in said
    assert "there" not in said
    assert "other" not in said


def test_faults_of_style_fail_the_run_but_not_the_tests(dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests run whatever the style checks say, last; one fault anywhere makes the exit code 1."""
    called = []

    def call(command: list[str | Path], **_: str) -> int:
        called.append(str(command[2]))
        return int(command[2] == "mypy")

    monkeypatch.setattr(dev, "call", call)
    monkeypatch.setattr(dev, "provide", lambda _: None)
    assert dev.test([]) == 1
    assert called == ["ruff", "ruff", "mypy", "pytest"]


def test_arguments_go_to_pytest_alone(dev: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """With arguments only pytest runs, with exactly these, and its exit code is the answer."""
    monkeypatch.setattr(dev, "provide", lambda _: None)
    calls = record_calls(dev, monkeypatch, code=5)
    assert dev.test(["-k", "layers"]) == 5
    assert [call[1:] for call in calls] == [["-m", "pytest", "-k", "layers"]]


def test_demo_runs_only_where_nothing_is_configured(
    dev: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments the program itself starts once there is a config.toml where it looks; before, its demo."""
    monkeypatch.setattr(dev, "PYTHON", sys.executable)
    monkeypatch.setenv("TRAYBACKUP_HOME", str(tmp_path))
    calls = record_calls(dev, monkeypatch)
    dev.run([])
    dev.run(["snapshots", "--from", "x"])
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "config.toml").write_text("")
    dev.run([])
    assert [call[3:] for call in calls] == [["demo"], ["snapshots", "--from", "x"], []]


def test_other_pythons_settings_stay_outside(dev: types.ModuleType) -> None:
    """PYTHONPATH and PYTHONHOME of the caller do not reach the private environment, whose programs come first."""
    inside = dev.surroundings(
        {"PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere", "PATH": "/usr/bin", "PIP_CERT": "x"}
    )
    assert inside["PATH"].startswith(str(dev.BIN))
    assert inside["PIP_CERT"] == "x"
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(inside)


@pytest.mark.skipif(os.name != "posix", reason="Debian's way")
def test_services_that_are_installed_are_not_started(dev: types.ModuleType, tmp_path: Path) -> None:
    """While packages are installed Debian is told to start nothing; afterwards all is as it was, even after a fault."""
    policy = tmp_path / "policy-rc.d"
    codes = []

    def fail() -> None:
        with dev.no_services(policy):
            codes.append(subprocess.run([policy, "ssh", "start"], check=False).returncode)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert codes == [101]
    assert not policy.exists()

    policy.write_text("an administrator's own")
    with dev.no_services(policy):
        assert policy.read_text() == "an administrator's own"
    assert policy.exists()
    with dev.no_services(tmp_path / "no such folder" / "policy-rc.d"):
        pass
