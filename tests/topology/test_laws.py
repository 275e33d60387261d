"""Laws of placement, against exhaustive search on small fleets."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from specs.gangs import Bundle
from tests.topology.fleets import FABRIC, bundle, demand, gang, node, seats
from topology.demand import Answer, Budget, Demand, Granted
from topology.placement import place
from topology.supply.fleet import Fleet

Racks = list[list[int]]
Seat = tuple[int, str, int]
"""Size, the level that its group must share ("" for none), and the group."""


@dataclass(frozen=True)
class Wanted:
    """Groups of pods (sizes), each within a level; loose pods; and pods of one GPU that stand apart."""

    groups: tuple[tuple[int, ...], ...]
    level: str
    loose: tuple[int, ...]
    apart: int
    over: str

    def demand(self) -> Demand:
        groups = [self._group(index) for index in range(len(self.groups))]
        loose = [seats(f"l{index}", 1) for index in range(len(self.loose))]
        apart = [seats("apart", self.apart, spread=self.over, required=True)] if self.apart else []
        sizes = {f"g/w{size}": size for group in self.groups for size in group}
        return demand(
            gang(*groups, *loose, *apart), {**sizes, **{f"l{i}": size for i, size in enumerate(self.loose)}, "apart": 1}
        )

    def _group(self, index: int) -> Bundle:
        counts = sorted(Counter(self.groups[index]).items())
        return bundle(f"0/g/{index}", *(seats(f"w{size}", n, f"0/g/{index}") for size, n in counts), within=self.level)

    def seats(self) -> list[Seat]:
        grouped = [(size, self.level, index) for index, sizes in enumerate(self.groups) for size in sizes]
        return [*grouped, *((size, "", -1) for size in self.loose), *((1, "", -2) for _ in range(self.apart))]


def fleet_of(racks: Racks) -> Fleet:
    """Racks r0, r1, ... of two blocks by turns."""
    return Fleet(FABRIC, list(nodes_of(racks)))


def nodes_of(racks: Racks) -> Iterator[dict[str, object]]:
    for rack, hosts in enumerate(racks):
        yield from (node(f"{rack}-{host}", gpus, ("z", f"b{rack % 2}", f"r{rack}")) for host, gpus in enumerate(hosts))


def domain(name: str, level: str) -> str:
    rack = name.partition("-")[0]
    return {"host": name, "rack": rack, "block": str(int(rack) % 2)}[level]


def possible(racks: Racks, wanted: Wanted) -> bool:
    """Every assignment of pods to hosts is tried."""
    hosts = [(f"{rack}-{host}", gpus) for rack, row in enumerate(racks) for host, gpus in enumerate(row)]
    return any(holds(dict(hosts), wanted, [name for name, _ in chosen]) for chosen in product(hosts, repeat=len(wanted.seats())))


def holds(free: dict[str, int], wanted: Wanted, chosen: list[str]) -> bool:
    """Whether no host is overfull, every group shares its domain, and what stands apart does."""
    used: Counter[str] = Counter()
    domains: dict[int, set[str]] = {}
    for (size, level, group), host in zip(wanted.seats(), chosen, strict=True):
        used[host] += size
        if level:
            domains.setdefault(group, set()).add(domain(host, level))
    apart = [domain(host, wanted.over) for (_, _, group), host in zip(wanted.seats(), chosen, strict=True) if group == -2]
    full = any(used[host] > free[host] for host in used)
    return not full and all(len(found) == 1 for found in domains.values()) and len(set(apart)) == len(apart)


def chosen_by(answer: Granted, wanted: Wanted) -> list[str]:
    """The host of each pod, in the order of `Wanted.seats`."""
    left = dict(answer.nodes)
    found: list[str] = []
    for group, sizes in enumerate(wanted.groups):
        for size in sizes:
            slot = next(slot for slot in left if slot.startswith(f"0/g/{group}/w{size}/"))
            found.append(left.pop(slot))
    return [*found, *(left.pop(f"0/l{index}/0") for index in range(len(wanted.loose))), *left.values()]


racks = st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=2), min_size=1, max_size=3)
sizes = st.sampled_from([1, 2, 3, 4])
demands = st.builds(
    Wanted,
    groups=st.lists(st.lists(sizes, min_size=1, max_size=2).map(tuple), max_size=2).map(tuple),
    level=st.sampled_from(["host", "rack", "block"]),
    loose=st.lists(sizes, max_size=1).map(tuple),
    apart=st.integers(0, 2),
    over=st.sampled_from(["host", "rack", "block"]),
).filter(lambda wanted: bool(wanted.seats()))


def ask(racks: Racks, wanted: Wanted) -> Answer:
    return place(fleet_of(racks), wanted.demand(), Budget(steps=100_000))


@settings(max_examples=300, deadline=None)
@given(racks=racks, wanted=demands)
def test_found_if_and_only_if_possible(racks: Racks, wanted: Wanted) -> None:
    answer = ask(racks, wanted)
    assert isinstance(answer, Granted) == possible(racks, wanted)
    assert isinstance(answer, Granted) or answer.code != "SearchLimit"


@settings(max_examples=200, deadline=None)
@given(racks=racks, wanted=demands)
def test_all_or_nothing_never_overfull_no_level_broken(racks: Racks, wanted: Wanted) -> None:
    answer = ask(racks, wanted)
    if isinstance(answer, Granted):
        assert set(answer.nodes) == set(wanted.demand().gang.slots())
        free = {f"{rack}-{host}": gpus for rack, row in enumerate(racks) for host, gpus in enumerate(row)}
        assert holds(free, wanted, chosen_by(answer, wanted))
        assert 0 <= answer.score <= 1
    else:
        assert answer.message.endswith(tuple("abcdefghijklmnopqrstuvwxyz)"))


@settings(max_examples=100, deadline=None)
@given(racks=racks, wanted=demands, order=st.randoms(use_true_random=False))
def test_the_order_of_nodes_leaves_no_trace(racks: Racks, wanted: Wanted, order: Random) -> None:
    nodes = list(nodes_of(racks))
    order.shuffle(nodes)
    assert place(Fleet(FABRIC, nodes), wanted.demand()) == ask(racks, wanted)


@settings(max_examples=100, deadline=None)
@given(racks=racks, wanted=demands, rack=st.integers(0, 2), more=st.integers(1, 4))
def test_more_room_never_makes_it_impossible(racks: Racks, wanted: Wanted, rack: int, more: int) -> None:
    if isinstance(ask(racks, wanted), Granted):
        roomier = [[gpus + more * (index == rack) for gpus in row] for index, row in enumerate(racks)]
        assert isinstance(ask(roomier, wanted), Granted)
