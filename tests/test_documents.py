"""Every block of YAML in the documents is taken as it stands, or as a part of the smallest manifest that has its members."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from specs.owners import API_VERSION
from specs.reading import read
from workers.simulated.fabrics import FabricFile

DOCS = Path(__file__).parents[1] / "docs"
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [
    pytest.param(yaml.safe_load(text), id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, text in enumerate(BLOCK.findall(page.read_text()), 1)
]
CONTAINER: dict[str, Any] = {"name": "main", "image": "server"}


def system(container: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """With the members that the documents speak of."""
    template = {"spec": {"containers": [{**CONTAINER, **container}]}}
    roles = [{"role": name, "replicas": 2, "template": template} for name in ("leader", "worker")]
    groups = [{"group": name, "replicas": replicas, "members": roles} for name, replicas in (("prefill", 2), ("decode", 4))]
    named = {"apiVersion": API_VERSION, "kind": "InferenceSystem", "metadata": {"name": "llama"}}
    return {**named, "spec": {"members": groups, **spec}}


def clique_set(metadata: dict[str, Any]) -> dict[str, Any]:
    """The same in Grove's words."""
    cliques = [
        {
            "name": f"{group}-{role}",
            "spec": {"roleName": f"{group}-{role}", "replicas": 2, "podSpec": {"containers": [CONTAINER]}},
        }
        for group in ("prefill", "decode")
        for role in ("leader", "worker")
    ]
    groups = [
        {"name": group, "replicas": 2, "cliqueNames": [f"{group}-leader", f"{group}-worker"]} for group in ("prefill", "decode")
    ]
    template = {"cliques": cliques, "podCliqueScalingGroups": groups}
    named = {"apiVersion": "grove.io/v1alpha1", "kind": "PodCliqueSet", "metadata": {"name": "llama", **metadata}}
    return {**named, "spec": {"replicas": 1, "template": template}}


@pytest.mark.parametrize("block", BLOCKS)
def test_what_documents_show_is_taken(block: dict[str, Any]) -> None:
    if block.keys() >= {"levels", "hosts"}:
        FabricFile.model_validate(block)
    elif block.get("kind") == "HorizontalPodAutoscaler":
        assert block["spec"]["scaleTargetRef"] == {"apiVersion": API_VERSION, "kind": "SystemMember", "name": "llama.decode"}
    else:
        assert len(read(yaml.safe_dump(completed(block)), "document")) == 1


def completed(block: dict[str, Any]) -> dict[str, Any]:
    """A whole manifest."""
    if block.get("kind") == "Fabric":
        return {"apiVersion": API_VERSION, "metadata": {"name": "fabric"}, **block}
    if "metadata" in block:
        return clique_set(block["metadata"])
    return system(block, {}) if "env" in block else system({}, block["spec"])
