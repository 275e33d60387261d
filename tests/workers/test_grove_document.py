"""Sentences of docs/grove.md that have no other test on a real API server."""

from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import BASE, GROUP, ROUTER, apply, declared, pods, ready, status
from tests.workers.living import SETTLED_S, Command
from tests.workers.tenancy import is_ready
from workers.simulated.fleets import CLIQUE

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
PRIORITY: Json = {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": {"name": "batch"}, "value": 7}
BINDING: Json = {"apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "racks"}}
RACK, HOST = {"domain": "rack", "key": CLIQUE}, {"domain": "host", "key": "kubernetes.io/hostname"}
LEVELS = "{.status.conditions[?(@.type=='TopologyLevelsUnavailable')].reason}"


async def told(kubectl: Kubectl, name: str, path: str, wanted: str) -> None:
    """An object says so, soon."""
    seen = ""

    async def so() -> bool:
        nonlocal seen
        seen = await kubectl("get", name, "-o", f"jsonpath={path}")
        return seen == wanted

    try:
        await eventually(so, SETTLED_S)
    except AssertionError as error:
        raise AssertionError(f"{name} {path}: wanted {wanted}, saw {seen}") from error


def images(found: list[Json]) -> dict[str, str]:
    """Of routers that are Ready, by UID."""
    routers = [pod for pod in found if pod["metadata"]["labels"]["app"] == "router" and is_ready(pod)]
    return {pod["metadata"]["uid"]: pod["spec"]["containers"][0]["image"] for pod in routers}


def newer(manifest: Json) -> Json:
    manifest["spec"]["template"]["cliques"][0]["spec"]["podSpec"]["containers"][0]["image"] = "server:2"
    return manifest


async def test_what_the_set_says_of_its_parts_is_said_of_them(racks: Api, kubectl: Kubectl) -> None:
    """Annotations, a PriorityClass, what autoscalers may do, and who may evict."""
    await apply(kubectl, PRIORITY)
    made = declared(router=2, group={"annotations": {"example.com/group": "one"}})
    made["metadata"]["annotations"] = {"espalier.dev/evictable": "false"}
    template: dict[str, Any] = made["spec"]["template"]
    template["priorityClassName"] = "batch"
    template["cliques"][0]["annotations"] = {"example.com/clique": "two"}
    template["cliques"][0]["spec"]["autoScalingConfig"] = {"maxReplicas": 4}
    await apply(kubectl, made)
    found = await ready(racks, **{**BASE, "0_router": 2})
    assert {(pod["spec"]["priorityClassName"], pod["spec"]["priority"]) for pod in found} == {("batch", 7)}
    assert {pod["metadata"]["annotations"]["karpenter.sh/do-not-disrupt"] for pod in found} == {"true"}
    said = [pod["metadata"]["annotations"].get("example.com/clique") for pod in found]
    assert said.count("two") == 2
    await kubectl("wait", "--for=create", ROUTER, GROUP, "hpa/llama-0-router", f"--timeout={SETTLED_S}s")
    await told(kubectl, ROUTER, r"{.metadata.annotations.example\.com/clique}", "two")
    await told(kubectl, GROUP, r"{.metadata.annotations.example\.com/group}", "one")
    await told(kubectl, "hpa/llama-0-router", "{.spec.minReplicas}", "2")
    template["cliques"][0]["spec"]["replicas"] = 3
    await apply(kubectl, made)
    await told(kubectl, "hpa/llama-0-router", "{.spec.minReplicas}", "3")
    await kubectl("delete", "pcs/llama", f"--timeout={SETTLED_S}s")
    await kubectl("delete", "priorityclass/batch")


async def test_on_delete_pods_of_a_clique_that_is_deleted_stay_and_a_pod_that_goes_comes_back_new(
    racks: Api, kubectl: Kubectl
) -> None:
    made = declared(router=2, updateStrategy={"type": "OnDelete"})
    await apply(kubectl, made)
    before = images(await ready(racks, **{**BASE, "0_router": 2}))
    await apply(kubectl, newer(made))
    await status(kubectl, "pcs/llama", observedGeneration=2, availableReplicas=1)
    old = await kubectl("get", ROUTER, "-o", "jsonpath={.metadata.uid}")
    await kubectl("delete", ROUTER)

    async def back() -> bool:
        uid = await kubectl("get", ROUTER, "-o", "jsonpath={.metadata.uid}", "--ignore-not-found")
        return uid not in ("", old)

    await eventually(back, SETTLED_S)
    found = await ready(racks, **{**BASE, "0_router": 2})
    assert images(found) == before
    gone = next(pod["metadata"] for pod in found if pod["metadata"]["uid"] in before)
    await kubectl("delete", "pod", gone["name"])

    async def new() -> bool:
        return sorted(images(await pods(racks)).values()) == ["server:1", "server:2"]

    await eventually(new, SETTLED_S)


async def test_an_update_of_a_set_is_undone(racks: Api, kubectl: Kubectl, espalier: Command) -> None:
    await apply(kubectl, declared())
    await ready(racks, **BASE)
    await apply(kubectl, newer(declared()))

    async def has(image: str) -> bool:
        return list(images(await pods(racks)).values()) == [image]

    await eventually(lambda: has("server:2"), SETTLED_S)
    await kubectl("wait", "pcs/llama", "--for=condition=UpdateInProgress=false", f"--timeout={SETTLED_S}s")
    await espalier("rollout", "undo", "llama")
    await eventually(lambda: has("server:1"), SETTLED_S)
    await told(kubectl, "pcs/llama", "{.spec.template.cliques[0].spec.podSpec.containers[0].image}", "server:1")


async def test_bindings_may_come_later_and_lose_levels(racks: Api, kubectl: Kubectl) -> None:
    """What runs stays, and the set says which levels there are."""
    made = declared()
    for each in made["spec"]["template"]["cliques"]:
        each["topologyConstraint"] = {"topologyName": "racks", "pack": {"required": "host"}}
    await apply(kubectl, made)
    await told(kubectl, "pcs/llama", LEVELS, "ClusterTopologyNotFound")
    await apply(kubectl, {**BINDING, "spec": {"levels": [RACK, HOST]}})
    try:
        before = {pod["metadata"]["uid"] for pod in await ready(racks, **BASE)}
        await told(kubectl, "pcs/llama", LEVELS, "AllClusterTopologyLevelsAvailable")
        await apply(kubectl, {**BINDING, "spec": {"levels": [RACK, {**HOST, "domain": "machine"}]}})
        await told(kubectl, "pcs/llama", LEVELS, "ClusterTopologyLevelsUnavailable")
        assert {pod["metadata"]["uid"] for pod in await pods(racks)} == before
        await apply(kubectl, {**BINDING, "spec": {"levels": [RACK, HOST]}})
        await told(kubectl, "pcs/llama", LEVELS, "AllClusterTopologyLevelsAvailable")
    finally:
        await kubectl("delete", "clustertopologybinding/racks")
