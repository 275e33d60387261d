"""Fleets by name, by file, and what is said of bad ones."""

from pathlib import Path

import pytest

from workers.failure import Failure
from workers.simulated.fabrics import nodes_of

GOOD = """
levels: [{name: block, count: 2}, {name: rack, count: 3}]
hosts: 4
capacity: {cpu: "8", nvidia.com/gpu: "4"}
labels: {kind: test}
"""


def test_presets() -> None:
    assert [len(nodes_of(name, 2)) for name in ("gb200", "dgx", "plain")] == [36, 8, 36]


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "fabric.yaml"
    file.write_text(GOOD)
    nodes = nodes_of(str(file), 1)
    racks = {node["metadata"]["labels"]["topology.espalier.dev/rack"] for node in nodes}
    assert (len(nodes), len(racks)) == (24, 6)
    assert nodes[0]["metadata"]["name"] == "block-0-rack-0-00"
    assert nodes[0]["metadata"]["labels"]["kind"] == "test"
    assert nodes[0]["status"]["allocatable"]["nvidia.com/gpu"] == "4"


BAD = {
    "no hosts": (GOOD.replace("hosts: 4", ""), "hosts: Field required"),
    "a slip": (GOOD.replace("hosts", "host"), "hosts: Field required"),
    "unknown": (GOOD + "racks: 3", "racks: Extra inputs are not permitted"),
    "negative": (GOOD.replace("hosts: 4", "hosts: -4"), "greater than or equal to 1"),
    "not a mapping": ("- 1", "it: Input should be a valid dictionary"),
    "not YAML": ("a: [", "not a fabric"),
    "nothing": ("", "it: Input should be a valid dictionary"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD)
def test_a_bad_file(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "fabric.yaml"
    file.write_text(text)
    with pytest.raises(Failure) as failure:
        nodes_of(str(file), 1)
    assert words in str(failure.value)
    assert "Choose gb200, dgx or plain" in failure.value.remedy


def test_no_such_fabric_and_a_bad_inventory(tmp_path: Path) -> None:
    inventory = tmp_path / "nodes.csv"
    inventory.write_text("sn,gpu\na,1\n")
    for name in ("gb2000", str(inventory), str(tmp_path)):
        with pytest.raises(Failure):
            nodes_of(name, 1)
