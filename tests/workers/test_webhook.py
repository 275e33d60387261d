"""What the API server is told not to store, by kubectl on a real control plane; and that a dead Espalier holds up nobody."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import yaml

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from specs.admission import configuration
from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.ports import free_ports
from tests.running import AGENT, Espalier
from tests.workers.grove_set import BASE, apply, declared, ready
from tests.workers.living import SETTLED_S
from workers.definitions import tell_of_webhook

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
WEBHOOK = "validatingwebhookconfiguration/espalier-webhook"
LEVELS = [{"domain": "zone", "key": "topology.kubernetes.io/zone"}, {"domain": "rack", "key": "nvidia.com/gpu.clique"}]
BINDING: Json = {
    "apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "fabric"},
    "spec": {"levels": [*LEVELS, {"domain": "host", "key": "kubernetes.io/hostname"}]},
}  # fmt: skip
POD = {"spec": {"containers": [{"name": "main", "image": "server:1"}]}}


@pytest.fixture(scope="module")
def house(control_plane: Cluster) -> Iterator[Espalier]:
    """Temporal, a worker, and an agent that the API server asks."""
    (port,) = free_ports(1)
    asked = {"ESPALIER_WEBHOOK_PORT": str(port), "ESPALIER_WEBHOOK_URL": f"https://127.0.0.1:{port}"}
    with Espalier(control_plane.access.kubeconfig, asked) as running:
        yield running
    asyncio.run(Kubectl(control_plane.access.kubeconfig)("delete", WEBHOOK, "--ignore-not-found"))


@pytest_asyncio.fixture
async def asked(racks: Api, kubectl: Kubectl) -> AsyncIterator[Kubectl]:
    """kubectl, once the webhook is there and a binding known to it."""
    del racks
    await apply(kubectl, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "espalier-system"}})
    await kubectl("wait", "--for=create", WEBHOOK, f"--timeout={SETTLED_S}s")
    await apply(kubectl, BINDING)

    async def known() -> bool:
        try:
            await kubectl("apply", "--dry-run=server", "-f", "-", given=yaml.safe_dump(packed("nowhere")), code=1)
        except AssertionError:  # it was taken
            return False
        return True

    await eventually(known, SETTLED_S)
    yield kubectl
    await kubectl("delete", "ct/fabric", "--ignore-not-found")


def packed(around: str, inner: str = "") -> Json:
    """A set within one level, its group within another."""
    made = declared(group={"topologyConstraint": {"pack": {"required": inner}}} if inner else None)
    made["spec"]["template"]["topologyConstraint"] = {"topologyName": "fabric", "pack": {"required": around}}
    return made


def waiting(name: str, **after: str) -> Json:
    """A set whose cliques wait for one another."""
    made = declared()
    made["spec"]["template"]["cliqueStartupType"] = "CliqueStartupTypeExplicit"
    for clique in made["spec"]["template"]["cliques"]:
        clique["spec"]["startsAfter"] = [after[clique["name"]]] if clique["name"] in after else []
    made["metadata"]["name"] = name
    return made


def system(**spec: Any) -> Json:
    """An InferenceSystem of two roles."""
    members = [{"role": "a", "after": ["b"], "template": POD}, {"role": "b", "after": ["a"], "template": POD}]
    manifest = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "other"}}
    return {**manifest, "spec": {"start": "explicit", "members": members, **spec}}


def shared() -> Json:
    made = declared()
    made["spec"]["template"]["resourceSharing"] = [
        {"name": "x", "scope": "PerReplica", "filter": {"childCliqueNames": ["ruter"]}}
    ]
    return made


REFUSED: dict[str, tuple[Json, str]] = {
    "a ring of cliques": (waiting("llama", router="leader", leader="router"), "clique must not have circular dependencies"),
    "a ring of roles": (system(), "wait for each other"),
    "an unknown level": (packed("rak"), "this fabric has no level 'rak', only zone, rack, host; did you mean 'rack'?"),
    "a group broader than its set": (packed("rack", "zone"), "must be within one zone, which is broader than the rack around it"),
    "a filter of nobody": (shared(), "filter.childCliqueNames names 'ruter', which is not found; did you mean 'router'?"),
}


async def test_what_no_schema_can_tell_is_refused_and_not_stored(asked: Kubectl) -> None:
    for name, (manifest, sentence) in REFUSED.items():
        said = await apply(asked, manifest, code=1)
        assert ("admission webhook" in said, sentence in said) == (True, True), f"{name}: {said}"
    assert not await asked("get", "isys,pcs", "-o", "name")


async def test_what_is_sound_passes_and_what_is_fixed_stays(asked: Kubectl, racks: Api) -> None:
    assert "Warning" not in await apply(asked, packed("rack"))
    await ready(racks, **BASE)
    other = packed("rack")
    for clique in other["spec"]["template"]["cliques"]:
        clique["spec"]["podSpec"]["schedulerName"] = "volcano"
    assert "schedulerName: field is immutable" in await apply(asked, other, code=1)
    second = system(members=[{"role": "a", "template": POD}], start="anyOrder")
    second["metadata"]["name"] = "llama"
    assert "the PodCliqueSet 'llama' runs under this name already" in await apply(asked, second, code=1)
    await asked("label", "pcs/llama", "team=red")
    await asked("delete", "pcs/llama", "--timeout=60s")


async def test_what_has_no_effect_is_taken_with_a_warning(asked: Kubectl) -> None:
    made = packed("rack")
    made["spec"]["template"]["topologyConstraint"]["pack"]["preferred"] = "zone"
    made["spec"]["template"]["cliques"][1]["spec"]["podSpec"]["restartPolicy"] = "Never"
    said = await apply(asked, made)
    assert "Warning: spec.template.cliques[1].spec.podSpec.restartPolicy: restartPolicy Never will be ignored" in said
    assert "Warning: spec.template.topologyConstraint.pack: preferred 'zone' is redundant" in said


async def test_while_nobody_answers_nobody_is_held_up(asked: Kubectl, racks: Api, house: Espalier) -> None:
    house.process(AGENT).kill()
    await apply(asked, packed("rack"))
    await apply(asked, system())
    await asked("delete", "isys/other", "--wait=false")
    house.process(AGENT).start()
    await ready(racks, **BASE)
    house.process(AGENT).kill()
    await asked("delete", WEBHOOK)
    house.process(AGENT).start()
    await asked("wait", "--for=create", WEBHOOK, f"--timeout={SETTLED_S}s")


async def test_where_it_is_asked_changes_and_changes_back(asked: Kubectl, control_plane: Cluster) -> None:
    """From an agent that ran outside to `espalier install`, and back: nothing has to be deleted by hand."""

    async def where() -> list[str]:
        found: Json = yaml.safe_load(await asked("get", WEBHOOK, "-o", "yaml"))
        return [key for each in found["webhooks"] for key in each["clientConfig"] if key != "caBundle"]

    access = await from_kubeconfig(str(control_plane.access.kubeconfig))
    async with HttpKube(access) as kube:
        await tell_of_webhook(kube, configuration("ca", "https://127.0.0.1:9"), "test-agent")
        assert await where() == ["url", "url"]
        await tell_of_webhook(kube, configuration(), "test-install")
        await tell_of_webhook(kube, configuration(), "test-install")
        assert await where() == ["service", "service"]
        await tell_of_webhook(kube, configuration("ca", "https://127.0.0.1:9"), "test-agent")
        assert await where() == ["url", "url"]
