"""Grove's own definitions stay as they are until somebody puts Espalier's in their place; what they hold lives through both."""

import json
from collections.abc import Iterator

import pytest
import pytest_asyncio
import yaml

from specs.grove_crds import grove_crds
from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.binary import Unavailable
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.plugin import excuse
from tests.running import AGENT, Espalier
from tests.workers.grove_left import RUNNING, Grove, left_behind
from tests.workers.grove_set import GROUP, apply, ready, status
from tests.workers.living import SETTLED_S, Command, served
from tests.workers.test_adopting import LEVELS

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]
ANYTHING: Json = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
KINDS = "podcliquesets,podcliques,podcliquescalinggroups,podgangs,clustertopologybindings"
NAMES = [each["metadata"]["name"] for each in grove_crds()]
ERRORS = [{"code": "ERR_SYNC", "description": "of long ago", "observedAt": "2026-01-01T00:00:00Z"}]
SET = "/apis/grove.io/v1alpha1/namespaces/default/podcliquesets/llama"


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    """One whose definitions are this module's own."""
    try:
        cluster = ControlPlane().start()
    except Unavailable as reason:
        excuse(reason)
    yield cluster
    cluster.stop()


@pytest_asyncio.fixture
async def kubectl(control_plane: ControlPlane) -> Kubectl:
    """With Grove's definitions, as its chart has put them there: served as Espalier's are, and open to more."""
    run = Kubectl(control_plane.access.kubeconfig)
    await apply(run, {"apiVersion": "v1", "kind": "List", "items": [as_groves(each) for each in grove_crds()]})
    await run("wait", "--for=condition=Established", *(f"crd/{name}" for name in NAMES), f"--timeout={SETTLED_S}s")
    return run


def as_groves(ours: Json) -> Json:
    """Without what Espalier marks its own by, and with a schema that refuses nothing."""
    annotations = {"controller-gen.kubebuilder.io/version": "v0.22.0"}
    (version,) = ours["spec"]["versions"]
    open_to_all = {"openAPIV3Schema": {**ANYTHING, "properties": {"spec": ANYTHING, "status": ANYTHING}}}
    versions: list[Json] = [{**version, "schema": open_to_all, "additionalPrinterColumns": []}]
    metadata = {"name": ours["metadata"]["name"], "annotations": annotations}
    return {**ours, "metadata": metadata, "spec": {**ours["spec"], "versions": versions}}


class Defaulted(Grove):
    """Its webhook writes defaults into what a user applies."""

    def manifest(self) -> Json:
        made = left_behind()
        made["spec"]["updateStrategy"] = {"type": "RollingRecreate"}
        made["spec"]["template"] |= {
            "terminationDelay": "4h0m0s", "headlessServiceConfig": {"publishNotReadyAddresses": True},
        }  # fmt: skip
        for each in made["spec"]["template"]["cliques"]:
            each["spec"]["podSpec"]["restartPolicy"] = "Always"
            each["spec"].setdefault("minAvailable", each["spec"]["replicas"])
        return made


async def said(kubectl: Kubectl) -> dict[str, Json]:
    """The spec of every object of Grove's kinds."""
    found = json.loads(await kubectl("get", KINDS, "-A", "-o", "json"))["items"]
    return {f"{each['kind']}/{each['metadata']['name']}": each["spec"] for each in found}


async def taken_over(kubectl: Kubectl) -> bool:
    """Every clique's object says what the set, with its defaults, says of it."""
    cliques = (spec for name, spec in (await said(kubectl)).items() if name.startswith("PodClique/"))
    return all(spec["podSpec"].get("restartPolicy") for spec in cliques)


async def generations(kubectl: Kubectl) -> dict[str, int]:
    """Of Grove's definitions."""
    found = json.loads(await kubectl("get", "crd", *NAMES, "-o", "json"))["items"]
    return {each["metadata"]["name"]: each["metadata"]["generation"] for each in found}


async def test_what_grove_defined_stays_until_it_is_replaced_and_what_it_holds_lives_on(
    control_plane: ControlPlane, racks: Api, kubectl: Kubectl
) -> None:
    await Defaulted(racks, kubectl).leave()
    await apply(kubectl, LEVELS)
    await racks.patch(f"{SET}/status", {"status": {"lastErrors": ERRORS, "podGangStatuses": []}})
    before = await generations(kubectl)
    with Espalier(control_plane.access.kubeconfig) as house:
        espalier = Command(house.environment)
        await kubectl("wait", "--for=create", "crd/inferencesystems.espalier.dev", f"--timeout={SETTLED_S}s")
        assert "9 pods go on, 0 without a node" in await espalier("adopt", "llama")
        await kubectl("wait", "pcs/llama", "--for=condition=Ready", f"--timeout={SETTLED_S}s")
        assert await generations(kubectl) == before
        await eventually(lambda: taken_over(kubectl), SETTLED_S)
        pods, specs = {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)}, await said(kubectl)
        await kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=await espalier("crds"))
        await eventually(lambda: served(racks), SETTLED_S)
        assert await said(kubectl) == specs
        await scaled_and_edited(racks, kubectl)
        assert {pod["metadata"]["uid"] for pod in await ready(racks, **RUNNING)} >= pods
        told = json.loads(await kubectl("get", "pcs/llama", "-o", "json"))["status"]
        assert told.keys().isdisjoint(("lastErrors", "podGangStatuses"))
        await kept_up_to_date(kubectl, house)
        uninstalled = await espalier("uninstall", "--yes", "--kubeconfig", str(control_plane.access.kubeconfig))
        assert all(f"CustomResourceDefinition {name} is deleted" in uninstalled for name in NAMES)
    assert {pod["metadata"]["uid"] for pod in await racks.items("/api/v1/namespaces/default/pods")} >= pods


async def scaled_and_edited(racks: Api, kubectl: Kubectl) -> None:
    """Out and in again; and a field of the set's."""
    await kubectl("scale", GROUP, "--replicas=3")
    await ready(racks, **RUNNING, **{"0_decode_2_leader": 1, "0_decode_2_worker": 2})
    await kubectl("scale", GROUP, "--replicas=2")
    await ready(racks, **RUNNING)
    await kubectl("patch", "pcs/llama", "--type=merge", "-p", json.dumps({"spec": {"template": {"terminationDelay": "1h"}}}))
    generation = int(await kubectl("get", "pcs/llama", "-o", "jsonpath={.metadata.generation}"))
    await status(kubectl, "pcs/llama", observedGeneration=generation, availableReplicas=1)
    wrong = yaml.safe_dump({**left_behind(), "spec": {"replicas": -1, "template": {"cliques": []}}})
    assert "should be greater than or equal to 0" in await kubectl("apply", "-f", "-", given=wrong, code=1)


async def kept_up_to_date(kubectl: Kubectl, house: Espalier) -> None:
    """What an older Espalier has left out of a definition is there once the agent starts."""
    name = "crd/podgangs.scheduler.grove.io"
    await kubectl("patch", name, "--type=json", "-p", '[{"op": "remove", "path": "/spec/names/shortNames"}]')
    house.process(AGENT).restart()

    async def again() -> bool:
        return "pg" in await kubectl("get", name, "-o", "jsonpath={.spec.names.shortNames}")

    await eventually(again, SETTLED_S)
