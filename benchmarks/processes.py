"""What processes use, as /proc tells it."""

import os
from pathlib import Path

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
MIB_KIB = 1024


def cpu_s(pid: int) -> float:
    """User and system seconds so far, without children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def memory_mib(pid: int) -> tuple[float, float]:
    """RSS and PSS: what is shared counts in full, or in equal parts for all who share it."""
    found = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    rss, pss = (int(found[key].split()[0]) / MIB_KIB for key in ("Rss", "Pss"))
    return rss, pss
