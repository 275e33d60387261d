"""W7's floor on Temporal's side: as many workflows, each with the least that an event takes: a signal, and an activity elsewhere.

usage: python -m benchmarks.temporal_floor [--workflows 1000]

The server is `espalier temporal`, as in W7; workflows and activities are served by one process that does nothing else, without a
sandbox. Signals are sent eight at a time, as the agent does. One JSON line.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from benchmarks.processes import cpu_s
from tests.cluster.ports import free_ports
from workers.process import Process
from workers.warden import Warden

QUEUE, ELSEWHERE = "floor", "floor-elsewhere"
AT_ONCE = 8
PAYLOAD = "x" * 900
"""About as large as an observation."""
TIMEOUT_S = 300.0


@workflow.defn(name="Floor")
class Floor:
    """Waits for a signal, calls the activity, waits for the next."""

    def __init__(self) -> None:
        self._told = 0

    @workflow.run
    async def run(self) -> None:
        while True:
            await workflow.wait_condition(lambda: self._told > 0)
            self._told -= 1
            await workflow.execute_activity("Mend", PAYLOAD, task_queue=ELSEWHERE, start_to_close_timeout=timedelta(minutes=1))

    @workflow.signal(name="nudge")
    def nudge(self, seen: str) -> None:
        """Something happened."""
        del seen
        self._told += 1


async def connected(address: str) -> Client:
    """Once the server is up."""
    while True:
        try:
            return await Client.connect(address)
        except RuntimeError:
            await asyncio.sleep(0.1)


async def measured(client: Client, server: int, workflows: int) -> dict[str, object]:
    """Seconds and CPU from the first signal until the last activity is done; the workflows are there and cached before."""
    left = workflows
    all_done = asyncio.Event()
    limit = asyncio.Semaphore(AT_ONCE)

    @activity.defn(name="Mend")
    async def mend(asked: str) -> str:
        nonlocal left
        left -= 1
        if not left:
            all_done.set()
        return asked

    async def start(index: int) -> None:
        async with limit:
            await client.start_workflow(Floor.run, id=f"floor-{index}", task_queue=QUEUE)

    async def signal(index: int) -> None:
        async with limit:
            await client.get_workflow_handle(f"floor-{index}").signal(Floor.nudge, PAYLOAD)

    plain, kept = UnsandboxedWorkflowRunner(), 2 * workflows
    async with (
        Worker(client, task_queue=QUEUE, workflows=[Floor], workflow_runner=plain, max_cached_workflows=kept),
        Worker(client, task_queue=ELSEWHERE, activities=[mend]),
    ):
        await asyncio.gather(*map(start, range(workflows)))
        await asyncio.sleep(2)
        before, own, started = cpu_s(server), cpu_s(os.getpid()), time.perf_counter()
        await asyncio.gather(*map(signal, range(workflows)))
        await asyncio.wait_for(all_done.wait(), TIMEOUT_S)
        took = time.perf_counter() - started
        used = {"temporal": round(cpu_s(server) - before, 1), "client_and_worker": round(cpu_s(os.getpid()) - own, 1)}
    return {"row": "W7 floor", "workflows": workflows, "all_s": round(took, 1), "cpu_s": used}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workflows", type=int, default=1_000)
    workflows = parser.parse_args().workflows
    folder, (port, ui) = Path(tempfile.mkdtemp(prefix="espalier-floor-")), free_ports(2)
    own = ("temporal", "--port", str(port), "--ui-port", str(ui), "--data", str(folder / "temporal.db"))
    warden = Warden()
    server = Process("temporal", (sys.executable, "-c", "from workers.cli import main; main()", *own), folder / "log", warden)
    server.start()

    async def run() -> dict[str, object]:
        return await measured(await connected(f"127.0.0.1:{port}"), server.pid, workflows)

    try:
        print(json.dumps(asyncio.run(run())), flush=True)
    finally:
        server.kill()
        warden.dismiss()


if __name__ == "__main__":
    main()
