"""Jobs in the configuration: read strictly, written back as they were read, named with their line when wrong."""

from dataclasses import fields, replace
from datetime import date, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traybackup.api.errors import ConfigInvalid, ConfigTooNew, DestinationUnknown, JobExists, JobUnknown
from traybackup.app import config, joblist, jobs
from traybackup.app.jobs import STANDARD, Checking, Job, Keep, Plugged, Schedule
from traybackup.app.opendays import OpenDays
from traybackup.app.paths import Paths
from traybackup.app.reading import Reader, line_of

FULL = r"""# our shop
version = 1
closed = ["sunday", 2026-12-24, "2026-12-31..2027-01-06"]

[runs]
start_delay = 0.5
memory = "1GiB"

[destinations.red]
provider = "folder"
settings = { path = "/media/anna/RED" }

[jobs.stick]   # the evening
sources = ["/srv/till", 'C:\Till']
destination = "red"
exclude = ["*.tmp"]
exclude_larger_than = "2GB"
exclude_caches = true
one_file_system = true
stale_after = 4

[jobs.stick.schedule]
at = ["19:00",
      "12:30"]
days = ["monday", "friday"]
at_start = true
plugged_in = "daily"     # once is enough
after_program = "pos.exe"

[jobs.stick.keep]
daily = 10

[jobs.stick.check]
percent = 2.5
"""

SMALL = Job("cloud", ("/srv/till",), "red")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "config", tmp_path / "state", tmp_path / "cache")


def write(paths: Paths, text: str = FULL) -> Path:
    file = config.file_of(paths)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8")
    return file


def test_everything_of_a_job_is_understood(paths: Paths) -> None:
    """Sources, destination, selection, schedule, retention and checks."""
    write(paths)
    found = config.load(paths)
    assert found.jobs["stick"] == Job(
        name="stick",
        sources=("/srv/till", "C:\\Till"),
        destination="red",
        schedule=Schedule((time(12, 30), time(19)), frozenset({0, 4}), True, Plugged.DAILY, ("pos.exe",)),
        keep=Keep(daily=10),
        checking=Checking(2.5, 7),
        exclude=("*.tmp",),
        larger_than=2_000_000_000,
        exclude_caches=True,
        one_file_system=True,
        stale_after=4,
    )
    assert found.open_days == OpenDays(
        frozenset({6}), ((date(2026, 12, 24), date(2026, 12, 24)), (date(2026, 12, 31), date(2027, 1, 6)))
    )
    assert (found.runs.start_delay, found.runs.hang_after, found.runs.memory) == (30, 1800, 1 << 30)


def test_what_goes_without_saying_need_not_be_said(paths: Paths) -> None:
    """A job of two lines runs by hand, keeps the usual number, and everything if its keep is empty."""
    write(paths, '[destinations.red]\nprovider = "folder"\n[jobs.a]\nsources = "/x"\ndestination = "red"\n')
    found = config.load(paths).jobs["a"]
    assert found == Job("a", ("/x",), "red")
    assert found.schedule.by_hand
    assert found.keep == STANDARD
    write(
        paths, '[destinations.red]\nprovider = "folder"\n[jobs.a]\nsources = "/x"\ndestination = "red"\n[jobs.a.keep]\n'
    )
    assert not config.load(paths).jobs["a"].keep


@pytest.mark.parametrize(
    ("old", "new", "path", "line"),
    [
        ('"2026-12-31..2027-01-06"', '"2026-12-31..2026-01-06"', "closed.3", 3),
        ('["sunday",', '["someday",', "closed.1", 3),
        ("start_delay = 0.5", "start_delay = -1", "runs.start_delay", 6),
        ('memory = "1GiB"', 'memory = "1"', "runs.memory", 7),
        ('"/srv/till", ', '"till", ', "jobs.stick.sources.1", 14),
        ("""["/srv/till", 'C:\\Till']""", "[]", "jobs.stick.sources", 14),
        ('destination = "red"', 'destination = "blue"', "jobs.stick.destination", 15),
        ('destination = "red"\n', "", "jobs.stick.destination", 13),
        ('["*.tmp"]', "[1]", "jobs.stick.exclude.1", 16),
        ('"2GB"', '"big"', "jobs.stick.exclude_larger_than", 17),
        ("exclude_caches = true", 'exclude_caches = "yes"', "jobs.stick.exclude_caches", 18),
        ("stale_after = 4", "stale_after = 0", "jobs.stick.stale_after", 20),
        ('"12:30"]', '"25:30"]', "jobs.stick.schedule.at.2", 23),
        ('"friday"]', '"Friday"]', "jobs.stick.schedule.days.2", 25),
        ('["monday", "friday"]', "[]", "jobs.stick.schedule.days", 25),
        ("at_start = true", "at_start = 1", "jobs.stick.schedule.at_start", 26),
        ('plugged_in = "daily"', 'plugged_in = "sometimes"', "jobs.stick.schedule.plugged_in", 27),
        ('after_program = "pos.exe"', "hour = 3", "jobs.stick.schedule.hour", 28),
        ("daily = 10", "daily = -1", "jobs.stick.keep.daily", 31),
        ("daily = 10", "dayly = 1", "jobs.stick.keep.dayly", 31),
        ("percent = 2.5", "percent = 101", "jobs.stick.check.percent", 34),
    ],
)
def test_a_wrong_field_is_named_with_its_line(paths: Paths, old: str, new: str, path: str, line: int) -> None:
    """Whoever edits by hand learns the field, where it stands, and what may stand there."""
    assert old in FULL
    file = write(paths, FULL.replace(old, new))
    with pytest.raises(ConfigInvalid) as caught:
        config.load(paths)
    error = caught.value
    assert (error.file, error.path, error.line) == (str(file), path, line)
    assert error.allowed


def test_a_line_is_found_however_the_field_is_written() -> None:
    """Dotted keys, inline tables, quoted names and text over several lines are all TOML."""
    text = 'a.b = 1\n"x.y" = { z = [1, 2] }\nt = """\n[a]\nc = 2\n"""\n[a.c]\nd = 1\n'
    assert [line_of(text, path) for path in ("a.b", "x.y", "x.y.z.2", "t", "a.c.d", "a.c.e", "q")] == [
        *(1, 2, 2, 3, 8, 7),
        0,
    ]


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,10}", fullmatch=True)
words = st.text(st.characters(exclude_categories=["C"]), min_size=1).filter(str.strip)
schedules = st.builds(
    Schedule,
    at=st.sets(st.builds(time, st.integers(0, 23), st.integers(0, 59))).map(lambda found: tuple(sorted(found))),
    days=st.frozensets(st.integers(0, 6), min_size=1),
    at_start=st.booleans(),
    plugged=st.sampled_from(Plugged),
    programs=st.lists(words, max_size=3).map(tuple),
)
any_job = st.builds(
    Job,
    name=names,
    sources=st.lists(words.map(lambda word: f"/{word}"), min_size=1, max_size=3).map(tuple),
    destination=st.just("red"),
    schedule=schedules,
    keep=st.builds(Keep, **{one.name: st.integers(0, 1000) for one in fields(Keep)}),
    checking=st.builds(Checking, percent=st.floats(0, 100), days=st.integers(1, 365)),
    exclude=st.lists(words, max_size=3).map(tuple),
    larger_than=st.none() | st.integers(1, 1 << 50),
    exclude_caches=st.booleans(),
    one_file_system=st.booleans(),
    enabled=st.booleans(),
    stale_after=st.none() | st.integers(1, 365),
)


@given(any_job)
def test_what_is_written_is_read_back(job: Job) -> None:
    """Every job that there can be says the same after it went through the file's table."""
    assert jobs.read(Reader(""), job.name, jobs.table_of(job)) == job


@given(schedules)
def test_a_schedule_is_stale_a_day_after_its_widest_gap(schedule: Schedule) -> None:
    """Without a wish, a warning comes when a whole gap and a day more have passed; daily jobs warn after two days."""
    job = Job("a", ("/x",), "red", schedule)
    assert 2 <= job.limit <= 8
    if len(schedule.days) == 7 or not schedule.at:
        assert job.limit == 2
    assert replace(job, stale_after=3).limit == 3


def test_jobs_are_added_changed_and_removed(paths: Paths) -> None:
    """What the owner wrote beside the change stays as it was, and the job reads back as it was given."""
    file = write(paths)
    assert joblist.add(paths, SMALL).job == SMALL
    changed = replace(config.load(paths).jobs["stick"], stale_after=None, keep=STANDARD)
    assert joblist.change(paths, changed).config.jobs == {"stick": changed, "cloud": SMALL}
    text = file.read_text("utf-8")
    for comment in ("# our shop", "# the evening", "# once is enough"):
        assert comment in text
    joblist.remove(paths, "cloud")
    assert list(config.load(paths).jobs) == ["stick"]


def test_a_change_that_cannot_be_is_refused(paths: Paths) -> None:
    """Names that are taken or unknown, places that are not there, fields that cannot be right: nothing is written."""
    file = write(paths)
    stick = config.load(paths).jobs["stick"]
    for error, act in [
        (JobExists, lambda: joblist.add(paths, stick)),
        (JobUnknown, lambda: joblist.change(paths, SMALL)),
        (JobUnknown, lambda: joblist.remove(paths, "cloud")),
        (JobUnknown, lambda: joblist.get(config.load(paths), "cloud")),
        (DestinationUnknown, lambda: joblist.add(paths, replace(SMALL, destination="blue"))),
        (DestinationUnknown, lambda: joblist.change(paths, replace(stick, destination="blue"))),
        (ConfigInvalid, lambda: joblist.add(paths, replace(SMALL, name="a b"))),
        (ConfigInvalid, lambda: joblist.add(paths, replace(SMALL, sources=("till",)))),
        (ConfigInvalid, lambda: joblist.change(paths, replace(stick, stale_after=1000))),
    ]:
        with pytest.raises(error):
            act()
    assert file.read_text("utf-8") == FULL


def test_a_slip_of_the_keyboard_does_not_stop_backups(paths: Paths) -> None:
    """While the file cannot be right, the newest earlier version that can is used, and the slip is told."""
    write(paths)
    joblist.add(paths, SMALL)
    joblist.remove(paths, "cloud")
    write(paths, FULL.replace('"2GB"', '"big"'))
    (paths.config / "config.1.toml").write_text("half a")
    found = config.load_or_earlier(paths)
    assert isinstance(found.problem, ConfigInvalid)
    assert list(found.config.jobs) == ["stick"]
    for file in paths.config.glob("config.?.toml"):
        file.unlink()
    assert config.load_or_earlier(paths).config == config.Config()
    write(paths)
    assert config.load_or_earlier(paths).problem is None


def test_what_a_newer_program_wrote_is_no_slip(paths: Paths) -> None:
    """Then no earlier version is used either: it would say what its owner has changed since."""
    write(paths)
    joblist.add(paths, SMALL)
    write(paths, "version = 2\n")
    found = config.load_or_earlier(paths)
    assert isinstance(found.problem, ConfigTooNew)
    assert not found.config.jobs
