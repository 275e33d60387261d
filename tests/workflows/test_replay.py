"""Recorded histories replay: a workflow that began under older code goes on under newer."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, WorkflowRunner

from tests.workflows.house import SANDBOX
from workflows.wiring import DATA_CONVERTER, RUNNER, WORKFLOWS

HISTORIES = sorted(Path(__file__).with_name("histories").rglob("*.json"))
SEEDS = ("1", "2", "3")


@pytest.mark.parametrize("runner", [SANDBOX, RUNNER], ids=["in the sandbox", "as workers run it"])
@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_recorded_histories_still_replay(path: Path, runner: WorkflowRunner) -> None:
    history = recorded(path)
    replayer = Replayer(workflows=WORKFLOWS, data_converter=DATA_CONVERTER, workflow_runner=runner)
    await replayer.replay_workflow(history)


def recorded(path: Path) -> WorkflowHistory:
    """A history under its workflow's own id, which children's ids begin with."""
    history = json.loads(path.read_text())
    return WorkflowHistory.from_json(history["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"], history)


def test_no_order_depends_on_hashes() -> None:
    chosen = f"{__file__}::test_recorded_histories_still_replay"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", chosen]
    replays = [
        subprocess.Popen(command, env={**os.environ, "PYTHONHASHSEED": seed}, stdout=subprocess.PIPE, text=True) for seed in SEEDS
    ]
    said = [replay.communicate()[0] for replay in replays]
    assert [replay.returncode for replay in replays] == [0] * len(SEEDS), said
