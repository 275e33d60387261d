"""Weights: what one good is worth against another, where rules alone do not decide. There are no others.

docs/placement.md says in which order the rules come, and where these are used.
"""

ACROSS = 0.05 / 1.8
"""Bandwidth between neighbouring racks as a share of that inside one: 0.05 against 1.8 TB/s a GPU on NVL72 with InfiniBand.

Source: NVIDIA's figures for NVLink 5 (1.8 TB/s) and a 400 Gb/s ConnectX-7 per GPU.
"""
FURTHER = 0.5
"""What is left of the bandwidth with each level further out."""
USUAL_SIZES = (8, 4, 2)
"""Devices that one pod usually asks for: a hole of such a size is worth keeping whole, and worth its size."""
USUAL_PODS = ((40, 0, 500, 4_000, 16), (55, 1, 0, 8_000, 32), (5, 8, 0, 88_000, 320))
"""Pods that usually come where GPUs are shared, until enough run to learn from: how often, whole GPUs, thousandths of one, cpu in
thousandths, memory in GiB.

Source: rounded from Alibaba's cluster-trace-gpu-v2023.
"""
