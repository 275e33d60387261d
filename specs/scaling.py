"""How counts change by themselves: by the clock, for now."""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, field_validator

from specs.cron import parse
from specs.members import Group, Member, Replicas
from specs.strict import Name, Spec, did_you_mean

UNITS_S = {"s": 1, "m": 60, "h": 3600}
COPIES = "copies"


class ScaleSchedule(Spec):
    """Counts that are set at certain times."""

    name: Name
    """Its name, unique among the system's schedules."""
    cron: Annotated[str, Field(min_length=1, max_length=256)]
    """Minute, hour, day of month, month, day of week; both kinds of day must match."""
    time_zone: Annotated[str, Field(pattern=r"^[A-Za-z][-+A-Za-z0-9_/]*$", max_length=64)] = "UTC"
    """Whose clock that is: a name of the tz database, such as Europe/Berlin."""
    counts: Annotated[Mapping[str, Replicas], Field(alias="set", min_length=1, max_length=32)]
    """New counts by path, as `espalier scale` takes them: copies, decode, 0/decode."""
    catch_up: Annotated[str, Field(pattern=r"^([1-9][0-9]s|[1-9][0-9]{0,2}m|[1-9]h|1[0-9]h|2[0-4]h)$", max_length=5)] = "10m"
    """How late a run may come, 10s to 24h: 90s, 10m, 2h."""

    @field_validator("cron")
    @classmethod
    def _can_be_read(cls, text: str) -> str:
        parse(text)
        return text

    @property
    def catch_up_s(self) -> float:
        """Seconds."""
        return float(self.catch_up[:-1]) * UNITS_S[self.catch_up[-1]]


class Scaling(Spec):
    """How counts change by themselves."""

    schedules: Annotated[tuple[ScaleSchedule, ...], Field(max_length=32)] = ()
    """Counts by the clock; Espalier keeps a Temporal Schedule for each."""


def check_schedules(schedules: tuple[ScaleSchedule, ...], members: tuple[Member, ...]) -> None:
    """Refuse what could never be run. What may come true later, such as an index, is left to the run."""
    known = {COPIES: 0, **dict(_minimums(members, ""))}
    names = [each.name for each in schedules]
    for each in schedules:
        if names.count(each.name) > 1:
            raise ValueError(f"scaling has two schedules named {each.name!r}; give each a name of its own")
        for path, count in each.counts.items():
            _check_count(each.name, path, count, known)


def _check_count(name: str, path: str, count: int, known: Mapping[str, int]) -> None:
    plain = "/".join(step for step in path.split("/") if not step.isdecimal())
    if plain not in known:
        near = did_you_mean(plain, known) or f"; its parts are: {', '.join(list(known)[:12])}"
        raise ValueError(f"schedule {name!r} sets {path!r}, which is no part of this system{near}")
    if count < known[plain]:
        remedy = "set as many, or lower minAvailable"
        raise ValueError(f"schedule {name!r} sets {path} to {count}, and its minAvailable is {known[plain]}; {remedy}")


def _minimums(members: tuple[Member, ...], above: str) -> Iterator[tuple[str, int]]:
    for member in members:
        path = f"{above}/{member.name}" if above else member.name
        yield path, member.minimum
        if isinstance(member, Group):
            yield from _minimums(member.members, path)
