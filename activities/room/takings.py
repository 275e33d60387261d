"""Single changes of a fleet: what grants add to it and take from it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress

from activities.cache.accepted import Accepted
from activities.cache.placements import Placement
from activities.cluster.kube import Manifest
from activities.telemetry import failed
from topology.supply.claims import read_claim
from topology.supply.fleet import Fleet
from topology.supply.fractions import held as by_device
from topology.supply.fractions import read_indexes
from topology.supply.shapes import Shape
from topology.supply.tenants import Held

Taking = Callable[[Fleet], object]
"""One change to take in."""


def held(pods: Iterable[Manifest]) -> Iterator[Held]:
    """What pods hold; what can't be read is passed over."""
    for pod in pods:
        with suppress(ValueError):
            claim = read_claim(pod)
            if claim is not None:
                yield Held(pod["metadata"]["name"], claim.seat, claim.node, claim.requests)


def revoked(key: tuple[str, str], before: Mapping[str, object], after: Mapping[str, object]) -> Iterable[Taking]:
    """Slots of a Placement that are granted nothing any more."""
    return [_revoke(f"{key[0]}/{key[1]}/{slot}") for slot in before if slot not in after]


def shape_or_none(accepted: Accepted, slot: str) -> Shape | None:
    """What a slot's pod takes; None where that is not understood any more."""
    try:
        return accepted.shape_of(slot)
    except ValueError as error:  # it was understood when the room was granted
        failed("grant_not_understood", error, slot=slot)
        return None


def granted(placement: Placement, slot: str, node: str, shape: Shape) -> Taking:
    """A slot holds room on a node."""
    seat = (placement.namespace, placement.system, slot)
    requests = by_device(shape.requests, read_indexes(placement.devices.get(slot, "")))
    return lambda fleet: fleet.grant(f"{placement.namespace}/{placement.name}/{slot}", seat, node, requests)


def _revoke(key: str) -> Taking:
    return lambda fleet: fleet.revoke(key)
