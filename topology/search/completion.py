"""Completion: an exact way for sizes that do not divide each other, on small fleets that are nearly full."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from topology.demand import Budget
from topology.search.classes import Classes
from topology.search.hollows import Hollow, Hollows
from topology.search.packing import Exhausted, Packing, Plan
from topology.search.problem import Problem, Task
from topology.search.search import Outcome
from topology.search.seating import Pick
from topology.search.units import WHOLE, Pods
from topology.supply.shapes import is_scarce

MOST_HOSTS = 256
"""That have room: beyond these there is slack enough, and no end to it."""
Thing = Task | Pods
"""A unit, or one pod of some."""


class Completion:
    """Asked after the quick ways. By the one device that all pods ask for, so "none" is a proof whatever else binds.

    What is found is kept only if each host has the room in every respect. `unknown` where units must keep apart or have their
    domain already, where GPUs are shared, where hosts lack a level, and when the budget ends; and where sizes divide each other,
    which counts by domain settle. Cost: see `Packing`.
    """

    def __init__(self, problem: Problem, budget: Budget) -> None:
        self.problem, self.room, self.layout, self.budget = problem, problem.room, problem.layout, budget
        self.picks: list[Pick] = []
        self._host = self.layout.fabric.host
        self._classes = Classes(self._host)
        self._sizes: list[int] = []

    def run(self) -> Outcome:
        """Room for everything is taken if, and only if, it is found."""
        whole = self._whole()
        if whole is None:
            return "unknown"
        root = self.problem.root
        try:
            plan = Packing(self._classes, self.budget).run(whole, ((self._kind(root), 1),))
        except Exhausted:
            return "unknown"
        if plan is None:
            return "none"
        mark = self.room.mark()
        if all(self._take(pods, host) for pods, host in self._seats(whole, [root], plan)):
            return "found"
        self.room.undo(mark)
        self.picks = []
        return "unknown"

    def _whole(self) -> Hollow | None:
        """What is free, by the device; None where this way does not apply."""
        devices = {name for kind in self.problem.kinds for name, _ in kind.requests if is_scarce(name)}
        self._sizes = [dict(kind.requests).get(min(devices, default=""), 0) for kind in self.problem.kinds]
        tasks = list(_walk(self.problem.root))
        levels = sorted({task.unit.level for task in tasks if task.unit.level is not None} - {WHOLE, self._host})
        if len(devices) != 1 or 0 in self._sizes or _divide(self._sizes):
            return None
        if self.room.sharing or not all(map(_free_to_go, tasks)):
            return None
        able = np.logical_or.reduce([self.problem.of_kind(kind).host > 0 for kind in range(len(self._sizes))])
        free = np.where(able, self.room.free[:, self.room.columns[min(devices)]], 0)
        there = np.flatnonzero(free > 0).tolist()
        strays = any(self.layout.domain_of(host, level) < 0 for host in there for level in levels)
        if strays or len(there) > MOST_HOSTS:
            return None
        return Hollows(self.layout, free.tolist(), levels).whole()

    def _kind(self, thing: Thing) -> int:
        if isinstance(thing, Pods):
            return self._classes.whole(self._sizes[thing.kind])
        inside: dict[int, int] = {}
        for part in self._parts(thing):
            kind = self._kind(part)
            inside[kind] = inside.get(kind, 0) + 1
        level = WHOLE if thing.unit.level is None else thing.unit.level
        return self._classes.unit(level, tuple(sorted(inside.items())))

    def _parts(self, task: Task) -> Iterator[Thing]:
        """Units and pods of it; those of a unit that needs no domain are its own."""
        for inner in task.tasks:
            if inner.unit.level is None or inner.unit.level == WHOLE:
                yield from self._parts(inner)
            else:
                yield inner
        yield from (pods for pods in task.pods for _ in pods.slots)

    def _seats(self, hollow: Hollow, things: Sequence[Thing], plan: Plan) -> Iterator[tuple[Pods, int]]:
        """A host for each pod, as planned."""
        if hollow.inside is None:
            yield from ((pods, hollow.area.low) for thing in things for pods in self._pods(thing))
            return
        queues: dict[int, list[Thing]] = {}
        for part in self._opened(things, hollow.level):
            queues.setdefault(self._kind(part), []).append(part)
        kids = hollow.at(self._classes.level(tuple((kind, 1) for kind in queues)))
        for kid, (filling, inner) in zip(kids, plan, strict=False):
            mine = [queues[kind].pop() for kind, count in filling for _ in range(count)]
            yield from self._seats(kid, mine, inner)

    def _opened(self, things: Sequence[Thing], level: int) -> Iterator[Thing]:
        for thing in things:
            if isinstance(thing, Task) and (thing.unit.level is None or thing.unit.level <= level):
                yield from self._opened(list(self._parts(thing)), level)
            else:
                yield thing

    def _pods(self, thing: Thing) -> Iterator[Pods]:
        if isinstance(thing, Pods):
            yield thing
        else:
            for part in self._parts(thing):
                yield from self._pods(part)

    def _take(self, pods: Pods, host: int) -> bool:
        if not self.problem.of_kind(pods.kind).host[host]:
            return False
        self.room.take(host, self.problem.fits[pods.kind].need)
        self.picks.append(Pick(pods, host, 1))
        return True


def _walk(task: Task) -> Iterator[Task]:
    yield task
    for inner in task.tasks:
        yield from _walk(inner)


def _divide(sizes: Sequence[int]) -> bool:
    return not any(large % small for small, large in pairwise(sorted(sizes)))


def _free_to_go(task: Task) -> bool:
    """Whether any domain would do."""
    apart = task.unit.apart is not None and task.unit.apart.required
    return task.fixed is None and not apart and not any(pods.spread and pods.spread[1] for pods in task.pods)
