"""Simulation: load over time on a fleet, by the very engine that places for real. For capacity planning; needs no cluster."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import groupby

from topology.demand import Answer, Demand, Granted, NoRoom
from topology.line.admission import size_of
from topology.line.batch import solve
from topology.line.turns import PASSED_BY_FOR_S, by_turns
from topology.placement import place
from topology.search.problem import seats_of, shapes_of
from topology.supply.fleet import Fleet
from topology.supply.shapes import is_scarce

MOST_TRIED = 256
"""Waiting gangs that are tried at each event, the first in line first."""
Solver = Callable[[Fleet, Sequence[Demand]], Sequence[Answer]]


@dataclass(frozen=True, slots=True)
class Job:
    """A gang that arrives, waits for room, runs, and leaves. Names (of system and gang together) differ."""

    demand: Demand
    arrival_s: float
    duration_s: float

    @property
    def name(self) -> str:
        return f"{self.demand.system}/{self.demand.gang.name}"


@dataclass(frozen=True, slots=True)
class Stay:
    """When a job was where."""

    start_s: float
    end_s: float
    granted: Granted


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    stays: dict[str, Stay] = field(default_factory=dict[str, Stay])
    waits_s: dict[str, float] = field(default_factory=dict[str, float])
    never: dict[str, str] = field(default_factory=dict[str, str])
    """Jobs that would have no room even if they were alone, and why. They wait for nothing, and nobody waits behind them."""
    events: int = 0
    device_seconds: float = 0.0
    """Devices held, times how long."""

    @property
    def end_s(self) -> float:
        """When the last job ends."""
        return max((stay.end_s for stay in self.stays.values()), default=0.0)


def simulate(fleet: Fleet, jobs: Iterable[Job], solver: Solver = solve) -> Outcome:
    """Let jobs come and go. Whoever waits is tried again whenever somebody comes or goes.

    Priorities, age and turns of namespaces count as they do for real. The fleet is used, and afterwards as it was. The same for
    the same jobs, in any order.
    Cost: one `solve` a point in time at which anything happens.
    """
    run = _Run(fleet, sorted(jobs, key=lambda job: (job.arrival_s, job.demand.age_rank, job.name)), solver)
    return run.all()


class _Run:
    def __init__(self, fleet: Fleet, jobs: Sequence[Job], solver: Solver) -> None:
        self._fleet, self._solver = fleet, solver
        self._jobs = [
            replace(job, demand=replace(job.demand, age_rank=rank, batch=f"{job.arrival_s}")) for rank, job in enumerate(jobs)
        ]
        self._ends: list[tuple[float, int]] = []
        self._waiting: dict[int, Job] = {}
        self._settled: dict[str, dict[str, str]] = {}
        self._outcome = Outcome()
        self._empty = fleet.copy()
        self._hopeful: set[int] = set()
        """Jobs that had to wait, and would fit on the fleet as it was before all jobs."""
        if len({job.name for job in jobs}) < len(jobs):
            raise ValueError("two jobs have one name; name each system and gang differently")

    def all(self) -> Outcome:
        """From the first arrival until nothing more can happen."""
        arrived = 0
        while arrived < len(self._jobs) or self._ends:
            now = self._next(arrived)
            self._release(now)
            while arrived < len(self._jobs) and self._jobs[arrived].arrival_s <= now:
                self._waiting[arrived] = self._jobs[arrived]
                arrived += 1
            self._place(now)
            self._outcome.events += 1
        return self._outcome

    def _next(self, arrived: int) -> float:
        times = [self._jobs[arrived].arrival_s] if arrived < len(self._jobs) else []
        return min([*times, *([self._ends[0][0]] if self._ends else [])])

    def _release(self, now: float) -> None:
        while self._ends and self._ends[0][0] <= now:
            _, index = heappop(self._ends)
            job = self._jobs[index]
            for slot in self._outcome.stays[job.name].granted.nodes:
                self._fleet.revoke(f"{job.name}/{slot}")

    def _place(self, now: float) -> None:
        while self._tried(now):
            pass  # who can never fit has gone, and nobody need wait behind it

    def _tried(self, now: float) -> bool:
        """Place what can be; says whether somebody turned out never to fit."""
        tried = self._in_order(now)[:MOST_TRIED]
        asked = [self._as_of(now, index, rank) for rank, index in enumerate(tried)]
        answers = self._solver(self._fleet, asked) if tried else ()
        hopeless = False
        for index, answer in zip(tried, answers, strict=True):
            name = self._jobs[index].name
            if isinstance(answer, Granted):
                self._start(index, answer, now)
            elif index not in self._hopeful:
                alone = place(self._empty, self._jobs[index].demand)
                self._hopeful.add(index)
                if isinstance(alone, NoRoom):
                    self._outcome.never[name] = alone.message
                    del self._waiting[index]
                    hopeless = True
        return hopeless

    def _in_order(self, now: float) -> list[int]:
        """Who waits, as the agent serves them: priority, base gangs, who has waited too long; then namespaces by turns."""

        def turn(index: int) -> tuple[int, bool, bool]:
            demand = self._jobs[index].demand
            return -demand.priority, not demand.gang.minimum, not self._is_aged(index, now)

        found: list[int] = []
        for (_, _, young), some in groupby(sorted(self._waiting, key=lambda index: (turn(index), index)), turn):
            same = list(some)
            namespaces = [self._jobs[index].demand.system.partition("/")[0] for index in same]
            sizes = [max(1, size_of(self._jobs[index].demand)) for index in same] if young else [0] * len(same)
            found += [same[place] for place in by_turns(namespaces, sizes)]
        return found

    def _is_aged(self, index: int, now: float) -> bool:
        return now - self._jobs[index].arrival_s >= PASSED_BY_FOR_S

    def _as_of(self, now: float, index: int, rank: int) -> Demand:
        """What it asks at this moment, in its turn."""
        demand, aged = self._informed(self._jobs[index].demand), self._is_aged(index, now)
        return replace(demand, age_rank=rank, aged=aged, batch="" if aged else demand.batch)

    def _start(self, index: int, answer: Granted, now: float) -> None:
        job = self._waiting.pop(index)
        system = job.demand.system
        namespace, _, name = system.rpartition("/")
        for slot, node, requests in _seated(job.demand, answer):
            self._fleet.grant(f"{job.name}/{slot}", (namespace, name, slot), node, requests)
            devices = sum(amount for resource, amount in requests if is_scarce(resource))
            self._outcome.device_seconds += devices * job.duration_s
        if system:
            self._settled.setdefault(system, {}).update(answer.domains)
        self._outcome.stays[job.name] = Stay(now, now + job.duration_s, answer)
        self._outcome.waits_s[job.name] = now - job.arrival_s
        heappush(self._ends, (now + job.duration_s, index))

    def _informed(self, demand: Demand) -> Demand:
        """With the domains that gangs of its system have settled before."""
        settled = self._settled.get(demand.system, {})
        taken = {scope.name: settled[scope.name] for scope in demand.gang.scopes if scope.name in settled}
        return replace(demand, taken={**demand.taken, **taken}) if taken else demand


def _seated(demand: Demand, answer: Granted) -> Iterable[tuple[str, str, tuple[tuple[str, int], ...]]]:
    shapes = shapes_of(demand)
    for seats in seats_of(demand.gang.root):
        for slot in seats.slots:
            yield slot, answer.nodes[slot], shapes[seats.role].requests
