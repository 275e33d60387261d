"""How counts change by themselves, by the clock or with one another, and how far they may go."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, NamedTuple, Self

from pydantic import Field, field_validator, model_validator

from specs.cron import parse
from specs.members import MOST_REPLICAS, Group, Member, Part, Replicas
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


class Limit(Spec):
    """How far a count may go, whoever sets it."""

    path: Part
    """copies, or a role or group: decode, prefill/worker; in every copy and replica."""
    min: Replicas = 0
    """No fewer."""
    max: Replicas = MOST_REPLICAS
    """No more."""

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"the limit of {self.path} has min {self.min} above max {self.max}; lower min or raise max")
        return self

    def drawn(self, count: int) -> int:
        """The nearest count that is allowed."""
        return min(max(count, self.min), self.max)


Ratio = Annotated[Mapping[Name, Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)]], Field(min_length=2, max_length=8)]

Skew = Annotated[int, Field(strict=True, ge=1, le=MOST_REPLICAS)] | Annotated[str, Field(pattern=r"^([1-9][0-9]?|100)%$")]


class Scaling(Spec):
    """How counts change by themselves, and how far they may go."""

    schedules: Annotated[tuple[ScaleSchedule, ...], Field(max_length=32)] = ()
    """Counts by the clock; Espalier keeps a Temporal Schedule for each."""
    ratios: Annotated[tuple[Ratio, ...], Field(max_length=16)] = ()
    """Members at the top that grow and shrink together: {prefill: 1, decode: 2}. Scale one, and the others follow, rounded up."""
    limits: Annotated[tuple[Limit, ...], Field(max_length=64)] = ()
    """How far counts may go; a request beyond is refused, a follower is kept within."""
    max_skew: Skew | None = None
    """By how much members of a ratio may be apart while they grow: so many times the ratio ahead of what of the others is Ready,
    or a share of the way: 1, or 25%. When left out: any."""

    def limit(self, path: str) -> Limit:
        """Of a declared path."""
        return next((each for each in self.limits if each.path == path), Limit(path=path))


def check_scaling(scaling: Scaling, copies: int, members: tuple[Member, ...]) -> None:
    """Refuse what could never be. What may come true later, such as an index, is left to the run."""
    known = {COPIES: _Known(copies, 0), **dict(_known(members, ""))}
    _check_unique("schedules", [schedule.name for schedule in scaling.schedules])
    _check_unique("limits", [limit.path for limit in scaling.limits])
    for schedule in scaling.schedules:
        for path, count in schedule.counts.items():
            _check_count(schedule.name, path, count, known, scaling)
    for limit in scaling.limits:
        _check_limit(limit, known)
    _check_ratios(scaling.ratios, [member.name for member in members])
    if scaling.max_skew is not None and not scaling.ratios:
        raise ValueError("scaling.maxSkew is about members of a ratio, and there is none; name those in scaling.ratios")


def _check_unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"scaling has two {what} named {name!r}; keep one of them, or rename it")


class _Known(NamedTuple):
    """What the template says of a part."""

    replicas: int
    minimum: int


def _known(members: tuple[Member, ...], above: str) -> Iterator[tuple[str, _Known]]:
    for member in members:
        path = f"{above}/{member.name}" if above else member.name
        yield path, _Known(member.replicas, member.minimum)
        if isinstance(member, Group):
            yield from _known(member.members, path)


def _check_count(name: str, path: str, count: int, known: Mapping[str, _Known], scaling: Scaling) -> None:
    plain = "/".join(step for step in path.split("/") if not step.isdecimal())
    if plain not in known:
        raise ValueError(f"schedule {name!r} sets {path!r}, which is no part of this system{_near(plain, known)}")
    if count < known[plain].minimum:
        remedy = "set as many, or lower minAvailable"
        raise ValueError(f"schedule {name!r} sets {path} to {count}, and its minAvailable is {known[plain].minimum}; {remedy}")
    limit = scaling.limit(plain)
    if count != limit.drawn(count):
        between = f"its limits are {limit.min} and {limit.max}"
        raise ValueError(f"schedule {name!r} sets {path} to {count}, and {between}; set one between them, or change the limit")


def _check_limit(limit: Limit, known: Mapping[str, _Known]) -> None:
    path = limit.path
    if path not in known:
        raise ValueError(f"scaling limits {path!r}, which is no part of this system{_near(path, known)}")
    if limit.max < known[path].minimum:
        raise ValueError(f"{path} may be {limit.max} at most, and its minAvailable is {known[path].minimum}; raise max to that")
    if (count := known[path].replicas) != limit.drawn(count):
        remedy = "let replicas begin between them"
        raise ValueError(f"{path} begins with {count}, and its limits are {limit.min} and {limit.max}; {remedy}")


def _check_ratios(ratios: tuple[Ratio, ...], members: list[str]) -> None:
    named = [name for ratio in ratios for name in ratio]
    for name in named:
        if name not in members:
            raise ValueError(f"scaling has a ratio for {name!r}, which is no member at the top{_near(name, members)}")
        if named.count(name) > 1:
            raise ValueError(f"{name!r} is in two ratios of scaling; let one ratio name all that go together")


def _near(path: str, known: Iterable[str]) -> str:
    return did_you_mean(path, known) or f"; its parts are: {', '.join(list(known)[:12])}"
