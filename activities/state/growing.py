"""Growing in step: members of a ratio get further replicas once those that they go with are Ready. Pure.

Like surge, these are counts for a while: placed as any replica that scaling adds. Nothing that has its place is taken away.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from activities.messages import Wait
from activities.state.blueprint import Blueprint
from activities.state.standing import Digest
from specs.counts import Counts, copies, count_of
from specs.scaling import Ratio
from specs.system import SystemSpec

IN_STEP = "InStep"


@dataclass(frozen=True)
class Growing:
    """How far each may grow for now."""

    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Of single instances, where that is less than what is wanted."""
    waits: tuple[Wait, ...] = ()


WHOLE = Growing()


@dataclass
class _Part:
    """A member of a ratio, in one copy."""

    exact: str
    share: int
    """What the ratio says of it."""
    wanted: int
    there: int
    ready: int

    @property
    def behind(self) -> bool:
        return self.ready < self.wanted


def growing(plan: Blueprint, found: Digest) -> Growing:
    """Nothing, at the cost of a glance, where nothing grows or nobody waits for another; else linear in pods."""
    spec = plan.system.spec
    skew = spec.scaling.max_skew
    if skew is None or not found.unplanned:
        return WHOLE
    counts: dict[str, int] = {}
    waits: list[Wait] = []
    for parts in _ratios(spec, plan.counts, _replicas(plan, found)):
        most = _most(parts, skew)
        for part in (part for part in parts if max(part.there, most[part.exact]) < part.wanted):
            counts[part.exact] = max(part.there, most[part.exact])
            waits.append(_told(part, parts))
    return Growing(counts, tuple(waits))


Replicas = Mapping[str, Mapping[str, list[bool]]]
"""Instance -> index -> of each of its slots that has a Placement, whether its pod is Ready."""


def _replicas(plan: Blueprint, found: Digest) -> Replicas:
    names = {name for ratio in plan.system.spec.scaling.ratios for name in ratio}
    ready = {standing.slot for standing in found.members["ready"]}
    held: defaultdict[str, defaultdict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for slot in plan.seats:
        copy, name, index, *_ = slot.split("/")
        if name in names and slot in found.grants.home and slot not in found.grants.later:
            held[f"{copy}/{name}"][index].append(slot in ready)
    return held


def _ratios(spec: SystemSpec, counts: Counts, held: Replicas) -> Iterator[list[_Part]]:
    """The members of each ratio, in each copy, while any of them has still to grow."""
    for copy in range(copies(spec, counts)):
        for ratio in spec.scaling.ratios:
            parts = [_part(spec, counts, f"{copy}/{name}", ratio, held) for name in sorted(ratio)]
            if any(part.behind for part in parts):
                yield parts


def _part(spec: SystemSpec, counts: Counts, exact: str, ratio: Ratio, held: Replicas) -> _Part:
    replicas = held.get(exact, {})
    ready = sum(all(slots) for slots in replicas.values())
    return _Part(exact, ratio[exact.partition("/")[2]], count_of(spec, counts, exact), len(replicas), ready)


def _most(parts: list[_Part], skew: int | str) -> dict[str, int]:
    """How many each may have. Who has all that it wants keeps nobody back.

    Source of the share: RoleBasedGroup's coordinated scaling, whose example is R9 of the tests.
    """
    behind = [part for part in parts if part.behind]
    if isinstance(skew, int):
        least = min(part.ready // part.share for part in behind)
        return {part.exact: (least + skew) * part.share for part in parts}
    way = min(Fraction(part.ready, part.wanted) for part in behind) + Fraction(int(skew.removesuffix("%")), 100)
    return {part.exact: ceil(way * part.wanted) for part in parts}


def _told(part: _Part, parts: list[_Part]) -> Wait:
    others = (f"{each.exact} has {each.ready} of {each.wanted} Ready" for each in parts if each.behind)
    most = max(part.there, 0)
    message = f"{part.exact} has {most} of {part.wanted}, and more in step with its ratio (maxSkew): {', '.join(others)}"
    return Wait(reason=IN_STEP, message=message, gangs=part.wanted - most, first=part.exact)
