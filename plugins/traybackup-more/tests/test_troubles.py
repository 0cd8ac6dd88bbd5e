"""What goes wrong on the way and at the service, and that nothing half-made is left."""

import hashlib
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from opendal import exceptions
from s3_servers import BUCKET, KEY, SECRET, Door, Fault, error
from traybackup_more import answers, store
from traybackup_more.s3 import S3

from traybackup.api import (
    AccessDenied,
    AlreadyExists,
    BytesPayload,
    ClockWrong,
    CredentialsRefused,
    NotFound,
    NotTheService,
    Offline,
    PlaceMissing,
    RateLimited,
    SettingInvalid,
    Store,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
)
from traybackup.testing import MemoryVault

PAGE = Fault(200, b"<html>Sign in to this network</html>", {"Content-Type": "text/html", "Content-Length": "36"})
Open = Callable[..., Store]


@pytest.fixture
def open_place(shop: Door, vault: MemoryVault, location: str) -> Open:
    return lambda **more: S3().open(shop.settings(location) | more, vault)


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        (error("InvalidAccessKeyId", 403), CredentialsRefused),
        (error("SignatureDoesNotMatch", 403), CredentialsRefused),
        (error("ExpiredToken", 400), CredentialsRefused),
        (error("AccessDenied", 403), AccessDenied),
        (error("NoSuchBucket", 404), PlaceMissing),
        (error("PermanentRedirect", 301), SettingInvalid),
        (error("AuthorizationHeaderMalformed", 400), SettingInvalid),
        (error("RequestTimeTooSkewed", 403), ClockWrong),
        (error("SlowDown", 503), RateLimited),
        (error("TooManyRequests", 429), RateLimited),
        (error("InternalError", 500), Offline),
        (error("ServiceUnavailable", 503), Offline),
        (Fault(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), Offline),
        (Fault(404, b"<html>No such page</html>", {"Content-Type": "text/html"}), NotTheService),
        (Fault(403, b"<html>Sign in first</html>", {"Content-Type": "text/html"}), NotTheService),
        (error("QuotaExceeded", 403), StoreFull),
        (error("XMinioStorageFull", 507), StoreFull),
        (error("SomethingNew", 418), StoreFailed),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_refusals(shop: Door, open_place: Open, fault: Fault, wanted: type[StoreError]) -> None:
    """Each refusal of the service is the error that says what to do, when opening and when storing."""
    with open_place() as place:
        for opening in (True, False):
            shop.faults.append(Fault(fault.status, fault.body, fault.headers, method="GET" if opening else "PUT"))
            with pytest.raises(wanted) as told:
                open_place() if opening else place.put("config", BytesPayload(b"x"))
            assert type(told.value) is wanted
            assert shop.faults == []
        with pytest.raises(NotFound):
            place.stat("config")
    if wanted is CredentialsRefused:
        assert told.value.params["user"] == KEY
    if wanted is StoreFailed:
        assert told.value.params["reason"] == "418 SomethingNew"


def test_waits_as_long_as_asked(shop: Door, open_place: Open) -> None:
    """The seconds that the service asks to wait reach the host, which does the waiting: nothing is tried twice here."""
    with open_place() as place:
        before = len(shop.calls)
        fault = error("SlowDown", 503, **{"Retry-After": "17"})
        fault.method = "GET"
        shop.faults.append(fault)
        with pytest.raises(RateLimited) as told:
            place.get("config")
        assert told.value.retry_after == 17
        assert len(shop.calls) == before + 1


def test_a_put_costs_three_requests(shop: Door, open_place: Open) -> None:
    """Look, send, compare; a listing of few objects is one request, and so is every read."""
    with open_place() as place:
        before = len(shop.calls)
        place.put("config", BytesPayload(b"x"))
        assert [method for method, _ in shop.calls[before:]] == ["HEAD", "PUT", "HEAD"]
        before = len(shop.calls)
        place.get("config")
        place.get("config", 0, 1)
        list(place.entries())
        place.stat("config")
        place.delete("config")
        assert [method for method, _ in shop.calls[before:]] == ["GET", "GET", "GET", "HEAD", "DELETE"]


def test_layout_is_restics(shop: Door, open_place: Open, location: str) -> None:
    """Objects lie under restic's names, in the folder of the bucket."""
    with open_place() as place:
        place.put("data/3f/3f9a", BytesPayload(b"d"))
    assert (shop.folder / location / "data" / "3f" / "3f9a").read_bytes() == b"d"


def test_lost_answer_makes_no_second_object(shop: Door, open_place: Open) -> None:
    """An upload that arrived, but whose answer was lost, is seen by whoever tries again."""
    with open_place() as place:
        shop.faults.append(Fault(method="PUT", passes=True))
        with pytest.raises(Offline):
            place.put("config", BytesPayload(b"x"))
        with pytest.raises(AlreadyExists):
            place.put("config", BytesPayload(b"x"))
        found = place.stat("config")
        assert found.checksum == f"md5:{hashlib.md5(b'x', usedforsecurity=False).hexdigest()}"


def test_cut_download(shop: Door, open_place: Open) -> None:
    """A download that breaks off is "offline", never a short answer."""
    with open_place() as place:
        place.put("config", BytesPayload(bytes(300_000)))
        for length in (None, 200_000):
            shop.faults.append(Fault(method="GET", cut=100_000))
            with pytest.raises(Offline):
                place.get("config", 0, length)
        assert place.get("config") == bytes(300_000)


def test_silence_ends(shop: Door, open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that says nothing is given up after the time limit, whatever was asked."""
    monkeypatch.setattr(store, "_ANSWER", 0.5)
    monkeypatch.setattr(store, "_UPLOAD", 0.5)
    with open_place() as place:
        place.put("config", BytesPayload(b"x"))
        for ask in (
            lambda: place.get("config"),
            lambda: place.stat("config"),
            lambda: list(place.entries()),
            lambda: place.delete("config"),
            lambda: place.put("config", BytesPayload(b"y"), overwrite=True),
        ):
            shop.faults.append(Fault(hang=True))
            with pytest.raises(Offline):
                ask()
        assert place.get("config") == b"x"


def test_waiting_for_a_listing_freezes_nothing(shop: Door, open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a listing waits for the network, other threads go on."""
    monkeypatch.setattr(store, "_ANSWER", 1.0)
    with open_place() as place:
        shop.faults.append(Fault(hang=True))
        pauses: list[float] = []
        stop = threading.Event()

        def tick() -> None:
            last = time.monotonic()
            while not stop.wait(0.01):
                now = time.monotonic()
                pauses.append(now - last)
                last = now

        ticking = threading.Thread(target=tick)
        ticking.start()
        with pytest.raises(Offline):
            list(place.entries())
        stop.set()
        ticking.join()
        assert len(pauses) > 20
        assert max(pauses) < 0.5


def test_networks_own_page(shop: Door, open_place: Open) -> None:
    """A page that answers everything with "yes" is not the service."""
    shop.faults.append(Fault(PAGE.status, PAGE.body, PAGE.headers, lasting=True))
    with pytest.raises(NotTheService):
        open_place()


def test_nobody_there(open_place: Open) -> None:
    """A server that does not answer at all is "offline"."""
    with pytest.raises(Offline):
        open_place(endpoint="http://127.0.0.1:1")


def test_missing_bucket(open_place: Open) -> None:
    """A bucket that is not there is told by the real server, and is not made."""
    with pytest.raises(PlaceMissing):
        open_place(bucket="no-such-bucket/till")


def test_wrong_secret(shop: Door, location: str) -> None:
    """The real server refuses a wrong secret, and a wrong key id."""
    with pytest.raises(CredentialsRefused):
        S3().open(shop.settings(location), MemoryVault(secret_access_key="x"))  # noqa: S106 - wrong on purpose
    with pytest.raises(CredentialsRefused):
        S3().open(shop.settings(location) | {"access_key_id": "x"}, MemoryVault(secret_access_key="x"))  # noqa: S106


def test_service_that_stores_something_else(open_place: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ETag is not the MD5 no checksum is claimed, so that the host reads back; another size is damage."""
    with open_place() as place:
        plain = place._sender  # type: ignore[attr-defined]  # the library, which must be deceived

        class Other:
            data = b"y"

            def __getattr__(self, name: str) -> object:
                return getattr(plain, name)

            def write(self, name: str, _: bytes, **more: bool) -> None:
                plain.write(name, self.data, **more)

        monkeypatch.setattr(place, "_sender", Other())
        assert place.put("keys/1", BytesPayload(b"x")).checksum is None
        assert place.stat("keys/1").checksum is None
        monkeypatch.setattr(Other, "data", b"yy")
        with pytest.raises(StoreDamaged):
            place.put("keys/2", BytesPayload(b"x"))


@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (
            exceptions.Unexpected('Unexpected (permanent) at stat => status: 403, code: "BlobImmutableDueToPolicy"'),
            "store-read-only",
        ),
        (exceptions.Unexpected("error: invalid peer certificate: UnknownIssuer"), "not-the-service"),
        (exceptions.Unexpected("Unexpected (temporary) at read"), "offline"),
        (exceptions.ConfigInvalid("ConfigInvalid (permanent) => failed to load credential"), "credentials-refused"),
        (exceptions.ConfigInvalid("ConfigInvalid (permanent) => bucket is empty"), "store-failed"),
        (exceptions.IsADirectory("x"), "not-found"),
        (exceptions.RateLimited("status: 429"), "rate-limited"),
        (exceptions.PermissionDenied("status: 401"), "credentials-refused"),
        (TimeoutError(), "offline"),
    ],
)
def test_errors_of_the_library(raised: Exception, wanted: str) -> None:
    """What other services answer is understood by code, status or kind."""
    assert answers.meaning(raised).code == wanted


def test_nothing_of_an_address_is_told() -> None:
    """The text of an error may hold a token; what is told of it is the service's code."""
    found = answers.meaning(exceptions.Unexpected("uri: https://x/?sig=hidden status: 418, code: Teapot"))
    assert "hidden" not in str(found)
    assert found.params["reason"] == "418 Teapot"


def test_program_ends_well_right_after_a_listing(shop: Door, location: str) -> None:
    """A program that lists and ends at once, without closing the place, ends with its own exit code."""
    code = (
        "import sys; from traybackup_more.s3 import S3; from traybackup.testing import MemoryVault\n"
        f"place = S3().open({shop.settings(location)!r}, MemoryVault(secret_access_key={SECRET!r}))\n"
        "list(place.entries()); sys.exit(7)"
    )
    codes = [subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode for _ in range(4)]
    assert codes == [7] * 4


def test_closed_place(open_place: Open) -> None:
    """A closed place says so."""
    place = open_place()
    place.close()
    with pytest.raises(StoreFailed):
        place.stat("config")


def test_bucket_is_shared_by_shops(shop: Door, vault: MemoryVault, tmp_path: Path) -> None:
    """Two folders of one bucket do not see each other, however alike their names."""
    names = [f"{BUCKET}/{tmp_path.name}/shop1", f"{BUCKET}/{tmp_path.name}/shop17"]
    with S3().open(shop.settings(names[0]), vault) as one, S3().open(shop.settings(names[1]), vault) as two:
        two.put("config", BytesPayload(b"2"))
        assert list(one.entries()) == []
        one.put("config", BytesPayload(b"1"))
        assert [two.get("config"), one.get("config")] == [b"2", b"1"]
