"""BackblazeB2: a bucket at Backblaze by its own protocol. Not tested on the service itself.

The same buckets can be reached by `traybackup_more.s3`, which is tested, and which restic can read over the same way.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from traybackup.api import Field, FieldKind, Provider, Store, Vault
from traybackup_more.settings import Target, secret, split, wanted
from traybackup_more.words import TRANSLATIONS


class BackblazeB2(Provider):
    """A bucket, or a folder in one (not tested here)."""

    id: ClassVar[str] = "b2"
    label: ClassVar[str] = "Backblaze B2 (not tested here; S3 reaches it, too)"
    location_field: ClassVar[str] = "bucket"
    fields: ClassVar[Sequence[Field]] = (
        Field("bucket", "Bucket and folder", required=True, help="BUCKET/FOLDER. The bucket must be there."),
        Field("bucket_id", "Bucket id", required=True, help="Backblaze shows it beside the bucket's name."),
        Field("key_id", "Key id", required=True),
        Field("application_key", "Application key", kind=FieldKind.SECRET),
    )
    translations: ClassVar[Mapping[str, Mapping[str, str]]] = TRANSLATIONS

    def open(self, settings: Mapping[str, str], vault: Vault) -> Store:
        target = read(settings, vault)
        from traybackup_more.store import open_store  # noqa: PLC0415 - brings the library

        return open_store(target)


def read(settings: Mapping[str, str], vault: Vault) -> Target:
    """Understand the settings.

    Raises:
        SettingInvalid: One cannot be right.
    """
    bucket, folder = split(settings, "bucket")
    user = wanted(settings, "key_id")
    options = {
        "bucket": bucket,
        "root": f"/{folder}",
        "bucket_id": wanted(settings, "bucket_id"),
        "application_key_id": user,
        "application_key": secret(vault, "application_key"),
    }
    return Target("b2", options, user=user)
