"""What Grove leaves of a set that runs, once its operator is scaled to zero: every object that it makes, as its API has them."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.grove_set import apply, clique, declared

FINALIZERS = {"PodCliqueSet": "podcliqueset", "PodClique": "podclique", "PodCliqueScalingGroup": "podcliquescalinggroup"}
NAME, BASE = "llama", "llama-0"
GROUP, SCALED = f"{BASE}-decode", f"{BASE}-decode-0"
"""The scaling group; and the gang of its second replica, which is the first above the minimum."""
PARTS = {"app.kubernetes.io/managed-by": "grove-operator", "app.kubernetes.io/part-of": NAME}
RUNNING = {"0_router": 2, "0_decode_0_leader": 1, "0_decode_0_worker": 2, "0_decode_1_leader": 1, "0_decode_1_worker": 3}
"""A router and a worker more than the template says; of the routers, indexes 0 and 2."""
SERVED = {
    "PodCliqueScalingGroup": ("grove.io/v1alpha1", "podcliquescalinggroups"), "PodClique": ("grove.io/v1alpha1", "podcliques"),
    "PodGang": ("scheduler.grove.io/v1alpha1", "podgangs"), "Pod": ("v1", "pods"), "Service": ("v1", "services"),
    "ServiceAccount": ("v1", "serviceaccounts"), "Secret": ("v1", "secrets"),
    "Role": ("rbac.authorization.k8s.io/v1", "roles"), "RoleBinding": ("rbac.authorization.k8s.io/v1", "rolebindings"),
    "HorizontalPodAutoscaler": ("autoscaling/v2", "horizontalpodautoscalers"),
}  # fmt: skip
KINDS = ",".join(plural for _, plural in SERVED.values())
DEVICES = {
    "ResourceClaim": ("resource.k8s.io/v1", "resourceclaims"), "ComputeDomain": ("resource.nvidia.com/v1beta1", "computedomains"),
}  # fmt: skip
ACCESS = ("serviceaccount/llama", "role/grove.io:pcs:llama", "rolebinding/grove.io:pcs:llama", "secret/llama-ic-sat")
"""With which the init containers of its pods ask who has started; they do so again when a node restarts."""
AUTOSCALED = {"minReplicas": 1, "maxReplicas": 5}
COPY, POD_GANG = "grove.io/podcliqueset-replica-index", "grove.io/podgang"
HASH = {"grove.io/pod-template-hash": "7c9dd4bb6f"}
GATE = "grove.io/podgang-pending-creation"


def left_behind() -> Json:
    """The set as its user wrote it, and as Grove marked it."""
    manifest = declared()
    manifest["metadata"]["finalizers"] = ["grove.io/podcliqueset.grove.io"]
    template = manifest["spec"]["template"]
    template["cliqueStartupType"] = "CliqueStartupTypeInOrder"
    template["cliques"][0]["spec"]["autoScalingConfig"] = AUTOSCALED
    return manifest


class Grove:
    """Leaves objects behind as its operator does; pods are bound by a scheduler that is not there any more."""

    def __init__(self, api: Api, kubectl: Kubectl) -> None:
        self.api, self.kubectl = api, kubectl
        self.uids: dict[str, str] = {}
        self.nodes: list[str] = []

    def manifest(self) -> Json:
        """What its user wrote."""
        return left_behind()

    def claims_of(self, clique_name: str, index: int) -> Sequence[Json]:
        """Device claims of a pod, as its spec has them."""
        del clique_name, index
        return ()

    def place(self, node: str) -> Json:
        """What the spec of a pod on this node says of it."""
        return {"nodeName": node}

    async def beside(self, clique_name: str, count: int) -> None:
        """What it makes before the pods of a clique of so many."""

    async def leave(self, *, held: bool = False) -> None:
        """`held`: with one more router, which its scheduler has found no room for."""
        self.nodes = sorted(node["metadata"]["name"] for node in await self.api.items("/api/v1/nodes"))
        await apply(self.kubectl, self.manifest())
        self.uids[NAME] = await self.kubectl("get", f"pcs/{NAME}", "-o", "jsonpath={.metadata.uid}")
        await self._access()
        selector = {"selector": {**PARTS, COPY: "0"}, "clusterIP": "None", "publishNotReadyAddresses": True}
        await self.made("Service", BASE, NAME, spec=selector, labels=_said("pcs-headless-service", COPY))
        group = {"replicas": 2, "minAvailable": 1, "cliqueNames": ["leader", "worker"]}
        await self.made("PodCliqueScalingGroup", GROUP, NAME, spec=group, labels=_said("pcs-podcliquescalinggroup", COPY))
        for name, count in RUNNING.items():
            await self._clique(f"{NAME}-{name.replace('_', '-')}", count + (held and name == "0_router"), held=held)
        target = {"apiVersion": "grove.io/v1alpha1", "kind": "PodClique", "name": f"{BASE}-router"}
        spec = {"scaleTargetRef": target, **AUTOSCALED}
        await self.made("HorizontalPodAutoscaler", f"{BASE}-router", NAME, spec=spec, labels=_said("pcs-hpa", COPY))
        await self._gangs()
        found = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
        await self._tell(
            f"/apis/grove.io/v1alpha1/namespaces/default/podcliquesets/{NAME}", found | {"currentGenerationHash": "x"}
        )

    async def _access(self) -> None:
        await self.made("ServiceAccount", NAME, NAME, labels=_said("pod-service-account"))
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}]
        await self.made("Role", f"grove.io:pcs:{NAME}", NAME, rules=rules, labels=_said("pod-role"))
        bound: Json = {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"grove.io:pcs:{NAME}"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": "default"}],
        }
        await self.made("RoleBinding", f"grove.io:pcs:{NAME}", NAME, **bound, labels=_said("pod-role-binding"))
        secret: Json = {
            "type": "kubernetes.io/service-account-token",
            "annotations": {"kubernetes.io/service-account.name": NAME},
        }
        await self.made("Secret", f"{NAME}-ic-sat", NAME, **secret, labels=_said("pod-sa-token-secret"))

    async def _clique(self, name: str, count: int, *, held: bool) -> None:
        role = name.rpartition("-")[2]
        own = clique(role, count)["spec"]
        spec = {**own, "minAvailable": 1, **({"autoScalingConfig": AUTOSCALED} if role == "router" else {})}
        spec |= {"startsAfter": [after]} if (after := _after(name)) else {}
        labels = {**_of_clique(name), **HASH}
        await self.made("PodClique", name, NAME if role == "router" else GROUP, spec=spec, labels=labels)
        await self.beside(name, count)
        for index in ([0, 2, 1] if role == "router" else range(count))[:count]:
            await self._pod(name, index, own["podSpec"], held=held and index == 1 and role == "router")
        told = dict.fromkeys(("replicas", "readyReplicas", "updatedReplicas", "scheduledReplicas"), count)
        path = f"/apis/grove.io/v1alpha1/namespaces/default/podcliques/{name}"
        await self._tell(path, {**told, "observedGeneration": 1, "currentPodTemplateHash": HASH["grove.io/pod-template-hash"]})

    async def _pod(self, name: str, index: int, own: Json, *, held: bool) -> None:
        waits: Json = {"name": "grove-initc", "image": "grove-initc:1", "args": [f"--podcliques={_after(name)}:1"]}
        waits["volumeMounts"] = [{"name": "sa-token-secret-vol", "mountPath": "/var/grove/sa", "readOnly": True}]
        volume = {"name": "sa-token-secret-vol", "secret": {"secretName": f"{NAME}-ic-sat"}}
        inside = {"initContainers": [waits], "volumes": [volume]} if _after(name) else {}
        place = {"schedulingGates": [{"name": GATE}]} if held else self.place(self.nodes.pop())
        env = [{"name": "GROVE_PCLQ_NAME", "value": name}, {"name": "GROVE_PCLQ_POD_INDEX", "value": str(index)}]
        claims = self.claims_of(name, index)
        claimed = [{"name": each["name"]} for each in claims]
        containers = [{**each, "env": env, "resources": {**each["resources"], "claims": claimed}} for each in own["containers"]]
        spec = {
            **own,
            **inside,
            **place,
            "resourceClaims": claims,
            "containers": containers,
            "hostname": f"{name}-{index}",
            "subdomain": BASE,
        }
        labels = {"app": name.rpartition("-")[2], **_of_clique(name), **HASH}
        labels |= {"grove.io/podclique": name, "grove.io/podclique-pod-index": str(index)}
        await self.made("Pod", f"{name}-{index}xyz", name, spec=spec, labels=labels)

    async def _gangs(self) -> None:
        for gang in (BASE, SCALED):
            names = [
                name for name in self.uids if _gang_of(name) == gang and name.rpartition("-")[2] in ("router", "leader", "worker")
            ]
            groups = [{"name": name, "minReplicas": 1, "podReferences": self._pods(name)} for name in names]
            labels = {**_said("podgang", COPY), "grove.io/scheduler-name": "kai-scheduler"}
            await self.made("PodGang", gang, NAME, spec={"podgroups": groups}, labels=labels | _based(gang))

    def _pods(self, clique_name: str) -> list[Json]:
        return [
            {"namespace": "default", "name": name} for name in self.uids if name.startswith(clique_name) and name.endswith("xyz")
        ]

    async def made(self, kind: str, name: str, owner: str, **said: Any) -> None:
        """One object; its labels, annotations and finalizers among what is said of it."""
        version, plural = {**SERVED, **DEVICES}[kind]
        owners = {NAME: "PodCliqueSet", GROUP: "PodCliqueScalingGroup"}
        reference: Json = {"apiVersion": "grove.io/v1alpha1", "kind": owners.get(owner, "PodClique"), "name": owner}
        reference |= {"uid": self.uids[owner], "controller": True, "blockOwnerDeletion": True}
        labels = {**PARTS, "app.kubernetes.io/name": name.replace(":", "-"), **said.pop("labels")}
        metadata: Json = {"name": name, "labels": labels, "ownerReferences": [reference]}
        metadata["annotations"] = said.pop("annotations", {})
        own = [f"grove.io/{FINALIZERS[kind]}.grove.io"] if kind in FINALIZERS else []
        metadata["finalizers"] = said.pop("finalizers", own)
        group = "/api/v1" if version == "v1" else f"/apis/{version}"
        manifest = {"apiVersion": version, "kind": kind, "metadata": metadata, **said}
        stored = await self.api.post(f"{group}/namespaces/default/{plural}", manifest)
        self.uids.setdefault(name, stored["metadata"]["uid"])

    async def _tell(self, path: str, status: Mapping[str, Any]) -> None:
        await self.api.patch(f"{path}/status", {"status": dict(status)})


def _said(component: str, *indexed: str) -> dict[str, str]:
    return {"app.kubernetes.io/component": component, **dict.fromkeys(indexed, "0")}


def _gang_of(name: str) -> str:
    return SCALED if name.startswith(f"{GROUP}-1") else BASE


def _based(gang: str) -> dict[str, str]:
    return {"grove.io/base-podgang": BASE} if gang == SCALED else {}


def _of_clique(name: str) -> dict[str, str]:
    """Labels of a PodClique, and of its pods."""
    gang = {POD_GANG: _gang_of(name), **_based(_gang_of(name))}
    if name.endswith("router"):
        return {**_said("pcs-podclique", COPY), **gang}
    replica = name.removeprefix(f"{GROUP}-").partition("-")[0]
    group = {"grove.io/podcliquescalinggroup": GROUP, "grove.io/podcliquescalinggroup-replica-index": replica}
    return {**_said("pcsg-podclique", COPY), **gang, **group}


def _after(name: str) -> str:
    """The clique that it starts after, in the order of the template."""
    stem, _, role = name.rpartition("-")
    return {"router": "", "leader": f"{BASE}-router", "worker": f"{stem}-leader"}[role]
