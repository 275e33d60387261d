"""Who holds room, gang by gang, and who is leaving: what a preemption chooses from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from activities.cache.accepted import Acceptances, Accepted
from activities.cache.census import Census, SystemKey
from activities.cache.placements import Entry, Placement
from specs.names import hostname
from topology.supply.tenants import Held, Tenancy, Tenant


@dataclass(frozen=True)
class Tenants:
    """Placements that grant something, with the revisions that say how much, at one moment."""

    granting: Sequence[tuple[Placement, Accepted]]
    others: Sequence[Held]
    """Other pods that are leaving: of others, and of ours those that are not where they are granted any more."""

    def leaving(self) -> tuple[Held, ...]:
        """What will be free without anybody's doing."""
        ours = (
            pod for each in self.granting for entry in each[0].entries if leaves(each[0], entry) for pod in _held(*each, entry)
        )
        return (*self.others, *ours)

    def tenancy(self) -> Tenancy:
        """All of them. Cost: about 5 us a pod."""
        found: dict[str, Tenant] = {}
        for placement, accepted in self.granting:
            for entry in placement.entries:
                pods = () if leaves(placement, entry) else tuple(_held(placement, accepted, entry))
                if pods:
                    made = _tenant(placement, accepted, entry, pods)
                    before = found.get(made.name)
                    found[made.name] = replace(before, pods=(*before.pods, *pods)) if before else made
        return Tenancy(tuple(found.values()), self.leaving())


def tenants(census: Census, acceptances: Acceptances, foreign: Iterable[Held]) -> Tenants:
    """As of now. Cost: a look at each Placement."""
    granting = census.granting()
    known = ((each, acceptances.of(each.namespace, each.system, each.revision)) for each in granting)
    held = [(each, accepted) for each, accepted in known if accepted is not None]
    return Tenants(held, (*foreign, *_moving(census, held)))


def _moving(census: Census, granting: Sequence[tuple[Placement, Accepted]]) -> Iterator[Held]:
    """Pods that go because their slot has its place elsewhere now. Cost: a look at each pod."""
    granted: defaultdict[SystemKey, dict[str, tuple[str, Accepted]]] = defaultdict(dict)
    for placement, accepted in granting:
        there = granted[placement.namespace, placement.system]
        there.update((slot, (node, accepted)) for slot, node in placement.nodes.items())
    for key, there in granted.items():
        for pod in census.pods(key).values():
            known = there.get(pod.slot)
            goes = known is not None and pod.place not in ("", known[0])
            shape = known[1].shape_of(pod.slot) if known and goes else None
            if shape is not None:
                yield Held(pod.name, (pod.namespace, pod.system, pod.slot), pod.place, shape.requests)


def leaves(placement: Placement, entry: Entry) -> bool:
    """Whether a gang gives back what it holds here."""
    return placement.leaving or entry.gang in placement.displaced


def _tenant(placement: Placement, accepted: Accepted, entry: Entry, pods: tuple[Held, ...]) -> Tenant:
    space, needs = placement.namespace, _needs(accepted, entry)
    above = f"{space}/{needs}" if needs else ""
    return Tenant(f"{space}/{entry.gang}", pods, placement.pod_priority, entry.minimum, above)


def _needs(accepted: Accepted, entry: Entry) -> str:
    try:
        return accepted.gang(entry.gang, entry.minimum, entry.slots).needs
    except (LookupError, ValueError):  # of a revision that knows it no more: it is given back soon
        return ""


def _held(placement: Placement, accepted: Accepted, entry: Entry) -> Iterator[Held]:
    shapes = accepted.shapes
    nodes: Mapping[str, str] = placement.nodes
    for slot in entry.slots:
        shape = accepted.shape_of(slot) if shapes and slot in nodes else None
        if shape is not None:
            seat = (placement.namespace, placement.system, slot)
            yield Held(hostname(placement.system, slot), seat, nodes[slot], shape.requests)
