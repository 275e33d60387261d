"""Dues: at least what must be paid, in pieces that go, for room in a domain. Never more than the cheapest way costs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from topology.search.problem import Amounts, Problem
from topology.supply.layout import Area, Ints
from topology.supply.room import Fits, Room
from topology.supply.tenants import SHARE, Piece

MOST_STATES = 512
"""Of one host: sets of pieces that leave different room. With more, all of its pieces count as gone for the price of one."""
MOST_STEPS = 60_000
"""Of the exact sum over hosts; beyond that, prices are made convex, which can only make the sum lower."""
Offer = tuple[int, int]
"""So many more pods fit on a host, at this price."""
_Menu = tuple[int, list[Offer]]
"""How many pods fit on a host without paying, and the offers for more, each dearer than the one before."""
NONE_OF_THEM: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Load:
    """What one piece holds on one host."""

    piece: Piece
    vector: Ints


@dataclass(slots=True)
class Dues:
    """Prices of room in a fleet, for a list of pieces that may go.

    A piece on several hosts is paid for in equal shares, so no choice of pieces pays less than its shares add up to.
    Cost of a question: about 20 us a host that holds a piece.
    Source: a multiple-choice knapsack cover for each gauge; its convex form as in Sinha and Zoltners (1979).
    """

    room: Room
    pieces: Sequence[Piece]
    _on: dict[int, list[_Load]] = field(default_factory=dict[int, list[_Load]])
    _menus: dict[object, "_Menu"] = field(default_factory=dict[object, "_Menu"])
    """Of hosts, by gauge and who is gone or kept there: the room does not change between questions."""

    def __post_init__(self) -> None:
        for piece in self.pieces:
            for host, vector in freed(self.room, piece).items():
                self._on.setdefault(host, []).append(_Load(piece, vector))

    def least(
        self,
        problem: Problem,
        needs: Amounts,
        area: Area,
        gone: Collection[str] = NONE_OF_THEM,
        kept: Collection[str] = NONE_OF_THEM,
    ) -> int | None:
        """For what is needed, by every gauge, in an area; None when all pieces together would not do.

        `gone`: pieces that have been paid for. `kept`: pieces that stay.
        """
        loads = {host: self._on[host] for host in range(area.low, area.high) if host in self._on}
        hosts_of: dict[str, int] = {}
        for some in loads.values():
            for load in some:
                hosts_of[load.piece.name] = hosts_of.get(load.piece.name, 0) + 1
        dues = 0
        for gauge, amount in needs:
            found = self._cover(problem.gauge(gauge), amount, area, _Book(loads, hosts_of, gone, kept))
            if found is None:
                return None
            dues = max(dues, found)
        return -(-dues // SHARE) * SHARE

    def _cover(self, fits: Fits, amount: int, area: Area, book: "_Book") -> int | None:
        short = amount - int(fits.host[area.low : area.high].sum())
        obstacles = self.room.obstacles(fits.shape.rule)
        offers: list[list[Offer]] = []
        for host, loads in book.loads.items():
            if obstacles[host] or not fits.need.known:
                continue
            key = fits, area, host, book.standing(loads)
            found = self._menus.get(key)
            if found is None:
                found = self._menus[key] = self._menu(fits, host, *book.on(loads))
            base, menu = found
            short -= base - int(fits.host[host])
            if menu:
                offers.append(menu)
        if short <= 0:
            return 0
        if sum(menu[-1][0] for menu in offers) < short:
            return None
        steps = short * sum(map(len, offers))
        return _exact(offers, short) if steps <= MOST_STEPS else _convex(offers, short)

    def _menu(self, fits: Fits, host: int, given: Ints | None, priced: Sequence[tuple[int, Ints]]) -> _Menu:
        columns = [column for column, _ in fits.need.parts]
        row = self.room.free[host] if given is None else self.room.free[host] + given
        states: dict[tuple[int, ...], int] = {tuple(row[columns].tolist()): 0}
        for price, vector in priced:
            freed_here = vector[columns].tolist()
            for state, paid in list(states.items()):
                more = tuple(one + other for one, other in zip(state, freed_here, strict=True))
                states[more] = min(states.get(more, paid + price), paid + price)
            if len(states) > MOST_STATES:
                return self._blunt(fits, row, priced)
        sizes = [amount for _, amount in fits.need.parts]
        best: dict[int, int] = {}
        for state, paid in states.items():
            count = max(0, min(left // size for left, size in zip(state, sizes, strict=True)))
            best[count] = min(best.get(count, paid), paid)
        base = max(count for count, paid in best.items() if paid == 0)
        return base, _undominated({count - base: paid for count, paid in best.items() if count > base})

    def _blunt(self, fits: Fits, row: Ints, priced: Sequence[tuple[int, Ints]]) -> _Menu:
        """Everything for the price of the cheapest."""
        base = fits.need.times(row.tolist())
        most = fits.need.times((row + sum(vector for _, vector in priced)).tolist())
        return base, [(most - base, min(price for price, _ in priced))] if most > base else []


@dataclass(frozen=True, slots=True)
class _Book:
    """Who is where, and what has been settled."""

    loads: Mapping[int, Sequence[_Load]]
    hosts_of: Mapping[str, int]
    gone: Collection[str]
    kept: Collection[str]

    def standing(self, loads: Sequence[_Load]) -> tuple[int, ...]:
        """Who is gone (1), kept (2), or neither."""
        return tuple(1 if load.piece.name in self.gone else 2 if load.piece.name in self.kept else 0 for load in loads)

    def on(self, loads: Sequence[_Load]) -> tuple[Ints | None, list[tuple[int, Ints]]]:
        """What is free on a host because it has been paid for, and what else can be had at which price."""
        given: Ints | None = None
        priced: list[tuple[int, Ints]] = []
        for load in loads:
            if load.piece.name in self.gone:
                given = load.vector if given is None else given + load.vector
            elif load.piece.name not in self.kept:
                priced.append((load.piece.cost // self.hosts_of[load.piece.name], load.vector))
        return given, priced


def freed(room: Room, piece: Piece) -> dict[int, Ints]:
    """What comes free on each host when a piece goes."""
    found: dict[int, Ints] = {}
    for pod in piece.pods:
        host = room.layout.position.get(pod.node)
        if host is not None:
            vector = room.need(pod.requests).vector
            found[host] = found[host] + vector if host in found else vector
    return found


def _undominated(best: Mapping[int, int]) -> list[Offer]:
    """Fewest first, each at the lowest price at which so many or more can be had."""
    found: list[Offer] = []
    for count in sorted(best, reverse=True):
        if not found or best[count] < found[-1][1]:
            found.append((count, best[count]))
    return found[::-1]


def _exact(offers: Sequence[Sequence[Offer]], short: int) -> int:
    """The lowest price of so many pods, at most one offer of each host."""
    paid: list[int | None] = [0, *([None] * short)]
    for menu in offers:
        now = list(paid)
        for have, price in enumerate(paid):
            for count, more in menu if price is not None else ():
                reached = min(short, have + count)
                total = (price or 0) + more
                known = now[reached]
                now[reached] = total if known is None or total < known else known
        paid = now
    return paid[short] or 0


def _convex(offers: Sequence[Sequence[Offer]], short: int) -> int:
    """No more than the lowest price: offers are taken by their price a pod, the last of them in part."""
    slopes = sorted((step for menu in offers for step in _hull(menu)), key=lambda step: (step[1] * 1.0 / step[0], step))
    total = 0
    for count, price in slopes:
        taken = min(count, short)
        total += price * taken // count
        short -= taken
        if not short:
            break
    return total


def _hull(menu: Sequence[Offer]) -> list[Offer]:
    """The lower convex hull of a menu from nothing on, as steps: pods and price of each."""
    points: list[Offer] = [(0, 0)]
    for point in menu:
        while len(points) > 1 and _above(points[-2], points[-1], point):
            points.pop()
        points.append(point)
    return [(after[0] - before[0], after[1] - before[1]) for before, after in pairwise(points)]


def _above(one: Offer, middle: Offer, other: Offer) -> bool:
    return (middle[1] - one[1]) * (other[0] - one[0]) >= (other[1] - one[1]) * (middle[0] - one[0])
