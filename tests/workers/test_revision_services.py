"""A Service for each revision that runs, and a Rollout where edited rules let more units go, on a real control plane."""

import json

import pytest
import yaml

from specs.sections import label
from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.workers.living import SETTLED_S, Command
from tests.workers.test_rollout import LABEL, image, manifest, pods

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]
SERVICES = "/api/v1/namespaces/default/services"
REVISION = "espalier.dev/revision"


def all_of(image_wanted: str, **rules: object) -> str:
    """The router too."""
    found = yaml.safe_load(manifest(image_wanted, {"revisionServices": True, **rules}))
    found["spec"]["members"][0]["template"]["spec"]["containers"][0]["image"] = f"example.com/server:{image_wanted}"
    return yaml.safe_dump(found)


async def serving(api: Api) -> dict[str, set[str]]:
    """Revision -> images of the pods that its Service selects."""
    chosen = {
        label(each, REVISION): ",".join(f"{key}={value}" for key, value in each["spec"]["selector"].items())
        for each in await api.items(SERVICES, labelSelector=f"{LABEL},{REVISION}")
    }
    return {
        revision: {image(pod) for pod in await api.items("/api/v1/namespaces/default/pods", labelSelector=selector)}
        for revision, selector in chosen.items()
    }


async def test_each_revision_that_runs_has_a_service_and_a_lower_partition_is_carried_out_by_a_rollout(
    racks: Api, espalier: Command
) -> None:
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=all_of("1"))
    ((first, found),) = (await serving(racks)).items()
    assert found == {"1"}
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=all_of("2", partition=1))
    second = str(json.loads(await espalier("status", "llama", "-o", "json"))["revision"])
    assert await serving(racks) == {first: {"1"}, second: {"2"}}, "of no revision are there pods in the other's Service"
    await espalier("apply", "-f", "-", "--wait", "--timeout", "60", given=all_of("2"))
    assert {image(pod) for pod in (await pods(racks)).values()} == {"2"}
    assert json.loads(await espalier("status", "llama", "-o", "json"))["last"]["kind"] == "Rollout"

    async def only_the_second() -> bool:
        return await serving(racks) == {second: {"2"}}

    await eventually(only_the_second, SETTLED_S)
    await espalier("delete", "llama", "--wait", "--timeout", "60")
    assert await racks.items(SERVICES, labelSelector=LABEL) == []
