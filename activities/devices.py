"""Device claims (DRA) that are simple enough to be counted: so many devices of a driver, on a node of their own.

What is understood: a DeviceClass that chooses one driver, ResourceSlices of single nodes, and requests for an exact count of one
class. All else is for kube-scheduler alone: such claims are refused, with the reason.
Source: resource.k8s.io/v1, KEP-4381.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from activities.cache import Cache
from activities.kube import CLAIM_TEMPLATES, CLASSES, SLICES, Manifest
from specs.sections import entries, section

PREFIX = "devices/"
"""Of the name under which a driver's devices count among a node's resources."""
DRIVER = re.compile(r"""\s*device\.driver\s*==\s*["']([a-z0-9.-]+)["']\s*""")
ONE_DRIVER = re.compile(r"""device\.driver\s*==\s*["']([a-z0-9.-]+)["']""")
NOT_COUNTED = "Espalier does not count such devices"
PLAIN = {"deviceClassName", "allocationMode", "count"}


class NotUnderstood(ValueError):
    """A claim that can't be counted; the message says which and why."""


class Devices:
    """Reads classes, slices and claim templates from the cache."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._nodes: Mapping[str, Mapping[str, str]] | None = None

    def asked(self, namespace: str, spec: Mapping[str, Any]) -> Mapping[str, str]:
        """Resource -> devices that one pod needs. Raises `NotUnderstood`."""
        found: Counter[str] = Counter()
        for claim in entries(spec, "resourceClaims"):
            for request in entries(self._claim(namespace, claim), "devices", "requests"):
                driver, count = self._request(claim["name"], request)
                found[PREFIX + driver] += count
        return {name: str(count) for name, count in found.items()}

    def suspected(self, namespace: str, spec: Mapping[str, Any], node: str) -> Mapping[str, str]:
        """Devices of a node that a pod's claims may be for: those of the drivers that their classes are bound to, else all."""
        drivers: set[str] = set()
        for claim in entries(spec, "resourceClaims"):
            found = self._cache.get(CLAIM_TEMPLATES, namespace, claim.get("resourceClaimTemplateName") or "")
            bound = [self._bound_to(name) for name in _classes(found)] if found else []
            if not bound or "" in bound:
                return self.of_node(node)
            drivers.update(bound)
        return {name: count for name, count in self.of_node(node).items() if name.removeprefix(PREFIX) in drivers}

    def _bound_to(self, name: str) -> str:
        """The driver whose devices alone a class can choose; "" when that can't be told."""
        found = self._cache.get(CLASSES, None, name)
        expressions = [str(section(each, "cel").get("expression", "")) for each in entries(found or {}, "spec", "selectors")]
        drivers = {driver for text in expressions if "||" not in text and "!" not in text for driver in ONE_DRIVER.findall(text)}
        return drivers.pop() if len(drivers) == 1 else ""

    def of_node(self, node: str) -> Mapping[str, str]:
        """Resource -> devices that a node has. Cost: linear in all devices, once after slices changed."""
        if self._nodes is None:
            self._nodes = self._counted()
        return self._nodes.get(node, {})

    def changed(self) -> None:
        """A slice came, went or was written."""
        self._nodes = None

    def _counted(self) -> Mapping[str, Mapping[str, str]]:
        found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for each in self._newest():
            if node := each["spec"].get("nodeName"):
                found[node][PREFIX + each["spec"]["driver"]] += sum(map(is_plain, entries(each, "spec", "devices")))
        return {node: {name: str(count) for name, count in counts.items()} for node, counts in found.items()}

    def _claim(self, namespace: str, claim: Mapping[str, Any]) -> Mapping[str, Any]:
        template = claim.get("resourceClaimTemplateName")
        if not template:
            raise NotUnderstood(f"claim {claim['name']} is shared between pods by its name; {NOT_COUNTED}: use a template")
        found = self._cache.get(CLAIM_TEMPLATES, namespace, template)
        if found is None:
            raise NotUnderstood(f"claim {claim['name']} needs ResourceClaimTemplate {template}, which is not there; create it")
        spec: Mapping[str, Any] = section(found, "spec", "spec")
        if entries(spec, "devices", "constraints"):
            raise NotUnderstood(f"claim {claim['name']} has constraints between devices; {NOT_COUNTED}: leave them out")
        return spec

    def _request(self, claim: str, request: Mapping[str, Any]) -> tuple[str, int]:
        exact = section(request, "exactly")
        if not exact or exact.keys() - PLAIN or exact.get("allocationMode", "ExactCount") != "ExactCount":
            what = f"request {request.get('name', '')} of claim {claim} is for more than a count of one class"
            raise NotUnderstood(f"{what}; {NOT_COUNTED}: ask for deviceClassName and count alone")
        return self._driver(claim, exact["deviceClassName"]), int(exact.get("count", 1))

    def _driver(self, claim: str, name: str) -> str:
        found = self._cache.get(CLASSES, None, name)
        if found is None:
            raise NotUnderstood(f"claim {claim} is for DeviceClass {name}, which is not there; create it")
        expressions = [section(each, "cel").get("expression", "") for each in entries(found, "spec", "selectors")]
        known = DRIVER.fullmatch(expressions[0]) if len(expressions) == 1 else None
        if known is None:
            what = f"claim {claim} is for DeviceClass {name}, whose selectors do not choose one driver and no more"
            raise NotUnderstood(f"{what}; {NOT_COUNTED}")
        return known.group(1)

    def _newest(self) -> Iterable[Manifest]:
        """Of every pool, the slices of its last generation."""
        pools: dict[tuple[str, str], list[Manifest]] = {}
        for each in self._cache.all(SLICES):
            pool = section(each, "spec", "pool")
            pools.setdefault((each["spec"]["driver"], pool["name"]), []).append(each)
        for slices in pools.values():
            last = max(each["spec"]["pool"]["generation"] for each in slices)
            yield from (each for each in slices if each["spec"]["pool"]["generation"] == last)


def is_plain(device: Mapping[str, Any]) -> bool:
    """A whole device that anybody may have: no part of another, and not tainted."""
    return not (device.get("consumesCounters") or device.get("taints") or device.get("allowMultipleAllocations"))


def with_devices(counts: Mapping[str, str], spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pod spec that asks for these devices as for any other resource: beside what its containers ask for."""
    return {**spec, "overhead": {**section(spec, "overhead"), **counts}} if counts else spec


def with_room(counts: Mapping[str, str], node: Manifest) -> Manifest:
    """A node that has these devices as any other resource."""
    status = section(node, "status")
    return {**node, "status": {**status, "allocatable": {**section(status, "allocatable"), **counts}}} if counts else node


def _classes(template: Manifest) -> list[str]:
    """Classes of all requests of a claim, alternatives included."""
    requests = entries(template, "spec", "spec", "devices", "requests")
    wanted = (each for request in requests for each in (section(request, "exactly"), *entries(request, "firstAvailable")) if each)
    return [str(each.get("deviceClassName", "")) for each in wanted]
