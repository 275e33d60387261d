"""What a server must do with pods for gates, pins and nominations to work, as Kubernetes 1.37 does."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from functools import partial

import pytest
import pytest_asyncio

from activities.cluster.http import HttpKube
from activities.cluster.kube import NODES, PODS, Manifest, NotThere, Overtaken, Refused
from tests.activities.port import GATE, condition, eventually, gated_pod, pinned, release
from workers.simulated.fleets import node

CAPACITY = {"cpu": "4", "memory": "16Gi", "pods": "110"}


@pytest_asyncio.fixture
async def nodes(kube: HttpKube) -> AsyncIterator[tuple[str, str]]:
    """The names of two Ready nodes of four CPUs, which no other test knows."""
    prefix = f"port-{uuid.uuid4().hex[:8]}"
    names = (f"{prefix}-a", f"{prefix}-b")
    for name in names:
        await kube.create(NODES, node(name, {"only-for": prefix}, CAPACITY))
        await eventually(partial(_node_ready, kube, name))
    yield names
    for name in names:
        await kube.delete(NODES, name)


async def _node_ready(kube: HttpKube, name: str) -> bool:
    found = await kube.get(NODES, name)
    return condition(found, "Ready").get("status") == "True" and not found["spec"].get("taints")


async def pod_when(kube: HttpKube, room: str, name: str, kind: str, status: str) -> Manifest:
    """The pod once it has this condition."""

    async def look() -> Manifest | None:
        try:
            found = await kube.get(PODS, name, room)
        except NotThere:
            return None
        return found if condition(found, kind).get("status") == status else None

    found: Manifest = await eventually(look)
    return found


async def test_a_gated_pod_waits_and_says_so(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    del nodes
    await kube.create(PODS, gated_pod(room, "one"))
    found = await pod_when(kube, room, "one", "PodScheduled", "False")
    assert condition(found, "PodScheduled")["reason"] == "SchedulingGated"
    assert "nodeName" not in found["spec"]


async def test_ungated_and_pinned_in_one_patch_it_goes_there(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    await kube.create(PODS, gated_pod(room, "one"))
    await kube.patch(PODS, "one", release(nodes[1]), room)
    found = await pod_when(kube, room, "one", "Ready", "True")
    assert found["spec"]["nodeName"] == nodes[1]
    with pytest.raises(Overtaken):
        await kube.patch(PODS, "one", release(nodes[0]), room)


async def test_created_pinned_it_goes_there(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    pod = gated_pod(room, "one")
    pod["spec"] |= {"schedulingGates": [], "affinity": {"nodeAffinity": pinned(nodes[1])}}
    await kube.create(PODS, pod)
    assert (await pod_when(kube, room, "one", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[1]


async def test_a_pin_is_for_good(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    pod = gated_pod(room, "one")
    pod["spec"]["affinity"] = {"nodeAffinity": pinned(nodes[0])}
    await kube.create(PODS, pod)
    for change in (
        {"op": "replace", "path": "/spec/affinity/nodeAffinity", "value": pinned(nodes[1])},
        {"op": "remove", "path": "/spec/affinity"},
    ):
        with pytest.raises(Refused) as refusal:
            await kube.patch(PODS, "one", [{"op": "test", "path": "/metadata/name", "value": "one"}, change], room)
        assert refusal.value.status == 422
        assert not isinstance(refusal.value, Overtaken)


async def test_a_pin_goes_into_the_pods_own_terms_only(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    own = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
    pod = gated_pod(room, "one")
    terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms"
    pod["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [own]}}}
    await kube.create(PODS, pod)
    ungate = release(nodes[0])[:2]
    pin = pinned(nodes[0])["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"][0]
    with pytest.raises(Refused):
        await kube.patch(PODS, "one", [*ungate, {"op": "add", "path": f"{terms}/-", "value": pin}], room)
    await kube.patch(PODS, "one", [*ungate, {"op": "add", "path": f"{terms}/0/matchFields", "value": pin["matchFields"]}], room)
    assert (await pod_when(kube, room, "one", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[0]


@pytest.mark.parametrize(
    ("change", "allowed"),
    [
        ({"nodeSelector": {"only-for": "somebody"}}, True),
        ({"tolerations": [{"key": "spare", "operator": "Exists"}]}, True),
        ({"schedulerName": "another"}, False),
        ({"priorityClassName": "system-node-critical"}, False),
        ({"schedulingGates": [{"name": GATE}, {"name": "port.espalier.dev/more"}]}, False),
    ],
    ids=["nodeSelector", "toleration", "schedulerName", "priority", "another gate"],
)
async def test_what_a_gated_pod_lets_be_changed(kube: HttpKube, room: str, change: Manifest, allowed: bool) -> None:
    made = await kube.create(PODS, gated_pod(room, "one"))
    if "tolerations" in change:
        change = {"tolerations": [*made["spec"].get("tolerations", []), *change["tolerations"]]}
    if allowed:
        await kube.patch(PODS, "one", {"spec": change}, room)
        return
    with pytest.raises(Refused) as refusal:
        await kube.patch(PODS, "one", {"spec": change}, room)
    assert refusal.value.status in (403, 422)


async def test_a_nomination_keeps_others_out(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    await kube.create(PODS, gated_pod(room, "held", cpu="3"))
    held = await kube.patch(PODS, "held", {"status": {"nominatedNodeName": nodes[0]}}, room, "status")
    assert held["status"]["nominatedNodeName"] == nodes[0]
    await kube.create(PODS, gated_pod(room, "large", cpu="3"))
    await kube.patch(PODS, "large", release(nodes[0]), room)
    refused = await pod_when(kube, room, "large", "PodScheduled", "False")
    await eventually(lambda: _refused(kube, room, "large"))
    assert "nodeName" not in refused["spec"]
    await kube.create(PODS, gated_pod(room, "small", cpu="1"))
    await kube.patch(PODS, "small", release(nodes[0]), room)
    assert (await pod_when(kube, room, "small", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[0]
    await kube.patch(PODS, "held", release(nodes[0]), room)
    assert (await pod_when(kube, room, "held", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[0]


async def test_a_nomination_can_be_moved(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    await kube.create(PODS, gated_pod(room, "held", cpu="3"))
    for name in nodes:
        await kube.patch(PODS, "held", {"status": {"nominatedNodeName": name}}, room, "status")
    await kube.create(PODS, gated_pod(room, "other", cpu="3"))
    await kube.patch(PODS, "other", release(nodes[0]), room)
    assert (await pod_when(kube, room, "other", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[0]


async def test_a_pin_to_a_full_node_is_refused_in_words_and_heals(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    for name in ("first", "second"):
        await kube.create(PODS, gated_pod(room, name, cpu="3"))
    await kube.patch(PODS, "first", release(nodes[0]), room)
    await pod_when(kube, room, "first", "PodScheduled", "True")
    await kube.patch(PODS, "second", release(nodes[0]), room)
    refusal = await eventually(lambda: _refused(kube, room, "second"))
    assert "Insufficient cpu" in refusal
    await kube.delete(PODS, "first", room)
    assert (await pod_when(kube, room, "second", "PodScheduled", "True"))["spec"]["nodeName"] == nodes[0]


async def _refused(kube: HttpKube, room: str, name: str) -> str:
    scheduled = condition(await kube.get(PODS, name, room), "PodScheduled")
    return str(scheduled.get("message", "")) if scheduled.get("reason") == "Unschedulable" else ""


async def test_many_releases_at_once_are_all_bound(kube: HttpKube, room: str, nodes: tuple[str, str]) -> None:
    names = [f"pod-{index}" for index in range(20)]
    await asyncio.gather(*(kube.create(PODS, gated_pod(room, name, cpu="10m")) for name in names))
    await asyncio.gather(*(kube.patch(PODS, name, release(nodes[index % 2]), room) for index, name in enumerate(names)))
    for index, name in enumerate(names):
        assert (await pod_when(kube, room, name, "Ready", "True"))["spec"]["nodeName"] == nodes[index % 2]
