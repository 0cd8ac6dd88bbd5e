"""Uploads over a bad line: what has arrived is not sent again, nothing is there twice, nothing half is visible."""

import itertools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from dropbox_owner import Owner
from dropbox_payloads import Watched, named, some
from dropbox_server import DropboxServer, Fault, World
from dropbox_server.uploads import content_hash
from traybackup_dropbox.provider import Dropbox
from traybackup_dropbox.store import DropboxStore
from traybackup_dropbox.upload import PIECE

from traybackup.api import (
    AlreadyExists,
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


@pytest.mark.parametrize("keep", [64 << 10, 4 * MIB, 0], ids=["nearly-all", "whole-4-MiB", "nothing"])
def test_hundred_megabytes_over_a_line_that_is_cut_ten_times(quick: DropboxStore, world: World, keep: int) -> None:
    """Less than 1.6 times the size is sent, however little the service keeps of a piece that was cut."""
    world.keep_of_cut = keep
    world.cut_marks = [9 * MIB * number for number in range(1, 11)]
    data = some(100_000_000)
    entry = quick.put(named(data), BytesPayload(data))
    assert not world.cut_marks
    assert entry.checksum == f"dropbox:{content_hash(data)}"
    assert quick.usage.sent < 1.6 * len(data)
    assert world.received < 1.6 * len(data)
    assert world.tree() == {f"TrayBackup/{named(data)}": data}


@pytest.mark.parametrize("size", [0, 1, 5_000_000, 17 * MIB, PIECE])
def test_healthy_line_takes_one_call_for_an_object(store: Store, world: World, size: int) -> None:
    """A pack goes in one request, as does what is small."""
    data = some(size)
    before = len(world.calls)
    store.put(named(data), BytesPayload(data))
    assert [call.method for call in world.calls[before:]] == ["files/upload"]


def test_larger_than_a_piece_is_a_session(store: Store, world: World) -> None:
    """What is larger than any pack goes piece by piece, and becomes a file at the end."""
    data = some(PIECE * 2 + 5)
    store.put(named(data), BytesPayload(data))
    assert [call.method.rpartition("/")[2] for call in world.calls] == ["start", "append_v2", "append_v2", "finish"]
    assert world.tree() == {f"TrayBackup/{named(data)}": data}


def test_lost_answer_of_a_small_object_makes_no_second_one(store: Store, world: World) -> None:
    """The call is told as failed; trying again finds that it has arrived, whatever the object is called."""
    for name in (named(some(5000), "index"), "config"):
        world.faults.append(Fault("files/upload", "lost"))
        with pytest.raises(Offline):
            store.put(name, BytesPayload(some(5000)))
        before = world.count("files/upload")
        assert store.put(name, BytesPayload(some(5000))).size == 5000
        assert world.count("files/upload") == before
        with pytest.raises(AlreadyExists):
            store.put(name, BytesPayload(some(5000)))


def test_lost_answer_is_no_excuse_for_another_s_object(store: Store, owner: Owner, world: World) -> None:
    """When somebody else's object is under the name, trying again is refused, and his stays."""
    world.faults.append(Fault("files/upload", "reset"))
    with pytest.raises(Offline):
        store.put("config", BytesPayload(b"ours"))
    owner.open().put("config", BytesPayload(b"his!"))
    with pytest.raises(AlreadyExists):
        store.put("config", BytesPayload(b"ours"))
    assert store.get("config") == b"his!"


def test_lost_answer_of_a_pack_is_found_inside_the_put(quick: DropboxStore, world: World) -> None:
    """The pack arrived though its answer did not: a look tells, and nothing is sent again."""
    data = some(6 * MIB)
    world.faults.append(Fault("files/upload", "lost"))
    assert quick.put(named(data), BytesPayload(data)).size == len(data)
    assert world.received == len(data)
    assert world.tree() == {f"TrayBackup/{named(data)}": data}


@pytest.mark.parametrize("also", ["", "files/get_metadata"])
def test_lost_finish_is_recognised(quick: DropboxStore, world: World, also: str) -> None:
    """The session has become a file though its answer was lost: by its hash it is known; no error, nothing twice."""
    data = some(30 * MIB)
    world.faults.append(Fault("files/upload_session/finish", "lost"))
    if also:
        world.faults.append(Fault(also, "reset"))
    assert quick.put(named(data), BytesPayload(data)).size == len(data)
    assert world.received == len(data)
    assert world.count("files/upload_session/start") == 1
    assert list(world.tree()) == [f"TrayBackup/{named(data)}"]


def test_finish_that_the_next_put_must_recognise(quick: DropboxStore, world: World) -> None:
    """When even looking failed, the same put tried again later finds the file, and sends nothing."""
    data = some(30 * MIB)
    world.faults += [Fault("files/upload_session/finish", "lost"), Fault("files/get_metadata", "503", times=-1)]
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    world.faults.clear()
    assert quick.put(named(data), BytesPayload(data)).checksum == f"dropbox:{content_hash(data)}"
    assert world.received == len(data)


def test_lost_overwrite_is_recognised(quick: DropboxStore, world: World) -> None:
    """Also when something else was under the name before."""
    quick.put("data/00/x", BytesPayload(b"old"))
    data = some(6 * MIB)
    world.faults.append(Fault("files/upload", "lost"))
    quick.put("data/00/x", BytesPayload(data), overwrite=True)
    assert world.received == len(data) + 3
    assert world.tree() == {"TrayBackup/data/00/x": data}


def test_look_that_comes_too_early_is_made_up_for(quick: DropboxStore, world: World) -> None:
    """When the file becomes visible only after the look, the second one in its way is known as our own."""
    data = some(6 * MIB)
    world.faults += [Fault("files/upload", "lost"), Fault("files/get_metadata", "path/not_found")]
    assert quick.put(named(data), BytesPayload(data)).size == len(data)
    assert list(world.tree()) == [f"TrayBackup/{named(data)}"]


def test_session_goes_on_when_the_same_put_is_tried_again(quick: DropboxStore, world: World) -> None:
    """After an outage that outlasts all patience, the next try sends only the rest."""
    data = some(40 * MIB)
    world.cut_marks = [35 * MIB]
    world.keep_of_cut = MIB
    world.faults.append(Fault("files/upload_session/append_v2", "503", times=12, skip=1))
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    world.faults.clear()
    quick.put(named(data), BytesPayload(data))
    assert world.received < 41 * MIB
    assert world.tree()[f"TrayBackup/{named(data)}"] == data


@pytest.mark.parametrize("size", [6 * MIB, 30 * MIB])
def test_outage_ends_in_bounded_time(owner: Owner, world: World, size: int) -> None:
    """A put gives up within seconds when the service stays away; the host decides when to try again."""
    pauses: list[float] = []
    owner.provider = Dropbox(now=world.now, pause=pauses.append)
    store = owner.open()
    data = some(size)
    world.faults.append(Fault("files/upload*", "reset", times=-1))
    with pytest.raises(Offline):
        store.put(named(data), BytesPayload(data))
    assert 1 < sum(pauses) < 10
    assert max(pauses) <= 1
    assert len(world.calls) < 12


def test_line_that_does_not_hold_is_given_less_at_once_for_a_while(quick: DropboxStore, world: World) -> None:
    """After a cut the next objects go piece by piece, too, and in one request again when that has gone well."""
    world.cut_marks = [9 * MIB]
    for turn in range(6):
        data = some(10 * MIB, turn)
        quick.put(named(data), BytesPayload(data))
    assert world.received < 6.95 * 10 * MIB
    before = len(world.calls)
    data = some(10 * MIB, 99)
    quick.put(named(data), BytesPayload(data))
    assert [call.method for call in world.calls[before:]] == ["files/upload"]


def test_session_that_is_over_is_begun_anew(quick: DropboxStore, world: World, server: DropboxServer) -> None:
    """When the service has forgotten the session, the object is sent from its beginning."""
    data = some(30 * MIB)

    def forget(offset: int) -> None:
        if offset >= 26 * MIB and not forgotten:
            forgotten.append(offset)
            server.uploads.sessions.clear()

    forgotten: list[int] = []
    world.cut_marks = [27 * MIB]
    payload = Watched(data, forget)
    assert quick.put(named(data), payload).size == len(data)
    assert world.tree()[f"TrayBackup/{named(data)}"] == data
    assert payload.open_streams == 0


def test_service_that_forgets_every_session_is_not_fed_for_ever(quick: DropboxStore, world: World) -> None:
    """After a few sessions the put gives up."""
    data = some(30 * MIB)
    world.faults.append(Fault("files/upload_session/append_v2", "not_found", times=-1))
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    assert world.count("files/upload_session/start") == 3


def test_token_that_ends_in_the_middle_is_renewed(quick: DropboxStore, world: World) -> None:
    """A piece that is refused for its token is sent again with a new one."""
    data = some(30 * MIB)
    world.faults.append(Fault("files/upload_session/append_v2", "token/expired_access_token"))
    before = world.oauth_calls.count("oauth2/token")
    quick.put(named(data), BytesPayload(data))
    assert world.oauth_calls.count("oauth2/token") == before + 1
    assert world.tree()[f"TrayBackup/{named(data)}"] == data


@pytest.mark.parametrize("size", [10 * MIB, 30 * MIB])
def test_stopping_leaves_nothing_visible(quick: DropboxStore, world: World, size: int) -> None:
    """Who asks to stop waits for nothing, and what has arrived is no file."""

    def stop(offset: int) -> None:
        if offset > size - 2 * MIB:
            raise Cancelled

    data = some(size)
    payload = Watched(data, stop)
    with pytest.raises(Cancelled):
        quick.put(named(data), payload)
    assert payload.open_streams == 0
    assert world.tree() == {}
    with pytest.raises(NotFound):
        quick.stat(named(data))


def test_payload_is_read_in_small_pieces(store: Store) -> None:
    """Stopping takes effect after a fraction of a second even on a slow line: no read is longer than 32 KiB."""
    offsets: list[int] = []
    data = some(6 * MIB)
    store.put(named(data), Watched(data, offsets.append))
    assert max(b - a for a, b in itertools.pairwise(offsets)) <= 32 << 10


def test_source_that_fails_like_a_line_is_not_taken_for_one(quick: DropboxStore, world: World) -> None:
    """A source's OSError passes as it is, and is not answered by trying again."""

    def fail(offset: int) -> None:
        if offset > MIB:
            raise ConnectionResetError("the source's own")  # noqa: TRY003, EM101 - to be told apart

    data = some(6 * MIB)
    with pytest.raises(ConnectionResetError, match="the source's own"):
        quick.put(named(data), Watched(data, fail))
    assert len(world.calls) <= 1
    assert world.tree() == {}


def test_asked_to_slow_down_in_the_middle_is_handed_to_the_host(quick: DropboxStore, world: World) -> None:
    """The wait is the host's business; the session goes on afterwards."""
    data = some(30 * MIB)
    world.faults.append(Fault("files/upload_session/append_v2", "429", retry_after="7"))
    with pytest.raises(RateLimited) as told:
        quick.put(named(data), BytesPayload(data))
    assert told.value.retry_after == 7
    quick.put(named(data), BytesPayload(data))
    assert world.received == len(data)


def test_too_many_changes_at_the_end_cost_no_second_upload(quick: DropboxStore, world: World) -> None:
    """What is refused only because somebody else changes something keeps what has arrived."""
    data = some(30 * MIB)
    world.faults.append(Fault("files/upload_session/finish", "path/too_many_write_operations"))
    with pytest.raises(RateLimited):
        quick.put(named(data), BytesPayload(data))
    quick.put(named(data), BytesPayload(data))
    assert world.received == len(data)


def test_changes_are_made_one_after_the_other(store: Store, world: World) -> None:
    """Several threads may send at once, but the service, which refuses two changes at a time, refuses none."""
    world.commit_seconds = 0.02
    wanted = {f"data/{number:02x}/{number}": some(40_000, number) for number in range(12)}

    def work(name: str) -> None:
        store.put(name, BytesPayload(wanted[name]))
        store.put(f"locks/{name[-1:]}x{len(name)}{name[5:7]}", BytesPayload(b"lock"))
        store.delete(f"locks/{name[-1:]}x{len(name)}{name[5:7]}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, wanted))
    assert {call.status for call in world.calls if call.method != "files/get_metadata"} == {200}
    assert world.tree() == {f"TrayBackup/{name}": data for name, data in wanted.items()}


def test_content_of_several_objects_flows_at_once(store: Store) -> None:
    """The turn is taken only for the last bytes: three packs are on their way at the same time."""
    meet = threading.Barrier(3, timeout=20)
    data = [some(200_000, number) for number in range(3)]

    def put(one: bytes) -> None:
        store.put(named(one), Watched(one, lambda offset: meet.wait() if offset == 98_304 else None))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(put, data))
    assert {entry.name for entry in store.entries()} == {named(one) for one in data}


@pytest.mark.parametrize("size", [6 * MIB, 30 * MIB])
def test_full_place_says_so(quick: DropboxStore, world: World, size: int) -> None:
    """What does not fit is refused, and nothing of it is visible."""
    world.accounts[0].limit = MIB
    data = some(size)
    with pytest.raises(StoreFull):
        quick.put(named(data), BytesPayload(data))
    assert world.tree() == {}


def test_replacing_keeps_the_old_content_until_the_new_is_whole(quick: DropboxStore, world: World) -> None:
    """A large object that is put anew over a line that breaks is the old one until the last piece."""
    quick.put("data/00/x", BytesPayload(b"old"))
    data = some(9 * MIB)
    world.cut_marks = [world.received + 4 * MIB]

    def look(offset: int) -> None:
        if offset in (MIB, 5 * MIB):
            assert world.tree()["TrayBackup/data/00/x"] == b"old"

    quick.put("data/00/x", Watched(data, look), overwrite=True)
    assert world.tree() == {"TrayBackup/data/00/x": data}


@pytest.mark.parametrize("size", [0, 3000, 30 * MIB])
@pytest.mark.parametrize("do", ["short", "other"])
def test_something_else_that_was_stored_is_removed(quick: DropboxStore, world: World, do: str, size: int) -> None:
    """The service's hash and size must be those of what was sent; else the object is gone again, and it is told."""
    data = some(size)
    world.faults.append(Fault("files/upload*", do, times=-1))
    if size == 0:
        assert quick.put("data/00/x", BytesPayload(data)).size == 0
        return
    with pytest.raises(StoreDamaged):
        quick.put("data/00/x", BytesPayload(data))
    assert world.tree() == {}


def test_put_that_was_given_up_is_taken_back_at_the_end(owner: Owner, world: World) -> None:
    """An object that arrived although its put was told as failed is no riddle for others once the store is closed."""
    owner.provider = Dropbox(now=world.now, pause=lambda _: None)
    store = owner.open()
    store.put("config", BytesPayload(b"x"))
    small, large = some(5000), some(6 * MIB)
    world.faults.append(Fault("files/upload", "lost"))
    with pytest.raises(Offline):
        store.put(named(small, "locks"), BytesPayload(small))
    world.faults += [Fault("files/upload", "lost"), Fault("files/get_metadata", "503", times=9)]
    with pytest.raises(Offline):
        store.put(named(large, "index"), BytesPayload(large))
    world.faults.clear()
    assert len(world.tree()) == 3
    store.close()
    assert list(world.tree()) == ["TrayBackup/config"]


def test_other_s_object_is_not_taken_back(owner: Owner, world: World) -> None:
    """What another client has put under the name meanwhile stays."""
    store = owner.open()
    world.faults.append(Fault("files/upload", "lost"))
    with pytest.raises(Offline):
        store.put("config", BytesPayload(b"ours"))
    owner.open().put("config", BytesPayload(b"his"), overwrite=True)
    store.close()
    assert world.tree() == {"TrayBackup/config": b"his"}


@pytest.mark.parametrize("said", [-1, 31 * MIB, "5"])
def test_offset_that_cannot_be_is_not_gone_on_from(quick: DropboxStore, world: World, said: object) -> None:
    """A session cannot have more than there is, or less than nothing."""
    error = {".tag": "incorrect_offset", "correct_offset": said}
    body = b'{"error_summary": "incorrect_offset/", "error": ' + str(error).replace("'", '"').encode() + b"}"
    headers = {"Content-Type": "application/json"}
    world.faults.append(
        Fault("files/upload_session/append_v2", "say", status=409, body=body, headers=headers, times=-1)
    )
    data = some(30 * MIB)
    with pytest.raises((NotTheService, Offline)) if said != "5" else pytest.raises(Exception, match="409"):
        quick.put(named(data), BytesPayload(data))
    assert world.count("files/upload_session/append_v2") == 1


def test_service_that_corrects_itself_for_ever_is_left(quick: DropboxStore, world: World) -> None:
    """A service that takes every piece and has none of them is not fed for ever."""
    body = b'{"error_summary": "incorrect_offset/", "error": {".tag": "incorrect_offset", "correct_offset": 0}}'
    world.faults.append(Fault("files/upload_session/append_v2", "say", status=409, body=body, times=-1))
    data = some(30 * MIB)
    with pytest.raises(Offline):
        quick.put(named(data), BytesPayload(data))
    assert world.count("files/upload_session/append_v2") < 20
