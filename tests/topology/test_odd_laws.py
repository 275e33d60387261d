"""Laws of placement on odd fleets, against exhaustive search: hosts of any shape, two resources that bind, missing labels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from specs.gangs import Bundle, Gang
from specs.paths import plain
from tests.topology.fleets import FABRIC, GPU, bundle, gang, node, seats, shape
from topology.demand import Answer, Budget, Demand, Granted
from topology.moves.defragment import Defragmentation, defragment
from topology.moves.repairs import repairs
from topology.placement import place
from topology.supply.fleet import Fleet

LEVELS = ("block", "rack", "host")
Size = tuple[int, int]
"""GPUs and cpus of a pod."""


@dataclass(frozen=True)
class Machine:
    """A host: what it has, and its block and rack; "" where it has no label."""

    gpus: int
    cpus: int
    block: str
    rack: str


@dataclass(frozen=True)
class Part:
    """Pods of one size in one domain of a level."""

    size: Size
    pods: int
    level: str


@dataclass(frozen=True)
class Case:
    machines: tuple[Machine, ...]
    parts: tuple[Part, ...]
    around: str
    """Level of the domain that all parts share; "" for none."""
    over: str
    """Level that the parts keep apart at; "" for none."""

    def fleet(self, order: list[int] | None = None, names: list[int] | None = None) -> Fleet:
        """Its nodes in this order, called after these numbers."""
        places = range(len(self.machines)) if order is None else order
        called = range(len(self.machines)) if names is None else names
        return Fleet(FABRIC, [manifest(f"n{called[index]}", self.machines[index]) for index in places])

    def demand(self, prefix: str = "w") -> Demand:
        shapes = {f"g/{prefix}{i}": shape(part.size[0], cpu=str(part.size[1])) for i, part in enumerate(self.parts)}
        apart: dict[str, Any] = {"spread": self.over, "required": True} if self.over else {}
        parts = [self._part(index, prefix, apart) for index in range(len(self.parts))]
        return Demand(self._gang(parts), shapes)

    def _part(self, index: int, prefix: str, apart: dict[str, Any]) -> Bundle:
        part = self.parts[index]
        return bundle(f"0/g/{index}", seats(f"{prefix}{index}", part.pods, f"0/g/{index}"), within=part.level, **apart)

    def _gang(self, parts: list[Bundle]) -> Gang:
        return gang(*parts, within=self.around) if self.around else gang(*parts)

    def ask(self, order: list[int] | None = None, names: list[int] | None = None, prefix: str = "w") -> Answer:
        return place(self.fleet(order, names), self.demand(prefix), Budget(steps=100_000))

    def renamed(self) -> "Case":
        """Blocks and racks under names that sort the other way round."""
        other = {"b0": "k1", "b1": "k0", "r0": "s1", "r1": "s0", "": ""}
        return replace(self, machines=tuple(replace(m, block=other[m.block], rack=other[m.rack]) for m in self.machines))

    def domain(self, index: int, level: str) -> str | None:
        """None for a host that is in no domain of the level."""
        at = self.machines[index]
        path = {"block": at.block, "rack": at.rack and f"{at.block}/{at.rack}", "host": str(index)}[level]
        return path or None

    def holds(self, chosen: tuple[int, ...]) -> bool:
        """Whether pods may be on these hosts, part after part."""
        sizes = [part.size for part in self.parts for _ in range(part.pods)]
        for index, machine in enumerate(self.machines):
            mine = [size for size, on in zip(sizes, chosen, strict=True) if on == index]
            if sum(gpus for gpus, _ in mine) > machine.gpus or sum(cpus for _, cpus in mine) > machine.cpus:
                return False
        return self._levels_hold(chosen)

    def _levels_hold(self, chosen: tuple[int, ...]) -> bool:
        left, there = list(chosen), list[set[str | None]]()
        for part in self.parts:
            mine, left = left[: part.pods], left[part.pods :]
            domains = {self.domain(on, part.level) for on in mine}
            if len(domains) > 1 or None in domains:
                return False
            there.append({self.domain(on, self.over) for on in mine} if self.over else set())
        around = {self.domain(on, self.around) for on in chosen} if self.around else {""}
        apart = all(not one & other for index, one in enumerate(there) for other in there[:index])
        return len(around) == 1 and None not in around and apart and not any(None in each for each in there)

    def possible(self) -> bool:
        """Every assignment is tried."""
        pods = sum(part.pods for part in self.parts)
        return any(self.holds(chosen) for chosen in product(range(len(self.machines)), repeat=pods))


def manifest(name: str, machine: Machine) -> dict[str, Any]:
    return node(name, machine.gpus, ("z", machine.block, machine.rack), holds={GPU: str(machine.gpus), "cpu": str(machine.cpus)})


machines = st.builds(
    Machine,
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from(["b0", "b0", "b1", ""]),
    st.sampled_from(["r0", "r1", "r1", ""]),
)
part = st.builds(Part, st.tuples(st.sampled_from([0, 1, 2, 3, 5]), st.integers(1, 4)), st.integers(1, 2), st.sampled_from(LEVELS))
cases = st.builds(
    Case,
    st.lists(machines, min_size=1, max_size=5).map(tuple),
    st.lists(part, min_size=1, max_size=3).map(tuple),
    st.sampled_from(["", "", "block"]),
    st.sampled_from(["", "", "rack", "host"]),
).filter(lambda case: sum(part.pods for part in case.parts) <= 5)


def chosen_by(case: Case, answer: Granted) -> tuple[int, ...]:
    slots = [f"0/g/{index}/w{index}/{pod}" for index, part in enumerate(case.parts) for pod in range(part.pods)]
    return tuple(int(answer.nodes[slot][1:]) for slot in slots)


@settings(max_examples=400, deadline=None)
@given(case=cases)
def test_found_if_and_only_if_possible_and_nothing_is_broken(case: Case) -> None:
    answer = case.ask()
    assert isinstance(answer, Granted) == case.possible(), answer
    if isinstance(answer, Granted):
        assert case.holds(chosen_by(case, answer))
    else:
        assert answer.code != "SearchLimit"


@settings(max_examples=150, deadline=None)
@given(case=cases, random=st.randoms(use_true_random=False))
def test_order_and_names_do_not_decide(case: Case, random: Random) -> None:
    """Nodes in another order: the same answer. Nodes, domains and roles of other names: as feasible, and of one part as good.

    Of several parts the first one's choice among equals may be the nearer one to those that come after.
    """
    answer, order, names = case.ask(), list(range(len(case.machines))), list(range(len(case.machines)))
    random.shuffle(order)
    random.shuffle(names)
    assert case.ask(order) == answer
    roles = case.ask(prefix="q")
    for renamed in (roles, case.ask(names=names), case.renamed().ask()):
        assert isinstance(renamed, Granted) == isinstance(answer, Granted)
        if isinstance(renamed, Granted) and isinstance(answer, Granted) and len(case.parts) == 1:
            assert renamed.score == answer.score
    if isinstance(roles, Granted) and isinstance(answer, Granted):
        assert list(roles.nodes.values()) == list(answer.nodes.values())


@settings(max_examples=150, deadline=None)
@given(case=cases, more=machines, where=st.integers(0, 4), gpus=st.integers(0, 3), cpus=st.integers(0, 3))
def test_more_never_makes_it_impossible(case: Case, more: Machine, where: int, gpus: int, cpus: int) -> None:
    """One host more, or more on one host."""
    if not isinstance(case.ask(), Granted):
        return
    assert isinstance(replace(case, machines=(*case.machines, more)).ask(), Granted)
    index = where % len(case.machines)
    old = case.machines[index]
    grown = replace(old, gpus=old.gpus + gpus, cpus=old.cpus + cpus)
    assert isinstance(replace(case, machines=(*case.machines[:index], grown, *case.machines[index + 1 :])).ask(), Granted)


@settings(max_examples=150, deadline=None)
@given(case=cases)
def test_what_is_placed_and_runs_is_not_moved(case: Case) -> None:
    """Asked again with its room taken, by a repair of nothing lost, and by a search for moves that it does not need."""
    answer = case.ask()
    if not isinstance(answer, Granted):
        return
    supply, placed = holding(case, answer.nodes), replace(case.demand(), keep=dict(answer.nodes))
    repair = repairs(supply, [placed])
    again, moves = place(supply, placed), defragment(supply, placed, [placed])
    assert (repair.moved, repair.least) == (0, 0)
    assert isinstance(moves, Defragmentation)
    assert not moves.moves
    for same in (again, moves.granted, *repair.answers):
        assert isinstance(same, Granted)
        assert (same.nodes, same.score) == (answer.nodes, answer.score)


@settings(max_examples=150, deadline=None)
@given(case=cases, lost=st.integers(0, 4))
def test_those_beside_a_lost_one_stay(case: Case, lost: int) -> None:
    answer = case.ask()
    if not isinstance(answer, Granted):
        return
    slots = list(answer.nodes)
    kept = {slot: on for slot, on in answer.nodes.items() if slot != slots[lost % len(slots)]}
    repaired = place(holding(case, kept), replace(case.demand(), keep=kept))
    assert isinstance(repaired, Granted)
    assert kept.items() <= repaired.nodes.items()


def holding(case: Case, nodes: Mapping[str, str]) -> Fleet:
    """The case's fleet with these slots in their places."""
    supply, shapes = case.fleet(), case.demand().shapes
    for slot, on in nodes.items():
        supply.grant(slot, ("default", "", slot), on, shapes[plain(slot)].requests)
    return supply
