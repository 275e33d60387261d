"""Filling: how many GPUs gangs can use of racks at most, as a proven bound.

The linear program over fillings of racks (Gilmore and Gomory, 1961): a gang is admitted, wholly or in part, a rack has one
filling, and all fillings together hold the subgroups of the admitted gangs. Fillings are found by dynamic programming as needed.
At any prices of subgroups, the best fillings of all racks and what gangs are worth beyond the price of their parts sum up to a
bound (Lagrange), so it is one even before the program is solved.
"""

import math
from collections.abc import Sequence

import highspy
import numpy as np

from benchmarks.bench_placement_p1 import QUANTA, Parts, Racks
from topology.search.patterns import Floats
from topology.supply.layout import Ints

ROUNDS, CLOSE = 200, 0.5
Table = tuple[Floats, Ints]
"""By room: the most that subgroups of one size are worth there, and which one to take first; -1 for none."""


def bound(gangs: Sequence[Parts], free: Racks) -> float:
    """No more GPUs than this can be admitted, whatever racks their subgroups are in. Cost: 0.3 s for 150 gangs, 128 racks."""
    return _Fillings(gangs, free).bound()


def least(parts: Parts, free: Racks) -> int:
    """No fewer racks than this can hold these subgroups, which together fit. Cost: 0.5 s for 500 subgroups, 512 racks."""
    return math.ceil(_Fillings([parts], free).fewest() - 1e-6)


class _Fillings:
    def __init__(self, gangs: Sequence[Parts], free: Racks) -> None:
        self.kinds = sorted({part for gang in gangs for part in gang})
        self.parts: Ints = np.array([[gang.count(kind) for kind in self.kinds] for gang in gangs], np.int64)
        self.sizes: Ints = self.parts @ np.array([pods * size for pods, size in self.kinds])
        self.rooms = [
            tuple(sum(quantum * (host // quantum) for host in rack) for quantum in sorted(QUANTA)[::-1]) for rack in free
        ]
        self.model = highspy.Highs()  # type: ignore[no-untyped-call] # highspy has no types for it
        self.model.setOptionValue("output_flag", False)
        for most in [0.0] * len(self.kinds) + [1.0] * len(free):
            self.model.addRow(-highspy.kHighsInf, most, 0, [], [])
        for gang, size in zip(self.parts, self.sizes, strict=True):
            self._column(-float(size), 1.0, np.flatnonzero(gang), gang[gang > 0])

    def bound(self) -> float:
        most = float(self.sizes.sum())
        for _ in range(ROUNDS):
            self.model.run()
            duals = np.maximum(0, -np.array(self.model.getSolution().row_dual))
            prices, rents = duals[: len(self.kinds)], duals[len(self.kinds) :]
            best = self._fillings(prices)
            surplus = np.maximum(0, self.sizes - self.parts @ prices)
            most = min(most, sum(worth for worth, _ in best) + float(surplus.sum()))
            better = [rack for rack, (worth, _) in enumerate(best) if worth > rents[rack] + 1e-6]
            if most + self.model.getInfo().objective_function_value < CLOSE or not better:
                break
            for rack in better:
                self._add(rack, best[rack][1])
        return most

    def fewest(self) -> float:
        """The same prices for the other question: all subgroups in as few racks as can be, each used wholly or in part."""
        self.model.clear()
        self.model.setOptionValue("output_flag", False)
        for count in self.parts[0].tolist():
            self.model.addRow(float(count), highspy.kHighsInf, 0, [], [])
        for _ in self.rooms:
            self.model.addRow(-highspy.kHighsInf, 1.0, 0, [], [])
        for kind in range(len(self.kinds)):  # so that there is a solution from the start
            self._column(float(len(self.rooms)), highspy.kHighsInf, np.array([kind]), np.array([1]))
        found = 0.0
        for _ in range(ROUNDS):
            self.model.run()
            duals = np.array(self.model.getSolution().row_dual)
            prices, rents = np.maximum(0, duals[: len(self.kinds)]), np.maximum(0, -duals[len(self.kinds) :])
            best = self._fillings(prices)
            found = max(found, float(prices @ self.parts[0]) - sum(max(0.0, worth - 1) for worth, _ in best))
            better = [rack for rack, (worth, _) in enumerate(best) if worth > 1 + rents[rack] + 1e-6]
            if not better:
                break
            for rack in better:
                filling = best[rack][1]
                rows = np.append(np.flatnonzero(filling), len(self.kinds) + rack)
                self._column(1.0, highspy.kHighsInf, rows, np.append(filling[filling > 0], 1))
        return found

    def _fillings(self, prices: Floats) -> list[tuple[float, Ints]]:
        """The best of each rack."""
        tables = [self._table(size, prices) for size in sorted(QUANTA)[::-1]]
        return [self._best(room, tables) for room in self.rooms]

    def _add(self, rack: int, filling: Ints) -> None:
        rows = np.append(np.flatnonzero(filling), len(self.kinds) + rack)
        self._column(0.0, highspy.kHighsInf, rows, np.append(-filling[filling > 0], 1))

    def _column(self, cost: float, most: float, rows: Ints, values: Ints) -> None:
        self.model.addCol(cost, 0.0, most, len(rows), rows.astype(np.int32), values.astype(np.float64))

    def _table(self, size: int, prices: Floats) -> Table:
        most = max(room[-1] for room in self.rooms)
        mine = [(kind, pods * size) for kind, (pods, each) in enumerate(self.kinds) if each == size]
        worth, first = np.zeros(most + 1), np.full(most + 1, -1)
        for room in range(1, most + 1):
            worth[room] = worth[room - 1]
            for kind, needs in mine:
                if needs <= room and worth[room - needs] + prices[kind] > worth[room] + 1e-12:
                    worth[room], first[room] = worth[room - needs] + prices[kind], kind
        return worth, first

    def _best(self, room: tuple[int, ...], tables: Sequence[Table]) -> tuple[float, Ints]:
        """The filling of a rack that is worth most: the large first, each smaller size in what these leave of its own room."""
        (four, _), (two, _), (one, _) = tables
        most, shares = -1.0, (0, 0, 0)
        for large in range(0, room[0] + 1, max(QUANTA)):
            middle = np.arange(max(room[1] - large, 0) + 1)
            small = np.maximum(room[2] - large - middle, 0)
            worth = four[large] + two[middle] + one[small]
            at = int(worth.argmax())
            if worth[at] > most:
                most, shares = float(worth[at]), (large, int(middle[at]), int(small[at]))
        return most, self._counted(shares, tables)

    def _counted(self, shares: Sequence[int], tables: Sequence[Table]) -> Ints:
        found: Ints = np.zeros(len(self.kinds), np.int64)
        for share, (_, first) in zip(shares, tables, strict=True):
            left = share
            while left:
                kind = int(first[left])
                left -= 1 if kind < 0 else self.kinds[kind][0] * self.kinds[kind][1]
                if kind >= 0:
                    found[kind] += 1
        return found
