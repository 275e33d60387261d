"""Rehousing: a unit that is to be other than it is, or is to go elsewhere, gets its new places before its old pods go."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from activities.cache.devices import NotUnderstood
from activities.cache.placements import Waiting
from activities.room.demands import Asked, Want, asked
from activities.room.solver import Move, Solver
from activities.state.cases import Case, Cases
from activities.state.refusals import excluded, in_force

Unit = tuple[str, ...]
"""Its slots."""


class Rehousing:
    """Asks the solver, and notes for whom there is no room."""

    def __init__(self, cases: Cases, solver: Solver, now: Callable[[], datetime]) -> None:
        self._cases = cases
        self._solver = solver
        self._now = now

    def is_due(self, case: Case, unit: Unit) -> bool:
        """Whether its places were chosen for something else than what it is to be."""
        home = case.digest.grants.home
        return not case.rolling.places.slots.isdisjoint(unit) or any(self._differs(case, slot) for slot in unit if slot in home)

    async def rehouse(self, case: Case, unit: Unit, then: Callable[[], Awaitable[None]]) -> bool:
        """Whether it has its places now, as it is to be; `then` has been awaited before anybody else gets room."""
        waiting = await self.ask(case, unit, then)
        if waiting is not None:
            self.note(case, unit, waiting)
        return waiting is None

    async def ask(self, case: Case, unit: Unit, then: Callable[[], Awaitable[None]]) -> Waiting | None:
        """The same, or why there is no room."""
        may_stay = case.rolling.places.slots.isdisjoint(unit)
        return await self._solver.rehouse(Move(lambda: self._wants(case, unit), may_stay, {}, then))

    async def go(self, case: Case, to: Mapping[str, str], then: Callable[[], Awaitable[None]]) -> Waiting | None:
        """Have these slots go to these nodes, together; or why that can't be."""
        return await self._solver.rehouse(Move(lambda: self._wants(case, tuple(to)), False, to, then))

    def note(self, case: Case, unit: Unit, waiting: Waiting) -> None:
        """It runs on as it is until room may have come free."""
        self._cases.unplaced.note(case.key, case.accepted.revision, unit, waiting)

    def _differs(self, case: Case, slot: str) -> bool:
        try:
            return self._cases.made_by(case, slot).shape_of(slot) != case.accepted.shape_of(slot)
        except NotUnderstood:
            return True

    def _wants(self, case: Case, unit: Unit) -> Sequence[Want]:
        census, accepted = self._cases.census, case.accepted
        slots = frozenset(unit)
        placed = [found for each in asked(census, case.key).values() if (found := each.only(_placed(case, each)))]
        there = [each for each in placed if not slots.isdisjoint(each.home)]
        leaving = {slot: node for each in there for slot, node in each.nodes.items() if slot in slots}
        off_limits = excluded(in_force(census.placements(case.key), self._now(), census.freed))
        places = case.rolling.places
        beside = {scope: node for scope, node in places.beside.items() if not places.sharing[scope] <= slots}
        return [
            Want(
                each,
                accepted,
                accepted.gang(each.name, each.minimum, tuple(each.home)),
                {slot: node for slot, node in each.nodes.items() if slot not in slots},
                off_limits,
                leaving=leaving,
                beside=beside,
            )
            for each in there
        ]


def _placed(case: Case, each: Asked) -> Callable[[str], bool]:
    return lambda slot: slot in each.nodes and case.accepted.knows(slot)
