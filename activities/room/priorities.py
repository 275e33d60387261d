"""The priority of a system's pods as kube-scheduler sees it: reservations hold against pods of equal or lower priority only."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from activities.cache.cache import Cache
from activities.cache.placements import Placement
from activities.cluster.kube import PLACEMENTS, PRIORITIES, Kube, Manifest, NotThere, Refused
from specs.paths import roles
from specs.system import SystemSpec
from topology.planning.tenancy import NEVER


class Priorities:
    """Reads PriorityClasses from the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def of(self, spec: SystemSpec) -> int:
        """Value of the PriorityClass of all its roles. Raises `Refused` when there is none, or not one for all."""
        found = {path: self._value(path, role.template["spec"].get("priorityClassName") or "") for path, role in roles(spec)}
        first, *others = found
        for other in others:
            if found[other] != found[first]:
                what = f"roles {first} and {other} have pods of different priority ({found[first]} and {found[other]})"
                raise Refused(f"{what}, but a system gets its room as one")
        return found[first]

    def may_preempt(self, spec: SystemSpec) -> bool:
        """Whether others may have to leave for it: neither its templates nor their PriorityClasses say `Never`."""
        return not any(self._never(role.template["spec"]) for _, role in roles(spec))

    def _never(self, pod: Mapping[str, Any]) -> bool:
        name = pod.get("priorityClassName") or ""
        known = self._cache.get(PRIORITIES, None, name) if name else self._default()
        return NEVER in (pod.get("preemptionPolicy"), (known or {}).get("preemptionPolicy"))

    def _value(self, path: str, name: str) -> int:
        known = self._cache.get(PRIORITIES, None, name) if name else self._default()
        if known is not None:
            return int(known["value"])
        if not name:
            return 0
        raise Refused(f"role {path} names the PriorityClass {name!r}, which the cluster does not have")

    def _default(self) -> Manifest | None:
        """What pods get that name none: of several defaults, the API server takes the lowest."""
        defaults = (each for each in self._cache.all(PRIORITIES) if each.get("globalDefault"))
        return min(defaults, key=lambda each: int(each["value"]), default=None)


class Reranking:
    """An edited priority counts at once, for those too that wait already."""

    def __init__(self, kube: Kube, cache: Cache) -> None:
        self._kube = kube
        self._cache = cache
        self._priorities = Priorities(cache)

    async def rerank(self, spec: SystemSpec, placements: Iterable[Placement]) -> None:
        """Write the priorities that hold now into Placements that lack room. One write each, where it differs."""
        waiting = [each for each in placements if not each.whole and not each.leaving]
        if not waiting:
            return
        try:
            rank = self._priorities.of(spec), spec.priority
        except Refused:  # told by the step that asks for room
            return
        for placement in waiting:
            if placement.importance != rank:
                await self._write(placement, *rank)

    async def _write(self, placement: Placement, pod_priority: int, priority: int) -> None:
        changes = {"metadata": {"uid": placement.uid}, "spec": {"podPriority": pod_priority, "priority": priority}}
        with suppress(NotThere):
            stored = await self._kube.patch(PLACEMENTS, placement.name, changes, placement.namespace)
            self._cache.note_written(PLACEMENTS, stored)
