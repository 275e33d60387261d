"""`espalier plan` of every manifest of Grove's own samples and tests: who shares which domain, and who is placed in little room.

What is right is written here as Grove's tests and documents have it; none of it is asked of the code that is tested.
"""

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from workers.cli import run
from workers.simulated.fleets import grove_e2e, plain

FOLDER = Path(os.environ.get("ESPALIER_DATA", "/nonexistent")) / "manifests"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests")
LABELLED = 28
NODES_OF = {"zone": 28, "block": 14, "rack": 7, "host": 1}
"""Nodes of a domain, in the order of their names."""
BINDING = {
    "apiVersion": "grove.io/v1alpha1", "kind": "ClusterTopologyBinding", "metadata": {"name": "grove-topology"},
    "spec": {"levels": [{"domain": each, "key": f"kubernetes.io/{each.replace('host', 'hostname')}"} for each in NODES_OF]},
}  # fmt: skip
Scope = tuple[str, str, int, int]
"""Which pods, by a pattern: those alike in its groups share a domain of this level; so many such sets; of so many pods."""
#                                      case     pods  gangs that start together  what shares a domain
SHARED: dict[str, tuple[str, int, int, Sequence[Scope]]] = {
    "tas-indep-clq":                  ("TAS2",  7,    1, [("worker-rack", "rack", 1, 3), ("worker-block", "block", 1, 4)]),
    "tas-sl-pcs-only":                ("TAS3",  4,    1, [("", "rack", 1, 4)]),
    "tas-sl-pcsg-only":               ("TAS4",  4,    1, [(r"workers-(\d)-worker", "rack", 2, 1)]),
    "tas-host-level":                 ("TAS5",  2,    1, [("worker", "host", 1, 2)]),
    "tas-standalone-pclq-only-pcs-zone": ("TAS6", 4,  1, [("", "zone", 1, 4)]),
    "tas-no-constraint":              ("TAS7",  4,    1, []),
    "tas-hierarchy":                  ("TAS8",  8,    1, [
        (r"inference-group-(\d)-(prefill|decode)", "host", 4, 2), (r"inference-group-(\d)", "rack", 2, 4), ("", "block", 1, 8)]),
    "tas-pcs-pclq":                   ("TAS9",  2,    1, [("worker", "host", 1, 2), ("", "block", 1, 2)]),
    "tas-pcsg-scale":                 ("TAS10", 6,    3, [(r"inference-group-(\d)", "rack", 3, 2), ("", "block", 1, 6)]),
    "tas-pcsg-pclq":                  ("TAS11", 4,    1, [(r"workers-(\d)", "host", 2, 2)]),
    "tas-large-scale":                ("TAS12", 20,   8, [(r"workers-(\d)", "host", 10, 2), ("", "block", 1, 20)]),
}  # fmt: skip
#                                      pods  of them in the base gang  of the other gangs
APART: dict[str, tuple[int, int, list[int]]] = {
    "complete-inference-pipeline":         (11,   11, []),
    "multi-node-aggregated":               (8,    4,  [4]),
    "multi-node-disaggregated":            (13,   8,  [5]),
    "multinode-disaggregated-with-frontend": (13, 9,  [4]),
    "pcsg-env-vars":                       (8,    4,  [4]),
    "simple1":                             (9,    9,  []),
    "simple2-explicit-startup-order":      (9,    9,  []),
    "simple3-explicit-startup-order":      (23,   17, [6]),
    "single-node-aggregated":              (2,    2,  []),
    "single-node-disaggregated":           (5,    5,  []),
    "standalone-env-vars":                 (2,    2,  []),
}  # fmt: skip
#                      nodes of which each holds one pod -> pods that have a place
WHOLE, LEAST_OF_THREE = {9: 0, 10: 10}, {2: 0, 3: 3, 5: 5, 10: 10}
ROOM: dict[str, dict[int, int]] = {
    **{f"workload{number}": WHOLE if number % 2 else LEAST_OF_THREE for number in range(1, 7)},
    "tas-insuffic": {28: 0},
}
LARGE = "scale-test-1000"


def test_every_manifest_has_its_answer() -> None:
    assert {path.stem for path in FOLDER.glob("*/*.yaml")} == {*SHARED, *APART, *ROOM, LARGE}


@pytest.fixture
def planned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """What the command prints of one manifest on so many nodes as Grove's tests have, or of its samples."""

    def plan(stem: str, nodes: int = LABELLED) -> list[dict[str, Any]]:
        (manifest,) = FOLDER.glob(f"*/{stem}.yaml")
        snapshot = tmp_path / "snapshot.json"
        items = [*(plain if stem in (*APART, LARGE) else grove_e2e)(nodes), BINDING]
        snapshot.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
        assert run(["plan", "-f", str(manifest), "--nodes", str(snapshot), "-o", "json"]) == 0
        (system,) = json.loads(capsys.readouterr().out)["systems"]
        return list(system["gangs"])

    return plan


def pods_of(gangs: list[dict[str, Any]]) -> dict[str, str | None]:
    return {pod["name"]: pod["node"] for gang in gangs for pod in gang["pods"]}


@pytest.mark.parametrize(("stem", "pods", "gangs", "scopes"), [(stem, *said[1:]) for stem, said in SHARED.items()], ids=SHARED)
def test_pods_share_the_domains_that_are_asked_for(
    stem: str, pods: int, gangs: int, scopes: Sequence[Scope], planned: Any
) -> None:
    found = planned(stem)
    nodes = pods_of(found)
    assert (len(nodes), len(found)) == (pods, gangs)
    assert all(nodes.values())
    for pattern, level, many, size in scopes:
        sets: dict[tuple[str, ...], list[int]] = {}
        for name, node in nodes.items():
            if match := re.search(pattern, name.removeprefix(f"{stem}-0-")):
                sets.setdefault(match.groups(), []).append(int(str(node)[-3:]) // NODES_OF[level])
        assert [len(each) for each in sets.values()] == [size] * many, pattern
        assert all(len(set(each)) == 1 for each in sets.values()), (pattern, level, sets)


@pytest.mark.parametrize(("stem", "pods", "base", "others"), [(stem, *said) for stem, said in APART.items()], ids=APART)
def test_gangs_are_as_many_and_as_large_as_groves(stem: str, pods: int, base: int, others: list[int], planned: Any) -> None:
    found = planned(stem)
    assert len(pods_of(found)) == pods
    assert [len(gang["pods"]) for gang in found if gang["minimum"]] == [base]
    assert [len(gang["pods"]) for gang in found if not gang["minimum"]] == others
    assert all(gang["placed"] for gang in found)


@pytest.mark.parametrize(("stem", "nodes", "placed"), [(s, n, p) for s, rooms in ROOM.items() for n, p in rooms.items()])
def test_a_gang_has_a_place_as_a_whole_or_none(stem: str, nodes: int, placed: int, planned: Any) -> None:
    found = planned(stem, nodes)
    there = [node for node in pods_of(found).values() if node]
    assert (len(there), len(set(there)), len(pods_of(found))) == (placed, placed, 10)
    assert all(gang["reason"] and gang["message"] for gang in found if not gang["placed"])


def test_a_thousand_pods_are_five_hundred_gangs_of_two(planned: Any) -> None:
    found = planned(LARGE)
    assert [len(gang["pods"]) for gang in found if gang["minimum"] and gang["placed"]] == [2] * 500
