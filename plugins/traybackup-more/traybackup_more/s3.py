"""S3: Amazon's, and every server that speaks like it: MinIO, Ceph, Backblaze, Wasabi, Hetzner, Cloudflare and Google.

The location is ``BUCKET[/FOLDER]``, or ``https://HOST[:PORT]/BUCKET[/FOLDER]`` as for restic.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlsplit

from traybackup.api import Field, FieldKind, Provider, SettingInvalid, Store, Vault
from traybackup_more.settings import Target, endpoint, secret, split, wanted
from traybackup_more.words import TRANSLATIONS

_REGION = "us-east-1"
"""What servers other than Amazon's expect if they have no regions."""


class S3(Provider):
    """A bucket, or a folder in one."""

    id: ClassVar[str] = "s3"
    label: ClassVar[str] = "S3 (Amazon, MinIO, Ceph, Backblaze, …)"
    location_field: ClassVar[str] = "bucket"
    fields: ClassVar[Sequence[Field]] = (
        Field("bucket", "Bucket and folder", required=True, help="BUCKET/FOLDER. The bucket must be there."),
        Field("endpoint", "Server", help="https://HOST. Empty: Amazon, in the region below."),
        Field("access_key_id", "Access key id"),
        Field("secret_access_key", "Secret access key", kind=FieldKind.SECRET),
        Field("region", "Region", help="As the service names it, such as eu-central-1. Most own servers need none."),
        Field(
            "profile",
            "Profile of the AWS tools",
            help="Name of a profile in ~/.aws/credentials, instead of the keys; then no keyring is needed.",
            advanced=True,
        ),
        Field("storage_class", "Storage class", help="Nothing that must be thawed before reading.", advanced=True),
        Field(
            "virtual_host",
            "Bucket in the host name",
            kind=FieldKind.SWITCH,
            help="For servers that want https://BUCKET.HOST.",
            advanced=True,
        ),
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
    settings = _unfolded(settings)
    bucket, folder = split(settings, "bucket")
    server, region = endpoint(settings, plain=True), settings.get("region", "").strip()
    if not server and not region:
        raise SettingInvalid(field="region", why="missing")
    options = {
        "bucket": bucket,
        "root": f"/{folder}",
        "region": region or _REGION,
        "endpoint": server or f"https://s3.{region}.amazonaws.com",
        "checksum_algorithm": "md5",  # the server refuses what arrives changed; buckets with object lock demand it
        "disable_ec2_metadata": "true",
    }
    profile, user = settings.get("profile", "").strip(), ""
    if profile:
        options["profile"] = profile
    else:
        user = wanted(settings, "access_key_id")
        options |= {
            "access_key_id": user,
            "secret_access_key": secret(vault, "secret_access_key"),
            "disable_config_load": "true",
        }
    if settings.get("storage_class"):
        options["default_storage_class"] = settings["storage_class"]
    if settings.get("virtual_host") == "true":
        options["enable_virtual_host_style"] = "true"
    return Target("s3", options, etag_is_md5=True, checksum="md5", user=user or profile)


def _unfolded(settings: Mapping[str, str]) -> Mapping[str, str]:
    """Take an address apart that has server, bucket and folder in one."""
    location = settings.get("bucket", "")
    if not location.startswith(("https://", "http://")):
        return settings
    parts = urlsplit(location)
    return {**settings, "endpoint": f"{parts.scheme}://{parts.netloc}", "bucket": parts.path}
