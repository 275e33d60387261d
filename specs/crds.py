"""The custom resource definitions, made from the models: what is declared and what is served can't drift apart.

Install them by server-side apply: the annotation of a client-side one is too small for them. Only `spec.replicas` has a default
in the schema: a default is written into the object as if by the user, and revisions are made of what the user wrote.
"""

import json
from collections.abc import Sequence
from typing import Any, cast

from specs import names
from specs.fabric import FabricSpec
from specs.owners import Manifest
from specs.placements import PlacementSpec, PlacementStatus
from specs.scales import SystemMemberSpec, SystemMemberStatus
from specs.schemas import Schema, structural
from specs.status import SystemStatus
from specs.system import SystemSpec

VERSION = "v1alpha1"
_TOGETHER = {
    "rule": "!has(self.ratio) || self.ratio.all(name, name in self.members)",
    "message": "a ratio must be of a member that the rule names",
}
_AGE: Manifest = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def crds() -> list[Manifest]:
    """The definitions: InferenceSystem, SystemMember, Fabric and Placement. The same in every call."""
    made = [inference_systems(), system_members(), fabrics(), placements()]
    return cast("list[Manifest]", json.loads(json.dumps(made)))  # no part shared: YAML would show it as an alias


def inference_systems() -> Manifest:
    """What users declare: scaled by `kubectl scale`, shown by `kubectl get isys`."""
    spec = structural(SystemSpec)
    spec["properties"]["replicas"]["default"] = 1
    together = spec["properties"]["together"]["items"]
    together["x-kubernetes-validations"] = [_TOGETHER]
    _list_map(spec["properties"]["scaling"]["properties"]["schedules"], "name")
    status = structural(SystemStatus)
    _list_map(status["properties"]["conditions"], "type")
    _list_map(status["properties"]["roles"], "role")
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.copies",
        "labelSelectorPath": ".status.selector",
    }
    schema = _root(
        "One inference system: what it is made of, how many of each, what sits close together, what starts first.", spec, status
    )
    # Pods' labels carry the system's name, so it is no longer than a label's value.
    schema["x-kubernetes-validations"] = [
        {"rule": "size(self.metadata.name) <= 63", "message": "the name of an InferenceSystem has at most 63 letters"},
        {
            "rule": "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
            "message": "the name must start with a letter and have no dots",
        },
    ]
    columns = [
        _column("Phase", ".status.phase"),
        _column("Copies", ".spec.replicas", "integer"),
        _column("Ready", ".status.readyCopies", "integer", "Copies that can serve."),
        _column("Pods", ".status.pods", "integer", "Pods that are wanted.", wide=True),
        _column("Ready Pods", ".status.readyPods", "integer", wide=True),
        _column("Reason", ".status.reason"),
        _column("Message", ".status.message", wide=True),
        _AGE,
    ]
    named = {"kind": "InferenceSystem", "plural": "inferencesystems", "singular": "inferencesystem", "shortNames": ["isys"]}
    return _definition(named, "Namespaced", schema, columns, {"status": {}, "scale": scale})


def system_members() -> Manifest:
    """The count of one role or group: scaled by `kubectl scale`, and by whatever else writes `/scale`."""
    spec, status = structural(SystemMemberSpec), structural(SystemMemberStatus)
    fixed = "self.system == oldSelf.system && self.path == oldSelf.path"
    spec["x-kubernetes-validations"] = [{"rule": fixed, "message": "only replicas may be changed"}]
    _list_map(status["properties"]["conditions"], "type")
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    schema = _root("How many there are of one role or group of a system. Written by Espalier; scale it.", spec, status)
    columns = [
        _column("System", ".spec.system"),
        _column("Path", ".spec.path"),
        _column("Wanted", ".spec.replicas", "integer"),
        _column("There", ".status.replicas", "integer"),
        _column("Ready", ".status.readyReplicas", "integer"),
        _AGE,
    ]
    named = {"kind": "SystemMember", "plural": "systemmembers", "singular": "systemmember", "shortNames": ["ism"]}
    return _definition(named, "Namespaced", schema, columns, {"status": {}, "scale": scale})


def fabrics() -> Manifest:
    """What an administrator declares once: the levels of the network."""
    spec = structural(FabricSpec)
    _list_map(spec["properties"]["levels"], "name")
    schema = _root("The levels of the cluster's network, broad to narrow.", spec, None)
    columns = [_column("Levels", ".spec.levels[*].name"), _AGE]
    named = {"kind": "Fabric", "plural": "fabrics", "singular": "fabric"}
    return _definition(named, "Cluster", schema, columns, {})


def placements() -> Manifest:
    """What Espalier writes: a demand for room and its answer."""
    spec, status = structural(PlacementSpec), structural(PlacementStatus)
    _list_map(spec["properties"]["gangs"], "name")
    schema = _root("A demand for room, and the answer: pod to node. Written by Espalier; not for editing.", spec, status)
    columns = [
        _column("System", ".spec.system"),
        _column("Priority", ".spec.priority", "integer"),
        _column("Waits For", ".status.waiting[0].reason"),
        _column("Message", ".status.waiting[0].message", wide=True),
        _AGE,
    ]
    named = {"kind": "Placement", "plural": "placements", "singular": "placement"}
    return _definition(named, "Namespaced", schema, columns, {"status": {}})


def _definition(named: Manifest, scope: str, schema: Schema, columns: Sequence[Manifest], subresources: Manifest) -> Manifest:
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": subresources,
        "additionalPrinterColumns": list(columns),
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{named['plural']}.{names.DOMAIN}", "labels": {"app.kubernetes.io/managed-by": "espalier"}},
        "spec": {
            "group": names.DOMAIN,
            "names": {**named, "listKind": f"{named['kind']}List", "categories": ["all", "espalier"]},
            "scope": scope,
            "versions": [version],
        },
    }


def _root(description: str, spec: Schema, status: Schema | None) -> Schema:
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": "espalier.dev/v1alpha1"},
        "kind": {"type": "string", "description": "Which kind of object this is."},
        "metadata": {"type": "object"},
        "spec": spec,
    }
    if status is not None:
        properties["status"] = status
    return {"type": "object", "description": description, "required": ["spec"], "properties": properties}


def _column(name: str, path: str, kind: str = "string", description: str = "", *, wide: bool = False) -> Manifest:
    said = {"description": description} if description else {}
    return {"name": name, "type": kind, "jsonPath": path, **said, **({"priority": 1} if wide else {})}


def _list_map(part: Schema, key: str) -> None:
    """Objects of the list are told apart by a key, which no two may share."""
    part["x-kubernetes-list-type"] = "map"
    part["x-kubernetes-list-map-keys"] = [key]
