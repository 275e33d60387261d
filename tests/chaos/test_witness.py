"""What the witness calls a broken promise, and what it does not: told event by event."""

import pytest

from tests.chaos.witness import Witness
from tests.cluster.api import Json

RACKS = {"n1": "r1", "n2": "r1", "n3": "r1"}
A, B = "0/router/0", "0/worker/0"


def placed(version: int, **nodes: str) -> Json:
    """A Placement of one gang of two pods; `a` and `b` have these nodes."""
    slots = {"a": A, "b": B}
    return {
        "metadata": {"name": "p", "uid": "p", "resourceVersion": str(version)},
        "spec": {"system": "s", "gangs": [{"name": "s-0", "slots": [A, B]}]},
        "status": {"nodes": {slots[key]: node for key, node in nodes.items()}},
    }


def pod(version: int, slot: str, gated: bool = False, node: str = "") -> Json:
    """A pod that asks for one GPU."""
    container = {"name": "main", "resources": {"requests": {"nvidia.com/gpu": "1"}}}
    gates = {"schedulingGates": [{"name": "gate"}]} if gated else {}
    name = slot.replace("/", "-")
    return {
        "metadata": {
            "name": name,
            "uid": name,
            "resourceVersion": str(version),
            "labels": {"espalier.dev/system": "s"},
            "annotations": {"espalier.dev/slot": slot},
        },
        "spec": {"containers": [container], **gates, **({"nodeName": node} if node else {})},
    }


WHOLE, TAKEN_BACK = placed(2, a="n1", b="n2"), placed(4, a="n1")
# what was seen, in the order in which it was seen; the numbers are those of the cluster
STORIES: dict[str, tuple[list[Json], list[str]]] = {
    "asked, then all at once": ([placed(1), WHOLE], []),
    "a part of it": ([placed(1), placed(2, a="n1")], ["got room for 1 of 2, and had 0"]),
    "a node is closed: taken back, and found anew": ([WHOLE, TAKEN_BACK, placed(5, a="n1", b="n3")], []),
    "moved in two goes": ([WHOLE, placed(4, a="n3")], ["got room for 1 of 2, and had 2"]),
    "started with all its room": ([WHOLE, pod(3, A), TAKEN_BACK], []),
    "started before the rest has room again": (
        [WHOLE, TAKEN_BACK, pod(5, A), placed(6, a="n1", b="n3")],
        ["s/0/router/0 started at version 5 while a part"],
    ),
    "let go before the rest has room again": (
        [WHOLE, pod(3, A, gated=True), TAKEN_BACK, pod(5, A), placed(6, a="n1", b="n3")],
        ["s/0/router/0 started at version 5 while a part"],
    ),
    "started after, and seen before": ([WHOLE, TAKEN_BACK, pod(6, A), placed(5, a="n1", b="n3"), placed(7, a="n1", b="n3")], []),
    "started before, and seen after": ([WHOLE, TAKEN_BACK, pod(3, A), placed(5, a="n1", b="n3")], []),
    "bound already when first seen": ([WHOLE, TAKEN_BACK, pod(5, A, node="n1"), placed(6, a="n1", b="n3")], []),
}


@pytest.mark.parametrize(("seen", "broken"), STORIES.values(), ids=STORIES)
def test_what_breaks_a_promise(seen: list[Json], broken: list[str]) -> None:
    witness = Witness(dict.fromkeys(RACKS, 4), RACKS)
    for item in seen:
        event = {"type": "MODIFIED", "object": item}
        (witness.pod_seen if "containers" in item["spec"] else witness.placement_seen)(event)
    assert len(witness.broken) == len(broken), witness.broken
    assert all(part in said for said, part in zip(witness.broken, broken, strict=True)), witness.broken
