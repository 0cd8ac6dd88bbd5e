#!/usr/bin/env python3
"""Everything a contributor types: the environment, the program, the tests, the benchmarks.

    python installer/dev.py setup           make or renew the private environment .venv in this checkout
    python installer/dev.py run [ARGS]      the program with ARGS; without, and with nothing configured yet, its demo
    python installer/dev.py test [ARGS]     style, types and all tests; with ARGS only `pytest ARGS`
    python installer/dev.py bench [ARGS]    measure against restic and borg; --help names the choices

Each of them sets up first, which takes no time while no pyproject.toml has changed. Needs Python 3.11 or newer on
Debian, Ubuntu or Windows, and nothing else: Python packages go into .venv. System packages (packages.txt) are installed
only where this runs as root on Debian or Ubuntu; elsewhere they are named, and the tests that need them are skipped
by name. With CI=true nothing is skipped for a missing package: the test fails.
"""

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

if sys.version_info < (3, 11):  # noqa: UP036 - the one file that an older Python gets to see
    sys.exit("traybackup needs Python 3.11 or newer; this is {}.{}.".format(*sys.version_info))


def layout(environment: Path, system: str) -> tuple[Path, Path]:
    """Return where an environment has its programs and its Python; *system* is `os.name`."""
    programs = environment / ("Scripts" if system == "nt" else "bin")
    return programs, programs / ("python.exe" if system == "nt" else "python")


ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
BIN, PYTHON = layout(ENVIRONMENT, os.name)
STAMP = ENVIRONMENT / "made-from"
PACKAGES = ROOT / "installer" / "packages.txt"
POLICY = Path("/usr/sbin/policy-rc.d")


class Package(NamedTuple):
    """A system package: its name, what shows that it is there, and the commands that want it."""

    name: str
    seen_by: str
    wanted_for: tuple[str, ...]

    def installed(self) -> bool:
        """Say whether it is there, however it came."""
        return Path(self.seen_by).exists() if self.seen_by.startswith("/") else shutil.which(self.seen_by) is not None


def projects(root: Path) -> list[Path]:
    """Return the folders of the product and of its plugins, the product first."""
    return [root, *sorted(path.parent for path in root.glob("plugins/*/pyproject.toml"))]


def fingerprint(root: Path) -> str:
    """Return what an environment was made from: the checkout's place and every pyproject.toml's content."""
    digest = hashlib.sha256(os.fsencode(root))
    for project in projects(root):
        digest.update(project.name.encode() + b"\0" + (project / "pyproject.toml").read_bytes() + b"\0")
    return digest.hexdigest()


def editable(root: Path) -> list[str]:
    """Return pip's arguments that install the product, with what its tests need, and its plugins from their sources."""
    product, *plugins = projects(root)
    return ["--editable", f"{product}[test]", *(word for plugin in plugins for word in ("--editable", str(plugin)))]


def wanted(text: str, command: str) -> list[Package]:
    """Return the system packages that *command* wants, read from the *text* of packages.txt."""
    lines = (line.split("#")[0].split() for line in text.splitlines())
    packages = [Package(words[0], words[1], tuple(words[2:])) for words in lines if words]
    return [package for package in packages if command in package.wanted_for]


def surroundings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with the private environment switched on and no other Python's settings."""
    clean = {name: value for name, value in environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    return clean | {"VIRTUAL_ENV": str(ENVIRONMENT), "PATH": f"{BIN}{os.pathsep}{environ.get('PATH', os.defpath)}"}


def call(command: Sequence[str | Path], **more: str) -> int:
    """Run *command* to its end and return its exit code; Ctrl-C is the child's business, which gets it too."""
    with subprocess.Popen(command, cwd=ROOT, env=surroundings(os.environ) | more) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def say(line: str) -> None:
    """Tell the contributor something, in order with what the children print."""
    print(line, flush=True)


def can_install() -> bool:
    """Say whether system packages can be installed from here: Debian's or Ubuntu's tool, and the right to use it."""
    return os.name == "posix" and os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(packages: Iterable[str]) -> bool:
    """Install system packages without a question, start none of their services; return whether that went well."""
    apt = ["apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=120"]
    steps = ([*apt, "update"], [*apt, "install", "--no-install-recommends", *packages])
    with no_services(POLICY):
        return all(call(step, DEBIAN_FRONTEND="noninteractive") == 0 for step in steps)


@contextlib.contextmanager
def no_services(policy: Path) -> Iterator[None]:
    """Have Debian start nothing that is installed meanwhile: tests start their own servers, on this computer only.

    An administrator's *policy* stays as it is. Source: /usr/share/doc/init-system-helpers/README.policy-rc.d.gz.
    """
    try:
        with policy.open("x", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 101\n")
    except OSError:
        yield
        return
    try:
        policy.chmod(0o755)
        yield
    finally:
        policy.unlink(missing_ok=True)


def require_venv() -> None:
    """See to it that this Python can make environments: Debian keeps that part in a package of its own."""
    if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        return
    if can_install() and install(["python3-venv"]):
        return
    sys.exit("This Python cannot make environments yet. On Debian or Ubuntu: sudo apt-get install python3-venv")


def usable() -> bool:
    """Say whether what lies in .venv is a working environment of a Python that is new enough, with pip."""
    probe = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    return PYTHON.exists() and subprocess.run([PYTHON, "-c", probe], check=False, capture_output=True).returncode == 0


def setup() -> None:
    """Make the private environment, or renew it if a pyproject.toml changed; otherwise do nothing."""
    made_from = fingerprint(ROOT)
    if PYTHON.exists() and STAMP.is_file() and STAMP.read_text("ascii") == made_from:
        return
    say(f"Preparing {ENVIRONMENT} (once, and again when a pyproject.toml changes) ...")
    STAMP.unlink(missing_ok=True)
    if not usable():
        require_venv()
        if call([sys.executable, "-m", "venv", "--clear", ENVIRONMENT]):
            sys.exit(f"{ENVIRONMENT} could not be made; the reason stands above.")
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input", "install"]
    if call([*pip, *editable(ROOT)]):
        sys.exit(f"pip could not finish; the reason stands above. If {ENVIRONMENT} itself is broken, delete it.")
    STAMP.write_text(made_from, "ascii")


def provide(command: str) -> None:
    """Install the system packages that *command* wants, or name what is missing."""
    missing = [package.name for package in wanted(PACKAGES.read_text("utf-8"), command) if not package.installed()]
    if not missing or (can_install() and install(missing)):
        return
    say(f"Not installed, so what needs it is skipped by name: {', '.join(missing)}.")
    if os.name == "posix":
        say(f"On Debian or Ubuntu: sudo apt-get install {' '.join(missing)}")


def configured() -> bool:
    """Say whether the owner has set the program up: there is a config.toml where the program looks for it."""
    probe = "import os; from traybackup.app import paths; print(paths.find(os.environ).config)"
    said = subprocess.run([PYTHON, "-c", probe], check=False, capture_output=True, text=True).stdout
    return bool(said) and (Path(said.strip()) / "config.toml").is_file()


def run(arguments: Sequence[str]) -> int:
    """Start the program; where nothing is configured and nothing is asked for, its demo."""
    return call([PYTHON, "-m", "traybackup", *(arguments or ([] if configured() else ["demo"]))])


def test(arguments: Sequence[str]) -> int:
    """Check style and types and run all tests, or only what *arguments* tell pytest; 0 is all good."""
    provide("test")
    pytest: list[str | Path] = [PYTHON, "-m", "pytest"]
    if arguments:
        return call([*pytest, *arguments])
    checks = (["ruff", "check"], ["ruff", "format", "--check"], ["mypy"])
    faulty = [" ".join(check) for check in checks if call([PYTHON, "-m", *check])]
    if faulty:
        say(f"Fails whatever the tests say, because of {', '.join(faulty)}: see above.")
    parallel = ["--numprocesses", str(min(os.cpu_count() or 2, 4)), "--dist", "loadfile"]
    return call([*pytest, "-q", "--continue-on-collection-errors", *parallel]) or bool(faulty)


def bench(arguments: Sequence[str]) -> int:
    """Measure the program against restic and borg."""
    provide("bench")
    return call([PYTHON, "-m", "tests.benchmarks", *arguments])


def main(arguments: Sequence[str]) -> int:
    """Do what the command line says; return the exit code."""
    commands = {"setup": lambda _: 0, "run": run, "test": test, "bench": bench}
    command = commands.get(arguments[0]) if arguments else None
    if command is None:
        print(__doc__, file=sys.stdout if arguments[:1] in (["-h"], ["--help"]) else sys.stderr)
        return 0 if arguments[:1] in (["-h"], ["--help"]) else 2
    setup()
    return int(command(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
