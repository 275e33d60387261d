"""Placements with one right answer, from the neighbours' tests and documents, through `espalier plan`: a manifest, a snapshot."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.topology.fleets import Tree, nodes
from workers.cli import run

Part = dict[str, Any]
Where = Mapping[str, str]
NO_PLACE: Where = {}


def role(name: str, replicas: int, place: Where = NO_PLACE) -> Part:
    """Pods of one GPU."""
    container = {"name": "c", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    return {"role": name, "replicas": replicas, "place": place, "template": {"spec": {"containers": [container]}}}


def group(name: str, replicas: int, place: Where, *members: Part) -> Part:
    """Replicas that start together."""
    return {"group": name, "replicas": replicas, "minAvailable": replicas, "place": place, "members": list(members)}


def of(*members: Part, **spec: Any) -> Part:
    return {"members": list(members), **spec}


def rows(*hosts: list[int]) -> Tree:
    """One block of racks with these free GPUs a host."""
    return {"z": {"b": {f"r{rack}": row for rack, row in enumerate(hosts)}}}


def blocks(*found: list[int]) -> Tree:
    """Blocks of racks with so many hosts of one GPU."""
    return {"z": {f"b{block}": {f"r{rack}": [1] * many for rack, many in enumerate(row)} for block, row in enumerate(found)}}


ZONES: Tree = {"a": {"b": {"r1": [2], "r2": [1], "r3": [1], "r4": [1]}}, "b": {"b": {"r1": [2], "r2": [2], "r3": [2]}}}
TWO_OF_ZONE_A = [{"a/b/r1": 2, f"a/b/{other}": 1} for other in ("r2", "r3", "r4")]
ZONE_AND_RACK = {"within": "zone", "prefer": "rack"}
EVENLY = {"balance": "rack"}
NINES = [group(name, 10, {}, role("node", 9)) for name in ("prefill", "decode")]
PAIRED = [{"members": ["prefill", "decode"], "within": "rack"}]
SLICES = group("s", 2, {"within": "block"}, group("t", 2, {"within": "rack"}, role("w", 16)))
#                           free GPUs                 what is asked                         seen at, pods there
GOLDEN: dict[str, tuple[Tree, Part, str, list[dict[str, int]]]] = {
    "a zone, few racks":    (ZONES,                   of(role("w", 3, ZONE_AND_RACK)), "rack", TWO_OF_ZONE_A),
    "b fewest nodes":       (rows([3, 3, 2, 1]),      of(role("w", 7, {"prefer": "host"})), "host", [
        {"z/b/r0/0": 3, "z/b/r0/1": 3, "z/b/r0/3": 1}]),
    "b slices stay whole":  (rows([6, 5, 4, 3, 2]),
                             of(group("s", 6, {"within": "host"}, role("w", 2)), place={"prefer": "host"}), "host", [
        {"z/b/r0/0": 6, "z/b/r0/1": 4, "z/b/r0/4": 2}, {"z/b/r0/0": 6, "z/b/r0/2": 4, "z/b/r0/4": 2}]),
    "c two blocks":         (blocks([15], [15]),      of(role("w", 25, EVENLY)), "rack", [{"z/b0/r0": 13, "z/b1/r0": 12}]),
    "c two of three":       (blocks([15, 13, 10]),    of(role("w", 23, EVENLY)), "rack", [{"z/b0/r0": 12, "z/b0/r1": 11}]),
    "c the even block":     (blocks([20, 10], [15, 15]), of(role("w", 22, EVENLY)), "rack", [{"z/b1/r0": 11, "z/b1/r1": 11}]),
    "c one rack":           (blocks([20, 10], [15, 15]), of(role("w", 20, EVENLY)), "rack", [{"z/b0/r0": 20}]),
    "c more racks":         (blocks([10, 5], [5, 5, 5]), of(role("w", 15, EVENLY)), "rack", [
        {"z/b1/r0": 5, "z/b1/r1": 5, "z/b1/r2": 5}]),
    "d slices in slices":   (rows([8] * 4, [8] * 4),  of(SLICES), "host", [
        {f"z/b/r{rack}/{host}": 8 for rack in range(2) for host in range(4)}]),
    "e partitions":         (rows([1] * 4, [1] * 4),
                             of(group("p", 2, {"within": "rack"}, role("w", 4)), place={"within": "block"}), "rack", [
        {"z/b/r0": 4, "z/b/r1": 4}]),
    "f pairs":              (rows(*[[1] * 18] * 10),
                             of(*NINES, together=PAIRED), "rack", [
        {f"z/b/r{rack}": 18 for rack in range(10)}]),
}  # fmt: skip


def planned(tree: Tree, spec: Part, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    """What the command says of every pod: name, role and node."""
    declared = {
        "apiVersion": "espalier.dev/v1alpha1",
        "kind": "InferenceSystem",
        "metadata": {"name": "s"},
        "spec": spec,
    }
    (folder / "system.json").write_text(json.dumps(declared))
    items = [{"apiVersion": "v1", "kind": "Node", **each} for each in nodes(tree)]
    (folder / "nodes.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    assert run(["plan", "-f", str(folder / "system.json"), "--nodes", str(folder / "nodes.json"), "-o", "json"]) == 0
    (system,) = json.loads(capsys.readouterr().out)["systems"]
    assert system["feasible"]
    return [pod for gang in system["gangs"] for pod in gang["pods"]]


@pytest.mark.parametrize(("tree", "spec", "level", "right"), GOLDEN.values(), ids=GOLDEN)
def test_the_right_answer(
    tree: Tree, spec: Part, level: str, right: list[dict[str, int]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pods = planned(tree, spec, tmp_path, capsys)
    deep = {"host": 4, "rack": 3}[level]
    assert Counter("/".join(pod["node"].split("-")[:deep]) for pod in pods) in right


def test_every_rack_has_one_of_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five racks of prefill and five of decode would hold as many pods."""
    tree, spec, _, _ = GOLDEN["f pairs"]
    pods = planned(tree, spec, tmp_path, capsys)
    there = Counter((pod["node"].rpartition("-")[0], pod["role"]) for pod in pods)
    assert there == {(f"z-b-r{rack}", f"{name}/node"): 9 for rack in range(10) for name in ("prefill", "decode")}


def test_the_right_answer_is_printed_as_a_table_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree, spec, _, _ = GOLDEN["e partitions"]
    planned(tree, spec, tmp_path, capsys)
    assert run(["plan", "-f", str(tmp_path / "system.json"), "--nodes", str(tmp_path / "nodes.json")]) == 0
    assert "default/s fits" in capsys.readouterr().out
