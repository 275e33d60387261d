"""What is shipped: the manifests, rendered and applied as they are, and Espalier run as the accounts that they make."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from tests.activities.port import eventually
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.running import Espalier
from tests.workers.installed import as_installed
from tests.workers.living import Command
from tests.workers.test_end_to_end import MANIFEST, pods
from workers.cli import application, run
from workers.settings import Settings, variable

ROOT = Path(__file__).parents[2]


def test_the_shipped_manifests_are_what_install_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["install", "--dry-run"]) == 0
    assert capsys.readouterr().out == (ROOT / "deploy" / "espalier.yaml").read_text()


def test_compose_starts_what_there_is() -> None:
    services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    known = {command.name for command in application().registered_commands}
    for name in ("worker", "agent"):
        assert services[name]["command"][0] in known
        settings = {key for key in services[name]["environment"] if key.startswith("ESPALIER_")}
        assert settings <= {variable(each) for each in Settings.model_fields}
        assert services[name]["deploy"]["replicas"] == 2
    assert services["agent"]["user"] == "${UID:-1000}", "only its owner may read a kubeconfig"


@pytest.mark.cluster
async def test_rendered_and_taken_by_the_server(control_plane: Cluster, racks: Api, tmp_path: Path) -> None:
    del racks
    kubectl = Kubectl(control_plane.access.kubeconfig)
    rendered = await kubectl("kustomize", str(ROOT / "deploy"))
    shipped = list(yaml.safe_load_all(rendered))
    first = tmp_path / "first.yaml"
    first.write_text(yaml.safe_dump_all([each for each in shipped if each["kind"] in {"Namespace", "CustomResourceDefinition"}]))
    await kubectl("apply", "--server-side", "--force-conflicts", "-f", str(first))
    said = await kubectl("apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-", given=rendered)
    assert said.count("serverside-applied") == len(shipped)
    assert "arning" not in said, "the strictest pod security is kept"


@pytest_asyncio.fixture
async def installed(control_plane: Cluster, racks: Api, tmp_path: Path) -> AsyncIterator[Espalier]:
    """Espalier as installed."""
    del racks
    async with as_installed(control_plane, tmp_path) as house:
        yield house


@pytest.mark.cluster
@pytest.mark.timeout(180)
async def test_it_works_with_the_rights_it_ships_and_leaves_the_pods_when_it_goes(
    control_plane: Cluster, racks: Api, installed: Espalier
) -> None:
    kubectl, espalier = Kubectl(control_plane.access.kubeconfig), Command(installed.environment)
    await kubectl("apply", "-f", "-", given=MANIFEST)
    await kubectl("wait", "isys/llama", "--for=condition=Ready", "--timeout=60s")
    await kubectl("scale", "ism/llama.decode", "--replicas=3")
    await eventually(lambda: so_many(racks, 14), 60)
    victim = (await pods(racks))[0]["metadata"]["name"]
    await kubectl("delete", "pod", victim, "--force")
    await eventually(lambda: so_many(racks, 14), 60)
    assert "forbidden" not in installed.logs()
    before = {pod["metadata"]["uid"] for pod in await pods(racks)}
    said = await espalier("uninstall", "--yes", "--kubeconfig", str(control_plane.access.kubeconfig))
    assert "workflows are ended" in said
    assert not said.startswith("0 "), "that of the system, and of what is done with it at that moment"
    await kubectl("wait", "crd/inferencesystems.espalier.dev", "--for=delete", "--timeout=60s")
    assert {pod["metadata"]["uid"] for pod in await pods(racks)} == before
    await kubectl("delete", "pods,services,pdb", "-l", "espalier.dev/system=llama", "--force")


async def so_many(api: Api, wanted: int) -> bool:
    """Whether there are so many pods, all running."""
    found = await pods(api)
    return len(found) == wanted and all(pod["status"].get("phase") == "Running" for pod in found)
