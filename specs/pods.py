"""Pod manifests, and the one patch that lets a held pod go to its node."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from specs import names
from specs.environment import Env, Station, stations
from specs.grove import ASKED_SCHEDULER
from specs.grove_pods import TEMPLATE, CliqueStation
from specs.homes import gang_of
from specs.members import Role
from specs.owners import Manifest, Owner
from specs.paths import parent, plain, unknown
from specs.pod_claims import Claiming, claimed, no_claims
from specs.revisions import revision_hash, template_hash
from specs.system import SystemSpec
from specs.templates import REQUIRED as REQUIRED

KEPT = {"karpenter.sh/do-not-disrupt": "true", "cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}
"""Annotations by which Karpenter and Cluster Autoscaler leave a pod where it is."""
LAST_LINES = {"terminationMessagePolicy": "FallbackToLogsOnError"}
"""Of a container that fails and leaves no message, its kubelet tells the last lines of its log; the user's own choice wins."""
_GATE = {"name": names.GATE}


class PodMaker:
    """Makes the pods of one system at one revision. Build it once: each pod then costs about 20 us.

    What is the user's is passed on as it is and shared between manifests: change none of them in place.
    """

    def __init__(self, owner: Owner, spec: SystemSpec, claims: Claiming = no_claims, schedulers: Collection[str] = ()) -> None:
        """`schedulers`: that the cluster has besides its own; pods of a PodCliqueSet that ask for one are given to it."""
        self._spec, self._owner, self._claims = spec, owner, claims
        revision = revision_hash(spec)
        known = stations(owner.name, owner.namespace, spec, CliqueStation if owner.is_clique_set else Station)
        self._moulds = {path: _Mould(owner, role, station, revision, spec, schedulers) for path, (role, station) in known.items()}

    def pod(self, slot: str, incarnation: int, node: str | None = None, gpus: str = "") -> Manifest:
        """The pod of a slot: pinned to its node, with these of its GPUs; or gated, when it has none or its turn has not come.

        Never both: a pin can't be taken back. Raises LookupError when the slot leads to no role.
        """
        mould = self._moulds.get(plain(slot))
        if mould is None:
            raise unknown(self._spec, slot)
        name = names.pod_name(self._owner.name, self._owner.uid, slot, incarnation)
        gang = gang_of(self._owner.name, self._spec, slot)
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": mould.metadata(name, slot, incarnation, gang, gpus),
            "spec": claimed(mould.spec(slot, node), self._claims(slot)),
        }


def pinned_patch(pod: Manifest, node: str, gpus: str = "") -> list[Manifest]:
    """The JSON patch that takes our gate from a pod and pins it to its node, with these of its GPUs, if it is still gated.

    The pin goes inside each of the pod's own node selector terms: those are ORed, and only narrowing is allowed.
    Raises ValueError when the pod has no gate of ours.
    """
    gates = [gate["name"] for gate in pod["spec"].get("schedulingGates") or ()]
    if names.GATE not in gates:
        raise ValueError(f"pod {pod['metadata']['name']!r} is not held by {names.GATE}; delete it to move it")
    gate = f"/spec/schedulingGates/{gates.index(names.GATE)}"
    taken = [{"op": "test", "path": f"{gate}/name", "value": names.GATE}, {"op": "remove", "path": gate}]
    told = [_add(f"/metadata/annotations/{names.GPU_INDEX.replace('/', '~1')}", gpus)] if gpus else []
    return [*taken, *told, *_pin_patch(pod["spec"], node)]


def pinned(affinity: Mapping[str, Any] | None, node: str) -> Manifest:
    """A pod's affinity, narrowed to one node."""
    return _only(affinity, "matchFields", [_field(node)])


def labelled(affinity: Mapping[str, Any] | None, labels: Sequence[str]) -> Manifest:
    """A pod's affinity, narrowed to nodes that have all these labels."""
    return _only(affinity, "matchExpressions", [{"key": label, "operator": "Exists"} for label in labels])


def _only(affinity: Mapping[str, Any] | None, field: str, wanted: Sequence[Manifest]) -> Manifest:
    around: Mapping[str, Any] = affinity or {}
    own: Manifest = around.get("nodeAffinity") or {}
    narrowed = [{**term, field: [*(term.get(field) or ()), *wanted]} for term in _terms(own) or [{}]]
    return {**around, "nodeAffinity": {**own, REQUIRED: {"nodeSelectorTerms": narrowed}}}


class _Mould:
    """What is the same for all pods of a role, worked out once."""

    def __init__(
        self, owner: Owner, role: Role, station: Station, revision: str, spec: SystemSpec, schedulers: Collection[str]
    ) -> None:
        metadata: Manifest = role.template.get("metadata") or {}
        user: Manifest = dict(role.template["spec"])
        self._station, self._owner = station, owner
        self._containers = user.pop("containers")
        self._init = user.pop("initContainers", None) or ()
        self._gates = user.pop("schedulingGates", None) or ()
        self._affinity = user.pop("affinity", None)
        self._spec = user
        self._references = [owner.reference()]
        kept = {} if spec.evictable else KEPT
        self._annotations: dict[str, str] = {**kept, **(metadata.get("annotations") or {}), names.ROLE: station.role}
        self._labels: dict[str, str] = {
            "app.kubernetes.io/name": role.name,
            "app.kubernetes.io/part-of": owner.name,
            **(metadata.get("labels") or {}),
            **owner.labels(),
            names.ROLE: names.label_value(station.role),
            names.REVISION: revision,
            names.TEMPLATE: template_hash(role),
        }
        if owner.is_clique_set:
            self._labels[TEMPLATE] = self._labels[names.TEMPLATE]
            if self._annotations.get(ASKED_SCHEDULER) in schedulers:
                self._spec["schedulerName"] = self._annotations[ASKED_SCHEDULER]
        if station.group:
            self._labels[names.GROUP] = names.label_value(station.group)

    def metadata(self, name: str, slot: str, incarnation: int, gang: str, gpus: str) -> Manifest:
        labels = {**self._labels, **self._station.labels(slot), names.COPY: slot.partition("/")[0], names.GANG: gang}
        if self._station.group:
            labels[names.REPLICA] = names.label_value(parent(parent(slot)))
        own = {names.GPU_INDEX: gpus} if gpus else {}
        return {
            "name": name,
            "namespace": self._owner.namespace,
            "labels": labels,
            "annotations": {**self._annotations, names.SLOT: slot, names.INCARNATION: str(incarnation), **own},
            "ownerReferences": self._references,
        }

    def spec(self, slot: str, node: str | None) -> Manifest:
        env = self._station.env(slot, self._labels[names.REVISION])
        made: Manifest = {**self._spec, "containers": [_told(container, env) for container in self._containers]}
        if self._init:
            made["initContainers"] = [_told(container, env) for container in self._init]
        if self._station.dns:
            made["hostname"] = names.hostname(self._owner.name, slot)
            made["subdomain"] = names.service_name(self._owner.name, slot.partition("/")[0])
        gates = [*self._gates] if node else [*self._gates, _GATE]
        if gates:
            made["schedulingGates"] = gates
        if node or self._affinity:
            made["affinity"] = pinned(self._affinity, node) if node else self._affinity
        return made


def _told(container: Mapping[str, Any], env: Env) -> Manifest:
    """What is given wins over variables of the same name."""
    given = {each["name"] for each in env}
    return {**LAST_LINES, **container, "env": [*env, *(each for each in container.get("env") or () if each["name"] not in given)]}


def _field(node: str) -> Manifest:
    return {"key": "metadata.name", "operator": "In", "values": [node]}


def _pin_patch(spec: Manifest, node: str) -> list[Manifest]:
    affinity = spec.get("affinity")
    if not affinity:
        return [_add("/spec/affinity", pinned(None, node))]
    own = affinity.get("nodeAffinity")
    if not own:
        return [_add("/spec/affinity/nodeAffinity", pinned(None, node)["nodeAffinity"])]
    path = f"/spec/affinity/nodeAffinity/{REQUIRED}"
    terms = _terms(own)
    if not terms:
        return [_add(path, pinned(None, node)["nodeAffinity"][REQUIRED])]
    return [_narrowed(f"{path}/nodeSelectorTerms/{index}/matchFields", term, node) for index, term in enumerate(terms)]


def _terms(own: Manifest) -> list[Manifest]:
    required: Manifest = own.get(REQUIRED) or {}
    return required.get("nodeSelectorTerms") or []


def _narrowed(path: str, term: Manifest, node: str) -> Manifest:
    return _add(f"{path}/-", _field(node)) if term.get("matchFields") else _add(path, [_field(node)])


def _add(path: str, value: object) -> Manifest:
    return {"op": "add", "path": path, "value": value}
