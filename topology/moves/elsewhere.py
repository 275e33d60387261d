"""Elsewhere: pods that are to leave their nodes, where nodes share GPUs."""

from collections.abc import Collection
from dataclasses import replace

from specs.paths import plain
from topology.demand import Demand
from topology.supply.room import Room


def let_go(room: Room, demand: Demand, slots: Collection[str], wanted: Collection[str] = ()) -> Demand:
    """The gang without the places of these slots.

    A pod whose node shares GPUs goes to another node: another GPU of the same one would be no move. Nor does it go to a node of
    `wanted` that shares, where others will be: which GPUs are left there is settled when it comes.
    """
    keep = {slot: node for slot, node in demand.keep.items() if slot not in slots}
    off = {node for node in (*wanted, *(demand.keep[slot] for slot in slots)) if _shares(room, node)}
    roles = dict.fromkeys(plain(slot) for slot in slots) if off else {}
    excluded = {role: demand.excluded.get(role, frozenset()) | off for role in roles}
    return replace(demand, keep=keep, excluded={**demand.excluded, **excluded} if off else demand.excluded)


def _shares(room: Room, node: str) -> bool:
    host = room.layout.position.get(node)
    return host is not None and room.shares(host)
