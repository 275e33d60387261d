"""A chapter of the demo: small pods all over the racks, and a gang that needs a rack to itself."""

import asyncio
import time
from typing import Any

import yaml

from activities.cluster.kube import PODS, Kube
from examples.stage import Failed, Stage, labels_of, node_of

SMALL, LARGE = "notebooks", "training"
GPUS = {"nvidia.com/gpu": 4}
TOLERATED = [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
WAITS_S = 30.0


async def makes_room(stage: Stage, kube: Kube, level: str) -> None:
    """Fragmented, planned, approved."""
    since = time.monotonic()
    nodes = await labels_of(kube)
    racks = sorted({labels[level] for labels in nodes.values()})
    hosts = min(sum(labels[level] == rack for labels in nodes.values()) for rack in racks)
    _declare(stage, SMALL, copies=len(racks), place={"spread": {"over": "rack", "strength": "preferred"}})
    stage.do(f"apply -f {stage.folder / SMALL}.yaml --wait --timeout 60")
    before = await _where(kube, SMALL)
    stage.check("every rack has a notebook on it", {nodes[node][level] for node in before.values()} == set(racks), since)
    _declare(stage, LARGE, pods=hosts, place={"within": "rack"})
    stage.do(f"apply -f {stage.folder / LARGE}.yaml")
    await _until_explained(stage)
    stage.do("defragment start")
    stage.do("defragment approve --wait --timeout 60")
    stage.do(f"apply -f {stage.folder / LARGE}.yaml --wait --timeout 60", shown=False)
    after, trained = await _where(kube, SMALL), await _where(kube, LARGE)
    stage.check(f"{hosts} pods have a rack to themselves", len({nodes[node][level] for node in trained.values()}) == 1, since)
    stage.check("one notebook has moved for that", len(after) == len(before) and len(after.keys() - before.keys()) == 1, since)
    stage.do(f"delete {SMALL}", shown=False)
    stage.do(f"delete {LARGE} --wait --timeout 60", shown=False)


async def _until_explained(stage: Stage) -> None:
    """Until it is said what would let it in."""
    deadline = time.monotonic() + WAITS_S
    while "espalier defragment start" not in stage.ask(f"explain {LARGE}"):
        if time.monotonic() > deadline:
            raise Failed(f"nobody says within {WAITS_S:g} s what would let it in: {stage.ask(f'explain {LARGE}')}")
        await asyncio.sleep(0.2)
    stage.do(f"explain {LARGE}")


def _declare(stage: Stage, name: str, place: dict[str, Any], copies: int = 1, pods: int = 1) -> None:
    container = {"name": "main", "image": "python:3.13", "resources": {"requests": GPUS, "limits": GPUS}}
    pod = {"containers": [container], "tolerations": TOLERATED, "terminationGracePeriodSeconds": 1}
    members = [{"role": "worker", "replicas": pods, "template": {"spec": pod}}]
    kind = {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": name}}
    written = yaml.safe_dump({**kind, "spec": {"replicas": copies, "members": members, "place": place}})
    (stage.folder / f"{name}.yaml").write_text(written)


async def _where(kube: Kube, name: str) -> dict[str, str]:
    """UID -> node of every pod that stays."""
    found = (await kube.list(PODS, "default", f"espalier.dev/system={name}")).items
    return {pod["metadata"]["uid"]: node_of(pod) for pod in found if "deletionTimestamp" not in pod["metadata"]}
