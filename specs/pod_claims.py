"""Device claims of a PodCliqueSet's pods that their own specs do not name: those that they share, and of NVLink domains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from specs.compute_domains import CLAIM, ComputeDomains, container_asks
from specs.grove import CliqueSystem
from specs.owners import Manifest
from specs.sharing import Sharing
from specs.system import InferenceSystem


@dataclass(frozen=True, slots=True)
class PodClaim:
    """One claim, as a pod names it."""

    name: str
    source: Mapping[str, str]
    gpus_only: bool = False
    """Only of containers that ask for GPUs, else of all."""


Claiming = Callable[[str], Sequence[PodClaim]]
"""The claims of the pod of a slot."""


def no_claims(slot: str) -> Sequence[PodClaim]:
    """None but what its manifest names."""
    del slot
    return ()


def claiming(system: InferenceSystem) -> Claiming:
    """What the pods of a system claim."""
    if not isinstance(system, CliqueSystem):
        return no_claims
    sharing, domains = Sharing(system.source), ComputeDomains(system.source)
    return (lambda slot: _claims(sharing, domains, slot)) if sharing or domains else no_claims


def claimed(spec: Manifest, claims: Sequence[PodClaim]) -> Manifest:
    """A pod's spec with these claims beside its own."""
    if not claims:
        return spec
    named = [{"name": each.name, **each.source} for each in claims]
    made = {**spec, "resourceClaims": [*(spec.get("resourceClaims") or ()), *named]}
    for field in ("containers", "initContainers"):
        if field in spec:
            made[field] = [_with(container, claims) for container in spec[field]]
    return made


def _claims(sharing: Sharing, domains: ComputeDomains, slot: str) -> list[PodClaim]:
    found = [PodClaim(each.name, {"resourceClaimName": each.name}) for each in sharing.of(slot)]
    domain = domains.of(slot)
    return [*found, PodClaim(CLAIM, {"resourceClaimTemplateName": domain}, gpus_only=True)] if domain else found


def _with(container: Manifest, claims: Sequence[PodClaim]) -> Manifest:
    resources: Manifest = container.get("resources") or {}
    found = [{"name": each.name} for each in claims if not each.gpus_only or container_asks(container)]
    return {**container, "resources": {**resources, "claims": [*(resources.get("claims") or ()), *found]}} if found else container
