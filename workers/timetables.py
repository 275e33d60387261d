"""How schedules look on a terminal, and what is said of one in words."""

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from specs.cron import ClockChange, changes_clocks, clock_changes, parse
from workers.reading import zone
from workers.views import plain_table
from workflows.timetables import Ran, Timetable

STYLES = {"Completed": "green", "Failed": "red", "TimedOut": "red"}


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def schedules_table(found: Sequence[Timetable], at: datetime, *, wide: bool = False) -> RenderableType:
    """A line each: what it sets and when, its next and its last run; `wide`: all that is to be known about it in words too."""
    table = plain_table("SYSTEM", "NAME", "SET", "WHEN", "NEXT", "LAST", *(["IN WORDS"] if wide else []))
    for each in found:
        scheduled = each.scheduled
        system = f"{scheduled.ref.namespace}/{scheduled.ref.name}"
        words = [in_words(each, at)] if wide else []
        table.add_row(system, scheduled.name, scheduled.words, each.when, next_run(each), last_run(each), *words)
    return table


def in_words(found: Timetable, at: datetime) -> str:
    """One sentence: what, when, and what becomes of late, missed and strange times."""
    scheduled = found.scheduled
    parts = [
        f"{scheduled.words} {found.when}",
        f"next: {next_run(found)}",
        f"a run that is more than {duration(found.catch_up_s)} late, or due while the one before is at work, is skipped",
        *clocks_in_words(found, at),
        *(["declared in the manifest"] if found.declared else []),
    ]
    return "; ".join(parts)


def clocks_in_words(found: Timetable, at: datetime) -> Sequence[str]:
    """What the changes of clocks of the coming year do to its times."""
    where = zone(found.time_zone)
    if where is None or not found.cron or not changes_clocks(where, at.date()):
        return []
    changes = clock_changes(parse(found.cron), where, at.astimezone(where).date())
    if not changes:
        return ["it keeps to the local time when clocks change"]
    return [_said(each) for each in _first_of_each_kind(changes)]


def next_run(found: Timetable) -> str:
    """`2026-11-28 22:00 CET`."""
    if found.paused:
        return "paused"
    return local(found.next[0], found.time_zone) if found.next else "never"


def last_run(found: Timetable) -> Text:
    """When it was due, and how it went."""
    last = found.last
    if last is None:
        return Text("-")
    said = f": {last.message}" if last.message else ""
    return Text.assemble(f"{local(last.due, found.time_zone)} ", (outcome(last), STYLES.get(last.outcome, "")), said)


def outcome(last: Ran) -> str:
    """In a word."""
    return last.outcome or "forgotten by Temporal"


def local(at: datetime, time_zone: str) -> str:
    """On the schedule's own clock."""
    return f"{at.astimezone(zone(time_zone) or UTC):%Y-%m-%d %H:%M %Z}"


def duration(seconds: float) -> str:
    """`10 minutes`."""
    for unit, length in (("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % length == 0:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{seconds:g} seconds"


def _first_of_each_kind(changes: Sequence[ClockChange]) -> Sequence[ClockChange]:
    kinds = {each.twice: each for each in reversed(changes)}
    return sorted(kinds.values(), key=lambda each: each.at)


def _said(change: ClockChange) -> str:
    day, at = f"{change.at:%Y-%m-%d}", f"{change.at:%H:%M}"
    if change.twice:
        return f"on {day} clocks go back and {at} comes twice: it may run at either or at both"
    return f"on {day} clocks go forward and there is no {at}: it is skipped"
