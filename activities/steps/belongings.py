"""Belongings: what is kept for a system beside its pods, by kind, made once for each of its blueprints."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from activities.cache.accepted import Accepted
from activities.cache.recent import Recent
from activities.cluster.kube import ACCOUNTS, AUTOSCALERS, CLIQUES, DOMAINS, GROUPS, MEMBERS, SERVICES, Kind, Manifest
from activities.state.blueprint import Blueprint
from activities.steps.comparing import Agreements
from specs.grove import CliqueSystem
from specs.grove_objects import CliqueObjects, PodNames
from specs.manifests import members, services

KEPT = 100_000
"""Pods and objects of all belongings in memory together; an object takes about 1 KB."""
Made = Mapping[Kind, Sequence[Manifest]]
Labels = Mapping[str, str]
"""The node label of each level."""
Gangs = Callable[[PodNames, Labels], Sequence[Manifest]]


@dataclass(frozen=True)
class Belongings:
    """Of one system at certain counts."""

    first: Made
    """What pods need from the start."""
    scaling: Made
    """What keeps counts; no pod needs it to start."""
    rest: Made
    gangs: Gangs | None = None
    """The PodGangs; None where there are none."""
    cliques: CliqueObjects | None = None
    """What makes the claims that pods share; None where there are none."""
    agreements: Agreements = field(default_factory=Agreements)


class Mirror:
    """The PodGangs made last, made anew when pods or levels are others. Cost: about 100 us a gang."""

    def __init__(self, make: Gangs) -> None:
        self._make = make
        self._made: tuple[PodNames, Labels, Sequence[Manifest]] | None = None

    def of(self, pods: PodNames, levels: Labels) -> Sequence[Manifest]:
        """Of these pods."""
        if self._made is None or self._made[:2] != (pods, levels):
            self._made = (pods, levels, self._make(pods, levels))
        return self._made[2]


class Possessions:
    """The belongings made last; observations and writes of a system share them. Cost: about 40 us an object."""

    def __init__(self, kept: int = KEPT) -> None:
        self._made: Recent[tuple[int, int], tuple[Accepted, Blueprint, Belongings]] = Recent(kept, _weight)

    def of(self, accepted: Accepted, blueprint: Blueprint) -> Belongings:
        """Of this edition at these counts."""
        key = (id(accepted), id(blueprint))  # both are kept beside what was made of them: no other can have the same id
        return self._made.of(key, lambda: (accepted, blueprint, belongings(accepted, blueprint)))[2]


def _weight(made: tuple[Accepted, Blueprint, Belongings]) -> int:
    _, plan, kept = made
    objects = sum(len(each) for by_kind in (kept.first, kept.scaling, kept.rest) for each in by_kind.values())
    return 1 + len(plan.seats) + objects


def belongings(accepted: Accepted, blueprint: Blueprint) -> Belongings:
    """In the words of the kind that declares the system."""
    owner, system, counts = accepted.owner, accepted.system, blueprint.counts
    if not isinstance(system, CliqueSystem):
        kept = {MEMBERS: members(owner, system.spec, counts)}
        return Belongings({SERVICES: services(owner, system.spec, counts)}, kept, {})
    made = CliqueObjects(owner, system, counts)
    scaled = made.scaled()
    by_kind = {kind: [each for each in scaled if each["kind"] == kind.kind] for kind in (CLIQUES, GROUPS)}
    return Belongings(
        {SERVICES: made.services(), ACCOUNTS: made.accounts(), DOMAINS: made.domains()},
        by_kind,
        {AUTOSCALERS: made.autoscalers()},
        Mirror(made.gangs).of,
        made,
    )
