"""A small SSH server that takes passwords: asyncssh's own. sshd would need the rights of the whole computer for it."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import asyncssh

USER, PASSWORD = "anna", "correct horse"


class _Door(asyncssh.SSHServer):
    def __init__(self, asks: str) -> None:
        self._asks = asks

    def begin_auth(self, username: str) -> bool:  # noqa: ARG002 - the library's name
        return True

    def password_auth_supported(self) -> bool:
        return self._asks == "password"

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)

    def kbdint_auth_supported(self) -> bool:
        return self._asks == "question"

    def get_kbdint_challenge(self, *about: str) -> tuple[str, str, str, list[tuple[str, bool]]]:
        return "", about[0], "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: list[str]) -> bool:
        return (username, responses) == (USER, [PASSWORD])


@contextlib.contextmanager
def password_server(home: Path, *, asks: str = "password") -> Iterator[tuple[int, str]]:
    """Run one that lets in whoever knows the password; yield its port and the fingerprint of its key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()

    def inside(channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return asyncssh.SFTPServer(channel, chroot=str(home).encode())

    async def begin() -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1", 0, server_host_keys=[key], server_factory=lambda: _Door(asks), sftp_factory=inside
        )

    async def end(server: asyncssh.SSHAcceptor) -> None:
        server.close()
        await server.wait_closed()

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = asyncio.run_coroutine_threadsafe(begin(), loop).result(20)
    try:
        yield server.get_port(), key.get_fingerprint()
    finally:
        asyncio.run_coroutine_threadsafe(end(server), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
