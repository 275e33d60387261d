"""Conditions and Events, as the parts of a cluster write them."""

from datetime import datetime

from specs.owners import Manifest
from specs.sections import condition, entries, section
from workers.simulated.api import Api
from workers.simulated.clock import stamp
from workers.simulated.kinds import EVENTS

FINISHED = ("Succeeded", "Failed")
MOST_EVENTS = 2_000


def with_condition(item: Manifest, said: Manifest, now: datetime) -> Manifest:
    """The object's status with this condition; the time of its last change is kept while it stays as it is."""
    old = condition(item, said["type"])
    since = old.get("lastTransitionTime") if old.get("status") == said["status"] else None
    new = {**said, "lastTransitionTime": since or stamp(now)}
    others = [each for each in entries(item, "status", "conditions") if each["type"] != said["type"]]
    return {**section(item, "status"), "conditions": [*others, new]}


def event(api: Api, item: Manifest, reason: str, message: str, now: datetime, *, warning: bool = False) -> None:
    """Tell of something that happened to an object; the oldest are forgotten."""
    metadata = item["metadata"]
    namespace = metadata.get("namespace") or "default"
    about = {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": metadata["name"],
        "namespace": namespace,
        "uid": metadata["uid"],
    }
    own = {"name": f"{metadata['name']}.{api.objects.version:x}", "namespace": namespace, "creationTimestamp": stamp(now)}
    told = {
        "metadata": own, "apiVersion": "v1", "kind": "Event", "involvedObject": about, "reason": reason, "message": message,
        "type": "Warning" if warning else "Normal", "firstTimestamp": stamp(now), "lastTimestamp": stamp(now), "count": 1,
        "source": {"component": "simulated-cluster"},
    }  # fmt: skip
    api.objects.put(EVENTS, told)
    known = api.objects.all(EVENTS)
    if len(known) > MOST_EVENTS:
        api.objects.drop(EVENTS, min(known, key=lambda each: int(each["metadata"]["resourceVersion"])))
