"""python -m tests.workflows.working ADDRESS: a worker in a process of its own, to be killed."""

import asyncio
import sys

from tests.workflows.house import connected, workflow_worker


async def work(address: str) -> None:
    await workflow_worker(await connected(address)).run()


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1]))
