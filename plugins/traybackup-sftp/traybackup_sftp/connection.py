"""Connection: one SSH connection for all threads, made when it is needed and made again when it was lost.

Before the password goes out the server must have shown a key whose fingerprint the owner has confirmed. A fingerprint
does not say of which kind its key is, and servers have several, so the other kinds are asked for before a key counts
as changed.
"""

import asyncio
import contextlib
import re
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

import asyncssh

from traybackup.api import (
    CredentialsRefused,
    HostKeyChanged,
    HostKeyUnknown,
    NotTheService,
    SettingInvalid,
    StoreError,
    StoreFailed,
)
from traybackup_sftp.answers import LOST, meaning
from traybackup_sftp.config import Config
from traybackup_sftp.loop import Loop

CONNECT, LOGIN, ANSWER = 10.0, 30.0, 60.0
"""Seconds: for the line, for keys and passwords, for any answer."""
_GREETING, _LONGEST = 3.0, 1 << 12
"""Seconds and bytes of whatever a server says first."""
_SSH = re.compile(rb"^SSH-", re.MULTILINE)
_ALIVE = 15.0
"""Seconds of silence after which the server is asked whether it is still there, three times."""
_KINDS = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
_T = TypeVar("_T")


async def soon(answer: Awaitable[_T]) -> _T:
    """Wait for an answer, but not for ever."""
    async with asyncio.timeout(ANSWER):
        return await answer


class _Visitor(asyncssh.SSHClient):
    """Looks at the key that the server shows."""

    def __init__(self, known: frozenset[str]) -> None:
        self._known = known
        self.shown = ""

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        self.shown = key.get_fingerprint()
        return self.shown in self._known


def _refused(error: BaseException, visitor: _Visitor) -> StoreError:
    """Return what it means that a server did not even come to checking who is there."""
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return StoreFailed(reason=error.reason)
    if isinstance(error, asyncssh.ProtocolError | asyncssh.ProtocolNotSupported) and not visitor.shown:
        return NotTheService()
    return meaning(error)


async def _speaks_otherwise(config: Config) -> bool:
    """Say whether somebody is there who answers, but not as an SSH server: the library only tells of an end."""
    said = b""
    with contextlib.suppress(OSError):  # TimeoutError is one
        async with asyncio.timeout(_GREETING):
            reader, writer = await asyncio.open_connection(config.host, config.port)
            try:
                writer.write(b"SSH-2.0-traybackup\r\n")
                while len(said) < _LONGEST and not _SSH.search(said) and (piece := await reader.read(_LONGEST)):
                    said += piece
            finally:
                writer.close()
    return said != b"" and not _SSH.search(said)


class Connection:
    """The way to the server."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._loop = Loop(f"sftp {config.address}")
        self._lock = asyncio.Lock()
        self._ssh: asyncssh.SSHClientConnection | None = None
        self._sftp: asyncssh.SFTPClient | None = None

    def start(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, _T]]) -> Future[_T]:
        """Begin *work* with the connection; its result may be a `StoreError` or one of the library's."""
        return self._loop.start(self._do(work))

    def call(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, _T]]) -> _T:
        """Return the result of *work*."""
        return self.start(work).result()

    def close(self) -> None:
        """Leave the server. Closing twice is fine."""
        with contextlib.suppress(*LOST):
            self._loop.start(self._leave()).result()
        self._loop.close()

    async def _do(self, work: Callable[[asyncssh.SFTPClient], Coroutine[Any, Any, _T]]) -> _T:
        async with self._lock:
            if self._sftp is None:
                self._ssh, self._sftp = await self._connect()
            sftp = self._sftp
        try:
            return await work(sftp)
        except LOST:
            if self._sftp is sftp and self._ssh is not None:
                self._ssh.abort()
                self._ssh = self._sftp = None
            raise

    async def _leave(self) -> None:
        ssh, self._ssh, self._sftp = self._ssh, None, None
        if ssh is not None:
            ssh.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CONNECT):
                    await ssh.wait_closed()

    async def _connect(self) -> tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]:
        ssh = await self._known_server()
        try:
            return ssh, await soon(ssh.start_sftp_client())
        except (asyncssh.ChannelOpenError, asyncssh.SFTPError) as error:
            ssh.abort()
            raise SettingInvalid(field="host", allowed="SFTP") from error
        except BaseException:
            ssh.abort()
            raise

    async def _known_server(self) -> asyncssh.SSHClientConnection:
        """Return a connection to the server that the owner has confirmed."""
        config, first = self._config, ""
        every = tuple(algorithm for kind in _KINDS for algorithm in kind)
        for algorithms in (every, *_KINDS):
            visitor = _Visitor(config.host_keys)
            try:
                return await self._log_in(visitor, algorithms)
            except asyncssh.HostKeyNotVerifiable as error:
                first = first or visitor.shown
                if not config.host_keys:
                    raise HostKeyUnknown(host=config.address, fingerprint=first) from error
            except asyncssh.PermissionDenied as error:
                raise CredentialsRefused(user=config.user) from error
            except LOST as error:
                if first and not visitor.shown:  # it has no key of this kind, and hangs up
                    continue
                if not visitor.shown and await _speaks_otherwise(config):
                    raise NotTheService from error
                raise _refused(error, visitor) from error
        raise HostKeyChanged(host=config.address, fingerprint=first, expected=", ".join(sorted(config.host_keys)))

    async def _log_in(self, visitor: _Visitor, algorithms: tuple[str, ...]) -> asyncssh.SSHClientConnection:
        config = self._config
        return await asyncssh.connect(
            config.host,
            config.port,
            config=None,  # what this program does shall not depend on ~/.ssh/config
            username=config.user,
            client_factory=lambda: visitor,
            known_hosts=b"",
            server_host_key_algs=algorithms,
            connect_timeout=CONNECT,
            login_timeout=LOGIN,
            keepalive_interval=_ALIVE,
            keepalive_count_max=3,
            compression_algs=None,  # sealed data cannot be compressed
            **self._credentials(),
        )

    def _credentials(self) -> dict[str, Any]:
        """Return how to log in: with a key, with a password, or as ssh would: by the agent and the usual files."""
        config = self._config
        if config.agent or not (config.private_key or config.key_file or config.password):
            return {"password": None}
        keys: list[object] = []
        try:
            if config.private_key:
                keys.append(asyncssh.import_private_key(config.private_key, config.passphrase or None))
            if config.key_file:
                keys.append(asyncssh.read_private_key(config.key_file, config.passphrase or None))
        except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError, OSError, ValueError) as error:
            if isinstance(error, asyncssh.KeyEncryptionError) or "passphrase" in str(error).lower():
                if not config.passphrase:
                    raise SettingInvalid(field="key_password", why="missing-secret") from error
                raise SettingInvalid(field="key_password", allowed="…") from error
            field = "private_key" if config.private_key and not keys else "key_file"
            if isinstance(error, OSError):
                raise SettingInvalid(field=field, allowed="/FOLDER/FILE") from error
            raise SettingInvalid(field=field, allowed="-----BEGIN OPENSSH PRIVATE KEY-----") from error
        return {"client_keys": keys or None, "agent_path": None, "password": config.password or None}
