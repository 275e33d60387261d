"""Webhooks of others that refuse our pods or change them: said, never fought, and over when they are."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest
import yaml

from tests.activities.port import eventually
from tests.cluster.admitting import Answer, Kind, admitting
from tests.cluster.api import Api, ApiError, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.living import SETTLED_S, SPACE
from tests.workers.tenancy import declared, places, ready, says

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]
PODS = f"/api/v1/namespaces/{SPACE}/pods"
PROBE: Json = {"metadata": {"name": "probe"}, "spec": {"containers": [{"name": "main", "image": "probe"}]}}
PATIENCE_S, MOST_TRIES = 8.0, 8
"""In so many seconds; a fight would have hundreds."""


async def heeded(api: Api, asked: list[str]) -> None:
    """The API server takes a moment to ask a new webhook."""

    async def so() -> bool:
        with suppress(ApiError):  # one of them refuses it
            await api.post(PODS, PROBE, dryRun="All")
        return bool(asked)

    await eventually(so, SETTLED_S)
    asked.clear()


def without_gate(pod: Json) -> list[Json]:
    gated = "schedulingGates" in pod["spec"]
    return [{"op": "remove", "path": "/spec/schedulingGates"}] if gated else []


def without_labels(pod: Json) -> list[Json]:
    labelled = "espalier.dev/system" in pod["metadata"].get("labels", {})
    return [{"op": "remove", "path": "/metadata/labels/espalier.dev~1system"}] if labelled else []


#                     which kind    what it does                        what the status says
UNWELCOME: dict[str, tuple[Kind, Answer, tuple[str, ...]]] = {
    "refuses":       ("Validating", lambda pod: "images must be signed", ("images must be signed", "exempt the namespace")),
    "takes a gate":  ("Mutating",   without_gate,   ("took away its scheduling gate", "Exempt pods with the label")),
    "takes a label": ("Mutating",   without_labels, ("took away its label espalier.dev/system", "Exempt pods")),
}  # fmt: skip


@pytest.mark.parametrize(("kind", "answer", "words"), UNWELCOME.values(), ids=UNWELCOME)
async def test_what_can_not_be_is_said_tried_ever_more_slowly_and_over_with_the_webhook(
    kind: Kind, answer: Answer, words: tuple[str, ...], tenant: Kubectl, empty: Api, tmp_path: Path
) -> None:
    """The second role waits for the first, which takes its time: its pod is gated."""
    manifest = yaml.safe_load(declared(1, start="inOrder"))
    (first,) = manifest["spec"]["members"]
    manifest["spec"]["members"].append({**first, "role": "last"})
    first["template"] = {"metadata": {"annotations": {"sim.espalier.dev/ready-after": "20s"}}, **first["template"]}
    async with admitting(empty, kind, answer, SPACE, tmp_path) as asked:
        await heeded(empty, asked)
        await tenant("apply", "-f", "-", given=yaml.safe_dump(manifest))
        await says(tenant, *words)
        asked.clear()
        await asyncio.sleep(PATIENCE_S)  # how often it is asked in a time is what is measured
        assert len(asked) <= MOST_TRIES
        orphans = [pod for pod in await empty.items(PODS) if "espalier.dev/system" not in pod["metadata"].get("labels", {})]
        assert orphans == []
    await ready(tenant, 2)


async def test_what_a_webhook_adds_counts_and_is_left_alone(tenant: Kubectl, empty: Api, tmp_path: Path) -> None:
    proxy = {"name": "proxy", "image": "proxy", "resources": {"requests": {"cpu": "1"}}}

    def with_sidecar(pod: Json) -> list[Json]:
        return [{"op": "add", "path": "/spec/containers/-", "value": proxy}]

    async with admitting(empty, "Mutating", with_sidecar, SPACE, tmp_path) as asked:
        await heeded(empty, asked)
        await tenant("apply", "-f", "-", given=declared(6, cpu="1"))
        await ready(tenant, 6)
        made = len(asked)
        found = await places(tenant)
        assert max(found.count(each) for each in found) == 2
        await tenant("annotate", "isys/llama", "note=looked")
        await ready(tenant, 6)
        assert len(asked) == made <= 6 + 6, "pods that are not as they were sent are not made again"
