"""Batch: all waiting gangs at once, each with the room that those before it leave."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import groupby

from topology.demand import Answer, Budget, Demand, Granted, NoRoom
from topology.line.apartness import Apartness
from topology.line.exchange import admitted_together, is_plain
from topology.line.joint import seated_jointly
from topology.line.line import Line
from topology.line.promises import keep_room, once_left
from topology.line.turns import in_turn, turn_of
from topology.line.waiter import Waiter
from topology.placement import seat, seated
from topology.search.neighbours import Neighbours
from topology.search.problem import Outlook
from topology.search.units import Misfit
from topology.supply.fleet import Fleet
from topology.supply.tenants import Held

RETRIES = 3
"""Other domains that a base gang is tried in when its first choice turns out too small for those that must follow it."""
WISHED_STEPS = 300
"""Of a search for room that spares others: apart from them, where that is only wished for, or off what they wait for."""
DETOURS = 3
"""Gangs that come first for which another one looks for other room."""
Place = tuple[str, str]
"""System and scope."""


def solve(fleet: Fleet, demands: Sequence[Demand], budget: Budget | None = None, leaving: Sequence[Held] = ()) -> list[Answer]:
    """Places for all waiting gangs, in the order asked; nothing is granted twice. The fleet stays as it is.

    Higher priority goes first, then lower age rank, then base gangs, then by copy and name; those of one batch have the same
    turn, and as much is admitted of them as can be (`line.exchange`). Who comes later may pass one of
    another system that waits, unless that one would then have to wait for more, or has waited too long; see `line.line`. What a
    gang settles (the domain of a scope) binds the gangs of its system after it. A base gang gets a domain in which those that
    must follow fit too, if there is one.
    `leaving` will be free by itself: one that preempts, or lost a part, is promised its place there, which is kept for it.
    Cost: see benchmarks/. The budget is shared: when it has ended, the quick way is still tried for every gang.
    """
    batch = _Batch(fleet, demands, budget or Budget(), leaving)
    mark = batch.room.mark()
    try:
        for _, turn in groupby(in_turn(demands), lambda index: turn_of(demands[index])):
            batch.answer_all(list(turn))
    finally:
        batch.room.undo(mark)
    return [batch.answers[index] for index in range(len(demands))]


class _Batch:
    """What has been settled so far."""

    def __init__(self, fleet: Fleet, demands: Sequence[Demand], budget: Budget, leaving: Sequence[Held]) -> None:
        self.room, self.demands, self.budget, self.leaving = fleet.room(), demands, budget, leaving
        self._apart = Apartness(fleet)
        self.answers: dict[int, Answer] = {}
        self._taken: dict[Place, str] = {}
        self._names = {(each.system, each.gang.name): index for index, each in enumerate(demands)}
        self._neighbours: dict[str, Neighbours] = {}
        self._sharing: dict[Place, list[int]] = {}
        self._line = Line(self.room)
        self._systems: dict[str, list[int]] = {}
        for index, each in enumerate(demands):
            self._systems.setdefault(each.system, []).append(index)
        for index, each in enumerate(demands):
            for scope in each.gang.scopes if each.system else ():
                self._sharing.setdefault((each.system, scope.name), []).append(index)

    def answer_all(self, turn: Sequence[int]) -> None:
        """Settle gangs whose turn is the same. None of them has to wait for another: as much is admitted as can be."""
        alone = [index for index in turn if self._is_alone(index)] if len(turn) > 1 else []
        for index in turn:
            self.answer(index)
            if index not in alone:
                self._queue(index)
        for _, some in groupby(sorted(alone, key=self._level), self._level):
            demands = {index: self.demands[index] for index in some}
            self.answers |= admitted_together(self.room, self._line, demands, self.answers, self.budget)
        for index in alone:
            self._queue(index)

    def _queue(self, index: int) -> None:
        answer = self.answers[index]
        if isinstance(answer, NoRoom) and answer.code != "WaitsForGang" and answer.promised is None:
            self._line.join(self.demands[index], answer)

    def _is_alone(self, index: int) -> bool:
        """Whether nothing but room ties a gang to any other, so that it may give way to one of its own turn."""
        each = self.demands[index]
        tied = each.known or each.aged or each.keep or each.beside or each.taken or each.gang.needs
        free = bool(each.system) and not tied and not self._apart.concerns(each.system)
        return free and all(self._bears_on_none(self.demands[other]) for other in self._systems[each.system])

    def _bears_on_none(self, demand: Demand) -> bool:
        """Whether a gang has no ties to others of its system, be it that it has none."""
        tied = demand.gang.needs or demand.gang.scopes
        return is_plain(demand.gang.root) and (len(self._systems[demand.system]) == 1 or not tied)

    def _level(self, index: int) -> str:
        return self.demands[index].gang.root.place.within or ""

    def answer(self, index: int) -> None:
        """Settle one gang."""
        demand = self._informed(self.demands[index])
        answer = self.answers[index] = self._answered(index, demand)
        place = answer.promised if isinstance(answer, NoRoom) else answer
        if place is not None and demand.system:
            self._apart.grant(demand.system, place)
            settled = {(demand.system, name): domain for name, domain in place.domains.items()}
            self._taken |= {place: domain for place, domain in settled.items() if place in self._sharing}

    def _answered(self, index: int, demand: Demand) -> Answer:
        try:
            demand = self._apart.required(demand)
        except Misfit as error:
            return NoRoom(demand.gang.name, error.code, error.message, error.level)
        return self._promised_room(demand, self._follower(demand) or self._in_turn(index, demand))

    def _follower(self, demand: Demand) -> NoRoom | None:
        """What one is told that adds to a gang without room, or that was told before."""
        base = self._names.get((demand.system, demand.gang.needs)) if demand.gang.needs else None
        if base is None or not isinstance(self.answers.get(base), NoRoom):
            return demand.known
        if demand.known is not None and demand.known.promised is not None:
            return demand.known
        message = f"it adds to gang {demand.gang.needs}, which has no room yet; it is placed when that one is"
        return NoRoom(demand.gang.name, "WaitsForGang", message)

    def _promised_room(self, demand: Demand, answer: Answer) -> Answer:
        """Room that is not free yet is kept for one that preempts: taken until the end of the batch, and not granted."""
        if isinstance(answer, Granted):
            return answer
        place = answer.promised
        if place is None and (demand.preempts or demand.keep) and demand.known is None and answer.code != "WaitsInTurn":
            place = once_left(self.room, demand, self._beside(demand), self.leaving)
        if place is None:
            return answer
        keep_room(self.room, demand, place)
        return replace(answer, promised=place)

    def _in_turn(self, index: int, demand: Demand) -> Answer:
        """Room for a gang, if nobody who comes first has to wait for more because of it; where it would rather be, if it can."""
        wished = self._apart.wished(demand)
        first = demand if wished is demand else self._room_in_turn(index, wished, Budget(WISHED_STEPS, self.budget.expired))
        return first if isinstance(first, Granted) else self._room_in_turn(index, demand, self.budget)

    def _room_in_turn(self, index: int, demand: Demand, budget: Budget) -> Answer:
        """Where its first choice would set somebody back: what that one hopes for is set aside, and it has another choice."""
        minded: list[Waiter] = []
        answer, hurt = self._tried(index, demand, budget, minded)
        refusal = NoRoom(demand.gang.name, "WaitsInTurn", hurt.message()) if hurt else answer
        while hurt is not None and not hurt.aged and hurt not in minded and len(minded) < DETOURS:
            minded.append(hurt)
            answer, hurt = self._tried(index, demand, Budget(WISHED_STEPS, self.budget.expired), minded)
        return answer if hurt is None and isinstance(answer, Granted) else refusal

    def _tried(self, index: int, demand: Demand, budget: Budget, minded: Sequence[Waiter]) -> tuple[Answer, Waiter | None]:
        """Room for a gang off what some hope for, taken if nobody who waits is set back by it; else who is."""
        beside = self._beside(demand)
        mark = self.room.mark(), beside.mark()
        with ExitStack() as aside:
            for each in minded:
                aside.enter_context(each.aside())
            answer = self._settled(index, demand, budget)
        hurt = self._line.set_back_by(demand) if isinstance(answer, Granted) else None
        if hurt is not None:
            self.room.undo(mark[0])
            beside.undo(mark[1])
        return answer, hurt

    def _informed(self, demand: Demand) -> Demand:
        """The demand, with the domains that gangs before it have taken."""
        scopes = [scope.name for scope in demand.gang.scopes] if demand.system else []
        found = {name: domain for name in scopes if (domain := self._taken.get((demand.system, name))) is not None}
        return replace(demand, taken={**demand.taken, **found}) if found else demand

    def _settled(self, index: int, demand: Demand, budget: Budget) -> Answer:
        """Room for a gang where those that must follow it fit too; if that can't be, room for the gang."""
        free = [name for name in self._settles(demand) if name not in demand.taken] if demand.system else []
        company = self._company(index, demand.system, free)
        promised = {**(self._promised() if free else {}), **self._line.promised(demand.system)}
        beside = self._beside(demand)
        avoid: tuple[str, ...] = ()
        for _ in range(RETRIES if company else 0):
            mark = self.room.mark(), beside.mark()
            found = seated(self.room, demand, beside, Outlook(company, promised, avoid))
            chosen = tuple(found.domains[name] for name in free) if found else ()
            if found is None or self._all_fit(found, company, beside):
                break
            self.room.undo(mark[0])
            beside.undo(mark[1])
            found = None
            if set(chosen) & set(avoid):
                break
            avoid = (*avoid, *chosen)
        else:
            found = None
        if found is None and company:
            found = seated_jointly(self.room, demand, company, beside, budget)
        return found or seat(self.room, demand, beside, budget, Outlook(company, promised))

    def _settles(self, demand: Demand) -> list[str]:
        """Scopes that a gang settles a domain for: its own, and those of its parts into which others follow."""
        names = [scope.name for scope in demand.gang.scopes]
        inner = [scope.name for scope, _ in demand.gang.domains()]
        return list(dict.fromkeys((*names, *(name for name in inner if (demand.system, name) in self._sharing))))

    def _all_fit(self, base: Granted, company: Iterable[Demand], beside: Neighbours) -> bool:
        """A rehearsal: whether every follower finds room, too, with the base gang where it is."""
        mark, taken = (self.room.mark(), beside.mark()), dict(base.domains)
        fits = True
        for each in company:
            found = seated(self.room, replace(each, taken={**each.taken, **taken}), beside)
            fits = found is not None
            if found is None:
                break
            taken |= {scope.name: found.domains[scope.name] for scope in each.gang.scopes}
        self.room.undo(mark[0])
        beside.undo(mark[1])
        return fits

    def _beside(self, demand: Demand) -> Neighbours:
        """Where pods of the system are: as its first gang says, and as was placed since."""
        if not demand.system:
            return Neighbours(self.room.layout, {**demand.beside, **demand.keep})
        if demand.system not in self._neighbours:
            kept = {slot: node for each in self.demands if each.system == demand.system for slot, node in each.keep.items()}
            moving = {slot for each in self.demands if each.system == demand.system for slot in each.gang.slots()}
            stay = {slot: node for slot, node in demand.beside.items() if slot not in moving}
            self._neighbours[demand.system] = Neighbours(self.room.layout, {**stay, **kept})
        return self._neighbours[demand.system]

    def _company(self, index: int, system: str, free: Iterable[str]) -> tuple[Demand, ...]:
        """Gangs still to come that will have to follow into a scope that this one settles."""
        found = dict.fromkeys(other for name in free for other in self._sharing[system, name])
        return tuple(self.demands[other] for other in found if other != index and other not in self.answers)

    def _promised(self) -> Mapping[str, tuple[Demand, ...]]:
        """Gangs still to come that are bound to a domain already: others should leave them their room if they can."""
        found: dict[str, tuple[Demand, ...]] = {}
        for place, domain in self._taken.items():
            followers = tuple(self.demands[other] for other in self._sharing[place] if other not in self.answers)
            if followers:
                found[domain] = (*found.get(domain, ()), *followers)
        return found
