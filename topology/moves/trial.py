"""Trial: does the gang find room when these pieces go? And the best choice of pieces so far."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from topology.demand import Budget, Demand, Granted, NoRoom
from topology.moves.dues import Dues
from topology.placement import seat
from topology.search.neighbours import Neighbours
from topology.search.problem import Problem, Task
from topology.supply.layout import Area
from topology.supply.room import Room
from topology.supply.tenants import Piece, Pieces

SEARCH_STEPS = 2_000
"""Of one try to seat the gang: 60 ms at most."""
CLEARING_STEPS = 2_000
"""Of a whole clearing: sets of pieces looked at, of about 1 ms each."""
Accept = Callable[[Sequence[Piece], Granted], int | None]
"""What it costs on top when these go and the gang sits so; None when that may not be."""


@dataclass(frozen=True, slots=True)
class Cleared:
    """The pieces that go, and where the gang sits then."""

    pieces: tuple[Piece, ...]
    granted: Granted
    cost: int
    least: int = 0
    """No choice costs less."""

    @property
    def proven(self) -> bool:
        """No other choice is cheaper."""
        return self.cost <= self.least


def nothing_more(pieces: Sequence[Piece], granted: Granted) -> int:
    """Whatever goes costs what it costs."""
    del pieces, granted
    return 0


@dataclass(frozen=True, slots=True)
class OneDomain:
    """The one domain that is looked at, and the part that decides about it."""

    problem: Problem
    part: Task
    area: Area

    def has_enough(self) -> bool:
        """Whether it has by every gauge what the part needs; if not, no search will find room there."""
        level, index = self.area.level, self.area.index
        return all(int(self.problem.gauge(gauge).at[level][index]) >= amount for gauge, amount in self.part.needs)


@dataclass(slots=True)
class Trial:
    """One gang, one fleet, and the pieces that may go."""

    room: Room
    demand: Demand
    pieces: Pieces
    budget: Budget = field(default_factory=lambda: Budget(CLEARING_STEPS))
    accept: Accept = nothing_more
    best: Cleared | None = None
    sure: bool = True
    """Nothing that might be cheaper was passed over because time was up."""
    dues: Dues = field(init=False)
    one: "OneDomain | None" = None
    """Where it must go, while only one domain is looked at."""
    _on: dict[int, list[int]] = field(init=False)
    """Host -> pieces with a pod there, by position."""
    _neighbours: Neighbours = field(init=False)

    def __post_init__(self) -> None:
        self._neighbours = Neighbours(self.room.layout, {**self.demand.beside, **self.demand.keep})
        self.dues = Dues(self.room, self.pieces.all)
        self._on = {}
        for place, piece in enumerate(self.pieces.all):
            for node in dict.fromkeys(pod.node for pod in piece.pods):
                self._on.setdefault(self.room.layout.position.get(node, -1), []).append(place)

    def touching(self, area: Area) -> list[str]:
        """Pieces with a pod in an area, in their order."""
        places = {place for host in range(area.low, area.high) for place in self._on.get(host, ())}
        return [self.pieces.all[place].name for place in sorted(places)]

    def seated(self, names: Collection[str], demand: Demand) -> Granted | None:
        """Where the gang would sit with these gone, and all that add to them."""
        mark, beside = self.room.mark(), self._neighbours.mark()
        for piece in self.pieces.closed(names):
            give_back(self.room, piece)
        hopeful = self.one is None or self.one.has_enough()
        found = seat(self.room, demand, self._neighbours, Budget(SEARCH_STEPS, self.budget.expired)) if hopeful else None
        self.room.undo(mark)
        self._neighbours.undo(beside)
        if isinstance(found, NoRoom) and found.code == "SearchLimit":
            self.sure = False
        return found if isinstance(found, Granted) else None

    def thinned(self, names: Collection[str], demand: Demand) -> list[str] | None:
        """As few of these as will do, where the dearest stay first; None when all of them will not do.

        What adds to another comes after it, so that nobody stays whose base goes. Cost: log n tries for each that goes.
        """
        going: list[str] = []
        closed = self.pieces.closed(names)[::-1]  # of equal ones the first by name goes
        left = [each.name for each in sorted(closed, key=lambda each: (each.depth, -each.cost))]
        if self.seated(left, demand) is None:
            return None
        while left:
            stay = self._can_stay(going, left, demand)
            gone = {each.name for each in self.pieces.closed(left[stay : stay + 1])}
            going += [name for name in left[stay:] if name in gone]
            left = [name for name in left[stay:] if name not in gone]
        return going

    def _can_stay(self, going: Sequence[str], left: Sequence[str], demand: Demand) -> int:
        """How many of those that are left can stay, from the first on; as far as was found out when time was up."""
        low, high = 0, len(left)
        while low < high:
            if self.budget.expired():
                self.sure = False
                break
            middle = (low + high + 1) // 2
            if self.seated([*going, *left[middle:]], demand) is not None:
                low = middle
            else:
                high = middle - 1
        return low

    def offer(self, names: Collection[str], demand: Demand) -> int | None:
        """Take note of a choice; says what it costs in all, None when it will not do."""
        granted = self.seated(names, demand)
        if granted is None:
            return None
        pieces = self.pieces.closed(names)
        more = self.accept(pieces, granted)
        if more is None:
            return None
        cost = sum(each.cost for each in pieces) + more
        if self.best is None or cost < self.best.cost:
            self.best = Cleared(tuple(pieces), granted, cost)
        return cost

    def dearer(self, cost: int) -> bool:
        """Whether it is no better than the best so far."""
        return self.best is not None and cost >= self.best.cost


def give_back(room: Room, piece: Piece) -> None:
    """What a piece holds is free, until it is undone."""
    for pod in piece.pods:
        host = room.layout.position.get(pod.node)
        if host is not None:
            room.take(host, room.need(pod.requests), -1)
