"""Spans of time, as manifests say them: 90s, 10m, 4h; in those of Go also 1h30m, 1.5h, 500ms."""

import re
from typing import Annotated

from pydantic import Field

Duration = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,7})[smh]$", max_length=9)]
"""A whole number of seconds, minutes or hours."""
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


GO_UNITS_S = {**UNITS_S, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_GO = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|ms|s|m|h)")


def whole_seconds(go: str) -> int:
    """A duration as Go writes it, rounded up."""
    return -int(-sum(float(number) * GO_UNITS_S[unit] for number, unit in _GO.findall(go)) // 1)


def seconds_of(duration: str) -> float:
    """Seconds."""
    return float(duration[:-1]) * UNITS_S[duration[-1]]
