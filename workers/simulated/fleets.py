"""Nodes of clusters that exist, or could, as plain manifests. Pure but for `openb`: the same arguments give the same nodes."""

import csv
import uuid
from collections.abc import Iterator
from pathlib import Path

from specs.owners import Manifest
from topology.planning.wares import RACKS, Rack

ZONE = "topology.kubernetes.io/zone"
NVIDIA = "network.topology.nvidia.com"
CLIQUE = "nvidia.com/gpu.clique"
PRODUCT = "nvidia.com/gpu.product"
SYNTHETIC_RACK, SYNTHETIC_BLOCK = "topology.espalier.dev/rack", "topology.espalier.dev/block"

GB200, DGX_H100 = RACKS["gb200-rack"], RACKS["dgx-rack"]
NODES_PER_NVL72 = GB200.nodes
RACKS_PER_BLOCK = 8
BLOCKS_PER_ZONE = 8
BLOCKS_PER_SPINE = 4
OPENB_FILE = "openb_node_list_gpu_node.csv"
OPENB_NODES_PER_RACK = 16

GROVE_ROLE = "node_role.e2e.grove.nvidia.com"
GROVE_LEVELS = {"zone": 28, "block": 14, "rack": 7}  # nodes in one domain of each


def node(name: str, labels: dict[str, str], capacity: dict[str, str], taints: tuple[Manifest, ...] = ()) -> Manifest:
    """One node manifest; all it has is allocatable."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", **labels}},
        "spec": {"taints": list(taints)},
        "status": {"capacity": capacity, "allocatable": capacity},
    }


def plain(count: int) -> Iterator[Manifest]:
    """Nodes without GPUs or network levels, with room for many small pods; labelled as KWOK labels its own."""
    for index in range(count):
        yield node(f"node-{index:05}", {"type": "kwok"}, _room("64", "512Gi", 1000))


def gb200(racks: int, racks_per_block: int = RACKS_PER_BLOCK) -> Iterator[Manifest]:
    """NVL72 racks: 18 nodes of 4 GPUs that share one NVLink domain, told by the clique label. Zones of 8 blocks."""
    capacity = _of_rack(GB200)
    for rack in range(racks):
        block = rack // racks_per_block
        labels = {
            ZONE: f"zone-{block // BLOCKS_PER_ZONE}",
            f"{NVIDIA}/block": f"block-{block:03}",
            CLIQUE: f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'nvl72-{rack}')}.1",
            PRODUCT: GB200.product,
        }
        for index in range(NODES_PER_NVL72):
            yield node(f"gb200-r{rack:04}-n{index:02}", labels, capacity)


def dgx_h100(racks: int, racks_per_block: int = RACKS_PER_BLOCK) -> Iterator[Manifest]:
    """DGX H100: 8 GPUs a node, 4 nodes a rack, scalable units (blocks) of 32 nodes, 4 of them under one spine."""
    capacity = _of_rack(DGX_H100)
    for rack in range(racks):
        block = rack // racks_per_block
        labels = {
            ZONE: "zone-0",
            f"{NVIDIA}/datacenter": "dc-0",
            f"{NVIDIA}/spine": f"spine-{block // BLOCKS_PER_SPINE:02}",
            f"{NVIDIA}/block": f"su-{block:03}",
            f"{NVIDIA}/rack": f"rack-{rack:04}",
            PRODUCT: DGX_H100.product,
        }
        for index in range(DGX_H100.nodes):
            yield node(f"dgx-r{rack:04}-n{index}", labels, capacity)


def grove_e2e(count: int = 30) -> Iterator[Manifest]:
    """The fake cluster of NVIDIA Grove's end-to-end tests: small nodes, labelled and tainted, in names' order.

    A pod that asks for 80Mi fills a node. 28 nodes a zone, 14 a block, 7 a rack.
    """
    taint = {"key": GROVE_ROLE, "value": "agent", "effect": "NoSchedule"}
    for index in range(count):
        yield node(f"grove-node-{index:03}", grove_labels(index), _room("4", "150Mi", 110), (taint,))


def grove_labels(index: int) -> dict[str, str]:
    """Labels of one node of that cluster."""
    levels = {f"kubernetes.io/{level}": f"{level}-{index // size}" for level, size in GROVE_LEVELS.items()}
    return {GROVE_ROLE: "agent", **levels}


def openb(file: Path) -> Iterator[Manifest]:
    """The 1,213 GPU nodes of Alibaba's openb trace (cluster-trace-gpu-v2023), read from its list of nodes.

    The trace has no topology: racks of 16 nodes, of one model if they can be, and blocks of 8 racks are synthetic, and named so.
    """
    with file.open(newline="") as lines:
        machines = sorted(csv.DictReader(lines), key=lambda row: (row["model"], int(row["gpu"])))
        for index, row in enumerate(machines):
            rack = index // OPENB_NODES_PER_RACK
            domains = {SYNTHETIC_RACK: f"synthetic-{rack:03}", SYNTHETIC_BLOCK: f"synthetic-{rack // RACKS_PER_BLOCK:02}"}
            labels = {PRODUCT: row["model"], **domains}
            yield node(row["sn"], labels, _room(f"{row['cpu_milli']}m", f"{row['memory_mib']}Mi", 110, int(row["gpu"])))


def _of_rack(rack: Rack) -> dict[str, str]:
    return _room(rack.cpu, rack.memory, 110, rack.gpus)


def _room(cpu: str, memory: str, pods: int, gpus: int = 0) -> dict[str, str]:
    capacity = {"cpu": cpu, "memory": memory, "pods": str(pods)}
    return capacity | {"nvidia.com/gpu": str(gpus)} if gpus else capacity
