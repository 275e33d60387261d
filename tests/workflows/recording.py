"""python -m tests.workflows.recording: record histories of every workflow for `test_replay.py`, under today's date.

Old ones are kept: a workflow that began under older code must go on under newer. Record anew when what workflows do has changed
on purpose, and never delete what users may still have running.
"""

import asyncio
import datetime
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

from temporalio.client import WorkflowHistory

from activities.messages import PLACE
from tests.workflows.declared import system
from tests.workflows.house import EAGER, NAMESPACE, House, dev_server, house
from workflows.requests import NUDGE

HISTORIES = Path(__file__).parent / "histories"


async def life(found: House) -> None:
    """Started, retargeted in mid-step, scaled, mended, recovered, deleted."""
    found.agent.closed.add(PLACE)
    await found.systems.apply(system(), request_id="1")
    await found.happens(lambda: found.agent.count("llama", PLACE) > 0)
    await found.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="2")
    await asyncio.sleep(0.5)
    found.agent.closed.clear()
    await found.ready(generation=2)
    await found.systems.scale(NAMESPACE, "llama", {"server": 1}, request_id="3")
    await found.ready(generation=3)
    for dead in (1, 2):
        for pod in found.agent.model("llama").pods[:dead]:
            pod.phase = "failed"
        await found.agent.nudge("llama")
        await found.happens(lambda: found.agent.model("llama").as_declared(found.agent.orders["llama"]))
        await found.ready()
    await found.systems.delete(NAMESPACE, "llama", request_id="4")
    await found.gone()


async def short(found: House) -> None:
    """Nudged into new runs while it starts, then deleted."""
    found.agent.kubelets = False
    await found.systems.apply(system(), request_id="1")
    await found.happens(lambda: found.agent.count("llama", PLACE) > 0)
    for _ in range(12):
        await found.agent.nudge("llama")
        await found.entity().signal(NUDGE)
        await asyncio.sleep(0.1)
    await found.systems.delete(NAMESPACE, "llama", request_id="2")
    found.agent.kubelets = True
    await found.gone()


async def histories(found: House) -> AsyncGenerator[tuple[str, WorkflowHistory]]:
    """Every run of the system and of its operations, by type and number."""
    counted: dict[str, int] = {}
    visible = [each async for each in found.client.list_workflows(f"SystemCluster='{found.agent.cluster}'")]
    for run in sorted(visible, key=lambda each: each.start_time):
        number = counted[run.workflow_type] = counted.get(run.workflow_type, 0) + 1
        handle = found.client.get_workflow_handle(run.id, run_id=run.run_id)
        yield f"{run.workflow_type.lower()}-{number}", await handle.fetch_history()


async def told(story: Callable[[House], Awaitable[None]], *flags: str) -> dict[str, str]:
    """The histories of a story, as JSON by name."""
    with dev_server(*flags) as address:
        async with house(address) as found:
            await story(found)
            await asyncio.sleep(1)  # until every run is visible
            return {f"{story.__name__}-{name}": compact(history) async for name, history in histories(found)}


def compact(history: WorkflowHistory) -> str:
    """Without blanks."""
    return json.dumps(json.loads(history.to_json()), separators=(",", ":"))


def record(folder: Path) -> None:
    """Both stories."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (asyncio.run(told(life)) | asyncio.run(told(short, *EAGER))).items():
        (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    record(HISTORIES / datetime.datetime.now(datetime.UTC).date().isoformat())
