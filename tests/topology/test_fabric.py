"""Levels: declared, or told by well-known labels."""

import pytest

from tests.topology.fleets import FABRIC, LABELS, fleet, node
from topology.supply.fabric import declared, discovered, merged
from topology.supply.fleet import Fleet

AWS = {f"topology.k8s.aws/network-node-layer-{layer}": "x" for layer in (1, 2, 3)}
GKE = {"cloud.google.com/gce-topology-block": "b", "cloud.google.com/gce-topology-subblock": "s"}
OKE = {f"oci.oraclecloud.com/rdma.{part}": "x" for part in ("hpc_island_id", "network_block_id", "local_block_id")}
TOPOGRAPH = {f"network.topology.nvidia.com/{part}": "x" for part in ("core", "spine", "leaf", "accelerator")}

#                              labels of a node                         levels
EXAMPLES: dict[str, tuple[dict[str, str], str]] = {
    "none":                    ({},                                     "host"),
    "zones only":              ({"topology.kubernetes.io/zone": "a"},   "zone host"),
    "our own":                 (dict.fromkeys(LABELS.values(), "x"),    "zone block rack host"),
    "NVLink domains":          ({"nvidia.com/gpu.clique": "c.1"},       "rack host"),
    "AWS":                     (AWS,                                    "datacenter block rack host"),
    "GKE":                     (GKE,                                    "block rack host"),
    "OKE":                     (OKE,                                    "datacenter block rack host"),
    "Topograph":               (TOPOGRAPH,                              "datacenter spine block rack host"),
    "not Grove's test labels": ({"kubernetes.io/rack": "r"},            "host"),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "levels"), EXAMPLES.values(), ids=EXAMPLES)
def test_discovers(labels: dict[str, str], levels: str) -> None:
    assert discovered([labels]).names == tuple(levels.split())


def test_a_declared_fabric_ends_with_the_host() -> None:
    fabric = declared([("rack", "r"), ("node", "kubernetes.io/hostname"), ("numa", "n")])
    assert fabric.names == ("rack", "node")
    assert fabric.index("host") == fabric.index("node") == 1


GB200 = [("block", "gb/block"), ("rack", "gb/rack"), ("host", "kubernetes.io/hostname")]
H100 = [("zone", "h/zone"), ("rack", "h/rack")]


def test_fabrics_of_several_parts_of_the_nodes_are_one() -> None:
    fabric = merged([GB200, H100])
    assert fabric.names == ("block", "zone", "rack", "host")
    assert fabric.path({"gb/block": "b1", "gb/rack": "r1"}) == ("b1", "", "r1")
    assert fabric.path({"h/zone": "z1", "h/rack": "r1"}) == ("", "z1", "r1")
    assert fabric.path({"gb/rack": "r1", "h/rack": "r2"}) == ("", "", "r1"), "the first counts"
    assert merged([GB200]) == declared(GB200)


def test_a_fabric_whose_levels_are_in_contrary_order_is_left_out() -> None:
    assert merged([GB200, [("rack", "h/rack"), ("block", "h/block")]]) == declared(GB200)


def test_an_unknown_level_is_refused_with_the_nearest() -> None:
    with pytest.raises(LookupError, match=r"no level 'racks', only zone, block, rack, host; did you mean 'rack'\?"):
        FABRIC.index("racks")


def test_racks_of_one_name_in_two_blocks_are_two() -> None:
    found = fleet({"z": {"b1": {"r": [8]}, "b2": {"r": [8]}}})
    assert found.domain("z-b1-r-0", "rack") == "z/b1/r"
    assert found.domain("z-b2-r-0", "rack") == "z/b2/r"


def test_a_node_without_the_label_is_in_no_domain() -> None:
    found = Fleet(FABRIC, [node("a", 8, ("z", "b")), node("b", 8, ("z", "", "r"))])
    assert found.domain("a", "rack") is None
    assert found.domain("b", "block") is None
    assert found.domain("b", "rack") == "z//r"
    assert found.domain("a", "host") == "a"
    assert found.domain("nobody", "zone") is None
