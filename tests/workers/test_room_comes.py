"""Gangs that wait go in when room comes, whichever way; and what is deleted while nobody is there goes when somebody is."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, WORKER, Espalier
from tests.workers.living import HOSTS, SETTLED_S, SPACE
from tests.workers.tenancy import SYSTEM, declared, places, ready

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]
NAMES = [f"host-{index}" for index in range(HOSTS)]
TAINT = "team=other"


async def nothing(kubectl: Kubectl) -> None:
    """As it is, there is no room."""


async def tainted(kubectl: Kubectl) -> None:
    await kubectl("taint", "node", *NAMES, f"{TAINT}:NoSchedule")


async def untainted(kubectl: Kubectl) -> None:
    await kubectl("taint", "node", "host-1", "host-2", "team-")


async def labelled(kubectl: Kubectl) -> None:
    await kubectl("label", "node", "host-1", "host-2", "pool=serving", "topology.kubernetes.io/zone=a")


async def taken(kubectl: Kubectl) -> None:
    """By pods of somebody else."""
    container = {"name": "main", "image": "other", "resources": {"requests": {"cpu": "3"}}}
    spec = {"terminationGracePeriodSeconds": 1, "containers": [container]}
    pods = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"other-{name}"}, "spec": {**spec, "nodeName": name}}
        for name in NAMES
    ]
    await kubectl("apply", "-f", "-", given=yaml.safe_dump_all(pods))


async def given_back(kubectl: Kubectl) -> None:
    await kubectl("delete", "pod", "other-host-1", "other-host-2")


async def cordoned(kubectl: Kubectl) -> None:
    await kubectl("cordon", *NAMES)


async def uncordoned(kubectl: Kubectl) -> None:
    await kubectl("uncordon", "host-1", "host-2")


Hand = Callable[[Kubectl], Awaitable[None]]
POOL: dict[str, Any] = {"pod": {"nodeSelector": {"pool": "serving"}}}
#                     why there is none   what is declared besides     how it comes
WAYS: dict[str, tuple[Hand, dict[str, Any], Hand]] = {
    "a taint is lifted":  (tainted,  {},                            untainted),
    "a node is labelled": (nothing,  POOL,                          labelled),
    "a domain is named":  (nothing,  {"place": {"within": "zone"}}, labelled),
    "pods go":            (taken,    {},                            given_back),
    "a node is uncordoned": (cordoned, {},                          uncordoned),
}  # fmt: skip


@pytest.mark.parametrize(("before", "more", "comes"), WAYS.values(), ids=WAYS)
async def test_room_comes(before: Hand, more: dict[str, Any], comes: Hand, tenant: Kubectl) -> None:
    await before(tenant)
    await tenant("apply", "-f", "-", given=declared(2, cpu="4", **more))
    await tenant("wait", SYSTEM, "--for=jsonpath={.status.phase}=Waiting", f"--timeout={SETTLED_S}s")

    async def told() -> bool:
        events = await tenant(
            "get", "events", "--field-selector=reason=Unschedulable", "-o", "jsonpath={.items[*].involvedObject.kind}"
        )
        return events.split().count("Pod") == 2

    await eventually(told, SETTLED_S)
    gates = "jsonpath={.items[*].spec.schedulingGates[*].name}"
    assert (await tenant("get", "pods", "-l", "espalier.dev/system=llama", "-o", gates)).split() == ["espalier.dev/placement"] * 2
    await comes(tenant)
    await ready(tenant, 2)
    assert await places(tenant) == ["host-1", "host-2"]


async def test_who_waits_goes_in_by_priority_and_then_by_age(tenant: Kubectl) -> None:
    await cordoned(tenant)
    for name, priority in (("oldest", 0), ("newer", 0), ("urgent", 5)):
        manifest: Json = yaml.safe_load(declared(1, cpu="4", priority=priority))
        manifest["metadata"]["name"] = name
        await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
        await tenant("wait", f"isys/{name}", "--for=jsonpath={.status.phase}=Waiting", f"--timeout={SETTLED_S}s")
    for name, host in (("urgent", "host-0"), ("oldest", "host-1"), ("newer", "host-2")):
        await tenant("uncordon", host)
        await tenant("wait", f"isys/{name}", "--for=condition=Ready", f"--timeout={SETTLED_S}s")
        assert (
            await tenant("get", "pods", "-l", f"espalier.dev/system={name}", "-o", "jsonpath={.items[*].spec.nodeName}") == host
        )


async def test_a_namespace_that_is_deleted_while_nobody_is_there_goes_when_somebody_is(
    tenant: Kubectl, empty: Api, house: Espalier
) -> None:
    await tenant("apply", "-f", "-", given=declared(3, cpu="1"))
    await ready(tenant, 3)
    for name in (AGENT, WORKER):
        house.process(name).kill()
    await tenant("delete", "namespace", SPACE, "--wait=false")
    for name in (WORKER, AGENT):
        house.process(name).start()
    await tenant("wait", f"namespace/{SPACE}", "--for=delete", "--timeout=90s")
    assert await empty.items("/api/v1/pods") == []
    assert await empty.items("/apis/espalier.dev/v1alpha1/placements") == []
