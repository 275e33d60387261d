"""Defragmentation: the fewest pods that must move so that a gang finds room, each to a place that is free already."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from topology.demand import Budget, Demand, Granted, NoRoom, requests_of
from topology.moves.clearing import cheapest
from topology.moves.elsewhere import let_go
from topology.moves.movable import Movable, Places
from topology.moves.repairs import repaired
from topology.moves.trial import Accept, Cleared, Trial, nothing_more
from topology.placement import place
from topology.supply.claims import Seat
from topology.supply.devices import Chosen
from topology.supply.fleet import Fleet
from topology.supply.room import Room
from topology.supply.tenants import SHARE, Held, Piece, Pieces

STEPS = 60
"""Of each of three searches: about 5 ms each."""
MOST_MOVES = 100
REHOUSING_STEPS = 500


@dataclass(frozen=True, slots=True)
class Move:
    """One pod: its new place is taken before the old one is left."""

    resident: int
    """Whose it is, by place in the list of residents."""
    slot: str
    source: str
    target: str
    devices: Chosen = ()
    """GPUs, by index, where the new node shares them."""


@dataclass(frozen=True, slots=True)
class Defragmentation:
    """A gang's room, and the moves that make it."""

    granted: Granted
    moves: tuple[Move, ...]
    """Every target is free now, so they may be made in any order or all at once, and no gang has a pod less at any time."""
    least: int
    """No plan has fewer moves."""


def defragment(
    fleet: Fleet, demand: Demand, residents: Sequence[Demand], most: int = MOST_MOVES, budget: Budget | None = None
) -> Defragmentation | NoRoom:
    """The smallest plan of moves that lets a gang in; the fleet stays as it is.

    `residents` are gangs with their places in `keep`: nobody else moves. Each moved pod keeps to what its gang requires: where
    its domain has no room for it, the instance that shares the domain moves as a whole. A pod goes to a place that is free now
    and that the gang does not need, so the old one is left only when the new one is there, and nothing falls below its minimum.
    More than `most` moves are refused. Where no moves help: why the gang has no room. When the budget ends first, a smaller plan
    may have been passed over, or the only one: `least` says how much smaller it might be.
    Cost: see benchmarks/; 0.1 to 2 s on 128 racks, the more the harder it is to find other places.
    """
    found = place(fleet, demand)
    if isinstance(found, Granted):
        return Defragmentation(found, (), 0)
    return _Search(fleet.room(), demand, residents, budget or Budget(STEPS)).run(most) or found


class _Search:
    def __init__(self, room: Room, demand: Demand, residents: Sequence[Demand], budget: Budget) -> None:
        self._room, self._demand, self._residents, self._budget = room, demand, residents, budget
        self._of: dict[str, int] = {}
        """Whose a piece is."""
        self._pods = list(_pods(room, residents))

    def run(self, most: int) -> Defragmentation | NoRoom | None:
        """What must leave whether or not it finds another place: that is the bound, and often the plan.

        Else whole instances, as single pods of one can't leave its domain; then any pods, as long as that may be better.
        """
        single = Pieces(self._pieces(whole=False))
        first = self._trial(single, nothing_more)
        bare = cheapest(first)
        if bare is None:
            return None
        least = -(-bare.least // SHARE)
        best = self._better(None, bare)
        if best is None or len(best.moves) > least:
            best = self._better(best, cheapest(self._trial(Pieces(self._pieces(whole=True)), self._accept)))
        if best is None or len(best.moves) > least:
            trial = self._trial(single, self._accept)
            trial.dues = first.dues
            trial.best = None if best is None else Cleared((), best.granted, SHARE * len(best.moves))
            best = self._better(best, cheapest(trial))
        if best is not None and len(best.moves) > most:
            return NoRoom(self._demand.gang.name, "NoDomainFits", _too_many(len(best.moves), most))
        return best and replace(best, least=least)

    def _trial(self, pieces: Pieces, accept: Accept) -> Trial:
        return Trial(self._room, self._demand, pieces, Budget(self._budget.steps, self._budget.expired), accept)

    def _better(self, best: Defragmentation | None, found: Cleared | None) -> Defragmentation | None:
        """The plan with fewer moves."""
        moves = self._moves(found.pieces, found.granted) if found is not None and found.pieces else None
        if found is None or moves is None or (best is not None and len(best.moves) <= len(moves)):
            return best
        return Defragmentation(found.granted, tuple(moves), 0)

    def _accept(self, pieces: Sequence[Piece], granted: Granted) -> int | None:
        moves = self._moves(pieces, granted)
        return None if moves is None else SHARE * len(moves) - sum(piece.cost for piece in pieces)

    def _moves(self, pieces: Sequence[Piece], granted: Granted) -> list[Move] | None:
        """Other places for these pods, while the gang's are kept free for it; None when there are not enough."""
        left: dict[int, set[str]] = {}
        for piece in pieces:
            left.setdefault(self._of[piece.name], set()).update(pod.seat[2] for pod in piece.pods)
        moving = sorted(left)
        wanted = frozenset(granted.nodes.values())
        hurt = [let_go(self._room, self._residents[index], left[index], wanted) for index in moving]
        mark = self._room.mark()
        for slot, node in granted.nodes.items():
            if self._demand.keep.get(slot) != node:
                need = self._room.need(requests_of(self._demand, slot, granted.devices))
                self._room.take(self._room.layout.position[node], need)
        found = repaired(self._room, hurt, Budget(REHOUSING_STEPS, self._budget.expired), at_once=True)
        self._room.undo(mark)
        moves: list[Move] = []
        for index, answer in zip(moving, found.answers, strict=True):
            if isinstance(answer, NoRoom):
                return None
            moves += _between(index, self._residents[index].keep, answer)
        return moves

    def _pieces(self, *, whole: bool) -> list[Piece]:
        """Every pod by itself, at a cost of one; or instances that must share a domain, at that of their pods.

        Names put those first that take fewer others along. Who has no other place is left out.
        """
        found: dict[str, list[Held]] = {}
        for index, along, around, held, may in self._pods:
            if not may[whole]:
                continue
            name = f"{along:06} {index} {around if whole else held.pod}"
            self._of[name] = index
            found.setdefault(name, []).append(held)
        return [Piece(name, SHARE * len(pods), tuple(pods)) for name, pods in sorted(found.items())]


def _pods(room: Room, residents: Sequence[Demand]) -> Iterator[tuple[int, int, str, Held, tuple[bool, bool]]]:
    """Each pod in its place: whose it is, how many it shares a domain with, its instance, what it holds, and whether it may move.

    By itself, and with all of its instance.
    """
    places = Places(room)
    for index, each in enumerate(residents):
        movable = Movable(places, each)
        for slot, instance in movable.instances.items():
            held = Held(slot, seat_of(each, slot), each.keep[slot], requests_of(each, slot, each.devices))
            yield index, len(instance.slots), instance.name, held, (movable.alone(slot), movable.together(slot))


def seat_of(demand: Demand, slot: str) -> Seat:
    """Whose seat a slot is."""
    namespace, _, system = demand.system.partition("/")
    return namespace, system, slot


def _between(resident: int, before: Mapping[str, str], after: Granted) -> Iterator[Move]:
    for slot, node in sorted(before.items()):
        if after.nodes[slot] != node:
            yield Move(resident, slot, node, after.nodes[slot], after.devices.get(slot, ()))


def _too_many(moves: int, most: int) -> str:
    return f"it would take {moves} moves, and {most} are allowed; allow more, or free room for it"
