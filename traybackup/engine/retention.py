"""Retention: which snapshots to keep. Pure: it decides, and removes nothing.

A *Policy* says what to keep, a *Span* how far back a rule reaches, a *Decision* what becomes of every snapshot and why.
Snapshots are judged group by group (same host and paths, unless told otherwise).

The rules are restic's (``forget --keep-*``), except where they could cost somebody his data:

* an empty policy and an empty group remove nothing, and no group is ever emptied (restic issue 4568: a typo in a tag);
* the newest verified snapshots of a group always stay; where too few are verified to say which are good, all stay;
* a snapshot dated in the future stays and takes nobody's place;
* nothing is decided while the clock is older than the newest snapshot by more than a day (restic issue 21956).

A clock that is *ahead* does no harm: no rule measures from now, all measure from the newest snapshot.

Source: restic's doc/060_forget.rst; its behaviour was compared with the real program.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta, tzinfo
from enum import Enum

from traybackup.api.errors import ClockDoubtful
from traybackup.engine.snapshots import Snapshot

ALL = -1
"""As a count: no limit."""

CLOCK_TOLERANCE = timedelta(days=1)
"""How far the newest snapshot may lie ahead of the clock before the clock is doubted."""

_SPAN = re.compile(r"(?:(\d{1,5})y)?(?:(\d{1,5})m)?(?:(\d{1,6})d)?(?:(\d{1,7})h)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the calendar, as restic writes it: ``1y6m14d12h``."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0

    @classmethod
    def parse(cls, text: str) -> "Span":
        """Read a span.

        Raises:
            ValueError: It is none.
        """
        match = _SPAN.fullmatch(text)
        if not text or not match:
            raise ValueError(text)
        return cls(*(int(number or 0) for number in match.groups()))

    def __str__(self) -> str:
        parts = ((self.years, "y"), (self.months, "m"), (self.days, "d"), (self.hours, "h"))
        return "".join(f"{number}{unit}" for number, unit in parts if number)

    def __bool__(self) -> bool:
        return any((self.years, self.months, self.days, self.hours))

    def before(self, moment: datetime, zone: tzinfo) -> datetime:
        """Return the time this long before *moment*, counting on the calendar of *zone*.

        A day that the month does not have runs over into the next month: one month before 31 March is 3 March.
        """
        local = moment.astimezone(zone).replace(tzinfo=None)
        month = local.year * 12 + local.month - 1 - self.years * 12 - self.months
        try:
            first = local.replace(year=month // 12, month=month % 12 + 1, day=1)
            day = first + timedelta(days=local.day - 1 - self.days)
            # hours are hours, even over a night when the clock is put back
            return day.replace(tzinfo=zone).astimezone(moment.tzinfo) - timedelta(hours=self.hours)
        except (ValueError, OverflowError):
            return datetime.min.replace(tzinfo=moment.tzinfo)  # before anything


@dataclass(frozen=True, slots=True)
class Policy:
    """What to keep of each group.

    Attributes:
        last, hourly, daily, weekly, monthly, yearly: How many, counted from the newest; `ALL` for no limit. Weeks are
            ISO weeks. The oldest snapshot fills a place that is left over, so that history reaches as far as it can.
        within: Everything this long before the newest snapshot.
        within_hourly, …: The newest of each hour, … this long before the newest snapshot.
        tags: Everything that bears all tags of one of these lists; an empty tag stands for a snapshot without any.
    """

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0
    within: Span = Span()
    within_hourly: Span = Span()
    within_daily: Span = Span()
    within_weekly: Span = Span()
    within_monthly: Span = Span()
    within_yearly: Span = Span()
    tags: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        for rule in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
            if getattr(self, rule) < ALL:
                raise ValueError(rule)

    def __bool__(self) -> bool:
        """Say whether there is any rule at all."""
        return any(bool(getattr(self, rule.name)) for rule in fields(self))


class GroupBy(Enum):
    """What snapshots of one group have in common."""

    HOST = "host"
    PATHS = "paths"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Group:
    """What the snapshots of a group have in common; None: it was not asked for."""

    host: str | None = None
    paths: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot that stays.

    Attributes:
        reasons: Keywords: ``last``, ``hourly`` … ``yearly``, ``within``, ``within-hourly`` …, ``tag``,
            ``empty-policy``, ``verified`` (among the newest verified), ``unverified`` (too few are verified), ``only``
            (the group would be empty), or what the caller pinned it for.
    """

    snapshot: Snapshot
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GroupDecision:
    """What becomes of one group, newest first; *ignored* are dated in the future and stay, too."""

    group: Group
    keep: tuple[Kept, ...]
    forget: tuple[Snapshot, ...]
    ignored: tuple[Snapshot, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of every snapshot."""

    groups: tuple[GroupDecision, ...]

    @property
    def keep(self) -> list[Kept]:
        """All that stay by a rule."""
        return [kept for group in self.groups for kept in group.keep]

    @property
    def forget(self) -> list[Snapshot]:
        """All that may go."""
        return [snapshot for group in self.groups for snapshot in group.forget]

    @property
    def ignored(self) -> list[Snapshot]:
        """All that are dated in the future."""
        return [snapshot for group in self.groups for snapshot in group.ignored]


def _hour(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day, moment.hour


def _day(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month, moment.day


def _week(moment: datetime) -> tuple[int, ...]:
    return tuple(moment.isocalendar()[:2])


def _month(moment: datetime) -> tuple[int, ...]:
    return moment.year, moment.month


def _year(moment: datetime) -> tuple[int, ...]:
    return (moment.year,)


_PERIODS: Mapping[str, Callable[[datetime], tuple[int, ...]]] = {
    "hourly": _hour,
    "daily": _day,
    "weekly": _week,
    "monthly": _month,
    "yearly": _year,
}


class _Rules:
    """A policy at work on one group, newest snapshot first."""

    def __init__(self, policy: Policy, newest: datetime, zone: tzinfo) -> None:
        self._zone = zone
        self._tags = policy.tags
        self._left = {"last": policy.last} | {name: int(getattr(policy, name)) for name in _PERIODS}
        self._within = policy.within.before(newest, zone) if policy.within else None
        self._since: dict[str, datetime] = {}
        for name in _PERIODS:
            span: Span = getattr(policy, f"within_{name}")
            if span:
                self._since[name] = span.before(newest, zone)
        self._period: dict[str, tuple[int, ...]] = {}

    def reasons(self, snapshot: Snapshot, *, oldest: bool) -> list[str]:
        """Return why *snapshot* stays; to be asked once for each, newest first."""
        moment = snapshot.time.astimezone(self._zone)
        found = ["tag" for wanted in self._tags if _bears(snapshot, wanted)][:1]
        if self._within is not None and snapshot.time > self._within:
            found.append("within")
        if self._take("last"):
            found.append("last")
        for name, period_of in _PERIODS.items():
            period = period_of(moment)
            # the oldest fills a place that is left over even if its period has one already
            if (oldest or self._period.get(name) != period) and self._take(name):
                self._period[name] = period
                found.append(name)
        for name, since in self._since.items():
            rule, period = f"within-{name}", _PERIODS[name](moment)
            if snapshot.time > since and self._period.get(rule) != period:
                self._period[rule] = period
                found.append(rule)
        return found

    def _take(self, name: str) -> bool:
        left = self._left[name]
        self._left[name] = left - 1 if left > 0 else left
        return left != 0


def _bears(snapshot: Snapshot, wanted: Iterable[str]) -> bool:
    own = set(snapshot.tags) or {""}
    return all(tag in own for tag in wanted)


def _groups(snapshots: Iterable[Snapshot], group_by: Container[GroupBy]) -> dict[Group, list[Snapshot]]:
    groups: defaultdict[Group, list[Snapshot]] = defaultdict(list)
    for snapshot in snapshots:
        group = Group(
            host=snapshot.hostname if GroupBy.HOST in group_by else None,
            paths=tuple(sorted(snapshot.paths)) if GroupBy.PATHS in group_by else None,
            tags=tuple(sorted(snapshot.tags)) if GroupBy.TAGS in group_by else None,
        )
        groups[group].append(snapshot)
    return groups


def decide(
    snapshots: Sequence[Snapshot],
    policy: Policy,
    *,
    now: datetime,
    zone: tzinfo,
    verified: Container[str] | None = None,
    least_verified: int = 1,
    pinned: Mapping[str, str] | None = None,
    group_by: Container[GroupBy] = (GroupBy.HOST, GroupBy.PATHS),
    clock_confirmed: bool = False,
) -> Decision:
    """Decide what becomes of each of *snapshots*, the order of which does not matter.

    Args:
        now: Aware; only to tell which snapshots are dated in the future.
        zone: Whose calendar days, weeks, months and years are.
        verified: The ids of those known to be good; None: all are taken to be.
        least_verified: How many of the newest verified of each group always stay; 0: verification is not looked at.
        pinned: Ids that stay whatever the policy says, with the keyword of the reason.
        clock_confirmed: The owner says that the clock is right.

    Raises:
        ClockDoubtful: The newest snapshot lies ahead of *now* by more than `CLOCK_TOLERANCE`.
    """
    if now.tzinfo is None:
        raise ValueError(now)
    newest = max((snapshot.time for snapshot in snapshots), default=now)
    if policy and not clock_confirmed and newest - now > CLOCK_TOLERANCE:
        raise ClockDoubtful(now=now.isoformat(), newest=newest.isoformat())
    decided = []
    for group, members in sorted(_groups(snapshots, group_by).items(), key=repr):
        members.sort(key=lambda snapshot: (-snapshot.time.timestamp(), snapshot.id))
        ignored = tuple(snapshot for snapshot in members if snapshot.time > now)
        judged = [snapshot for snapshot in members if snapshot.time <= now]
        reasons = _judge(judged, policy, zone)
        _protect(judged, reasons, verified, least_verified, pinned or {})
        decided.append(
            GroupDecision(
                group=group,
                keep=tuple(Kept(snapshot, tuple(why)) for snapshot, why in zip(judged, reasons, strict=True) if why),
                forget=tuple(snapshot for snapshot, why in zip(judged, reasons, strict=True) if not why),
                ignored=ignored,
            )
        )
    return Decision(tuple(decided))


def _judge(judged: Sequence[Snapshot], policy: Policy, zone: tzinfo) -> list[list[str]]:
    if not policy:
        return [["empty-policy"] for _ in judged]
    if not judged:
        return []
    rules = _Rules(policy, judged[0].time, zone)
    return [rules.reasons(snapshot, oldest=snapshot is judged[-1]) for snapshot in judged]


def _protect(
    judged: Sequence[Snapshot],
    reasons: Sequence[list[str]],
    verified: Container[str] | None,
    least_verified: int,
    pinned: Mapping[str, str],
) -> None:
    """Add the reasons that no policy can overrule."""
    good = []
    for snapshot, why in zip(judged, reasons, strict=True):
        if snapshot.id in pinned:
            why.append(pinned[snapshot.id])
        if verified is None or snapshot.id in verified:
            good.append(why)
    enough = len(good) >= least_verified
    for why in good[:least_verified] if enough else reasons:
        if not why:
            why.append("verified" if enough else "unverified")
    if reasons and not any(reasons):
        reasons[0].append("only")
