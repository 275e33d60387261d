"""Racks that can be bought: what their nodes have, so that a plan may suppose some though the fleet has none like them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from topology.supply.fabric import Fabric


@dataclass(frozen=True, slots=True)
class Rack:
    """So many equal nodes, with what is allocatable on each."""

    nodes: int
    gpus: int
    cpu: str
    memory: str
    product: str

    def manifests(self, name: str, fabric: Fabric, group: str) -> Iterator[dict[str, Any]]:
        """Its nodes. The rack is a domain of its own, and so is its group of every broader level."""
        levels = fabric.levels
        path = {level.labels[0]: group if index < len(levels) - 1 else name for index, level in enumerate(levels)}
        holds = {"cpu": self.cpu, "memory": self.memory, "pods": "110", "nvidia.com/gpu": str(self.gpus)}
        for number in range(self.nodes):
            node = f"{name}-{number:02}"
            labels = {"kubernetes.io/hostname": node, "nvidia.com/gpu.product": self.product, **path}
            yield {"metadata": {"name": node, "labels": labels}, "status": {"allocatable": holds}}


RACKS = {
    "gb200-rack": Rack(18, 4, "144", "960Gi", "NVIDIA-GB200"),
    "dgx-rack": Rack(4, 8, "224", "2000Gi", "NVIDIA-H100-80GB-HBM3"),
}
"""By the name that a plan calls them: NVIDIA's GB200 NVL72, and DGX H100 by fours."""
