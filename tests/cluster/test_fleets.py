"""The described fleets have the shapes they say they have."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.api import Json
from workers.simulated import fleets


def sizes(nodes: list[Json], label: str) -> list[int]:
    """How many nodes each domain of a level holds, in order of appearance."""
    return list(Counter(node["metadata"]["labels"][label] for node in nodes).values())


def gpus(nodes: list[Json]) -> int:
    return sum(int(node["status"]["capacity"]["nvidia.com/gpu"]) for node in nodes)


def test_an_nvl72_rack_is_one_clique_of_72_gpus() -> None:
    nodes = list(fleets.gb200(9))
    assert sizes(nodes, fleets.CLIQUE) == [18] * 9
    assert sizes(nodes, f"{fleets.NVIDIA}/block") == [8 * 18, 18]
    assert gpus(nodes) == 9 * 72


def test_a_dgx_scalable_unit_is_32_nodes() -> None:
    nodes = list(fleets.dgx_h100(40))
    assert sizes(nodes, f"{fleets.NVIDIA}/spine") == [128, 32]
    assert sizes(nodes, f"{fleets.NVIDIA}/block") == [32] * 5
    assert gpus(nodes) == 160 * 8


def test_groves_fake_cluster() -> None:
    nodes = list(fleets.grove_e2e())
    assert sizes(nodes, "kubernetes.io/zone") == [28, 2]
    assert sizes(nodes, "kubernetes.io/block") == [14, 14, 2]
    assert sizes(nodes, "kubernetes.io/rack") == [7, 7, 7, 7, 2]
    assert [node["metadata"]["name"] for node in nodes] == sorted(node["metadata"]["name"] for node in nodes)
    assert {node["spec"]["taints"][0]["value"] for node in nodes} == {"agent"}


def test_openb_has_its_published_size() -> None:
    folder = Path(os.environ.get("ESPALIER_DATA", "/nonexistent"))
    if not (folder / fleets.OPENB_FILE).exists():
        pytest.skip(f"no {fleets.OPENB_FILE}; ESPALIER_DATA names the folder that holds it")
    nodes = list(fleets.openb(folder / fleets.OPENB_FILE))
    assert (len(nodes), gpus(nodes)) == (1213, 6212)
    assert set(sizes(nodes, fleets.SYNTHETIC_RACK)[:-1]) == {16}


@pytest.mark.parametrize("fleet", [fleets.gb200, fleets.dgx_h100, fleets.plain])
def test_names_are_unique(fleet: Callable[[int], Iterator[Json]]) -> None:
    names = [node["metadata"]["name"] for node in fleet(9)]
    assert len(set(names)) == len(names)
