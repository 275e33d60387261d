"""What Espalier is in a cluster: the manifests of an installation. `deploy/espalier.yaml` is what this prints."""

from dataclasses import dataclass
from typing import Any

from activities.cluster.kube import Kind, Manifest
from activities.room.ledger import NAME as LEDGER
from activities.room.ledger import NAMESPACE
from specs import admission
from specs.crds import crds
from specs.names import DOMAIN
from specs.owners import GROVE

AGENT, WORKER = "espalier-agent", "espalier-worker"
HEALTH_PORT = 8_080
READ = ["get", "list", "watch"]
FOLLOW = ["list", "watch"]
OWN = ["create", "patch", "delete"]
KEEP = [*FOLLOW, *OWN, "deletecollection"]
CONFINED = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
CORE, RBAC = "v1", "rbac.authorization.k8s.io/v1"
PLURALS = {
    "Namespace": "namespaces", "ServiceAccount": "serviceaccounts", "ClusterRole": "clusterroles",
    "ClusterRoleBinding": "clusterrolebindings", "Role": "roles", "RoleBinding": "rolebindings", "Deployment": "deployments",
    "PodDisruptionBudget": "poddisruptionbudgets", "CustomResourceDefinition": "customresourcedefinitions",
    "Service": "services", "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}  # fmt: skip
SERVED = (DOMAIN, GROVE, f"scheduler.{GROVE}")
CLUSTER_WIDE = ("Namespace", "ClusterRole", "ClusterRoleBinding", "CustomResourceDefinition", "ValidatingWebhookConfiguration")


@dataclass(frozen=True)
class Installation:
    """What differs from one installation to another."""

    image: str = "espalier:latest"
    temporal_address: str = "temporal-frontend.temporal:7233"
    temporal_namespace: str = "default"
    cluster: str = "default"
    workers: int = 2
    agents: int = 2

    def manifests(self) -> list[Manifest]:
        """All of it, in the order of applying."""
        return [
            *self.base(),
            *self.rights(),
            self._agent(),
            self._worker(),
            *(budget(name) for name in (AGENT, WORKER)),
            *webhook(),
        ]

    def base(self) -> list[Manifest]:
        """The namespace, with the strictest pod security there is, and the kinds."""
        labels = {"pod-security.kubernetes.io/enforce": "restricted"}
        namespace = {"apiVersion": CORE, "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": labels}}
        return [namespace, *crds()]

    def rights(self) -> list[Manifest]:
        """Who may do what: the agent what it does and no more, the workers nothing at all, users what they may do with pods."""
        return [
            account(AGENT),
            account(WORKER),
            cluster_role(AGENT, agent_rules()),
            binding("ClusterRoleBinding", "ClusterRole"),
            {"apiVersion": RBAC, "kind": "Role", "metadata": _named(AGENT), "rules": own_rules()},
            binding("RoleBinding", "Role"),
            cluster_role("espalier-view", [rule(group, ["*"], READ) for group in SERVED], aggregate="view"),
            cluster_role("espalier-edit", user_rules(), aggregate="edit"),
        ]  # fmt: skip

    def _agent(self) -> Manifest:
        return self._deployment(AGENT, "agent", self.agents, token=True)

    def _worker(self) -> Manifest:
        return self._deployment(WORKER, "worker", self.workers, token=False)

    def _deployment(self, name: str, command: str, replicas: int, *, token: bool) -> Manifest:
        spec = {
            "serviceAccountName": name,
            "automountServiceAccountToken": token,
            "terminationGracePeriodSeconds": 30,
            "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
            "topologySpreadConstraints": [apart(name)],
            "containers": [self._container(command)],
        }
        if command == "agent":
            spec["volumes"] = [{"name": "tmp", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}}]
        labels = _labels(name)
        template = {"metadata": {"labels": labels}, "spec": spec}
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": _named(name),
            "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
        }

    def _container(self, command: str) -> Manifest:
        settings = {
            "ESPALIER_TEMPORAL_ADDRESS": self.temporal_address,
            "ESPALIER_TEMPORAL_NAMESPACE": self.temporal_namespace,
            "ESPALIER_CLUSTER": self.cluster,
            "ESPALIER_HEALTH_PORT": str(HEALTH_PORT),
            "ESPALIER_LOG_FORMAT": "json",
        }
        ports = {"health": HEALTH_PORT}
        more: dict[str, Any] = {}
        if command == "agent":
            settings["ESPALIER_WEBHOOK_PORT"] = str(admission.PORT)
            ports["webhook"] = admission.PORT
            more["volumeMounts"] = [{"name": "tmp", "mountPath": "/tmp"}]
        return more | {
            "name": command,
            "image": self.image,
            "args": [command],
            "env": [{"name": key, "value": value} for key, value in settings.items()],
            "ports": [{"name": name, "containerPort": port} for name, port in ports.items()],
            "startupProbe": probe("/livez", 2, 30),
            "livenessProbe": probe("/livez", 10, 3),
            "readinessProbe": probe("/readyz", 5, 3),
            "resources": {"requests": {"cpu": "500m", "memory": "512Mi"}, "limits": {"memory": "4Gi"}},
            "securityContext": CONFINED,
        }


def agent_rules() -> list[Manifest]:
    """What the agent does in a cluster."""
    scaled, definitions = ["podcliques", "podcliquescalinggroups"], [each["metadata"]["name"] for each in crds()]
    return [
        rule("", ["pods"], ["get", *KEEP]),
        rule("", ["pods/status"], ["patch"]),
        rule("", ["services", "serviceaccounts"], KEEP),
        rule("", ["nodes"], FOLLOW),
        rule("", ["events"], ["get", "create", "patch"]),
        rule("", ["podtemplates"], ["get", "create", "deletecollection"]),
        rule("scheduling.k8s.io", ["priorityclasses"], FOLLOW),
        rule("resource.k8s.io", ["deviceclasses", "resourceslices", "resourceclaimtemplates"], FOLLOW),
        rule("resource.k8s.io", ["resourceclaims"], KEEP),
        rule("resource.nvidia.com", ["computedomains"], KEEP),
        rule("policy", ["poddisruptionbudgets"], KEEP),
        rule("autoscaling", ["horizontalpodautoscalers"], KEEP),
        rule("autoscaling.x-k8s.io", ["provisioningrequests"], ["get", "list", "create", "delete"]),
        rule("apps", ["controllerrevisions"], ["get", *KEEP]),
        rule(DOMAIN, ["inferencesystems"], ["get", *FOLLOW, *OWN]),
        rule(DOMAIN, ["systemmembers"], KEEP),
        rule(DOMAIN, ["placements"], ["get", *KEEP]),
        rule(DOMAIN, ["inferencesystems/status", "systemmembers/status", "placements/status"], ["patch"]),
        rule(DOMAIN, ["fabrics"], FOLLOW),
        rule(GROVE, ["podcliquesets"], ["get", *FOLLOW, *OWN]),
        rule(GROVE, scaled, KEEP),
        rule(GROVE, ["podcliquesets/status", *(f"{kind}/status" for kind in scaled)], ["patch"]),
        rule(GROVE, ["clustertopologybindings"], FOLLOW),
        rule(GROVE, ["clustertopologybindings/status"], ["patch"]),
        rule(f"scheduler.{GROVE}", ["podgangs"], KEEP),
        rule(f"scheduler.{GROVE}", ["podgangs/status"], ["patch"]),
        of_names(rule("apiextensions.k8s.io", ["customresourcedefinitions"], ["get"]), *definitions),
        of_names(rule("admissionregistration.k8s.io", ["validatingwebhookconfigurations"], ["patch"]), admission.NAME),
    ]


def user_rules() -> list[Manifest]:
    """What whoever may edit pods may do: declare systems and scale them. Placements and fabrics are not theirs to change."""
    changes = [*READ, "create", "update", "patch", "delete", "deletecollection"]
    scales = ["inferencesystems/scale", "systemmembers/scale"]
    grove = ["podcliques", "podcliquescalinggroups", "podcliquesets/scale", "podcliques/scale", "podcliquescalinggroups/scale"]
    return [
        rule(DOMAIN, ["inferencesystems"], changes),
        rule(DOMAIN, ["systemmembers", *scales], [*READ, "update", "patch"]),
        rule(GROVE, ["podcliquesets"], changes),
        rule(GROVE, grove, [*READ, "update", "patch"]),
    ]


def own_rules() -> list[Manifest]:
    """The agent's ledger and its certificate; whoever may create can't be held to a name."""
    return [
        rule("", ["configmaps", "secrets"], ["create"]),
        of_names(rule("", ["configmaps"], ["get", "update"]), LEDGER),
        of_names(rule("", ["secrets"], ["get", "patch"]), admission.NAME),
    ]


def of_names(made: Manifest, *names: str) -> Manifest:
    """The rule, for objects of these names only."""
    return {**made, "resourceNames": list(names)}


def webhook() -> list[Manifest]:
    """Where the API server asks before it stores a system. An agent adds what certificate is to be trusted."""
    ports = [{"name": "webhook", "port": 443, "targetPort": "webhook"}]
    spec = {"selector": _labels(AGENT), "ports": ports}
    service = {"apiVersion": CORE, "kind": "Service", "metadata": _named(admission.NAME), "spec": spec}
    return [service, admission.configuration()]


def rule(group: str, resources: list[str], verbs: list[str]) -> Manifest:
    """One line of a role."""
    return {"apiGroups": [group], "resources": resources, "verbs": verbs}


def account(name: str) -> Manifest:
    """A service account, whose token only pods get that ask for it."""
    return {"apiVersion": CORE, "kind": "ServiceAccount", "metadata": _named(name), "automountServiceAccountToken": False}


def cluster_role(name: str, rules: list[Manifest], aggregate: str = "") -> Manifest:
    """A cluster role; `aggregate`: a role of Kubernetes' own that it adds to."""
    more = {f"rbac.authorization.k8s.io/aggregate-to-{aggregate}": "true"} if aggregate else {}
    metadata = {"name": name, "labels": {**_labels(name), **more}}
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def binding(kind: str, role: str) -> Manifest:
    """The agent's account bound to the role of its name."""
    metadata = _named(AGENT) if kind == "RoleBinding" else {"name": AGENT, "labels": _labels(AGENT)}
    return {
        "apiVersion": RBAC,
        "kind": kind,
        "metadata": metadata,
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": AGENT},
        "subjects": [{"kind": "ServiceAccount", "name": AGENT, "namespace": NAMESPACE}],
    }


def budget(name: str) -> Manifest:
    """One of them may be drained at a time."""
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": _labels(name)}}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": _named(name), "spec": spec}


def probe(path: str, every_s: int, failures: int) -> Manifest:
    """An HTTP probe."""
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": every_s,
        "failureThreshold": failures,
        "timeoutSeconds": 3,
    }


def apart(name: str) -> Manifest:
    """Not on one node, if there are others."""
    return {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": _labels(name)},
    }


def kind_of(manifest: Manifest) -> Kind:
    """The kind of one of these manifests."""
    kind = manifest["kind"]
    return Kind(manifest["apiVersion"], kind, PLURALS[kind], namespaced=kind not in CLUSTER_WIDE)


def _labels(name: str) -> dict[str, Any]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "espalier"}


def _named(name: str) -> Manifest:
    return {"name": name, "namespace": NAMESPACE, "labels": _labels(name)}
