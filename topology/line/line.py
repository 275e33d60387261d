"""The line: who waits for room, and what those behind may take without making that wait longer."""

from dataclasses import replace

import numpy as np

from topology.demand import Budget, Code, Demand, Granted, NoRoom
from topology.line.lack import Lack
from topology.line.waiter import Waiter
from topology.placement import seat
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem, seats_of
from topology.search.units import Misfit
from topology.supply.room import Room, free_table

MOST = 16
"""Heads of the line that are minded, and as many of the aged: each costs some 10 ms, and every gang behind it about 40 us."""
FOR_ROOM: tuple[Code, ...] = ("InsufficientCapacity", "NoDomainFits", "ScopeFull", "SearchLimit")
"""Reasons that pass when room comes. Who can never have room stands in nobody's way."""
STEPS = 500


class Line:
    """Gangs that found no room in this batch, the first in turn first."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._waiters: list[Waiter] = []

    def join(self, demand: Demand, answer: NoRoom) -> None:
        """A gang has to wait."""
        if self._is_full(demand) or answer.code not in FOR_ROOM or not demand.system or self._exceeds_all(demand):
            return
        try:
            problem = Problem(self._room, demand)
        except Misfit:
            return
        waiter = Waiter(demand, problem, demand.aged and self._could_ever_fit(demand), Lack(problem))
        waiter.measure()
        self._waiters.append(waiter)

    def promised(self, system: str) -> dict[str, tuple[Demand, ...]]:
        """Domains that gangs of other systems hope for."""
        found: dict[str, tuple[Demand, ...]] = {}
        for each in self._waiters:
            if each.best and each.demand.system != system:
                found[each.best] = (*found.get(each.best, ()), each.demand)
        return found

    def set_back_by(self, demand: Demand) -> Waiter | None:
        """Who came before a gang that has just taken room, and would have to wait for more because of it.

        What is repaired (it keeps something) may keep what it took; those who wait are measured anew after it.
        """
        minded = [each for each in self._waiters if each.demand.system != demand.system and not demand.keep]
        hurt = next((each for each in minded if each.is_set_back()), None)
        for each in self._waiters if hurt is None else ():
            if each not in minded:
                each.measure()
        return hurt

    def _is_full(self, demand: Demand) -> bool:
        """Whether enough are minded; who is aged is pushed out of sight by others of that kind only."""
        return sum(each.demand.aged == demand.aged for each in self._waiters) >= MOST

    def _exceeds_all(self, demand: Demand) -> bool:
        """Whether it would not fit if all that the hosts have were free: then nobody makes it wait for longer."""
        total = np.zeros_like(self._room.capacity)
        for pods in seats_of(demand.gang.root):
            total += self._room.need(demand.shapes[pods.role].requests).vector * len(pods.slots)
        return bool((total > self._room.capacity).any())

    def _could_ever_fit(self, demand: Demand) -> bool:
        """On a fleet without any pods. Cost: one placement."""
        layout = self._room.layout
        empty = Room(layout, self._room.columns, free_table(layout.hosts, self._room.columns))
        found = seat(empty, replace(demand, keep={}, taken={}), Neighbours(layout, {}), Budget(STEPS))
        return isinstance(found, Granted)
