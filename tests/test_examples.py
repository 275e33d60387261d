"""Every example does what it says, on GB200 racks."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.nodes import NODES, apply_nodes, until_nodes_ready
from tests.workers.living import Command
from workers.simulated.fleets import OPENB_FILE, gb200, openb

on_the_real_thing = pytest.mark.cluster
pytestmark = pytest.mark.timeout(180)

EXAMPLES = Path(__file__).parents[1] / "examples"
HEARD_S = 2.0
"""By then the agent has heard of every change of 1,213 new nodes; before, it would choose among those that it knows."""
#             file                        its system     its pods
SYSTEMS = {
    "small": ("small.yaml", "small", 3),
    "one GPU": ("single-gpu.yaml", "single-gpu", 1),
    "several nodes": ("multi-node-aggregated.yaml", "deepseek-v3", 2 * (1 + 3)),
    "vision": ("vision-pipeline.yaml", "vision", 2 * (2 + 2 + 4 + 1)),
    "llama": ("llama-70b.yaml", "llama-70b", 2 * (2 + 2 * 2 + 4 * 2)),
    "deepseek": ("deepseek-r1-wide-ep.yaml", "deepseek-r1", 2 * (1 + 3 * 2 + 12)),
}


@on_the_real_thing
@pytest.mark.long
@pytest.mark.parametrize(("file", "name", "pods"), SYSTEMS.values(), ids=SYSTEMS)
async def test_a_system_becomes_ready_and_goes(file: str, name: str, pods: int, racks: Api, espalier: Command) -> None:
    await espalier("apply", "-f", str(EXAMPLES / file), "--wait", "--timeout", "60")
    found = await racks.items("/api/v1/namespaces/default/pods", labelSelector=f"espalier.dev/system={name}")
    assert len(found) == pods
    await espalier("delete", name, "--wait", "--timeout", "60")


async def until_untainted(api: Api) -> None:
    """Kubernetes takes the taint of a new node away some seconds after it is Ready."""
    while any(node["spec"].get("taints") for node in await api.items(NODES)):  # noqa: ASYNC110 - the API server is asked
        await asyncio.sleep(0.5)
    await asyncio.sleep(HEARD_S)


@on_the_real_thing
@pytest.mark.long
@pytest.mark.parametrize("name", ["llama", "deepseek"])
async def test_a_system_fits_a_real_inventory(name: str, empty: Api, espalier: Command) -> None:
    """The 1,213 GPU nodes of the openb trace, in synthetic racks."""
    folder = Path(os.environ.get("ESPALIER_DATA", "/nonexistent"))
    if not (folder / OPENB_FILE).exists():
        pytest.skip(f"no {OPENB_FILE}; ESPALIER_DATA names the folder that holds it")
    nodes = list(openb(folder / OPENB_FILE))
    await apply_nodes(empty, nodes)
    await until_nodes_ready(empty, len(nodes))
    await until_untainted(empty)
    await test_a_system_becomes_ready_and_goes(*SYSTEMS[name], empty, espalier)


@on_the_real_thing
async def test_a_program_submits_waits_scales_and_deletes(racks: Api, espalier: Command) -> None:
    said = await espalier.python(str(EXAMPLES / "submit.py"), str(EXAMPLES / "small.yaml"), "server=3")
    assert said.splitlines()[0] == "small is accepted as generation 1"
    assert "small is Deleted" in said.splitlines()[-1]


@on_the_real_thing
@pytest.mark.long
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


async def run_demo(*words: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "examples.demo", *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    printed, _ = await process.communicate()
    assert process.returncode == 0, printed.decode()
    return printed.decode()


async def test_the_demo_tells_its_story_on_a_simulated_cluster() -> None:
    """examples/demo.py, on the stage of examples/stage.py, with a chapter in examples/crowd.py."""
    told = await run_demo()
    assert told.count(" ok ") == 19
    assert "Temporal UI: http://" in told


@on_the_real_thing
@pytest.mark.long
async def test_the_demo_tells_the_same_story_on_a_real_control_plane(control_plane: Cluster, empty: Api) -> None:
    nodes = list(gb200(16))
    await apply_nodes(empty, nodes)
    await until_untainted(empty)
    told = await run_demo("--kubeconfig", str(control_plane.access.kubeconfig))
    assert told.count(" ok ") == 19
