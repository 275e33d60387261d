"""`espalier evacuate` as its users type it, on the simulated cluster of `espalier up`."""

import json
from pathlib import Path

import pytest
import yaml

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import NODES
from specs.sections import section
from tests.workers.upping import Up
from workers.simulated.fleets import CLIQUE

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]


def declared() -> str:
    container = {"name": "main", "image": "server", "resources": {"requests": {"nvidia.com/gpu": "4"}}}
    members = [{"role": "server", "replicas": 2, "template": {"spec": {"containers": [container]}}}]
    spec = {"replicas": 2, "members": members, "place": {"within": "rack"}}
    kind = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    return yaml.safe_dump(kind | {"spec": spec})


async def rack_of(up: Up, host: str) -> str:
    async with HttpKube(await from_kubeconfig(str(up.plan.access))) as kube:
        return str((await kube.get(NODES, host))["metadata"]["labels"][CLIQUE])


async def test_a_rack_is_evacuated_and_open_again(tmp_path: Path) -> None:
    up = Up(tmp_path)
    async with up.running():
        espalier = up.command
        await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=declared())
        before = {section(pod, "spec")["nodeName"] for pod in await up.pods()}
        rack = await rack_of(up, min(before))
        plan = json.loads(await espalier("evacuate", f"rack={rack}", "--dry-run", "-o", "json"))
        assert {move["from"] for move in plan["moves"]} == before
        assert "Nothing of Espalier's is left there" in await espalier("evacuate", f"rack={rack}", "--wait", "--timeout", "60")
        await espalier.until("llama", "Ready")
        after = {section(pod, "spec")["nodeName"] for pod in await up.pods()}
        assert len(after) == 4
        assert after.isdisjoint(plan["nodes"])
        assert json.loads(await espalier("status", "llama", "-o", "json"))["last"]["kind"] == "Evacuation"
        assert "is left there" in await espalier("evacuate")
        await espalier("evacuate", f"rack={rack}", "--cancel")
        assert "No node is being evacuated" in await espalier("evacuate")
        assert "no node is in rack 'r99'" in await espalier("evacuate", "rack=r99", code=1)
