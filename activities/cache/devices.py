"""Device claims (DRA) that are simple enough to be counted: so many devices of a driver, on a node of their own.

What is understood: a DeviceClass that chooses one driver, ResourceSlices of single nodes, and requests for an exact count of one
class. All else is for kube-scheduler alone: such claims are refused, with the reason.
Source: resource.k8s.io/v1, KEP-4381.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from activities.cache.cache import Cache
from activities.cluster.kube import CLAIM_TEMPLATES, CLAIMS, CLASSES, SLICES, Manifest
from specs.names import SHARED_BY
from specs.sections import annotation, entries, section
from specs.sharing import Claim, Sharing, Use

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

    def asked(self, namespace: str, spec: Mapping[str, Any], uses: Sequence[Use] = ()) -> Mapping[str, str]:
        """Resource -> devices that one pod needs, `uses`: of claims that it is to share too. Raises `NotUnderstood`."""
        found = self._shared(uses)
        for claim in entries(spec, "resourceClaims"):
            if template := claim.get("resourceClaimTemplateName"):
                found.update(self._counts(claim["name"], self._template(namespace, claim["name"], template)))
            else:
                found.update(self._shared_by_name(namespace, claim))
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

    def _shared(self, uses: Sequence[Use]) -> Counter[str]:
        """What each of the pods that share these claims counts for."""
        found: Counter[str] = Counter()
        for use in uses:
            spec = self._template(use.namespace, use.template, use.template) if use.spec is None else use.spec
            counts = self._local(self._counts(use.template, spec))
            if counts and use.pods > 1 and not use.on_a_host:
                what = f"{use.pods} pods share claim {use.template} for devices of one node, and need not be on one"
                raise NotUnderstood(f"{what}; pack them: topologyConstraint: {{pack: {{required: host}}}}")
            found.update(_part(counts, use.pods))
        return found

    def claimed(self, claim: Claim, sharing: Sharing) -> Mapping[str, Any] | None:
        """What a shared claim says; None while its template is not there."""
        own = sharing.spec_of(claim)
        found = self._cache.get(CLAIM_TEMPLATES, claim.namespace, claim.template) if own is None else None
        return section(found, "spec", "spec") if found else own

    def check_made(self, namespace: str, template: str) -> None:
        """Raises `NotUnderstood` while the template of a ComputeDomain's claims is not there: no pod could have one."""
        if self._cache.get(CLAIM_TEMPLATES, namespace, template) is None:
            what = f"NVIDIA's DRA driver has not made ResourceClaimTemplate {template} of the ComputeDomain of that name"
            raise NotUnderstood(f"{what}; see that the driver runs, or leave out the annotation grove.io/mnnvl-group")

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

    def _template(self, namespace: str, claim: str, template: str) -> Mapping[str, Any]:
        found = self._cache.get(CLAIM_TEMPLATES, namespace, template)
        if found is None:
            raise NotUnderstood(f"claim {claim} needs ResourceClaimTemplate {template}, which is not there; create it")
        return section(found, "spec", "spec")

    def _counts(self, claim: str, spec: Mapping[str, Any]) -> Counter[str]:
        if entries(spec, "devices", "constraints"):
            raise NotUnderstood(f"claim {claim} has constraints between devices; {NOT_COUNTED}: leave them out")
        found: Counter[str] = Counter()
        for request in entries(spec, "devices", "requests"):
            driver, count = self._request(claim, request)
            found[PREFIX + driver] += count
        return found

    def _shared_by_name(self, namespace: str, claim: Mapping[str, Any]) -> Counter[str]:
        """Of a claim that Espalier made; how many pods share one of somebody else's nobody says."""
        found = self._cache.get(CLAIMS, namespace, claim.get("resourceClaimName") or "")
        if found is None or not (pods := annotation(found, SHARED_BY)).isdecimal():
            raise NotUnderstood(f"claim {claim['name']} is shared between pods by its name; {NOT_COUNTED}: use a template")
        return _part(self._local(self._counts(claim["name"], section(found, "spec"))), int(pods))

    def _local(self, counts: Counter[str]) -> Counter[str]:
        """Those that nodes have; all others are of the network, and kube-scheduler alone gives them."""
        drivers = {PREFIX + each["spec"]["driver"] for each in self._cache.all(SLICES) if each["spec"].get("nodeName")}
        return Counter({name: count for name, count in counts.items() if name in drivers})

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


def _part(counts: Counter[str], pods: int) -> Counter[str]:
    """What each of so many pods counts for: whole devices, so together they never count for less than they share."""
    return Counter({name: -(-count // max(1, pods)) for name, count in counts.items()})


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
