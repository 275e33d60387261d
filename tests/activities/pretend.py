"""Pretended scheduler and kubelets for a `MemoryCluster`: pinned pods are bound or refused, bound ones become Ready."""

import asyncio
from collections import Counter

from activities.cache.pods import pin_of
from activities.cluster.kube import NODES, PODS, Manifest
from tests.activities.memory_kube import MemoryCluster

POLL_S = 0.002


def node(name: str, pods: int = 1) -> Manifest:
    ready = {"type": "Ready", "status": "True"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {},
        "status": {"allocatable": {"pods": str(pods), "cpu": "64", "memory": "256Gi"}, "conditions": [ready]},
    }


class Kubelets:
    """Turns the wheels once a poll. `ready` off keeps pods from becoming Ready; `finishing` off keeps them from leaving."""

    def __init__(self, cluster: MemoryCluster) -> None:
        self.cluster = cluster
        self.ready = True
        self.finishing = True

    async def run(self) -> None:
        while True:
            self.turn()
            await asyncio.sleep(POLL_S)

    def turn(self) -> None:
        if self.finishing:
            self.cluster.finish()
        used = Counter(pod["spec"].get("nodeName") for pod in self.cluster.all(PODS))
        for pod in self.cluster.all(PODS):
            if not pod["spec"].get("schedulingGates") and not pod["spec"].get("nodeName"):
                self._schedule(pod, used)
            elif self.ready and pod["spec"].get("nodeName") and pod.get("status", {}).get("phase") != "Failed":
                self._status(pod, {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]})

    def _schedule(self, pod: Manifest, used: "Counter[str | None]") -> None:
        name = pin_of(pod["spec"])
        found = self.cluster.objects.get(("nodes", "", name))
        room = found is not None and used[name] < int(found["status"]["allocatable"]["pods"])
        if found is None or not room or found["spec"].get("unschedulable"):
            why = {
                "type": "PodScheduled",
                "status": "False",
                "reason": "Unschedulable",
                "message": f"0/9 nodes: {name} has no room",
            }
            self._status(pod, {"phase": "Pending", "conditions": [why]})
            return
        used[name] += 1
        self.cluster.change(PODS, pod["metadata"]["name"], {"spec": {"nodeName": name}}, pod["metadata"]["namespace"])

    def _status(self, pod: Manifest, status: Manifest) -> None:
        if pod.get("status", {}).get("conditions") != status["conditions"]:
            self.cluster.change(PODS, pod["metadata"]["name"], {"status": status}, pod["metadata"]["namespace"])


def foreign(name: str, node_name: str) -> Manifest:
    """A bound pod that is not ours."""
    return {
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": node_name, "containers": []},
        "status": {"phase": "Running"},
    }


__all__ = ["NODES", "Kubelets", "foreign", "node"]
