"""Places kept, on a real control plane: pods of others that wait for just that room get none of it during a rollout."""

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, condition, until_nodes_ready
from tests.workers.living import SETTLED_S
from tests.workers.test_golden_rollouts import apply, declared, settled
from workers.simulated.fleets import node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
PODS = "/api/v1/namespaces/default/pods"
HOSTS, OTHERS = 4, 4
POD = {"cpu": "3", "annotations": {"sim.espalier.dev/stop-after": "500ms"}}
"""As a kubelet takes it: a container needs a moment to stop."""


def host(index: int) -> Json:
    return node(f"h-{index}", {}, {"pods": "110", "cpu": "4", "memory": "64Gi"})


def other(index: int) -> Json:
    """As large, of the same priority, and free to go anywhere."""
    container = {"name": "main", "image": "other:1", "resources": {"requests": {"cpu": "3"}}}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"other-{index}"}, "spec": spec}


async def others(api: Api) -> list[Json]:
    return [pod for pod in await api.items(PODS) if pod["metadata"]["name"].startswith("other-")]


async def test_nobody_of_equal_priority_takes_a_place_between_the_old_pod_and_the_new(empty: Api, kubectl: Kubectl) -> None:
    await apply_nodes(empty, [host(index) for index in range(HOSTS)])
    await until_nodes_ready(empty, HOSTS)
    rules = {"maxUnavailable": 2}
    await apply(kubectl, declared("1", {"server": HOSTS}, rules, POD))
    before = await settled(kubectl, empty, {"server": "1" * HOSTS})
    for index in range(OTHERS):
        await apply(kubectl, other(index))

    async def waiting() -> bool:
        return all(condition(pod, "PodScheduled") == "False" for pod in await others(empty))

    await eventually(waiting, SETTLED_S)
    for image in "23":
        await apply(kubectl, declared(image, {"server": HOSTS}, rules, POD))
        after = await settled(kubectl, empty, {"server": image * HOSTS})
        assert {slot: each.node for slot, each in after.items()} == {slot: each.node for slot, each in before.items()}
    assert [pod["spec"].get("nodeName") for pod in await others(empty)] == [None] * OTHERS
    await kubectl("delete", "pod", *(f"other-{index}" for index in range(OTHERS)))
