"""The kinds of place that need no plugin."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from traybackup.api.provider import Field, FieldKind, Provider, Vault
from traybackup.api.store import Store
from traybackup.app.config import FOLDER, PATH
from traybackup.stores.local import LocalStore

__all__ = ["FOLDER", "PATH", "Folder"]


class Folder(Provider):
    """A folder of this computer, or a drive."""

    id: ClassVar[str] = FOLDER
    label: ClassVar[str] = "A folder or a drive"
    fields: ClassVar[Sequence[Field]] = (Field(PATH, "Folder", kind=FieldKind.FOLDER, required=True),)
    location_field: ClassVar[str] = PATH

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:  # noqa: ARG002 - a folder has no secrets
        return LocalStore(Path(os.path.abspath(os.path.expanduser(settings[PATH]))))
