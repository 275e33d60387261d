"""Holding: room that answers take in a fleet for as long as a question lasts."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

from specs.paths import plain
from topology.demand import Answer, Demand, Granted
from topology.supply.fleet import Fleet
from topology.supply.fractions import held as by_device


@contextmanager
def holding(fleet: Fleet) -> Generator[Callable[[Demand, Answer], None]]:
    """Room that answers hold while the body runs; what is promised too."""
    held: list[str] = []
    try:
        yield lambda demand, answer: held.extend(_held(fleet, demand, answer))
    finally:
        for key in held:
            fleet.revoke(key)


def _held(fleet: Fleet, demand: Demand, answer: Answer) -> list[str]:
    """Keep the answer's room for the rest of this question."""
    namespace, _, system = demand.system.partition("/")
    place = answer if isinstance(answer, Granted) else answer.promised
    nodes: Mapping[str, str] = place.nodes if place else {}
    for slot, node in nodes.items():
        requests = by_device(demand.shapes[plain(slot)].requests, place.devices.get(slot, ()) if place else ())
        fleet.grant(f"question/{demand.system}/{slot}", (namespace, system, slot), node, requests)
    return [f"question/{demand.system}/{slot}" for slot in nodes]
