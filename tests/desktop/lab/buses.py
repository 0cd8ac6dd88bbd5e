"""The system's message bus, on its usual socket in the room's own /run, where everybody may do everything."""

import contextlib
from collections.abc import Iterator

from tests.desktop.lab.room import Room
from tests.session import wait_until

SOCKET = "/run/dbus/system_bus_socket"
_CONFIG = f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={SOCKET}</listen><auth>EXTERNAL</auth>
<policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>
"""


@contextlib.contextmanager
def system_bus(room: Room) -> Iterator[str]:
    """Run the system's bus in the room; yield its address as seen from outside."""
    config = room.folder / "system-bus.conf"
    config.write_text(_CONFIG)
    words = ("dbus-daemon", "--nofork", "--nopidfile", f"--config-file={config}")
    log = (room.folder / "bus.log").open("w")
    with log, room.running(*words, stdout=log, stderr=log):
        wait_until((room.root / SOCKET.lstrip("/")).exists)
        yield f"unix:path={room.root}{SOCKET}"
