"""Fractions: pods and nodes that share GPUs, as they say so in labels and annotations.

A node says by its label that it shares. A pod asks for whole GPUs in its containers, or by annotation for a fraction of one; on
such a node both get devices, by index. What a placed pod holds names them, so that taking and giving back are sums as ever.
"""

from collections.abc import Mapping
from typing import Any

from specs import names
from specs.fractions import gpu_milli
from specs.sections import annotation
from topology.supply.capacity import Requests
from topology.supply.devices import WHOLE, Ask, Chosen

GPU = "nvidia.com/gpu"
"""The resource that nodes count their GPUs by."""
MODEL = "nvidia.com/gpu.product"
"""Label of a node that says what its GPUs are."""
MILLI = names.GPU_MILLI
"""Thousandths of all GPUs of a node that shares them, as a resource."""
_DEVICE = f"{names.DOMAIN}/gpu."


def device(index: int) -> str:
    """The resource that stands for one GPU of a node, in thousandths."""
    return f"{_DEVICE}{index}"


def devices_of(labels: Mapping[str, str], holds: Requests) -> Requests:
    """What a node holds, its GPUs one by one if it shares them."""
    count = dict(holds).get(GPU, 0)
    if labels.get(names.SHARES_GPUS) != "true" or not count:
        return holds
    return tuple(sorted((*holds, (MILLI, count * WHOLE), *((device(index), WHOLE) for index in range(count)))))


def fraction(annotations: Mapping[str, str], requests: Requests) -> Requests:
    """What a pod asks for, with its fraction of a GPU. Raises ValueError for one that makes no sense."""
    milli = gpu_milli(annotations)
    if milli and dict(requests).get(GPU):
        raise ValueError(f"it asks for {GPU} and, by annotation {names.GPU_MILLI}, for a fraction; keep one of them")
    return tuple(sorted((*requests, (MILLI, milli)))) if milli else requests


def held(requests: Requests, chosen: Chosen) -> Requests:
    """What a pod holds that was given these devices."""
    if not chosen:
        return requests
    own = dict(requests)
    each = own.get(MILLI, WHOLE)
    return tuple(sorted((own | {MILLI: each * len(chosen)} | {device(index): each for index in chosen}).items()))


def chosen(requests: Requests) -> Chosen:
    """The devices that such a pod was given."""
    named = (name.removeprefix(_DEVICE) for name, _ in requests if name.startswith(_DEVICE))
    return tuple(sorted(int(index) for index in named))


def indexes(pod: Mapping[str, Any]) -> Chosen:
    """The devices that a pod has, by its annotation; none where it says nothing that can be read."""
    return read_indexes(annotation(pod, names.GPU_INDEX))


def read_indexes(text: str) -> Chosen:
    """Devices as they are written, `0,1`; none for anything else."""
    parts = text.split(",")
    return tuple(int(part) for part in parts) if all(part.isascii() and part.isdecimal() for part in parts) else ()


def written(chosen: Chosen) -> str | None:
    """Devices as they are written; None for none."""
    return ",".join(map(str, chosen)) or None


def wants(requests: Requests) -> Ask:
    """The devices that are still to be chosen for a pod."""
    own = dict(requests)
    if any(name.startswith(_DEVICE) for name in own):
        return Ask()
    milli = own.get(MILLI, 0)
    return Ask(milli=milli) if milli else Ask(count=own.get(GPU, 0))
