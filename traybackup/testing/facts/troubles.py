"""Facts about services in trouble: a sign-in that is revoked, a wait that is asked for, a line that breaks.

Each needs a hook of the ground that makes the trouble; where there is none the fact is not stated.
"""

from collections.abc import Callable

from traybackup.api.errors import (
    AlreadyExists,
    CredentialsRefused,
    NotFound,
    RateLimited,
    Retry,
    SignInNeeded,
    StoreError,
)
from traybackup.api.store import BytesPayload, Entry, Store
from traybackup.testing.facts.objects import NAME, some, told_short
from traybackup.testing.ground import Ground, Script, raising

OTHER = "data/3f/3f9a01"
LARGE = (6 << 20) + 11  # more than services take in a single request
CUT_SIZE = 16 << 20
CUTS = (4 << 20, 8 << 20, 12 << 20)
SENT_AT_MOST = 1.6
WAIT = 7.0
_TRIES = 8


def revoked_sign_in(ground: Ground) -> None:
    """A sign-in that is no longer good is told as such by every call, and nothing half is there afterwards."""
    ground.needs("revoke")
    store = ground.open()
    store.put(NAME, BytesPayload(b"old"))
    sign_in = ground.revoke()
    for call in _calls(store):
        with raising(SignInNeeded, CredentialsRefused):
            call()
    with raising(SignInNeeded, CredentialsRefused):
        ground.open().stat(NAME)  # opening may tell it already
    sign_in()
    again = ground.open()
    assert _all(again) == {NAME: told_short(b"old")}
    _revoked_on_the_way(ground, again)


def _revoked_on_the_way(ground: Ground, store: Store) -> None:
    """State that an object whose sign-in ends while it is sent is there whole or not at all."""
    sign_in = []
    script = Script(some(LARGE), at=LARGE // 2, happens=lambda: sign_in.append(ground.revoke()))
    told = False
    try:
        store.put(OTHER, script)
    except (SignInNeeded, CredentialsRefused):
        told = True
    assert sign_in
    sign_in[-1]()
    found = _all(ground.open())
    assert found.pop(NAME) == told_short(b"old")
    assert found in ([{}] if told else []) + [{OTHER: told_short(some(LARGE))}]


def asked_to_slow_down(ground: Ground) -> None:
    """When the service asks to wait, that is told with its seconds, nothing is done, and later it works."""
    ground.needs("slow_down")
    store = ground.open()
    store.put(NAME, BytesPayload(b"old"))
    for call in _calls(store):
        ground.slow_down(WAIT)
        with raising(RateLimited) as caught:
            call()
        assert [getattr(error, "retry_after", None) for error in caught] == [WAIT]
        assert _all(store) == {NAME: told_short(b"old")}
    store.put(OTHER, BytesPayload(b"new"))
    assert _all(store) == {NAME: told_short(b"old"), OTHER: told_short(b"new")}


def line_is_cut(ground: Ground) -> None:
    """However often the line breaks, the object is whole in the end; who goes on where it broke sends little twice."""
    ground.needs("cut")
    store, other = ground.open(), ground.open()
    data = some(CUT_SIZE)
    store.put(NAME, BytesPayload(b"first"))
    before = ground.received()
    for after in CUTS:
        ground.cut(after)

    def look() -> None:
        with raising(NotFound):
            other.stat(OTHER)

    entry = _put_as_the_host(store, OTHER, data, between=look)
    assert (entry.name, entry.size) == (OTHER, len(data))
    for client in (store, ground.open()):
        assert _all(client) == {NAME: told_short(b"first"), OTHER: told_short(data)}
    arrived = ground.received()
    if before is not None and arrived is not None:
        assert len(data) <= arrived - before < SENT_AT_MOST * len(data)


def answer_is_lost(ground: Ground) -> None:
    """An object whose answer was lost is there once, with its content, when the host has tried again."""
    ground.needs("lose_answer")
    store = ground.open()
    store.put(NAME, BytesPayload(b"first"))
    for size in (0, 5000, LARGE):
        for overwrite, seed in ((False, 0), (True, 1)):
            data = some(size, seed)
            ground.lose_answer()
            entry = _put_as_the_host(store, OTHER, data, overwrite=overwrite)
            assert (entry.name, entry.size) == (OTHER, size)
            for client in (store, ground.open()):
                assert _all(client) == {NAME: told_short(b"first"), OTHER: told_short(data)}
        store.delete(OTHER)
        assert _all(ground.open()) == {NAME: told_short(b"first")}


def _put_as_the_host(
    store: Store, name: str, data: bytes, *, overwrite: bool = False, between: Callable[[], object] = lambda: None
) -> Entry:
    """Put as the host does: again while the error says that this can help; a name that is then taken is the object."""
    failed: StoreError | None = None
    for _ in range(_TRIES):
        try:
            return store.put(name, BytesPayload(data), overwrite=overwrite)
        except AlreadyExists:
            if failed is None:
                raise
            return store.stat(name)
        except StoreError as error:
            if error.retry is not Retry.LATER:  # nobody would try again
                raise
            failed = error
            between()
    raise AssertionError(f"it did not succeed in {_TRIES} tries: {failed}")  # noqa: TRY003, EM102 - speaks to the author


def _calls(store: Store) -> list[Callable[[], object]]:
    """Return one call of each kind; done, they would put OTHER, and replace and remove NAME."""
    return [
        lambda: store.put(OTHER, BytesPayload(some(5000))),
        lambda: store.put(OTHER, BytesPayload(some(LARGE))),
        lambda: store.put(NAME, BytesPayload(b"new"), overwrite=True),
        lambda: store.get(NAME),
        lambda: store.get(NAME, 1, 1),
        lambda: store.stat(NAME),
        lambda: list(store.entries()),
        lambda: store.delete(NAME),
    ]


def _all(store: Store) -> dict[str, tuple[int, str]]:
    """Return size and hash of every object; one that is listed twice is an error."""
    names = [entry.name for entry in store.entries()]
    assert len(names) == len(set(names)), names
    return {name: told_short(store.get(name)) for name in names}


FACTS = (
    revoked_sign_in,
    asked_to_slow_down,
    line_is_cut,
    answer_is_lost,
)
