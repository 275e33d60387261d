"""Defragmentation: the fewest pods that must move so that a gang finds room, each to a place that is free already."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from specs.paths import plain
from topology.clearing import cheapest
from topology.demand import Budget, Demand, Granted, NoRoom
from topology.fleet import Fleet
from topology.placement import place
from topology.problem import shapes_of
from topology.repairs import repaired
from topology.room import Room
from topology.tenants import SHARE, Held, Piece, Pieces
from topology.trial import Trial

STEPS = 400
"""Of a whole search: about 2 ms each."""
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
    More than `most` moves are refused. Where no moves help: why the gang has no room.
    Cost: see benchmarks/; below 1 s on 128 racks.
    """
    found = place(fleet, demand)
    if isinstance(found, Granted):
        return Defragmentation(found, (), 0)
    return _Search(fleet.room(), demand, residents, budget or Budget(STEPS)).run(most) or found


class _Search:
    def __init__(self, room: Room, demand: Demand, residents: Sequence[Demand], budget: Budget) -> None:
        self._room, self._demand, self._residents, self._budget = room, demand, residents, budget
        self._pieces = Pieces(list(_pieces(residents)))

    def run(self, most: int) -> Defragmentation | NoRoom | None:
        """The bound first: what must leave whether or not it finds another place. Often it does."""
        bare = cheapest(Trial(self._room, self._demand, self._pieces, Budget(self._budget.steps, self._budget.expired)))
        if bare is None:
            return None
        least = -(-bare.least // SHARE)
        moves = self._moves(bare.pieces, bare.granted) if least <= most else []
        if moves is None or len(moves) > least:
            trial = Trial(self._room, self._demand, self._pieces, self._budget, self._accept)
            other = cheapest(trial)
            better = self._moves(other.pieces, other.granted) if other else None
            if better is not None and (moves is None or len(better) < len(moves)):
                assert other is not None
                bare, moves = other, better
        if moves is None:
            return None
        if least > most or len(moves) > most:
            return NoRoom(self._demand.gang.name, "NoDomainFits", _too_many(max(least, len(moves)), most))
        return Defragmentation(bare.granted, tuple(moves), least)

    def _accept(self, pieces: Sequence[Piece], granted: Granted) -> int | None:
        moves = self._moves(pieces, granted)
        return None if moves is None else SHARE * (len(moves) - len(pieces))

    def _moves(self, pieces: Sequence[Piece], granted: Granted) -> list[Move] | None:
        """Other places for these pods, while the gang's are kept free for it; None when there are not enough."""
        left: dict[int, set[str]] = {}
        for piece in pieces:
            left.setdefault(int(piece.name.split(" ")[1]), set()).add(piece.pods[0].seat[2])
        moving = sorted(left)
        hurt = [_without(self._residents[index], left[index]) for index in moving]
        mark = self._room.mark()
        shapes = shapes_of(self._demand)
        for slot, node in granted.nodes.items():
            if self._demand.keep.get(slot) != node:
                self._room.take(self._room.layout.position[node], self._room.need(shapes[plain(slot)].requests))
        found = repaired(self._room, hurt, Budget(REHOUSING_STEPS, self._budget.expired), at_once=True)
        self._room.undo(mark)
        moves: list[Move] = []
        for index, answer in zip(moving, found.answers, strict=True):
            if isinstance(answer, NoRoom):
                return None
            moves += _between(index, self._residents[index].keep, answer.nodes)
        return moves


def _between(resident: int, before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Move]:
    for slot, node in sorted(before.items()):
        if after[slot] != node:
            yield Move(resident, slot, node, after[slot])


def _without(resident: Demand, slots: Collection[str]) -> Demand:
    """The gang, these pods of it being lost."""
    return replace(resident, keep={slot: node for slot, node in resident.keep.items() if slot not in slots})


def _pieces(residents: Sequence[Demand]) -> Iterator[Piece]:
    """Every pod by itself, at a cost of one. Their names put those first that take fewer others along."""
    for index, each in enumerate(residents):
        shapes = shapes_of(each)
        along: dict[str, int] = {}
        for _, slots in each.gang.domains():  # the outer ones first
            along |= dict.fromkeys(slots, len(slots))
        for slot, node in sorted(each.keep.items()):
            namespace, _, system = each.system.partition("/")
            held = Held(slot, (namespace, system, slot), node, shapes[plain(slot)].requests)
            yield Piece(f"{along.get(slot, 1):06} {index} {slot}", SHARE, (held,))


def _too_many(moves: int, most: int) -> str:
    return f"it would take {moves} moves, and {most} are allowed; allow more, or free room for it"
