"""What a rollout has still to do, and which units may go now. Pure.

The budget is held over all causes: a unit counts as unavailable whatever keeps it from being Ready. What is broken already is
updated first, because that takes nothing more away.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from activities.blueprint import Blueprint
from activities.messages import Wait
from activities.placements import Placement
from activities.standing import Digest
from activities.versions import Versions
from specs.rollout import Rollout

BUDGET, PAUSED = "Budget", "Paused"


@dataclass(frozen=True)
class Rolling:
    """Units that are not of the revision that is wanted."""

    outdated: int = 0
    chosen: tuple[tuple[str, ...], ...] = ()
    """Slots of each unit whose turn has come."""
    gate: Wait | None = None
    """What keeps the next unit."""
    stale: frozenset[str] = frozenset()
    """Slots of all units of an older revision, those that stay below the partition too."""


NOTHING = Rolling()


@dataclass
class _Unit:
    index: int
    slots: list[str] = field(default_factory=list[str])
    stale: bool = False
    available: bool = True


def rolling(rollout: Rollout, plan: Blueprint, found: Digest, placements: Iterable[Placement], versions: Versions) -> Rolling:
    """Nothing, at the cost of a glance at each Placement, where no rollout is under way; else linear in pods."""
    if all(each.revision == plan.revision and not each.revisions for each in placements):
        return NOTHING
    turns = [_Turn(member, units, rollout) for member, units in _units(plan, found, versions).items()]
    stale = frozenset(slot for turn in turns for unit in turn.units if unit.stale for slot in unit.slots)
    outdated = sum(len(turn.waiting) for turn in turns)
    if rollout.paused and outdated:
        message = f"the rollout is paused with {outdated} units still to update; go on with: espalier rollout resume {plan.name}"
        return Rolling(outdated, (), Wait(reason=PAUSED, message=message), stale)
    chosen = tuple(tuple(unit.slots) for turn in turns for unit in turn.chosen)
    full = [turn.full for turn in turns if turn.waiting]
    gate = Wait(reason=BUDGET, message=f"{outdated} units wait to be updated: {full[0]}") if full and not chosen else None
    return Rolling(outdated, chosen, gate, stale)


class _Turn:
    """The units of one role or group, over all copies."""

    def __init__(self, member: str, units: Sequence[_Unit], rollout: Rollout) -> None:
        self.units = units
        self.waiting = [unit for unit in units if unit.stale and unit.index >= rollout.partition]
        self._member = member
        self._allowed = rollout.allowed(len(units))
        self._out = [unit for unit in units if not unit.available]

    @property
    def chosen(self) -> list[_Unit]:
        """Those that are broken anyway, and of the others as many as may be taken away."""
        free = max(0, self._allowed - len(self._out))
        return [*(unit for unit in self.waiting if not unit.available), *[unit for unit in self.waiting if unit.available][:free]]

    @property
    def full(self) -> str:
        """Why no more may be taken away."""
        if not self._out:
            return ""
        what = f"units of {self._member}" if self._member else "copies"
        return (
            f"{len(self._out)} of {len(self.units)} {what} are not available and {self._allowed} may be, the first with pod "
            f"{self._out[0].slots[0]}; see why it is not Ready, or go back with: espalier rollout undo"
        )


def _units(plan: Blueprint, found: Digest, versions: Versions) -> dict[str, list[_Unit]]:
    ready = {standing.slot for standing in found.members["ready"]}
    home = found.grants.home
    units: defaultdict[str, dict[str, _Unit]] = defaultdict(dict)
    for slot in plan.seats:
        name = versions.unit(slot)
        unit = units[versions.member(slot)].setdefault(name, _Unit(int(name.rpartition("/")[2])))
        unit.slots.append(slot)
        unit.available = unit.available and slot in ready
        if slot in home and not versions.same(slot, home[slot].revision_of(slot), plan.revision):
            unit.stale = True
    return {member: [held[name] for name in sorted(held, key=_order)] for member, held in sorted(units.items())}


def _order(unit: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdecimal() else (0, part) for part in unit.split("/"))
