"""A small model of a cluster with one agent: what each activity does to it, and what may happen to it. Pure; no clock, no chance.

Simpler than the real thing where that does not matter to who decides: every pod needs one place, a gang is the minimum of all
roles of a copy, and roles start in the order written.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from activities.messages import (
    Deviant,
    Observation,
    Order,
    PodClass,
    Wait,
)  # fmt: skip
from specs.counts import copies, slots
from specs.system import InferenceSystem


@dataclass
class Pod:
    """One pod; `phase`: gated, pinned, refused, starting, ready, failed."""

    slot: str
    incarnation: int
    phase: str
    node: str = ""
    leaving: bool = False
    revision: str = ""

    @property
    def name(self) -> str:
        return f"{self.slot.replace('/', '-')}-{self.incarnation}"


@dataclass
class Sight:
    """One system in one cluster: what there is, and what an observation says of it."""

    nodes: dict[str, int]
    """Places each node has."""
    quota: int | None = None
    """Most pods that may exist; the API server refuses more."""
    uid: str = ""
    recorded: int = 0
    system: InferenceSystem | None = None
    services: int = 0
    grants: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """Gang -> slot -> node; "" while it waits."""
    marks: dict[str, str] = field(default_factory=dict[str, str])
    """Slot -> the revision that its pod is to be of."""
    paused: bool = False
    """The rollout is."""
    pods: list[Pod] = field(default_factory=list[Pod])
    refusing: set[str] = field(default_factory=set[str])
    """Nodes at which the scheduler refuses what is sent there."""
    evacuated: set[str] = field(default_factory=set[str])
    """Nodes that all are to leave."""
    made: Counter[str] = field(default_factory=Counter[str])
    """Slot -> incarnations."""
    writes: int = 0
    taken_back: list[str] = field(default_factory=list[str])
    """Records of zombies' writes that were refused."""

    # What is wanted

    def wanted(self, order: Order) -> list[str]:
        return list(slots(self.system.spec, order.counts)) if self.system and not order.deleting else []

    def gang_of(self, slot: str) -> str:
        copy, role, index = slot.split("/")
        assert self.system is not None
        minimum = next(member.minimum for member in self.system.spec.members if member.name == role)
        return copy if int(index) < minimum else slot

    def gangs(self, order: Order) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for slot in self.wanted(order):
            found.setdefault(self.gang_of(slot), []).append(slot)
        return found

    def node_of(self, slot: str) -> str:
        return next((held[slot] for held in self.grants.values() if slot in held), "")

    def whole(self, gang: str, members: Iterable[str]) -> bool:
        held = self.grants.get(gang, {})
        return all(held.get(slot) for slot in members)

    def due(self, slot: str) -> bool:
        """All roles before its own in its copy have their minimum ready."""
        assert self.system is not None
        copy, role, _ = slot.split("/")
        for member in self.system.spec.members:
            if member.name == role:
                return True
            ready = sum(pod.phase == "ready" and pod.slot.startswith(f"{copy}/{member.name}/") for pod in self.pods)
            if ready < member.minimum:
                return False
        raise LookupError(role)

    def pod_in(self, slot: str) -> Pod | None:
        return next((pod for pod in self.pods if pod.slot == slot and not pod.leaving), None)

    def is_outdated(self, pod: Pod) -> bool:
        """It is to go, because another revision was marked for its slot."""
        return pod.revision != self.marks.get(pod.slot, pod.revision)

    def outdated(self, order: Order) -> list[str]:
        """Slots that are marked for another revision than the one that is wanted, those without a Ready pod first."""
        found = [slot for slot in self.wanted(order) if self.marks.get(slot, order.revision) != order.revision]
        return sorted(found, key=lambda slot: (self.class_of(slot) == "ready", slot))

    def updating(self, order: Order) -> list[str]:
        """Those whose turn has come: what is not Ready anyway, and one of a role where all are."""
        if self.paused:
            return []
        ready = {slot for slot in self.wanted(order) if self.class_of(slot) == "ready"}
        out = {slot.split("/")[1] for slot in self.wanted(order) if slot not in ready}
        chosen: list[str] = []
        for slot in self.outdated(order):
            role = slot.split("/")[1]
            if slot not in ready or role not in out:
                chosen.append(slot)
                out.add(role)
        return chosen

    def class_of(self, slot: str) -> PodClass:
        pod, node = self.pod_in(slot), self.node_of(slot)
        if pod is None or self.is_outdated(pod):
            leaving = any(each.slot == slot for each in self.pods)
            return "leaving" if leaving else "missing" if node else "bare"
        if pod.phase == "gated":
            return "waiting" if not node else "due" if self.due(slot) else "held" if pod.node == node else "unheld"
        if pod.node not in self.nodes and pod.phase in {"starting", "ready"}:
            return "lost"
        found: dict[str, PodClass] = {
            "pinned": "pinned", "refused": "refused", "starting": "starting", "ready": "ready", "failed": "failed",
        }  # fmt: skip
        return found[pod.phase]

    def members(self, order: Order) -> dict[PodClass, list[str]]:
        found: dict[PodClass, list[str]] = {}
        for slot in self.wanted(order):
            found.setdefault(self.class_of(slot), []).append(slot)
        return found

    def free(self) -> dict[str, int]:
        used = Counter(node for held in self.grants.values() for node in held.values() if node)
        return {node: places - used[node] for node, places in self.nodes.items() if node not in self.evacuated}

    def evacuating(self, order: Order) -> list[str]:
        """Slots on nodes that all are to leave; one at a time does."""
        return [slot for slot in self.wanted(order) if self.node_of(slot) in self.evacuated and self.class_of(slot) == "ready"]

    def observe(self, order: Order) -> Observation:
        left = len(self.pods) + self.services + len(self.grants) + bool(self.uid)
        if not self.uid or self.system is None:
            return Observation(left=left, recorded=self.recorded)
        gangs, wanted = self.gangs(order), self.wanted(order)
        whole = {gang for gang, members in gangs.items() if self.whole(gang, members)}
        unplanned = [gang for gang, members in gangs.items() if any(slot not in self.grants.get(gang, {}) for slot in members)]
        waiting = [gang for gang in gangs if gang not in whole and gang not in unplanned]
        surplus = [pod for pod in self.pods if (pod.slot not in wanted or self.is_outdated(pod)) and not pod.leaving]
        roles: dict[str, Counter[PodClass]] = {}
        for slot in wanted:
            roles.setdefault(slot.split("/")[1], Counter())[self.class_of(slot)] += 1
        for pod in surplus:
            roles.setdefault(pod.slot.split("/")[1], Counter())["surplus"] += 1
        number = copies(self.system.spec, order.counts)
        return Observation(
            exists=True, recorded=self.recorded, left=left, roles={role: dict(found) for role, found in sorted(roles.items())},
            unplanned=len(unplanned), waiting=len(waiting), granted=len(whole), surplus_gangs=len(self.surplus_room(order)),
            displaced=len(self.displaced(order)), support=int(self.services != number), copies=number,
            domains=() if waiting else tuple(sorted({node for held in self.grants.values() for node in held.values() if node})),
            evacuating=len(self.evacuating(order)), moving=min(1, len(self.evacuating(order))),
            outdated=len(self.outdated(order)), updating=len(self.updating(order)),
            waits=(Wait(reason="NoRoom", message="no node has room", gangs=len(waiting), first=waiting[0]),) if waiting else (),
            deviants=tuple(
                Deviant(slot=slot, state=state) for state, members in self.members(order).items() for slot in members
                if state in {"failed", "refused", "lost"}
            )[:50],
        )  # fmt: skip

    def surplus_room(self, order: Order) -> list[tuple[str, str]]:
        wanted = set(self.wanted(order))
        return [(gang, slot) for gang, held in self.grants.items() for slot in held if slot not in wanted]

    def displaced(self, order: Order) -> list[str]:
        def idle(slot: str) -> bool:
            pod = self.pod_in(slot)
            return pod is None or pod.phase == "gated"

        return [slot for slot in self.wanted(order) if (node := self.node_of(slot)) and node not in self.nodes and idle(slot)]
