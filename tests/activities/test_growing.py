"""Members of a ratio grow in step: how many of each there are, each time that all are Ready."""

from collections.abc import Mapping
from typing import Any

import pytest

from activities.state.blueprint import blueprint
from activities.state.digest import digest
from activities.state.growing import Growing, growing
from specs.counts import slots
from specs.system import InferenceSystem
from tests.activities.plot import GROUND
from tests.activities.test_digest import placement, pod

Counts = dict[str, int]


def declared(ratio: Mapping[str, int], skew: int | str | None) -> InferenceSystem:
    """Roles that may have no pod."""
    template = {"spec": {"containers": [{"name": "main", "image": "server"}]}}
    members = [{"role": name, "replicas": 1, "minAvailable": 0, "template": template} for name in ratio]
    scaling: dict[str, Any] = {"ratios": [ratio], **({} if skew is None else {"maxSkew": skew})}
    return InferenceSystem.model_validate({"metadata": {"name": "llama"}, "spec": {"members": members, "scaling": scaling}})


def allowed(system: InferenceSystem, wanted: Counts, there: Counts, ready: Counts) -> tuple[Counts, Growing]:
    """How many of each there may be, where so many are there, and so many of those Ready."""
    plan = blueprint(system, "r", wanted)
    held = list(slots(system.spec, there))
    pods = [
        pod(slot, name=slot, node="a", pin="a", ready=int(slot.rpartition("/")[2]) < ready[slot.split("/")[1]]) for slot in held
    ]
    found = digest(plan, pods, [placement(dict.fromkeys(held, "a"), [(slot, (slot,)) for slot in held])], GROUND)
    grows = growing(plan, found)
    return {name: grows.counts.get(f"0/{name}", wanted[name]) for name in wanted}, grows


EVEN, TWO_TO_ONE = {"a": 1, "b": 1}, {"a": 2, "b": 1}
#                                          ratio      skew  from    to      what there is whenever all of it is Ready
EXAMPLES: dict[str, tuple[Counts, int | str | None, tuple[int, int], tuple[int, int], list[tuple[int, int]]]] = {
    "R8: one by one":                     (EVEN,       1,     (1, 1), (3, 3), [(2, 2), (3, 3)]),
    "R9: in proportion, a quarter apart": (TWO_TO_ONE, "25%", (0, 0), (4, 2), [(1, 1), (2, 1), (3, 2), (4, 2)]),
    "as the ratio says":                  (TWO_TO_ONE, 1,     (0, 0), (4, 2), [(2, 1), (4, 2)]),
    "who has all keeps nobody back":      (EVEN,       1,     (1, 1), (3, 1), [(2, 1), (3, 1)]),
    "who is ahead stays":                 (EVEN,       1,     (3, 0), (4, 4), [(3, 1), (3, 2), (3, 3), (4, 4)]),
    "no skew, all at once":               (EVEN,       None,  (0, 0), (3, 3), [(3, 3)]),
}  # fmt: skip


@pytest.mark.parametrize(("ratio", "skew", "start", "end", "steps"), EXAMPLES.values(), ids=EXAMPLES)
def test_grows(
    ratio: Counts, skew: int | str | None, start: tuple[int, int], end: tuple[int, int], steps: list[tuple[int, int]]
) -> None:
    system, there = declared(ratio, skew), {"a": start[0], "b": start[1]}
    wanted = {"a": end[0], "b": end[1]}
    seen: list[tuple[int, int]] = []
    while there != wanted:
        there, _ = allowed(system, wanted, there, there)
        seen.append((there["a"], there["b"]))
    assert seen == steps


@pytest.mark.parametrize("first", ["a", "b"])
def test_r8_whoever_is_ready_first_they_are_never_more_than_one_apart(first: str) -> None:
    system, wanted = declared(EVEN, 1), {"a": 3, "b": 3}
    ready = {"a": 1, "b": 1}
    there = dict(ready)
    while ready != wanted:
        there, _ = allowed(system, wanted, there, ready)
        late = "b" if first == "a" else "a"
        name = first if ready[first] < there[first] else late
        ready = {**ready, name: ready[name] + 1}
        assert abs(ready["a"] - ready["b"]) <= 1


def test_what_is_lost_takes_nothing_away_and_who_waits_says_so() -> None:
    system, wanted = declared(EVEN, 1), {"a": 4, "b": 4}
    may, grows = allowed(system, wanted, {"a": 3, "b": 3}, {"a": 3, "b": 0})
    assert may == {"a": 3, "b": 3}
    assert [(wait.reason, wait.gangs, wait.first) for wait in grows.waits] == [("InStep", 1, "0/a"), ("InStep", 1, "0/b")]
    assert grows.waits[0].message == (
        "0/a has 3 of 4, and more in step with its ratio (maxSkew): 0/a has 3 of 4 Ready, 0/b has 0 of 4 Ready"
    )
