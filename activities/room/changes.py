"""From the solver's answers to what is committed: room that is given, and gangs that are told to leave theirs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from activities.cache.census import SystemKey
from activities.cache.placements import Placement
from activities.cache.pods import written_time
from activities.room.demands import Want
from activities.room.ledger import Change
from activities.room.room import Answers, Clearing, Room
from specs.status import clipped
from topology.supply.fractions import written

PlacementsOf = Callable[[SystemKey], Sequence[Placement]]


@dataclass
class _Draft:
    placement: Placement
    nodes: dict[str, str | None] = field(default_factory=dict[str, str | None])
    displaced: dict[str, Mapping[str, str] | None] = field(default_factory=dict[str, Mapping[str, str] | None])
    devices: dict[str, str | None] = field(default_factory=dict[str, str | None])


def changes_of(wanted: Sequence[Want], answers: Answers, placements: PlacementsOf, now: datetime) -> list[Change]:
    """One change for each Placement that there is one for."""
    drafts: dict[str, _Draft] = {}
    for want, answer in zip(wanted, answers, strict=True):
        if isinstance(answer, Room):
            _grant(drafts, want, answer)
        elif isinstance(answer, Clearing):
            _displace(drafts, answer, placements, now)
    return [Change(*each.placement.key, uid, each.nodes, each.displaced, each.devices) for uid, each in drafts.items()]


def given_back(placement: Placement, taken: Mapping[str, str]) -> Change | None:
    """The change that takes these slots' nodes back, and their devices, so far as they are still granted; None where none is."""
    nodes: dict[str, str | None] = {slot: None for slot, node in taken.items() if placement.nodes.get(slot) == node}
    devices: dict[str, str | None] = {slot: None for slot in nodes if slot in placement.devices}
    return Change(placement.namespace, placement.name, placement.uid, nodes, devices=devices) if nodes else None


def _grant(drafts: dict[str, _Draft], want: Want, room: Room) -> None:
    for slot, placement in want.asked.home.items():
        node, devices = room.nodes[slot], written(room.devices.get(slot, ()))
        fresh = node != want.asked.nodes.get(slot)
        if fresh or (devices is not None and devices != placement.devices.get(slot)):
            draft = drafts.setdefault(placement.uid, _Draft(placement))
            draft.nodes[slot] = node
            if devices is not None or slot in placement.devices:
                draft.devices[slot] = devices
            if want.asked.name in placement.displaced:
                draft.displaced[want.asked.name] = None  # it has a place again


def _displace(drafts: dict[str, _Draft], clearing: Clearing, placements: PlacementsOf, now: datetime) -> None:
    """They keep their nodes until they are gone from there."""
    why = {"reason": clearing.because.reason, "message": clipped(clearing.because.message), "since": written_time(now)}
    for key, gangs in clearing.victims.items():
        for placement in placements(key):
            told = [entry.gang for entry in placement.entries if entry.gang in gangs]
            if told and not placement.leaving:
                drafts.setdefault(placement.uid, _Draft(placement)).displaced.update(dict.fromkeys(told, why))
