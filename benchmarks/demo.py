"""demo: what the demo takes, with everything that it starts: `espalier up`, Temporal, simulated cluster, agent, worker, commands.

usage: python -m benchmarks.demo

Wall-clock and CPU seconds, and the most memory that all its processes held together, looked at four times a second.
"""

import json
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from benchmarks.processes import memory_mib

LOOK_S = 0.25
PARTS = {"up", "sim", "agent", "worker"}


def main() -> None:
    started = time.perf_counter()
    most: tuple[float, float, dict[str, float]] = (0.0, 0.0, {})
    with subprocess.Popen([sys.executable, "-m", "examples.demo"], stdout=subprocess.DEVNULL) as demo:
        while demo.poll() is None:
            most = max(most, held(demo.pid), key=lambda each: each[1])
            time.sleep(LOOK_S)
    took_s = time.perf_counter() - started
    if demo.returncode:
        sys.exit(f"the demo ended with exit code {demo.returncode}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)  # all of them were waited for
    rss, pss, parts = most
    row = {
        "row": "demo",
        "wall_s": round(took_s, 1),
        "cpu_s": round(used.ru_utime + used.ru_stime, 1),
        "peak_rss_mib": rss,
        "peak_pss_mib": pss,
    }
    print(json.dumps({**row, "pss_mib_at_peak": parts}), flush=True)


def held(root: int) -> tuple[float, float, dict[str, float]]:
    """RSS and PSS of a process and all below it, and PSS by name."""
    rss, pss, parts = 0.0, 0.0, defaultdict[str, float](float)
    for pid in tree(root):
        with suppress(OSError, ValueError, KeyError):  # it has just ended
            its_rss, its_pss = memory_mib(pid)
            rss, pss = rss + its_rss, pss + its_pss
            parts[name(pid)] += its_pss
    return round(rss), round(pss), {key: round(value) for key, value in sorted(parts.items())}


def tree(root: int) -> Iterator[int]:
    """A process and all below it."""
    below = defaultdict[int, list[int]](list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            below[int(status.read_text().rpartition(")")[2].split()[1])].append(int(status.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += below[pid]


def name(pid: int) -> str:
    """`temporal`, `agent`, `demo`."""
    words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    if "start-dev" in words:
        return "temporal"
    return next((word for word in words[3:4] if word in PARTS), "demo and its commands")


if __name__ == "__main__":
    main()
