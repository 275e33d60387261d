"""The `Kube` port: the few calls Espalier makes to a cluster, over plain JSON.

```
Refused                 do not repeat: the request is wrong, forbidden, or overtaken
├─ NotThere             404: the object, its namespace, or its whole API does not exist
├─ AlreadyThere         409 on create
├─ Overtaken            409, or a failed `test` of a JSON patch: somebody wrote first; read again and decide again
└─ Expired              410: the watch position is too old; list again
Busy                    repeat after `delay`: 429, 5xx, timeouts, connections cut, answers that are not an API server's
```

Messages are one sentence, fit for a status or a log, and hold no credentials.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, Protocol

Manifest = dict[str, Any]
Keep = Callable[[Manifest], Manifest]
"""What is kept of an object."""


@dataclass(frozen=True)
class Kind:
    """One kind of object, as its address says it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True


PODS = Kind("v1", "Pod", "pods")
NODES = Kind("v1", "Node", "nodes", namespaced=False)
SERVICES = Kind("v1", "Service", "services")
EVENTS = Kind("v1", "Event", "events")
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps")
NAMESPACES = Kind("v1", "Namespace", "namespaces", namespaced=False)
PRIORITIES = Kind("scheduling.k8s.io/v1", "PriorityClass", "priorityclasses", namespaced=False)
CLASSES = Kind("resource.k8s.io/v1", "DeviceClass", "deviceclasses", namespaced=False)
SLICES = Kind("resource.k8s.io/v1", "ResourceSlice", "resourceslices", namespaced=False)
CLAIM_TEMPLATES = Kind("resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates")
CLAIMS = Kind("resource.k8s.io/v1", "ResourceClaim", "resourceclaims")
DOMAINS = Kind("resource.nvidia.com/v1beta1", "ComputeDomain", "computedomains")
BUDGETS = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
REVISIONS = Kind("apps/v1", "ControllerRevision", "controllerrevisions")
CRDS = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
SYSTEMS = Kind("espalier.dev/v1alpha1", "InferenceSystem", "inferencesystems")
MEMBERS = Kind("espalier.dev/v1alpha1", "SystemMember", "systemmembers")
PLACEMENTS = Kind("espalier.dev/v1alpha1", "Placement", "placements")
FABRICS = Kind("espalier.dev/v1alpha1", "Fabric", "fabrics", namespaced=False)
ACCOUNTS = Kind("v1", "ServiceAccount", "serviceaccounts")
AUTOSCALERS = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
CLIQUE_SETS = Kind("grove.io/v1alpha1", "PodCliqueSet", "podcliquesets")
CLIQUES = Kind("grove.io/v1alpha1", "PodClique", "podcliques")
GROUPS = Kind("grove.io/v1alpha1", "PodCliqueScalingGroup", "podcliquescalinggroups")
GANGS = Kind("scheduler.grove.io/v1alpha1", "PodGang", "podgangs")
BINDINGS = Kind("grove.io/v1alpha1", "ClusterTopologyBinding", "clustertopologybindings", namespaced=False)

DECLARING: Mapping[str, Kind] = {SYSTEMS.kind: SYSTEMS, CLIQUE_SETS.kind: CLIQUE_SETS}
"""Kinds whose objects declare a system, which has the object's name."""
SCALING: Sequence[Kind] = (MEMBERS, CLIQUES, GROUPS)
"""Kinds whose objects keep the count of one part of a system."""


class Busy(Exception):
    """Worth repeating after `delay`."""

    def __init__(self, message: str, delay: timedelta = timedelta(seconds=1)) -> None:
        super().__init__(message)
        self.delay = delay


class Refused(Exception):
    """Not worth repeating. `status` is the HTTP code, `reason` the API's own word."""

    def __init__(self, message: str, *, status: int = 0, reason: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class NotThere(Refused):
    """404."""


class AlreadyThere(Refused):
    """409 on create: an object of that name exists."""


class Overtaken(Refused):
    """409, or a failed `test` or precondition: somebody wrote first."""


class Expired(Refused):
    """410: too old a resourceVersion."""


@dataclass(frozen=True)
class Listing:
    """Everything of one kind, as of one version."""

    items: Sequence[Manifest]
    version: int
    """resourceVersion of the list; a number since KEP-5504, comparable within one kind."""


@dataclass(frozen=True)
class Event:
    """One change. A BOOKMARK has a version and no name: everything up to it has been told."""

    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]
    object: Manifest


class Kube(Protocol):
    """What a cluster must answer. Every call has a deadline, raises only `Busy` or `Refused`, and may be repeated."""

    async def get(self, kind: Kind, name: str, namespace: str | None = None) -> Manifest:
        """One object; `NotThere` if there is none."""
        ...

    async def list(self, kind: Kind, namespace: str | None = None, labels: str = "", keep: Keep | None = None) -> Listing:
        """All objects as of one version no older than this call; `labels` is a label selector. Every item says its kind.

        `keep` is asked of each item as it is read, so that a large list is never in memory as a whole.
        """
        ...

    def watch(
        self, kind: Kind, since: int, namespace: str | None = None, labels: str = ""
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Changes after `since`, with bookmarks, in the order of their versions.

        Ends when the server ends it; `Busy` when it is cut; `Expired`, at the start or later, when `since` is too old. A change
        that takes an object out of the selector is a DELETED event.
        """
        ...

    async def create(self, kind: Kind, manifest: Manifest) -> Manifest:
        """POST; `AlreadyThere` if the name is taken. The server drops `status`; write it by a patch of that subresource."""
        ...

    async def apply(self, kind: Kind, manifest: Manifest, *, manager: str, subresource: str = "", force: bool = True) -> Manifest:
        """Server-side apply: the whole intent of `manager`, every time. Without `force`, `Overtaken` names other owners."""
        ...

    async def replace(self, kind: Kind, manifest: Manifest, *, subresource: str = "") -> Manifest:
        """PUT with the manifest's own resourceVersion as precondition; `Overtaken` if somebody wrote first.

        That somebody may be the same call: its first answer can have been lost. Read again and compare.
        """
        ...

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Sequence[Mapping[str, Any]] | Mapping[str, Any],
        namespace: str | None = None,
        subresource: str = "",
    ) -> Manifest:
        """A JSON patch (a list) or a merge patch (a mapping).

        A merge patch may hold metadata.resourceVersion as its precondition: `Overtaken` if somebody wrote first.
        A JSON patch that no longer fits the object (a `test` or a path) is `Overtaken` if it holds a `test`, else `Refused`.
        """
        ...

    async def delete(
        self, kind: Kind, name: str, namespace: str | None = None, *, uid: str = "", version: str = "", at_once: bool = False
    ) -> None:
        """Delete, its dependents in the background; only the object with `uid` if one is given; `at_once`: without any grace.

        No error if it is gone, which it is too when the name belongs to an object of another uid by now. With `version`, its
        resourceVersion, `Overtaken` if somebody wrote since: an answer that was lost may make that of our own deletion.
        """
        ...

    async def delete_all(self, kind: Kind, namespace: str, labels: str, *, as_of: int = 0) -> None:
        """Delete every object that the selector takes, in one request. No error where there is none, or no such API.

        `as_of`: a resourceVersion of that kind; what was made after it stays. `Expired` if it is too old.
        """
        ...
