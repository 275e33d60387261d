"""Laws of whole systems: whatever is declared, no gang of a system breaks what another of the same system has settled."""

import random
from collections import defaultdict
from typing import Any

import pytest
from pydantic import ValidationError

from specs.gangs import expand
from specs.system import InferenceSystem
from tests.topology.fleets import FABRIC, nodes
from topology.demand import Budget
from topology.planning.plan import plan_system
from topology.supply.fleet import Fleet

LEVELS = ("zone", "block", "rack", "host")
SEEDS, A_TEST = 400, 40


def drawn(chance: random.Random) -> InferenceSystem | None:
    """A small system of any form; None for one that is refused."""
    members = [member(chance, index, 0, 0) for index in range(chance.randint(1, 2))]
    spec: dict[str, Any] = {"replicas": chance.randint(1, 2), "members": members}
    if chance.random() < 0.3:
        spec["place"] = {"within": chance.choice(LEVELS[:2])}
    if len(members) == 2 and chance.random() < 0.3:
        names = [each.get("role") or each["group"] for each in members]
        spec["together"] = [{"members": names, "within": "rack", "ratio": {names[1]: chance.randint(1, 2)}}]
    try:
        return InferenceSystem.model_validate({"metadata": {"name": "s"}, "spec": spec})
    except ValidationError:
        return None


def member(chance: random.Random, index: int, depth: int, broadest: int) -> dict[str, Any]:
    level = chance.randint(broadest, 3)
    place = {"place": {"within": LEVELS[level]}} if chance.random() < 0.5 else {}
    inner = level if place else broadest
    replicas = chance.randint(1, 3)
    counts = {"replicas": replicas, "minAvailable": chance.randint(1, replicas), **place}
    if depth < 2 and chance.random() < 0.4:
        below = [member(chance, each, depth + 1, inner) for each in range(chance.randint(1, 2))]
        return {"group": f"g{depth}{index}", "members": below, **counts}
    limits = {"limits": {"nvidia.com/gpu": str(chance.choice((1, 1, 2)))}}
    template = {"spec": {"containers": [{"name": "c", "image": "i", "resources": limits}]}}
    return {"role": f"r{depth}{index}", "template": template, **counts}


def fleet(chance: random.Random) -> Fleet:
    blocks = {
        f"b{block}": {f"r{rack}": [chance.randint(0, 4) for _ in range(2)] for rack in range(chance.randint(1, 2))}
        for block in range(chance.randint(1, 2))
    }
    return Fleet(FABRIC, nodes({"z": blocks}))


@pytest.mark.parametrize("first", range(0, SEEDS, A_TEST))
def test_domains_are_shared_across_gangs_and_nothing_is_overfull(first: int) -> None:
    for seed in range(first, first + A_TEST):
        chance = random.Random(seed)
        system = drawn(chance)
        if system is not None:
            check(fleet(chance), system, seed)


def check(supply: Fleet, system: InferenceSystem, seed: int) -> None:
    answers = plan_system(supply, system, Budget())["gangs"]
    shared: defaultdict[tuple[str, str], set[str | None]] = defaultdict(set)
    for gang, answer in zip(expand("s", system.spec, {}), answers, strict=True):
        at = {slot: pod["node"] for slot, pod in zip(gang.slots(), answer["pods"], strict=True)}
        assert all(at.values()) is answer["placed"], f"seed {seed}: {gang.name} is placed in part"
        for scope, slots in gang.domains() if answer["placed"] else ():
            shared[scope.name, scope.level] |= {supply.domain(at[slot], scope.level) for slot in slots}
    assert not {scope: found for scope, found in shared.items() if len(found) > 1}, f"seed {seed}"
    assert (supply.room().free >= 0).all(), f"seed {seed}: a host is overfull"
