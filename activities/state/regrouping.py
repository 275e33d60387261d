"""Regrouping: the slots of a Placement by the gangs that a newer revision makes of them. Pure; no slot leaves, none moves."""

from collections.abc import Collection, Iterable

from activities.cache.placements import Entry, Placement
from activities.state.standing import Digest
from specs.homes import home
from specs.names import gang_name
from specs.placements import MOST_GANGS
from specs.system import SystemSpec


def regrouped(placement: Placement, spec: SystemSpec) -> tuple[Entry, ...]:
    """Its entries under this spec. Slots that it does not know stay where they are until they are given back.

    More gangs than one Placement may hold are not told apart: they stay together. Cost: about 5 us a slot.
    """
    found: dict[tuple[str, bool], list[str]] = {}
    for entry in placement.entries:
        for slot in entry.slots:
            found.setdefault(_gang(placement.system, spec, slot) or (entry.gang, entry.minimum), []).append(slot)
    if len(found) > MOST_GANGS:
        return placement.entries
    return tuple(Entry(gang, minimum, tuple(slots)) for (gang, minimum), slots in found.items())


def behind(
    placements: Iterable[Placement], revision: str, found: Digest, older: Collection[str], joined: Collection[str]
) -> tuple[Placement, ...]:
    """Placements of an older revision; with slots that need not be named any more; or with pods on their way to other places."""
    home = found.grants.home
    moving = {home[pod.slot].name for each in found.members["surplus"] if (pod := each.pod) and pod.slot in older and each.node}
    kept = (each for each in placements if not each.leaving)
    return tuple(
        each
        for each in kept
        if each.revision != revision
        or each.name in moving
        or any(slot not in older for slot in each.revisions)
        or any(slot not in joined for slot in each.joined)
    )


def _gang(system: str, spec: SystemSpec, slot: str) -> tuple[str, bool] | None:
    try:
        where = home(spec, slot)
    except LookupError:
        return None
    return gang_name(system, where.path), where.rank == 0
