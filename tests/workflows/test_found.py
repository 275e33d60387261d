"""What is found in Temporal by search attributes: who began an operation, and which ones wait, and for what."""

import asyncio

from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, POLL_S, TIMEOUT_S, House
from workflows.visibility import DOMAINS, GATE, WHO


async def found(house: House, query: str, count: int) -> list[str]:
    """Types of the executions of this cluster that a query finds, once there are so many."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            told = house.client.list_workflows(f"SystemCluster='{house.agent.cluster}' AND {query}")
            kinds = [each.workflow_type async for each in told]
            if len(kinds) == count:
                return kinds
            await asyncio.sleep(POLL_S)


async def test_who_changed_it(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    await house.systems.scale(NAMESPACE, "llama", {"server": 3})
    await house.ready(generation=2)
    assert sorted(await found(house, f"{WHO.name} = 'alice'", 2)) == ["Scale", "Startup"]


async def test_what_waits_is_found_by_its_reason_until_it_goes_on(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    waits = f"{GATE.name} = 'NoRoom'"
    await house.systems.scale(NAMESPACE, "llama", {"server": 40})
    assert await found(house, waits, 1) == ["Scale"]
    await house.systems.scale(NAMESPACE, "llama", {"server": 2})
    await house.ready(generation=3)
    assert await found(house, waits, 0) == []


async def test_what_is_on_a_rack(house: House) -> None:
    """Nodes are the racks here; the model fills them in order."""
    await house.systems.apply(system(copies=1, servers=1))
    await house.ready()
    assert await found(house, f"{DOMAINS.name} = 'n0'", 1) == ["InferenceSystem"]
    assert await found(house, f"{DOMAINS.name} = 'n3'", 0) == []
