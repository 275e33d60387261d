"""What processes use, as /proc tells it."""

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.components import NAMES
from tests.cluster.controlplane import ControlPlane
from tests.running import AGENT, TEMPORAL, WORKER, Espalier

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


@contextmanager
def served(cluster: ControlPlane, row: str) -> Generator[Espalier]:
    """Espalier on a control plane. At the end one JSON line has every process: CPU seconds meanwhile, and MiB as they are."""
    with Espalier(cluster.access.kubeconfig) as house:
        before = {name: cpu_s(pid) for name, pid in _pids(cluster, house).items()}
        yield house
        print(json.dumps({"row": f"{row} processes", **_used(_pids(cluster, house), before)}), flush=True)


def _pids(cluster: ControlPlane, house: Espalier) -> Mapping[str, int]:
    ours = {name: house.process(name).pid for name in (AGENT, WORKER, TEMPORAL)}
    return ours | {name: cluster.process(name).pid for name in NAMES}


def _used(pids: Mapping[str, int], before: Mapping[str, float]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for name, pid in pids.items():
        rss, pss = memory_mib(pid)
        found[name] = {"cpu_s": round(cpu_s(pid) - before[name], 1), "rss_mib": round(rss), "pss_mib": round(pss)}
    return found
