"""Packing: rooms are filled one after the other, each as full as can be; what may be wasted is given out in small coin.

A rack of three hosts with 8, 6 and 5 free GPUs, and pods of 5, 5, 4, 3 and 1: 18 of 19 GPUs are asked, so 1 may be wasted.

1. The host of 8 can hold 5 + 3, or 4 + 3 + 1: only sums of 7 or 8 are looked at, the fullest first. 5 + 3 wastes nothing.
2. The host of 6 then takes 5 + 1, the host of 5 takes 4, which wastes the 1. All are in.

Racks in a block and blocks in a fleet are filled the same way, by whole units, and each filling is tried on what is inside.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from topology.demand import Budget
from topology.search.classes import Bag, Classes, Sums, without
from topology.search.hollows import Hollow
from topology.search.units import WHOLE

Plan = tuple[tuple[Bag, "Plan"], ...]
"""What goes into each hollow of one, in their order, and how it is inside; hollows at the end may be left out."""
Rank = tuple[int, Bag]
"""Of a filling: its waste, then what it is."""


PATIENCE = 400
"""Steps for one filling of a domain, at first."""
BITS = 16
"""For a count."""


class Exhausted(Exception):
    """The budget ended first."""


class _TooLong(Exception):
    """One hollow takes too long for now."""


@dataclass(slots=True)
class Packing:
    """Finds what goes where, or proves that it does not fit. Equal hollows are filled in the order of their fillings' ranks.

    Only fillings to which nothing can be added are tried: of all plans the one with the lowest ranks, hollow after hollow, is
    made of such. Fails are remembered, by what hollows look like.
    Cost: about 20 us a step, which is one filling looked at; exponential in the worst case, hence the budget.
    Source: bin completion, Martello and Toth (1990); Korf (2002); for several knapsacks Fukunaga and Korf (2007).
    """

    classes: Classes
    budget: Budget
    _known: dict[tuple[int, Bag], Plan | None] = field(default_factory=dict[tuple[int, Bag], Plan | None])
    _failed: set[object] = field(default_factory=set[object])
    _bad: dict[int, list[Bag]] = field(default_factory=dict[int, list[Bag]])
    """Bags that do not fit, by what the hollow looks like: nor does what holds one of them."""
    _patience: int = 0
    _until: int = 0
    """Steps of the budget at which what is looked at takes too long."""
    _doubts: int = 0
    """How often something was passed over because it took too long."""

    def run(self, whole: Hollow, bag: Bag) -> Plan | None:
        """How a bag goes into all that there is; None is a proof. What takes long is put off. Raises `Exhausted`."""
        self._patience = PATIENCE
        while True:
            self._doubts = 0
            found = self._fits(whole, bag)
            if found is not None or not self._doubts:
                return found
            self._patience *= 4

    def _fits(self, hollow: Hollow, bag: Bag) -> Plan | None:
        """How a bag goes into a hollow, its units of that level opened."""
        if hollow.inside is None:
            return ()
        bag = self.classes.opened(bag, hollow.level)
        key = hollow.look, bag
        if key in self._known:
            return self._known[key]
        doubts = self._doubts
        found = None if self._hopeless(hollow, bag) else self._patiently(hollow, bag)
        if found is not None or self._doubts == doubts:
            self._known[key] = found
        if found is None and self._doubts == doubts:
            self._bad.setdefault(hollow.look, []).append(bag)
        return found

    def _patiently(self, hollow: Hollow, bag: Bag) -> Plan | None:
        before = self._until
        if hollow.level != WHOLE:
            self._until = max(before, self.budget.steps - self._patience)
        try:
            return self._looked_for(hollow, bag)
        except _TooLong:
            if self.budget.steps < before:
                raise
            self._doubts += 1
            return None
        finally:
            self._until = before

    def _step(self) -> None:
        if self.budget.spent():
            raise Exhausted
        if self.budget.steps < self._until:
            raise _TooLong

    def _hopeless(self, hollow: Hollow, bag: Bag) -> bool:
        there = dict(bag)
        return self.classes.size(bag) > hollow.free or any(
            all(there.get(kind, 0) >= count for kind, count in bad) for bad in self._bad.get(hollow.look, ())
        )

    def _looked_for(self, hollow: Hollow, bag: Bag) -> Plan | None:
        level = self.classes.level(bag)
        kids = hollow.at(level)
        quick = self._best_fit(kids, bag) if kids and kids[0].inside is None else None
        return quick or self._filled(
            _Kids(hollow.look, kids), 0, bag, sum(kid.free for kid in kids) - self.classes.size(bag), None
        )

    def _best_fit(self, hosts: Sequence[Hollow], bag: Bag) -> Plan | None:
        """The largest first, each onto the host where least is left."""
        left = [host.free for host in hosts]
        taken: list[dict[int, int]] = [{} for _ in hosts]
        for kind in self.classes.pieces(bag):
            size = self.classes.sizes[kind]
            at = min((at for at, free in enumerate(left) if free >= size), key=lambda at: left[at], default=None)
            if at is None:
                return None
            left[at] -= size
            taken[at][kind] = taken[at].get(kind, 0) + 1
        return tuple((tuple(sorted(some.items())), ()) for some in taken)

    def _filled(self, kids: "_Kids", place: int, bag: Bag, slack: int, floor: Rank | None) -> Plan | None:
        """The hollows from a place on, filled with all of a bag."""
        if not bag:
            return ()
        if slack < 0 or place == len(kids.all):
            return None
        key = kids.look, kids.all[place].level, place, bag, floor
        if key in self._failed:
            return None
        doubts = self._doubts
        found = self._filled_from(kids, place, bag, slack, floor)
        if found is None and self._doubts == doubts:
            self._failed.add(key)
        return found

    def _filled_from(self, kids: "_Kids", place: int, bag: Bag, slack: int, floor: Rank | None) -> Plan | None:
        kid, fitting = kids.all[place], set[int]()
        twin = place + 1 < len(kids.all) and kids.all[place + 1].look == kid.look
        sums = Sums([(kind, count, self.classes.sizes[kind]) for kind, count in bag])
        spare = slack - sum(other.free - sums.most(other.free) for other in kids.all[place + 1 :])
        for size, filling in sums.between(kid.free - spare, kid.free):
            self._step()
            rank = kid.free - size, filling
            left = without(bag, filling)
            if (floor is not None and rank < floor) or self._has_more(kid, left, rank, fitting):
                continue
            inner = self._fits(kid, filling)
            if inner is None:
                continue
            fitting.add(_code(filling))
            rest = self._filled(kids, place + 1, left, slack - rank[0], rank if twin else None)
            if rest is not None:
                return (filling, inner), *rest
        return None

    def _has_more(self, kid: Hollow, left: Bag, rank: Rank, fitting: set[int]) -> bool:
        """Whether something that is left could be added to a filling; `fitting` has the larger ones that fit, by code."""
        code, adding = _code(rank[1]), [kind for kind, _ in left if self.classes.sizes[kind] <= rank[0]]
        if kid.inside is None:
            return bool(adding)
        if any(code + (1 << BITS * kind) in fitting for kind in adding):
            fitting.add(code)
            return True
        return False


@dataclass(frozen=True, slots=True)
class _Kids:
    look: int
    """Of what is around them."""
    all: Sequence[Hollow]


def _code(bag: Bag) -> int:
    """One number for a bag: the counts of its classes side by side."""
    return sum(count << BITS * kind for kind, count in bag)
