"""Cases with one right answer, from the neighbours' own tests and documents, retold as InferenceSystems."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from specs.gangs import expand
from specs.reading import read
from specs.system import InferenceSystem
from tests.topology.fleets import bundle, demand, fleet, gang, node, racks, seats
from topology.demand import Demand, Granted
from topology.line.batch import solve
from topology.placement import place
from topology.planning.plan import shapes_of_system
from topology.supply.fabric import declared
from topology.supply.fleet import Fleet

SYSTEMS = Path(__file__).parents[1] / "specs" / "systems"
LEVELS = ("zone", "block", "rack")
GROVE = declared([(level, f"kubernetes.io/{level}") for level in LEVELS])
ROLE = "node_role.e2e.grove.nvidia.com"


def agents(*hosts_a_rack: int, memory: str = "150Mi") -> Fleet:
    """Nodes as Grove's tests have them: labelled and tainted, 150 Mi each; two racks a block."""
    found: list[dict[str, Any]] = []
    for rack, hosts in enumerate(hosts_a_rack):
        labels = {
            "kubernetes.io/zone": "z",
            "kubernetes.io/block": f"b{rack // 2}",
            "kubernetes.io/rack": f"r{rack}",
            ROLE: "agent",
        }
        taint = {"key": ROLE, "value": "agent", "effect": "NoSchedule"}
        holds = {"memory": memory, "pods": "110", "cpu": "2"}
        found += [node(f"r{rack}-{host}", 0, labels=labels, holds=holds, taints=[taint]) for host in range(hosts)]
    return Fleet(GROVE, found)


def declared_in(name: str) -> InferenceSystem:
    (system,) = read((SYSTEMS / f"{name}.yaml").read_text(), name)
    assert isinstance(system, InferenceSystem)
    return system


def placed(supply: Fleet, system: InferenceSystem) -> dict[str, str]:
    """Node of every pod; every domain that was asked for is checked."""
    gangs, shapes = expand("s", system.spec, {}), shapes_of_system(system)
    answers = solve(supply, [Demand(each, shapes, "s") for each in gangs])
    nodes: dict[str, str] = {}
    for answer in answers:
        assert isinstance(answer, Granted), answer
        nodes |= answer.nodes
    for each in gangs:
        for scope, slots in each.domains():
            assert len({supply.domain(nodes[slot], scope.level) for slot in slots}) == 1, scope
    return nodes


def by(level: str, supply: Fleet, nodes: dict[str, str], part: str = "") -> Counter[str]:
    """Pods of a part in each domain."""
    return Counter(supply.domain(on, level) or "" for slot, on in nodes.items() if part in slot)


#              pods  what to look at: part, level, domains
TAS: dict[str, tuple[int, list[tuple[str, str, int | None]]]] = {
    "tas2":  (7,     [("worker-rack", "rack", 1), ("worker-block", "block", 1)]),
    "tas3":  (4,     [("", "rack", 1)]),
    "tas4":  (4,     [("0/worker", "rack", None)]),
    "tas5":  (2,     [("", "host", 1)]),
    "tas6":  (4,     [("", "zone", 1)]),
    "tas7":  (4,     []),
    "tas8":  (8,     [("", "block", 1)]),
    "tas9":  (2,     [("", "host", 1)]),
    "tas10": (6,     [("", "block", 1)]),
    "tas11": (4,     []),
    "tas12": (20,    [("", "block", 1)]),
}  # fmt: skip


@pytest.mark.parametrize(("name", "pods", "looks"), [(name, *row) for name, row in TAS.items()], ids=TAS)
def test_levels_are_kept(name: str, pods: int, looks: list[tuple[str, str, int | None]]) -> None:
    supply = agents(7, 7, 7, 7)
    nodes = placed(supply, declared_in(name))
    assert len(nodes) == pods
    for part, level, domains in looks:
        assert domains is None or len(by(level, supply, nodes, part)) == domains


def test_nothing_of_an_impossible_gang_is_placed() -> None:
    system = declared_in("tas13")
    (answer,) = solve(agents(7, 7, 7, 7), [Demand(expand("s", system.spec, {})[0], shapes_of_system(system), "s")])
    assert not isinstance(answer, Granted)
    assert answer.code == "InsufficientCapacity"
    assert "28 short of memory" in answer.message


def test_required_zone_preferred_rack() -> None:
    """KAI: zone A has racks with 2, 1, 1, 1 free, zone B 2, 2, 2; three pods go to A, into two racks."""
    supply = fleet({"a": {"b": {"r1": [2], "r2": [1], "r3": [1], "r4": [1]}}, "b": {"b": {"r1": [2], "r2": [2], "r3": [2]}}})
    answer = place(supply, demand(gang(seats("w", 3, within="zone", prefer="rack")), {"w": 1}))
    assert isinstance(answer, Granted)
    assert answer.domains == {"0/w": "a"}
    assert len({supply.domain(on, "rack") for on in answer.nodes.values()}) == 2


def test_fewest_hosts_when_hosts_are_preferred() -> None:
    """Kueue: hosts with 3, 3, 2, 1 free take seven pods as 3, 3, 1."""
    answer = place(racks([3, 3, 2, 1]), demand(gang(seats("w", 7, prefer="host")), {"w": 1}))
    assert isinstance(answer, Granted)
    assert Counter(answer.nodes.values()) == {"z-b-r0-0": 3, "z-b-r0-1": 3, "z-b-r0-3": 1}


#            racks of each block       pods  in each rack
BALANCED = {
    "two blocks":  ([[15], [15]],          25, [[13], [12]]),
    "two of three": ([[15, 13, 10]],       23, [[12, 11, 0]]),
    "the even block": ([[20, 10], [15, 15]], 22, [[0, 0], [11, 11]]),
    "one rack is even": ([[20, 10], [15, 15]], 20, [[20, 0], [0, 0]]),
    "more racks, but even": ([[10, 5], [5, 5, 5]], 15, [[0, 0], [5, 5, 5]]),
}  # fmt: skip


@pytest.mark.parametrize(("blocks", "pods", "shares"), BALANCED.values(), ids=BALANCED)
def test_balanced_over_racks(blocks: list[list[int]], pods: int, shares: list[list[int]]) -> None:
    """Kueue KEP-2724: a choice, not the default."""
    tree = {f"b{b}": {f"r{r}": [1] * hosts for r, hosts in enumerate(racks_)} for b, racks_ in enumerate(blocks)}
    supply = fleet({"z": tree})
    answer = place(supply, demand(gang(seats("w", pods, balance="rack")), {"w": 1}))
    assert isinstance(answer, Granted)
    got = Counter(supply.domain(on, "rack") for on in answer.nodes.values())
    assert [[got[f"z/b{b}/r{r}"] for r in range(len(racks_))] for b, racks_ in enumerate(blocks)] == shares


def test_slices_stay_whole() -> None:
    """Kueue: slices of two on hosts with 6, 5, 4, 3, 2 free; twelve pods as 6, 4 and 2, the last on the tightest host."""
    slices = [bundle(f"0/s/{index}", seats("w", 2, f"0/s/{index}"), within="host") for index in range(6)]
    answer = place(racks([6, 5, 4, 3, 2]), demand(gang(*slices, prefer="host"), {"s/w": 1}))
    assert isinstance(answer, Granted)
    assert sorted(Counter(answer.nodes.values()).values()) == [2, 4, 6]


def test_slices_in_slices() -> None:
    """Kueue: a block of 2 racks x 4 hosts x 8; 64 pods in two slices of 32 within racks."""
    slices = [bundle(f"0/s/{index}", seats("w", 32, f"0/s/{index}"), within="rack") for index in range(2)]
    answer = place(racks([8] * 4, [8] * 4), demand(gang(*slices, within="block"), {"s/w": 1}))
    assert isinstance(answer, Granted)
    assert set(Counter(answer.nodes.values()).values()) == {8}
    assert len(set(answer.domains.values())) == 3


def test_partitions_get_a_tier_each() -> None:
    """Volcano: eight hosts in two groups of four; a job of two partitions of four."""
    parts = [bundle(f"0/p/{index}", seats("w", 4, f"0/p/{index}"), within="rack") for index in range(2)]
    answer = place(racks([1] * 4, [1] * 4), demand(gang(*parts, within="block"), {"p/w": 1}))
    assert isinstance(answer, Granted)
    assert {answer.domains["0/p/0"], answer.domains["0/p/1"]} == {"z/b/r0", "z/b/r1"}


def test_every_rack_holds_one_pair() -> None:
    """Grove #578: ten prefill and ten decode workers of nine hosts each, paired, on ten racks of eighteen."""
    supply = agents(*[18] * 10)
    nodes = placed(supply, declared_in("pairs"))
    assert by("rack", supply, nodes, "/prefill/") == by("rack", supply, nodes, "/decode/")
    assert set(by("rack", supply, nodes).values()) == {18}


def test_the_retold_systems_are_all_here() -> None:
    """A system that is added there is tested here."""
    names = {path.stem for path in SYSTEMS.glob("tas*.yaml")}
    assert names == {*TAS, "tas13"}
    assert all(yaml.safe_load(path.read_text())["kind"] == "InferenceSystem" for path in SYSTEMS.glob("*.yaml"))
