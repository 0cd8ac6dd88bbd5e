r"""Jobs: what is saved to which destination, when it starts by itself, what is kept, and how much is looked at again.

::

    closed = ["sunday", "2026-12-24..2027-01-06"]     # no backup is due, and none is missed

    [jobs.stick]
    sources = ["C:\\Till"]
    destination = "red"
    exclude = ["*.tmp"]                # as in a .gitignore file
    exclude_larger_than = "2GB"
    enabled = true
    stale_after = 2                    # open days without a backup until the icon warns
    [jobs.stick.schedule]
    at = ["12:30", "19:00"]
    days = ["monday", "friday"]        # of "at"; without it, every day
    at_start = true                    # once a day, when the program starts
    plugged_in = "daily"               # when the drive is plugged in: "never", "daily", "always"
    after_program = ["pos.exe"]        # when the till program closes
    [jobs.stick.keep]                  # without it, 7 daily, 5 weekly, 12 monthly, 7 yearly; empty: everything
    daily = 7
    [jobs.stick.check]
    percent = 2                        # of the data is read back after a run, another part each time,
    days = 7                           # this often
"""

import os
from dataclasses import asdict, dataclass, field, fields
from datetime import time
from enum import Enum
from pathlib import PureWindowsPath

from traybackup.app.opendays import WEEKDAYS
from traybackup.app.reading import Reader, Table
from traybackup.app.units import parse_size

EVERY_DAY = frozenset(range(7))

_FIELDS = (
    "sources",
    "destination",
    "exclude",
    "exclude_larger_than",
    "exclude_caches",
    "one_file_system",
    "enabled",
    "stale_after",
    "schedule",
    "keep",
    "check",
)
_SCHEDULE = ("at", "days", "at_start", "plugged_in", "after_program")
_MOST_KEPT = 100_000


class Plugged(Enum):
    """Whether a run starts when the drive is plugged in."""

    NEVER = "never"
    DAILY = "daily"
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a job starts by itself.

    Attributes:
        at: Times of the day, sorted, on the shop's wall.
        days: Of *at*; Monday is 0.
        at_start: Once a day, when the program starts.
        plugged: When the drive is plugged in.
        programs: When one of these closes; names of executables.
    """

    at: tuple[time, ...] = ()
    days: frozenset[int] = EVERY_DAY
    at_start: bool = False
    plugged: Plugged = Plugged.NEVER
    programs: tuple[str, ...] = ()

    @property
    def by_hand(self) -> bool:
        """Nothing starts it but somebody."""
        return not (self.at or self.at_start or self.programs or self.plugged is not Plugged.NEVER)

    @property
    def widest_gap(self) -> int:
        """How many days may pass from one run to the next when all goes well."""
        if not self.at or self.at_start or self.programs or self.plugged is not Plugged.NEVER:
            return 1
        days = sorted(self.days)
        return max((later - earlier - 1) % 7 + 1 for earlier, later in zip(days, [*days[1:], days[0]], strict=True))


@dataclass(frozen=True, slots=True)
class Keep:
    """How many snapshots stay: the newest of each of the last so many days, weeks, months, years. All 0: every one."""

    last: int = 0
    hourly: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def __bool__(self) -> bool:
        return any(asdict(self).values())


STANDARD = Keep(daily=7, weekly=5, monthly=12, yearly=7)


@dataclass(frozen=True, slots=True)
class Checking:
    """How much of the data is read back after a run, and how often: *percent* every *days* days. 0: never."""

    percent: float = 2
    days: int = 7


@dataclass(frozen=True, slots=True)
class Job:
    """What is saved where, and when.

    Attributes:
        sources: Files and folders, absolute.
        destination: The name of one.
        larger_than: Files of more bytes are left out; None: none are.
        stale_after: Open days without a backup until somebody should look; None: as the schedule suggests.
    """

    name: str
    sources: tuple[str, ...]
    destination: str
    schedule: Schedule = field(default_factory=Schedule)
    keep: Keep = STANDARD
    checking: Checking = field(default_factory=Checking)
    exclude: tuple[str, ...] = ()
    larger_than: int | None = None
    exclude_caches: bool = False
    one_file_system: bool = False
    enabled: bool = True
    stale_after: int | None = None

    @property
    def limit(self) -> int:
        """Open days without a backup until somebody should look."""
        return self.stale_after if self.stale_after is not None else self.schedule.widest_gap + 1


def read(reader: Reader, name: str, table: Table) -> Job:
    """Understand the table of a job.

    Raises:
        ConfigInvalid: A field cannot be right.
    """
    path = f"jobs.{name}"
    reader.known(path, table, _FIELDS)
    sources = reader.texts(f"{path}.sources", table.get("sources"), '["/srv/till"]')
    if not sources:
        reader.refuse(f"{path}.sources", '["/srv/till"]')
    for number, source in enumerate(sources, 1):
        if not os.path.isabs(source) and not PureWindowsPath(source).is_absolute():
            reader.refuse(f"{path}.sources.{number}", "/srv/till, C:\\Till")
    days = table.get("stale_after")
    return Job(
        name=name,
        sources=sources,
        destination=reader.text(f"{path}.destination", table.get("destination")),
        schedule=_schedule(reader, f"{path}.schedule", table.get("schedule", {})),
        keep=_keep(reader, f"{path}.keep", table["keep"]) if "keep" in table else STANDARD,
        checking=_checking(reader, f"{path}.check", table.get("check", {})),
        exclude=reader.texts(f"{path}.exclude", table.get("exclude", [])),
        larger_than=_size(reader, f"{path}.exclude_larger_than", table.get("exclude_larger_than")),
        exclude_caches=reader.flag(f"{path}.exclude_caches", table.get("exclude_caches", False)),
        one_file_system=reader.flag(f"{path}.one_file_system", table.get("one_file_system", False)),
        enabled=reader.flag(f"{path}.enabled", table.get("enabled", True)),
        stale_after=None if days is None else int(reader.number(f"{path}.stale_after", days, 1, 365)),
    )


def _schedule(reader: Reader, path: str, value: object) -> Schedule:
    table = reader.table(path, value)
    reader.known(path, table, _SCHEDULE)
    at = table.get("at", [])
    times = [reader.moment(f"{path}.at.{n}", one) for n, one in enumerate(at if isinstance(at, list) else [at], 1)]
    days = table.get("days", list(WEEKDAYS))
    chosen = [
        reader.choice(f"{path}.days.{n}", one, {day: number for number, day in enumerate(WEEKDAYS)})
        for n, one in enumerate(days if isinstance(days, list) else [days], 1)
    ]
    if not chosen:
        reader.refuse(f"{path}.days", ", ".join(WEEKDAYS))
    return Schedule(
        at=tuple(sorted(set(times))),
        days=frozenset(chosen),
        at_start=reader.flag(f"{path}.at_start", table.get("at_start", False)),
        plugged=reader.choice(
            f"{path}.plugged_in", table.get("plugged_in", "never"), {one.value: one for one in Plugged}
        ),
        programs=reader.texts(f"{path}.after_program", table.get("after_program", [])),
    )


def _keep(reader: Reader, path: str, value: object) -> Keep:
    table = reader.table(path, value)
    names = [one.name for one in fields(Keep)]
    reader.known(path, table, names)
    return Keep(**{name: int(reader.number(f"{path}.{name}", table[name], 0, _MOST_KEPT)) for name in table})


def _checking(reader: Reader, path: str, value: object) -> Checking:
    table = reader.table(path, value)
    reader.known(path, table, ("percent", "days"))
    usual = Checking()
    return Checking(
        reader.number(f"{path}.percent", table.get("percent", usual.percent), 0, 100, whole=False),
        int(reader.number(f"{path}.days", table.get("days", usual.days), 1, 365)),
    )


def _size(reader: Reader, path: str, value: object) -> int | None:
    if value is None:
        return None
    try:
        return parse_size(str(value) if type(value) in (str, int) else "?")
    except ValueError:
        reader.refuse(path, "500M, 2GB")


def table_of(job: Job) -> dict[str, object]:
    """Return the table that says *job*, without what goes without saying."""
    when, usual = job.schedule, Job("", (), "")
    schedule: dict[str, object] = {
        "at": [one.strftime("%H:%M") for one in when.at],
        "days": [WEEKDAYS[day] for day in sorted(when.days)] if when.days != EVERY_DAY else [],
        "at_start": when.at_start,
        "plugged_in": when.plugged.value if when.plugged is not Plugged.NEVER else "",
        "after_program": list(when.programs),
    }
    table: dict[str, object] = {"sources": list(job.sources), "destination": job.destination}
    optional: dict[str, object] = {
        "exclude": list(job.exclude),
        "exclude_larger_than": job.larger_than or 0,
        "exclude_caches": job.exclude_caches,
        "one_file_system": job.one_file_system,
        "stale_after": job.stale_after or 0,
        "schedule": {key: value for key, value in schedule.items() if value},
    }
    table |= {key: value for key, value in optional.items() if value}
    if not job.enabled:
        table["enabled"] = False
    if job.keep != usual.keep:
        table["keep"] = {key: value for key, value in asdict(job.keep).items() if value}
    if job.checking != usual.checking:
        table["check"] = asdict(job.checking)
    return table
