"""Whose an object is: what every object that Espalier makes says about its system."""

from dataclasses import dataclass
from typing import Any

from specs import names

Manifest = dict[str, Any]
API_VERSION = f"{names.DOMAIN}/v1alpha1"
MANAGED_BY = "espalier"


@dataclass(frozen=True, slots=True)
class Owner:
    """The InferenceSystem object that others belong to: deleting it deletes them."""

    name: str
    namespace: str
    uid: str

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
            "app.kubernetes.io/instance": self.name,
            "app.kubernetes.io/managed-by": MANAGED_BY,
        }

    def reference(self) -> Manifest:
        """The owner reference."""
        return {"apiVersion": API_VERSION, "kind": "InferenceSystem", "name": self.name, "uid": self.uid, "controller": True}


def is_owned_by(item: Manifest, uid: str) -> bool:
    """Whether an object goes when the one of this uid goes."""
    return any(each.get("uid") == uid for each in item["metadata"].get("ownerReferences") or ())
