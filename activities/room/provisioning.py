"""Ask a node autoscaler for room: one ProvisioningRequest for each gang that waits, where that API is served.

Source: kubernetes/autoscaler, proposal "Provisioning Request CRD" (API autoscaling.x-k8s.io/v1). Each kind of pod is a
PodTemplate object; the request says how many of each, all together.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from activities.cache.accepted import Acceptances, Accepted
from activities.cache.census import Census
from activities.cache.pods import parsed_time
from activities.cluster.kube import AlreadyThere, Busy, Kind, Kube, Manifest, NotThere, Refused
from activities.room.demands import Asked, asked
from activities.telemetry import failed, step
from specs.names import GANG, REQUEST, SYSTEM, placement_name
from specs.paths import plain
from topology.line.line import FOR_ROOM

REQUESTS = Kind("autoscaling.x-k8s.io/v1", "ProvisioningRequest", "provisioningrequests")
TEMPLATES = Kind("v1", "PodTemplate", "podtemplates")
OURS = SYSTEM
ROUND_S = 2.0
UNSERVED_S = 300.0
PATIENCE = timedelta(seconds=5)
"""A gang that waits for less than this asks nobody: room that is just being freed would do."""


@dataclass(frozen=True)
class Request:
    """One ProvisioningRequest, and the PodTemplates that it counts."""

    manifest: Manifest
    templates: tuple[Manifest, ...]

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.manifest["metadata"]["namespace"], self.manifest["metadata"]["name"]


class Provisioner:
    """Keeps requests as the waiting gangs are. `class_name`: which provisioning class answers them; empty: nobody is asked."""

    def __init__(
        self, kube: Kube, census: Census, acceptances: Acceptances, class_name: str, now: Callable[[], datetime]
    ) -> None:
        self._kube, self._census, self._acceptances = kube, census, acceptances
        self._class_name, self._now = class_name, now

    async def run(self) -> None:
        """Until cancelled."""
        while self._class_name:
            pause_s = ROUND_S
            try:
                await self.once()
            except NotThere:
                pause_s = UNSERVED_S  # this cluster does not know such requests
            except (Busy, Refused) as error:
                failed("provisioning_failed", error)
            await asyncio.sleep(pause_s)

    async def once(self) -> None:
        """Write what is missing, remove what nobody waits for any more. Raises `NotThere` where the API is not served."""
        found = await self._kube.list(REQUESTS, labels=OURS)
        there = {(each["metadata"]["namespace"], each["metadata"]["name"]) for each in found.items}
        wanted = {request.key: request for request in self._wanted()}
        for key in sorted(there - wanted.keys()):
            await self._kube.delete(REQUESTS, key[1], key[0])
            await self._kube.delete_all(TEMPLATES, key[0], f"{REQUEST}={key[1]}")
        for key in sorted(wanted.keys() - there):
            await self._ask(wanted[key])

    def _wanted(self) -> Iterator[Request]:
        for key in self._census.systems_asking():
            for gang in asked(self._census, key).values():
                accepted = self._acceptances.of(*key, gang.newest.revision)
                if accepted is not None and self._waits(gang):
                    yield request_for(accepted, gang, self._class_name)

    def _waits(self, gang: Asked) -> bool:
        """For room, and not only just now."""
        told = gang.newest.waiting.get(gang.name)
        patient = bool(gang.since) and self._now() - parsed_time(gang.since) >= PATIENCE
        return told is not None and told.reason in FOR_ROOM and not gang.whole and patient

    async def _ask(self, request: Request) -> None:
        namespace, name = request.key
        with step("room_asked_for", namespace=namespace, request=name, templates=len(request.templates)):
            for template in request.templates:
                try:
                    await self._kube.create(TEMPLATES, template)
                except AlreadyThere:
                    continue
            await self._kube.create(REQUESTS, request.manifest)


def request_for(accepted: Accepted, gang: Asked, class_name: str) -> Request:
    """What the part of a gang that has no room needs: so many pods of each role. Its name follows from what is missing."""
    owner, missing = accepted.owner, sorted(slot for slot in gang.home if slot not in gang.nodes)
    counts = Counter(plain(slot) for slot in missing)
    name = placement_name(owner.name, [gang.name, *missing])
    templates = [_template(accepted, name, index, path, missing) for index, path in enumerate(sorted(counts))]
    sets = [
        {"podTemplateRef": {"name": template["metadata"]["name"]}, "count": counts[path]}
        for template, path in zip(templates, sorted(counts), strict=True)
    ]
    manifest = {
        "apiVersion": REQUESTS.api_version,
        "kind": REQUESTS.kind,
        "metadata": owner.metadata(name, {GANG: gang.name}),
        "spec": {"provisioningClassName": class_name, "podSets": sets},
    }
    return Request(manifest, tuple(templates))


def _template(accepted: Accepted, name: str, index: int, path: str, missing: list[str]) -> Manifest:
    """The pods of one role, as they would be if they could go anywhere."""
    slot = next(slot for slot in missing if plain(slot) == path)
    pod = accepted.maker.pod(slot, 0)
    spec = {key: value for key, value in pod["spec"].items() if key not in ("schedulingGates", "hostname", "subdomain")}
    return {
        "apiVersion": TEMPLATES.api_version,
        "kind": TEMPLATES.kind,
        "metadata": accepted.owner.metadata(f"{name}-{index}", {REQUEST: name}),
        "template": {"metadata": {"labels": pod["metadata"]["labels"]}, "spec": spec},
    }
