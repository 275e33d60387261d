"""`espalier simulate` and what-if questions to `espalier plan`, worked out by hand."""

import json
from pathlib import Path

import pytest

from tests.topology.fleets import GPU, nodes
from workers.cli import run

HEAD = "system,arrival_s,duration_s\n"


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """One rack of two hosts with two GPUs each; a pod of llama takes a host."""
    made = nodes({"z": {"b": {"r0": [2, 2]}}})
    template = {"spec": {"containers": [{"name": "c", "image": "x", "resources": {"requests": {GPU: "2"}}}]}}
    system = {
        "apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"},
        "spec": {"members": [{"role": "server", "replicas": 2, "minAvailable": 2, "template": template}]},
    }  # fmt: skip
    (tmp_path / "nodes.json").write_text(json.dumps({"kind": "NodeList", "items": made}))
    (tmp_path / "llama.json").write_text(json.dumps(system))
    return ["simulate", "-f", str(tmp_path / "llama.json"), "--nodes", str(tmp_path / "nodes.json"), "--trace"]


def test_the_second_waits_for_the_first(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.csv").write_text(f"{HEAD}llama,0,100\nllama,40,100\n")
    assert run([*files, str(tmp_path / "trace.csv"), "-o", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["endSeconds"] == 200
    assert found["deviceShare"] == 1.0
    assert found["systems"] == [
        {"name": "default/llama", "gangs": 2, "started": 2, "waitP50": 0, "waitP99": 60, "waitMax": 60}
    ]  # fmt: skip


def test_a_table(files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.csv").write_text(f"{HEAD}llama,0,100\n")
    assert run([*files, str(tmp_path / "trace.csv")]) == 0
    assert "All is over after 100 s; 100.0% of all devices in use on average." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("trace", "said"),
    [
        ("system\nllama\n", "lacks arrival_s, duration_s; write: system,arrival_s,duration_s"),
        (f"{HEAD}llama,soon,1\n", "line 2: arrival_s is 'soon'"),
        (f"{HEAD}llama,0,nan\n", "line 2: duration_s is 'nan'"),
        (f"{HEAD}lama,0,1\n", "did you mean 'llama'?"),
    ],
)
def test_bad_traces(files: list[str], tmp_path: Path, trace: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.csv").write_text(trace)
    assert run([*files, str(tmp_path / "trace.csv")]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("supposed", "fits"),
    [
        ([], True),
        (["--without", "z-b-r0-0"], False),
        (["--without", "r0", "--with", "1xr0", "--at-most", "50ms"], True),
        (["--scale", "server=+1"], False),
        (["--scale", "server=+2", "--with", "1xr0"], True),
    ],
)
def test_what_if(files: list[str], supposed: list[str], fits: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", *files[1:-1], *supposed, "-o", "json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["systems"]
    assert all(gang["placed"] for gang in found["gangs"]) is fits
