"""Real WebDAV servers on this computer: *wsgidav* in a thread, and Debian's *apache2* as a child process.

By hand: ``python dav_servers.py FOLDER`` serves a folder for the user anna with the password of `PASSWORD`.
"""

import base64
import hashlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cheroot.wsgi import Server
from wsgidav.dav_error import HTTP_NOT_FOUND, DAVError
from wsgidav.fs_dav_provider import FileResource, FilesystemProvider, FolderResource
from wsgidav.wsgidav_app import WsgiDAVApp

USER, PASSWORD = "anna", "süß & geheim"
MODULES = "/usr/lib/apache2/modules"

XML = [("Content-Type", "application/xml")]
LISTING = b'<?xml version="1.0"?><d:multistatus xmlns:d="DAV:">%s</d:multistatus>'


@dataclass
class Dav:
    """A running server.

    Attributes:
        address: What the owner would type.
        folder: What it serves.
        calls: Method and path of every request that came, where the server tells.
        capacity: Bytes that may lie in the folder; None: no limit.
        answers: By method: status, headers and body that come instead of the server's own.
        seen: What requests said about who they are.
    """

    address: str
    folder: Path
    calls: list[tuple[str, str]] = field(default_factory=list)
    capacity: int | None = None
    answers: dict[str, tuple[str, list[tuple[str, str]], bytes]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)

    @property
    def used(self) -> int:
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())


def _limited(dav: Dav) -> type[FilesystemProvider]:
    """Return a file system that tells of the server's capacity.

    It says 404 where wsgidav says 500, because a file vanished after it had looked: the host takes a 500 for a reason
    to ask again, but whoever states facts about a place does not.
    """

    class Folder(FolderResource):
        def get_used_bytes(self) -> int:
            return dav.used

        def get_available_bytes(self) -> int | None:
            return None if dav.capacity is None else max(0, dav.capacity - dav.used)

    class File(FileResource):
        def get_content(self) -> Any:
            try:
                return super().get_content()
            except FileNotFoundError:
                raise DAVError(HTTP_NOT_FOUND) from None

    class Provider(FilesystemProvider):
        def get_resource_inst(self, path: str, environ: dict[str, Any]) -> Any:
            try:
                found = super().get_resource_inst(path, environ)
                kind = {FileResource: File, FolderResource: Folder}.get(type(found))
                return kind(path, environ, found._file_path) if kind else found
            except FileNotFoundError:
                return None

    return Provider


@contextmanager
def wsgidav(folder: Path, *, accept: str = "basic", locks: bool = True, user: str = USER) -> Iterator[Dav]:
    """Serve *folder* with wsgidav; ``accept`` is ``basic``, ``digest`` or empty for everybody."""
    dav = Dav("", folder)
    config = {
        "provider_mapping": {"/dav": _limited(dav)(str(folder))},
        "http_authenticator": {
            "accept_basic": accept == "basic",
            "accept_digest": accept == "digest",
            "default_to_digest": accept == "digest",
        },
        "simple_dc": {"user_mapping": {"*": {user: {"password": PASSWORD}} if accept else True}},
        "lock_storage": locks,
        "verbose": 0,
        "logging": {"enable": False},
    }
    app = WsgiDAVApp(config)

    def watched(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        dav.calls.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        dav.seen += [environ["HTTP_AUTHORIZATION"]] if "HTTP_AUTHORIZATION" in environ else []
        if environ["REQUEST_METHOD"] in dav.answers:
            environ["wsgi.input"].read()
            status, headers, body = dav.answers[environ["REQUEST_METHOD"]]
            start_response(status, [*headers, ("Content-Length", str(len(body)))])
            return [body]
        coming = int(environ.get("CONTENT_LENGTH") or 0)
        if environ["REQUEST_METHOD"] == "PUT" and dav.capacity is not None and dav.used + coming > dav.capacity:
            start_response("507 Insufficient Storage", [("Content-Length", "0")])
            return [b""]
        return app(environ, start_response)

    server = Server(("127.0.0.1", 0), watched, numthreads=8)
    server.prepare()
    thread = threading.Thread(target=server.serve)
    thread.start()
    dav.address = f"http://127.0.0.1:{server.bind_addr[1]}/dav"
    try:
        yield dav
    finally:
        server.stop()
        thread.join()


def find_apache() -> str | None:
    """Return where apache2 is; not everybody has the administrator's programs on PATH."""
    return shutil.which("apache2", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))


@contextmanager
def apache(program: str, *, accept: str = "Basic", tls: tuple[Path, Path] | None = None) -> Iterator[Dav]:
    """Serve an empty folder with apache2; *tls*: the files with its certificate and its key."""
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="apache-")))
        base.chmod(0o755)
        for name in ("www/dav", "locks", "run"):
            (base / name).mkdir(parents=True)
        if os.geteuid() == 0:  # it gives its rights away, and needs the folders as who it then is
            for name in ("www/dav", "locks", "run"):
                shutil.chown(base / name, "www-data", "www-data")
        hashed = base64.b64encode(hashlib.sha1(PASSWORD.encode(), usedforsecurity=False).digest()).decode()
        digested = hashlib.md5(f"{USER}:dav:{PASSWORD}".encode(), usedforsecurity=False).hexdigest()
        (base / "Basic").write_text(f"{USER}:{{SHA}}{hashed}\n")
        (base / "Digest").write_text(f"{USER}:dav:{digested}\n")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        (base / "apache.conf").write_text(_apache_config(base, port, accept, tls))
        process = subprocess.Popen([program, "-f", str(base / "apache.conf"), "-D", "FOREGROUND"])
        stack.callback(process.wait)
        stack.callback(process.terminate)
        _wait_for(port, process, base / "error.log")
        yield Dav(f"{'https' if tls else 'http'}://127.0.0.1:{port}/dav", base / "www" / "dav")


def _apache_config(base: Path, port: int, accept: str, tls: tuple[Path, Path] | None) -> str:
    names = ["mpm_event", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "auth_digest"]
    names += ["dav", "dav_fs", "mime", *(["socache_shmcb", "ssl"] if tls else [])]
    lines = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names]
    lines += [
        "ServerName localhost",
        f"Listen 127.0.0.1:{port}",
        f"PidFile {base}/run/pid",
        f"DefaultRuntimeDir {base}/run",
        f"ErrorLog {base}/error.log",
        f"DocumentRoot {base}/www",
        f"DavLockDB {base}/locks/DAVLock",
        "TypesConfig /dev/null",
        "StartServers 1\nServerLimit 1\nThreadsPerChild 16\nMaxRequestWorkers 16\nThreadLimit 16",
        "User www-data\nGroup www-data" if os.geteuid() == 0 else "",
        f'<Location /dav>\nDav On\nAuthType {accept}\nAuthName "dav"\nAuthUserFile {base}/{accept}',
        "Require valid-user\n</Location>",
    ]
    if accept == "Digest":
        lines[-2] += "\nAuthDigestProvider file"
    if tls:
        lines += ["SSLEngine on", f"SSLCertificateFile {tls[0]}", f"SSLCertificateKeyFile {tls[1]}"]
    return "\n".join(lines) + "\n"


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text() if log.exists() else "apache2 does not start") from None
            time.sleep(0.02)
        else:
            return


def settings(dav: Dav, **more: str) -> Mapping[str, str]:
    """Return what an owner of an account on that server would set."""
    return {"address": dav.address, "folder": "TrayBackup", "user": USER} | more


if __name__ == "__main__":
    with wsgidav(Path(sys.argv[1])) as running:
        sys.stdout.write(f"{running.address}\n")
        sys.stdout.flush()
        threading.Event().wait()
