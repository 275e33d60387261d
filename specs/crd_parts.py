"""What definitions of all kinds are made of."""

from collections.abc import Sequence
from typing import Any

from specs.owners import Manifest
from specs.schemas import Schema

VERSION = "v1alpha1"
AGE: Manifest = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


def definition(
    group: str, named: Manifest, scope: str, schema: Schema, columns: Sequence[Manifest], subresources: Manifest
) -> Manifest:
    """The definition of one kind; `scope`: Namespaced or Cluster."""
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
        "metadata": {"name": f"{named['plural']}.{group}", "labels": {"app.kubernetes.io/managed-by": "espalier"}},
        "spec": {
            "group": group,
            "names": {**named, "listKind": f"{named['kind']}List", "categories": ["all", "espalier"]},
            "scope": scope,
            "versions": [version],
        },
    }


def root(description: str, spec: Schema, status: Schema | None) -> Schema:
    """The schema of a whole object."""
    properties: dict[str, Any] = {
        "apiVersion": {"type": "string", "description": "Group and version of the kind."},
        "kind": {"type": "string", "description": "Which kind of object this is."},
        "metadata": {"type": "object"},
        "spec": spec,
    }
    if status is not None:
        properties["status"] = status
    return {"type": "object", "description": description, "required": ["spec"], "properties": properties}


def column(name: str, path: str, kind: str = "string", description: str = "", *, wide: bool = False) -> Manifest:
    """A column of `kubectl get`; `wide`: only of `-o wide`."""
    said = {"description": description} if description else {}
    return {"name": name, "type": kind, "jsonPath": path, **said, **({"priority": 1} if wide else {})}


def list_map(part: Schema, key: str) -> None:
    """Objects of the list are told apart by a key, which no two may share."""
    part["x-kubernetes-list-type"] = "map"
    part["x-kubernetes-list-map-keys"] = [key]
