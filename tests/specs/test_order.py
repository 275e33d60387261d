"""What is due now, and what the rest waits for."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.counts import role_instances
from specs.members import Group, Role
from specs.order import Order
from specs.reading import read
from specs.system import InferenceSystem, SystemSpec
from tests.specs.making import SYSTEMS, group, role, system, systems

A, B = role("a", 2), role("b")
SERVER = (role("leader"), role("worker", 3, minAvailable=2))

# fmt: off
EXAMPLES: dict[str, tuple[SystemSpec, dict[str, int], str, str | None]] = {
    "any order": (system(A, B), {}, "0/b", None),
    "the first": (system(A, B, start="inOrder"), {}, "0/a", None),
    "the next waits": (system(A, B, start="inOrder"), {"0/a": 1}, "0/b", "b waits for a: 1 of 2 ready"),
    "until its turn has come": (system(A, B, start="inOrder"), {"0/a": 2}, "0/b", None),
    "its own copy counts": (system(A, B, start="inOrder", replicas=2), {"0/a": 2}, "1/b", "b waits for a: 0 of 2 ready"),
    "the minimum is enough": (system(role("a", 3, minAvailable=1), B, start="inOrder"), {"0/a": 1}, "0/b", None),
    "who has no minimum is passed over": (
        system(A, role("z", 2, minAvailable=0), B, start="inOrder"), {}, "0/b", "b waits for a: 0 of 2 ready"),
    "explicit": (system(role("a", after=["b"]), B, start="explicit"), {}, "0/a", "a waits for b: 0 of 1 ready"),
    "explicit without after": (system(A, B, start="explicit"), {}, "0/b", None),
    "ready once is not ready now": (system(A, B, start="inOrder"), {"0/a": 0}, "0/b", "b waits for a: 0 of 2 ready"),
    "a part of a group waits for one beside the group": (
        system(A, group("g", 1, role("leader"), role("worker", after=["a"])), start="explicit"), {}, "0/g/0/worker",
        "g/worker waits for a: 0 of 2 ready"),
    "and the rest of the group does not": (
        system(A, group("g", 1, role("leader"), role("worker", after=["a"])), start="explicit"), {}, "0/g/0/leader", None),
    "the nearest of that name counts": (
        system(A, group("g", 2, role("a"), role("worker", after=["a"])), start="explicit"), {"0/a": 2, "0/g/1/a": 1},
        "0/g/0/worker", "g/worker waits for g/a: 0 of 1 ready"),
    "one beside a group waits for a part of it": (
        system(role("a", after=["g/leader"]), group("g", 3, *SERVER, minAvailable=2), start="explicit"), {"0/g/1/leader": 1},
        "0/a", "a waits for g/leader: 1 of 2 replicas started"),
    "and for no more": (
        system(role("a", after=["g/leader"]), group("g", 3, *SERVER, minAvailable=2), start="explicit"),
        {"0/g/1/leader": 1, "0/g/2/leader": 1}, "0/a", None),
    "a group waits with all that is in it": (
        system(A, group("g", 1, *SERVER), start="inOrder"), {}, "0/g/0/worker", "g/worker waits for a: 0 of 2 ready"),
    "then by the order within": (
        system(A, group("g", 1, *SERVER), start="inOrder"), {"0/a": 2}, "0/g/0/worker",
        "g/worker waits for g/leader: 0 of 1 ready"),
    "an order of its own": (
        system(A, group("g", 1, *SERVER, start="anyOrder"), start="inOrder"), {"0/a": 2}, "0/g/0/worker", None),
    "in each replica": (
        system(group("g", 2, *SERVER), start="inOrder"), {"0/g/0/leader": 1}, "0/g/1/worker",
        "g/worker waits for g/leader: 0 of 1 ready"),
    "a group has started when enough replicas have": (
        system(group("g", 3, *SERVER, minAvailable=2), B, start="inOrder"),
        {"0/g/0/leader": 1, "0/g/0/worker": 2, "0/g/2/leader": 1, "0/g/2/worker": 1}, "0/b",
        "b waits for g: 1 of 2 replicas started"),
    "whichever they are": (
        system(group("g", 3, *SERVER, minAvailable=2), B, start="inOrder"),
        {"0/g/0/leader": 1, "0/g/0/worker": 2, "0/g/2/leader": 1, "0/g/2/worker": 2}, "0/b", None),
}
# fmt: on


@pytest.mark.parametrize(("spec", "ready", "instance", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_waits(spec: SystemSpec, ready: dict[str, int], instance: str, want: str | None) -> None:
    assert Order(spec).waiting(ready, {})(instance) == want
    assert Order(spec).due(ready, {})[instance] == want


# As in the golden cases of start order: who comes when, as waves of roles that may start together.
WAVES = {
    "workload1": [{"pc-a", "sg-x/pc-b", "sg-x/pc-c"}],
    "workload3": [{"pc-a"}, {"sg-x/pc-b"}, {"sg-x/pc-c"}],
    "workload4": [{"pc-a"}, {"sg-x/pc-b"}, {"sg-x/pc-c"}],
    "workload5": [{"pc-a"}, {"sg-x/pc-c"}, {"sg-x/pc-b"}],
    "workload6": [{"pc-a"}, {"sg-x/pc-b"}, {"sg-x/pc-c"}],
}


@pytest.mark.parametrize(("name", "waves"), WAVES.items(), ids=WAVES)
def test_golden_orders(name: str, waves: list[set[str]]) -> None:
    (path,) = [path for path in SYSTEMS if path.stem == name]
    (declared,) = read(path.read_text(), name)
    assert isinstance(declared, InferenceSystem)
    ready: dict[str, int] = {}
    for wave in waves:
        due = [instance for instance, why in Order(declared.spec).due(ready, {}).items() if why is None and instance not in ready]
        assert {"/".join(step for step in instance.split("/") if not step.isdecimal()) for instance in due} == wave
        ready |= dict.fromkeys(due, 3)


def test_a_path_of_no_role_is_refused() -> None:
    with pytest.raises(LookupError, match="did you mean 'beta'"):
        Order(system(role("beta"))).waiting({}, {})("0/betta")


def test_ten_thousand_instances_are_looked_at_at_once() -> None:
    spec = system(role("a"), group("g", 4, *SERVER), replicas=1_112, start="inOrder")
    order = Order(spec)
    started = time.perf_counter()
    assert len(order.due({}, {})) == 10_008
    assert time.perf_counter() - started < 0.5  # 0.02 s here, alone on 2 cores


@given(systems(), st.sampled_from(["anyOrder", "inOrder"]))
def test_whoever_starts_what_is_due_ends_with_all_started(spec: SystemSpec, start: str) -> None:
    spec = system(*spec.members, replicas=spec.replicas, start=start)
    wanted = dict(role_instances(spec, {}))
    ready: dict[str, int] = {}
    for _ in range(len(wanted) + 1):
        waiting = Order(spec).due(ready, {})
        assert waiting.keys() == wanted.keys()
        ready = {instance: wanted[instance] for instance, why in waiting.items() if why is None}
    assert ready == wanted


@pytest.mark.parametrize(
    "members",
    [
        (role("a", after=["g"]), group("g", 1, role("b", after=["a"]))),
        (role("a", after=["g/b"]), group("g", 1, role("b", after=["a"]), role("c"))),
        (group("g", 1, role("b", after=["g"])),),
    ],
    ids=["through a group", "through a part of it", "its own group"],
)
def test_no_part_waits_for_itself(members: tuple[Role | Group, ...]) -> None:
    with pytest.raises(ValueError, match="members wait for each other"):
        system(*members, start="explicit")
