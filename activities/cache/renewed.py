"""Pods that were changed in place: which containers are to restart for it, and whether they have. Pure.

An annotation of the pod keeps when that was, and how often each of them had restarted before. A container is the new one once it
has restarted more often, or its kubelet says that it runs the new image; until then the pod counts as starting, whatever its
conditions say.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from activities.cluster.kube import Manifest
from specs.names import RENEWED
from specs.sections import annotation, entries


class Renewal(NamedTuple):
    """The last change in place of a pod."""

    at: datetime
    restarts: Mapping[str, int]
    """Container -> restarts before it was changed."""


def renewal_of(pod: Manifest) -> Renewal | None:
    """None where it was never changed in place, or somebody has written nonsense there."""
    try:
        found: Any = json.loads(annotation(pod, RENEWED) or "{}")
        restarts = {str(name): int(count) for name, count in found["restarts"].items()}
        return Renewal(datetime.fromisoformat(found["at"]), restarts)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def restarts_before(pod: Manifest) -> Mapping[str, int]:
    """Container -> restarts before it was changed in place."""
    found = renewal_of(pod)
    return found.restarts if found else {}


def note_of(pod: Manifest, names: Sequence[str], now: datetime) -> Mapping[str, str]:
    """The annotation for a pod of which these containers are changed now."""
    restarts = {each["name"]: int(each.get("restartCount", 0)) for each in entries(pod, "status", "containerStatuses")}
    before = {**restarts_before(pod), **{name: restarts[name] for name in names if name in restarts}}
    return {RENEWED: json.dumps({"at": now.isoformat(timespec="seconds"), "restarts": before})} if names else {}


def is_renewing(pod: Manifest) -> bool:
    """Whether a container that was changed has not restarted yet, or has and is not ready since."""
    before = restarts_before(pod)
    if not before:
        return False
    images = {each["name"]: each.get("image") for each in entries(pod, "spec", "containers")}
    statuses = (each for each in entries(pod, "status", "containerStatuses") if each["name"] in before)
    return any(_renews(each, images.get(each["name"]), before[each["name"]]) for each in statuses)


def _renews(status: Manifest, image: str | None, before: int) -> bool:
    restarts = int(status.get("restartCount", 0))
    is_new = restarts > before or status.get("image") == image
    return not is_new or (not status.get("ready") and restarts <= before + 1)
