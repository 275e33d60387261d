"""`espalier map` of a snapshot: what it prints and writes, and what it refuses."""

import json
from pathlib import Path

import pytest

from tests.topology.fleets import GPU, nodes
from workers.cli import run


@pytest.fixture
def snapshot(tmp_path: Path) -> str:
    """Two racks of two hosts with two GPUs each; serving/llama holds one, another pod the whole second host."""
    made = nodes({"z": {"b": {"r0": [2, 2], "r1": [2, 2]}}})
    marks = {"labels": {"espalier.dev/system": "llama"}, "annotations": {"espalier.dev/slot": "0/w/0"}}
    pods = [pod("z-b-r0-0", 1, name="p", **marks), pod("z-b-r0-1", 2, name="q")]
    file = tmp_path / "snapshot.json"
    file.write_text(json.dumps({"kind": "List", "items": [*({"kind": "Node", **each} for each in made), *pods]}))
    return str(file)


def pod(node: str, gpus: int, **metadata: object) -> dict[str, object]:
    asked = {"requests": {GPU: str(gpus)}}
    spec = {"nodeName": node, "containers": [{"name": "c", "resources": asked}]}
    return {"kind": "Pod", "metadata": {"namespace": "serving", **metadata}, "spec": spec}


def test_a_letter_for_every_device(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "--nodes", snapshot]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:6] == ["zone z 5/8 free", "block b 5/8 free", "rack r0 1/4 free", "A. oo", "rack r1 4/4 free", ".. .."]
    assert "A serving/llama 1" in lines
    assert "o other pods 2" in lines


def test_data(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "--nodes", snapshot, "-o", "json"]) == 0
    found = {each["node"]: each["holders"] for each in json.loads(capsys.readouterr().out)["nodes"]}
    assert found["z-b-r0-0"] == ["serving/llama", None]
    assert found["z-b-r0-1"] == ["", ""]


def test_a_picture(snapshot: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "--nodes", snapshot, "--svg", str(tmp_path / "map.svg")]) == 0
    assert "serving/llama" in (tmp_path / "map.svg").read_text()
    assert "map.svg" in capsys.readouterr().err


def test_a_system_that_is_nowhere(snapshot: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "qwen", "-n", "serving", "--nodes", snapshot]) == 1
    assert "no pod of serving/qwen is on a node. See all with: espalier map" in capsys.readouterr().err


def test_many_racks_are_a_letter_each(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = nodes({"z": {"b": {f"r{index:02}": [2] for index in range(30)}}})
    file = tmp_path / "many.json"
    file.write_text(json.dumps({"kind": "NodeList", "items": [*made]}))
    assert run(["map", "--nodes", str(file)]) == 0
    assert f"block b 60/60 free  {'.' * 30}" in capsys.readouterr().out
