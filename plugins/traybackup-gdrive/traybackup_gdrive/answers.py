"""Answers: what the service's refusals and the line's failures mean.

`translate` turns the errors of requests into the place's, `parsed` reads JSON that must be the service's own, and
`refusal` tells what a status and its reason stand for.
Source: https://developers.google.com/workspace/drive/api/guides/handle-errors.
"""

import json
import ssl
from collections.abc import Iterator, Mapping
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
    FilesInvisible,
    NotFound,
    NotTheService,
    Offline,
    RateLimited,
    ScopeMissing,
    SettingInvalid,
    SignInExpired,
    StoreError,
    StoreFailed,
    StoreFull,
)

_CLOCK_SLACK = 10 * 60.0  # seconds; a clock that is wrong by less has never been the reason of a refusal
_CLOCK_LIMIT = 12 * 3600.0  # seconds; more than a wrong time zone: backups would be dated wrong
_CERTIFICATE_NOT_YET, _CERTIFICATE_EXPIRED = 9, 10  # OpenSSL's X509_V_ERR_…

_SLOWER = frozenset(
    {
        "userRateLimitExceeded",
        "rateLimitExceeded",
        "sharingRateLimitExceeded",
        "dailyLimitExceeded",
        "downloadQuotaExceeded",
    }
)
_FULL = frozenset(
    {
        "storageQuotaExceeded",
        "quotaExceeded",
        "activeItemCreationLimitExceeded",
        "numChildrenInNonRootLimitExceeded",
        "uploadTooLarge",
    }
)
_TOO_LITTLE = frozenset({"insufficientPermissions", "insufficientScopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"})
_NOT_OURS = frozenset({"appNotAuthorizedToFile"})
_SWITCHED_OFF = frozenset({"accessNotConfigured", "SERVICE_DISABLED"})


class Answer(NamedTuple):
    """What came back: the status, the headers, and the whole body."""

    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes


@contextmanager
def translate(name: str = "") -> Iterator[None]:
    """Turn the library's errors into the place's, and name the object in them."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise _untrusted(error, name) from error
    except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema) as error:
        raise SettingInvalid(name=name, field="endpoint", allowed="https://HOST[:PORT]") from error
    except requests.RequestException as error:
        raise Offline(name=name) from error
    except StoreError as error:
        error.name = error.name or name
        raise


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


def acknowledged(answer: Answer) -> None:
    """Make sure that an answer which need not say anything is the service's: empty, or JSON.

    Raises:
        NotTheService: It is something else.
    """
    if answer.body:
        parsed(answer)


def _json(answer: Answer) -> dict[str, Any] | None:
    if not answer.headers.get("Content-Type", "").partition(";")[0].strip().endswith("json"):
        return None
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


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
    return max(0.0, (until - said).total_seconds()) if until and said else None


def reasons(answer: Answer) -> set[str]:
    """Return the keywords with which the service explains a refusal."""
    error = (_json(answer) or {}).get("error")
    if not isinstance(error, dict):
        return set()
    found = [*_dicts(error.get("errors")), *_dicts(error.get("details"))]
    return {str(one["reason"]) for one in found if "reason" in one}


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


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


def refusal(answer: Answer) -> StoreError:
    """Return what it means that Drive did not do what was asked."""
    found = transient(answer)
    if found is not None:
        return found
    why = reasons(answer)
    for keywords, error in (
        (_SLOWER, RateLimited(retry_after=retry_after(answer))),
        (_FULL, StoreFull()),
        (_SWITCHED_OFF, SettingInvalid(field="client_id", allowed="Google Drive API: on")),
        (_TOO_LITTLE, ScopeMissing()),
        (_NOT_OURS, FilesInvisible()),
    ):
        if why & keywords:
            return error
    known: dict[int, type[StoreError]] = {
        HTTPStatus.UNAUTHORIZED: SignInExpired,
        HTTPStatus.FORBIDDEN: AccessDenied,
        HTTPStatus.NOT_FOUND: NotFound,
    }
    if answer.status in known:
        return known[answer.status]()
    return StoreFailed(reason=f"{answer.status} {', '.join(sorted(why))}".strip())


def dump(value: Mapping[str, object]) -> bytes:
    """Return JSON to send."""
    return json.dumps(value).encode()
