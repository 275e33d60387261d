"""A minimal kube-scheduler: gates, requests, taints, selectors, required affinity, nominations, priority.

No preemption: who is more important goes first and passes by the nominations of the less important, but no bound pod is evicted
for it and nobody is nominated; it waits, Unschedulable, where the real one would make room. No preferences, no spreading.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from specs.owners import Manifest
from specs.sections import condition, section
from topology.supply.hosts import Host, read_host
from topology.supply.shapes import Shape, shape_of
from workers.simulated.api import Api
from workers.simulated.clock import Clock
from workers.simulated.kinds import PODS
from workers.simulated.objects import Change
from workers.simulated.words import FINISHED, event, with_condition

WORDS = {
    "cordoned": "node(s) were unschedulable",
    "not ready": "node(s) had untolerated taint(s)",
    "excluded by nodeSelector or affinity": "node(s) didn't match Pod's node affinity/selector",
}
TAINTED = "node(s) had untolerated taint(s)"
OURS = "default-scheduler"


@dataclass(frozen=True)
class Hold:
    """Room on a node that a pod has, or is promised by its nomination."""

    node: str
    requests: Mapping[str, int]
    priority: int
    bound: bool


class Scheduler:
    """Looks at whoever waits after anything has changed. Cost: pending pods times nodes; a pinned pod looks at its node only."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._hosts: dict[str, Host] = {}
        self._holds: dict[str, Hold] = {}
        self._on: dict[str, dict[str, Hold]] = {}
        self._pending: dict[str, Manifest] = {}
        self._shapes: dict[tuple[str, int], Shape] = {}
        self._due = True

    def saw(self, change: Change) -> None:
        """Take in one change."""
        if change.plural == "nodes":
            self._node(change)
        elif change.plural == "pods":
            self._pod(change)

    def turn(self) -> None:
        """Try everybody who waits, the most important and oldest first."""
        if not self._due:
            return
        self._due = False
        for seen in sorted(self._pending.values(), key=_rank):
            pod = self._api.objects.now(PODS, seen)
            if pod is not None and _waits(pod):
                self._try(pod)

    def _node(self, change: Change) -> None:
        name = change.new["metadata"]["name"]
        host = None if change.type == "DELETED" else read_host(change.new)
        if host == self._hosts.get(name):
            return
        self._due = True
        if host is None:
            self._hosts.pop(name, None)
        else:
            self._hosts[name] = host

    def _pod(self, change: Change) -> None:
        pod, uid = change.new, str(change.new["metadata"]["uid"])
        self._release(uid)
        self._pending.pop(uid, None)
        over = change.type == "DELETED" or section(pod, "status").get("phase") in FINISHED
        if over:
            self._due = True
            return
        node = pod["spec"].get("nodeName") or section(pod, "status").get("nominatedNodeName")
        if node:
            self._hold(
                uid,
                Hold(node, dict(self._shape(pod).requests), pod["spec"].get("priority", 0), bool(pod["spec"].get("nodeName"))),
            )
        if _waits(pod):
            self._pending[uid] = pod
        if change.old is None or _placing(change.old) != _placing(pod):
            self._due = True

    def _hold(self, uid: str, hold: Hold) -> None:
        self._holds[uid] = hold
        self._on.setdefault(hold.node, {})[uid] = hold

    def _release(self, uid: str) -> None:
        hold = self._holds.pop(uid, None)
        if hold is not None:
            del self._on[hold.node][uid]

    def _shape(self, pod: Manifest) -> Shape:
        key = (str(pod["metadata"]["uid"]), int(pod["metadata"].get("generation", 1)))
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = shape_of(pod)
        return found

    def _try(self, pod: Manifest) -> None:
        shape = self._shape(pod)
        obstacles = {name: self._obstacle(pod, shape, self._hosts[name]) for name in self._candidates(shape)}
        open_nodes = [name for name, why in obstacles.items() if not why]
        if not open_nodes:
            self._refuse(pod, self._sentence(obstacles.values()))
            return
        nominated = section(pod, "status").get("nominatedNodeName")
        chosen = nominated if nominated in open_nodes else min(open_nodes, key=lambda name: (len(self._on.get(name, ())), name))
        self._bind(pod, chosen)

    def _candidates(self, shape: Shape) -> Iterable[str]:
        """All nodes; only the one that is named where every term of the affinity names it."""
        terms = shape.rule.terms or ()
        named = {value for term in terms for each in term.fields if each.operator == "In" for value in each.values}
        if terms and all(term.fields for term in terms):
            return sorted(named & self._hosts.keys())
        return self._hosts

    def _obstacle(self, pod: Manifest, shape: Shape, host: Host) -> str:
        why = shape.rule.obstacle(host)
        if why:
            return WORDS.get(why, TAINTED)
        free = dict(host.allocatable)
        uid, priority = pod["metadata"]["uid"], pod["spec"].get("priority", 0)
        for owner, hold in self._on.get(host.name, {}).items():
            if owner != uid and (hold.bound or hold.priority >= priority):
                for name, amount in hold.requests.items():
                    free[name] = free.get(name, 0) - amount
        short = next((name for name, amount in shape.requests if free.get(name, 0) < amount), "")
        return "Too many pods" if short == "pods" else f"Insufficient {short}" if short else ""

    def _sentence(self, obstacles: Iterable[str]) -> str:
        counted = Counter(obstacles)
        left = len(self._hosts) - sum(counted.values())
        if left > 0:
            counted[WORDS["excluded by nodeSelector or affinity"]] += left
        reasons = ", ".join(f"{count} {why}" for why, count in sorted(counted.items()))
        return f"0/{len(self._hosts)} nodes are available: {reasons or 'no nodes'}."

    def _refuse(self, pod: Manifest, message: str) -> None:
        said = condition(pod, "PodScheduled")
        if said.get("reason") == "Unschedulable" and said.get("message") == message:
            return
        refusal = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
        self._api.write_status(PODS, pod, with_condition(pod, refusal, self._clock.now()))
        event(self._api, pod, "FailedScheduling", message, self._clock.now(), warning=True)

    def _bind(self, pod: Manifest, node: str) -> None:
        scheduled = {"type": "PodScheduled", "status": "True"}
        status = with_condition(pod, scheduled, self._clock.now())
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status}
        stored = self._api.objects.put(PODS, bound)
        uid = str(pod["metadata"]["uid"])
        self._release(uid)
        self._pending.pop(uid, None)
        self._hold(uid, Hold(node, dict(self._shape(stored).requests), pod["spec"].get("priority", 0), bound=True))
        event(
            self._api,
            pod,
            "Scheduled",
            f"Successfully assigned {pod['metadata']['namespace']}/{pod['metadata']['name']} to {node}",
            self._clock.now(),
        )


def _waits(pod: Manifest) -> bool:
    spec = pod["spec"]
    ours = spec.get("schedulerName", OURS) == OURS
    return ours and not spec.get("nodeName") and not spec.get("schedulingGates") and "deletionTimestamp" not in pod["metadata"]


def _rank(pod: Manifest) -> tuple[int, str, int]:
    metadata = pod["metadata"]
    return -int(pod["spec"].get("priority", 0)), metadata["creationTimestamp"], int(metadata["resourceVersion"])


def _placing(pod: Manifest) -> tuple[object, ...]:
    spec, status = pod["spec"], section(pod, "status")
    return spec, status.get("nominatedNodeName"), "deletionTimestamp" in pod["metadata"]
