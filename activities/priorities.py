"""The priority of a system's pods as kube-scheduler sees it: reservations hold against pods of equal or lower priority only."""

from activities.cache import Cache
from activities.kube import PRIORITIES, Manifest, Refused
from specs.paths import roles
from specs.system import SystemSpec


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
