"""What the commands print, against a fake of Temporal."""

import json
from pathlib import Path

import pytest
import yaml

from activities.messages import Wait
from tests.workers.fakes import DEGRADED, READY, SHARING, STARTING, WAITING, FakeSystems, opened
from workers import desk, following
from workers.cli import run
from workers.failure import REFUSED
from workers.views import gangs_table, wait_line
from workflows.requests import Status

MANIFEST = """
apiVersion: espalier.dev/v1alpha1
kind: InferenceSystem
metadata: {name: llama}
spec:
  members:
  - {role: router, replicas: 2, template: {spec: {containers: [{name: main, image: router}]}}}
"""

FULL, EMPTY = "█" * 12, "░" * 12

#                    command                           script      what it prints
ANSWERS: dict[str, tuple[str, list[Status], tuple[str, ...]]] = {
    "status":       ("status llama",                   [READY],    ("default/llama: Ready", "decode/worker", FULL)),
    "half a bar":   ("status llama",                   [STARTING], ("Starting. starts in order", "██▒▒▒▒▒▒▒▒▒▒")),
    "wide":         ("status llama -o wide",           [STARTING], ("HELD", "STARTING")),
    "waits":        ("status llama",                   [WAITING],  ("NoRoom: needs 32 GPUs", "(2 gangs, first llama-0)", EMPTY)),
    "get":          ("get",                            [READY],    ("NAMESPACE", "llama", "18/18")),
    "get one":      ("get llama -o wide",              [READY],    ("GENERATION", "18/18")),
    "get nothing":  ("get -n other",                   [READY],    ("No systems in namespace other of cluster default.",)),
    "explain good": ("explain llama",                  [READY],    ("default/llama: Ready", "Nothing is wrong.")),
    "explain busy": ("explain llama",                  [STARTING], ("Nothing stands in its way; it is at work.",)),
    "explain bad":  ("explain llama",                  [DEGRADED], ("- exceeded quota: pods",)),
    "explain":      ("explain llama",                  [WAITING],  ("free 14 more in", "n7: untolerated taint", "Scale failed")),
    "GPUs of one":  ("get llama",                      [SHARING],  ("POD", "llama-0-router-1", "n7", "0,3")),
    "GPUs":         ("explain llama",                  [SHARING],  ("Nothing is wrong.", "llama-0-router-1", "n7", "0,3")),
    "GPUs, data":   ("explain llama -o json",          [SHARING],  ('"gpus": [', '"gpus": "0,3"')),
    "scale":        ("scale llama decode=8 copies=2",  [READY],    ("default/llama scaled, generation 1",)),
    "delete":       ("delete llama",                   [READY],    ("default/llama is being deleted.",)),
    "version":      ("version",                        [],         ("espalier ", "temporalio ")),
}  # fmt: skip


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSystems:
    found = FakeSystems()
    monkeypatch.setattr(desk, "systems", opened(found))
    monkeypatch.setattr(following, "ASK_EVERY_S", 0.0)
    monkeypatch.setattr(following, "TELL_WITHIN_S", 0.0)
    return found


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "llama.yaml"
    path.write_text(MANIFEST)
    return path


@pytest.mark.parametrize(("command", "script", "words"), ANSWERS.values(), ids=ANSWERS)
def test_prints(
    command: str, script: list[Status], words: tuple[str, ...], fake: FakeSystems, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.script = {"llama": list(script)} if script else {}
    assert run(command.split()) == 0
    printed = capsys.readouterr()
    for word in words:
        assert word in printed.out + printed.err


@pytest.mark.parametrize(
    ("gangs", "first", "words"),
    [(1, "", "x: y"), (1, "a", "x: y (a)"), (2, "", "x: y (2 gangs)"), (2, "a", "x: y (2 gangs, first a)")],
)
def test_a_reason_names_whom_it_holds_up(gangs: int, first: str, words: str) -> None:
    assert str(wait_line(Wait(reason="x", message="y", gangs=gangs, first=first))) == words


@pytest.mark.parametrize("form", ["json", "yaml"])
@pytest.mark.parametrize("command", ["status llama", "get", "get llama", "explain llama", "version"])
def test_every_read_command_speaks_to_machines(
    command: str, form: str, fake: FakeSystems, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.script = {"llama": [WAITING]}
    assert run([*command.split(), "-o", form]) == 0
    printed = capsys.readouterr()
    read = json.loads if form == "json" else yaml.safe_load
    assert read(printed.out)
    assert printed.err == ""


def test_explain_waits_until_a_change_was_looked_at(
    fake: FakeSystems, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "TELL_WITHIN_S", 10.0)
    fake.script = {"llama": [STARTING, STARTING, WAITING]}
    assert run(["explain", "llama"]) == 0
    assert "free 14 more in" in capsys.readouterr().out


def test_explain_says_which_process_is_missing(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.script, fake.missing = {"llama": [STARTING]}, ["No worker runs; start one with: espalier worker"]
    assert run(["explain", "llama"]) == 0
    assert "- No worker runs; start one with: espalier worker" in capsys.readouterr().out


def test_data_of_a_status_is_the_status(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = {"llama": [WAITING]}
    run(["status", "llama", "-o", "json"])
    assert Status.model_validate_json(capsys.readouterr().out) == WAITING


def test_apply_sends_every_system_of_every_file(fake: FakeSystems, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    second = manifest.with_name("two.yaml")
    second.write_text(MANIFEST.replace("llama", "qwen") + "---" + MANIFEST.replace("llama", "mixtral"))
    assert run(["apply", "-f", str(manifest), "-f", str(second)]) == 0
    assert [asked[2] for asked in fake.asked] == ["llama", "qwen", "mixtral"]
    assert "default/mixtral accepted, generation 1" in capsys.readouterr().out


def test_apply_and_wait_prints_a_line_for_each_change(
    fake: FakeSystems, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fake.script = {"llama": [STARTING, STARTING, READY]}
    assert run(["apply", "-f", str(manifest), "--wait"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" s  ")[2] for line in lines] == [
        "llama: Starting: 5 of 18 pods ready, 18 placed",
        "llama: Ready: 18 of 18 pods ready, 18 placed",
    ]


def test_waiting_ends_with_the_next_command_when_time_is_up(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = {"llama": [WAITING]}
    assert run(["scale", "llama", "decode=8", "--wait", "--timeout", "0"]) == REFUSED
    assert "default/llama is still Waiting after 0 s. It goes on. See: espalier explain llama" in capsys.readouterr().err


def test_delete_and_wait_ends_when_the_system_is_gone(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.script = {"llama": [READY, READY.model_copy(update={"phase": "Deleted"})]}
    assert run(["delete", "llama", "--wait"]) == 0
    assert "default/llama is gone." in capsys.readouterr().err


def test_watching_as_data_is_a_document_for_each_change(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    deleted = READY.model_copy(update={"phase": "Deleted"})
    fake.script = {"llama": [STARTING, STARTING, READY, deleted]}
    assert run(["status", "llama", "-w"]) == 0
    assert "Starting" in capsys.readouterr().err


def test_plan_prints_what_others_rely_on(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    room = {"cpu": "8", "memory": "8Gi", "pods": "100"}
    ready = [{"type": "Ready", "status": "True"}]
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}, "status": {"allocatable": room, "conditions": ready}}
    snapshot = manifest.with_name("snapshot.json")
    snapshot.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": [node]}))
    assert run(["plan", "-f", str(manifest), "--nodes", str(snapshot), "-o", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert list(answer) == ["systems", "solveSeconds"]
    (system,) = answer["systems"]
    assert (system["name"], system["namespace"], system["feasible"]) == ("llama", "default", True)
    (gang,) = system["gangs"]
    assert list(gang) == ["name", "minimum", "placed", "score", "reason", "message", "pods"]
    assert [(pod["role"], pod["node"]) for pod in gang["pods"]] == [("router", "n1"), ("router", "n1")]


#                         what to ask for   what comes on top
PLANS: dict[str, tuple[str, list[str]]] = {
    "repair":            ("--repair",       ["moves", "moved", "atLeast"]),
    "preemption":        ("--preempt",      ["preemptions"]),
    "defragmentation":   ("--defragment",   ["defragmentations"]),
}  # fmt: skip


@pytest.mark.parametrize(("flag", "more"), PLANS.values(), ids=PLANS)
def test_plans_of_what_runs_are_printed_as_data_and_as_tables(
    flag: str, more: list[str], manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    node = {"kind": "Node", "metadata": {"name": "n1"}, "status": {"allocatable": {"cpu": "8", "memory": "8Gi", "pods": "100"}}}
    snapshot = manifest.with_name("snapshot.json")
    snapshot.write_text(json.dumps({"items": [node]}))
    assert run(["plan", "-f", str(manifest), "--nodes", str(snapshot), flag, "-o", "json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == ["systems", *more, "solveSeconds"]
    assert run(["plan", "-f", str(manifest), "--nodes", str(snapshot), flag]) == 0
    assert "default/llama fits" in capsys.readouterr().out


def test_a_wide_plan_names_the_gpus_of_a_pod_that_shares_one() -> None:
    pods = [{"name": "a", "role": "w", "node": "n1", "gpus": [3]}, {"name": "b", "role": "w", "node": None}]
    gang = {"name": "g", "minimum": True, "placed": False, "score": None, "pods": pods}
    assert list(gangs_table([gang], wide=True).columns[-1].cells) == ["n1 (GPU 3)", "-"]
