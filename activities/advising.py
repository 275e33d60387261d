"""The adviser: what would let those in who wait for room, worked out when the solver has nothing else to do."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from activities.cache.census import SystemKey
from activities.cache.devices import NotUnderstood
from activities.room.demands import Want
from activities.room.room import Supply
from activities.room.solver import Solver
from activities.state.advice import Advice, Fits
from activities.steps.defragmenting import Defragmenting
from activities.telemetry import failed, step
from topology.demand import Budget, Demand
from topology.line.line import FOR_ROOM
from topology.moves.nearest import nearest_fits
from topology.supply.fleet import Fleet
from topology.supply.tenants import Tenancy

PAUSE_S = 2.0
MOST_PUT_OFF = 3
"""So many rounds a search is put off while room comes and goes: what waits may be let in by that."""
REST = 20
"""After a search, so many times as long as it took: a twentieth of the time at most."""
MOST_GANGS, MOST_RESIDENTS = 3, 2_000
LONGEST_S = 0.15
"""For one gang."""


class Adviser:
    """For the first gangs in the queue that wait for room; nobody else is looked at."""

    def __init__(
        self,
        solver: Solver,
        supply: Supply,
        who: Defragmenting,
        advice: Advice,
        tell: Callable[[str, str], None],
    ) -> None:
        self._solver, self._supply, self._who = solver, supply, who
        self._advice, self._tell = advice, tell
        self._asked: object = None
        self._noticed: object = None
        self._put_off = 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            started = time.monotonic()
            try:
                await self._advise()
            except Exception as error:  # noqa: BLE001 - advice must not end what is advised
                failed("advice_failed", error)
            await asyncio.sleep(max(PAUSE_S, REST * (time.monotonic() - started)))

    async def _advise(self) -> None:
        waiting = [want for want in self._who.waiting() if self._reason(want) in FOR_ROOM][:MOST_GANGS]
        asked = ([(want.asked.key, want.asked.name) for want in waiting], self._solver.epoch) if waiting else None
        if asked == self._asked:
            return
        if asked and asked != self._noticed and self._put_off < MOST_PUT_OFF:
            self._noticed, self._put_off = asked, self._put_off + 1
            return
        self._asked, self._put_off = asked, 0
        with step("fits_sought", gangs=len(waiting)):
            fits: Fits = await self._solver.study(lambda: self._question(waiting)) if waiting else {}
        for key in self._advice.replace(fits):
            self._tell(*key)

    def _reason(self, want: Want) -> str:
        told = want.asked.newest.waiting.get(want.asked.name)
        return told.reason if told else ""

    def _question(self, waiting: Sequence[Want]) -> Callable[[], Fits]:
        movable = self._who.residents()
        residents: Sequence[Want] = movable if len(movable) <= MOST_RESIDENTS else ()
        tenancy = self._supply.tenancy()

        def found(fleet: Fleet, demands: Sequence[Demand]) -> Fits:
            return dict(_fits(fleet, waiting, demands, tenancy()))

        return self._supply.study([*waiting, *residents], found)


def _is_past(until: float) -> bool:
    return time.monotonic() > until


def _fits(
    fleet: Fleet, waiting: Sequence[Want], demands: Sequence[Demand], tenancy: Tenancy
) -> Iterator[tuple[tuple[SystemKey, str], tuple[str, ...]]]:
    for want, demand in zip(waiting, demands, strict=False):
        until = time.monotonic() + LONGEST_S
        budget = Budget(expired=partial(_is_past, until))
        try:
            fits = nearest_fits(fleet, demand, demands[len(waiting) :], tenancy, budget)
        except (NotUnderstood, ValueError, LookupError) as error:
            failed("fits_not_found", error, gang=want.asked.name)
            continue
        if fits:
            yield (want.asked.key, want.asked.name), fits
