"""Every example does what it says, on GB200 racks."""

from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.workers.living import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

EXAMPLES = Path(__file__).parents[1] / "examples"
#             file                        its system     its pods
SYSTEMS = {
    "small": ("small.yaml", "small", 3),
    "one GPU": ("single-gpu.yaml", "single-gpu", 1),
    "several nodes": ("multi-node-aggregated.yaml", "deepseek-v3", 2 * (1 + 3)),
    "vision": ("vision-pipeline.yaml", "vision", 2 * (2 + 2 + 4 + 1)),
    "llama": ("llama-70b.yaml", "llama-70b", 2 * (2 + 2 * 2 + 4 * 2)),
    "deepseek": ("deepseek-r1-wide-ep.yaml", "deepseek-r1", 2 * (1 + 3 * 2 + 12)),
}


@pytest.mark.parametrize(("file", "name", "pods"), SYSTEMS.values(), ids=SYSTEMS)
async def test_a_system_becomes_ready_and_goes(file: str, name: str, pods: int, racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", str(EXAMPLES / file), "--wait", "--timeout", "60")
    found = await racks.items("/api/v1/namespaces/default/pods", labelSelector=f"espalier.dev/system={name}")
    assert len(found) == pods
    await espalier("delete", name, "--wait", "--timeout", "60")


async def test_a_program_submits_waits_scales_and_deletes(racks: Api, espalier: Command) -> None:
    said = await espalier.python(str(EXAMPLES / "submit.py"), str(EXAMPLES / "small.yaml"), "server=3")
    assert said.splitlines()[0] == "small is accepted as generation 1"
    assert "small is Deleted" in said.splitlines()[-1]


async def test_a_program_lets_a_system_be_small_at_night(racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", str(EXAMPLES / "small.yaml"), "--wait", "--timeout", "60")
    said = (await espalier.python(str(EXAMPLES / "schedule.py"), "small", "server=1", "server=2")).splitlines()
    assert said[0].startswith("night: server=1 every day at 22:00 Europe/Berlin, next at 20")
    assert said[2:] == [
        "night ran: server=1 is wanted now, as generation 2",
        "morning ran 0 times; last: never",
        "night ran 1 times; last: Completed",
    ]
    await espalier("apply", "-f", str(EXAMPLES / "small.yaml"), "--wait", "--timeout", "60")
    assert len(await racks.items("/api/v1/namespaces/default/pods", labelSelector="espalier.dev/system=small")) == 2
    assert "No schedules" in await espalier("schedule", "list", "small")
