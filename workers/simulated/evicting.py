"""Pods leave a node with a NoExecute taint: at once, or when the time for which they tolerate it has passed.

As seen on Kubernetes 1.37: the time counts from when the taint was seen, so it starts anew with a restart; an eviction that is
planned is not moved by a further taint, and is forgotten when nothing asks for it any more. On a silent node such a pod stays
Terminating.
Not here: the pace of evictions when many nodes are lost, and none at all when all are; the out-of-service taint.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from specs.owners import Manifest
from specs.sections import entries
from topology.supply.eligibility import read_rule
from topology.supply.hosts import Taint
from workers.simulated.api import Api, Where
from workers.simulated.clock import Clock
from workers.simulated.kinds import NODES, PODS
from workers.simulated.objects import Change
from workers.simulated.words import event, with_condition

TARGET = {
    "type": "DisruptionTarget", "status": "True",
    "reason": "DeletionByTaintManager", "message": "Taint manager: deleting due to NoExecute taint",
}  # fmt: skip
EVENT = "TaintManagerEviction"


class Evictions:
    """The taint eviction controller."""

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api, self._clock = api, clock
        self._due: dict[str, datetime] = {}

    def saw(self, change: Change) -> None:
        """Take in one change."""
        if change.plural == "nodes" and change.type != "DELETED" and _taints(change.old or {}) != _taints(change.new):
            for pod in self._api.objects.all(PODS):
                if pod["spec"].get("nodeName") == change.new["metadata"]["name"]:
                    self._look(pod)
        elif change.plural == "pods" and change.type == "DELETED":
            self._due.pop(change.new["metadata"]["uid"], None)
        elif change.plural == "pods" and (change.old is None or _staying(change.old) != _staying(change.new)):
            self._look(change.new)

    def _look(self, pod: Manifest) -> None:
        """Evict it, plan to, or give that up."""
        node = self._api.objects.get(NODES, "", pod["spec"].get("nodeName") or "")
        stay_s, planned = stay(pod["spec"], _taints(node or {})), pod["metadata"]["uid"] in self._due
        if stay_s == 0:
            self._evict(pod)
        elif stay_s is not None and not planned:
            self._plan(pod, stay_s)
        elif stay_s is None and planned:
            del self._due[pod["metadata"]["uid"]]
            self._tell(pod, "Cancelling deletion of")

    def _plan(self, pod: Manifest, stay_s: float) -> None:
        due = self._due[pod["metadata"]["uid"]] = self._clock.now() + timedelta(seconds=stay_s)
        self._clock.later(stay_s, self._eviction(pod, due))

    def _eviction(self, pod: Manifest, due: datetime) -> Callable[[], None]:
        def act() -> None:
            if self._due.get(pod["metadata"]["uid"]) == due:
                self._evict(pod)

        return act

    def _evict(self, seen: Manifest) -> None:
        self._due.pop(seen["metadata"]["uid"], None)
        pod = self._api.objects.now(PODS, seen)
        if pod is None or "deletionTimestamp" in pod["metadata"]:
            return
        metadata = pod["metadata"]
        self._tell(pod, "Marking for deletion")
        self._api.write_status(PODS, pod, with_condition(pod, TARGET, self._clock.now()))
        self._api.delete(Where(PODS, metadata["namespace"], metadata["name"]), {})

    def _tell(self, pod: Manifest, what: str) -> None:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        event(self._api, pod, EVENT, f"{what} Pod {name}", self._clock.now())


def stay(spec: Mapping[str, Any], taints: Sequence[Taint]) -> float | None:
    """For how many seconds a pod bears these taints; None: for ever. Of several tolerations for a taint the first one counts."""
    tolerations = list(zip(read_rule(spec).tolerations, entries(spec, "tolerations"), strict=True))
    used = [next((said for toleration, said in tolerations if toleration.covers(taint)), None) for taint in taints]
    if None in used:
        return 0
    limits = [said["tolerationSeconds"] for said in used if said and said.get("tolerationSeconds") is not None]
    return max(0, min(limits)) if limits else None


def _taints(node: Mapping[str, Any]) -> list[Taint]:
    found = (Taint(each["key"], each.get("value") or "", each["effect"]) for each in entries(node, "spec", "taints"))
    return [taint for taint in found if taint.effect == "NoExecute"]


def _staying(pod: Manifest) -> tuple[object, ...]:
    return pod["spec"].get("nodeName"), pod["spec"].get("tolerations")
