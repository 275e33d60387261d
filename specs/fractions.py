"""Fractions: what a pod's annotations say about the GPU that it shares. Pure."""

from collections.abc import Mapping

from specs import names

WHOLE_GPU = 1000
"""Thousandths of one."""


def gpu_milli(annotations: Mapping[str, str]) -> int:
    """Thousandths of one GPU; 0 for a pod that shares none. Raises ValueError for anything but 1 to 999."""
    written = annotations.get(names.GPU_MILLI)
    if written is None:
        return 0
    milli = int(written) if written.isascii() and written.isdecimal() and len(written) < 5 else 0
    if not 0 < milli < WHOLE_GPU:
        remedy = "write thousandths of one GPU, from 1 to 999, or ask for whole ones in a container"
        raise ValueError(f"annotation {names.GPU_MILLI} is {written!r}; {remedy}")
    return milli


def gpu_models(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The GPU models that will do for a pod; none where any will. Raises ValueError for an empty name."""
    written = annotations.get(names.GPU_MODEL)
    found = () if written is None else tuple(sorted(model.strip() for model in written.split(",")))
    if not all(found):
        raise ValueError(f"annotation {names.GPU_MODEL} is {written!r}; write GPU models, as in A10,L4")
    return found
