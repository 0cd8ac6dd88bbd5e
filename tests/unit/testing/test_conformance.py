"""The kit is itself tested: it passes a right store and catches each of these wrong ones, by the fact that should."""

import contextlib
import functools
import io
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pytest

from traybackup.api.errors import (
    AlreadyExists,
    NotFound,
    Offline,
    RateLimited,
    SignInExpired,
    StoreDamaged,
    StoreError,
    StoreFailed,
    StoreFull,
)
from traybackup.api.store import BytesPayload, Capabilities, Entry, Payload, Space, check_name
from traybackup.testing import FACTS, Ground, MemoryPlace, MemoryStore, NotApplicable


def read_all(payload: Payload) -> bytes:
    with payload.open() as stream:
        return b"".join(iter(lambda: stream.read(1 << 20), b""))


class Forgets(MemoryStore):
    """Put says done and keeps nothing."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:  # noqa: ARG002 - nothing counts
        return Entry(check_name(name), len(read_all(payload)))


class LosesTheLastByte(MemoryStore):
    """Large objects lose their last byte."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        entry = super().put(name, payload, overwrite=overwrite)
        if entry.size > 1 << 20:
            self.place.objects[name] = self.place.objects[name][:-1]
        return entry


class AnswersShort(MemoryStore):
    """A range beyond the end is answered with what there is."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name)
        return data[offset:] if length is None else data[offset : offset + length]


class IgnoresTheOffsetWithoutLength(MemoryStore):
    """Without a length the offset is forgotten."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return super().get(name) if length is None else super().get(name, offset, length)


class CountsLengthAsEnd(MemoryStore):
    """An HTTP range off by one."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return super().get(name, offset, length + 1 if length and offset else length)


class RefusesEmptyRanges(MemoryStore):
    """A server answers 416 to an empty range at the end."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if offset and offset == super().stat(name).size:
            raise StoreDamaged(name=name)
        return super().get(name, offset, length)


class MissingIsOffline(MemoryStore):
    """A missing object looks like a failure of the line, which would be retried."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        try:
            return super().get(name, offset, length)
        except NotFound as error:
            raise Offline(name=name) from error


class MissingRangeIsDamage(MemoryStore):
    """A range of a missing object is told as damage."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if length is not None and name not in self.place.objects:
            raise StoreDamaged(name=check_name(name))
        return super().get(name, offset, length)


class FoldersAreObjects(MemoryStore):
    """The beginning of a name counts as an object."""

    def stat(self, name: str) -> Entry:
        if any(other.startswith(f"{name}/") for other in self.place.objects):
            return Entry(name, 0)
        return super().stat(name)


class AlwaysOverwrites(MemoryStore):
    """Put without overwriting overwrites."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:  # noqa: ARG002 - that is the fault
        return super().put(name, payload, overwrite=True)


class NeverOverwrites(MemoryStore):
    """Put with overwriting says done and keeps the old object."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload)
        except AlreadyExists:
            if overwrite:
                return Entry(name, payload.size)
            raise


class OverwritesInPlace(MemoryStore):
    """A shorter object leaves the tail of the longer one."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        old = self.place.objects.get(name, b"")
        entry = super().put(name, payload, overwrite=overwrite)
        self.place.objects[name] += old[entry.size :]
        return entry


class KeepsTwoOfOneName(MemoryStore):
    """As on Google Drive: putting again makes a second file of the same name, and the listing has both."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        twice = self.place.objects.get("twice", b"").decode().split()
        for entry in super().entries(prefix):
            if entry.name != "twice":
                yield from [entry] * (2 if entry.name in twice else 1)

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        again = overwrite and name in self.place.objects
        entry = super().put(name, payload, overwrite=overwrite)
        if again:
            self.place.objects["twice"] = self.place.objects.get("twice", b"") + f" {name}".encode()
        return entry


class DeleteMinds(MemoryStore):
    """Deleting what is not there is an error."""

    def delete(self, name: str) -> None:
        if name not in self.place.objects:
            raise NotFound(name=check_name(name))
        super().delete(name)


class DeletesByPrefix(MemoryStore):
    """Deleting takes along what begins alike."""

    def delete(self, name: str) -> None:
        super().delete(name)
        for other in [other for other in self.place.objects if other.startswith(name)]:
            del self.place.objects[other]


class TrashKeepsNames(MemoryStore):
    """A deleted object's name stays taken."""

    def delete(self, name: str) -> None:
        if name in self.place.objects:
            self.place.objects[f"trash/{len(self.place.objects)}"] = name.encode()
        super().delete(name)

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        trash = [data for other, data in self.place.objects.items() if other.startswith("trash/")]
        if not overwrite and name.encode() in trash:
            raise AlreadyExists(name=name)
        return super().put(name, payload, overwrite=overwrite)

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        return (entry for entry in super().entries(prefix) if not entry.name.startswith("trash/"))


class ListsOnePage(MemoryStore):
    """The listing ends after the first page of 100."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        for number, entry in enumerate(super().entries(prefix)):
            if number < 100:
                yield entry


class ListsAPageBoundaryTwice(MemoryStore):
    """The last entry of a page comes again on the next."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        for number, entry in enumerate(super().entries(prefix), 1):
            yield from [entry] * (2 if number % 100 == 0 else 1)


class ListsFoldersOnly(MemoryStore):
    """A prefix must be a whole folder."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        folder = prefix.rpartition("/")[0]
        return super().entries(f"{folder}/" if folder else "")


class ListsAnywhere(MemoryStore):
    """A prefix is searched anywhere in the name, as a server's "contains" query does."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        return (entry for entry in super().entries() if prefix in entry.name)


class ListsWhileIterating(MemoryStore):
    """The listing breaks when something changes meanwhile."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        for name, data in self.place.objects.items():
            if name.startswith(prefix):
                yield Entry(name, len(data))


class ListsByOffset(MemoryStore):
    """Pages are counted by offset, so that deleting makes the listing skip others."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        number = 0
        while page := sorted(entry.name for entry in super().entries(prefix))[number : number + 10]:
            yield from [Entry(name, len(self.place.objects.get(name, b""))) for name in page]
            number += 10


class ListsOldSizes(MemoryStore):
    """Sizes in the listing are those of the first version."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        seen = self.__dict__.setdefault("seen", {})
        for entry in super().entries(prefix):
            yield Entry(entry.name, seen.setdefault(entry.name, entry.size))


class CachesReads(MemoryStore):
    """A client keeps what it has read, and does not see what others change."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        cache = self.__dict__.setdefault("cache", {})
        key = (name, offset, length)
        if key not in cache:
            cache[key] = super().get(name, offset, length)
        return cache[key]


class CachesMisses(MemoryStore):
    """A client that has once missed an object does not see it when another puts it."""

    def stat(self, name: str) -> Entry:
        missed = self.__dict__.setdefault("missed", set())
        if name in missed:
            raise NotFound(name=name)
        try:
            return super().stat(name)
        except NotFound:
            missed.add(name)
            raise

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self.__dict__.setdefault("missed", set()).discard(name)
        return super().put(name, payload, overwrite=overwrite)


class WritesInTheBackground(MemoryStore):
    """Put returns before the object is there."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        check_name(name)
        if not overwrite and name in self.place.objects:
            raise AlreadyExists(name=name)
        data = read_all(payload)
        if len(data) != payload.size:
            raise StoreDamaged(name=name)
        threading.Timer(0.01, lambda: self.place.objects.update({name: data})).start()
        return Entry(name, len(data))


class OneAtATime(MemoryStore):
    """Two puts at once get into each other's buffer."""

    buffer = bytearray()

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        OneAtATime.buffer.clear()
        with payload.open() as stream:
            while piece := stream.read(1000):
                OneAtATime.buffer.extend(piece)
                time.sleep(0)
        if threading.active_count() > 1:
            time.sleep(0.001)
        data = bytes(OneAtATime.buffer)
        if len(data) != payload.size:
            raise StoreDamaged(name=name)
        return super().put(name, BytesPayload(data), overwrite=overwrite)


class ChecksThenWrites(MemoryStore):
    """Looking whether the name is taken and taking it are two steps."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if not overwrite and check_name(name) in self.place.objects:
            raise AlreadyExists(name=name)
        data = read_all(payload)
        time.sleep(0.002)
        if len(data) != payload.size:
            raise StoreDamaged(name=name)
        return super().put(name, BytesPayload(data), overwrite=True)


class WritesUnderTheFinalName(MemoryStore):
    """Half an object is visible while it is on its way."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if not overwrite and check_name(name) in self.place.objects:
            raise AlreadyExists(name=name)
        old = self.place.objects.get(check_name(name))
        try:
            with payload.open() as stream:
                self.place.objects[name] = b""
                while piece := stream.read(1 << 20):
                    self.place.objects[name] += piece
            if len(self.place.objects[name]) != payload.size:
                raise StoreDamaged(name=name)  # noqa: TRY301 - cleaned up like any other
        except BaseException:
            del self.place.objects[name]
            if old is not None:
                self.place.objects[name] = old
            raise
        return Entry(name, payload.size)


class DeletesThenWrites(MemoryStore):
    """Overwriting deletes the old object first."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if overwrite:
            self.delete(name)
        return super().put(name, payload, overwrite=overwrite)


class KeepsHalf(MemoryStore):
    """What was sent before the source failed is kept as the object."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        sent = bytearray()
        try:
            with payload.open() as stream:
                while piece := stream.read(1 << 20):
                    sent += piece
        except BaseException:
            self.place.objects.setdefault(name, bytes(sent))
            raise
        return super().put(name, payload, overwrite=overwrite)


class LeavesScrap(MemoryStore):
    """A temporary object stays after a failure and is listed."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except AlreadyExists:
            raise
        except BaseException:
            self.place.objects[f"{check_name(name)}.part"] = b""
            raise


class WrapsTheSourcesErrors(MemoryStore):
    """An error of the source is told as one of the destination."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except StoreError:
            raise
        except Exception as error:
            raise StoreFailed(name=name) from error


class TakesShortSources(MemoryStore):
    """A source that ends early is taken for whole."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        return super().put(name, BytesPayload(read_all(payload)), overwrite=overwrite)


class CutsLongSources(MemoryStore):
    """A source that goes on is cut at the size it said."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        with payload.open() as stream:
            data = stream.read(payload.size)
        if len(data) != payload.size:
            raise StoreDamaged(name=check_name(name))
        return super().put(name, BytesPayload(data), overwrite=overwrite)


class LeavesSourcesOpen(MemoryStore):
    """The stream of the payload is not closed when it fails."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        class Wrapped(Payload):
            size = payload.size
            sha256 = b""

            def open(self, offset: int = 0) -> BinaryIO:
                stream = payload.open(offset)
                data = stream.read()
                stream.close()
                return io.BytesIO(data)

        return super().put(name, Wrapped(), overwrite=overwrite)


class TakesAnyName(MemoryStore):
    """Names are not looked at."""

    def _ready(self, name: str | None = None) -> None:
        """Accept everything."""


class FoldsCharacters(MemoryStore):
    """Characters that the service does not like all become the same one."""

    def _ready(self, name: str | None = None) -> None:
        super()._ready(name)

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        if any(_folded(other) == _folded(check_name(name)) and other != name for other in self.place.objects):
            raise AlreadyExists(name=name)
        return super().put(name, payload, overwrite=overwrite)


class ReadsBackFromTheCache(MemoryStore):
    """Reading back hands over the first piece only."""

    def read_back(self, name: str, consume: Callable[[bytes], object]) -> None:
        consume(self.get(name)[: 1 << 20])


class LiesAboutChecksums(MemoryStore):
    """It promises a checksum and gives that of something else."""

    capabilities = Capabilities(checksum="sha256")

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        entry = super().put(name, payload, overwrite=overwrite)
        return Entry(entry.name, entry.size, "sha256:" + "0" * 64)


class ForgetsOnClose(MemoryStore):
    """What was put is gone when the client closes."""

    def close(self) -> None:
        super().close()
        self.place.objects.clear()


class ClosesOnce(MemoryStore):
    """Closing twice is an error."""

    def close(self) -> None:
        if self._closed and "again" not in self.__dict__:
            self.again = True  # only the fact's second close, so that the ground can clean up
            raise StoreFailed(reason="closed")
        super().close()


class FullIsSilent(MemoryStore):
    """What does not fit any more is dropped."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except StoreFull:
            return Entry(name, payload.size)


class FullIsOffline(MemoryStore):
    """A full place looks like a failure of the line."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except StoreFull as error:
            raise Offline(name=name) from error


class FullForGood(MemoryStore):
    """Deleting makes no room."""

    def delete(self, name: str) -> None:
        if self.place.capacity is not None:
            self.place.capacity -= len(self.place.objects.get(name, b""))
        super().delete(name)


class MoreFreeThanThereIs(MemoryStore):
    """The room left is more than the whole place has."""

    def space(self) -> Space:
        return Space(total=1, free=2)


class BytearrayStore(MemoryStore):
    """What is got is no bytes object."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return bytearray(super().get(name, offset, length))  # type: ignore[return-value]  # that is the fault


class WantsNoEmptyFolders(MemoryStore):
    """Listing a folder that nobody has made yet is an error."""

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        found = list(super().entries(prefix))
        if prefix and not found:
            raise NotFound(name=prefix)
        yield from found


class DeletesOnlyItsOwn(MemoryStore):
    """A client finds for deleting only what it has put itself."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        self.__dict__.setdefault("own", set()).add(name)
        return super().put(name, payload, overwrite=overwrite)

    def delete(self, name: str) -> None:
        if check_name(name) in self.__dict__.get("own", set()):
            super().delete(name)


class SharesThePosition(MemoryStore):
    """Two reads at once move the same position."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = super().get(name, offset, length)
        self.position = offset
        time.sleep(0.0005)
        return super().get(name, min(self.position, len(super().get(name)) - len(data)), len(data))


class OverwritesByHalves(MemoryStore):
    """Once the source is read, an overwritten object changes in two steps."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        old = self.place.objects.get(name, b"")
        data = read_all(payload)
        if overwrite and old and len(data) == payload.size:
            self.place.objects[name] = data[:1000] + old[1000:]
            time.sleep(0.002)
        return super().put(name, payload, overwrite=overwrite)


class CannotDoAnything(MemoryStore):
    """No call may run at all."""

    capabilities = Capabilities(parallel=0)


class RevokedIsOffline(MemoryStore):
    """A sign-in that was revoked looks like a failure of the line, which would be retried for ever."""

    def _ready(self, name: str | None = None) -> None:
        try:
            super()._ready(name)
        except SignInExpired as error:
            raise Offline from error


class KeepsHalfWhenRevoked(MemoryStore):
    """What had arrived when the sign-in was revoked is kept as the object."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except SignInExpired:
            self.place.objects.setdefault(name, read_all(payload)[: payload.size // 2])
            raise


class LooksAtTheSignInOnlyForWriting(MemoryStore):
    """What is read is answered to anybody."""

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self.place.revoked, revoked = False, self.place.revoked
        try:
            return super().get(name, offset, length)
        finally:
            self.place.revoked = revoked


class ForgetsHowLongToWait(MemoryStore):
    """It says that it was asked to slow down, and not for how long."""

    def _ready(self, name: str | None = None) -> None:
        try:
            super()._ready(name)
        except RateLimited as error:
            raise RateLimited from error


class DoesNotSlowDown(MemoryStore):
    """A wish to wait is answered by asking again at once."""

    def _ready(self, name: str | None = None) -> None:
        try:
            super()._ready(name)
        except RateLimited:
            super()._ready(name)


class BeginsAnewAfterCuts(MemoryStore):
    """It promises to go on where the line broke, and sends everything again."""

    def _receive(self, payload: Payload) -> bytes:
        data = read_all(payload)
        for at in range(0, len(data), 1 << 20):
            if not self.place.arrives(min(1 << 20, len(data) - at)):
                raise Offline
        return data


class LosesAPieceAtACut(MemoryStore):
    """The piece at which the line broke was only counted: there is a hole."""

    def _receive(self, payload: Payload) -> bytes:
        before = len(self.place.cuts)
        data = super()._receive(payload)
        return bytes(1 << 20) + data[1 << 20 :] if len(self.place.cuts) < before else data


class ShowsHalfAfterACut(MemoryStore):
    """What has arrived until the line broke is there under its name."""

    def _receive(self, payload: Payload) -> bytes:
        before = len(self.place.cuts)
        data = super()._receive(payload)
        if len(self.place.cuts) < before:
            self.place.objects["data/3f/3f9a01"] = data[:1000]
            raise Offline
        return data


class MakesASecondAfterALostAnswer(MemoryStore):
    """As on Google Drive without ids of one's own: trying again makes a second file of the same name."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except Offline:
            self.place.objects["twice"] = name.encode()
            raise

    def entries(self, prefix: str = "") -> Iterator[Entry]:
        twice = self.place.objects.get("twice", b"").decode()
        for entry in super().entries(prefix):
            if entry.name != "twice":
                yield from [entry] * (2 if entry.name == twice else 1)


class GivesUpAfterALostAnswer(MemoryStore):
    """A lost answer is told as damage, after which nobody tries again."""

    def put(self, name: str, payload: Payload, *, overwrite: bool = False) -> Entry:
        try:
            return super().put(name, payload, overwrite=overwrite)
        except Offline as error:
            raise StoreDamaged(name=name) from error


def _folded(name: str) -> str:
    return name.replace(".", "-").replace("_", "-")


WRONG = {
    Forgets: "round_trip",
    LosesTheLastByte: "round_trip",
    AnswersShort: "ranges_outside",
    IgnoresTheOffsetWithoutLength: "ranges",
    CountsLengthAsEnd: "ranges",
    RefusesEmptyRanges: "ranges",
    MissingIsOffline: "missing_is_not_found",
    MissingRangeIsDamage: "missing_is_not_found",
    FoldersAreObjects: "folder_is_no_object",
    AlwaysOverwrites: "put_refuses_a_taken_name",
    NeverOverwrites: "overwrite_replaces",
    OverwritesInPlace: "overwrite_replaces",
    KeepsTwoOfOneName: "overwrite_replaces",
    DeleteMinds: "delete_removes",
    DeletesByPrefix: "delete_removes",
    TrashKeepsNames: "name_is_free_again",
    ListsOnePage: "listing_is_complete",
    ListsAPageBoundaryTwice: "listing_is_complete",
    ListsFoldersOnly: "prefix_is_the_beginning_of_the_name",
    ListsAnywhere: "prefix_is_the_beginning_of_the_name",
    ListsWhileIterating: "listing_stands_changes",
    ListsByOffset: "listing_stands_changes",
    ListsOldSizes: "other_client_sees_changes",
    CachesReads: "other_client_sees_changes",
    CachesMisses: "other_client_sees_puts",
    WritesInTheBackground: "other_client_sees_puts",
    OneAtATime: "parallel_puts",
    ChecksThenWrites: "one_of_many_wins",
    WritesUnderTheFinalName: "not_seen_before_it_is_whole",
    DeletesThenWrites: "failing_source",
    KeepsHalf: "cancelled_source",
    LeavesScrap: "short_source",
    WrapsTheSourcesErrors: "failing_source",
    TakesShortSources: "short_source",
    CutsLongSources: "long_source",
    LeavesSourcesOpen: "source_is_closed",
    TakesAnyName: "illegal_names",
    FoldsCharacters: "legal_names",
    ReadsBackFromTheCache: "read_back_is_whole",
    LiesAboutChecksums: "entry_tells_the_truth",
    ForgetsOnClose: "close_and_reopen",
    ClosesOnce: "close_and_reopen",
    FullIsSilent: "full_place",
    FullIsOffline: "full_place",
    FullForGood: "full_place",
    MoreFreeThanThereIs: "room_makes_sense",
    BytearrayStore: "round_trip",
    WantsNoEmptyFolders: "empty_place_lists_nothing",
    DeletesOnlyItsOwn: "other_client_deletes",
    SharesThePosition: "parallel_reads",
    OverwritesByHalves: "readers_see_whole_objects",
    CannotDoAnything: "capabilities_make_sense",
    RevokedIsOffline: "revoked_sign_in",
    KeepsHalfWhenRevoked: "revoked_sign_in",
    LooksAtTheSignInOnlyForWriting: "revoked_sign_in",
    ForgetsHowLongToWait: "asked_to_slow_down",
    DoesNotSlowDown: "asked_to_slow_down",
    BeginsAnewAfterCuts: "line_is_cut",
    LosesAPieceAtACut: "line_is_cut",
    ShowsHalfAfterACut: "line_is_cut",
    MakesASecondAfterALostAnswer: "answer_is_lost",
    GivesUpAfterALostAnswer: "answer_is_lost",
}
BY_NAME = {fact.__name__: fact for fact in FACTS}


def ground_of(kind: type[MemoryStore]) -> Ground:
    place = MemoryPlace()

    def limit(capacity: int | None) -> None:
        place.capacity = capacity

    def revoke() -> Callable[[], None]:
        place.revoked = True
        return functools.partial(setattr, place, "revoked", False)

    return Ground(
        lambda: kind(place),
        limit=limit,
        revoke=revoke,
        slow_down=lambda seconds: setattr(place, "wait", seconds),
        cut=lambda after: place.cuts.append(place.received + after),
        lose_answer=lambda: setattr(place, "lost", 1),
        received=lambda: place.received,
    )


@pytest.mark.parametrize(("kind", "fact"), WRONG.items(), ids=lambda value: getattr(value, "__name__", value))
def test_wrong_store_is_caught(kind: type[MemoryStore], fact: str) -> None:
    """The fact that speaks of a store's fault fails on it."""
    with pytest.raises((AssertionError, StoreError, RuntimeError)), ground_of(kind) as ground:
        BY_NAME[fact](ground)


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.__name__)
def test_right_store_passes(fact: Callable[[Ground], None]) -> None:
    """The same ground with a right store passes every fact, so that it is the fault that is caught."""
    with ground_of(MemoryStore) as ground:
        fact(ground)


def test_every_fact_has_its_sentence_and_its_catch() -> None:
    """Each fact says what it states, and there is a wrong store that proves it can fail."""
    assert all(fact.__doc__ for fact in FACTS)
    assert set(BY_NAME) == set(WRONG.values())


TROUBLES = {
    "full_place": "limit",
    "revoked_sign_in": "revoke",
    "asked_to_slow_down": "slow_down",
    "line_is_cut": "cut",
    "answer_is_lost": "lose_answer",
}


@pytest.mark.parametrize(("fact", "hook"), TROUBLES.items())
def test_fact_that_cannot_be_tested_says_so(fact: str, hook: str) -> None:
    """A place that cannot be brought into a trouble is excused from the fact, which names the hook and asks nothing."""
    place = MemoryPlace()
    with Ground(lambda: MemoryStore(place)) as ground, pytest.raises(NotApplicable, match=f"^{hook}$"):
        BY_NAME[fact](ground)
    assert place.received == 0


def test_place_that_begins_anew_need_not_go_on() -> None:
    """Who does not count what arrives has not promised to go on: then an object only has to be whole in the end."""
    place = MemoryPlace()
    with Ground(lambda: BeginsAnewAfterCuts(place), cut=lambda n: place.cuts.append(place.received + n)) as ground:
        BY_NAME["line_is_cut"](ground)
    assert not place.cuts


def test_ground_closes_every_client() -> None:
    """Leaving the ground closes what was opened on it, whatever happened."""
    opened = []
    with contextlib.suppress(ZeroDivisionError), Ground(MemoryStore) as ground:
        opened += [ground.open(), ground.open()]
        raise ZeroDivisionError
    for store in opened:
        with pytest.raises(StoreFailed):
            store.stat("config")
