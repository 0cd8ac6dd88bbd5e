"""Answers: what opendal's errors mean.

opendal has a class for each kind of error and puts the rest into the text: the service's own code, the status and the
headers of the answer. The text also holds addresses, some with tokens in them, so nothing of it goes on but the code.
Sources: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html,
https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from opendal import exceptions

from traybackup.api import (
    AccessDenied,
    AlreadyExists,
    ClockWrong,
    CredentialsRefused,
    NotFound,
    NotTheService,
    Offline,
    PlaceMissing,
    RateLimited,
    SettingInvalid,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
)

ERRORS = (
    exceptions.Error,
    exceptions.Unexpected,
    exceptions.Unsupported,
    exceptions.ConfigInvalid,
    exceptions.NotFound,
    exceptions.PermissionDenied,
    exceptions.IsADirectory,
    exceptions.NotADirectory,
    exceptions.AlreadyExists,
    exceptions.IsSameFile,
    exceptions.ConditionNotMatch,
    exceptions.RateLimited,
    exceptions.RangeNotSatisfied,
    exceptions.Conflict,
    OSError,  # TimeoutError is one
)
"""Everything that opendal raises; the classes have no common base."""

_CODES: dict[str, type[StoreError]] = {
    **dict.fromkeys(("NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted"), PlaceMissing),
    **dict.fromkeys(("NoSuchKey", "BlobNotFound", "NoSuchUpload"), NotFound),
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
            "InvalidAuthenticationInfo",
            "ExpiredToken",
            "InvalidToken",
            "bad_auth_token",
            "InvalidAuthenticationToken",
        ),
        CredentialsRefused,
    ),
    **dict.fromkeys(("RequestTimeTooSkewed", "RequestExpired"), ClockWrong),
    **dict.fromkeys(("SlowDown", "Throttling", "RequestLimitExceeded", "ServerBusy", "TooManyRequests"), RateLimited),
    **dict.fromkeys(
        ("QuotaExceeded", "InsufficientStorage", "XMinioStorageFull", "storage_cap_exceeded", "quotaLimitReached"),
        StoreFull,
    ),
    **dict.fromkeys(("BadDigest", "InvalidDigest", "Md5Mismatch", "InvalidRange"), StoreDamaged),
    **dict.fromkeys(("PreconditionFailed", "ConditionNotMet", "BlobAlreadyExists"), AlreadyExists),
    **dict.fromkeys(("AccountIsDisabled", "BlobImmutableDueToPolicy"), StoreReadOnly),
    **dict.fromkeys(("InternalError", "ServiceUnavailable", "RequestTimeout", "OperationTimedOut"), Offline),
}
_REGION = (
    "PermanentRedirect",
    "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    "TemporaryRedirect",
)
_STATUSES: dict[int, type[StoreError]] = {
    401: CredentialsRefused,
    403: AccessDenied,
    407: NotTheService,
    408: Offline,
    412: AlreadyExists,
    416: StoreDamaged,
    429: RateLimited,
    507: StoreFull,
    511: NotTheService,
}
_CLASSES: tuple[tuple[type[BaseException], type[StoreError]], ...] = (
    (exceptions.NotFound, NotFound),
    (exceptions.IsADirectory, NotFound),
    (exceptions.NotADirectory, NotFound),
    (exceptions.ConditionNotMatch, AlreadyExists),
    (exceptions.AlreadyExists, AlreadyExists),
    (exceptions.RangeNotSatisfied, StoreDamaged),
    (exceptions.RateLimited, RateLimited),
    (exceptions.PermissionDenied, AccessDenied),
    (OSError, Offline),
)
_CODE = re.compile(r'\bcode: "?([A-Za-z_]+)"?')
_STATUS = re.compile(r"\bstatus: (\d{3})\b")
_WAIT = re.compile(r'"retry-after": "(\d{1,6})"')
_NO_TRUST = ("certificate", "UnknownIssuer", "invalid peer")
_NO_SENSE = ("too much data", "deserialize", "html>", "text/html")
_REFUSED, _SERVER = 400, 500
_MOVED = (301, 307)


def meaning(error: BaseException, user: str = "") -> StoreError:
    """Return what an error of opendal stands for; *user* is who logged in."""
    text = str(error)
    code, status = _first(_CODE, text), int(_first(_STATUS, text) or 0)
    kind = _kind(error, code, status)
    if kind is CredentialsRefused:
        return CredentialsRefused(user=user)
    if kind is SettingInvalid:
        return SettingInvalid(field="region", allowed="…")
    if kind is RateLimited:
        wait = _first(_WAIT, text)
        return RateLimited(retry_after=float(wait) if wait else None)
    return kind() if kind else StoreFailed(reason=f"{status or ''} {code or type(error).__name__}".strip())


def _kind(error: BaseException, code: str, status: int) -> type[StoreError] | None:
    text = str(error)
    if code in _REGION or status in _MOVED:
        return SettingInvalid
    if not code and _REFUSED <= status < _SERVER and " at stat" not in text and "text/html" in text:
        return NotTheService  # a service says what it refuses; only to HEAD ("stat") nobody has anything to say
    kind = _CODES.get(code) or _STATUSES.get(status) or next((k for c, k in _CLASSES if isinstance(error, c)), None)
    if kind is None and isinstance(error, exceptions.ConfigInvalid) and "credential" in text.lower():
        return CredentialsRefused
    if kind is None and status >= _SERVER:  # the answer to HEAD has no word for it, only the wish to wait
        return RateLimited if _WAIT.search(text) else Offline
    if kind is None and (any(word in text for word in _NO_TRUST) or (not code and any(w in text for w in _NO_SENSE))):
        return NotTheService
    return kind or (Offline if "(temporary)" in text else None)


def _first(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.search(text)
    return found[1] if found else ""


@contextmanager
def translate(name: str = "", user: str = "") -> Iterator[None]:
    """Turn opendal's errors into the place's, and name the object in them."""
    try:
        yield
    except StoreError as error:
        error.name = error.name or name
        raise
    except ERRORS as error:
        found = meaning(error, user)
        found.name = name
        raise found from error
