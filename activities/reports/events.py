"""Kubernetes Events: what `kubectl describe` and `kubectl events` show. One for each reason and object."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from activities.cache.pods import written_time
from activities.cluster.kube import EVENTS, AlreadyThere, Kube, Manifest, NotThere
from specs.names import short_hash

LONGEST_MESSAGE = 1_000
COMPONENT = "espalier"


@dataclass(frozen=True)
class About:
    """The object that an Event is about."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def about(found: Manifest) -> About:
    """An object, as its manifest names it."""
    metadata = found["metadata"]
    return About(found["apiVersion"], found["kind"], metadata["namespace"], metadata["name"], metadata["uid"])


class Events:
    """Writes them. Raises `Busy` or `Refused`, as every write does."""

    def __init__(self, kube: Kube, now: Callable[[], datetime]) -> None:
        self._kube = kube
        self._now = now

    async def say(self, of: About, reason: str, message: str, *, normal: bool = False) -> None:
        """For the first time, as far as is known; a warning, unless it is `normal`."""
        try:
            await self._kube.create(EVENTS, event(of, reason, message, self._now(), normal=normal))
        except AlreadyThere:
            await self.say_again(of, reason, message)

    async def say_again(self, of: About, reason: str, message: str) -> None:
        """What was said before, with a newer sentence."""
        made = event(of, reason, message, self._now())
        patch = {"message": made["message"], "lastTimestamp": made["lastTimestamp"]}
        try:
            await self._kube.patch(EVENTS, made["metadata"]["name"], patch, of.namespace)
        except NotThere:  # the API server forgets Events after an hour
            await self._kube.create(EVENTS, made)


def event(of: About, reason: str, message: str, now: datetime, *, normal: bool = False) -> Manifest:
    """The Event: one object for each reason, whatever is said and however often."""
    time = written_time(now)
    involved = {"apiVersion": of.api_version, "kind": of.kind, "name": of.name, "namespace": of.namespace, "uid": of.uid}
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{of.name}.{short_hash(of.uid, reason, length=8)}", "namespace": of.namespace},
        "involvedObject": involved,
        "type": "Normal" if normal else "Warning",
        "reason": reason,
        "message": message[:LONGEST_MESSAGE],
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
    }
