"""Waiter: a gang in line, and whether others have made it wait for more."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from topology.demand import Demand
from topology.line.lack import Fit, Lack, Part
from topology.search.problem import Problem, Task
from topology.search.units import WHOLE, Pods
from topology.supply.layout import Area
from topology.supply.room import Need

SEARCH_STEPS = 200
"""To find nearest fits of one gang in one batch: 20 ms at most, and at least one step for each of its parts."""


@dataclass(slots=True, eq=False)
class Waiter:
    """A gang in line, and what it has to wait for."""

    demand: Demand
    problem: Problem
    aged: bool
    lack: Lack
    steps: int = SEARCH_STEPS
    """That are left to look for a nearer fit."""
    fit: Fit = field(default_factory=lambda: Fit((), 0))
    free: tuple[int, ...] = ()
    """In the domains of that fit."""
    anywhere: tuple[int, ...] = ()
    """Pods of each kind that find room, whatever the levels."""
    seen: int = 0
    """Changes of the room up to which the fit is known to stand."""

    def measure(self) -> None:
        """As of now. Cost: see `Lack.nearest`."""
        self.anywhere = self._anywhere()
        if not self.aged:
            self._nearest()

    def is_set_back(self) -> bool:
        """Whether it would have to wait for more than when it was measured.

        One that has waited too long: whether anything that it could use was taken. One that lacks nothing that can be counted:
        whether anything was taken where it hopes to be. Others: whether there is no domain left where as little is missing.
        """
        if self.aged:
            return any(now < then for then, now in zip(self.anywhere, self._anywhere(), strict=True))
        if not self.fit.missing:
            return any(now < then for then, now in zip(self.free, self.lack.free(self.fit), strict=True))
        before = self.fit
        if not self._is_touched() or self.lack.missing(before) <= before.missing:
            self.seen = self.problem.room.changes
            return False
        self._nearest()
        worse = self.fit.missing > before.missing
        if worse:
            self.fit = before
        return worse

    def _is_touched(self) -> bool:
        """Whether any host has changed that its fit depends on. Cost: a microsecond for each that has."""
        areas = self.lack.areas(self.fit)
        hosts = self.problem.room.changed(self.seen)
        return any(low <= host < high for host in hosts for low, high in areas)

    @property
    def best(self) -> str:
        """Path of the domain where its first part comes nearest."""
        _, area = next(self.lack.homes(self.fit), (None, None))
        return self.problem.layout.domain_name(area.level, area.index) if area else ""

    def _nearest(self) -> None:
        self.fit, used = self.lack.nearest(self.steps)
        self.steps -= used
        self.free, self.seen = self.lack.free(self.fit), self.problem.room.changes

    def _anywhere(self) -> tuple[int, ...]:
        kinds = sorted({kind for kind, _ in self.problem.root.counts})
        return tuple(self.problem.of_kind(kind).total() for kind in kinds)

    @contextmanager
    def aside(self) -> Generator[None]:
        """What it would take where it comes nearest is not for others while the body runs. Only where pods share no GPUs."""
        room = self.problem.room
        homes = reversed(list(self.lack.homes(self.fit)))
        taken = [hosts for part, area in homes for hosts in self._hosts(part, area)]
        yield
        for host, need, count in taken:
            room.take(host, need, -count)

    def _hosts(self, part: Part, area: Area) -> Iterator[tuple[int, Need, int]]:
        """Hosts for as many of a part's own pods as find room, the tightest first, and taken."""
        room = self.problem.room
        for pods in _own(part.task):
            fits, left = self.problem.of_kind(pods.kind), len(pods.slots)
            able = [
                (count, host) for host in range(area.low, area.high) if (count := int(fits.host[host])) and not room.shares(host)
            ]
            for count, host in sorted(able):
                if (some := min(left, count)) > 0:
                    room.take(host, fits.need, some)
                    yield host, fits.need, some
                    left -= some

    def message(self) -> str:
        """What those are told who may not pass it."""
        who = f"gang {self.demand.gang.name} of {self.demand.system}"
        if self.aged:
            remedy = "free room for that one, or withdraw it"
            return f"it waits behind {who}, which has waited so long that nothing may pass it; {remedy}"
        where = f" in {self.best}" if self.best else ""
        remedy = "free room for both, or give this one a higher priority"
        return f"it would take room that {who}, which comes first, needs{where}; {remedy}"


def _own(task: Task) -> Iterator[Pods]:
    """Pods that are in no domain narrower than that of the task."""
    yield from task.pods
    for inner in task.tasks:
        if inner.unit.level in {None, WHOLE}:
            yield from _own(inner)
