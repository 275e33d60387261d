"""Why a gang has no room: one sentence for a person, one word for a machine."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from topology.demand import Code, NoRoom
from topology.search.neighbours import Neighbours
from topology.search.partly import Partly
from topology.search.problem import Problem, Task
from topology.search.seating import Seating
from topology.search.units import WHOLE
from topology.supply.capacity import PODS
from topology.supply.layout import Area, Ints
from topology.supply.quantity import shown
from topology.supply.shapes import Shape

MOST_REASONS = 4
_PLENTIFUL = ("cpu", "memory", "ephemeral-storage", PODS)


def explain(problem: Problem, neighbours: Neighbours, best: Partly | None = None) -> NoRoom:
    """The first thing that stands in the way, from the fleet as a whole to the narrowest level.

    `best` is what was found by a search that ended early; without it, no placement exists. Cost: one pass over the hosts for
    each kind of pod.
    """
    found = _fleet_wide(problem) or _by_domain(problem, problem.root, problem.whole)
    return found or (_too_late(problem, best) if best else _together(problem, neighbours))


def _no(problem: Problem, code: Code, message: str, level: str = "", missing: int = 0, nearest: str = "") -> NoRoom:
    return NoRoom(problem.demand.gang.name, code, message, level, missing, nearest)


def _fleet_wide(problem: Problem) -> NoRoom | None:
    """Too little in all, whatever the levels."""
    counts = dict(problem.root.counts)
    for kind, wanted in counts.items():
        fit = problem.of_kind(kind).total()
        if fit < wanted:
            return _short(problem, kind, wanted, fit)
    if len(_lacking(problem, problem.root, problem.whole)):
        message = f"its {sum(counts.values())} pods together need more than is free in the whole fleet; free or add nodes"
        return _no(problem, "InsufficientCapacity", message, "", 1)
    return None


def _short(problem: Problem, kind: int, wanted: int, fit: int) -> NoRoom:
    shape, roles = problem.kinds[kind], roles_of_kind(problem, kind)
    reasons = obstacles(problem, kind)
    listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(MOST_REASONS))
    nodes = len(problem.layout.hosts)
    why = f"of {nodes} nodes {listed}" if listed else ("there are no nodes" if not nodes else "all that is free was counted")
    if not any(not obstacle for obstacle in problem.room.obstacles(shape.rule)):
        remedy = "uncordon or add nodes that it may use, or change its nodeSelector, affinity or tolerations"
        return _no(problem, "NoEligibleHost", f"no node may take {roles}: {why}; {remedy}", "", wanted)
    have = f"there is room for {fit} of {wanted}" if fit else f"there is no room for any of {wanted}"
    remedy = f"free or add room for {wanted - fit} more ({asked(shape)} each)"
    return _no(problem, "InsufficientCapacity", f"{roles}: {have} ({why}); {remedy}", "", wanted - fit)


def obstacles(problem: Problem, kind: int) -> Counter[str]:
    """Why hosts don't take one pod of a kind, counted; what is short is told by the scarcest resource. Cost: linear in hosts."""
    room, fits = problem.room, problem.of_kind(kind)
    found = Counter(room.obstacles(fits.shape.rule))
    able = found.pop("", 0)
    lacking = [name for name, _ in fits.shape.requests if name not in room.columns]
    if lacking:
        return found + Counter({f"without {lacking[0]}": able})
    left = np.array([not obstacle for obstacle in room.obstacles(fits.shape.rule)], np.bool_) & (fits.host == 0)
    for name, amount in sorted(fits.shape.requests, key=lambda each: (each[0] in _PLENTIFUL, each[0])):
        short = left & (room.free[:, room.columns[name]] < amount)
        found[f"short of {name}"] = int(short.sum())
        left &= ~short
    return +found


def _by_domain(problem: Problem, task: Task, area: Area) -> NoRoom | None:
    """The outermost unit for which no domain has enough, its siblings aside."""
    if task.unit.level not in {None, WHOLE}:
        fitting = _roomiest(problem, task, area)
        if isinstance(fitting, NoRoom):
            return fitting
        area = fitting
    inner = problem.whole if task.fixed is None else area
    return next((found for each in task.tasks if (found := _by_domain(problem, each, inner))), None)


def _roomiest(problem: Problem, task: Task, area: Area) -> Area | NoRoom:
    """A domain that has enough by every gauge, or why there is none."""
    layout, level = problem.layout, task.unit.level or 0
    name = layout.fabric.names[level]
    first, last = layout.inside(area, level, task.fixed)
    if first >= last:
        return _nowhere(problem, task, name)
    lacks = _missing(problem, task, level, first, last)
    domain, missing = first + int(lacks.argmin()), int(lacks.min())
    if not missing:
        return layout.area(level, domain)
    where = layout.domain_name(level, domain)
    what = f"{_called(task)} ({_listed(problem, task)})"
    remedy = f"free room for {missing} more there"
    if task.fixed is not None:
        message = f"{what} must be in {name} {where}, where the rest is, and that lacks room for {missing}; {remedy}"
        return _no(problem, "ScopeFull", message, name, missing, where)
    message = f"no {name} has room for {what}; {where} comes nearest and lacks room for {missing}; {remedy}, or widen the level"
    return _no(problem, "NoDomainFits", message, name, missing, where)


def _nowhere(problem: Problem, task: Task, name: str) -> NoRoom:
    if task.fixed is not None:
        where = problem.demand.taken.get(task.unit.name, "its domain")
        message = (
            f"{_called(task)} must be in {name} {where}, which has no nodes any more; bring them back or move the whole gang"
        )
        return _no(problem, "ScopeFull", message, name, 1, where)
    labels = next((level.labels for level in problem.layout.fabric.levels if level.name == name), ())
    message = f"no node is in any {name} that {_called(task)} could use; label the nodes with {' or '.join(labels) or name}"
    return _no(problem, "NoDomainFits", message, name, 1)


def _too_late(problem: Problem, best: Partly) -> NoRoom:
    """Not found, and not shown to be impossible."""
    found = f"the best found has places for {best.pods} of its {best.bound} pods at once, and the bound is {best.bound}"
    message = f"no room found before time was up: {found}; give the search more time, or free some room"
    no = _no(problem, "SearchLimit", message, "", best.bound - best.pods)
    return replace(no, best=(best.pods, best.bound))


def _together(problem: Problem, neighbours: Neighbours) -> NoRoom:
    """Each part would fit, all of them don't: name those that are left over when the others have been placed."""
    seating = Seating(problem, neighbours)
    mark, before = problem.room.mark(), neighbours.mark()
    left = [task for task in _leaves(problem.root) if not seating.settle(task, problem.whole)]
    problem.room.undo(mark)
    neighbours.undo(before)
    parts = list(_leaves(problem.root))
    hard = left[0] if left else problem.root
    level = "" if hard.unit.level in {None, WHOLE} else problem.layout.fabric.names[hard.unit.level or 0]
    missing = sum(count for task in left for _, count in task.counts)
    which = ", ".join(_called(task) for task in left[:MOST_REASONS])
    fits = f"; {len(parts) - len(left)} of {len(parts)} parts find room, {which} would need more" if left else ""
    remedy = f"free room for {_called(hard)} ({_listed(problem, hard)}) in one {level or 'node'}, or widen a level"
    return _no(problem, "NoDomainFits", f"its parts fit one by one, but not all together{fits}; {remedy}", level, missing)


def _leaves(task: Task) -> Iterable[Task]:
    """Tasks with pods of their own."""
    for inner in task.tasks:
        yield from _leaves(inner)
    if task.pods and not task.tasks:
        yield task


def roles_of_kind(problem: Problem, kind: int) -> str:
    """Paths of role instances with such pods: the first few."""
    names = [pods.name for pods in problem.root.unit.all_pods() if pods.kind == kind]
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")


def asked(shape: Shape) -> str:
    """What one pod asks for."""
    return ", ".join(shown(name, amount) for name, amount in shape.requests if name != PODS) or "one pod slot"


def _listed(problem: Problem, task: Task) -> str:
    return " and ".join(f"{n} pods of {asked(problem.kinds[kind])}" for kind, n in task.counts)


def _called(task: Task) -> str:
    name = task.unit.name
    return f"copy {name}" if name.isdigit() else name or "the system"


def _lacking(problem: Problem, task: Task, area: Area) -> list[int]:
    return [gauge for gauge, amount in task.needs if int(problem.gauge(gauge).host[area.low : area.high].sum()) < amount]


def _missing(problem: Problem, task: Task, level: int, first: int, last: int) -> Ints:
    """Pods without room in each domain, by the gauge that is shortest there."""
    lacks = np.zeros(last - first, np.int64)
    for gauge, amount in task.needs:
        short = np.maximum(amount - problem.gauge(gauge).at[level][first:last], 0)
        lacks = np.maximum(lacks, -(-short // max(problem.weights[gauge].weights)))
    return lacks
