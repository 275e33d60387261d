"""Counting: a gang whose units go into domains of one level, found or refused by how many of each class go where."""

from collections.abc import Iterator

from topology.search.alike import Gathering, classes_of
from topology.search.gathering import gathered
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem
from topology.search.search import Outcome
from topology.search.seating import Pick, Seating
from topology.search.shortage import short
from topology.search.units import WHOLE
from topology.supply.layout import Area

MOST_DOMAINS = 16
"""Domains that the gang as a whole might be in, tried one after the other."""


class Counting:
    """Between a short search and a long one: quick where many units are alike, and a proof by prices where they can't fit.

    Complete in neither: where it does not apply, or finds neither places nor proof, the outcome is `unknown`.
    Cost: about 15 ms for each domain that the gang as a whole might be in.
    """

    def __init__(self, problem: Problem, neighbours: Neighbours) -> None:
        self.problem, self.neighbours = problem, neighbours
        self.picks: list[Pick] = []

    def run(self) -> Outcome:
        """Room for everything is taken if, and only if, it is found."""
        root = self.problem.root
        levels = {task.unit.level for task in root.tasks}
        level = levels.pop() if len(levels) == 1 else None
        areas = list(self._areas())
        if level is None or level <= max((area.level for area in areas), default=WHOLE) or len(areas) > MOST_DOMAINS:
            return "unknown"
        proven = True
        for area in areas:
            outcome = self._in(area, level)
            if outcome == "found":
                return "found"
            proven = proven and outcome == "none"
        return "none" if proven else "unknown"

    def _areas(self) -> Iterator[Area]:
        """Where the gang as a whole may be."""
        unit, layout = self.problem.root.unit, self.problem.layout
        if unit.level is None or unit.level == WHOLE:
            yield layout.whole
            return
        first, last = layout.inside(layout.whole, unit.level, self.problem.root.fixed)
        for domain in range(first, last):
            if all(int(self.problem.gauge(gauge).at[unit.level][domain]) >= need for gauge, need in self.problem.root.needs):
                yield layout.area(unit.level, domain)

    def _in(self, area: Area, level: int) -> Outcome:
        classes = classes_of(self.problem, self.problem.root.tasks, area, level)
        if classes is None:
            return "unknown"
        if short(classes.counts, classes.needs, classes.room):
            return "none"
        found = gathered(classes.counts, classes.needs, classes.room)
        return "found" if found and self._seats(classes.gathering(found), area) else "unknown"

    def _seats(self, plan: Gathering, area: Area) -> bool:
        """Whether every host that this takes has the room, too."""
        root, seating = self.problem.root, Seating(self.problem, self.neighbours)
        if plan.left or root.unit.apart:
            return False
        marks = self.problem.room.mark(), self.neighbours.mark()
        inside = all(seating.seat(part, domain) for domain, parts in plan.fillings for part in parts)
        if inside and all(seating.pour_into(pods, area) for pods in root.pods):
            self.picks = seating.picks
            return True
        self.problem.room.undo(marks[0])
        self.neighbours.undo(marks[1])
        return False
