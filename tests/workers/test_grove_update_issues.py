"""What goes wrong in Grove while templates change: a test named after each of its issues, with kubectl, on a real API server."""

import json

import pytest

from specs.reading import read
from specs.revisions import revision_hash
from specs.sections import section
from specs.system import InferenceSystem
from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, Espalier
from tests.running import WORKER as PROCESS
from tests.workers.grove_set import BASE, apply, declared, pods, ready, status
from tests.workers.living import SETTLED_S
from tests.workers.tenancy import is_ready

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
SECOND, THIRD, SLOW = "server:2", "server:3", "server:slow"


def changed(image: str, ready_after: str = "", cliques: tuple[str, ...] = ("router", "leader", "worker")) -> Json:
    """Two routers and two groups, with this image in these cliques."""
    manifest = declared(router=2)
    for each in manifest["spec"]["template"]["cliques"]:
        if each["name"] in cliques:
            each["spec"]["podSpec"]["containers"][0]["image"] = image
            each["annotations"] = {"sim.espalier.dev/ready-after": ready_after} if ready_after else {}
    return manifest


TWO = {**BASE, "0_router": 2}


async def test_400_an_edit_in_the_middle_of_an_update_sticks_and_what_is_right_stays(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, changed("server:1"))
    await ready(racks, **TWO)
    await apply(kubectl, changed(SECOND, ready_after="1s", cliques=("router",)))
    await eventually(lambda: some(racks, SECOND), SETTLED_S)
    both = changed(SECOND, ready_after="1s", cliques=("router",))
    for each in both["spec"]["template"]["cliques"]:
        if each["name"] == "worker":
            each["spec"]["podSpec"]["containers"][0]["image"] = THIRD
    right = {pod["metadata"]["uid"] for pod in await pods(racks) if image(pod) == SECOND}
    await apply(kubectl, both)
    await ended(kubectl, both)
    found = await ready(racks, **TWO)
    assert {image(pod) for pod in found if "worker" in pod["metadata"]["name"]} == {THIRD}
    assert {image(pod) for pod in found if "router" in pod["metadata"]["name"]} == {SECOND}
    assert right <= {pod["metadata"]["uid"] for pod in found}, "a pod that was right already was restarted"


async def test_565_a_second_edit_does_not_take_all_roles_down(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, changed("server:1"))
    await ready(racks, **TWO)
    await apply(kubectl, changed(SECOND, ready_after="1s"))
    await eventually(lambda: some(racks, SECOND), SETTLED_S)
    await apply(kubectl, changed(THIRD, ready_after="1s"))
    least = {"router": 2, "decode": 2}

    async def over() -> bool:
        whole = [pod for pod in await pods(racks) if is_ready(pod)]
        least["router"] = min(least["router"], sum("router" in pod["metadata"]["name"] for pod in whole))
        least["decode"] = min(least["decode"], sum("leader" in pod["metadata"]["name"] for pod in whole))
        return await has_ended(kubectl, changed(THIRD, ready_after="1s"))

    await eventually(over, SETTLED_S)
    assert {image(pod) for pod in await ready(racks, **TWO)} == {THIRD}
    assert least == {"router": 1, "decode": 1}


async def test_786_an_update_has_not_ended_while_what_is_new_is_not_ready(racks: Api, kubectl: Kubectl) -> None:
    await apply(kubectl, changed("server:1"))
    await ready(racks, **TWO)
    await apply(kubectl, changed(SLOW, ready_after="600s", cliques=("worker",)))
    await kubectl("wait", "pcs/llama", "--for=condition=UpdateInProgress", "--timeout=60s")
    await eventually(lambda: some(racks, SLOW), SETTLED_S)
    await status(kubectl, "pcsg/llama-0-decode", availableReplicas=1, updatedReplicas=1)
    assert not await has_ended(kubectl, changed(SLOW, ready_after="600s", cliques=("worker",)))
    await kubectl("wait", "pclq/llama-0-decode-0-worker", "--for=condition=MinAvailableBreached=Unknown", "--timeout=60s")
    await apply(kubectl, changed("server:1"))
    await ended(kubectl, changed("server:1"))


async def test_8171_an_update_keeps_the_places(racks: Api, kubectl: Kubectl) -> None:
    """Of dynamo: placement is not lost to an update."""
    await apply(kubectl, changed("server:1"))
    before = {pod["spec"]["hostname"]: pod["spec"]["nodeName"] for pod in await ready(racks, **TWO)}
    await apply(kubectl, changed(SECOND))
    await ended(kubectl, changed(SECOND))
    found = await ready(racks, **TWO)
    assert {image(pod) for pod in found} == {SECOND}
    assert {pod["spec"]["hostname"]: pod["spec"]["nodeName"] for pod in found} == before


async def test_709_a_restart_of_espalier_rolls_nothing(racks: Api, kubectl: Kubectl, house: Espalier) -> None:
    await apply(kubectl, changed("server:1"))
    before = {pod["metadata"]["uid"] for pod in await ready(racks, **TWO)}
    await status(kubectl, "pclq/llama-0-router", readyReplicas=2)
    for name in (PROCESS, AGENT):
        house.process(name).kill()
        house.process(name).start()
    await kubectl("annotate", "pcs/llama", "looked=at")
    await kubectl("scale", "pclq/llama-0-router", "--replicas=3")
    assert before < {pod["metadata"]["uid"] for pod in await ready(racks, **{**TWO, "0_router": 3})}
    hashed = await kubectl("get", "pcs/llama", "-o", "jsonpath={.status.currentGenerationHash}")
    assert hashed == hash_of(changed("server:1"))


def image(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


async def some(api: Api, wanted: str) -> bool:
    return wanted in {image(pod) for pod in await pods(api)}


def hash_of(manifest: Json) -> str:
    """Of what the user wrote, and of nothing else."""
    (system,) = read(json.dumps(manifest), "llama")
    assert isinstance(system, InferenceSystem)
    return revision_hash(system.spec)


async def has_ended(kubectl: Kubectl, manifest: Json) -> bool:
    """The update to this one."""
    told = section(json.loads(await kubectl("get", "pcs/llama", "-o", "json")), "status")
    whole = told.get("updatedReplicas") == 1 and told.get("currentGenerationHash") == hash_of(manifest)
    return whole and bool(section(told, "updateProgress").get("updateEndedAt"))


async def ended(kubectl: Kubectl, manifest: Json) -> None:
    await eventually(lambda: has_ended(kubectl, manifest), SETTLED_S)
