"""Plugins of strangers, as real installed distributions: one that is good, and many that are not.

*install* puts one into a folder as pip would; what it does is in `PLUGINS`, by its name.
"""

import base64
import hashlib
import textwrap
from pathlib import Path

GOOD = """
    from traybackup.api import Field, FieldKind, Provider, hookimpl
    from traybackup.testing import MemoryPlace, MemoryStore

    class Place(Provider):
        id = "{name}"
        label = "A good place"
        fields = (Field("folder", "Folder"), Field("password", "Password", kind=FieldKind.SECRET))
        place = MemoryPlace()

        def open(self, settings, vault):
            return MemoryStore(self.place)

    @hookimpl
    def traybackup_providers():
        return [Place()]
"""

_BAD_PROVIDER = """
    from traybackup.api import Provider, hookimpl

    class Place(Provider):
        id = "{name}"
        label = "A bad place"

        def open(self, settings, vault):
            {body}

    @hookimpl
    def traybackup_providers():
        return [Place()]
"""

_BAD_STORE = """
    import os, sys, threading, time
    from traybackup.api import Provider, hookimpl
    from traybackup.testing import MemoryStore

    class Bad(MemoryStore):
        def {method}(self, *args, **more):
            {body}

    class Place(Provider):
        id = "{name}"
        label = "A bad place"

        def open(self, settings, vault):
            return Bad()

    @hookimpl
    def traybackup_providers():
        return [Place()]
"""


def _provider(body: str) -> str:
    return _BAD_PROVIDER.replace("{body}", body)


def _store(method: str, body: str) -> str:
    return _BAD_STORE.replace("{method}", method).replace("{body}", body)


def _hook(body: str) -> str:
    return f"from traybackup.api import hookimpl\n\n@hookimpl\ndef traybackup_providers():\n    {body}\n"


PLUGINS: dict[str, str] = {
    "good": GOOD,
    "polite": GOOD.replace(
        "    place = ",
        "    translations = {'de': {'A good place': 'Ein guter Ort', 'Folder': 'Ordner', 'fast': 'schnell'}}\n"
        "        place = ",
    ),
    # bad at import
    "missing-library": "import a_library_that_nobody_has\n",
    "syntax": "def broken(:\n",
    "exits": "import sys\nsys.exit(0)\n",
    "interrupts": "raise KeyboardInterrupt\n",
    "hangs": "import time\ntime.sleep(3600)\n",
    "spins": "while True:\n    pass\n",
    "recurses": "def f():\n    f()\nf()\n",
    # bad when registered
    "from-tomorrow": "from traybackup.api import hookimpl\n\n@hookimpl\ndef traybackup_predictions():\n    return []\n",
    "signature": "from traybackup.api import hookimpl\n\n@hookimpl\ndef traybackup_providers(moon):\n    return []\n",
    "empty": "x = 1\n",
    # bad when asked
    "hook-raises": _hook("raise RuntimeError('no')"),
    "hook-exits": _hook("raise SystemExit(3)"),
    "hook-hangs": _hook("import time; time.sleep(3600)"),
    "hook-none": _hook("return None"),
    "hook-text": _hook("return 'gdrive'"),
    "hook-numbers": _hook("return [1, 2, 3]"),
    "hook-endless": _hook("import itertools; return itertools.repeat(object())"),
    "hook-breaks-off": _hook("yield from (); raise ValueError('half way')"),
    "bad-id": GOOD.replace("{name}", "Bad Id!"),
    "no-label": GOOD.replace("A good place", " "),
    "bad-fields": GOOD.replace('(Field("folder", "Folder"), ', '("folder", '),
    "bad-words": GOOD.replace("    place = ", "    translations = {'de': {'Folder': 7}}\n        place = "),
    "steals": GOOD.replace("{name}", "good"),
    # bad when opened
    "open-raises": _provider("raise LookupError('no such place')"),
    "open-exits": _provider("raise SystemExit(0)"),
    "open-hangs": _provider("import time; time.sleep(3600)"),
    "open-junk": _provider("return 'a place'"),
    # bad when used
    "put-raises": _store("put", "raise TypeError('put')"),
    "put-exits": _store("put", "sys.exit(0)"),
    "put-junk": _store("put", "return None"),
    "get-short": _store("get", "return super().get(*args, **more)[:-1]"),
    "entries-junk": _store("entries", "return ['a', 'b']"),
    "stat-leaks": _store(
        "stat", "[os.open(os.devnull, os.O_RDONLY) for _ in range(200)]; return super().stat(*args, **more)"
    ),
    "thread-stays": "import threading, time\nthreading.Thread(target=time.sleep, args=(3600,)).start()\n"
    + textwrap.dedent(GOOD),
    "prints": textwrap.dedent(GOOD)
    .replace(
        "class Place",
        "import os, subprocess, sys\n"
        "def shout(word):\n"
        "    text = f'LEAK {word} {os.environ.get(\"TRAYBACKUP_PASSWORD\")}'\n"
        "    print(text, flush=True)\n"
        "    print(text, file=sys.stderr, flush=True)\n"
        "    os.write(1, text.encode())\n"
        "    os.write(2, text.encode())\n"
        "    subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv)', text], check=False)\n"
        "shout('import')\n\n"
        "class Place",
    )
    .replace("        return MemoryStore(self.place)", "        shout('open')\n        return MemoryStore(self.place)"),
}


def install(site: Path, name: str, code: str | None = None, *, version: str = "1.0") -> Path:
    """Install the plugin *name* into *site* and return its module."""
    folder = f"traybackup_{name.replace('-', '_')}-{version}.dist-info"
    text = textwrap.dedent(PLUGINS[name] if code is None else code).replace("{name}", name)
    module = "foreign_" + name.replace("-", "_")
    files = {
        f"{module}.py": text,
        f"{folder}/METADATA": (f"Metadata-Version: 2.1\nName: traybackup-{name}\nVersion: {version}\n"),
        f"{folder}/entry_points.txt": f"[traybackup]\n{name} = {module}\n",
    }
    record = []
    for file, content in files.items():
        path = site / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8")
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
        record.append(f"{file},sha256={digest},{len(content.encode())}\n")
    (site / folder / "RECORD").write_text("".join([*record, f"{folder}/RECORD,,\n"]), "utf-8")
    return site / f"{module}.py"
