"""What was accepted over all doors, in its order, and what comes of it: read from Temporal's history and from a watch alone.

Whoever scales says a count. Whoever edits the object changes what differs from what it said before: what stands there because
another door's change was not written yet is no part of the edit.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from specs.sections import annotation
from tests.cluster.api import Json
from workflows.requests import APPLY, SCALE_UPDATE, Apply, Scale

RECORDED = "espalier.dev/recorded"
FIRST = {"copies": 1, "router": 1, "server": 2}
"""Counts of the manifest that the system was declared with."""
Wanted = dict[str, Any]
"""`router`, `server`, `copies`, `priority` and `image`, as far as something says them."""


def said(spec: Mapping[str, Any]) -> Wanted:
    """What a spec says: of an InferenceSystem, or of the object that scales a part of one."""
    if "members" not in spec:  # a SystemMember
        return {str(spec["path"]): spec["replicas"]}
    server = spec["members"][1]["template"]["spec"]["containers"][0]["image"]
    copies = {"copies": spec["replicas"]} if "replicas" in spec else {}
    return {"priority": spec.get("priority", 0), "image": server, **copies}


@dataclass
class Watched:
    """Every version of the objects that there are doors to, by uid."""

    versions: dict[str, list[Json]] = field(default_factory=lambda: defaultdict(list))
    delivered: dict[str, int] = field(default_factory=lambda: defaultdict(lambda: -1))
    """Index of the version that was judged last."""

    def seen(self, event: Json) -> None:
        self.versions[event["object"]["metadata"]["uid"]].append(event["object"])

    def edits(self, uid: str) -> list[int]:
        """Indexes of versions that somebody other than Espalier wrote: it never writes a spec without its mark."""
        found = self.versions[uid]
        pairs = [(index, found[index - 1], found[index]) for index in range(1, len(found))]
        changed = [(index, old, new) for index, old, new in pairs if old["spec"] != new["spec"]]
        first = [] if annotation(found[0], RECORDED) else [0]
        return [*first, *(index for index, old, new in changed if annotation(old, RECORDED) == annotation(new, RECORDED))]

    def judged(self, request_id: str) -> Wanted:
        """What an edit has changed since the one that was judged before it."""
        uid, _, mark = request_id.rpartition("/")
        found = self.versions[uid]
        at = next(index for index, each in enumerate(found) if str(each["metadata"]["generation"]) == mark)
        due = [index for index in self.edits(uid) if self.delivered[uid] < index <= at]
        self.delivered[uid] = at
        if not due:
            return {}
        now, before = said(found[at]["spec"]), said(found[due[0] - 1]["spec"]) if due[0] else {}
        return {key: value for key, value in now.items() if before.get(key) != value}

    @property
    def unjudged(self) -> list[str]:
        """Edits that nobody has answered."""
        left = ((uid, [index for index in self.edits(uid) if index > self.delivered[uid]]) for uid in self.versions)
        return [f"{self.versions[uid][0]['metadata']['name']}, versions {indexes}" for uid, indexes in left if indexes]


@dataclass
class Accepted:
    """All that was accepted, and what is wanted after the last of it."""

    wanted: Wanted = field(default_factory=dict[str, Any])
    times: Counter[str] = field(default_factory=Counter[str])
    """Request id -> how often it was accepted."""
    told: list[str] = field(default_factory=list[str])
    """A line for each, in their order."""


async def accepted(client: Client, workflow_id: str, watched: Watched) -> Accepted:
    """Judge a system's whole history."""
    found = Accepted(dict(FIRST))
    watched.delivered.clear()
    history = await client.get_workflow_handle(workflow_id).fetch_history()
    for name, payloads in asked(history.events):
        if name not in (APPLY, SCALE_UPDATE):
            continue
        (request,) = await client.data_converter.decode(payloads, [Apply if name == APPLY else Scale])
        changes = changes_of(request, watched)
        found.wanted |= changes
        found.times[request.request_id] += 1
        found.told.append(f"{request.request_id} by {request.who}: {changes}")
    return found


def asked(events: Sequence[HistoryEvent]) -> list[tuple[str, Any]]:
    """Name and arguments of every update that was accepted, in that order."""
    inputs = (
        each.workflow_execution_update_accepted_event_attributes.accepted_request.input
        for each in events
        if each.HasField("workflow_execution_update_accepted_event_attributes")
    )
    return [(each.name, each.args.payloads) for each in inputs]


def changes_of(request: Apply | Scale, watched: Watched) -> Wanted:
    by_object = request.request_id.rpartition("/")[0] in watched.versions
    if by_object:
        return watched.judged(request.request_id)
    if isinstance(request, Scale):
        return dict(request.counts)
    spec: Any = request.manifest["spec"]
    return said(spec)
