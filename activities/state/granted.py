"""What the Placements of a system grant, slot by slot."""

from collections.abc import Container, Sequence

from activities.cache.placements import Placement
from activities.state.standing import Grants, Surplus


def granted(wanted: Container[str], placements: Sequence[Placement]) -> Grants:
    """Fold Placements, oldest first: the first that holds a slot counts, and what is left over is surplus."""
    grants = Grants()
    for placement in placements:
        if placement.leaving or not _fold(grants, wanted, placement):
            grants.idle.append(placement)
    return grants


def _fold(grants: Grants, wanted: Container[str], placement: Placement) -> bool:
    """Whether anything in it is wanted."""
    used = False
    for entry in placement.entries:
        extra = frozenset(slot for slot in entry.slots if slot in grants.home or slot not in wanted)
        mine = [slot for slot in entry.slots if slot not in extra]
        grants.home.update(dict.fromkeys(mine, placement))
        grants.later.update(slot for slot in mine if placement.joined and placement.starts_later(slot))
        used = used or bool(mine)
        if extra:
            grants.surplus.append(Surplus(placement, entry, extra))
        if mine and entry.gang in placement.displaced:
            grants.displaced[entry.gang] = placement.displaced[entry.gang]
        if mine and entry.gang in placement.waiting:
            grants.waiting[entry.gang] = placement.waiting[entry.gang]
    grants.node.update({slot: node for slot, node in placement.nodes.items() if grants.home.get(slot) is placement})
    grants.devices.update({slot: each for slot, each in placement.devices.items() if grants.home.get(slot) is placement})
    return used
