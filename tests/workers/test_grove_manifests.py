"""Every manifest of Grove's own samples and tests through the command line: planned, and applied."""

import json
import os
from pathlib import Path

import pytest

from specs.system import InferenceSystem
from tests.workers.fakes import FakeSystems, opened
from workers import desk
from workers.cli import run
from workflows.intent import answered
from workflows.requests import Accepted, Apply
from workflows.state import SystemState

FOLDER = Path(os.environ.get("ESPALIER_DATA", "/nonexistent")) / "manifests"
FILES = sorted(FOLDER.glob("*/*.yaml")) or [FOLDER]
ASKED = {"node_role.e2e.grove.nvidia.com": "agent", "type": "kwok"}
"""Labels of nodes that the manifests ask for."""
MEMORY = {"tas-insuffic": "600Mi"}
"""A host's: one pod of 500Mi each, and ten of them in a rack of eight is what this manifest can't have."""
WAITS = {"tas-insuffic": ["NoDomainFits"]}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests")


class Judging(FakeSystems):
    """Answers as a system's workflow does that has just been started."""

    async def apply(self, system: InferenceSystem) -> Accepted:
        state = SystemState(ref=self.ref(system.metadata.namespace, system.metadata.name))
        return answered(state, Apply(request_id="one", who="alice", manifest=system.written()))[1]


def snapshot(memory: str) -> str:
    """Two zones of two blocks of two racks of eight hosts."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": [host(index, memory) for index in range(64)]})


def host(index: int, memory: str) -> dict[str, object]:
    ours = "topology.espalier.dev"
    where = {"topology.kubernetes.io/zone": index // 32, f"{ours}/block": index // 16, f"{ours}/rack": index // 8}
    ready = [{"type": "Ready", "status": "True"}]
    room = {"cpu": "64", "memory": memory, "pods": "64", "nvidia.com/gpu": "8"}
    labels = {key: f"d{value}" for key, value in where.items()}
    metadata = {"name": f"n{index:02}", "labels": {**labels, "kubernetes.io/hostname": f"n{index:02}", **ASKED}}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": {"allocatable": room, "conditions": ready}}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_is_planned(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nodes = tmp_path / "snapshot.json"
    nodes.write_text(snapshot(MEMORY.get(path.stem, "256Gi")))
    assert run(["plan", "-f", str(path), "--nodes", str(nodes), "-o", "json"]) == 0
    (system,) = json.loads(capsys.readouterr().out)["systems"]
    waiting = [gang for gang in system["gangs"] if not gang["placed"]]
    assert [gang["reason"] for gang in waiting] == WAITS.get(path.stem, [])
    assert all(gang["message"] for gang in waiting)
    assert all(pod["node"] for gang in system["gangs"] if gang["placed"] for pod in gang["pods"])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_is_accepted(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(desk, "systems", opened(Judging()))
    assert run(["apply", "-f", str(path)]) == 0
    assert "accepted, generation 1" in capsys.readouterr().out
