"""The closed loop of one backup drive: plugged in → settled → mounted → run → verified → ejected → unplugged.

Pure: what happens comes in with the time, by a clock that nobody sets; what to do (*Order*) and what to tell (*Note*)
comes out. Nothing is believed that was not seen: “you can unplug it” is said only after the system has let go of the
drive, “the copy is out of the house” only after a verified run, and a drive that vanishes during a run is told at once.

::

    AWAY ──plugged──▶ SETTLING ──quiet──▶ MOUNTING ──mounted──▶ READY ◀──────────────┐
      ▲                   │                  │  └─failed─▶ BLOCKED │ run begun       │ more to run
      │                   │                  │                     ▼                 │
      │                   │                  │                  RUNNING ──run ended──┤
      │ removed, from     │                  │                                       ▼
      └─ every stage ◀────┴──────────────────┴── UNPLUG ◀──ejected── EJECTING ──refused──▶ IN_USE
                                                                        ▲                    │
                                                                        └── asked, or a while later
"""

from dataclasses import dataclass, field
from enum import Enum

SETTLE = 2.0
"""Seconds without a change until a drive counts as plugged in: contacts bounce, and systems mount by themselves."""

MOUNT_AGAIN = 5.0
MOUNT_TRIES = 3

EJECT_AGAIN = 60.0
"""Seconds until a drive that is in use is tried again, without a word."""

REMIND_AFTER = 15 * 60.0
REMIND_AGAIN = 24 * 3600.0
MOST_REMINDERS = 3

SHOWN_FOR = 120.0
"""Seconds that a drive which is switched off still counts as plugged in: nobody can see it leave."""


class Stage(Enum):
    """Where a drive is."""

    AWAY = "away"
    SETTLING = "settling"
    MOUNTING = "mounting"
    BLOCKED = "blocked"
    READY = "ready"
    RUNNING = "running"
    EJECTING = "ejecting"
    IN_USE = "in-use"
    UNPLUG = "unplug"


class Order(Enum):
    """What is to be done; each is answered by an event."""

    MOUNT = "mount"
    """Answered by `Loop.mounted` or `Loop.not_mounted`."""

    LOOK = "look"
    """Look whether a run is due. Answered by `Loop.begun`, or not at all."""

    STOP = "stop"
    """Stop what runs there. Answered by `Loop.ended`."""

    EJECT = "eject"
    """Answered by `Loop.ejected` or `Loop.not_ejected`."""


class Note(Enum):
    """What is to be told; the names of notifications where there is one."""

    STARTED = "start_on_plug"
    DONE = "done_unplug"
    """The run is verified, the drive ejected."""

    MAY_UNPLUG = "may_unplug"
    """It is ejected; no run was finished since it was plugged in."""

    IN_USE = "done_busy"
    """The run is verified, the drive cannot be ejected."""

    NOT_EJECTED = "not_ejected"
    """It cannot be ejected, and no run was finished."""

    BLOCKED = "blocked"
    """It cannot be mounted."""

    REMINDER = "unplug_reminder"
    TOO_EARLY = "unplugged_early"
    OUT = "out"
    """It was taken away with a verified backup on it; quiet."""

    WITHDRAW = "withdraw"
    """What was told before about this drive holds no more."""


Step = Order | Note


@dataclass(slots=True)
class Loop:
    """The loop of one drive. Each method is an event, and returns what is to be done and told, in this order.

    Attributes:
        stage: Where the drive is.
        verified: A run was finished and verified since it was plugged in.
        stopping: It is ejected as soon as the run has ended.
        unseen: It has left the system, so that nobody will see it being unplugged.
        stays: The owner wants it to stay plugged in: it is never ejected unless he asks.
    """

    stays: bool = False
    stage: Stage = Stage.AWAY
    verified: bool = False
    stopping: bool = False
    unseen: bool = False
    _asked: bool = False
    _told_in_use: bool = False
    _tries: int = 0
    _reminders: int = 0
    _remind_at: float | None = None
    _due_at: float | None = field(default=None)

    # -- what the drive does

    def plugged(self, now: float) -> tuple[Step, ...]:
        """It is there, or something about it has changed while it settles."""
        if self.stage is Stage.UNPLUG:  # it was put back: for the system, it is another one
            self._reset()
        if self.stage is Stage.AWAY:
            self.stage = Stage.SETTLING
        if self.stage is Stage.SETTLING:
            self._due_at = now + SETTLE
        return ()

    def removed(self) -> tuple[Step, ...]:
        """It is gone."""
        stage, verified = self.stage, self.verified
        told = self._reminders or self._told_in_use or stage in (Stage.UNPLUG, Stage.BLOCKED)
        self._reset()
        if stage is Stage.RUNNING:
            return Order.STOP, Note.TOO_EARLY
        steps: tuple[Step, ...] = (Note.WITHDRAW,) if told else ()
        settled = (Stage.READY, Stage.EJECTING, Stage.IN_USE, Stage.UNPLUG)
        return (*steps, Note.OUT) if verified and stage in settled else steps

    def tick(self, now: float) -> tuple[Step, ...]:
        """Time has passed; to be called at `due`, and as often as one likes."""
        found: list[Step] = []
        if self._due_at is not None and now >= self._due_at:
            self._due_at = None
            found += self._later()
        if self._remind_at is not None and now >= self._remind_at and self._reminders < MOST_REMINDERS:
            self._reminders += 1
            self._remind_at = now + REMIND_AGAIN
            found.append(Note.REMINDER)
        return tuple(found)

    def _later(self) -> tuple[Step, ...]:
        if self.stage in (Stage.SETTLING, Stage.MOUNTING):
            self.stage = Stage.MOUNTING
            return (Order.MOUNT,)
        if self.stage is Stage.IN_USE:
            return self._eject()
        if self.stage is Stage.UNPLUG and self.unseen:
            return self.removed()
        return ()

    @property
    def due(self) -> float | None:
        """When `tick` is to be called; None: not before something happens."""
        times = [self._due_at, self._remind_at if self._reminders < MOST_REMINDERS else None]
        return min((time for time in times if time is not None), default=None)

    # -- what becomes of orders

    def mounted(self) -> tuple[Step, ...]:
        """It is mounted, and its tag is read."""
        if self.stage is not Stage.MOUNTING:
            return ()
        self.stage, self._due_at = Stage.READY, None
        return (Order.LOOK,)

    def not_mounted(self, now: float) -> tuple[Step, ...]:
        """It could not be mounted."""
        if self.stage is not Stage.MOUNTING:
            return ()
        self._tries += 1
        if self._tries < MOUNT_TRIES:
            self._due_at = now + MOUNT_AGAIN
            return ()
        self.stage = Stage.BLOCKED
        return (Note.BLOCKED,)

    def ejected(self, now: float, *, unseen: bool) -> tuple[Step, ...]:
        """The system has let go of it.

        Args:
            unseen: It is switched off or gone from the system, so that nobody will see it being unplugged.
        """
        if self.stage is not Stage.EJECTING:
            return ()
        self.stage, self.unseen = Stage.UNPLUG, unseen
        self._due_at = now + SHOWN_FOR if unseen else None
        self._remind_at = None if unseen else now + REMIND_AFTER
        return (Note.DONE if self.verified else Note.MAY_UNPLUG,)

    def not_ejected(self, now: float) -> tuple[Step, ...]:
        """It is in use, or the system does not let go of it."""
        if self.stage is not Stage.EJECTING:
            return ()
        self.stage, self._due_at = Stage.IN_USE, now + EJECT_AGAIN
        if self._remind_at is None and self.verified:
            self._remind_at = now + REMIND_AFTER
        if self._told_in_use and not self._asked:
            return ()
        self._told_in_use, self._asked = True, False
        return (Note.IN_USE if self.verified else Note.NOT_EJECTED,)

    # -- what runs do

    def begun(self, *, by_plug: bool = False) -> tuple[Step, ...]:
        """A run to it has begun.

        Args:
            by_plug: It began because the drive was plugged in.
        """
        if self.stage in (Stage.AWAY, Stage.RUNNING, Stage.EJECTING, Stage.UNPLUG):
            return ()
        self.stage, self._due_at, self._remind_at = Stage.RUNNING, None, None
        return (Note.STARTED,) if by_plug else ()

    def ended(self, *, verified: bool, more: bool = False, lost: bool = False) -> tuple[Step, ...]:
        """A run to it has ended.

        Args:
            verified: It left a snapshot that was read back from the medium.
            more: Another run to it is due now.
            lost: It failed because the drive had gone, which a run may notice before anybody else.
        """
        if self.stage is not Stage.RUNNING:
            return ()
        if lost and not verified:
            self._reset()
            return (Note.TOO_EARLY,)
        self.verified = self.verified or verified
        self.stage = Stage.READY
        if self.stopping:
            return self._eject()
        if more:
            return (Order.LOOK,)
        return () if self.stays else self._eject()

    # -- what the owner does

    def eject_asked(self) -> tuple[Step, ...]:
        """The owner wants it to be ejected; a run is stopped first."""
        if self.stage is Stage.RUNNING:
            first = not self.stopping
            self.stopping = True
            return (Order.STOP,) if first else ()
        if self.stage in (Stage.SETTLING, Stage.MOUNTING, Stage.BLOCKED, Stage.READY, Stage.IN_USE):
            self._asked = True
            return self._eject()
        return ()

    def _eject(self) -> tuple[Step, ...]:
        self.stage, self._due_at, self.stopping = Stage.EJECTING, None, False
        return (Order.EJECT,)

    def _reset(self) -> None:
        self.stage, self.verified, self.stopping = Stage.AWAY, False, False
        self.unseen = self._asked = self._told_in_use = False
        self._tries = self._reminders = 0
        self._remind_at = self._due_at = None
