"""MoveUnits: units leave nodes that are evacuated: each has its new places before its old pods go."""

from activities.cases import Case, Cases
from activities.crew import Tally
from activities.evacuation import Piece
from activities.messages import Order
from activities.rehousing import Rehousing
from activities.telemetry import step


class MoveStep:
    """Moves of one system."""

    def __init__(self, cases: Cases, rehousing: Rehousing) -> None:
        self._cases = cases
        self._rehousing = rehousing

    async def move(self, order: Order) -> Tally:
        """As many units as the budget has room for. Safe to repeat: who has its new places is not chosen again."""
        case, tally = await self._cases.to_write(order), Tally()
        tried: set[str] = set()
        with step("units_moved", units=len(case.evacuation.chosen), **case.facts):
            while piece := next((each for each in case.evacuation.chosen if each.slots[0] not in tried), None):
                tried.add(piece.slots[0])
                if await self._move(case, piece):
                    tally.deleted()
                case = self._cases.to_read(order) or case
        return tally

    async def _move(self, case: Case, piece: Piece) -> bool:
        """Alone, or with its whole copy; what may not go with its copy yet is tried again when that may."""
        waiting = await self._rehousing.ask(case, piece.slots, nothing)
        if waiting is not None and piece.copy:
            waiting = await self._rehousing.ask(case, piece.copy, nothing)
        if waiting is not None and (piece.copy or piece.alone):
            self._rehousing.note(case, piece.slots, waiting)
        return waiting is None


async def nothing() -> None:
    """The new places say it all."""
