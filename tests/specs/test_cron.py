"""Cron: read, refused with a remedy, said in words, and what changes of clocks do to it."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from specs.cron import Cron, changes_clocks, clock_changes, in_words, parse

#        cron                    in words
WORDS = {
    "0 22 * * *":                "every day at 22:00",
    "5 6,22 * * *":              "every day at 06:05 and 22:05",
    "0 22 * * 1-5":              "Monday to Friday at 22:00",
    "0 22 * * mon-fri":          "Monday to Friday at 22:00",
    "30 3 * * sun":              "every Sunday at 03:30",
    "30 3 * * 7":                "every Sunday at 03:30",
    "0 8 * * MON,wed":           "every Monday and Wednesday at 08:00",
    "0 0 1,15 * *":              "on day 1 and 15 of every month at 00:00",
    "5 * * * *":                 "every hour at minute 5",
    "@daily":                    "every day at 00:00",
    "@hourly":                   "every hour at minute 0",
    "*/5 8-18 * * *":            "at cron '*/5 8-18 * * *'",
    "5 * * * 1":                 "at cron '5 * * * 1'",
    "0 0 1 jan *":               "at cron '0 0 1 jan *'",
    "0 0 1 * 1":                 "at cron '0 0 1 * 1'",
}  # fmt: skip

#       cron                      what is said
BAD = {
    "":                          ("0 fields", 'as in "0 22 * * 1-5"'),
    "0 22":                      ("2 fields", 'as in "0 22 * * 1-5"'),
    "0 0 22 * * * 2027":         ("7 fields", "five are needed"),
    "@every 5m":                 ("2 fields", "five are needed"),
    "60 * * * *":                ("minute '60'", "give 0 to 59"),
    "0 24 * * *":                ("hour '24'", "give 0 to 23"),
    "0 0 0 * *":                 ("day of month '0'", "give 1 to 31"),
    "0 0 * 13 *":                ("month '13'", "give 1 to 12, or jan to dec"),
    "0 0 * * 8":                 ("day of week '8'", "give 0 to 7, or sun to sat"),
    "0 0 * * monday":            ("day of week 'monday'", "sun to sat"),
    "0 0 L * *":                 ("day of month 'L'", "give 1 to 31"),
    "0 0 ? * *":                 ("day of month '?'", "can't be read"),
    "-1 0 * * *":                ("minute '-1'", "can't be read"),
    "0 1,,2 * * *":              ("hour ''", "can't be read"),
    "*/0 * * * *":               ("minute '*/0'", "a step of 1 or more"),
    "0 22-4 * * *":              ("hour '22-4' ends before it begins", "22-23,0-4"),
    "0 ٣ * * *":                 ("hour '٣'", "can't be read"),
    "0 0 31 2,4 *":              ("a day that no month has",),
}  # fmt: skip


@pytest.mark.parametrize(("text", "words"), WORDS.items(), ids=WORDS)
def test_said_in_words(text: str, words: str) -> None:
    assert in_words(parse(text)) == words


@pytest.mark.parametrize(("text", "words"), BAD.items(), ids=BAD)
def test_what_is_no_cron_is_refused_with_a_remedy(text: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cron") as refusal:
        parse(text)
    assert [word for word in words if word not in str(refusal.value)] == []


def test_every_field_is_a_set_of_numbers() -> None:
    found = parse("*/20 1-7/3,9 5 * 5-7")
    numbers = (found.minutes, found.hours, found.days, found.months, found.weekdays)
    assert numbers == ((0, 20, 40), (1, 4, 7, 9), (5,), tuple(range(1, 13)), (0, 5, 6))
    assert parse("5/20 * * * *").minutes == (5, 25, 45)


def test_both_kinds_of_day_must_match() -> None:
    first_if_monday = parse("0 0 1 * 1")
    assert first_if_monday.on(date(2027, 11, 1))
    assert not first_if_monday.on(date(2027, 10, 1))
    assert not first_if_monday.on(date(2027, 11, 8))


NIGHT, SMALL_HOURS, HALF_PAST_ONE = parse("0 22 * * *"), parse("30 2 * * *"), parse("30 1 * * *")
#                            cron           zone                what the year from 2026-11-28 has in store
CLOCKS: dict[str, tuple[Cron, str, list[str]]] = {
    "at night nothing":      (NIGHT,         "Europe/Berlin",    []),
    "Berlin at 02:30":       (SMALL_HOURS,   "Europe/Berlin",    ["gone 2027-03-28 02:30", "twice 2027-10-31 02:30"]),
    "New York at 02:30":     (SMALL_HOURS,   "America/New_York", ["gone 2027-03-14 02:30"]),
    "New York at 01:30":     (HALF_PAST_ONE, "America/New_York", ["twice 2027-11-07 01:30"]),
    "half an hour at 01:45": (parse("45 1 * * *"), "Australia/Lord_Howe", ["twice 2027-04-04 01:45"]),
    "nothing on Mondays":    (parse("30 2 * * 1"), "Europe/Berlin", []),
    "UTC has one clock":     (SMALL_HOURS,   "UTC",              []),
}  # fmt: skip


@pytest.mark.parametrize(("cron", "zone", "changes"), CLOCKS.values(), ids=CLOCKS)
def test_what_changes_of_clocks_do(cron: Cron, zone: str, changes: list[str]) -> None:
    found = clock_changes(cron, ZoneInfo(zone), date(2026, 11, 28))
    assert [f"{'twice' if each.twice else 'gone'} {each.at:%Y-%m-%d %H:%M}" for each in found] == changes


def test_whose_clocks_change() -> None:
    first = date(2026, 11, 28)
    assert [changes_clocks(ZoneInfo(zone), first) for zone in ("Europe/Berlin", "UTC", "Asia/Tokyo")] == [True, False, False]
