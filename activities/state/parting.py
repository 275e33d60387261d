"""Scaling in: which replicas of a role or a group at the top go. Pure.

Those of the base gang are never the ones. Of the others these go first: what is not Ready; what is cheapest to lose; what leaves
the most domains empty; the highest index. Of pods of a PodClique, as Grove has it: what has no node; what is not Ready; what is
of an older template; the newest. The rest keep index, name and place, and so there may be gaps, which the next replicas fill.
Where indexes mean more than that (sets that go together, partitions, surge, replicas of scaling groups) it is the highest alone.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache

from activities.cache.pods import Pod
from activities.state.blueprint import Blueprint
from activities.state.misplaced import Domain
from activities.state.standing import Digest
from activities.state.versions import Versions
from specs.counts import GAPS, copies, count_of
from specs.grove import CliqueSystem
from specs.members import Group, Member, named


@dataclass
class _Replica:
    """One that has a Placement, wanted or not."""

    index: int
    nodes: list[str] = field(default_factory=list[str])
    slots: list[str] = field(default_factory=list[str])


Held = Mapping[str, Mapping[int, _Replica]]
"""Instance at the top -> its replicas by index."""


def gaps(plan: Blueprint, found: Digest, pods: Iterable[Pod], domain: Domain, versions: Versions) -> dict[str, int]:
    """What to add to the counts so that the right ones stay; nothing where those are the lowest indexes.

    Cost: a glance where no Placement holds more than is wanted; else linear in pods.
    """
    if not found.grants.surplus:
        return {}
    held = _held(plan, found)
    live = {pod.slot: pod for pod in pods if not pod.leaving}

    @cache
    def ranking(name: str) -> _Ranking:
        return _Ranking(plan, _member(plan, name), held, live, domain, versions)

    left_out: dict[str, int] = {}
    for exact, replicas in held.items():
        kept = _kept(plan, exact, replicas, ranking)
        left_out.update({f"{exact}/{index}": 0 for index in range(max(kept, default=0)) if index not in kept})
    return {GAPS: len(left_out), **left_out} if left_out else {}


def _held(plan: Blueprint, found: Digest) -> Held:
    spec = plan.system.spec
    wanted = {str(copy) for copy in range(copies(spec, plan.counts))}
    surplus = {slot: each.placement.nodes.get(slot, "") for each in found.grants.surplus for slot in each.slots}
    held: defaultdict[str, dict[int, _Replica]] = defaultdict(dict)
    for slot, node in {**surplus, **dict.fromkeys(found.grants.home, ""), **found.grants.node}.items():
        copy, name, number, *_ = slot.split("/")
        if copy in wanted and named(spec.members, name) is not None:
            replica = held[f"{copy}/{name}"].setdefault(int(number), _Replica(int(number)))
            replica.slots.append(slot)
            replica.nodes.extend([node] if node else [])
    return held


def _kept(plan: Blueprint, exact: str, replicas: Mapping[int, _Replica], ranking: Callable[[str], "_Ranking"]) -> frozenset[int]:
    """Indexes of those that stay, and of those to come."""
    spec, name = plan.system.spec, exact.partition("/")[2]
    count, least = count_of(spec, plan.counts, exact), _member(plan, name).minimum
    able = [replica for index, replica in sorted(replicas.items()) if index >= least]
    if len(able) > count - least:
        able = sorted(able, key=ranking(name).worth, reverse=True)[: count - least]
    stay = [replica.index for replica in able]
    free = (index for index in range(least, least + count + len(able)) if index not in stay)
    fill = [next(free) for _ in range(count - least - len(stay))]
    return frozenset((*range(least), *stay, *fill))


class _Ranking:
    """What losing a replica of one member means: the least goes first."""

    def __init__(
        self, plan: Blueprint, member: Member, held: Held, live: Mapping[str, Pod], domain: Domain, versions: Versions
    ) -> None:
        self._member, self._live, self._domain = member, live, domain
        self._revision, self._versions = plan.revision, versions
        self._by_index = _indexes_count(plan, member)
        self._as_grove = isinstance(plan.system, CliqueSystem)
        nodes = Counter(node for replicas in held.values() for each in replicas.values() for node in set(each.nodes))
        self._alone = {node for node, users in nodes.items() if users == 1}
        self._users = Counter(
            path for replicas in held.values() for each in replicas.values() for path in self._domains(each)
        )  # fmt: skip

    def worth(self, replica: _Replica) -> tuple[bool, float, float, int, int]:
        """In the order of what counts."""
        if self._by_index:
            return False, 0, 0, 0, -replica.index
        if self._as_grove:
            return self._of_a_clique(replica)
        pods = [self._live.get(slot) for slot in replica.slots]
        ready = all(pod is not None and pod.ready for pod in pods)
        cost = sum(pod.cost for pod in pods if pod is not None)
        emptied = sum(self._users[path] == 1 for path in self._domains(replica))
        return ready, cost, -emptied, -len(self._alone & set(replica.nodes)), -replica.index

    def _of_a_clique(self, replica: _Replica) -> tuple[bool, float, float, int, int]:
        pod = self._live.get(replica.slots[0])
        if pod is None:
            return False, 0, 0, 0, -replica.index
        newest = not self._versions.changed(pod.slot, pod.revision, self._revision)
        age = -pod.created.timestamp() if pod.created else 0.0
        return pod.ready, bool(pod.node) + newest / 2, age, 0, -replica.index

    def _domains(self, replica: _Replica) -> frozenset[str]:
        """Those of the level that its places speak of."""
        level, found = self._member.place.within or self._member.place.prefer, set[str]()
        for node in set(replica.nodes) if level else ():
            with suppress(LookupError):  # a level that this fabric does not have is told elsewhere
                found.update(filter(None, [self._domain(node, level or "")]))
        return frozenset(found)


def _member(plan: Blueprint, name: str) -> Member:
    member = named(plan.system.spec.members, name)
    assert member is not None
    return member


def _indexes_count(plan: Blueprint, member: Member) -> bool:
    """Whether an index of this member means more than a name."""
    spec = plan.system.spec
    paired = any(member.name in rule.members for rule in spec.together)
    of_a_set = isinstance(plan.system, CliqueSystem) and isinstance(member, Group)
    return paired or spec.rollout.surges or spec.rollout.partition > 0 or of_a_set
