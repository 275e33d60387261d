"""Fixtures: the product as its users run it, on GB200 racks. Every process is real; commands come from outside."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Generator, Iterator, Mapping

import pytest
import pytest_asyncio

from specs.crds import crds
from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.cluster.nodes import apply_nodes, condition, until_nodes_ready
from tests.running import Espalier
from workers.simulated.fleets import gb200, node

RACKS = 2
SPACE = "tenant"
HOSTS = 4
ASKS_FOR_NODES = {"ESPALIER_PROVISIONING_CLASS": "check-capacity.autoscaling.x-k8s.io"}
"""Where the API is served, which it is in one test."""
SETTLED_S = 60.0
OURS = "app.kubernetes.io/managed-by=espalier"
_HOUSE: pytest.StashKey[Espalier] = pytest.StashKey()


class Command:
    """Runs `espalier ...`, or another program of this environment, as its users do."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    async def __call__(self, *words: str, code: int = 0, given: str = "") -> str:
        """What `espalier WORDS` prints. Fails unless it ends with `code`."""
        return await self.python("-c", "from workers.cli import main; main()", *words, code=code, given=given)

    async def python(self, *words: str, code: int = 0, given: str = "") -> str:
        """What `python WORDS` prints."""
        pipe = subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, env=self._environment
        )
        try:
            printed, _ = await process.communicate(given.encode())
        finally:
            if process.returncode is None:  # nobody waits for it any more
                process.kill()
        assert process.returncode == code, f"{' '.join(words)} ended with {process.returncode}\n{printed.decode()}"
        return printed.decode()

    async def until(self, name: str, phase: str) -> None:
        """Return once the system is in that phase, as `status` tells it."""
        while json.loads(await self("status", name, "-o", "json"))["phase"] != phase:
            pass


@pytest.fixture(scope="module")
def house(control_plane: Cluster, pytestconfig: pytest.Config) -> Iterator[Espalier]:
    """Temporal, a worker, an agent."""
    with Espalier(control_plane.access.kubeconfig, ASKS_FOR_NODES) as running:
        pytestconfig.stash[_HOUSE] = running
        yield running


@pytest_asyncio.fixture
async def espalier(house: Espalier) -> AsyncIterator[Command]:
    """The command line, as from a shell beside them; systems that the test leaves behind are deleted."""
    command = Command(house.environment)
    yield command
    for left in json.loads(await command("get", "-A", "-o", "json")):
        await command("delete", left["name"], "-n", left["namespace"], "--wait", "--timeout", "30")


@pytest_asyncio.fixture
async def racks(empty: Api) -> AsyncIterator[Api]:
    """The cluster's own client; two racks of GB200."""
    nodes = list(gb200(RACKS))
    await apply_nodes(empty, nodes)
    await until_nodes_ready(empty, len(nodes))
    yield empty


@pytest_asyncio.fixture
async def kubectl(empty: Api, house: Espalier, espalier: Command, control_plane: Cluster) -> AsyncIterator[Kubectl]:
    """kubectl, as the cluster's administrator; what the test leaves behind is deleted."""
    run = Kubectl(control_plane.access.kubeconfig)
    await eventually(lambda: served(empty), SETTLED_S)
    yield run
    await run("delete", "isys,pcs", "--all", "-A", "--timeout=60s")
    await eventually(lambda: none_listed(espalier), SETTLED_S)


async def none_listed(espalier: Command) -> bool:
    """Whether Temporal, too, has it that no system is left: its lists lag a little."""
    return not json.loads(await espalier("get", "-A", "-o", "json"))


async def served(api: Api) -> bool:
    """Whether the agent has installed the definitions, all of them."""
    found = await api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", labelSelector=OURS)
    return sum(condition(each, "Established") == "True" for each in found) == len(crds())


@pytest_asyncio.fixture
async def tenant(empty: Api, kubectl: Kubectl) -> AsyncIterator[Kubectl]:
    """kubectl in a namespace of its own, with four hosts of four CPUs."""
    await apply_nodes(empty, [node(f"host-{index}", {}, {"cpu": "4", "memory": "8Gi", "pods": "20"}) for index in range(HOSTS)])
    await until_nodes_ready(empty, HOSTS)
    await kubectl("create", "namespace", SPACE)
    await kubectl("config", "set-context", "--current", f"--namespace={SPACE}")
    yield kubectl
    await kubectl("config", "set-context", "--current", "--namespace=default")
    await kubectl("delete", "isys", "--all", "-A", "--timeout=60s")
    await kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--timeout=60s")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the ends of the product's logs to the report of a test that failed on it."""
    report = yield
    if report.failed and "house" in getattr(item, "fixturenames", ()) and _HOUSE in item.config.stash:
        report.sections.append(("espalier", item.config.stash[_HOUSE].logs()))
    return report
