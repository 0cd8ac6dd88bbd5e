"""Make the golden repositories again: ``python make.py`` in this folder, as root, with restic 0.14 on PATH.

Two small repositories, format versions 1 and 2, of the same folder: two snapshots each, every kind of file that needs
no device, names that are no UTF-8, times to the nanosecond. `expected.json` holds what restic itself listed. The scrypt
parameters are restic's own; the password is in ``tests/format/conftest.py``.
"""

import json
import os
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PASSWORD = "two programs, one format"  # noqa: S105 - of repositories that hold nothing
TIME = 1_234_567_890_123_456_789
TEXTS = {
    "text": "first line\nsecond line\n",
    "folder/deeper/note": "found\n",
    "names/new\nline": "1",
    "names/Größe ☕": "2",
    "names/bad\udcff": "3",
    'names/quo"te\\<&>': "4",
    "empty": "",
}


def make_source(root: Path) -> None:
    """Make the folder that is saved."""
    for name, text in TEXTS.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "zeros").write_bytes(bytes(9_000))
    (root / "text").chmod(0o4750)
    (root / "link").symlink_to("names/Größe ☕")
    os.mkfifo(root / "pipe")
    os.setxattr(root / "text", "user.shop", b"\x00\xff")
    for path, folders, files in os.walk(root, topdown=False):
        for name in [*files, *folders]:
            os.utime(os.path.join(path, name), ns=(TIME, TIME), follow_symlinks=False)
    os.utime(root / "empty", ns=(-1, -1))


def main() -> None:
    """Make everything and pack it."""
    expected: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        root = Path("golden")
        make_source(root)
        os.link(root / "text", root / "hard link")
        for version in (1, 2):
            place = f"v{version}"

            def restic(*words: str, place: str = place) -> str:
                command = ["restic", "-r", place, "--no-cache", *words]
                known = dict(os.environ) | {"RESTIC_PASSWORD": PASSWORD}
                return subprocess.run(command, env=known, check=True, capture_output=True, text=True).stdout

            restic("init", "--repository-version", str(version))
            (root / "changing").write_text("before\n")
            restic("backup", "golden", "--host", "till", "--tag", "golden")
            (root / "changing").write_text("after\n")
            restic("backup", "golden", "--host", "till", "--tag", "golden")
            nodes = [json.loads(line) for line in restic("ls", "latest", "--json").splitlines()[1:]]
            expected[place] = {"nodes": nodes, "texts": {**TEXTS, "changing": "after\n"}}
            with tarfile.open(HERE / f"restic-0.14-v{version}.tar.xz", "w:xz") as archive:
                archive.add(place)
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
