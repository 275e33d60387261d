"""Sets of Grove whose pods share devices are taken over with their claims and ComputeDomains, and go back with them."""

import json

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_devices import EVERYTHING, GANG, OWNERS, PROTECTED, STALE, GroveWithDevices
from tests.workers.grove_left import RUNNING
from tests.workers.grove_set import GROUP, pods, ready
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_adopting import finalizers
from tests.workers.test_grove_claims import claims, devices

__all__ = ["devices"]
pytestmark = [pytest.mark.cluster, pytest.mark.timeout(240)]
DOMAIN = f"ComputeDomain/{GANG}"


async def there(kubectl: Kubectl) -> dict[str, Json]:
    """Metadata of every object that Grove makes for a set."""
    found = json.loads(await kubectl("get", EVERYTHING, "-l", "app.kubernetes.io/part-of=llama", "-o", "json"))["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each["metadata"] for each in found}


def owner(metadata: Json) -> tuple[str, str]:
    """Kind and name."""
    (reference,) = metadata["ownerReferences"]
    return reference["kind"], reference["name"]


async def test_claims_and_compute_domains_are_taken_over_with_their_pods_and_go_back(
    racks: Api, devices: Kubectl, espalier: Command
) -> None:
    grove = GroveWithDevices(racks, devices)
    await grove.leave()
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)}
    await grove.scaled_in()
    made = {name: metadata["uid"] for name, metadata in (await there(devices)).items()}
    assert {f"ResourceClaim/{name}" for name in OWNERS} < made.keys()
    assert "9 pods go on, 0 without a node" in await espalier("adopt", "llama")
    await devices("wait", "pcs/llama", "--for=condition=Ready", "--timeout=60s")
    assert {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)} == before
    found = await there(devices)
    assert {name: metadata["uid"] for name, metadata in found.items()}.items() >= made.items(), "none was made anew"
    assert {owner(found[f"ResourceClaim/{name}"]) for name in OWNERS} == {("PodCliqueSet", "llama")}
    assert found[f"ResourceClaim/{GROUP.partition('/')[2]}-0-outside"]["annotations"]["espalier.dev/shared-by"] == "3"
    assert not found[DOMAIN].get("finalizers")
    await scale(racks, devices)
    assert "5 pods go on" in await espalier("give-back", "llama")
    found = await there(devices)
    kept = {name: whose for name, whose in OWNERS.items() if f"ResourceClaim/{name}" in found}
    assert {name: owner(found[f"ResourceClaim/{name}"]) for name in kept} == kept
    assert len(kept) == len(OWNERS) - 1, "the one of the group replica that was scaled in"
    assert (owner(found[DOMAIN]), found[DOMAIN]["finalizers"]) == (("PodCliqueSet", "llama"), [PROTECTED])
    assert "espalier.dev" not in str([found[f"ResourceClaim/{name}"].get("annotations") for name in kept])
    assert "5 pods go on, 0 without a node" in await espalier("adopt", "llama")
    await eventually(lambda: finalizers(devices, {"espalier.dev/teardown"}))  # before, its end is the garbage collector's work
    await devices("delete", "pcs/llama", "--timeout=60s")
    assert await pods(racks) == []

    async def nothing() -> bool:
        return not await there(devices)

    await eventually(nothing, SETTLED_S)


async def scale(racks: Api, devices: Kubectl) -> None:
    """The group out and in, and the routers down to the one that has the claim of its index."""
    more, third = {"0_decode_2_leader": 1, "0_decode_2_worker": 2}, "llama-0-decode-2-outside"
    await devices("scale", GROUP, "--replicas=3")
    await ready(racks, **RUNNING, **more)
    assert (await claims(devices))[third]["metadata"]["annotations"]["espalier.dev/shared-by"] == "3"
    await devices("scale", GROUP, "--replicas=1")
    await ready(racks, **{name: count for name, count in RUNNING.items() if "decode_1" not in name})

    async def gone() -> bool:
        return not {third, "llama-0-decode-1-outside"} & (await claims(devices)).keys()

    await eventually(gone, SETTLED_S)
    assert STALE in await claims(devices), "a router has it"
