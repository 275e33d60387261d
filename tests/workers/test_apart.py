"""Systems that keep apart, on a real control plane: whichever comes first, and after a restart of the agent."""

import json

import pytest

from tests.cluster.kubectl import Kubectl
from tests.running import AGENT, Espalier
from tests.workers.living import SETTLED_S, Command
from tests.workers.tenancy import declared

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]


def system(name: str, *others: str) -> str:
    """One small pod, never on a host of the others."""
    apart = [{"systems": [each], "over": "host", "strength": "required"} for each in others]
    return declared(1, cpu="1", apart=apart).replace("name: llama", f"name: {name}")


async def host_of(tenant: Kubectl, name: str) -> str:
    await tenant("wait", f"isys/{name}", "--for=condition=Ready", f"--timeout={SETTLED_S:.0f}s")
    (pod,) = json.loads(await tenant("get", "pods", "-l", f"espalier.dev/system={name}", "-o", "json"))["items"]
    return str(pod["spec"]["nodeName"])


async def test_no_host_is_shared_whichever_comes_first(tenant: Kubectl, espalier: Command, house: Espalier) -> None:
    await tenant("apply", "-f", "-", given=system("chat"))
    first = await host_of(tenant, "chat")
    await tenant("apply", "-f", "-", given=system("other"))
    assert await host_of(tenant, "other") == first, "the tightest host, were it not for the rule"
    await tenant("apply", "-f", "-", given=system("spare", "chat", "late"))
    spare = await host_of(tenant, "spare")
    assert spare != first
    house.process(AGENT).kill()
    house.process(AGENT).start()
    await tenant("apply", "-f", "-", given=system("late"))
    assert await host_of(tenant, "late") != spare
    hosts = (await tenant("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}")).split()
    await tenant("cordon", *(each for each in hosts if each != first))
    await tenant("apply", "-f", "-", given=system("third", "chat"))
    await tenant("wait", "isys/third", "--for=jsonpath={.status.reason}=NoEligibleHost", "--timeout=60s")
    assert "1 too near to a system that it keeps apart from" in await espalier("explain", "third", "-n", "tenant")
    await tenant("uncordon", *hosts)
    assert await host_of(tenant, "third") != first
