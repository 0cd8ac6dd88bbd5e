"""Drives as JSON objects, for ``--json`` and the page."""

from traybackup.app.drives import Found

Form = dict[str, object]


def drive(found: Found, unsuitable: str = "") -> Form:
    """Return a drive that is plugged in."""
    volume = found.volume
    return {
        "name": found.name,
        "colour": found.colour or None,
        "id": found.tag.id if found.tag else None,
        "destinations": list(found.destinations),
        "device": found.device,
        "model": found.drive.name,
        "bus": found.drive.bus,
        "mount": found.mount or None,
        "filesystem": volume.filesystem if volume else "",
        "size": found.total if found.total is not None else (volume.size if volume else found.drive.size),
        "free": found.free,
        "external": found.drive.external,
        "can_power_off": found.drive.can_power_off,
        "can_eject": found.drive.can_eject,
        "unsuitable": unsuitable or None,
    }
