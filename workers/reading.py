"""Words of a schedule as they are typed: when, whose clock, how late. What can't be read is bad usage, with a remedy."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo, available_timezones

from specs.cron import parse
from specs.strict import did_you_mean
from workers.failure import bad_usage

UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1)}
LEAST_S, MOST_S = 10.0, 86_400.0
"""How late a run may be: Temporal takes no less, and what is a day late belongs to the next day."""


def cron_of(text: str) -> str:
    """Five fields, as Temporal takes them."""
    try:
        return parse(text).text
    except ValueError as error:
        raise bad_usage(str(error)) from None


def zone_of(name: str) -> str:
    """The name of a time zone, as the tz database has it. Where there is none, Temporal says what it does not know."""
    known = available_timezones()
    if known and name not in known:
        near = did_you_mean(name, known) or _by_city(name, known)
        raise bad_usage(f"{name!r} is no time zone{near or '; name a city of it'}", "Write it as Europe/Berlin, or UTC")
    return name


def zone(name: str) -> ZoneInfo | None:
    """The zone itself; None where the tz database does not have it."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def seconds_of(text: str) -> float:
    """`10m` -> 600."""
    matched = re.fullmatch(r"(\d{1,6})([smh])", text, re.ASCII)
    seconds = (int(matched[1]) * UNITS[matched[2]]).total_seconds() if matched else 0.0
    if not LEAST_S <= seconds <= MOST_S:
        raise bad_usage(f"--catch-up {text!r} is no time from 10s to 24h", "Write a number and s, m or h, as in: --catch-up 10m")
    return seconds


def name_of(text: str) -> str:
    """The name of a schedule: as those of systems."""
    if not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", text):
        raise bad_usage(f"{text!r} can't name a schedule", "Use lower-case letters, digits and dashes, starting with a letter")
    return text


def _by_city(name: str, known: set[str]) -> str:
    city = name.rpartition("/")[2].replace(" ", "_").lower()
    near = sorted(each for each in known if each.rpartition("/")[2].lower() == city)
    return f"; did you mean {near[0]!r}?" if near else ""
