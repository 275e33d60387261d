"""Turns: who goes first."""

from collections.abc import Sequence
from itertools import groupby

from topology.demand import Demand


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


def turn_of(demand: Demand) -> tuple[int, str, int]:
    """Equal for gangs of which none comes before another: those of one batch, else of one age."""
    return demand.priority, demand.batch, 0 if demand.batch else demand.age_rank


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts names by the numbers in them: g-2 before g-10."""
    runs = ("".join(run) for _, run in groupby(name, str.isdecimal))
    return tuple((int(run), "") if run.isdecimal() else (-1, run) for run in runs)
