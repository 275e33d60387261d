"""Problem: one demand, made ready for a search on one room."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from specs.gangs import Bundle, Seats, Talk
from topology.demand import Demand
from topology.search.talking import side_by_side
from topology.search.units import WHOLE, Pods, Unit, unit_of
from topology.supply.gauges import gauges_of
from topology.supply.layout import Area
from topology.supply.room import Fits, Room
from topology.supply.shapes import Shape

Amounts = tuple[tuple[int, int], ...]
"""Gauge and amount, only those that are not nothing."""

Counted = tuple[tuple[int, int], ...]
"""Kind and number of pods."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A unit with what it needs. Its parts stand in the order in which they are placed: the bulkiest first."""

    unit: Unit
    needs: Amounts
    company: Amounts
    """What the gangs that will share its domain need on top."""
    bulk: tuple[int, ...]
    tasks: "tuple[Task, ...]"
    pods: tuple[Pods, ...]
    counts: Counted
    """Pods of each kind, those in their places left out."""
    fixed: int | None = None
    """The domain that it must have, because others of its scope or of itself are there."""
    main: int = 0
    """The gauge that says how tight a domain is."""
    promised: Mapping[int, Amounts] = field(default_factory=dict[int, Amounts])
    """Domain to what will be needed there by those who must follow others into it."""
    avoid: frozenset[int] = frozenset()

    @property
    def needs_rank(self) -> bool:
        """Whether more than tightness tells one domain from another."""
        return bool(self.company or self.promised or self.avoid or self.unit.apart)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What else is going on, so far as it bears on the choice of a domain. None of it is binding."""

    company: tuple[Demand, ...] = ()
    """Demands of the same system that will have to follow into a scope of this one."""
    promised: Mapping[str, tuple[Demand, ...]] = field(default_factory=dict[str, tuple[Demand, ...]])
    """Demands that will have to follow others into a domain, by its path."""
    avoid: tuple[str, ...] = ()
    """Domains, by path, that turned out too small for the company."""

    def demands(self) -> list[Demand]:
        return [*self.company, *(each for some in self.promised.values() for each in some)]


NOTHING_ELSE = Outlook()


class Problem:
    """Kinds, gauges and tasks of a demand. Raises `Misfit` when its levels make no sense here. Cost: 20 us, and 5 us a part."""

    def __init__(
        self, room: Room, demand: Demand, outlook: Outlook = NOTHING_ELSE, *, tight: bool = False, talks: Sequence[Talk] = ()
    ) -> None:
        self.room, self.layout = room, room.layout
        gone = [slot for slot, node in demand.keep.items() if node not in room.layout.position]
        self.demand = replace(demand, keep={s: n for s, n in demand.keep.items() if s not in gone}) if gone else demand
        self._outlook = outlook
        shapes = shapes_of(demand)
        others = [shape for each in outlook.demands() for shape in shapes_of(each).values()]
        self.kinds: list[Shape] = list(dict.fromkeys((*shapes.values(), *others)))
        self._kind_of = {role: self.kinds.index(shape) for role, shape in shapes.items()}
        self.weights = gauges_of(self.kinds, tight)
        self.gauges: list[Fits] = [room.fits(gauge.shape) for gauge in self.weights]
        self.fits = self.gauges[: len(self.kinds)]
        self._measures: dict[Counted, tuple[Amounts, tuple[int, ...], int]] = {}
        self._bulks = [kind.bulk for kind in self.kinds]
        system_wide = tuple((scope.name, scope.level) for scope in demand.gang.scopes if scope.name == "")
        whole = unit_of(demand.gang.root, self._kind_of, room.layout.fabric, system_wide)
        self.root = self._task(side_by_side(whole, talks, room.layout.fabric.host - 1) if talks else whole)

    @property
    def whole(self) -> Area:
        return self.layout.whole

    @property
    def packs_devices(self) -> bool:
        """Whether fractions of several sizes share devices: those are chosen by best fit, so what is not found may yet be."""
        return len({fits.need.ask.milli for fits in self.fits} - {0}) > 1

    def of_kind(self, kind: int) -> Fits:
        """Where pods of a kind fit now."""
        return self.room.fresh(self.fits[kind])

    def gauge(self, index: int) -> Fits:
        """A gauge as of now."""
        return self.room.fresh(self.gauges[index])

    def bulk(self, kind: int) -> tuple[int, ...]:
        """How hard a pod of a kind is to seat."""
        return self._bulks[kind]

    def needs_of(self, counts: Mapping[int, int]) -> Amounts:
        """What so many pods of each kind need, by every gauge."""
        found = (sum(gauge.weights[kind] * count for kind, count in counts.items()) for gauge in self.weights)
        return tuple((index, amount) for index, amount in enumerate(found) if amount)

    def _task(self, unit: Unit) -> Task:
        tasks = tuple(task for task in map(self._task, unit.units) if task.needs)
        pods = tuple(left for left in map(self._left, unit.pods) if left.slots)
        counts: dict[int, int] = {}
        for kind, count in (*((each.kind, len(each.slots)) for each in pods), *(pair for task in tasks for pair in task.counts)):
            counts[kind] = counts.get(kind, 0) + count
        needs, bulk, main = self._measured(tuple(sorted(counts.items())))
        return Task(
            unit, needs, self._needs_of_company(unit), bulk,
            tuple(sorted(tasks, key=lambda task: task.bulk, reverse=True)) if len(tasks) > 1 else tasks,
            tuple(sorted(pods, key=lambda each: self._bulks[each.kind], reverse=True)) if len(pods) > 1 else pods,
            tuple(counts.items()), self._fixed(unit), main, self._promised(unit), self._avoided(unit),
        )  # fmt: skip

    def _measured(self, counts: Counted) -> tuple[Amounts, tuple[int, ...], int]:
        """Needs, bulk and main gauge of so many pods of each kind; the same for every replica, so worked out once."""
        found = self._measures.get(counts)
        if found is None:
            pods = dict(counts)
            found = self._measures[counts] = (self.needs_of(pods), self._total_bulk(pods), self._main(pods))
        return found

    def _left(self, pods: Pods) -> Pods:
        """Those that have no place yet."""
        keep = self.demand.keep
        slots, ranks = (tuple(slot for slot in some if slot not in keep) for some in (pods.slots, pods.ranks))
        return replace(pods, slots=slots, ranks=ranks) if keep else pods

    def _total_bulk(self, counts: Mapping[int, int]) -> tuple[int, ...]:
        each = [tuple(part * count for part in self._bulks[kind]) for kind, count in counts.items() if count]
        largest = max((self._bulks[kind] for kind, count in counts.items() if count), default=(0, 0, 0))
        return (*(sum(parts) for parts in zip(*each, strict=True)), *largest)

    def _main(self, counts: Mapping[int, int]) -> int:
        """The finest gauge of the bulkiest kind: its devices by the smallest size, or itself."""
        asked = [kind for kind, count in counts.items() if count]
        if not asked:
            return 0
        bulkiest = max(asked, key=lambda kind: (self._bulks[kind], -kind))
        weight = [gauge.weights[bulkiest] for gauge in self.weights]
        return max((i for i in range(len(self.kinds), len(weight)) if weight[i]), key=lambda i: weight[i], default=bulkiest)

    def _needs_of_company(self, unit: Unit) -> Amounts:
        follow = [each for each in self._outlook.company if any(scope.name == unit.name for scope in each.gang.scopes)]
        return () if unit.level is None else self._needs_of_all(follow)

    def _needs_of_all(self, demands: Iterable[Demand]) -> Amounts:
        counts: dict[int, int] = {}
        for demand in demands:
            shapes = shapes_of(demand)
            for seats in seats_of(demand.gang.root):
                kind = self.kinds.index(shapes[seats.role])
                counts[kind] = counts.get(kind, 0) + len(seats.slots)
        return self.needs_of(counts)

    def _promised(self, unit: Unit) -> dict[int, Amounts]:
        if unit.level is None or unit.level == WHOLE:
            return {}
        found = ((self.layout.find(unit.level, name), demands) for name, demands in self._outlook.promised.items())
        return {domain: self._needs_of_all(demands) for domain, demands in found if domain is not None}

    def _fixed(self, unit: Unit) -> int | None:
        """The domain that what is granted already has settled."""
        if unit.level is None or unit.level == WHOLE:
            return None
        if (name := self.demand.taken.get(unit.name)) is not None:
            found = self.layout.find(unit.level, name)
            return -1 if found is None else found
        for pods in unit.all_pods() if self.demand.keep else ():
            for slot in pods.slots:
                host = self.layout.position.get(self.demand.keep.get(slot, ""))
                if host is not None:
                    return self.layout.domain_of(host, unit.level)
        return None

    def _avoided(self, unit: Unit) -> frozenset[int]:
        if unit.level is None or unit.level == WHOLE:
            return frozenset()
        found = (self.layout.find(unit.level, name) for name in self._outlook.avoid)
        return frozenset(index for index in found if index is not None)


def shapes_of(demand: Demand) -> dict[str, Shape]:
    """The shape of each role that has pods in the gang, kept away from the nodes that refused it."""
    roles = dict.fromkeys(seats.role for seats in seats_of(demand.gang.root))
    return {role: demand.shapes[role].without(demand.excluded.get(role, frozenset())) for role in roles}


def seats_of(part: Bundle | Seats) -> list[Seats]:
    """Every leaf of a gang's tree."""
    return [part] if isinstance(part, Seats) else [seats for inner in part.parts for seats in seats_of(inner)]
