"""Answers: what the service's refusals and the line's failures mean.

`translate` turns the errors of requests and the refusals of a method into the place's, `check` lets through only what
the vendor's library may read, and `Refused` is a method's own word for what it did not do.
Source: https://www.dropbox.com/developers/documentation/http/documentation#error-handling.
"""

import json
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import requests
from requests.structures import CaseInsensitiveDict

from traybackup.api import (
    AccessDenied,
    ClockWrong,
    InvalidName,
    NotFound,
    NotTheService,
    Offline,
    RateLimited,
    ScopeMissing,
    SettingInvalid,
    SignInExpired,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
)

_CLOCK_SLACK = 10 * 60.0  # seconds; a clock that is wrong by less has never been the reason of a refusal
_CLOCK_LIMIT = 12 * 3600.0  # seconds; more than a wrong time zone: backups would be dated wrong
_CERTIFICATE_NOT_YET, _CERTIFICATE_EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_…

RENEW = "expired_access_token"
"""The one refusal of a token that a new one helps against."""

_SLOWER = frozenset({"too_many_write_operations", "too_many_requests"})
_FULL = frozenset({"insufficient_space", "team_folder_insufficient_space", "member_folder_insufficient_space"})
_DENIED = frozenset(
    {
        "no_write_permission",
        "team_folder",
        "operation_suppressed",
        "access_restricted",
        "restricted_content",
        "encryption_not_supported",
    }
)
_MISSING = frozenset({"not_found", "not_file", "not_folder"})
_TOKEN: dict[str, type[StoreError]] = {
    "missing_scope": ScopeMissing,
    "user_suspended": AccessDenied,
    "route_access_denied": AccessDenied,
}


class Answer(NamedTuple):
    """What came back: the status, the headers, and the whole body."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes


class Refused(Exception):
    """A method did not do what was asked.

    Attributes:
        why: Its words for it, from the general to the special, such as ``path``, ``conflict``, ``file``.
        detail: What it says besides.
    """

    def __init__(self, why: tuple[str, ...], detail: object = None) -> None:
        super().__init__("/".join(why))
        self.why, self.detail = why, detail

    @property
    def is_missing(self) -> bool:
        """Whether there is nothing, or nothing of that kind, where it was asked to look."""
        return not _MISSING.isdisjoint(self.why)

    @property
    def correct_offset(self) -> int | None:
        """How much has arrived, if that is what it says."""
        found = self.detail
        while isinstance(found, dict):
            if "correct_offset" in found:
                said = found["correct_offset"]
                return said if type(said) is int else None
            found = found.get(str(found.get(".tag")))
        return None


@contextmanager
def translate(name: str = "") -> Iterator[None]:
    """Turn refusals and the errors of requests into the place's, and name the object in them."""
    try:
        yield
    except Refused as refused:
        error = _meaning(refused)
        error.name = name
        raise error from refused
    except requests.exceptions.SSLError as error:
        raise _untrusted(error, name) from error
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
        raise SettingInvalid(name=name, field="endpoint", allowed="https://HOST[:PORT]") from error
    except requests.RequestException as error:
        raise Offline(name=name) from error
    except StoreError as error:
        error.name = error.name or name
        raise


def _meaning(refused: Refused) -> StoreError:
    """Return what it means for the place that a method refused."""
    why = set(refused.why)
    for keywords, error in (
        (_SLOWER, RateLimited()),
        (_FULL, StoreFull()),
        (_DENIED, AccessDenied()),
        ({"disallowed_name"}, InvalidName()),
        ({"malformed_path"}, SettingInvalid(field="folder", allowed="NAME, NAME/NAME")),
        ({"content_hash_mismatch"}, StoreDamaged()),
        (_MISSING, NotFound()),
    ):
        if why & keywords:
            return error
    return StoreFailed(reason=f"409 {refused}")


def _untrusted(error: BaseException, name: str) -> StoreError:
    """Tell a certificate that is wrong from one that only this computer's clock thinks wrong."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            if seen.verify_code in (_CERTIFICATE_NOT_YET, _CERTIFICATE_EXPIRED):
                return ClockWrong(name=name)
            return NotTheService(name=name)
        inner = next((one for one in seen.args if isinstance(one, BaseException)), None)
        seen = getattr(seen, "reason", None) or inner or seen.__cause__ or seen.__context__
        seen = seen if isinstance(seen, BaseException) else None
    return Offline(name=name)


def parsed(answer: Answer) -> dict[str, Any]:
    """Return the JSON object of an answer.

    Raises:
        NotTheService: It is none: a page of the network, a proxy.
    """
    found = _json(answer)
    if found is None:
        raise NotTheService
    return found


def _is_json(answer: Answer) -> bool:
    return answer.headers.get("Content-Type", "").partition(";")[0].strip() == "application/json"


def _json(answer: Answer) -> dict[str, Any] | None:
    return _object(answer.body) if _is_json(answer) else None


def _object(text: bytes | str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def check_result(answer: Answer) -> None:
    """Make sure that an answer is a method's result, or that it says what the library reacts to by itself.

    Raises:
        Refused: The method did not do it.
        StoreError: It is something else.
    """
    if answer.status != HTTPStatus.OK:
        _check_refusal(answer)
    elif not (_is_json(answer) and (answer.body.strip() == b"null" or _json(answer) is not None)):
        raise NotTheService


def check_content(answer: Answer) -> None:
    """Make sure that an answer is content, or that there is none in the range asked for.

    Raises:
        Refused, StoreError: As in `check_result`.
        StoreDamaged: The range is outside.
    """
    if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise StoreDamaged
    if answer.status not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        _check_refusal(answer)
        return
    if _object(answer.headers.get("Dropbox-API-Result", "")) is None:
        raise NotTheService
    if "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers:
        raise Offline  # nobody can say whether that is all


def _check_refusal(answer: Answer) -> None:
    """Raise what it means that a method answered with an error, unless only the token is too old."""
    if answer.status == HTTPStatus.BAD_REQUEST and _json(answer) is None:
        raise _bad_request(answer)
    found = transient(answer)
    if found is not None:
        raise found
    said = parsed(answer)
    error = said.get("error")
    if answer.status == HTTPStatus.CONFLICT:
        words = str(said.get("error_summary", "")).split("/")
        why = tuple(word for word in words if word.strip("."))
        if "not_satisfiable" in why:
            raise StoreDamaged
        raise Refused(why, error)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        tag = str(error.get(".tag") if isinstance(error, dict) else error)
        if tag == RENEW:
            return
        raise _TOKEN.get(tag, SignInExpired)
    if answer.status in (HTTPStatus.FORBIDDEN, HTTPStatus.UNPROCESSABLE_ENTITY):
        raise AccessDenied
    raise StoreFailed(reason=str(answer.status))


def _bad_request(answer: Answer) -> StoreError:
    """Return what a refusal in plain words means: an app without a right, or a request that cannot be right."""
    text = answer.body[:1000].decode("utf-8", "replace")
    if "required scope" in text:
        return SettingInvalid(field="app_key", allowed="files.metadata.read, files.content.read, files.content.write")
    if "X-Dropbox-Request-Id" in answer.headers or text.startswith("Error in call to API function"):
        return StoreFailed(reason="400")
    return NotTheService()


def skew(answer: Answer, now: float) -> float:
    """Return by how many seconds this computer's clock is ahead of the service's; 0 if that cannot be told."""
    said = _date(answer.headers.get("Date", ""))
    return now - said.timestamp() if said else 0.0


def check_clock(answer: Answer, now: float, *, refused: bool = False) -> None:
    """Raise `ClockWrong` if the clock is wrong by half a day, or, when the service refused, by minutes."""
    seconds = skew(answer, now)
    if abs(seconds) > (_CLOCK_SLACK if refused else _CLOCK_LIMIT):
        raise ClockWrong(seconds=seconds)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return found if found.tzinfo else None


def retry_after(answer: Answer) -> float | None:
    """Return the seconds that the service asks to wait, None if it does not say."""
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    until, said = _date(text), _date(answer.headers.get("Date", ""))
    if until and said:
        return max(0.0, (until - said).total_seconds())
    error = (_json(answer) or {}).get("error")
    wait = error.get("retry_after") if isinstance(error, dict) else None
    return float(wait) if type(wait) is int else None


def transient(answer: Answer) -> StoreError | None:
    """Return what an answer means that is not about this request: busy, broken, or not the service at all."""
    status, wait = answer.status, retry_after(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS or (status == HTTPStatus.SERVICE_UNAVAILABLE and wait):
        return RateLimited(retry_after=wait)
    if status in (HTTPStatus.PROXY_AUTHENTICATION_REQUIRED, HTTPStatus.NETWORK_AUTHENTICATION_REQUIRED):
        return NotTheService()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        return Offline()
    if status < HTTPStatus.BAD_REQUEST or _json(answer) is None:
        return NotTheService()
    return None
