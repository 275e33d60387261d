"""Turns: who goes first."""

from collections.abc import Sequence
from itertools import groupby

from topology.demand import Demand

PASSED_BY_FOR_S = 600.0
"""How long a gang lets others pass, if they do not make it wait for more."""


def in_turn(demands: Sequence[Demand]) -> list[int]:
    """Whose turn it is, by position: priority, age, base gangs first; a gang never before the one that it adds to."""
    waits = {(each.system, each.gang.name): each.gang.needs for each in demands if each.gang.needs}

    def depth(each: Demand) -> int:
        name, steps = each.gang.name, 0
        while (name := waits.get((each.system, name), "")) and steps < len(waits):
            steps += 1
        return steps

    def turn(index: int) -> tuple[object, ...]:
        each = demands[index]
        gang = each.gang
        return (
            -each.priority,
            each.age_rank,
            each.system,
            not gang.minimum,
            depth(each),
            gang.copy_index,
            natural(gang.name),
            index,
        )

    return sorted(range(len(demands)), key=turn)


def by_turns(namespaces: Sequence[str], sizes: Sequence[int]) -> list[int]:
    """Positions in the order in which they are served: whose namespace has asked for least before them, of equal ones the first.

    Source: start-time fair queueing (Goyal, Vin and Cheng, 1996), all weights equal.
    """
    before = dict.fromkeys(namespaces, 0)
    starts: list[int] = []
    for namespace, size in zip(namespaces, sizes, strict=True):
        starts.append(before[namespace])
        before[namespace] += size
    return sorted(range(len(starts)), key=lambda place: (starts[place], place))


def turn_of(demand: Demand) -> tuple[int, str, int]:
    """Equal for gangs of which none comes before another: those of one batch, else of one age."""
    return demand.priority, demand.batch, 0 if demand.batch else demand.age_rank


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts names by the numbers in them: g-2 before g-10."""
    runs = ("".join(run) for _, run in groupby(name, str.isdecimal))
    return tuple((int(run), "") if run.isdecimal() else (-1, run) for run in runs)
