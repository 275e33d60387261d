"""The rights that are shipped, against what the audit log says was asked: none is missing, and none is for nothing."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import pytest_asyncio
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.binary import Unavailable
from tests.cluster.components import Tuning
from tests.cluster.controlplane import ControlPlane
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.cluster.plugin import excuse
from tests.cluster.ports import free_ports
from tests.running import Espalier
from tests.workers.grove_set import BASE, ROUTER, apply, declared, ready
from tests.workers.installed import ACCOUNT, as_installed
from tests.workers.living import ASKS_FOR_NODES, SETTLED_S, Command
from tests.workers.test_end_to_end import MANIFEST
from tests.workers.test_grove_claims import BINDING, DOMAIN_CRD, FABRIC, claim_template, device_class, device_slice
from workers.deployment import agent_rules, own_rules
from workers.simulated.fleets import gb200

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(300)]
SYSTEM = "isys/llama"


KEPT = (
    "services serviceaccounts poddisruptionbudgets horizontalpodautoscalers systemmembers podcliques podcliquescalinggroups"
    " podgangs resourceclaims computedomains"
)
RARELY = {
    "a creation without an answer is looked for": "get pods placements controllerrevisions events podtemplates"
    " provisioningrequests",
    "what the cache does not show is looked for": "get inferencesystems podcliquesets",
    "the same Event comes again": "patch events",
    "certificates end": "patch secrets",
    "revisions beyond ten are forgotten": "delete controllerrevisions",
    "a rollout goes back to one": "patch controllerrevisions",
    "who deletes through Espalier, not with kubectl": "delete inferencesystems podcliquesets",
    "accounts of sets that rely on them are kept": "patch serviceaccounts",
    "parts leave a system": f"delete {KEPT}",
    "what is left of one whose object is gone": f"deletecollection {KEPT}",
}
"""What these lives need not come to, and when it is asked for."""


class Right(NamedTuple):
    group: str
    resource: str
    verb: str

    @property
    def is_rare(self) -> bool:
        """`create` is asked of whoever applies what is not there yet, and the audit log has it as `patch`."""
        named = {tuple(words.split()) for words in RARELY.values()}
        return self.verb == "create" or any(self.verb == verb and self.resource in kinds for verb, *kinds in named)


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    """One that writes down who asks for what."""
    try:
        cluster = ControlPlane(Tuning(audit=True)).start()
    except Unavailable as reason:
        excuse(reason)
    yield cluster
    cluster.stop()


@pytest_asyncio.fixture
async def house(control_plane: ControlPlane, empty: Api, tmp_path: Path) -> AsyncIterator[Espalier]:
    """Everything that can be switched on is."""
    await apply_nodes(empty, list(gb200(1)))
    await until_nodes_ready(empty, 18)
    kubectl, (port,) = Kubectl(control_plane.access.kubeconfig), free_ports(1)
    made = [
        device_class(FABRIC),
        device_slice(FABRIC, 16, allNodes=True),
        claim_template("outside", FABRIC),
        DOMAIN_CRD,
        requests(),
    ]
    await apply(kubectl, {"apiVersion": "v1", "kind": "List", "items": made})
    asked = {"ESPALIER_WEBHOOK_PORT": str(port), "ESPALIER_WEBHOOK_URL": f"https://127.0.0.1:{port}"}
    async with as_installed(control_plane, tmp_path, {**ASKS_FOR_NODES, **asked}) as house:
        yield house


def requests() -> Json:
    """The API of ProvisioningRequests, as node autoscalers install it, but for what its schema says."""
    group, plural = "autoscaling.x-k8s.io", "provisioningrequests"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"kind": "ProvisioningRequest", "plural": plural, "singular": "provisioningrequest"}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": [version]},
    }


async def test_what_is_granted_is_what_is_used(control_plane: ControlPlane, house: Espalier, empty: Api) -> None:
    kubectl, espalier = Kubectl(control_plane.access.kubeconfig), Command(house.environment)
    await kubectl("wait", "--for=create", "secret/espalier-webhook", "-n", "espalier-system", f"--timeout={SETTLED_S}s")
    await life_of_a_system(kubectl, espalier)
    await life_of_a_set(kubectl, empty)
    used, refused = told(control_plane)
    granted = {
        Right(group, resource, verb)
        for rule in (*agent_rules(), *own_rules())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert refused == []
    assert used <= granted
    assert [right for right in sorted(granted - used) if not right.is_rare] == [], "no right is for nothing"
    assert {right[:2] for right in granted} == {right[:2] for right in used}, "no kind is either"
    applied = {right[:2] for right in granted if right.verb == "patch"}
    assert {right[:2] for right in granted - used if right.verb == "create"} <= applied


def told(cluster: ControlPlane) -> tuple[set[Right], list[Json]]:
    """What the agent asked for, and what of that it was forbidden."""
    used: set[Right] = set()
    refused: list[Json] = []
    for line in (cluster.layout.folder / "audit.log").read_text().splitlines():
        entry: Json = json.loads(line)
        if entry["user"]["username"] != ACCOUNT or "objectRef" not in entry:
            continue
        about = entry["objectRef"]
        if entry.get("responseStatus", {}).get("code") == 403:
            refused.append({"verb": entry["verb"], **about})
        resource = "/".join(filter(None, (about["resource"], about.get("subresource", ""))))
        used.add(Right(about.get("apiGroup", ""), resource, entry["verb"]))
    return used, refused


async def life_of_a_system(kubectl: Kubectl, espalier: Command) -> None:
    """Declared, scaled, edited, refused, short of room, mended, deleted; by kubectl and by the command line."""
    manifest: Json = yaml.safe_load(MANIFEST)
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=yaml.safe_dump(manifest))
    await kubectl("scale", "ism/llama.decode", "--replicas=3")
    await so_many(kubectl, 14)
    manifest["spec"]["rollout"] = {"inPlace": True, "revisionServices": True}
    for part in (manifest["spec"]["members"][0], *manifest["spec"]["members"][1]["members"]):
        part["template"]["spec"]["containers"][0]["image"] = "example.com/server:2"
    await apply(kubectl, manifest)
    for field in ("revisionNumber}=2", "outdated}=0", "phase}=Ready"):
        await kubectl("wait", SYSTEM, f"--for=jsonpath={{.status.{field}", f"--timeout={SETTLED_S}s")
    await kubectl("scale", "ism/llama.decode", "--replicas=0")
    await kubectl("wait", "ism/llama.decode", "--for=condition=Accepted=false", f"--timeout={SETTLED_S}s")
    await kubectl("scale", "ism/llama.decode", "--replicas=30")
    await kubectl("wait", "--for=create", "provisioningrequests", "--all", "-n", "default", f"--timeout={SETTLED_S}s")
    await kubectl("scale", "ism/llama.decode", "--replicas=2")
    await so_many(kubectl, 10)
    await kubectl("delete", SYSTEM, f"--timeout={SETTLED_S}s")


async def life_of_a_set(kubectl: Kubectl, api: Api) -> None:
    """With all of Grove's child objects: autoscalers, claims, compute domains, gangs, a binding."""
    await apply(kubectl, BINDING)
    shared = {"resourceSharing": [{"name": "outside", "scope": "PerReplica"}], "annotations": {"grove.io/mnnvl-group": "nvl"}}
    manifest = declared(group={"scaleConfig": {"maxReplicas": 3}, **shared})
    await apply(kubectl, claim_template("llama-0-nvl", FABRIC))
    await apply(kubectl, manifest)
    await ready(api, **BASE)
    await kubectl("scale", ROUTER, "--replicas=2")
    await ready(api, **{**BASE, "0_router": 2})
    for told in (f"{ROUTER} readyReplicas}}=2", "podgang/llama-0 phase}=Running"):
        name, wanted = told.split()
        await kubectl("wait", name, f"--for=jsonpath={{.status.{wanted}", f"--timeout={SETTLED_S}s")
    await kubectl("scale", "pcs/llama", "--replicas=0")
    await kubectl("wait", "--for=delete", "pods", "-l", "grove.io/podclique", f"--timeout={SETTLED_S}s")
    await kubectl("delete", "pcs/llama", f"--timeout={SETTLED_S}s")


async def so_many(kubectl: Kubectl, pods: int) -> None:
    """It is Ready, with so many pods."""

    async def so() -> bool:
        status = json.loads(await kubectl("get", SYSTEM, "-o", "json")).get("status", {})
        return (status.get("phase"), status.get("readyPods")) == ("Ready", pods)

    await eventually(so, SETTLED_S)


#     group                 resource                   verb       with `edit`  with `view`
USERS: dict[tuple[str, str, str], tuple[bool, bool]] = {
    ("espalier.dev",       "inferencesystems",        "create"): (True,  False),
    ("espalier.dev",       "inferencesystems/scale",  "patch"):  (True,  False),
    ("espalier.dev",       "inferencesystems/status", "patch"):  (False, False),
    ("espalier.dev",       "systemmembers",           "watch"):  (True,  True),
    ("espalier.dev",       "systemmembers",           "create"): (False, False),
    ("espalier.dev",       "systemmembers/scale",     "update"): (True,  False),
    ("espalier.dev",       "placements",              "list"):   (True,  True),
    ("espalier.dev",       "placements",              "patch"):  (False, False),
    ("grove.io",           "podcliquesets",           "delete"): (True,  False),
    ("grove.io",           "podcliques/scale",        "patch"):  (True,  False),
    ("grove.io",           "podcliquescalinggroups",  "get"):    (True,  True),
    ("scheduler.grove.io", "podgangs",                "get"):    (True,  True),
    ("scheduler.grove.io", "podgangs",                "patch"):  (False, False),
}  # fmt: skip


async def test_users_may_do_with_systems_what_they_may_do_with_pods(
    control_plane: ControlPlane, house: Espalier, empty: Api
) -> None:
    kubectl = Kubectl(control_plane.access.kubeconfig)
    for role in ("edit", "view"):
        await kubectl("create", "rolebinding", role, f"--clusterrole={role}", f"--user=one-with-{role}")

    async def so() -> bool:  # a controller adds the roles up
        return await may(empty, "one-with-edit", Right("espalier.dev", "placements", "list"))

    await eventually(so, SETTLED_S)
    found = {key: tuple([await may(empty, f"one-with-{role}", key) for role in ("edit", "view")]) for key in USERS}
    assert found == USERS
    await kubectl("delete", "rolebinding", "edit", "view")


async def may(api: Api, user: str, right: tuple[str, str, str]) -> bool:
    """By the API server's own word, in the default namespace."""
    group, resource, verb = right
    resource, _, subresource = resource.partition("/")
    asked = {"namespace": "default", "group": group, "resource": resource, "subresource": subresource, "verb": verb}
    review: Json = {"spec": {"user": user, "resourceAttributes": asked}}
    answer = await api.post("/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])
