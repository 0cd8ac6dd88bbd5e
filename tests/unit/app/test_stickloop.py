"""The closed loop: the way through it, and what holds on every way that events can come in, walked exhaustively."""

import bisect
import copy
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from traybackup.app.stickloop import (
    EJECT_AGAIN,
    MOST_REMINDERS,
    MOUNT_AGAIN,
    MOUNT_TRIES,
    REMIND_AFTER,
    REMIND_AGAIN,
    SETTLE,
    SHOWN_FOR,
    Loop,
    Note,
    Order,
    Stage,
    Step,
)

Event = Callable[[Loop, float], tuple[Step, ...]]
EVENTS: dict[str, Event] = {
    "plugged": lambda loop, now: loop.plugged(now),
    "removed": lambda loop, _: loop.removed(),
    "soon": lambda loop, now: loop.tick(now),
    "mounted": lambda loop, _: loop.mounted(),
    "not mounted": lambda loop, now: loop.not_mounted(now),
    "begun": lambda loop, _: loop.begun(by_plug=True),
    "saved": lambda loop, _: loop.ended(verified=True),
    "failed": lambda loop, _: loop.ended(verified=False),
    "lost": lambda loop, _: loop.ended(verified=False, lost=True),
    "more": lambda loop, _: loop.ended(verified=True, more=True),
    "eject": lambda loop, _: loop.eject_asked(),
    "ejected": lambda loop, now: loop.ejected(now, unseen=False),
    "off": lambda loop, now: loop.ejected(now, unseen=True),
    "in use": lambda loop, now: loop.not_ejected(now),
}


def at(stage: Stage, *, verified: bool = False) -> Loop:
    """Return a loop that has come to a stage by the shortest way."""
    loop, now = Loop(), 0.0
    ways = {
        Stage.AWAY: "",
        Stage.SETTLING: "plugged",
        Stage.MOUNTING: "plugged soon",
        Stage.READY: "plugged soon mounted",
        Stage.RUNNING: "plugged soon mounted begun",
        Stage.EJECTING: "plugged soon mounted eject",
        Stage.IN_USE: "plugged soon mounted eject in-use",
        Stage.UNPLUG: "plugged soon mounted eject ejected",
    }
    if stage is Stage.BLOCKED:
        words = ["plugged", *["soon", "not mounted"] * MOUNT_TRIES]
    elif verified and stage in (Stage.EJECTING, Stage.IN_USE, Stage.UNPLUG):
        end = {Stage.EJECTING: [], Stage.IN_USE: ["in use"], Stage.UNPLUG: ["ejected"]}[stage]
        words = ["plugged", "soon", "mounted", "begun", "saved", *end]
    else:
        words = [word.replace("-", " ") for word in ways[stage].split()]
    for word in words:
        now += MOUNT_AGAIN
        EVENTS[word](loop, now)
    assert loop.stage is stage
    return loop


def test_the_whole_loop() -> None:
    """Plugged in, settled, mounted, run, verified, ejected, told to unplug it, taken out of the house."""
    loop = Loop()
    assert loop.plugged(0) == ()
    assert loop.tick(SETTLE - 0.1) == ()
    assert loop.due == SETTLE
    assert loop.tick(SETTLE) == (Order.MOUNT,)
    assert loop.mounted() == (Order.LOOK,)
    assert loop.begun(by_plug=True) == (Note.STARTED,)
    assert loop.ended(verified=True) == (Order.EJECT,)
    assert loop.ejected(100, unseen=False) == (Note.DONE,)
    assert loop.stage is Stage.UNPLUG
    assert loop.removed() == (Note.WITHDRAW, Note.OUT)
    assert loop == Loop()


def test_contacts_bounce() -> None:
    """Changes while it settles put the end of settling off; one that leaves again was never there."""
    loop = Loop()
    loop.plugged(0)
    loop.plugged(SETTLE - 1)
    assert loop.tick(SETTLE) == ()
    assert loop.due == 2 * SETTLE - 1
    assert loop.removed() == ()
    assert loop == Loop()


def test_it_is_ejected_after_a_run_that_failed() -> None:
    """It may be unplugged, and nobody says that the backup is done."""
    loop = at(Stage.RUNNING)
    assert loop.ended(verified=False) == (Order.EJECT,)
    assert loop.ejected(0, unseen=False) == (Note.MAY_UNPLUG,)
    assert loop.removed() == (Note.WITHDRAW,)


def test_pulled_out_during_a_run() -> None:
    """It is told at once, the run is stopped, and at the next time everything begins anew."""
    loop = at(Stage.RUNNING)
    assert loop.removed() == (Order.STOP, Note.TOO_EARLY)
    assert loop.ended(verified=False) == ()
    assert loop.stage is Stage.AWAY
    assert loop.plugged(1) == ()
    assert loop.stage is Stage.SETTLING


def test_pulled_out_and_noticed_by_the_run_first() -> None:
    """It is told just the same, once, and nobody tries to eject what is gone."""
    loop = at(Stage.RUNNING)
    assert loop.ended(verified=False, lost=True) == (Note.TOO_EARLY,)
    assert loop.removed() == ()
    assert loop == Loop()
    late = at(Stage.RUNNING)
    assert late.ended(verified=True, lost=True) == (Order.EJECT,)


def test_several_runs_before_it_is_ejected() -> None:
    """It is not ejected while another run to it is due."""
    loop = at(Stage.RUNNING)
    assert loop.ended(verified=True, more=True) == (Order.LOOK,)
    assert loop.begun() == ()
    assert loop.ended(verified=False) == (Order.EJECT,)
    assert loop.ejected(0, unseen=False) == (Note.DONE,)


def test_stop_and_eject() -> None:
    """A run is stopped first, once; then it is ejected, even if more is due."""
    loop = at(Stage.RUNNING)
    assert loop.eject_asked() == (Order.STOP,)
    assert loop.eject_asked() == ()
    assert loop.ended(verified=False, more=True) == (Order.EJECT,)


def test_in_use() -> None:
    """Who holds it is told once; it is tried again quietly, and told again only to somebody who asks."""
    loop = at(Stage.EJECTING, verified=True)
    assert loop.not_ejected(0) == (Note.IN_USE,)
    assert loop.tick(EJECT_AGAIN) == (Order.EJECT,)
    assert loop.not_ejected(EJECT_AGAIN) == ()
    assert loop.eject_asked() == (Order.EJECT,)
    assert loop.not_ejected(EJECT_AGAIN) == (Note.IN_USE,)
    assert loop.tick(2 * EJECT_AGAIN) == (Order.EJECT,)
    assert loop.ejected(2 * EJECT_AGAIN, unseen=False) == (Note.DONE,)


def test_in_use_without_a_backup() -> None:
    """Nobody says that a backup is done, and nobody reminds."""
    loop = at(Stage.EJECTING)
    assert loop.not_ejected(0) == (Note.NOT_EJECTED,)
    assert loop.due == EJECT_AGAIN
    assert loop.removed() == (Note.WITHDRAW,)


def test_reminders_end() -> None:
    """A quarter of an hour after it was ejected, then once a day, three times in all."""
    loop = at(Stage.EJECTING, verified=True)
    loop.ejected(0, unseen=False)
    assert loop.tick(REMIND_AFTER - 1) == ()
    assert loop.tick(REMIND_AFTER) == (Note.REMINDER,)
    assert loop.tick(REMIND_AFTER + 1) == ()
    assert loop.tick(REMIND_AFTER + REMIND_AGAIN) == (Note.REMINDER,)
    assert loop.tick(REMIND_AFTER + 2 * REMIND_AGAIN) == (Note.REMINDER,)
    assert loop.tick(REMIND_AFTER + 9 * REMIND_AGAIN) == ()
    assert loop.due is None


def test_one_that_is_switched_off_leaves_unseen() -> None:
    """It counts as plugged in for two minutes, without reminders: nobody can see it being unplugged."""
    loop = at(Stage.EJECTING, verified=True)
    assert loop.ejected(0, unseen=True) == (Note.DONE,)
    assert loop.due == SHOWN_FOR
    assert loop.tick(SHOWN_FOR) == (Note.WITHDRAW, Note.OUT)
    assert loop == Loop()


def test_one_that_stays() -> None:
    """A drive that shall stay plugged in is ejected only on demand."""
    loop = at(Stage.RUNNING)
    loop.stays = True
    assert loop.ended(verified=True) == ()
    assert loop.stage is Stage.READY
    assert loop.eject_asked() == (Order.EJECT,)


def test_mounting_is_tried_again() -> None:
    """After some failures it is told, and the drive waits for somebody."""
    loop = at(Stage.MOUNTING)
    assert loop.not_mounted(10) == ()
    assert loop.tick(10 + MOUNT_AGAIN) == (Order.MOUNT,)
    assert loop.not_mounted(20) == ()
    assert loop.tick(20 + MOUNT_AGAIN) == (Order.MOUNT,)
    assert loop.not_mounted(30) == (Note.BLOCKED,)
    assert loop.stage is Stage.BLOCKED
    assert loop.removed() == (Note.WITHDRAW,)


S = Stage
TABLE: dict[Stage, dict[str, Stage]] = {
    S.AWAY: {"plugged": S.SETTLING},
    S.SETTLING: {"soon": S.MOUNTING, "begun": S.RUNNING, "eject": S.EJECTING},
    S.MOUNTING: {"mounted": S.READY, "begun": S.RUNNING, "eject": S.EJECTING},
    S.BLOCKED: {"begun": S.RUNNING, "eject": S.EJECTING},
    S.READY: {"begun": S.RUNNING, "eject": S.EJECTING},
    S.RUNNING: {"saved": S.EJECTING, "failed": S.EJECTING, "more": S.READY, "lost": S.AWAY},
    S.EJECTING: {"ejected": S.UNPLUG, "off": S.UNPLUG, "in use": S.IN_USE},
    S.IN_USE: {"soon": S.EJECTING, "begun": S.RUNNING, "eject": S.EJECTING},
    S.UNPLUG: {"plugged": S.SETTLING},
}


@pytest.mark.parametrize(("stage", "event"), list(itertools.product(Stage, EVENTS)))
def test_every_event_in_every_stage(stage: Stage, event: str) -> None:
    """Each pair leads where the table says; one that it does not name changes no stage, and being removed ends all."""
    loop = at(stage)
    EVENTS[event](loop, 1000.0)
    assert loop.stage is (S.AWAY if event == "removed" else TABLE[stage].get(event, stage))


@dataclass
class Walk:
    """A loop on one of all ways, and what an attentive spectator knows."""

    loop: Loop = field(default_factory=Loop)
    now: float = 0.0
    saved: bool = False
    reminded: int = 0

    def see(self, event: str) -> None:
        self.now += {"soon": REMIND_AFTER, "late": REMIND_AGAIN}.get(event, 0.0)
        before = copy.copy(self.loop)
        steps = EVENTS["soon" if event == "late" else event](self.loop, self.now)
        self._check(event, before, steps)
        stage = self.loop.stage
        if event == "removed" or stage is Stage.AWAY:
            self.saved, self.reminded = False, 0
        if before.stage is Stage.UNPLUG and stage is Stage.SETTLING:
            self.saved, self.reminded = False, 0
        if before.stage is Stage.RUNNING and event in ("saved", "more"):
            self.saved = True

    def _check(self, event: str, before: Loop, steps: tuple[Step, ...]) -> None:
        after = self.loop
        assert (after.stage is Stage.EJECTING) == (
            Order.EJECT in steps or (before.stage is Stage.EJECTING and event not in ("removed", *_ANSWERS))
        ), "ejecting is ordered once, and nothing else is going on then"
        assert not (before.stage is Stage.EJECTING and Order.EJECT in steps), "never twice at a time"
        if Order.EJECT in steps and before.stage is Stage.RUNNING:
            assert event in ("saved", "failed", "more"), "never under a run"
        if Note.DONE in steps:
            assert self.saved
            assert event in ("ejected", "off"), "only after the system has let go"
        if Note.OUT in steps:
            assert self.saved
            assert after.stage is Stage.AWAY
        assert (Note.TOO_EARLY in steps) == (before.stage is Stage.RUNNING and event in ("removed", "lost"))
        self.reminded += steps.count(Note.REMINDER)
        assert self.reminded <= MOST_REMINDERS
        if Note.REMINDER in steps:
            assert before.stage in (Stage.UNPLUG, Stage.IN_USE, Stage.EJECTING)
        if event == "removed":
            assert after == Loop(), "nothing is left of it"
        if after.stage is Stage.AWAY:
            assert after.due is None
        assert event not in ("soon", "late") or after.due is None or after.due > self.now, "time never stands still"


_ANSWERS = ("ejected", "off", "in use")


def test_every_way_that_there_is() -> None:
    """On every way that events can come in, all that a spectator may expect holds, in every state there is."""
    starts = [Walk(at(stage)) for stage in Stage]
    starts += [
        Walk(at(stage, verified=True), saved=True, reminded=0) for stage in (Stage.EJECTING, Stage.IN_USE, Stage.UNPLUG)
    ]
    level = {repr((walk.loop, walk.saved)): walk for walk in starts}
    seen = dict(level)
    for _ in range(40):
        following: dict[str, Walk] = {}
        for walk, event in itertools.product(level.values(), [*EVENTS, "late"]):
            next_one = copy.deepcopy(walk)
            next_one.see(event)
            following[_key(next_one)] = next_one
        level = {key: walk for key, walk in following.items() if key not in seen}
        seen |= level
        if not level:
            break
    assert not level, "every state that can be reached was seen"
    assert {walk.loop.stage for walk in seen.values()} == set(Stage)


def _key(walk: Walk) -> str:
    """Return what tells one walk from another: times count from now, and only roughly."""
    loop = copy.copy(walk.loop)
    for name in ("_due_at", "_remind_at"):
        time = getattr(loop, name)
        rough = None if time is None else bisect.bisect_left([0.0, REMIND_AFTER, REMIND_AGAIN], time - walk.now)
        setattr(loop, name, rough)
    return repr((loop, walk.saved, walk.reminded))
