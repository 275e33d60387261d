"""Commands as a client would give them to what may be dead, and waiting until all is as declared."""

import asyncio
from collections.abc import Callable, Collection, Coroutine

from tests.chaos.accounts import there
from tests.chaos.bound import amounts
from tests.chaos.witness import Witness
from tests.cluster.api import Api
from tests.cluster.nodes import apply_nodes, condition, until_nodes_ready
from workers.simulated import fleets

GPUS_A_NODE = 4
SETTLED_TIMEOUT_S = 90.0
ANSWER_TIMEOUT_S = 5.0


async def watched_racks(api: Api, count: int) -> Witness:
    """So many racks of GB200 that are Ready, and a witness who knows them."""
    nodes = list(fleets.gb200(count))
    await apply_nodes(api, nodes)
    await until_nodes_ready(api, len(nodes))
    racks = {node["metadata"]["name"]: node["metadata"]["labels"][fleets.CLIQUE] for node in nodes}
    has = {node["metadata"]["name"]: amounts(node["status"]["allocatable"]) for node in nodes}
    return Witness(dict.fromkeys(racks, GPUS_A_NODE), racks, allocatable=has)


async def insist(
    call: Callable[[], Coroutine[object, object, object]], most_s: float = SETTLED_TIMEOUT_S, answer_s: float = ANSWER_TIMEOUT_S
) -> None:
    """Call until it is answered."""
    said = ""
    try:
        async with asyncio.timeout(most_s):
            while True:
                try:
                    await asyncio.wait_for(call(), answer_s)
                except Exception as error:  # noqa: BLE001 - whatever a killed server makes of it: ask again
                    said = repr(error)
                    await asyncio.sleep(0.2)
                else:
                    return
    except TimeoutError:
        raise TimeoutError(f"not answered within {most_s:g} s: {said}") from None


async def until_pods(witness: Witness, wanted: int, without: Collection[str] = ()) -> None:
    """Wait for exactly so many Ready pods, one a slot, and none of these (uids)."""
    try:
        async with asyncio.timeout(SETTLED_TIMEOUT_S):
            while not settled(witness, wanted) or uids(witness) & {*without}:  # noqa: ASYNC110 - a witness is asked, not told
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise TimeoutError(f"{wanted} pods wanted, and there are:\n{witness.told()}") from None


def uids(witness: Witness) -> set[str]:
    """Of the pods that are there."""
    return {pod["metadata"]["uid"] for pod in witness.pods.values()}


def settled(witness: Witness, wanted: int) -> bool:
    """As declared: so many slots, one live pod in each, all Ready, and nothing leaving."""
    slots = witness.slots()
    ready = [pod for pod in witness.pods.values() if condition(pod, "Ready") == "True"]
    return len(slots) == len(ready) == len(witness.pods) == wanted and all(len(names) == 1 for names in slots.values())


async def nothing_left(api: Api, namespace: str, most_s: float = SETTLED_TIMEOUT_S) -> None:
    """No object of any kind."""

    async def look() -> None:
        assert await leftovers(api, namespace) == []

    await insist(look, most_s)


async def leftovers(api: Api, namespace: str) -> list[str]:
    """Names of what there is, of whatever kind."""
    return [f"{plural}/{each['metadata']['name']}" for plural, items in (await there(api, namespace)).items() for each in items]
