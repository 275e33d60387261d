"""Clearing: which pieces must go, at the lowest cost, so that a gang finds room."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from specs.gangs import Bundle, Seats
from topology.demand import Demand
from topology.moves.choosing import Choosing
from topology.moves.trial import Cleared, OneDomain, Trial
from topology.search.problem import Problem, Task
from topology.search.units import WHOLE, Misfit
from topology.supply.layout import Area

FEW = 8
"""Domains that are tried for one of several parts, and after the first that will do."""
MOST_DOMAINS = 64
"""Domains that are tried in the quick way."""


def cheapest(trial: Trial) -> Cleared | None:
    """The cheapest way to let a gang in; None when not even all of the pieces together make room, or no way is accepted.

    Domains are tried in the order of what they cost at least (`Dues`), until none that is left can be cheaper. In a domain,
    whoever can stay stays, the dearest first; then other choices are searched, cheapest first, as far as the budget goes.
    `Cleared.least` is what no choice costs less than: the cost itself, where the search came to its end; else that of the gang
    anywhere, or of its dearest part in its cheapest domain.
    Cost: a placement for each try, about 0.2 ms; a few dozen tries for a rack.
    """
    try:
        problem = Problem(trial.room, trial.demand, tight=True)
    except Misfit:
        return None
    names = [each.name for each in trial.pieces.all]
    if trial.seated(names, trial.demand) is None:
        return None
    parts = list(_parts(problem.root))
    domains = [_domains(trial, problem, part) for part in parts]
    least = max((trial.dues.least(problem, problem.root.needs, problem.whole) or 0, *(priced[0][0] for priced in domains)))
    if len(parts) == 1 and not _loose(problem.root):
        _by_domain(trial, problem, parts[0], domains[0])
    else:
        _as_a_whole(trial, problem, parts, least)
    best = trial.best
    return best and replace(best, least=best.cost if trial.sure else min(best.cost, least))


def _domains(trial: Trial, problem: Problem, part: Task) -> list[tuple[int, int]]:
    """Least price and index of every domain that could hold a part, the cheapest first."""
    layout, level = problem.layout, part.unit.level or 0
    first, last = layout.inside(problem.whole, level, part.fixed)
    priced = [(trial.dues.least(problem, part.needs, layout.area(level, index)), index) for index in range(first, last)]
    return sorted((price, index) for price, index in priced if price is not None) or [(0, first)]


def _by_domain(trial: Trial, problem: Problem, part: Task, domains: Sequence[tuple[int, int]]) -> None:
    """Each domain by itself, where one part decides it all: quickly in some, until there is a way, then thoroughly in all."""
    more = FEW
    for price, index in domains[:MOST_DOMAINS]:
        if trial.dearer(price) or not more:
            break
        area, demand = _looking_at(trial, problem, part, index)
        first = trial.thinned(trial.touching(area), demand)
        if first is not None:
            trial.offer(first, demand)
        more -= trial.best is not None
    for price, index in domains:
        if trial.dearer(price):
            return
        area, demand = _looking_at(trial, problem, part, index)
        trial.sure = Choosing(trial, problem, part, area, demand, trial.touching(area)).run() and trial.sure


def _looking_at(trial: Trial, problem: Problem, part: Task, index: int) -> tuple[Area, Demand]:
    """One domain from now on, and the demand as bound to it."""
    area = problem.layout.area(part.unit.level or 0, index)
    trial.one = OneDomain(problem, part, area)
    return area, _fixed(trial.demand, problem, part, index)


def _as_a_whole(trial: Trial, problem: Problem, parts: Sequence[Task], least: int) -> None:
    """Part by part first, each into its cheapest domain; what that chose is then thinned for the gang as a whole."""
    names = [each.name for each in trial.pieces.all]
    found = trial.thinned(_part_by_part(trial, problem, parts), trial.demand)
    if found is None:
        found = trial.thinned(names, trial.demand) or []
    trial.offer(found, trial.demand)
    _choose(trial, Choosing(trial, problem, problem.root, problem.whole, trial.demand, names), least)


def _choose(trial: Trial, choosing: Choosing, least: int) -> None:
    if (not trial.dearer(least) and trial.best is None) or (trial.best is not None and trial.best.cost > least):
        trial.sure = choosing.run() and trial.sure


def _part_by_part(trial: Trial, problem: Problem, parts: Sequence[Task]) -> list[str]:
    picked: list[str] = []
    demand, slots = trial.demand, set[str]()
    for part in parts:
        slots |= {slot for pods in part.unit.all_pods() for slot in pods.slots}
        for _, index in _domains(trial, problem, part)[:FEW]:
            bound = _fixed(demand, problem, part, index)
            there = trial.touching(problem.layout.area(part.unit.level or 0, index))
            found = trial.thinned([*picked, *there], _only(bound, slots))
            if found is not None:
                picked, demand = found, bound
                break
    return picked


def _fixed(demand: Demand, problem: Problem, part: Task, domain: int) -> Demand:
    """The demand, with one part bound to a domain."""
    name = problem.layout.domain_name(part.unit.level or 0, domain)
    return replace(demand, taken={**demand.taken, part.unit.name: name})


def _only(demand: Demand, slots: Collection[str]) -> Demand:
    """The demand for some of its slots."""

    def pruned(bundle: Bundle) -> Bundle:
        parts = (
            pruned(part) if isinstance(part, Bundle) else replace(part, slots=tuple(s for s in part.slots if s in slots))
            for part in bundle.parts
        )
        return replace(bundle, parts=tuple(part for part in parts if not isinstance(part, Seats) or part.slots))

    return replace(demand, gang=replace(demand.gang, root=pruned(demand.gang.root)))


def _parts(task: Task) -> Iterator[Task]:
    """The outermost parts that must have a domain, the bulkiest first."""
    if task.unit.level not in {None, WHOLE}:
        yield task
        return
    for inner in task.tasks:
        yield from _parts(inner)


def _loose(task: Task) -> bool:
    """Whether some of its pods may be anywhere."""
    if task.unit.level not in {None, WHOLE}:
        return False
    return bool(task.pods) or any(map(_loose, task.tasks))
