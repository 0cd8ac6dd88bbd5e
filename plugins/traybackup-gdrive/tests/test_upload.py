"""Uploads over a bad line: what has arrived is not sent again, nothing is there twice, nothing half is visible."""

import itertools

import pytest
from drive_owner import Owner
from drive_payloads import Watched, named, some
from drive_server import DriveServer, Fault, World
from traybackup_gdrive.addresses import Addresses
from traybackup_gdrive.provider import GoogleDrive
from traybackup_gdrive.store import GoogleDriveStore

from traybackup.api import (
    BytesPayload,
    Cancelled,
    NotFound,
    NotTheService,
    Offline,
    RateLimited,
    Store,
    StoreDamaged,
    StoreFull,
)

MIB = 1 << 20


@pytest.fixture
def quick(owner: Owner, world: World) -> GoogleDriveStore:
    """A store that waits for nothing between its tries."""
    owner.provider = GoogleDrive(now=world.now, pause=lambda _: None)
    return owner.open()


@pytest.mark.parametrize("keep", [256 << 10, 8 * MIB, 0], ids=["all", "whole-8-MiB", "nothing"])
def test_hundred_megabytes_over_a_line_that_is_cut_ten_times(quick: GoogleDriveStore, world: World, keep: int) -> None:
    """Less than 1.6 times the size is sent, however little the service keeps of a piece that was cut."""
    world.keep_of_cut = keep
    world.cut_marks = [9 * MIB * number for number in range(1, 11)]
    data = some(100_000_000)
    entry = quick.put(named(data), BytesPayload(data))
    assert not world.cut_marks
    assert entry.checksum == f"sha256:{named(data)[-64:]}"
    assert quick.usage.sent < 1.6 * len(data)
    assert world.received < 1.6 * len(data)
    (stored,) = world.named(named(data)[-64:])
    assert stored.content == data


def test_healthy_line_takes_two_calls_for_a_pack_and_one_for_a_small_object(
    store: GoogleDriveStore, world: World
) -> None:
    """A pack is a session and one piece; what is small goes in one request."""
    store.put("data/00/first", BytesPayload(b"x"), overwrite=True)
    for size, calls in ((17 * MIB, ["files.create", "files.upload"]), (5_000_000, ["files.create"])):
        data = some(size)
        digest = named(data)[-64:]
        before = len(world.calls)
        store.put(f"data/00/{digest}", BytesPayload(data), overwrite=True)
        assert [call.method for call in world.calls[before:]] == calls


def test_lost_answer_of_a_small_object_makes_no_second_one(store: Store, world: World) -> None:
    """The call is told as failed; trying again finds that it has arrived."""
    data = some(5000)
    name = named(data, "index")
    store.put("index/other", BytesPayload(b"x"))
    world.faults.append(Fault("files.create", "lost"))
    with pytest.raises(Offline):
        store.put(name, BytesPayload(data))
    assert store.put(name, BytesPayload(data)).size == 5000
    assert len(world.named(name[-64:])) == 1


def test_lost_answer_of_a_session_is_found_inside_the_put(quick: GoogleDriveStore, world: World) -> None:
    """The last piece arrived though its answer did not: asking tells, and nothing is sent again."""
    data = some(6 * MIB)
    world.faults.append(Fault("files.upload", "lost"))
    assert quick.put(named(data), BytesPayload(data)).size == len(data)
    assert world.received < 1.01 * len(data)
    assert len(world.named(named(data)[-64:])) == 1


def test_lost_answer_of_a_new_folder_makes_no_second_one(store: Store, world: World) -> None:
    """A folder gets its id beforehand, too."""
    world.faults.append(Fault("files.create", "lost"))
    with pytest.raises(Offline):
        store.put("config", BytesPayload(b"x"))
    store.put("config", BytesPayload(b"x"))
    assert world.folders() == ["TrayBackup"]
    assert list(world.tree()) == ["TrayBackup/config"]


def test_session_goes_on_when_the_same_put_is_tried_again(quick: GoogleDriveStore, world: World) -> None:
    """After an outage that outlasts all patience, the next try sends only the rest."""
    data = some(20 * MIB)
    world.cut_marks = [15 * MIB]
    world.faults.append(Fault("files.upload", "503", times=12, skip=1))
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    world.faults.clear()
    quick.put(named(data), BytesPayload(data))
    assert world.received < 21 * MIB
    assert world.tree()[f"TrayBackup/{named(data)}"] == data


def test_outage_ends_in_bounded_time(owner: Owner, world: World) -> None:
    """A put gives up within seconds when the service stays away; the host decides when to try again."""
    pauses: list[float] = []
    owner.provider = GoogleDrive(now=world.now, pause=pauses.append)
    store = owner.open()
    data = some(6 * MIB)
    world.faults.append(Fault("files.upload", "reset", times=-1))
    with pytest.raises(Offline):
        store.put(named(data), BytesPayload(data))
    assert 1 < sum(pauses) < 10
    assert max(pauses) <= 1
    assert world.count("files.upload") < 12


def test_session_that_is_over_is_begun_anew(quick: GoogleDriveStore, world: World, server: DriveServer) -> None:
    """When the service has forgotten the session, the object is sent from its beginning."""
    data = some(8 * MIB)
    world.cut_marks = [4 * MIB]

    def forget(offset: int) -> None:
        if offset >= 3 * MIB and not forgotten:
            forgotten.append(offset)
            server.uploads.sessions.clear()

    forgotten: list[int] = []
    payload = Watched(data, forget)
    assert quick.put(named(data), payload).size == len(data)
    assert world.tree()[f"TrayBackup/{named(data)}"] == data
    assert payload.open_streams == 0


def test_service_that_forgets_every_session_is_not_fed_for_ever(quick: GoogleDriveStore, world: World) -> None:
    """After a few sessions the put gives up."""
    data = some(6 * MIB)
    world.faults.append(Fault("files.upload", "404", times=-1))
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    assert world.count("files.create") < 10


def test_token_that_ends_in_the_middle_is_renewed(quick: GoogleDriveStore, world: World) -> None:
    """A piece that is refused for its token is sent again with a new one."""
    data = some(30 * MIB)
    world.faults.append(Fault("files.upload", "401", skip=1))
    before = world.oauth_calls.count("token")
    quick.put(named(data), BytesPayload(data))
    assert world.oauth_calls.count("token") == before + 1
    assert world.tree()[f"TrayBackup/{named(data)}"] == data


def test_stopping_drops_the_session(quick: GoogleDriveStore, world: World, server: DriveServer) -> None:
    """Who asks to stop waits for nothing, and the service keeps nothing."""

    def stop(offset: int) -> None:
        if offset > 5 * MIB:
            raise Cancelled

    data = some(10 * MIB)
    payload = Watched(data, stop)
    with pytest.raises(Cancelled):
        quick.put(named(data), payload)
    assert payload.open_streams == 0
    assert server.uploads.sessions == {}
    assert world.tree() == {}
    with pytest.raises(NotFound):
        quick.stat(named(data))


def test_payload_is_read_in_small_pieces(store: Store) -> None:
    """Stopping takes effect after a fraction of a second even on a slow line: no read is longer than 32 KiB."""
    offsets: list[int] = []
    data = some(6 * MIB)
    store.put(named(data), Watched(data, offsets.append))
    assert max(b - a for a, b in itertools.pairwise(offsets)) <= 32 << 10


def test_source_that_fails_like_a_line_is_not_taken_for_one(quick: GoogleDriveStore, world: World) -> None:
    """A source's OSError passes as it is, and is not answered by trying again."""

    def fail(offset: int) -> None:
        if offset > MIB:
            raise ConnectionResetError("the source's own")  # noqa: TRY003, EM101 - to be told apart

    data = some(6 * MIB)
    with pytest.raises(ConnectionResetError, match="the source's own"):
        quick.put(named(data), Watched(data, fail))
    assert world.tree() == {}


def test_asked_to_slow_down_in_the_middle_is_handed_to_the_host(quick: GoogleDriveStore, world: World) -> None:
    """The wait is the host's business; the session goes on afterwards."""
    data = some(30 * MIB)
    world.faults.append(Fault("files.upload", "429", skip=1, retry_after="7"))
    with pytest.raises(RateLimited) as told:
        quick.put(named(data), BytesPayload(data))
    assert told.value.retry_after == 7
    quick.put(named(data), BytesPayload(data))
    assert world.received < 1.3 * len(data)


def test_full_place_leaves_no_session(quick: GoogleDriveStore, world: World, server: DriveServer) -> None:
    """What does not fit is refused at the beginning, before a byte of it was sent."""
    world.accounts[0].limit = MIB
    data = some(6 * MIB)
    with pytest.raises(StoreFull):
        quick.put(named(data), BytesPayload(data))
    assert server.uploads.sessions == {}
    assert quick.usage.sent == 0


def test_replacing_keeps_the_old_content_until_the_new_is_whole(quick: GoogleDriveStore, world: World) -> None:
    """A large object that is put anew over a line that breaks is the old one until the last piece."""
    quick.put("data/00/x", BytesPayload(b"old"))
    data = some(9 * MIB)
    world.cut_marks = [world.received + 4 * MIB]

    def look(offset: int) -> None:
        if offset in (MIB, 5 * MIB):
            assert world.tree()["TrayBackup/data/00/x"] == b"old"

    quick.put("data/00/x", Watched(data, look), overwrite=True)
    assert list(world.tree().items()) == [("TrayBackup/data/00/x", data)]


def test_id_of_an_object_with_other_content_gets_the_right_one(quick: GoogleDriveStore, world: World) -> None:
    """An earlier try that arrived damaged is replaced, not trusted."""
    data = some(5000)
    name = named(data, "index")
    world.faults.append(Fault("files.create", "lost", skip=2))  # after the two folders
    with pytest.raises(Offline):
        quick.put(name, BytesPayload(data))
    (stored,) = world.named(name[-64:])
    stored.content, stored.sha256 = b"something else", "0" * 64
    entry = quick.put(name, BytesPayload(data))
    assert (entry.size, stored.content) == (5000, data)


@pytest.mark.parametrize("size", [3000, 6 * MIB])
def test_service_that_claims_another_size_is_not_believed(quick: GoogleDriveStore, world: World, size: int) -> None:
    """What the service says it has must be what was sent."""
    data = some(size)
    quick.put("data/00/x", BytesPayload(data))
    world.faults.append(Fault("files.update", "short"))
    with pytest.raises(StoreDamaged):
        quick.put("data/00/x", BytesPayload(data), overwrite=True)


def test_session_elsewhere_is_not_followed() -> None:
    """Neither token nor data go to a host that is not Google's."""
    with pytest.raises(NotTheService):
        Addresses().session("https://evil.example/upload/drive/v3/files?upload_id=1")
    with pytest.raises(NotTheService):
        Addresses().session("http://www.googleapis.com/upload/drive/v3/files?upload_id=1")
    with pytest.raises(NotTheService):
        Addresses().session("https://www.googleapis.com.evil.example/?upload_id=1")
    inside = "https://www.googleapis.com/upload/drive/v3/files?upload_id=1"
    assert Addresses().session(inside) == inside
    assert Addresses("http://127.0.0.1:1").session(inside) == "http://127.0.0.1:1/upload/drive/v3/files?upload_id=1"


def test_put_that_was_given_up_is_taken_back_at_the_end(owner: Owner, world: World, server: DriveServer) -> None:
    """An object that arrived although its put was told as failed is no riddle for others once the store is closed."""
    store = owner.open()
    store.put("config", BytesPayload(b"x"))
    small, large = some(5000), some(6 * MIB)
    world.faults.append(Fault("files.create", "lost", skip=1))  # after the folder
    with pytest.raises(Offline):
        store.put(named(small, "locks"), BytesPayload(small))
    world.faults.append(Fault("files.upload", "429", times=-1))
    with pytest.raises(RateLimited):
        store.put(named(large, "index"), BytesPayload(large))
    world.faults.clear()
    assert len(world.tree()) == 2
    store.close()
    assert list(world.tree()) == ["TrayBackup/config"]
    assert server.uploads.sessions == {}


def test_look_afterwards_that_fails_does_not_make_the_name_taken(quick: GoogleDriveStore, world: World) -> None:
    """When all but the last look has worked, trying again succeeds instead of meeting itself."""
    quick.put("keys/1", BytesPayload(b"x"))
    world.faults.append(Fault("files.list", "503", skip=1))
    with pytest.raises(Offline):
        quick.put("config", BytesPayload(b"x"))
    assert quick.put("config", BytesPayload(b"x")).size == 1
    assert len(world.named("config")) == 1
