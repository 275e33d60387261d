"""Which pod takes which seat when a set is taken over."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from specs.adoption import adoption
from specs.counts import slots
from specs.declaring import declared_system
from specs.grove import CliqueSystem
from specs.paths import parent
from tests.workers.grove_set import declared


def system(replicas: int = 1) -> CliqueSystem:
    found = declared_system({**declared(), "spec": {**declared()["spec"], "replicas": replicas}})
    assert isinstance(found, CliqueSystem)
    return found


def pod(clique: str, index: int, node: str = "n0", **status: str) -> dict[str, Any]:
    labels = {"grove.io/podclique": clique, "grove.io/podclique-pod-index": str(index)}
    return {"metadata": {"name": f"{clique}-{index}", "labels": labels}, "spec": {"nodeName": node}, "status": status}


def test_holes_are_closed_and_counts_are_those_that_run() -> None:
    replicas = {"llama-0-router": 3, "llama-0-decode": 1, "llama-0-decode-0-worker": 1}
    pods = [pod("llama-0-router", index) for index in (7, 0, 10)]
    pods += [pod("llama-0-decode-0-leader", 0), pod("llama-0-decode-0-worker", 1)]
    found = adoption(system(), replicas, pods)
    assert found.counts == {
        "copies": 1, "0/router": 3, "0/decode": 1, "0/decode/0/leader": 1, "0/decode/0/worker": 1,
    }  # fmt: skip
    assert found.seats == {
        "llama-0-router-0": "0/router/0",
        "llama-0-router-7": "0/router/1",
        "llama-0-router-10": "0/router/2",
        "llama-0-decode-0-leader-0": "0/decode/0/leader/0",
        "llama-0-decode-0-worker-1": "0/decode/0/worker/0",
    }
    assert found.without == ()
    assert found.paths["llama-0-decode"] == "0/decode"


def test_who_has_no_node_who_failed_and_whom_nobody_wants_is_not_seated() -> None:
    leaving = pod("llama-0-router", 3)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    pods = [
        pod("llama-0-router", 0, node=""),
        pod("llama-0-router", 1, phase="Failed"),
        leaving,
        pod("llama-9-router", 0),
        pod("llama-0-router", 4),
    ]
    found = adoption(system(), {"llama-0-router": 2}, pods)
    assert found.seats == {"llama-0-router-4": "0/router/0"}
    assert len(found.without) == 4


@given(
    st.integers(0, 3),
    st.dictionaries(st.sampled_from(["llama-0-decode", "llama-1-router", "llama-0-router"]), st.integers(1, 4)),
    st.data(),
)
def test_no_two_in_one_seat_and_every_seat_is_wanted(copies: int, replicas: dict[str, int], data: st.DataObject) -> None:
    wanted = system(copies)
    every = [*slots(wanted.spec, adoption(wanted, replicas, ()).counts)]
    names = [f"llama-{parent(slot).replace('/', '-')}" for slot in every]
    pods = [pod(name, index) for name in sorted(set(names)) for index in data.draw(st.sets(st.integers(0, 9), max_size=5))]
    seats = adoption(wanted, replicas, pods).seats
    assert len(set(seats.values())) == len(seats)
    assert set(seats.values()) <= set(every)
    assert all(f"llama-{parent(slot).replace('/', '-')}" == name.rpartition("-")[0] for name, slot in seats.items())
