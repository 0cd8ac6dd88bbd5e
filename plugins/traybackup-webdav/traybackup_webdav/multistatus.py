"""Multistatus: what a server tells about its files and folders. Source: RFC 4918 (PROPFIND), RFC 4331 (room)."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from xml.etree import ElementTree as ET

from traybackup.api import NotTheService

PROPERTIES = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><resourcetype/><getcontentlength/><getlastmodified/></prop></propfind>"""

ROOM = b"""<?xml version="1.0" encoding="utf-8"?>
<propfind xmlns="DAV:"><prop><quota-available-bytes/><quota-used-bytes/></prop></propfind>"""


class Resource(NamedTuple):
    """A file or folder.

    Attributes:
        path: From the server's root, unquoted, without a slash at the end.
        size: Bytes; None: not told, as for folders.
        modified: Seconds since 1970 by the server's clock; None: not told.
        free, used: Bytes, where that was asked for; None: not told, or no limit.
    """

    path: str
    folder: bool
    size: int | None
    modified: float | None
    free: int | None
    used: int | None


def read(body: bytes) -> list[Resource]:
    """Return what is listed.

    Raises:
        NotTheService: It is no listing, only a part of one, or one of nothing.
    """
    try:
        root = ET.fromstring(body)  # noqa: S314 - expat itself ends documents that grow out of all proportion
    except ET.ParseError as error:
        raise NotTheService from error
    found = [_resource(one) for one in root.iterfind("{DAV:}response")]
    if root.tag != "{DAV:}multistatus" or not found:
        raise NotTheService
    return found


def _resource(response: ET.Element) -> Resource:
    known = {one.tag.removeprefix("{DAV:}"): one for one in _properties(response)}
    kind, told = known.get("resourcetype"), {key: (one.text or "").strip() for key, one in known.items()}
    return Resource(
        path=unquote(urlsplit((response.findtext("{DAV:}href") or "").strip()).path).rstrip("/"),
        folder=kind is not None and kind.find("{DAV:}collection") is not None,
        size=_number(told.get("getcontentlength", "")),
        modified=seconds(told.get("getlastmodified", "")),
        free=_number(told.get("quota-available-bytes", "")),
        used=_number(told.get("quota-used-bytes", "")),
    )


def _properties(response: ET.Element) -> Iterator[ET.Element]:
    """Yield the properties that the server does know."""
    for part in response.iterfind("{DAV:}propstat"):
        if " 200" in (part.findtext("{DAV:}status") or ""):
            yield from part.iterfind("{DAV:}prop/*")


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() else None  # some write -3 for "no limit"


def seconds(text: str) -> float | None:
    """Return a date of HTTP in seconds since 1970, None if it is none."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError):
        return None
