"""FileWriter: brings the files of a batch back, pack by pack, in worker threads.

The blobs that a batch needs are sorted by where they lie, and neighbours are read together. Each thread works with a
*Hand* of its own (`traybackup.engine.hand`); what concerns them all is here: temporary names, which file is complete,
which has failed. A blob that is not sound is looked for in other packs before its files are given up.
"""

import contextlib
import errno
import itertools
import os
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter

from traybackup.api.errors import Cancelled, NotFound, StoreDamaged, StoreFailed, TargetUnusable
from traybackup.api.progress import Cancel, Progress
from traybackup.engine.batch import Batch, Failed, File, Job, Request, Restored
from traybackup.engine.codec import BlobKind
from traybackup.engine.farhand import FarHand
from traybackup.engine.filesystem import TEMPORARY, Folder, Identity
from traybackup.engine.hand import Common, Hand
from traybackup.engine.placing import Overwrite
from traybackup.engine.repository import Repository
from traybackup.engine.workers import Workers

_WORKERS = 2
_JOB_LOCAL, _GAP_LOCAL = 1 << 20, 64 << 10
_JOB_AFAR, _GAP_AFAR = 16 << 20, 1 << 20

STOPPING = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EROFS: "read-only",
    errno.EIO: "gone",
    errno.ENODEV: "gone",
    errno.ENXIO: "gone",
    errno.ESTALE: "gone",
}
"""Errors after which nothing more can be written there, with the keyword of `TargetUnusable`."""

_CAN_HELP = hasattr(os, "fork") and bool(sys.executable) and not getattr(sys, "frozen", False)
"""Folders can be handed to another process there, and it can be started."""

_where = itemgetter(0)


class FileWriter(Common):
    """Writes batches of files below one target folder, one batch at a time."""

    def __init__(
        self,
        repo: Repository,
        root: Folder,
        place: str,
        *,
        policy: Overwrite,
        us: Identity,
        restored: Restored,
        progress: Progress,
        cancel: Cancel,
        large: bool = False,
    ) -> None:
        """Get ready.

        Args:
            large: There is so much to do that a second process is worth its start.
        """
        self._repo = repo
        self.key, self.root, self.policy, self.us, self.progress = repo.key, root, policy, us, progress
        self.damaged: list[Request] = []
        self._place, self._restored, self._cancel = place, restored, cancel
        self._lock = threading.Lock()
        self._mine = threading.local()
        self._hands: list[Hand] = []
        self._numbers = itertools.count()
        self._token = secrets.token_hex(4)
        self._running: threading.Thread | None = None
        self._failure: BaseException | None = None
        self._stopped = False
        self._requests: list[Request] = []
        local = repo.store.capabilities.local
        self._job, self._gap = (_JOB_LOCAL, _GAP_LOCAL) if local else (_JOB_AFAR, _GAP_AFAR)
        self._far: FarHand | None = None
        self._far_is_free = False
        if large and _CAN_HELP and (os.cpu_count() or 1) > 1:
            with contextlib.suppress(OSError):  # then we do it alone
                self._far = FarHand(self, place, self._token)

    # What the walk calls ---------------------------------------------------------------------------------------------

    def temporary(self) -> bytes:
        return b"%s%s-%x" % (TEMPORARY, self._token.encode(), next(self._numbers))

    def start(self, batch: Batch, unfinished: File | None = None) -> None:
        """Begin to write the files of *batch*, of which *unfinished* goes on in the next one."""
        self._running = threading.Thread(target=self._run, args=(batch, unfinished), name="restore", daemon=True)
        self._running.start()

    def wait(self) -> None:
        """Wait until what was started is complete.

        Raises:
            TargetUnusable: The target is full, read-only or gone.
            StoreError: The place of the repository is not to be reached.
            Cancelled: Somebody asked to stop.
        """
        if self._running is not None:
            self._running.join()
            self._running = None
        if self._failure is not None:
            raise self._failure

    def stop(self) -> None:
        """Give up what is under way and leave nothing unfinished behind."""
        self._stopped = True
        with contextlib.suppress(BaseException):  # the one that made us stop is on its way already
            self.wait()

    def close(self) -> None:
        """End the second process."""
        if self._far is not None:
            self._far.end()

    def reason(self, error: OSError) -> str:
        """Return why the target did not take an item, as a keyword.

        Raises:
            TargetUnusable: It takes nothing any more.
        """
        number = error.errno or 0
        if number in STOPPING:
            raise TargetUnusable(path=self._place, why=STOPPING[number]) from error
        return "exists" if number == errno.EEXIST else errno.errorcode.get(number, "failed")

    # One batch -------------------------------------------------------------------------------------------------------

    def _run(self, batch: Batch, unfinished: File | None) -> None:
        try:
            self._write(batch, unfinished)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            self._failure = error
        finally:
            for hand in self._hands:
                hand.close()
            self._hands = []
            if self._far is not None:
                self._far.close()

    def _write(self, batch: Batch, unfinished: File | None) -> None:
        jobs = list(batch.jobs(self._job, self._gap))
        self._requests, self.damaged = batch.requests, []
        self._far_is_free = self._far is not None
        workers = Workers("restore", _WORKERS, self._work)
        try:
            for job in _apart(jobs):
                workers.submit(job)
            workers.finish()
            if self._far is not None:
                self._far.drain()
            if self.damaged:
                self._look_elsewhere()
            self._conclude(batch, unfinished)
        except BaseException as error:
            workers.abandon(error)
            if self._far is not None:
                with contextlib.suppress(BaseException):  # the one that made us stop is on its way already
                    self._far.drain()
            for file in batch.files:
                self._discard(file, self._hand())
            raise

    def _work(self, job: Job) -> None:
        self._cancel.check()
        if self._stopped:
            raise Cancelled
        pack_id = self._repo.index.pack_id(job.pack)
        requests = self._requests[job.first : job.last]
        try:
            data = self._repo.read_pack(pack_id, job.start, job.end - job.start)
        except NotFound:
            self.damaged.extend(requests)
        except (StoreDamaged, StoreFailed):
            self._work_singly(pack_id, requests)
        else:
            (self._far_hand() or self._hand()).open(data, job.start, requests)

    def _work_singly(self, pack_id: bytes, requests: list[Request]) -> None:
        """Take from a damaged pack what can still be read."""
        for where, group in itertools.groupby(requests, _where):
            wanted = list(group)
            offset = where & 0xFFFF_FFFF
            try:
                data = self._repo.read_pack(pack_id, offset, wanted[0][2])
            except (NotFound, StoreDamaged, StoreFailed):
                self.damaged.extend(wanted)
            else:
                self._hand().open(data, offset, wanted)

    def _far_hand(self) -> FarHand | None:
        """Return the far hand for the thread that took it first in this batch, None for the others."""
        if self._far is None:
            return None
        mine: bool | None = getattr(self._mine, "far", None)
        if mine is None:
            with self._lock:
                mine, self._far_is_free = self._far_is_free, False
            self._mine.far = mine
        return self._far if mine else None

    def _hand(self) -> Hand:
        """Return this thread's own."""
        hand: Hand | None = getattr(self._mine, "hand", None)
        if hand is None:
            hand = self._mine.hand = Hand(self)
            self._hands.append(hand)
        return hand

    def _look_elsewhere(self) -> None:
        """Try other copies of the blobs that were not sound."""
        missing: dict[bytes, list[Request]] = {}
        for request in self.damaged:
            missing.setdefault(request[4], []).append(request)
        lost: list[Request] = []
        for blob_id, requests in missing.items():
            tried = {request[0] for request in requests}
            for pack, offset, length, plain_length in self._repo.index.locations(BlobKind.DATA, blob_id):
                where = pack << 32 | offset
                if where in tried:
                    continue
                self.damaged = []
                moved = [(where, r[1], length, plain_length, r[4], r[5], r[6]) for r in requests]
                self._work_singly(self._repo.index.pack_id(pack), moved)
                if not self.damaged:
                    break
            else:
                lost += requests
        self.damaged = lost

    def _conclude(self, batch: Batch, unfinished: File | None) -> None:
        """Write the empty files, and make sure that none is forgotten."""
        hand = self._hand()
        for request in self.damaged:
            self._lose(request[5], "damaged", hand)
        for file in batch.files:
            if not file.parts:
                hand.write_whole(file, 0, memoryview(b""))
            elif file.left and not file.failed and file is not unfinished:
                self._lose(file, "incomplete", hand)

    # What the hands call ---------------------------------------------------------------------------------------------

    def create(self, file: File, hand: Hand) -> int:
        with self._lock:
            if file.fd < 0:
                temporary = self.temporary()
                file.fd = hand.folders[file.directory].create(temporary)
                file.temporary = temporary
            return file.fd

    def count(self, parts: Counter[File]) -> list[File]:
        with self._lock:
            for file, count in parts.items():
                file.left -= count
            return [file for file in parts if not file.left and not file.failed]

    def done(self, file: File, unset: list[str], aside: bytes) -> None:
        with self._lock:
            self._restored.files += 1
            self._restored.size += file.size
            self._restored.unset.update(unset)
        if aside:
            self._restored.aside.append((file.path, aside))
        self.progress.item(file.path, "restored", file.size)

    def fail(self, file: File, error: OSError, hand: Hand) -> None:
        self._lose(file, self.reason(error), hand)

    def _lose(self, file: File, reason: str, hand: Hand) -> None:
        """Note a file that cannot be brought back."""
        with self._lock:
            first, file.failed = not file.failed, True
        if first:
            self._restored.failed.append(Failed(file.path, reason))
            self.progress.trouble(file.path, reason)
            self.progress.item(file.path, "failed", 0)
        self._discard(file, hand)

    def _discard(self, file: File, hand: Hand) -> None:
        """Remove what there is of a file that will not be complete."""
        with self._lock:
            file.failed = True
            fd, file.fd = file.fd, -1
            temporary, file.temporary = file.temporary, b""
        if fd >= 0:
            os.close(fd)
        if temporary:
            with contextlib.suppress(OSError):  # the next restore sweeps it away
                hand.folders[file.directory].remove(temporary)


def _apart(jobs: list[Job]) -> Iterator[Job]:
    """Yield jobs from the front and the middle by turns, so that threads rarely wait for the same directory."""
    half = (len(jobs) + 1) // 2
    for pair in itertools.zip_longest(jobs[:half], jobs[half:]):
        for job in pair:
            if job is not None:
                yield job
