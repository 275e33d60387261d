"""A PodCliqueSet that asks for warm-up by annotation, on a cluster in memory: its nodes are warmed up before its pods start."""

import yaml

from activities.cluster.kube import PODS
from activities.messages import Order, Record
from specs.names import WARM_UP
from specs.sections import label
from tests.activities.gardener import Gardener
from tests.activities.test_repair import running, zones
from tests.specs.test_podcliqueset import one


class SetGardener(Gardener):
    """Keeps a PodCliqueSet as declared."""

    @property
    def order(self) -> Order:
        return super().order.model_copy(update={"kind": "PodCliqueSet"})

    async def do(self, step: str) -> None:
        if step != "record":
            await super().do(step)
            return
        recorded = await self.agent.record.record(Record(order=self.order, manifest=self.system.written()))
        self.uid, self.versions = recorded.uid, {**self.versions, **recorded.versions}


def declared(**powers: str) -> str:
    """Two pods of one clique; `powers`: annotations."""
    pod = {"containers": [{"name": "main", "image": "server:1", "resources": {"requests": {"cpu": "40"}}}]}
    clique = {"name": "server", "spec": {"roleName": "server", "replicas": 2, "podSpec": pod}}
    annotations = {f"espalier.dev/{field}": text for field, text in powers.items()}
    metadata = {"name": "llama", "annotations": annotations}
    spec = {"replicas": 1, "template": {"cliques": [clique]}}
    return yaml.safe_dump({"apiVersion": "grove.io/v1alpha1", "kind": "PodCliqueSet", "metadata": metadata, "spec": spec})


async def test_nodes_of_a_set_are_warmed_up_before_its_pods_start_there() -> None:
    cluster = zones(4)
    for found in cluster.objects.values():
        if found.get("kind") == "Node":
            found["status"]["allocatable"]["pods"] = "2"
    async with running(cluster) as agent:
        gardener = SetGardener(agent, one(declared(warmUp="{within: 60s}")))
        await gardener.until({"ready": 2})
        assert gardener.problems == []
    first: dict[str, str] = {}
    for _, kind, event in cluster.log:
        if kind == PODS and (node := event.object["spec"].get("nodeName")):
            first.setdefault(node, label(event.object, WARM_UP))
    assert [bool(warms) for warms in first.values()] == [True, True], "on each node the first pod is the one that warms it up"
