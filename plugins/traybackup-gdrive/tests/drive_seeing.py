"""What tests of names and folders share: making things at the service as another client would, and looking."""

from drive_server import World
from drive_server.world import FOLDER, TOP, Stored

from traybackup.api import Store


def folder(world: World, name: str, parent: str = TOP, client: str = "") -> Stored:
    """Make a folder at the service, as another client of the same program would."""
    account = world.accounts[0]
    made = Stored(world.word(33), name, FOLDER, parent, client or next(iter(world.clients)), world.created())
    account.files[made.id] = made
    return made


def copy(world: World, stored: Stored, **changes: object) -> Stored:
    """Make a second file of the same name."""
    values = {field: getattr(stored, field) for field in Stored.__slots__}
    other = Stored(**(values | {"id": world.word(33), "created": world.created()} | changes))  # type: ignore[arg-type]  # as it was
    world.accounts[0].files[other.id] = other
    return other


def names(store: Store, prefix: str = "") -> list[str]:
    return sorted(entry.name for entry in store.entries(prefix))
