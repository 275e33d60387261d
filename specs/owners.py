"""Whose an object is: what every object that Espalier makes says about its system."""

from dataclasses import dataclass
from typing import Any

from specs import names

Manifest = dict[str, Any]
API_VERSION = f"{names.DOMAIN}/v1alpha1"
SYSTEM_KIND, CLIQUE_SET_KIND = "InferenceSystem", "PodCliqueSet"
GROVE = "grove.io"
GROVE_API_VERSION = f"{GROVE}/v1alpha1"
API_VERSIONS = {SYSTEM_KIND: API_VERSION, CLIQUE_SET_KIND: GROVE_API_VERSION}
MANAGED_BY = {SYSTEM_KIND: "espalier", CLIQUE_SET_KIND: "grove-operator"}
"""What clients of each API select on."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The declared object that others belong to: deleting it deletes them."""

    name: str
    namespace: str
    uid: str
    kind: str = SYSTEM_KIND

    @property
    def is_clique_set(self) -> bool:
        """Whether its objects are those of Grove."""
        return self.kind == CLIQUE_SET_KIND

    def metadata(self, name: str, labels: dict[str, str] | None = None) -> Manifest:
        """Metadata of an object of this system."""
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": {**(labels or {}), **self.labels()},
            "ownerReferences": [self.reference()],
        }

    def labels(self) -> dict[str, str]:
        """Labels that every object of the system carries."""
        return {
            names.SYSTEM: self.name,
            **({names.SYSTEM_UID: self.uid} if self.uid else {}),
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": MANAGED_BY[self.kind],
            **({"app.kubernetes.io/part-of": self.name} if self.is_clique_set else {}),
        }

    def reference(self) -> Manifest:
        """The owner reference."""
        return {
            "apiVersion": API_VERSIONS[self.kind],
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            "controller": True,
        }


def is_owned_by(item: Manifest, uid: str) -> bool:
    """Whether an object goes when the one of this uid goes."""
    return any(each.get("uid") == uid for each in item["metadata"].get("ownerReferences") or ())
