"""Pods of each clique of a PodCliqueSet, counted. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from activities.cache.pods import Pod
from activities.messages import PodClass
from activities.state.cases import Case
from specs.counts import instances
from specs.members import Group
from specs.paths import parent

BOUND: tuple[PodClass, ...] = ("ready", "starting", "failed", "halted")


@dataclass
class Count:
    """Pods of one clique instance."""

    minimum: int = 0
    wanted: int = 0
    there: int = 0
    updated: int = 0
    stale: int = 0
    ready: int = 0
    scheduled: int = 0
    gated: int = 0

    @property
    def is_available(self) -> bool:
        return self.ready >= self.minimum

    @property
    def is_scheduled(self) -> bool:
        return self.scheduled >= self.minimum

    @property
    def is_whole(self) -> bool:
        """Nothing of it is on its way."""
        return self.ready == self.there == self.wanted

    @property
    def is_updated(self) -> bool:
        """No pod of an older template is left; replacements may still be on their way."""
        return self.stale == 0


def counted(case: Case) -> dict[str, Count]:
    """By the path of the instance. Cost: linear in pods."""
    found: dict[str, Count] = {}
    for path, member, wanted in instances(case.accepted.spec, case.blueprint.counts):
        if not isinstance(member, Group):
            found[path] = Count(member.minimum, wanted)
    for state, standings in case.digest.members.items():
        for standing in standings:
            if state != "surplus" and standing.pod is not None and not standing.pod.leaving:
                _add(found[parent(standing.slot)], state, standing.pod)
                found[parent(standing.slot)].updated += standing.slot not in case.rolling.stale
    for slot in case.rolling.stale:
        found[parent(slot)].stale += 1
    return found


def _add(count: Count, state: PodClass, pod: Pod) -> None:
    count.there += 1
    count.ready += state == "ready"
    count.gated += pod.gated
    count.scheduled += state in BOUND


def available_in(replicas: Iterable[list[Count]]) -> int:
    """Of group replicas, those in which no clique lacks its minimum."""
    return sum(all(clique.is_available for clique in cliques) for cliques in replicas)
