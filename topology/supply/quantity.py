"""Kubernetes quantities as exact integers: cpu in millicores, memory in bytes, everything else in units."""

import re
from fractions import Fraction
from functools import lru_cache
from math import ceil

_WRITTEN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eE]([+-]?\d{1,3})|([a-zA-Z]{0,2}))")
_SUFFIXES = {
    "": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000),
    "k": Fraction(10**3), "M": Fraction(10**6), "G": Fraction(10**9), "T": Fraction(10**12), "P": Fraction(10**15),
    "E": Fraction(10**18), "Ki": Fraction(2**10), "Mi": Fraction(2**20), "Gi": Fraction(2**30), "Ti": Fraction(2**40),
    "Pi": Fraction(2**50), "Ei": Fraction(2**60),
}  # fmt: skip
MOST = 2**50
"""Of anything, in one container, pod or node: sums over a gang or a fleet still fit into 64 bits."""


@lru_cache(maxsize=65_536)
def quantity(resource: str, written: str | float) -> int:
    """Millicores of cpu, bytes of memory, units of anything else; fractions are rounded up, as Kubernetes does.

    Raises ValueError, naming the resource, for what is no quantity, is negative, or is too large.
    Cost: a dict look-up when seen before.
    Source: the Quantity type of Kubernetes' apimachinery.
    """
    text = str(written).strip()
    found = _WRITTEN.fullmatch(text)
    if isinstance(written, bool) or found is None:
        raise ValueError(f"{resource} is {written!r}, which is no quantity; write it like {_example(resource)}")
    number, exponent, suffix = found.groups()
    if suffix is not None and suffix not in _SUFFIXES:
        near = next((f"; did you mean {known!r}?" for known in _SUFFIXES if known.lower() == suffix.lower()), "")
        raise ValueError(
            f"{resource} is {text!r}, and there is no unit {suffix!r}{near or f'; write it like {_example(resource)}'}"
        )
    scale = Fraction(10) ** int(exponent) if exponent is not None else _SUFFIXES[suffix or ""]
    value = ceil(Fraction(number) * scale * (1000 if resource == "cpu" else 1))
    if not 0 <= value <= MOST:
        raise ValueError(f"{resource} is {text!r}; give an amount from 0 to {MOST}")
    return value


def shown(resource: str, amount: int) -> str:
    """An amount as a person writes it: 2500 millicores are `2.5 cpu`, 2**34 bytes `16Gi memory`."""
    if resource == "cpu":
        return f"{amount / 1000:g} cpu"
    if resource == "memory" or resource.startswith(("hugepages-", "ephemeral-storage")):
        return f"{_bytes(amount)} {resource}"
    return f"{amount} {resource}"


def _bytes(amount: int) -> str:
    for suffix in ("Ti", "Gi", "Mi", "Ki"):
        size = int(_SUFFIXES[suffix])
        if amount >= size:
            return f"{amount / size:.3g}{suffix}" if amount % size else f"{amount // size}{suffix}"
    return str(amount)


def _example(resource: str) -> str:
    return {"cpu": "500m or 2", "memory": "512Mi or 16Gi"}.get(resource, "1")
