"""Repairs: many gangs that have lost pods at once, made whole with as few other pods moved as can be.

Two racks of 4 hosts, one pod a host. Gang A (3 pods) and gang B (1 pod) must each be in one rack; both are in rack 1, which is
full. The host of one of A's pods is lost.

1. In place? The lost pod must be in rack 1, where A's others are, and no host there is free.
2. Which instances could move? A's: it has lost a pod. It would leave with the 2 pods that it has left. B has lost none and stays.
3. The smallest choice that works is taken: A goes to rack 2. 2 pods move, and none fewer would do.

Steps 2 and 3 are for each ward (`wards`) by itself, and for all of them together where that moves fewer.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from topology.demand import Answer, Budget, Demand, Granted, NoRoom, requests_of
from topology.line.apartness import kept_apart, rounds_of
from topology.line.holding import holding
from topology.line.turns import in_turn
from topology.moves.elsewhere import let_go
from topology.moves.fewest import fewest_moves
from topology.moves.wards import Slot, Ward, together, wards_of
from topology.placement import seat
from topology.search.merged import merged, parted
from topology.search.neighbours import Neighbours
from topology.supply.fleet import Fleet
from topology.supply.room import Room

STEPS = 2_000
"""Of one try to seat all of a ward: 60 ms at most."""
NOBODY: frozenset[Slot] = frozenset()
MOVES_FIRST = "pods of other gangs are moved off its place first; it gets its room when they have left"
TAKEN = "others that come first take the room that it needs; free room for both"


@dataclass(frozen=True, slots=True)
class Repairs:
    """Where every gang is made whole."""

    answers: tuple[Answer, ...]
    """In the order asked. One without room keeps what it has; nobody is taken from it."""
    moved: int
    """Pods that had their place and must change it."""
    least: int
    """No way to make all of them whole moves fewer."""


def repairs(fleet: Fleet, demands: Sequence[Demand], budget: Budget | None = None) -> Repairs:
    """Room for the slots that each `demand.keep` does not hold; the fleet stays as it is.

    In place where that can be. Where it can't, instances that have lost a pod move, the smallest ones that will do; others stay,
    and so do pods of gangs that have lost none. Gangs whose lost pods must go into one domain are settled together (a ward), so
    that one that leaves makes room for the rest.
    Systems that keep apart are settled one after the other.
    Cost: see benchmarks/; below 0.1 s for 8 nodes lost out of 5,000.
    """
    allowed, rounds = budget or Budget(STEPS), rounds_of(fleet, demands)
    if len(rounds) < 2:
        return repaired(fleet.room(), demands, allowed)
    answers: dict[int, Answer] = {}
    moved = least = 0
    with holding(fleet) as hold:
        for some in rounds:
            found = repaired(fleet.room(), kept_apart(fleet, [demands[index] for index in some]), allowed)
            answers |= zip(some, found.answers, strict=True)
            moved, least = moved + found.moved, least + found.least
            for index in some:
                hold(demands[index], answers[index])
    return Repairs(tuple(answers[index] for index in range(len(demands))), moved, least)


def repaired(room: Room, demands: Sequence[Demand], budget: Budget, *, at_once: bool = False) -> Repairs:
    """The same on a room, which stays as it is.

    `at_once`: a place is free only if it is so now, not when somebody leaves it; and all are made whole, or it gives up.
    """
    position = room.layout.position
    there = [replace(each, keep={s: node for s, node in each.keep.items() if node in position}) for each in demands]
    return _Round(room, there, budget, at_once).run()


@dataclass(slots=True)
class _Round:
    room: Room
    demands: Sequence[Demand]
    budget: Budget
    at_once: bool
    answers: dict[int, Answer] = field(default_factory=dict[int, Answer])

    def run(self) -> Repairs:
        """Ward by ward; and all as one ward, if that left somebody without room or may have moved more than it must."""
        room = self.room
        wards = wards_of(self.demands, room.layout, in_turn(self.demands))
        hard = self._hard(wards)
        if hard is None:
            return self._told({}, 0)
        least = sum(hard.values())
        found = self._settled(room, wards, hard)
        if len(wards) > 1 and _rank(found) > (0, least) and not self.at_once:
            whole = together(wards)
            found = min(found, self._settled(room, [whole], {whole: least}), key=_rank)
        return self._told(found, least)

    def _told(self, found: Mapping[int, Answer], least: int) -> Repairs:
        answers = tuple(found.get(index, NoRoom(each.gang.name, "WaitsInTurn", TAKEN)) for index, each in enumerate(self.demands))
        return Repairs(answers, _rank(found)[1], min(_rank(found)[1], least))

    def _hard(self, wards: Sequence[Ward]) -> dict[Ward, int] | None:
        """Those that can't be repaired in place, with how many pods must move at least. None: one of them can't be at all."""
        hard = set[Ward]()
        for ward in sorted(wards, key=lambda each: len(each.stays)):
            if self._try(self.room, ward.members, NOBODY) is None:
                if self.at_once and not ward.stays:
                    return None
                hard.add(ward)
        return {ward: fewest_moves(ward, self.room) for ward in wards if ward in hard}

    def _settled(self, room: Room, wards: Sequence[Ward], hard: Mapping[Ward, int]) -> dict[int, Answer]:
        """Those that can be repaired in place first, together if that works; then the others, one by one."""
        mark = room.mark()
        self.answers = {}
        left = dict(hard)
        easy = [ward for ward in wards if ward not in hard]
        if easy and not self._settle(room, [index for ward in easy for index in ward.members], NOBODY):
            left |= {ward: 0 for ward in easy if not self._settle(room, ward.members, NOBODY)}
        for ward, least in left.items():
            if not self._repair(room, ward, least) and self.at_once:
                break
        room.undo(mark)
        return self.answers

    def _repair(self, room: Room, ward: Ward, least: int) -> bool:
        """Settle a ward that can't be repaired in place; says whether all of it is."""
        some = ward if self.at_once else ward.narrowed(self._whole(room, ward))
        for released in some.choices() if some.members else ():
            if self._try(room, some.members, released) is not None:
                self._settle(room, some.members, self._thinned(room, some, released, least))
                break
        return all(isinstance(self.answers.get(index), Granted) for index in ward.members)

    def _whole(self, room: Room, ward: Ward) -> list[int]:
        """Members that can be made whole together if all may move, in turn; the others are told why they can't be."""
        if self._try(room, ward.members, ward.everything()) is not None:
            return list(ward.members)
        found: list[int] = []
        for index in ward.members:
            some = [*found, index]
            if self._try(room, some, ward.narrowed(some).everything()) is not None:
                found = some
            else:
                answer = self._alone(room, self.demands[index])
                taken = NoRoom(self.demands[index].gang.name, "WaitsInTurn", TAKEN)
                self.answers[index] = taken if isinstance(answer, Granted) else answer
        return found

    def _alone(self, room: Room, demand: Demand) -> Answer:
        mark = room.mark()
        answer = seat(room, demand, Neighbours(room.layout, {**demand.beside, **demand.keep}), Budget(STEPS))
        room.undo(mark)
        return answer

    def _thinned(self, room: Room, ward: Ward, released: frozenset[Slot], least: int) -> frozenset[Slot]:
        """As few of these as will do. Then fewer of any, as long as there are not too many to try."""
        chunks = [sorted(released)] if len(released) > least else []
        while chunks:
            chunk = chunks.pop()
            if self._try(room, ward.members, released - frozenset(chunk)) is not None:
                released -= frozenset(chunk)
            elif len(chunk) > 1:
                middle = len(chunk) // 2
                chunks += [chunk[middle:], chunk[:middle]]
        for some in ward.smaller(len(released), least):
            if self.budget.spent():
                break
            if self._try(room, ward.members, some) is not None:
                return some
        return released

    def _settle(self, room: Room, members: Sequence[int], released: frozenset[Slot]) -> bool:
        """Take the room for good, as far as this round goes."""
        found = self._try(room, members, released)
        if found is None:
            return False
        for index, answer in zip(members, found, strict=True):
            self.answers[index] = answer
            demand = self.demands[index]
            for slot in () if self.at_once else answer.moved:
                _give_back(room, demand, slot)
            for slot, node in answer.nodes.items():
                if demand.keep.get(slot) != node:
                    _take(room, demand, slot, answer)
        return True

    def _try(self, room: Room, members: Sequence[int], released: Collection[Slot]) -> list[Granted] | None:
        """Where the members would be with these pods free to move; None when that does not make them whole."""
        demands = [self.demands[index] for index in members]
        leave = {index: [slot for of, slot in released if of == index] for index in members}
        freed = [let_go(room, each, leave[index]) for index, each in zip(members, demands, strict=True)]
        mark = room.mark()
        for index, slot in () if self.at_once else sorted(released):
            _give_back(room, self.demands[index], slot)
        joint = merged(freed)
        answer = seat(room, joint, Neighbours(room.layout, {**joint.beside, **joint.keep}), Budget(STEPS, self.budget.expired))
        room.undo(mark)
        return parted(demands, answer, room.layout) if isinstance(answer, Granted) else None


def repaired_in_turn(fleet: Fleet, demands: Sequence[Demand]) -> list[Answer]:
    """The same; who goes where others have to leave first is told to wait until they have, and that place is promised."""
    room = fleet.room()
    mark = room.mark()
    found: list[Answer] = list(repairs(fleet, demands).answers)
    for index in in_turn(demands):
        answer, demand = found[index], demands[index]
        if isinstance(answer, Granted) and not _is_free(room, demand, answer):
            found[index] = NoRoom(demand.gang.name, "WaitsForMove", MOVES_FIRST, promised=answer)
    room.undo(mark)
    return found


def _is_free(room: Room, demand: Demand, answer: Granted) -> bool:
    """Whether a gang's new places are free now, but for what it holds there itself. They are taken in any case."""
    for slot in answer.moved:
        _give_back(room, demand, slot)
    fresh = [slot for slot, node in answer.nodes.items() if demand.keep.get(slot) != node]
    for slot in fresh:
        _take(room, demand, slot, answer)
    free = not any(_overfull(room, demand, slot, answer) for slot in fresh)
    for slot in answer.moved:
        _give_back(room, demand, slot, -1)
    return free


def _overfull(room: Room, demand: Demand, slot: str, answer: Granted) -> bool:
    host = room.layout.position[answer.nodes[slot]]
    need = room.need(requests_of(demand, slot, answer.devices))
    return any(room.free[host][column] < 0 for column, amount in need.parts if amount)


def _rank(answers: Mapping[int, Answer]) -> tuple[int, int]:
    """Gangs without room, then moved pods: the less the better."""
    moved = sum(len(each.moved) for each in answers.values() if isinstance(each, Granted))
    return sum(isinstance(each, NoRoom) for each in answers.values()), moved


def _take(room: Room, demand: Demand, slot: str, answer: Granted) -> None:
    """Take what an answer grants to a slot."""
    room.take(room.layout.position[answer.nodes[slot]], room.need(requests_of(demand, slot, answer.devices)))


def _give_back(room: Room, demand: Demand, slot: str, count: int = 1) -> None:
    """What a slot holds is free, or no longer (-1)."""
    host = room.layout.position.get(demand.keep[slot])
    if host is not None:
        room.take(host, room.need(requests_of(demand, slot, demand.devices)), -count)
