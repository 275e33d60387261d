"""Grove's own manifests as they are, with kubectl, on a real API server: GS1-GS12, TAS2-TAS13, SO1-SO4 and CascadeDelete."""

import asyncio
from typing import Any

import pytest
import yaml

from specs.reading import read
from specs.system import InferenceSystem
from tests.golden.grove_script import FILES, MANIFESTS, GroveScript
from tests.golden.script import Step
from tests.golden.test_gangs import CASES as GANGS
from tests.golden.test_gangs import case, play
from tests.golden.test_levels import IMPOSSIBLE, LABELLED, check_domains
from tests.golden.test_start_order import CASES as ORDERS
from tests.golden.test_start_order import READY_AFTER, check_order
from tests.topology.test_golden import TAS

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(300),
    pytest.mark.skipif(not MANIFESTS.is_dir(), reason="ESPALIER_DATA names no folder that holds Grove's own manifests"),
]
CHILDREN = (
    "pods", "services", "serviceaccounts", "poddisruptionbudgets", "controllerrevisions", "horizontalpodautoscalers", "secrets",
    "roles", "rolebindings", "podcliquesets", "podcliques", "podcliquescalinggroups", "podgangs", "placements", "systemmembers",
)  # fmt: skip
OF_THE_NAMESPACE = {"serviceaccount/default"}


def slow(name: str, quick: tuple[str, ...]) -> Any:
    return pytest.param(name, marks=() if name in quick else pytest.mark.long)


@pytest.mark.parametrize("steps", [case(name, steps) for name, steps in GANGS.items()])
async def test_gangs(steps: tuple[Step, ...], grove: GroveScript) -> None:
    await play(steps, grove)


@pytest.mark.parametrize("name", [slow(name, ("tas8",)) for name in TAS])
async def test_levels(name: str, grove: GroveScript) -> None:
    await grove.room(LABELLED)
    await grove.apply(name)
    await grove.until(ready=TAS[name][0], pending=0)
    (system,) = read((MANIFESTS / f"{FILES[name]}.yaml").read_text(), name)
    assert isinstance(system, InferenceSystem)
    await check_domains(grove, system.spec)


async def test_nothing_of_an_impossible_gang_is_scheduled(grove: GroveScript) -> None:
    await grove.room(LABELLED)
    await grove.apply(IMPOSSIBLE)
    await grove.until(ready=0, pending=10)
    assert not [pod for pod in await grove.pods() if pod["spec"].get("nodeName")]
    gang = yaml.safe_load(await grove.kubectl("get", "podgang", f"{grove.system}-0", "-n", grove.namespace, "-o", "yaml"))
    assert gang["spec"]["topologyConstraint"] == {"packConstraint": {"required": "kubernetes.io/rack"}}


@pytest.mark.parametrize(
    ("name", "orders"), [pytest.param(*about, id=title, marks=pytest.mark.long) for title, about in ORDERS.items()]
)
async def test_start_order(name: str, orders: dict[str, list[tuple[str, int]]], grove: GroveScript) -> None:
    await grove.apply(name, ready_after=READY_AFTER)
    await grove.until(ready=10, pending=0)
    check_order(await grove.pods(), orders)


async def test_a_set_goes_with_all_that_was_made_for_it(grove: GroveScript) -> None:
    await grove.room(10)
    await grove.apply("workload1")
    await grove.until(ready=10, pending=0)
    made = await left(grove)
    assert {each.partition(".")[0].partition("/")[0] for each in made} >= {"pod", "service", "podclique", "podgang"}, made
    await grove.kubectl("delete", "podcliqueset", grove.system, "-n", grove.namespace)
    async with asyncio.timeout(30):
        while await left(grove):  # noqa: ASYNC110 - the API server is asked, nobody in this process knows
            await asyncio.sleep(0.2)


async def left(grove: GroveScript) -> set[str]:
    """Every object of every kind that a set may have."""
    printed = await grove.kubectl("get", ",".join(CHILDREN), "-n", grove.namespace, "-o", "name", "--ignore-not-found")
    return set(printed.split()) - OF_THE_NAMESPACE
