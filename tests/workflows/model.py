"""What each activity does to the model of a cluster, and what happens in it by itself."""

from collections.abc import Callable, Mapping

from activities.messages import (
    CREATE,
    ERASE,
    HOLD,
    MOVE,
    PLACE,
    RELEASE,
    REMOVE,
    REPLACE,
    SUPPORT,
    UPDATE,
    Order,
    Recorded,
    Written,
)
from specs.counts import copies
from specs.system import InferenceSystem
from tests.workflows.sight import Pod, Sight


class Stale(Exception):
    """A newer generation is known."""


class NotAllowed(Exception):
    """The API server refuses for good."""


class ClusterModel(Sight):
    """One system in one cluster, with its agent."""

    def record(self, order: Order, manifest: Mapping[str, object]) -> Recorded:
        self._fence(order)
        if not self.uid:
            self.uid = f"uid-{self.writes}"
        self.system, self.recorded = InferenceSystem.model_validate(manifest), order.generation
        self.writes += 1
        return Recorded(uid=self.uid)

    def act(self, action: str, order: Order) -> Written:
        self._fence(order)
        before, problem = self.writes, ""
        try:
            self._actions()[action](order)
        except NotAllowed as refusal:
            problem = str(refusal)
        return Written(written=self.writes - before, problem=problem)

    def place(self, order: Order) -> None:
        for gang, members in self.gangs(order).items():
            held = self.grants.setdefault(gang, {})
            for slot in members:
                if slot not in held:
                    held[slot] = ""
                    self.marks[slot] = order.revision
                    self.writes += 1
        self.solve()

    def solve(self) -> None:
        """The agent's own: answers whatever waits, whole gangs only."""
        for gang in sorted(self.grants):
            held = self.grants[gang]
            need = [slot for slot, node in held.items() if not node]
            room = [node for node, free in sorted(self.free().items()) if node not in self.refusing for _ in range(free)]
            if need and len(room) >= len(need):
                held.update(zip(need, room, strict=False))

    def support(self, order: Order) -> None:
        assert self.system is not None
        wanted = copies(self.system.spec, order.counts)
        self.writes += abs(self.services - wanted)
        self.services = wanted

    def create(self, order: Order) -> None:
        members = self.members(order)
        for slot in [*members.get("missing", []), *members.get("bare", [])][: order.limit]:
            if self.quota is not None and len(self.pods) >= self.quota:
                raise NotAllowed("exceeded quota; raise it or scale down")
            due, node = bool(self.node_of(slot)) and self._may_start(order, slot), self.node_of(slot)
            self.made[slot] += 1
            self.pods.append(Pod(slot, self.made[slot], "pinned" if due else "gated", node, revision=self.marks[slot]))
            self.writes += 1

    def hold(self, order: Order) -> None:
        for slot in self.members(order).get("unheld", [])[: order.limit]:
            self._pod(slot).node = self.node_of(slot)
            self.writes += 1

    def release(self, order: Order) -> None:
        for slot in self.members(order).get("due", [])[: order.limit]:
            if self._may_start(order, slot):
                pod = self._pod(slot)
                pod.phase, pod.node = "pinned", self.node_of(slot)
                self.writes += 1

    def replace(self, order: Order) -> None:
        members = self.members(order)
        anew = [*members.get("refused", []), *members.get("lost", []), *self.displaced(order)]
        for slot in [*members.get("refused", []), *members.get("lost", []), *members.get("failed", [])][: order.limit]:
            self.delete(self._pod(slot))
            self.writes += 1
        for slot in anew:
            self.grants[self.gang_of(slot)][slot] = ""
            self.writes += 1
        self.solve()

    def remove(self, order: Order) -> None:
        wanted = set(self.wanted(order))
        gone = [pod for pod in self.pods if (pod.slot not in wanted or self.is_outdated(pod)) and not pod.leaving]
        for pod in gone[: order.limit]:
            self.delete(pod)
            self.writes += 1
        occupied = {pod.slot for pod in self.pods}
        for gang, slot in self.surplus_room(order):
            if slot not in occupied:
                del self.grants[gang][slot], self.marks[slot]
                self.writes += 1
        self.grants = {gang: held for gang, held in self.grants.items() if held}
        self.solve()

    def update(self, order: Order) -> None:
        for slot in self.updating(order):
            self.marks[slot] = order.revision
            self.writes += 1

    def move(self, order: Order) -> None:
        for slot in self.evacuating(order)[:1]:
            self.delete(self._pod(slot))
            self.grants[self.gang_of(slot)][slot] = ""
            self.writes += 1
        self.solve()

    def erase(self, order: Order) -> None:
        for pod in [pod for pod in self.pods if not pod.leaving]:
            self.delete(pod)
            self.writes += 1
        self.writes += self.services
        self.services = 0
        if not self.pods:
            self.writes += len(self.grants) + bool(self.uid)
            self.grants, self.marks, self.uid, self.system, self.recorded = {}, {}, "", None, 0

    # What happens by itself

    def delete(self, pod: Pod) -> None:
        """Gated pods and those of lost nodes go at once, others take leave."""
        if pod.phase in {"gated", "refused"} or pod.node not in self.nodes:
            self.pods.remove(pod)
        else:
            pod.leaving = True

    def advance(self) -> bool:
        """One step of kubelets and scheduler for every pod; False when nothing moved."""
        before = [(pod.name, pod.phase, pod.leaving) for pod in self.pods]
        self.pods = [pod for pod in self.pods if not pod.leaving]
        for pod in self.pods:
            if pod.phase == "pinned":
                pod.phase = "starting" if pod.node in self.nodes and pod.node not in self.refusing else "refused"
            elif pod.phase == "starting" and pod.node in self.nodes:
                pod.phase = "ready"
        self.solve()
        return before != [(pod.name, pod.phase, pod.leaving) for pod in self.pods]

    def as_declared(self, order: Order) -> bool:
        """Every wanted slot has one ready pod, and there is nothing else."""
        return sorted(pod.slot for pod in self.pods) == sorted(self.wanted(order)) and all(
            pod.phase == "ready" and pod.revision == order.revision for pod in self.pods
        )

    @property
    def empty(self) -> bool:
        return not (self.pods or self.grants or self.services or self.uid)

    def _may_start(self, order: Order, slot: str) -> bool:
        gang = self.gang_of(slot)
        return self.whole(gang, self.gangs(order)[gang]) and self.due(slot)

    def _pod(self, slot: str) -> Pod:
        pod = self.pod_in(slot)
        assert pod is not None
        return pod

    def _fence(self, order: Order) -> None:
        if order.generation < self.recorded:
            self.taken_back.append(f"{order.generation} < {self.recorded}")
            raise Stale(f"generation {order.generation} is no longer wanted: {self.recorded} is")

    def _actions(self) -> Mapping[str, Callable[[Order], None]]:
        return {
            PLACE: self.place,
            SUPPORT: self.support,
            CREATE: self.create,
            HOLD: self.hold,
            RELEASE: self.release,
            REPLACE: self.replace,
            REMOVE: self.remove,
            UPDATE: self.update,
            MOVE: self.move,
            ERASE: self.erase,
        }
