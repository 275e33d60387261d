"""MoveUnits: units leave nodes that are evacuated, or go where it was planned: each has its new places before its old pods go."""

from collections.abc import Sequence

from activities.cache.placements import Waiting
from activities.cluster.crew import Tally
from activities.messages import Order
from activities.state.cases import Case, Cases
from activities.state.evacuation import Piece
from activities.steps.rehousing import Rehousing
from activities.telemetry import step

RULES = "RulesBroken"


class MoveStep:
    """Moves of one system."""

    def __init__(self, cases: Cases, rehousing: Rehousing) -> None:
        self._cases = cases
        self._rehousing = rehousing

    async def move(self, order: Order) -> Tally:
        """As many units as the budget has room for. Safe to repeat: who has its new places is not chosen again."""
        case, tally = await self._cases.to_take(order), Tally()
        tried: set[str] = set()
        with step("units_moved", units=len(case.evacuation.chosen) + len(case.relocation.chosen), **case.facts):
            while piece := next((each for each in _chosen(case) if each.slots[0] not in tried), None):
                tried.add(piece.slots[0])
                if await self._move(case, piece):
                    tally.deleted()
                case = self._cases.to_read(order) or case
        return tally

    async def _move(self, case: Case, piece: Piece) -> bool:
        """Alone, or with its whole copy; what may not go with its copy yet is tried again when that may."""
        ask = self._as_planned if piece in case.relocation.chosen else self._anywhere
        waiting = await ask(case, piece.slots)
        if waiting is not None and piece.copy:
            waiting = await ask(case, piece.copy)
        if waiting is not None and (piece.copy or piece.alone):
            self._rehousing.note(case, piece.slots, waiting)
        return waiting is None

    async def _anywhere(self, case: Case, slots: Sequence[str]) -> Waiting | None:
        return await self._rehousing.ask(case, tuple(slots), nothing)

    async def _as_planned(self, case: Case, slots: Sequence[str]) -> Waiting | None:
        to = {slot: case.order.moves[slot] for slot in slots}
        if self._cases.breaks_rules(case, to):
            return Waiting(RULES, f"what {slots[0]} must be together with, or apart from, is elsewhere now; plan the moves again")
        return await self._rehousing.go(case, to, nothing)


def _chosen(case: Case) -> Sequence[Piece]:
    return (*case.evacuation.chosen, *case.relocation.chosen)


async def nothing() -> None:
    """The new places say it all."""
