"""Every entry of docs/runbook.md: it happens, is seen as the entry says, and what the entry says to type helps."""

import json
import re
import shlex
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.cluster.losing import lose_node, return_node
from tests.cluster.nodes import remove_node
from tests.running import AGENT, TEMPORAL, Espalier
from tests.workers.living import SETTLED_S, SPACE, Command
from tests.workers.tenancy import declared, places, pods, ready

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(240)]
BOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
ENTRIES = {entry.partition("\n")[0]: entry for entry in re.split(r"^## \d+\. ", BOOK, flags=re.MULTILINE)[1:]}
HOST = "host-0"
NOTICED_S = 150.0
"""A workflow gives a step a minute to be taken up before it says that nobody does."""


@dataclass
class Night:
    """A system `llama` of three pods, and those who run it."""

    api: Api
    kubectl: Kubectl
    espalier: Command
    house: Espalier

    async def declare(self, pods: int = 3, wait: bool = True, annotations: dict[str, str] | None = None, **spec: Json) -> None:
        manifest: Json = yaml.safe_load(declared(pods, cpu="1", **spec))
        template = manifest["spec"]["members"][0]["template"]
        template["metadata"] = {"annotations": annotations or {}}
        await self.kubectl("apply", "-f", "-", given=yaml.safe_dump(manifest))
        if wait:
            await ready(self.kubectl, pods)

    async def type(self, title: str, node: str) -> None:
        """All that the entry says to type."""
        for line in re.findall(r"```bash\n(.*?)```", ENTRIES[title], flags=re.DOTALL)[0].splitlines():
            program, *words = shlex.split(line.replace("NODE", node))
            if words[0] == "logs":
                continue  # fake nodes have none
            if program == "kubectl":
                await self.kubectl(*words)
            else:
                await self.espalier(*words, *(() if {"-A", "defragment"} & {*words} else ("-n", SPACE)))

    async def sees(self, title: str, look: Callable[[], Awaitable[str]] | None = None, patience_s: float = SETTLED_S) -> None:
        """What the entry says that one sees."""
        line = next(line for line in ENTRIES[title].splitlines() if line.startswith("**Sees:**"))
        words, shown = re.findall(r"`([^`]+)`", line), ""

        async def so() -> bool:
            nonlocal shown
            shown = await (look or self.told)()
            return all(word in shown for word in words)

        try:
            await eventually(so, patience_s)
        except AssertionError as error:
            raise AssertionError(f"{words} not in: {shown}") from error

    async def told(self) -> str:
        """What status and explain say."""
        status = await self.espalier("status", "llama", "-n", SPACE, "-o", "wide")
        return f"{status}\n{await self.espalier('status', 'llama', '-n', SPACE, '-o', 'json')}"

    async def refused(self) -> str:
        return await self.espalier("status", "llama", "-n", SPACE, code=1)


@pytest.fixture
def night(empty: Api, tenant: Kubectl, espalier: Command, house: Espalier) -> Night:
    return Night(empty, tenant, espalier, house)


Happening = Callable[[Night, str], Awaitable[None]]
HAPPENINGS: dict[str, Happening] = {}


def happens(title: str) -> Callable[[Happening], Happening]:
    """One entry's test."""

    def noted(happening: Happening) -> Happening:
        HAPPENINGS[title] = happening
        return happening

    return noted


@pytest.mark.parametrize("title", ENTRIES)
async def test_what_the_book_says_helps(title: str, night: Night) -> None:
    await HAPPENINGS[title](night, title)


@happens("A pod crash loops")
async def crash_loops(night: Night, title: str) -> None:
    await night.declare()
    crash = {"crash-after": "300ms", "crash-times": "99", "restart-after": "4s"}
    asked = {f"sim.espalier.dev/{key}": value for key, value in crash.items()}
    await night.declare(wait=False, annotations=asked, rollout={"minReadySeconds": 5})
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


@happens("An image is missing")
async def image_missing(night: Night, title: str) -> None:
    await night.declare()
    await night.declare(wait=False, annotations={"sim.espalier.dev/hang": "true"})
    (new,) = await eventually(lambda: unready(night), SETTLED_S)
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "registry.example.com/server:2: not found"}}
    said = {**new["status"]["containerStatuses"][0], "ready": False, "state": waiting}
    patch = json.dumps({"status": {"containerStatuses": [said]}})
    await night.kubectl("patch", "pod", new["metadata"]["name"], "--subresource=status", "--type=merge", "-p", patch)
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


async def unready(night: Night) -> list[Json]:
    found = [pod for pod in await pods(night.kubectl) if "containerStatuses" in pod.get("status", {})]
    return [pod for pod in found if not pod["status"]["containerStatuses"][0]["ready"]]


@happens("A pod failed too often and is left as it is")
async def given_up(night: Night, title: str) -> None:
    await night.declare(1, wait=False, annotations={"sim.espalier.dev/fail-after": "300ms"}, recovery={"restarts": 1})
    await night.sees(title)
    (left,) = [pod["metadata"]["name"] for pod in await pods(night.kubectl)]
    await night.type(title, HOST)

    async def replaced() -> bool:
        return left not in [pod["metadata"]["name"] for pod in await pods(night.kubectl)]

    await eventually(replaced, SETTLED_S)


@happens("A node is NotReady")
async def not_ready(night: Night, title: str) -> None:
    await night.declare(recovery={"nodeLostAfter": "1s"})
    lost = (await places(night.kubectl))[0]
    await lose_node(night.api, lost, known_at_once=True)
    await eventually(lambda: elsewhere(night, lost), SETTLED_S)
    await night.type(title, lost)
    await return_node(night.api, lost)
    await night.sees(title)


@happens("A node is to be drained")
async def drained(night: Night, title: str) -> None:
    await night.declare()
    node = (await places(night.kubectl))[0]
    await night.type(title, node)
    await ready(night.kubectl, 3)
    await night.sees(title)


@happens("Several nodes, or a rack, are gone")
async def rack_gone(night: Night, title: str) -> None:
    await night.declare(6)
    for node in sorted(set(await places(night.kubectl))):
        await remove_node(night.api, node)
    await ready(night.kubectl, 6)
    await night.sees(title)
    await night.type(title, HOST)


@happens("There is no room")
async def no_room(night: Night, title: str) -> None:
    hosts = json.loads(await night.kubectl("get", "nodes", "-o", "json"))["items"]
    for each in hosts:
        await night.kubectl("cordon", each["metadata"]["name"])
    await night.declare(wait=False)
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


@happens("A rollout is stuck")
async def stuck(night: Night, title: str) -> None:
    await night.declare()
    await night.declare(wait=False, annotations={"sim.espalier.dev/hang": "true"})
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


@happens("A quota refuses pods")
async def quota(night: Night, title: str) -> None:
    await night.kubectl("create", "quota", "small", "--hard=pods=2")
    await night.declare(wait=False)
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


@happens("Temporal is down")
async def temporal_down(night: Night, title: str) -> None:
    await night.declare()
    night.house.process(TEMPORAL).kill()
    try:
        await night.sees(title, night.refused)
        await night.type(title, HOST)
    finally:
        night.house.process(TEMPORAL).start()
        night.house.wait_for_temporal()
    victim = (await pods(night.kubectl))[0]["metadata"]["name"]
    await night.kubectl("delete", "pod", victim)
    await ready(night.kubectl, 3)


@happens("No agent answers")
async def agent_down(night: Night, title: str) -> None:
    await night.declare()
    night.house.process(AGENT).kill()
    try:
        await night.espalier("scale", "llama", "server=4", "-n", SPACE)
        await night.sees(title, lambda: night.espalier("explain", "llama", "-n", SPACE), NOTICED_S)
        await night.type(title, HOST)
    finally:
        night.house.process(AGENT).start()
    await ready(night.kubectl, 5)


@happens("Somebody set a wrong count")
async def wrong_count(night: Night, title: str) -> None:
    await night.declare()
    await night.espalier("scale", "llama", "server=6", "-n", SPACE, "--wait", "--timeout", "60")

    async def counts() -> str:
        found = json.loads(await night.espalier("status", "llama", "-n", SPACE, "-o", "json"))["counts"]
        return ", ".join(f"{path}={count}" for path, count in found.items())

    await night.sees(title, counts)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


@happens("A namespace was deleted")
async def namespace_deleted(night: Night, title: str) -> None:
    await night.declare()
    await night.kubectl("delete", "namespace", SPACE, "--timeout=60s")

    async def gone() -> str:
        return await night.espalier.python("-c", ASK, "status", "llama", "-n", SPACE)

    await night.sees(title, gone)
    await night.type(title, HOST)


@happens("Room enough is free, but not in one piece")
async def fragmented(night: Night, title: str) -> None:
    small: Json = yaml.safe_load(declared(1, cpu="1")) | {"metadata": {"name": "small"}}
    await night.kubectl("cordon", "host-1", "host-2", "host-3")
    await night.kubectl("apply", "-f", "-", given=yaml.safe_dump(small))
    await night.kubectl("wait", "isys/small", "--for=condition=Ready", "--timeout=60s")
    await night.kubectl("cordon", HOST)
    await night.kubectl("uncordon", "host-1")
    await night.espalier("scale", "small", "server=2", "-n", SPACE, "--wait", "--timeout", "60")
    await night.kubectl("uncordon", HOST, "host-2", "host-3")
    await night.kubectl("apply", "-f", "-", given=declared(3, cpu="4"))
    await night.sees(title)
    await night.type(title, HOST)
    await ready(night.kubectl, 3)


ASK = "import sys; from workers.cli import run; run(sys.argv[1:])"
"""`espalier ...` whose exit code does not matter: what it says changes in a while."""


async def elsewhere(night: Night, lost: str) -> bool:
    there = await places(night.kubectl)
    return len(there) == 3 and lost not in there


def test_every_entry_happens() -> None:
    assert list(HAPPENINGS) == list(ENTRIES)
