"""Steps: what the search decides one after the other: a domain for every unit that must have one, then a host for every pod."""

from dataclasses import dataclass

from topology.search.problem import Amounts, Problem, Task
from topology.search.units import WHOLE, Apart, Pods


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One decision."""

    level: int
    """Of the domain that is to be chosen; the host level for a pod."""
    parent: int
    """The step whose domain it must lie in; -1 for the whole fleet."""
    needs: Amounts
    main: int
    """The gauge that says how tight a domain is."""
    task: Task | None = None
    pods: Pods | None = None
    aparts: tuple[Apart, ...] = ()
    """Required spreads that bear on it."""
    twin: int = -1
    """An earlier step that is just like it: the two are interchangeable."""


def steps_of(problem: Problem) -> tuple[list[Step], int]:
    """The steps of a problem, units first, and how many of them are units. Cost: linear in pods."""
    maker = _Maker(problem)
    maker.units(problem.root, -1, ())
    count = len(maker.steps)
    maker.all_pods()
    return maker.steps, count


class _Maker:
    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.steps: list[Step] = []
        self._pods: list[tuple[tuple[int, ...], int, Pods, tuple[Apart, ...]]] = []
        self._last: dict[object, int] = {}

    def units(self, task: Task, parent: int, aparts: tuple[Apart, ...]) -> None:
        """Outer before inner, bulkier before smaller; a unit without a level of its own leaves its parts to the one around it."""
        unit = task.unit
        if unit.apart is not None and unit.apart.required:
            aparts = (*aparts, unit.apart)
        if unit.level is not None and unit.level != WHOLE:
            alike = None if task.fixed is not None else (parent, self._likeness(task), self._families(aparts))
            parent = self._add(Step(unit.level, parent, task.needs, task.main, task, None, aparts), alike)
        for inner in task.tasks:
            self.units(inner, parent, aparts)
        depth = -1 if parent < 0 else self.steps[parent].level
        for pods in task.pods:
            self._pods.append(((*self.problem.bulk(pods.kind), depth), parent, pods, aparts))

    def all_pods(self) -> None:
        """Pods one by one: the bulkiest first, of equal ones those with the narrower domain."""
        for _, parent, pods, aparts in sorted(self._pods, key=lambda each: each[0], reverse=True):
            needs = self.problem.needs_of({pods.kind: 1})
            for slot in pods.slots:
                own = () if pods.spread is None or not pods.spread[1] else (Apart(pods.name, slot, pods.spread[0], True),)
                step = Step(self.problem.layout.fabric.host, parent, needs, pods.kind, None, pods, (*aparts, *own))
                self._add(step, (parent, pods.kind, self._families((*aparts, *own)), tuple(a.member for a in aparts)))

    def _add(self, step: Step, alike: object) -> int:
        index = len(self.steps)
        twin = -1 if alike is None else self._last.get(alike, -1)
        self.steps.append(Step(step.level, step.parent, step.needs, step.main, step.task, step.pods, step.aparts, twin))
        if alike is not None:
            self._last[alike] = index
        return index

    def _families(self, aparts: tuple[Apart, ...]) -> tuple[tuple[str, int], ...]:
        return tuple((apart.family, apart.level) for apart in aparts)

    def _likeness(self, task: Task) -> object:
        """Equal for units that could swap places."""
        pods = tuple(sorted((each.kind, len(each.slots), each.spread or ()) for each in task.pods))
        apart = task.unit.apart
        family = (apart.family, apart.level) if apart is not None and apart.required else ()
        inner = tuple(sorted((self._likeness(each) for each in task.tasks), key=repr))
        return task.unit.level, task.fixed, family, pods, inner
