"""Spans of time, as manifests say them: 90s, 10m, 4h."""

from typing import Annotated

from pydantic import Field

Duration = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]{0,5})[smh]$", max_length=7)]
"""A whole number of seconds, minutes or hours."""
UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0}


def seconds_of(duration: str) -> float:
    """Seconds."""
    return float(duration[:-1]) * UNITS_S[duration[-1]]
