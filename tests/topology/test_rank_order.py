"""Pods are numbered along the fabric: neighbours in rank are neighbours in racks and blocks, so a ring crosses few of them."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.topology.fleets import FABRIC, demand, gang, nodes, seats
from topology.demand import Granted
from topology.placement import place
from topology.supply.fleet import Fleet

LEVELS = ("block", "rack", "host")


def drawn(chance: random.Random) -> Fleet:
    tree = {f"b{block}": {f"r{rack}": [chance.randint(0, 3) for _ in range(3)] for rack in range(3)} for block in range(2)}
    return Fleet(FABRIC, nodes({"z": tree}))


def crossings(supply: Fleet, answer: Granted, level: str) -> tuple[int, int]:
    """How often a step from one rank to the next leaves a domain; and how many domains there are."""
    found = [supply.domain(answer.nodes[f"0/w/{rank}"], level) for rank in range(len(answer.nodes))]
    return sum(one != other for one, other in pairwise(found)), len(set(found))


@pytest.mark.parametrize("seed", range(40))
def test_each_domain_is_entered_once(seed: int) -> None:
    chance = random.Random(seed)
    supply, pods = drawn(chance), chance.randint(2, 12)
    answer = place(supply, demand(gang(seats("w", pods)), {"w": 1}))
    for level in LEVELS if isinstance(answer, Granted) else ():
        assert isinstance(answer, Granted)
        steps, domains = crossings(supply, answer, level)
        assert steps == domains - 1


@pytest.mark.parametrize("seed", range(20))
def test_a_repair_gives_nobody_else_another_rank(seed: int) -> None:
    chance = random.Random(seed)
    supply = drawn(chance)
    asked = demand(gang(seats("w", 4)), {"w": 1})
    answer = place(supply, asked)
    if not isinstance(answer, Granted):
        return
    lost = f"0/w/{chance.randrange(4)}"
    kept = {slot: on for slot, on in answer.nodes.items() if slot != lost}
    for slot, on in kept.items():
        supply.grant(slot, ("default", "", slot), on, asked.shapes["w"].requests)
    repaired = place(supply, replace(asked, keep=kept))
    assert isinstance(repaired, Granted)
    assert {slot: repaired.nodes[slot] for slot in kept} == kept
