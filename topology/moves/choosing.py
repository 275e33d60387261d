"""Choosing: every set of pieces of one area that might be cheaper than the best so far."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from topology.demand import Demand
from topology.moves.trial import Trial
from topology.search.problem import Problem, Task
from topology.supply.layout import Area
from topology.supply.tenants import Piece

CHOICES = 600
"""Sets that are tried in one area before the best of them is taken for good; fewer where there are more than 32 hosts."""
HOSTS = 32 * CHOICES
MOST_PIECES = 400
"""Choosing among more than these would not come to an end."""
_Some = frozenset[str]


@dataclass(slots=True)
class Choosing:
    """Depth first over the pieces, cheapest first: this one goes, or it stays.

    Complete unless `CHOICES` or the budget end first. Cost: about 0.5 ms a set, half of it for the bound that prunes.
    """

    trial: Trial
    problem: Problem
    part: Task
    """What must fit into the area, and decides what that costs at least."""
    area: Area
    demand: Demand
    names: Collection[str]
    _pieces: list[Piece] = field(init=False)
    _tries: int = CHOICES

    def __post_init__(self) -> None:
        self._tries = min(CHOICES, HOSTS // max(1, self.area.high - self.area.low))
        known = [self.trial.pieces[name] for name in self.names]
        self._pieces = sorted(known, key=lambda each: (each.cost, -each.depth, _holds(each), each.name))

    def run(self) -> bool:
        """Whether every set was looked at, or known to be no cheaper."""
        if len(self._pieces) > MOST_PIECES:
            return False
        stack: list[tuple[int, _Some, _Some]] = [(0, frozenset(), frozenset())]
        while stack:
            index, going, staying = stack.pop()
            self._tries -= 1
            if self._tries < 0 or self.trial.budget.spent() or self.trial.budget.expired():
                return False
            if not self._hopeless(going, staying) and not self._done(going):
                stack += self._next(index, going, staying)
        return True

    def _next(self, index: int, going: _Some, staying: _Some) -> Iterator[tuple[int, _Some, _Some]]:
        """That the next piece stays, with all that are just like it; and that it goes, which is looked at first."""
        while index < len(self._pieces) and self._pieces[index].name in going:
            index += 1
        if index >= len(self._pieces):
            return
        piece, end = self._pieces[index], index + 1
        while end < len(self._pieces) and self._alike(self._pieces[end], piece):
            end += 1
        yield end, going, staying | {each.name for each in self._pieces[index:end]} - going
        closed = {each.name for each in self.trial.pieces.closed([piece.name])}
        if not closed & staying:
            yield index + 1, going | closed, staying

    def _alike(self, one: Piece, other: Piece) -> bool:
        """Whether it makes no difference which of two goes."""
        alone = self.trial.pieces.alone(one) and self.trial.pieces.alone(other)
        return alone and one.cost == other.cost and _holds(one) == _holds(other)

    def _hopeless(self, going: _Some, staying: _Some) -> bool:
        cost = self.trial.pieces.cost(going)
        if self.trial.dearer(cost):
            return True
        more = self.trial.dues.least(self.problem, self.part.needs, self.area, going, staying)
        return more is None or self.trial.dearer(cost + more)

    def _done(self, going: _Some) -> bool:
        """Whether it will do as it is, at no cost beyond its own: then more of them can't be better."""
        return self.trial.offer(going, self.demand) == self.trial.pieces.cost(going)


def _holds(piece: Piece) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
    return [(pod.node, pod.requests) for pod in piece.pods]
