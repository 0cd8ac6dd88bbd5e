"""Retention against its own promises (hypothesis) and against the real ``restic forget --dry-run``."""

import json
import random
import subprocess
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import ClockDoubtful
from traybackup.engine import snapshots as snapshot_files
from traybackup.engine.crypto import KdfParameters
from traybackup.engine.repository import Repository
from traybackup.engine.retention import ALL, Decision, GroupBy, Policy, Span, decide
from traybackup.engine.snapshots import Snapshot
from traybackup.stores.local import LocalStore

NOW = datetime(2024, 7, 1, 12, tzinfo=UTC)
INDIA = timezone(timedelta(hours=5, minutes=30))


def snapshot(
    time: datetime, number: int = 0, *, host: str = "till", tags: tuple[str, ...] = (), path: str = "/till"
) -> Snapshot:
    return Snapshot(time=time, tree=bytes(32), paths=(path,), hostname=host, tags=tags, id=f"{number:064x}")


def daily(count: int, newest: datetime = NOW) -> list[Snapshot]:
    return [snapshot(newest - timedelta(days=age), age) for age in range(count)]


def ages(snapshots: Sequence[Snapshot]) -> list[int]:
    return [int(one.id, 16) for one in snapshots]


def kept(decision: Decision) -> dict[int, tuple[str, ...]]:
    return {int(one.snapshot.id, 16): one.reasons for one in decision.keep}


# The rules, one by one


def test_last_keeps_the_newest() -> None:
    """keep-last N keeps the N newest and lets the others go."""
    decision = decide(daily(5), Policy(last=2), now=NOW, zone=UTC)
    assert kept(decision) == {0: ("last",), 1: ("last",)}
    assert ages(decision.forget) == [2, 3, 4]


def test_a_week_starts_on_monday() -> None:
    """Weekly snapshots are the newest of each ISO week, also over the turn of a year."""
    monday = datetime(2024, 12, 30, 8, tzinfo=UTC)
    decision = decide(daily(12, monday), Policy(weekly=2), now=NOW.replace(year=2025), zone=UTC)
    assert sorted(kept(decision)) == [0, 1]
    decision = decide(daily(12, monday), Policy(weekly=3), now=NOW.replace(year=2025), zone=UTC)
    assert sorted(kept(decision)) == [0, 1, 8]


def test_days_are_those_of_the_zone() -> None:
    """Two snapshots of one UTC day are of two days where midnight lies between them."""
    evening = [snapshot(NOW.replace(hour=hour), hour) for hour in (20, 19, 17, 16)]
    now = NOW.replace(day=3)
    assert sorted(kept(decide(evening, Policy(daily=2), now=now, zone=INDIA))) == [17, 20]
    assert sorted(kept(decide(evening, Policy(daily=2), now=now, zone=UTC))) == [16, 20]


def test_the_oldest_fills_a_place_left_over() -> None:
    """With places left, the oldest snapshot is kept although its day has one already."""
    day = [snapshot(NOW - timedelta(hours=age), age) for age in range(5)]
    assert kept(decide(day, Policy(daily=5), now=NOW, zone=UTC)) == {0: ("daily",), 4: ("daily",)}


def test_all_is_no_limit() -> None:
    """A count of ALL keeps one of every period."""
    assert len(decide(daily(40), Policy(daily=ALL), now=NOW, zone=UTC).keep) == 40


def test_within_measures_from_the_newest_snapshot() -> None:
    """A span reaches back from the newest snapshot, not from now: a till that was off for a year loses nothing."""
    decision = decide(daily(10), Policy(within=Span(days=3)), now=NOW + timedelta(days=365), zone=UTC)
    assert sorted(kept(decision)) == [0, 1, 2]


def test_within_daily_thins_out() -> None:
    """within-daily keeps one of each day in its span."""
    hours = [snapshot(NOW - timedelta(hours=age), age) for age in range(72)]
    decision = decide(hours, Policy(within_daily=Span(days=2)), now=NOW, zone=UTC)
    assert kept(decision) == {0: ("within-daily",), 13: ("within-daily",), 37: ("within-daily",)}


def test_tags_keep_what_bears_them_all() -> None:
    """A tag list keeps what has all its tags, any list is enough, the empty tag stands for none."""
    tagged = [
        snapshot(NOW, 0, tags=("a",)),
        snapshot(NOW - timedelta(days=1), 1, tags=("a", "b")),
        snapshot(NOW - timedelta(days=2), 2),
        snapshot(NOW - timedelta(days=3), 3, tags=("c",)),
    ]
    policy = Policy(tags=(("a", "b"), ("",)))
    assert kept(decide(tagged, policy, now=NOW, zone=UTC, least_verified=0)) == {1: ("tag",), 2: ("tag",)}


def test_groups_are_judged_apart() -> None:
    """Each host and set of paths has its own newest; grouped by nothing, all are one."""
    mixed = [
        snapshot(NOW, 0, host="a"),
        snapshot(NOW - timedelta(days=1), 1, host="b"),
        snapshot(NOW - timedelta(days=2), 2, host="b", path="/other"),
        snapshot(NOW - timedelta(days=3), 3, host="b", path="/other"),
    ]
    policy = Policy(last=1)
    assert ages(decide(mixed, policy, now=NOW, zone=UTC).forget) == [3]
    assert ages(decide(mixed, policy, now=NOW, zone=UTC, group_by=[GroupBy.PATHS]).forget) == [3, 1]
    assert ages(decide(mixed, policy, now=NOW, zone=UTC, group_by=[]).forget) == [1, 2, 3]


def test_groups_by_tags() -> None:
    """Grouped by tags, the order of the tags does not matter."""
    mixed = [snapshot(NOW, 0, tags=("x", "y")), snapshot(NOW - timedelta(days=1), 1, tags=("y", "x"))]
    (group,) = decide(mixed, Policy(last=1), now=NOW, zone=UTC, group_by=[GroupBy.TAGS]).groups
    assert group.group.tags == ("x", "y")
    assert group.group.host is None


# What no policy may do


def test_an_empty_policy_removes_nothing() -> None:
    """No rule at all means that all stay, whatever the clock says."""
    decision = decide(daily(3), Policy(), now=NOW - timedelta(days=999), zone=UTC)
    assert not decision.forget
    assert not Policy()


def test_a_typo_in_a_tag_empties_no_group() -> None:
    """Rules that fit nothing leave the newest snapshot of each group (restic issue 4568 lost them all)."""
    policy = Policy(tags=(("no such tag",),))
    assert kept(decide(daily(3), policy, now=NOW, zone=UTC, least_verified=0)) == {0: ("only",)}


def test_the_newest_verified_stays() -> None:
    """The newest snapshot that is known to be good stays although newer ones use up the places."""
    decision = decide(daily(5), Policy(last=2), now=NOW, zone=UTC, verified={f"{3:064x}", f"{4:064x}"})
    assert kept(decision) == {0: ("last",), 1: ("last",), 3: ("verified",)}


def test_more_than_one_verified_can_be_asked_for() -> None:
    """least_verified says how many of the verified ones stay."""
    good = {f"{age:064x}" for age in (1, 3, 4)}
    decision = decide(daily(6), Policy(last=1), now=NOW, zone=UTC, verified=good, least_verified=3)
    assert sorted(kept(decision)) == [0, 1, 3, 4]


def test_where_none_is_verified_all_stay() -> None:
    """Without a verified one nobody knows which is good, so nothing goes."""
    decision = decide(daily(3), Policy(last=1), now=NOW, zone=UTC, verified=set())
    assert kept(decision) == {0: ("last",), 1: ("unverified",), 2: ("unverified",)}


def test_pinned_ones_stay_with_their_reason() -> None:
    """What the caller pins stays, and says why."""
    decision = decide(daily(4), Policy(last=1), now=NOW, zone=UTC, pinned={f"{2:064x}": "fiscal-year"})
    assert kept(decision) == {0: ("last",), 2: ("fiscal-year",)}


def test_future_ones_stay_and_take_no_place() -> None:
    """A snapshot dated in the future is told apart, kept, and leaves the places to the others."""
    future = snapshot(NOW + timedelta(hours=5), 99)
    decision = decide([future, *daily(3)], Policy(last=2), now=NOW, zone=UTC)
    assert ages(decision.ignored) == [99]
    assert sorted(kept(decision)) == [0, 1]


def test_a_wrong_clock_decides_nothing() -> None:
    """With a clock more than a day behind the newest snapshot nothing is decided, unless the owner vouches for it."""
    late = NOW - timedelta(days=1, seconds=1)
    with pytest.raises(ClockDoubtful) as caught:
        decide(daily(3), Policy(last=1), now=late, zone=UTC)
    assert caught.value.newest == NOW.isoformat()
    assert ages(decide(daily(9), Policy(last=1), now=late, zone=UTC, clock_confirmed=True).ignored) == [0, 1]
    decide(daily(3), Policy(last=1), now=late + timedelta(seconds=1), zone=UTC)


def test_a_naive_time_is_refused() -> None:
    """`now` without a zone is a mistake of the caller."""
    with pytest.raises(ValueError, match="2024"):
        decide([], Policy(), now=NOW.replace(tzinfo=None), zone=UTC)


def test_negative_counts_are_refused() -> None:
    """A count below ALL is a mistake: restic 0.14 removes everything for it."""
    with pytest.raises(ValueError, match="weekly"):
        Policy(weekly=-2)


# Spans


@pytest.mark.parametrize("text", ["1y", "2m", "14d", "36h", "1y6m14d12h", "3d1h"])
def test_spans_are_written_as_they_are_read(text: str) -> None:
    """Parsing and writing a span gives the same text."""
    assert str(Span.parse(text)) == text


@pytest.mark.parametrize("text", ["", "d", "1", "1d1y", "-1d", "1.5d", "1w", "9999999999d"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Anything but years, months, days and hours in this order is refused."""
    with pytest.raises(ValueError, match=r".*"):
        Span.parse(text)


def test_a_month_before_the_31st_runs_over() -> None:
    """A day the month does not have runs over into the next month, as Go counts."""
    assert Span(months=1).before(datetime(2023, 3, 31, tzinfo=UTC), UTC) == datetime(2023, 3, 3, tzinfo=UTC)


def test_a_span_is_years_months_days_and_hours() -> None:
    """Each part reaches back by as much as it says."""
    newest = datetime(2024, 7, 15, 12, tzinfo=UTC)
    assert Span(1, 2, 3, 4).before(newest, UTC) == datetime(2023, 5, 12, 8, tzinfo=UTC)
    assert Span(months=7).before(newest, UTC) == datetime(2023, 12, 15, 12, tzinfo=UTC)


def test_a_span_beyond_the_calendar_reaches_everything() -> None:
    """A span of many thousand years is no error."""
    assert Span(years=99_999).before(NOW, UTC) == datetime.min.replace(tzinfo=UTC)
    assert Span(days=999_999).before(NOW, UTC) == datetime.min.replace(tzinfo=UTC)


# Properties

SPANS = st.builds(
    Span, st.integers(0, 2), st.integers(0, 15), st.integers(0, 40), st.one_of(st.just(0), st.integers(0, 50))
)
COUNTS = st.integers(ALL, 4)
POLICIES = st.builds(
    Policy,
    *[COUNTS] * 6,
    *[st.one_of(st.just(Span()), SPANS)] * 6,
    tags=st.lists(st.lists(st.sampled_from(["a", "b", ""]), max_size=2).map(tuple), max_size=2).map(tuple),
)
TIMES = st.one_of(
    st.datetimes(datetime(2019, 1, 1), datetime(2024, 7, 2, 11), timezones=st.just(UTC)),  # noqa: DTZ001 - a zone is added
    st.integers(0, 200).map(lambda hours: NOW - timedelta(hours=hours)),
)


@st.composite
def snapshot_sets(draw: st.DrawFn) -> list[Snapshot]:
    times = draw(st.lists(TIMES, max_size=30))
    return [
        snapshot(
            time,
            number,
            host=draw(st.sampled_from(["a", "b"])),
            tags=tuple(draw(st.sets(st.sampled_from(["a", "b"]), max_size=2))),
        )
        for number, time in enumerate(times)
    ]


@given(snapshot_sets(), POLICIES, st.integers(0, 3), st.sets(st.integers(0, 30)), st.data())
def test_the_promises_hold(
    snapshots: list[Snapshot], policy: Policy, least: int, good: set[int], data: st.DataObject
) -> None:
    """Nothing is lost or doubled, no group is emptied, the newest verified, the future and the pinned ones stay."""
    verified = data.draw(st.sampled_from([None, {f"{number:064x}" for number in good}]))
    pinned = {f"{number:064x}": "pinned" for number in data.draw(st.sets(st.integers(0, 30), max_size=2))}
    decision = decide(snapshots, policy, now=NOW, zone=UTC, verified=verified, least_verified=least, pinned=pinned)
    everything = ages([one.snapshot for one in decision.keep]) + ages(decision.forget) + ages(decision.ignored)
    assert sorted(everything) == list(range(len(snapshots)))
    assert not set(pinned) & {one.id for one in decision.forget}
    assert all(one.time <= NOW for one in decision.forget)
    for group in decision.groups:
        present = [one.snapshot for one in group.keep]
        assert present or not group.forget
        if group.forget and verified is not None:
            sound = [one for one in present if one.id in verified]
            gone = [one for one in group.forget if one.id in verified]
            assert len(sound) >= least
            newer = [one for one in sound if all(one.time >= lost.time for lost in gone)]
            assert len(newer) >= least or not gone
    if not policy:
        assert not decision.forget


@given(snapshot_sets(), POLICIES, st.randoms())
def test_the_order_of_the_list_does_not_matter(snapshots: list[Snapshot], policy: Policy, rng: random.Random) -> None:
    """However the snapshots are listed, the decision is the same."""
    shuffled = list(snapshots)
    rng.shuffle(shuffled)
    assert decide(snapshots, policy, now=NOW, zone=UTC) == decide(shuffled, policy, now=NOW, zone=UTC)


@given(snapshot_sets(), POLICIES)
def test_deciding_again_forgets_nothing_more_of_last_and_tags(snapshots: list[Snapshot], policy: Policy) -> None:
    """What a decision by counts and tags keeps, the same decision keeps again: retention does not creep."""
    policy = replace(policy, **{field.name: Span() for field in fields(Policy) if field.name.startswith("within")})
    first = decide(snapshots, policy, now=NOW, zone=UTC)
    again = decide([one.snapshot for one in first.keep] + first.ignored, policy, now=NOW, zone=UTC)
    assert not again.forget


@given(snapshot_sets(), POLICIES, st.integers(0, 30))
def test_future_snapshots_change_nothing_for_the_others(snapshots: list[Snapshot], policy: Policy, hours: int) -> None:
    """Adding one dated in the future changes the fate of no other."""
    added = snapshot(NOW + timedelta(hours=hours % 24, seconds=1), 999, host="a")
    before = decide(snapshots, policy, now=NOW, zone=UTC)
    after = decide([*snapshots, added], policy, now=NOW, zone=UTC)
    assert ages(after.forget) == ages(before.forget)
    assert 999 in ages(after.ignored)


# The real restic

COUNTED = ("last", "hourly", "daily", "weekly", "monthly", "yearly")
WORDS = {f"{rule} snapshot": rule for rule in COUNTED} | {f"oldest {rule} snapshot": rule for rule in COUNTED}


def _our_word(text: str) -> str:
    if text.startswith("has tags"):
        return "tag"
    if text.startswith("within"):
        return "within"
    if " within " in text:
        return "within-" + text.split(maxsplit=1)[0]
    return WORDS[text]


def _options(policy: Policy) -> list[str]:
    options = []
    for field in fields(policy):
        value = getattr(policy, field.name)
        option = f"--keep-{field.name.replace('_', '-')}"
        if field.name == "tags":
            options += [part for tags in value for part in ("--keep-tag", ",".join(tags))]
        elif value:
            options += [option, str(value)]
    return options


def _restic_groups(program: str, folder: Path, arguments: list[str]) -> list[dict[str, list[dict[str, object]] | None]]:
    run = subprocess.run(
        [program, "-r", str(folder), "forget", "--dry-run", "--json", "--no-cache", *arguments],
        capture_output=True,
        text=True,
        check=True,
        env={"RESTIC_PASSWORD": "x", "PATH": "/usr/bin:/bin", "TZ": "UTC", "HOME": str(folder.parent)},
    )
    groups: list[dict[str, list[dict[str, object]] | None]] = json.loads(run.stdout)
    return groups


def _fills_left_over_places(program: str) -> bool:
    """Say whether this restic keeps the oldest snapshot where places are left over: 0.16 and later do."""
    version = subprocess.run([program, "version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return tuple(int(part) for part in version.split(".")[:2]) >= (0, 16)


def _random_policy(rng: random.Random) -> Policy:
    names = ["last", "hourly", "daily", "weekly", "monthly", "yearly"]
    counts = {name: rng.choice([0, 0, 1, 2, 3, 7]) for name in names}
    within = {
        f"within{name}": Span(rng.choice([0, 0, 1]), rng.choice([0, 1, 5]), rng.randrange(40), rng.randrange(30))
        for name in ["", "_hourly", "_daily", "_weekly", "_monthly", "_yearly"]
        if rng.random() < 0.25
    }
    tags = rng.choice([(), (), (("a",),), (("a", "b"), ("c",))])
    policy = Policy(**counts, **within, tags=tags)
    return policy or Policy(last=1)


def _random_times(rng: random.Random, zone: tzinfo) -> list[datetime]:
    step = rng.choice([timedelta(minutes=17), timedelta(hours=7), timedelta(days=1), timedelta(days=23)])
    newest = datetime(2023, rng.randrange(1, 13), rng.randrange(1, 29), rng.randrange(24), tzinfo=zone)
    jitter = rng.choice([0, 3600, 86_400])
    return [
        newest - step * number - timedelta(seconds=rng.randrange(jitter + 1)) for number in range(rng.randrange(1, 25))
    ]


@pytest.mark.restic
@pytest.mark.parametrize("zone", [UTC, INDIA], ids=["utc", "india"])
def test_restic_decides_the_same(restic: str, tmp_path: Path, zone: tzinfo) -> None:
    """On generated sets and policies the real restic keeps the same snapshots for the same reasons."""
    rng = random.Random(5)
    folder = tmp_path / "repository"
    folder.mkdir()
    saved = []
    with LocalStore(folder) as store:
        repo = Repository.create(store, "x", now=NOW, cost=KdfParameters(n=2, r=1))
        for host in range(12):
            for time in dict.fromkeys(_random_times(rng, zone)):
                tags = tuple(tag for tag in "abc" if rng.random() < 0.3)
                one = Snapshot(time=time, tree=bytes(32), paths=("/till",), hostname=f"till{host}", tags=tags)
                saved.append(snapshot_files.save(repo, one))
    emptied, exact = 0, _fills_left_over_places(restic)
    for _ in range(12):
        policy = _random_policy(rng)
        decision = decide(saved, policy, now=NOW, zone=zone, least_verified=0)
        ours = {one.snapshot.id: set(one.reasons) for one in decision.keep}
        theirs: dict[object, set[str]] = {}
        for group in _restic_groups(restic, folder, _options(policy)):
            if not group["keep"]:  # here, and only here, we differ on purpose
                emptied += 1
                newest = max(group["remove"] or [], key=lambda one: str(one["time"]))
                theirs[newest["id"]] = {"only"}
            for one, reason in zip(group["keep"] or [], group["reasons"] or [], strict=True):
                theirs[one["id"]] = {_our_word(str(word)) for word in reason["matches"]}
            everything = (group["keep"] or []) + (group["remove"] or [])
            oldest = min(everything, key=lambda one: str(one["time"]))["id"]
            if not exact and ours.get(str(oldest), set()) - theirs.get(oldest, set()) <= set(COUNTED):
                assert theirs.get(oldest, set()) <= ours.get(str(oldest), set())
                ours.pop(str(oldest), None)
                theirs.pop(oldest, None)
        assert ours == theirs, policy
    assert emptied < 12 * 12
