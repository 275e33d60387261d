"""python -m tests.workflows.recording [STORY...]: record histories of workflows for `test_replay.py`, under today's date.

Old ones are kept: a workflow that began under older code must go on under newer. Record anew when what workflows do has changed
on purpose, and never delete what users may still have running.
"""

import asyncio
import contextlib
import datetime
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from pathlib import Path

from temporalio.client import WorkflowHistory

from activities.messages import PLACE
from activities.plans import MovesSeen
from tests.workflows.declared import system
from tests.workflows.house import EAGER, NAMESPACE, House, dev_server, house
from tests.workflows.test_defragmentation import NOTHING, moves_of, plan, until
from tests.workflows.test_system import newer
from workflows.requests import NUDGE, Scheduled
from workflows.schedules import CannotSchedule
from workflows.timetables import Timetable

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


async def scheduled(found: House) -> None:
    """Scaled by a schedule, which is refused the second time and goes with its system; another is declared in the manifest."""
    morning = {"name": "morning", "cron": "0 6 * * *", "set": {"server": 2}}
    await found.systems.apply(system(scaling={"schedules": [morning]}), request_id="1")
    await found.ready()
    ref = found.systems.ref(NAMESPACE, "llama")
    wanted = Scheduled(ref=ref, name="night", counts={"1/server": 1})
    await found.schedules.add(Timetable(scheduled=wanted, cron="0 22 * * *"))
    await found.schedules.run(ref, "night")
    await found.ready(generation=2)
    await found.systems.scale(NAMESPACE, "llama", {"copies": 1}, request_id="2")
    await found.ready(generation=3)
    await asyncio.sleep(1)  # runs of one second are one run
    with contextlib.suppress(CannotSchedule):
        await found.schedules.run(ref, "night")
    await found.systems.delete(NAMESPACE, "llama", request_id="3")
    await found.gone()


async def moved(found: House) -> None:
    """Off a node that is evacuated, to another template, and as a Defragmentation has planned, which is approved."""
    moves = await moves_of(found, plan(), plan(), NOTHING)
    model = found.agent.model("llama")
    model.evacuated = {model.node_of("0/router/0")}
    await found.agent.nudge("llama")
    await found.happens(lambda: not model.evacuating(found.agent.orders["llama"]))
    await found.ready()
    await found.systems.apply(newer("other"), request_id="2")
    await found.ready(generation=2)
    await moves.start()
    await until(moves, "Approval")
    await moves.approve("a")
    await found.happens(lambda: bool(found.agent.orders["llama"].moves))
    found.agent.moves = MovesSeen(done=1, placed=True)
    await found.ready(generation=3)
    await until(moves, "Ended")


STORIES: dict[str, tuple[Callable[[House], Awaitable[None]], Sequence[str]]] = {
    "life": (life, ()),
    "short": (short, EAGER),
    "scheduled": (scheduled, ()),
    "moved": (moved, ()),
}


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
    """Without blanks, and without the paths of the machine that it was recorded on."""
    told = json.loads(history.to_json(), object_hook=lambda found: {key: found[key] for key in found if key != "stackTrace"})
    return json.dumps(told, separators=(",", ":"))


def record(folder: Path, stories: Sequence[str]) -> None:
    """Each of these."""
    folder.mkdir(parents=True, exist_ok=True)
    for story, flags in (STORIES[name] for name in stories):
        for name, text in asyncio.run(told(story, *flags)).items():
            (folder / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    record(HISTORIES / datetime.datetime.now(datetime.UTC).date().isoformat(), sys.argv[1:] or list(STORIES))
