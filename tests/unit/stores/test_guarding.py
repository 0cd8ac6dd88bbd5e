"""Whatever a plugin does: its caller goes on, the error names it, and no secret is in it."""

import contextlib
import io
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from traybackup.api.errors import Cancelled, NotFound, Offline, PlaceMissing, PluginCrashed, StoreDamaged, StoreFailed
from traybackup.api.progress import Cancel
from traybackup.api.store import BytesPayload, Capabilities, Entry, FilePayload, Payload, Space
from traybackup.stores.guarding import Guard, GuardedStore
from traybackup.testing import MemoryStore

NAME = "data/3f/3f9a00"
PAYLOAD = BytesPayload(bytes(1000))


class Odd(MemoryStore):
    """A place whose methods can be replaced."""

    def __init__(self, **methods: Any) -> None:
        super().__init__()
        for name, method in methods.items():
            setattr(self, name, method)


def guarded(guard: Guard | None = None, **methods: Any) -> GuardedStore:
    return GuardedStore(Odd(**methods), guard or Guard("odd"))


def raising(error: BaseException) -> Callable[..., Any]:
    def method(*_: object, **__: object) -> None:
        raise error

    return method


def returning(value: object) -> Callable[..., Any]:
    return lambda *_, **__: value


CALLS: dict[str, Callable[[GuardedStore], object]] = {
    "put": lambda store: store.put(NAME, PAYLOAD),
    "get": lambda store: store.get(NAME),
    "stat": lambda store: store.stat(NAME),
    "entries": lambda store: list(store.entries()),
    "delete": lambda store: store.delete(NAME),
    "read_back": lambda store: store.read_back(NAME, len),
    "space": lambda store: store.space(),
    "discard": lambda store: store.discard(),
    "close": lambda store: store.close(),
}


@pytest.mark.parametrize("method", CALLS)
@pytest.mark.parametrize(
    "error",
    [KeyError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), RecursionError(), Cancelled()],
    ids=lambda error: type(error).__name__,
)
def test_a_foreign_exception_becomes_the_plugins_failure(method: str, error: BaseException) -> None:
    """Whatever flies out of any method is an error of the place that names the plugin, with its cause."""
    with pytest.raises(PluginCrashed) as caught:
        CALLS[method](guarded(**{method: raising(error)}))
    assert caught.value.plugin == "odd"
    assert caught.value.why == ("exit" if isinstance(error, SystemExit) else "raised")
    assert type(error).__name__ in caught.value.reason
    assert caught.value.__cause__ is error


JUNK: list[tuple[str, object]] = [
    ("put", None),
    ("put", Entry("other", 1000)),
    ("put", Entry(NAME, -1)),
    ("put", Entry(NAME, 1.5)),  # type: ignore[arg-type]  # junk on purpose
    ("put", Entry(NAME, 1000, b"sha256")),  # type: ignore[arg-type]  # same
    ("get", None),
    ("get", "text"),
    ("get", bytearray(5)),
    ("stat", {"name": NAME}),
    ("stat", Entry("other", 1)),
    ("entries", None),
    ("entries", [NAME]),
    ("entries", [Entry(None, 1)]),  # type: ignore[arg-type]  # same
    ("space", None),
    ("space", Space(free=-1)),
    ("space", Space(total="much")),  # type: ignore[arg-type]  # same
]


@pytest.mark.parametrize(("method", "junk"), JUNK)
def test_junk_is_not_believed(method: str, junk: object) -> None:
    """An answer that is none is the plugin's failure, too."""
    with pytest.raises(PluginCrashed):
        CALLS[method](guarded(**{method: returning(junk)}))


@pytest.mark.parametrize(
    "junk",
    [
        None,
        "fast",
        Capabilities(parallel=0),
        Capabilities(parallel=None),  # type: ignore[arg-type]  # junk on purpose
        Capabilities(best_object=-5),
        Capabilities(largest_object=0),
        Capabilities(checksum=256),  # type: ignore[arg-type]  # same
        Capabilities(interval=-1.0),
        Capabilities(interval=1e9),
    ],
)
def test_capabilities_that_make_no_sense_are_refused(junk: object) -> None:
    """What the host relies on is looked at before anything is done."""
    with pytest.raises(PluginCrashed):
        guarded(capabilities=junk)


def test_a_short_read_is_never_silent() -> None:
    """Fewer bytes than asked for are damage."""
    with pytest.raises(StoreDamaged):
        guarded(get=returning(b"12")).get(NAME, 0, 3)


def test_read_back_of_junk_is_noticed_even_if_the_plugin_hides_it() -> None:
    """Pieces must be bytes; a plugin that swallows the refusal does not get away with it."""

    def read_back(_name: str, consume: Callable[[Any], object]) -> None:
        try:
            consume("text")
        except PluginCrashed:
            return

    with pytest.raises(PluginCrashed):
        guarded(read_back=read_back).read_back(NAME, len)


def test_errors_of_the_place_pass_without_secrets() -> None:
    """A proper error arrives as it is, but known secrets are taken out of its words, and odd parameters dropped."""
    guard = Guard("odd", redact=lambda text: text.replace("s3cret", "…"))
    error = StoreFailed(reason="401 for token s3cret", name=object())  # type: ignore[arg-type]  # junk on purpose
    with pytest.raises(StoreFailed) as caught:
        guarded(guard, get=raising(error)).get(NAME)
    assert caught.value is error
    assert caught.value.reason == "401 for token …"
    assert caught.value.name == ""
    with pytest.raises(NotFound):
        guarded().get(NAME)


def test_place_that_a_plugin_misses_is_no_drive() -> None:
    """The owner is not told to plug in a folder of a service; what a plugin says itself stays."""
    for said, told in (("", "service"), ("share", "share")):

        def miss(_: object, said: str = said) -> None:
            raise PlaceMissing(why=said)

        with pytest.raises(PlaceMissing) as caught:
            Guard("odd").call(miss)
        assert caught.value.why == told


def test_foreign_words_are_short_and_without_secrets() -> None:
    """An exception's text becomes one short line; one that cannot even be printed does no harm."""
    guard = Guard("odd", redact=lambda text: text.replace("s3cret", "…"))
    with pytest.raises(PluginCrashed) as caught:
        guarded(guard, get=raising(ValueError("https://x/?token=s3cret\n" + "x" * 5000))).get(NAME)
    assert "s3cret" not in caught.value.reason
    assert "\n" not in caught.value.reason
    assert len(caught.value.reason) <= 200

    class Trap(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(PluginCrashed) as caught:
        guarded(guard, get=raising(Trap())).get(NAME)
    assert caught.value.reason == "Trap"


def test_errors_of_the_source_arrive_as_they_were() -> None:
    """What our own stream raises is no fault of the plugin, however the plugin dresses it up."""

    class Broken(Payload):
        size = 5  # type: ignore[assignment]  # a test's shorthand
        sha256 = b""  # type: ignore[assignment]  # same

        def open(self, offset: int = 0) -> io.BytesIO:  # noqa: ARG002 - the contract's name
            raise OSError(5, "of the source")

    def dresses(_name: str, payload: Payload, **_: object) -> Entry:
        try:
            payload.open().read()
        except OSError as error:
            raise Offline from error
        return Entry(NAME, 5)

    def swallows(_name: str, payload: Payload, **_: object) -> Entry:
        with contextlib.suppress(OSError):
            payload.open().read()
        return Entry(NAME, 5)

    for put in (dresses, swallows):
        with pytest.raises(OSError, match="of the source"):
            guarded(put=put).put(NAME, Broken())


def test_a_call_that_hangs_is_given_up_once() -> None:
    """After a time without any sign of life the plugin is not called again; closing does not wait for it."""
    release = threading.Event()
    calls: list[str] = []

    def hang(name: str) -> Entry:
        calls.append(name)
        release.wait(30)
        return Entry(name, 1)

    store = guarded(Guard("odd", patience=0.3), stat=hang)
    for _ in range(2):
        with pytest.raises(PluginCrashed) as caught:
            store.stat(NAME)
        assert caught.value.why == "no-answer"
    store.close()
    assert calls == [NAME]
    release.set()


def test_bytes_that_move_are_signs_of_life() -> None:
    """A put that is slow but moves is not taken for one that hangs, nor is one whose content is held back."""

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            time.sleep(0.4)  # longer than the patience, as a throttle does
            return super().read(size)

    class SlowPayload(BytesPayload):
        def open(self, offset: int = 0) -> io.BytesIO:
            return Slow(super().open(offset).read())

    def put(name: str, payload: Payload, **_: object) -> Entry:
        with payload.open() as stream:
            return Entry(name, len(stream.read()))

    store = guarded(Guard("odd", patience=0.2), put=put)
    assert store.put(NAME, SlowPayload(bytes(600 << 10))).size == 600 << 10

    def entries(_prefix: str) -> Iterator[Entry]:
        for number in range(5):
            time.sleep(0.1)
            yield Entry(f"data/{number}", 1)

    assert len(list(guarded(Guard("odd", patience=0.35), entries=entries).entries())) == 5


def stop_in_the_middle(store: GuardedStore, cancel: Cancel, entered: threading.Event, payload: Payload) -> float:
    """Ask to stop once the call has begun; return how long it took to end."""
    moments: list[float] = []

    def ask() -> None:
        entered.wait(10)
        moments.append(time.monotonic())
        cancel.set()

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(Cancelled):
        store.put(NAME, payload)
    thread.join()
    return time.monotonic() - moments[0]


def test_stopping_reaches_the_middle_of_an_upload() -> None:
    """The next read of the content raises; the plugin lets it pass, and the call ends at once."""
    cancel, entered = Cancel(), threading.Event()

    def put(name: str, payload: Payload, **_: object) -> Entry:
        with payload.open() as stream:
            while stream.read(1000):
                entered.set()
                time.sleep(0.01)
        return Entry(name, payload.size)

    store = guarded(Guard("odd", cancel=cancel), put=put)
    assert stop_in_the_middle(store, cancel, entered, BytesPayload(bytes(50 << 20))) < 1.5


def test_stopping_does_not_wait_for_a_line_that_is_stuck(tmp_path: Path) -> None:
    """A plugin that waits for its socket is left behind within two seconds, and holds no file of ours."""
    cancel, entered, release = Cancel(), threading.Event(), threading.Event()
    later: list[object] = []
    file = tmp_path / "pack"
    file.write_bytes(bytes(1 << 20))

    def put(name: str, payload: Payload, **_: object) -> Entry:
        stream = payload.open()
        stream.read(1000)
        entered.set()
        release.wait(30)
        try:
            while stream.read(1000):
                pass
        except BaseException as error:
            later.append(type(error))
            raise
        return Entry(name, payload.size)

    store = guarded(Guard("odd", cancel=cancel, grace=0.5), put=put)
    assert stop_in_the_middle(store, cancel, entered, FilePayload(file, 1 << 20, b"")) < 2
    if sys.platform == "linux":
        links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
        assert str(file) not in {str(link.readlink()) for link in links}
    release.set()
    deadline = time.monotonic() + 10
    while not later and time.monotonic() < deadline:
        time.sleep(0.01)
    assert later == [Cancelled]


def test_calls_after_a_request_to_stop_are_made() -> None:
    """What leaves things in order, such as removing a lock, still works."""
    cancel = Cancel()
    cancel.set()
    store = guarded(Guard("odd", cancel=cancel))
    store.put("locks/1", PAYLOAD)
    assert store.get("locks/1", 0, 10) == bytes(10)
    store.delete("locks/1")
    assert list(store.entries()) == []
