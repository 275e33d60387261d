"""Placements that the neighbours' own tests and documents give, asked for as users ask: `espalier plan` on files."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.topology.fleets import GPU, nodes
from workers.cli import run

Json = dict[str, Any]
Tree = dict[str, dict[str, dict[str, list[int]]]]


def role(name: str, pods: int, **place: str) -> Json:
    """Pods of one GPU."""
    container = {"name": "main", "image": "server:1", "resources": {"limits": {GPU: "1"}}}
    return {"role": name, "replicas": pods, "place": place, "template": {"spec": {"containers": [container]}}}


def slices(count: int, pods: int, **place: str) -> Json:
    """A group, all replicas of which start together."""
    return {"group": "slice", "replicas": count, "minAvailable": count, "place": place, "members": [role("w", pods)]}


def block(*racks: list[int]) -> Tree:
    return {"z": {"b0": {f"r{n}": hosts for n, hosts in enumerate(racks)}}}


def blocks(*racks: list[int]) -> Tree:
    """Blocks of racks of so many hosts of one GPU."""
    return {"z": {f"b{b}": {f"r{r}": [1] * hosts for r, hosts in enumerate(found)} for b, found in enumerate(racks)}}


ZONES = {"a": {"b": {"r1": [2], "r2": [1], "r3": [1], "r4": [1]}}, "b": {"b": {"r1": [2], "r2": [2], "r3": [2]}}}
PAIRS = {"members": [
    {"group": name, "replicas": 10, "minAvailable": 10, "members": [role("w", 9)]} for name in ("prefill", "decode")
], "together": [{"members": ["prefill", "decode"], "within": "rack"}]}  # fmt: skip

#      fleet, spec of the system, level that is counted, pods in each of its domains
CASES: dict[str, tuple[Tree, Json, str, dict[str, int]]] = {
    "a zone, few racks": (ZONES, {"members": [role("w", 3, within="zone", prefer="rack")]}, "zone", {"a": 3}),
    "a racks": (ZONES, {"members": [role("w", 3, within="zone", prefer="rack")]}, "rack", {"a-b-r1": 2, "a-b-r2": 1}),
    "b fewest nodes": (block([3, 3, 2, 1]), {"members": [role("w", 7, prefer="host")]}, "host",
                       {"z-b0-r0-0": 3, "z-b0-r0-1": 3, "z-b0-r0-3": 1}),
    "b slices stay whole": (block([6, 5, 4, 3, 2]), {"place": {"prefer": "host"}, "members": [slices(6, 2, within="host")]},
                            "host", {"z-b0-r0-0": 6, "z-b0-r0-1": 4, "z-b0-r0-4": 2}),
    "c two blocks": (blocks([15], [15]), {"members": [role("w", 25, balance="rack")]}, "rack", {"z-b0-r0": 13, "z-b1-r0": 12}),
    "c two of three": (blocks([15, 13, 10]), {"members": [role("w", 23, balance="rack")]}, "rack",
                       {"z-b0-r0": 12, "z-b0-r1": 11}),
    "c the even block": (blocks([20, 10], [15, 15]), {"members": [role("w", 22, balance="rack")]}, "rack",
                         {"z-b1-r0": 11, "z-b1-r1": 11}),
    "c one is even": (blocks([20, 10], [15, 15]), {"members": [role("w", 20, balance="rack")]}, "rack", {"z-b0-r0": 20}),
    "c more, but even": (blocks([10, 5], [5, 5, 5]), {"members": [role("w", 15, balance="rack")]}, "rack",
                         {"z-b1-r0": 5, "z-b1-r1": 5, "z-b1-r2": 5}),
    "d racks": (block([8] * 4, [8] * 4), {"place": {"within": "block"}, "members": [slices(2, 32, within="rack")]}, "rack",
                {"z-b0-r0": 32, "z-b0-r1": 32}),
    "d hosts": (block([8] * 4, [8] * 4), {"place": {"within": "block"}, "members": [slices(2, 32, within="rack")]}, "host",
                {f"z-b0-r{r}-{h}": 8 for r in range(2) for h in range(4)}),
    "e a tier each": (block([1] * 4, [1] * 4), {"place": {"within": "block"}, "members": [slices(2, 4, within="rack")]}, "rack",
                      {"z-b0-r0": 4, "z-b0-r1": 4}),
    "f pairs": (block(*[[1] * 18] * 10), PAIRS, "rack", {f"z-b0-r{r}": 18 for r in range(10)}),
}  # fmt: skip


def planned(folder: Path, capsys: pytest.CaptureFixture[str], tree: Tree, spec: Json) -> list[Json]:
    """Pods as the command prints them; all have a node."""
    system = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "s"}, "spec": spec}
    (folder / "system.yaml").write_text(yaml.safe_dump(system))
    items = [{"apiVersion": "v1", "kind": "Node", **each} for each in nodes(tree)]
    (folder / "snapshot.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert run(["plan", "-f", str(folder / "system.yaml"), "--nodes", str(folder / "snapshot.json"), "-o", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["systems"]
    assert answer["feasible"]
    return [pod for gang in answer["gangs"] for pod in gang["pods"]]


@pytest.mark.parametrize(("tree", "spec", "level", "want"), CASES.values(), ids=CASES)
def test_the_command_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tree: Tree, spec: Json, level: str, want: dict[str, int]
) -> None:
    steps = {"zone": 1, "block": 2, "rack": 3, "host": 4}[level]
    pods = planned(tmp_path, capsys, tree, spec)
    assert Counter("-".join(pod["node"].split("-")[:steps]) for pod in pods) == want


def test_every_rack_holds_one_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pods = planned(tmp_path, capsys, block(*[[1] * 18] * 10), PAIRS)
    racks = Counter((pod["role"], pod["node"].split("-")[2]) for pod in pods)
    assert set(racks.values()) == {9}
    assert len(racks) == 20
