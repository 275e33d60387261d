"""When a schedule runs: five fields of cron, checked and said in words, and what a change of clocks does to them.

minute, hour, day of month, month, day of week: each `*`, a number, a range or a list, with `/step`; months and days by name too.
Both kinds of day must match, as Temporal has it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
EXAMPLE = 'write minute, hour, day of month, month and day of week, as in "0 22 * * 1-5"'
MOST_TIMES = 4
"""Times of day that are worth listing."""
YEAR_DAYS = 366


@dataclass(frozen=True, slots=True)
class Field:
    """What may stand in one place."""

    name: str
    least: int
    most: int
    names: Mapping[str, int]


FIELDS = (
    Field("minute", 0, 59, {}),
    Field("hour", 0, 23, {}),
    Field("day of month", 1, 31, {}),
    Field("month", 1, 12, {name[:3].lower(): number for number, name in enumerate(MONTHS, 1)}),
    Field("day of week", 0, 7, {name[:3].lower(): number for number, name in enumerate(DAYS)}),
)


@dataclass(frozen=True, slots=True)
class Cron:
    """The numbers that each field stands for, ascending; days of the week count from Sunday, 0."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]

    def on(self, day: date) -> bool:
        """Whether it runs on that day at all."""
        return day.day in self.days and day.month in self.months and day.isoweekday() % 7 in self.weekdays

    @property
    def times(self) -> Iterator[time]:
        """Every time of such a day."""
        return (time(hour, minute) for hour in self.hours for minute in self.minutes)


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A time of the schedule that a change of clocks takes away, or brings twice."""

    at: datetime
    """Local time, without zone."""
    twice: bool


def parse(text: str) -> Cron:
    """Read a cron expression. Raises ValueError, with what to write instead."""
    words = SHORTHANDS.get(text.strip().lower(), text).split()
    if len(words) != len(FIELDS):
        raise ValueError(f"cron {text!r} has {len(words)} fields, and five are needed; {EXAMPLE}")
    minutes, hours, days, months, weekdays = (_numbers(field, word) for field, word in zip(FIELDS, words, strict=True))
    found = Cron(" ".join(words), minutes, hours, days, months, tuple(sorted({day % 7 for day in weekdays})))
    if not any(_exists(month, day) for month in found.months for day in found.days):
        raise ValueError(f"cron {text!r} names a day that no month has; {EXAMPLE}")
    return found


def in_words(cron: Cron) -> str:
    """`every day at 22:00`; what would take too many words stays cron."""
    if len(cron.hours) * len(cron.minutes) > MOST_TIMES:
        if len(cron.hours) == 24 and len(cron.minutes) == 1 and _plain(cron) and len(cron.weekdays) == 7:
            return f"every hour at minute {cron.minutes[0]}"
        return f"at cron {cron.text!r}"
    times = _listed([f"{each:%H:%M}" for each in cron.times])
    if _plain(cron):
        return f"{_weekdays(cron.weekdays)} at {times}"
    if len(cron.weekdays) == 7 and len(cron.months) == 12 and len(cron.days) <= MOST_TIMES:
        return f"on day {_listed([str(day) for day in cron.days])} of every month at {times}"
    return f"at cron {cron.text!r}"


def clock_changes(cron: Cron, zone: tzinfo, first: date) -> Sequence[ClockChange]:
    """What the year from `first` on has in store for its times. Cost: days, and the times of days that clocks change on."""
    days = (first + timedelta(days=offset) for offset in range(YEAR_DAYS))
    changing = [day for day in days if cron.on(day) and _offset(day, zone) != _offset(day + timedelta(days=1), zone)]
    found = (_change(datetime.combine(day, each), zone) for day in changing for each in cron.times)
    return [change for change in found if change is not None]


def changes_clocks(zone: tzinfo, first: date) -> bool:
    """Whether its clocks change within a year."""
    return len({_offset(first + timedelta(days=offset), zone) for offset in range(YEAR_DAYS)}) > 1


def _numbers(field: Field, word: str) -> tuple[int, ...]:
    found: set[int] = set()
    for part in word.split(","):
        found.update(_range(field, part))
    return tuple(sorted(found))


def _range(field: Field, part: str) -> range:
    matched = re.fullmatch(r"(?:\*|(?P<from>\w+)(?:-(?P<to>\w+))?)(?:/(?P<step>\d+))?", part, re.ASCII)
    if matched is None:
        raise ValueError(f"cron: {field.name} {part!r} can't be read; {EXAMPLE}")
    step = int(matched["step"] or 1)
    if step == 0:
        raise ValueError(f"cron: {field.name} {part!r} steps by 0; give a step of 1 or more")
    if matched["from"] is None:
        return range(field.least, field.most + 1, step)
    least = _number(field, matched["from"])
    most = _number(field, matched["to"]) if matched["to"] else field.most if matched["step"] else least
    if most < least:
        raise ValueError(
            f"cron: {field.name} {part!r} ends before it begins; write two ranges: {least}-{field.most},{_start(field, most)}"
        )
    return range(least, most + 1, step)


def _number(field: Field, word: str) -> int:
    number = int(word) if word.isdecimal() else field.names.get(word.lower(), -1)
    if not field.least <= number <= field.most:
        names = f", or {_listed(list(field.names), 'to', ends=True)}" if field.names else ""
        raise ValueError(f"cron: {field.name} {word!r} does not exist; give {field.least} to {field.most}{names}")
    return number


def _start(field: Field, most: int) -> str:
    return f"{field.least}-{most}" if most > field.least else str(field.least)


def _exists(month: int, day: int) -> bool:
    return day <= (29 if month == 2 else 30 if month in {4, 6, 9, 11} else 31)


def _plain(cron: Cron) -> bool:
    return len(cron.days) == 31 and len(cron.months) == 12


def _weekdays(days: Sequence[int]) -> str:
    if len(days) == 7:
        return "every day"
    first, last = days[0], days[-1]
    if len(days) > 2 and last - first == len(days) - 1:
        return f"{DAYS[first]} to {DAYS[last]}"
    return f"every {_listed([DAYS[day] for day in days])}"


def _listed(words: Sequence[str], last: str = "and", *, ends: bool = False) -> str:
    """`a, b and c`; of `ends`, only the first and the last."""
    if ends:
        return f"{words[0]} {last} {words[-1]}"
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _offset(day: date, zone: tzinfo) -> timedelta | None:
    return datetime.combine(day, time(), zone).utcoffset()


def _change(at: datetime, zone: tzinfo) -> ClockChange | None:
    early, late = at.replace(tzinfo=zone, fold=0), at.replace(tzinfo=zone, fold=1)
    if early.utcoffset() == late.utcoffset():
        return None
    exists = early.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == at
    return ClockChange(at, twice=exists)
