"""Grove's end-to-end cases TAS2-TAS13 (golden cases of topology), retold as InferenceSystems on a real API server.

What is asserted is where kube-scheduler bound the pods: every domain that the manifest asks for holds all pods it speaks of.
"""

import pytest

from specs.gangs import expand
from specs.names import SLOT
from specs.sections import annotation
from specs.system import SystemSpec
from tests.golden.script import Script
from tests.topology.test_golden import TAS, declared_in

LABELLED = 28
IMPOSSIBLE = "tas13"
QUICK = ("tas8",)
"""Run by every change; the others by `make test-long`."""


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.long) for name in TAS])
async def test_pods_are_bound_inside_what_was_asked_for(name: str, script: Script) -> None:
    await script.room(LABELLED)
    await script.apply(name)
    await script.until(ready=TAS[name][0], pending=0)
    await check_domains(script, declared_in(name).spec)


async def check_domains(script: Script, spec: SystemSpec) -> None:
    """Every domain that is asked for holds all pods it speaks of."""
    nodes = {annotation(pod, SLOT): pod["spec"]["nodeName"] for pod in await script.pods()}
    labels = {node["metadata"]["name"]: node["metadata"]["labels"] for node in await script.api.items("/api/v1/nodes")}
    for gang in expand(script.system, spec, {}):
        for scope, slots in gang.domains():
            key = "kubernetes.io/hostname" if scope.level == "host" else f"kubernetes.io/{scope.level}"
            assert len({labels[nodes[slot]][key] for slot in slots}) == 1, scope


@pytest.mark.cluster
async def test_nothing_of_an_impossible_gang_is_scheduled(script: Script) -> None:
    await script.room(LABELLED)
    await script.apply(IMPOSSIBLE)
    await script.until(ready=0, pending=10)
    assert not [pod for pod in await script.pods() if pod["spec"].get("nodeName")]
