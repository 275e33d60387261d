"""What becomes of nodes, and of their pods: Ready when they join, tainted when cordoned, unreachable when they stay silent."""

from datetime import timedelta

from specs.owners import Manifest
from specs.sections import annotation, entries, is_true
from workers.simulated.api import Api, Where
from workers.simulated.clock import Clock, moment, stamp
from workers.simulated.kinds import NODES, PODS
from workers.simulated.kubelet import LOST
from workers.simulated.objects import Change
from workers.simulated.words import with_condition

CORDONED = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
UNREACHABLE = "node.kubernetes.io/unreachable"
SILENT_SINCE = "sim.espalier.dev/silent-since"
GRACE_S = 40.0
"""Kubernetes waits so long before it calls a silent node lost, and before it removes pods of a node that is gone."""


class Nodes:
    """The node lifecycle controller."""

    def __init__(self, api: Api, clock: Clock, grace_s: float = GRACE_S) -> None:
        self._api, self._clock, self._grace_s = api, clock, grace_s

    def saw(self, change: Change) -> None:
        """Take in one change."""
        if change.plural != "nodes":
            return
        name = change.new["metadata"]["name"]
        if change.type == "DELETED":
            self._clock.later(self._grace_s, lambda: self._sweep(name))
        else:
            self._look(change.new)

    def _look(self, seen: Manifest) -> None:
        node = self._api.objects.now(NODES, seen)
        if node is None:
            return
        lost = annotation(node, LOST) == "true"
        if lost and not annotation(node, SILENT_SINCE):
            self._annotate(node, self._clock.now().isoformat())
        elif not lost and annotation(node, SILENT_SINCE):
            self._annotate(node, None)
        elif lost:
            self._judge(node)
        elif not is_true(node, "Ready"):
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
            self._api.write_status(NODES, node, with_condition(node, ready, self._clock.now()))
        else:
            self._taint(node, silent=False)

    def _annotate(self, node: Manifest, since: str | None) -> None:
        annotations = {**node["metadata"].get("annotations", {}), SILENT_SINCE: since}
        kept = {key: value for key, value in annotations.items() if value is not None}
        self._api.objects.put(NODES, {**node, "metadata": {**node["metadata"], "annotations": kept}})

    def _judge(self, node: Manifest) -> None:
        """A node that is silent: lost once that has lasted too long."""
        name = node["metadata"]["name"]
        left_s = (moment(annotation(node, SILENT_SINCE)) + timedelta(seconds=self._grace_s) - self._clock.now()).total_seconds()
        if left_s > 0:
            self._clock.later(left_s, lambda: self._look(node))
        elif is_true(node, "Ready"):
            unknown = {
                "type": "Ready",
                "status": "Unknown",
                "reason": "NodeStatusUnknown",
                "message": "Kubelet stopped posting node status.",
            }
            self._api.write_status(NODES, node, with_condition(node, unknown, self._clock.now()))
            self._unready_pods(name)
        else:
            self._taint(node, silent=True)

    def _taint(self, node: Manifest, *, silent: bool) -> None:
        own = {CORDONED["key"], UNREACHABLE}
        taints = [each for each in entries(node, "spec", "taints") if each["key"] not in own]
        if node.get("spec", {}).get("unschedulable"):
            taints.append(dict(CORDONED))
        if silent:
            added = {"key": UNREACHABLE, "timeAdded": stamp(self._clock.now())}
            taints += [{**added, "effect": effect} for effect in ("NoSchedule", "NoExecute")]
        if {(each["key"], each["effect"]) for each in taints} != {
            (each["key"], each["effect"]) for each in entries(node, "spec", "taints")
        }:
            spec = {key: value for key, value in node.get("spec", {}).items() if key != "taints"}
            self._api.objects.put(NODES, {**node, "spec": {**spec, **({"taints": taints} if taints else {})}})

    def _unready_pods(self, name: str) -> None:
        for pod in self._api.objects.all(PODS):
            if pod["spec"].get("nodeName") == name and is_true(pod, "Ready"):
                unready = {"type": "Ready", "status": "False"}
                self._api.write_status(PODS, pod, with_condition(pod, unready, self._clock.now()))

    def _sweep(self, name: str) -> None:
        """Pods of a node that is gone, and stays gone, go."""
        if self._api.objects.get(NODES, "", name) is not None:
            return
        for pod in self._api.objects.all(PODS):
            if pod["spec"].get("nodeName") == name:
                where = Where(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"])
                self._api.delete(where, {"gracePeriodSeconds": 0})
