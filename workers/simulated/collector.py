"""Garbage: what belonged to somebody who is gone, and what is left in a namespace that is being deleted."""

from specs.owners import Manifest
from workers.simulated.api import Api, Where, owners
from workers.simulated.errors import Denied
from workers.simulated.kinds import EVENTS, NAMESPACES, Resource
from workers.simulated.objects import Change


class Collector:
    """Remembers who belongs to whom, by uid."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._owned: dict[str, set[tuple[str, str, str, str]]] = {}
        self._emptying = False

    def saw(self, change: Change) -> None:
        """Take in one change."""
        metadata = change.new["metadata"]
        address = (change.new["apiVersion"], change.plural, metadata.get("namespace", ""), metadata["name"])
        for uid in owners(change.new):
            held = self._owned.setdefault(uid, set())
            (held.discard if change.type == "DELETED" else held.add)(address)
        if change.type == "DELETED":
            self._orphaned(str(metadata["uid"]))
        self._emptying = self._emptying or change.plural == "namespaces" or change.type == "DELETED"

    def turn(self) -> None:
        """Empty namespaces that are leaving, and let them go when they are empty."""
        if not self._emptying:
            return
        self._emptying = False
        for namespace in self._api.objects.all(NAMESPACES):
            if "deletionTimestamp" in namespace["metadata"]:
                self._empty(namespace)

    def _orphaned(self, uid: str) -> None:
        for api_version, plural, namespace, name in sorted(self._owned.pop(uid, set())):
            resource = self._api.kinds.find(api_version, plural)
            item = self._api.objects.get(resource, namespace, name) if resource else None
            if resource is not None and item is not None and uid in owners(item):
                self._drop(resource, item)

    def _empty(self, namespace: Manifest) -> None:
        name = namespace["metadata"]["name"]
        left = 0
        for resource in self._api.kinds:
            for item in self._api.objects.all(resource, name) if resource.namespaced else ():
                if "deletionTimestamp" not in item["metadata"]:
                    self._drop(resource, item)
                left += resource != EVENTS and self._api.objects.get(resource, name, item["metadata"]["name"]) is not None
        if not left:
            self._api.objects.drop(NAMESPACES, namespace)

    def _drop(self, resource: Resource, item: Manifest) -> None:
        metadata = item["metadata"]
        try:
            self._api.delete(Where(resource, metadata.get("namespace", ""), metadata["name"]), {})
        except Denied:
            return
