"""The lab as fixtures: a room with a system bus, udev and UDisks2 for all tests of a module, and sticks for each."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

if sys.platform == "linux":
    from tests.desktop.lab import room as rooms
    from tests.desktop.lab import sticks, udisks
    from tests.desktop.lab.buses import system_bus
    from tests.desktop.lab.room import Room
    from tests.desktop.lab.sticks import Stick

    @pytest.fixture(scope="module")
    def room(tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]) -> Iterator[Room]:
        """Return a room with a system bus, whose address is in ``variables``, udev and UDisks2."""
        missing = rooms.missing() or udisks.missing()
        if missing:
            pytest.skip(f"missing: {missing}")
        program("dbus-daemon")
        with rooms.room(tmp_path_factory.mktemp("lab")) as made, system_bus(made), udisks.udisks(made):
            yield made

    @pytest.fixture
    def stick(room: Room, program: Callable[[str], str]) -> Iterator[Callable[..., Stick]]:
        """Return a function that makes a stick; all are pulled out at the end."""
        program("mkfs.ext4")
        with ExitStack() as stack:

            def make(label: str, **wishes: object) -> Stick:
                made = sticks.make(room, label, **wishes)  # type: ignore[arg-type]  # a test's shorthand
                stack.callback(made.image.unlink)
                stack.callback(made.pull)
                return made

            yield make

    @pytest.fixture
    def home(room: Room, tmp_path: Path) -> Path:
        """Give traybackup a home of its own in the room."""
        room.variables["TRAYBACKUP_HOME"] = str(tmp_path / "traybackup")
        return tmp_path / "traybackup"
