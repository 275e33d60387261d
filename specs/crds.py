"""The custom resource definitions, made from the models: what is declared and what is served can't drift apart.

Install them by server-side apply: the annotation of a client-side one is too small for them. Of ours only `spec.replicas` has a
default in the schema: a default is written into the object as if by the user, and revisions are made of what the user wrote.
Grove's kinds have Grove's defaults, as its clients read them back; their revisions are made of the tree that they become.
"""

import json
from typing import cast

from specs import names
from specs.crd_parts import AGE, column, definition, list_map, root
from specs.fabric import HOST, HOST_LABEL, FabricSpec
from specs.grove_crds import grove_crds
from specs.owners import Manifest
from specs.placements import PlacementSpec, PlacementStatus
from specs.scales import SystemMemberSpec, SystemMemberStatus
from specs.schemas import structural
from specs.status import SystemStatus
from specs.system import SystemSpec

_TOGETHER = {
    "rule": "!has(self.ratio) || self.ratio.all(name, name in self.members)",
    "message": "a ratio must be of a member that the rule names",
}
_LABELS_DIFFER = {
    "rule": "self.all(one, self.exists_one(other, one.label == other.label))",
    "message": "two levels have the same label; each level has a label of its own",
}
_HOST_IS_LAST = {
    "rule": f"self.all(one, (one.name != '{HOST}' && one.label != '{HOST_LABEL}') || one.name == self[size(self) - 1].name)",
    "message": "a level is the host, and nothing is narrower; put it last, or leave it out",
}


def crds() -> list[Manifest]:
    """The definitions: InferenceSystem, SystemMember, Fabric and Placement, and Grove's kinds. The same in every call."""
    made = [inference_systems(), system_members(), fabrics(), placements(), *grove_crds()]
    return cast("list[Manifest]", json.loads(json.dumps(made)))  # no part shared: YAML would show it as an alias


def inference_systems() -> Manifest:
    """What users declare: scaled by `kubectl scale`, shown by `kubectl get isys`."""
    spec = structural(SystemSpec)
    together = spec["properties"]["together"]["items"]
    together["x-kubernetes-validations"] = [_TOGETHER]
    list_map(spec["properties"]["scaling"]["properties"]["schedules"], "name")
    status = structural(SystemStatus)
    list_map(status["properties"]["conditions"], "type")
    list_map(status["properties"]["roles"], "role")
    rollout = status["properties"]["rollout"]["properties"]
    list_map(rollout["revisions"], "revision")
    list_map(rollout["olderUnits"], "unit")
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.copies",
        "labelSelectorPath": ".status.selector",
    }
    schema = root(
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
        column("Phase", ".status.phase"),
        column("Copies", ".spec.replicas", "integer"),
        column("Ready", ".status.readyCopies", "integer", "Copies that can serve."),
        column("Pods", ".status.pods", "integer", "Pods that are wanted.", wide=True),
        column("Ready Pods", ".status.readyPods", "integer", wide=True),
        column("Reason", ".status.reason"),
        column("Message", ".status.message", wide=True),
        AGE,
    ]
    named = {"kind": "InferenceSystem", "plural": "inferencesystems", "singular": "inferencesystem", "shortNames": ["isys"]}
    return definition(names.DOMAIN, named, "Namespaced", schema, columns, {"status": {}, "scale": scale})


def system_members() -> Manifest:
    """The count of one role or group: scaled by `kubectl scale`, and by whatever else writes `/scale`."""
    spec, status = structural(SystemMemberSpec), structural(SystemMemberStatus)
    fixed = "self.system == oldSelf.system && self.path == oldSelf.path"
    spec["x-kubernetes-validations"] = [{"rule": fixed, "message": "only replicas may be changed"}]
    list_map(status["properties"]["conditions"], "type")
    scale = {
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    }
    schema = root("How many there are of one role or group of a system. Written by Espalier; scale it.", spec, status)
    columns = [
        column("System", ".spec.system"),
        column("Path", ".spec.path"),
        column("Wanted", ".spec.replicas", "integer"),
        column("There", ".status.replicas", "integer"),
        column("Ready", ".status.readyReplicas", "integer"),
        AGE,
    ]
    named = {"kind": "SystemMember", "plural": "systemmembers", "singular": "systemmember", "shortNames": ["ism"]}
    return definition(names.DOMAIN, named, "Namespaced", schema, columns, {"status": {}, "scale": scale})


def fabrics() -> Manifest:
    """What an administrator declares once: the levels of the network."""
    spec = structural(FabricSpec)
    levels = spec["properties"]["levels"]
    list_map(levels, "name")
    levels["x-kubernetes-validations"] = [_LABELS_DIFFER, _HOST_IS_LAST]
    schema = root("The levels of the cluster's network, broad to narrow.", spec, None)
    columns = [column("Levels", ".spec.levels[*].name"), AGE]
    named = {"kind": "Fabric", "plural": "fabrics", "singular": "fabric", "shortNames": ["fab"]}
    return definition(names.DOMAIN, named, "Cluster", schema, columns, {})


def placements() -> Manifest:
    """What Espalier writes: a demand for room and its answer."""
    spec, status = structural(PlacementSpec), structural(PlacementStatus)
    list_map(spec["properties"]["gangs"], "name")
    schema = root("A demand for room, and the answer: pod to node. Written by Espalier; not for editing.", spec, status)
    columns = [
        column("System", ".spec.system"),
        column("Priority", ".spec.priority", "integer"),
        column("Waits For", ".status.waiting[0].reason"),
        column("Message", ".status.waiting[0].message", wide=True),
        AGE,
    ]
    named = {"kind": "Placement", "plural": "placements", "singular": "placement", "shortNames": ["plc"]}
    return definition(names.DOMAIN, named, "Namespaced", schema, columns, {"status": {}})
