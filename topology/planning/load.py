"""Load: a trace of arrivals as jobs, and what a simulation of them says of capacity."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, isfinite
from typing import Any

from specs.gangs import expand
from specs.strict import did_you_mean
from specs.system import InferenceSystem
from topology.demand import Demand
from topology.planning.plan import shapes_of_system
from topology.planning.simulation import Job, Outcome
from topology.supply.fleet import Fleet
from topology.supply.shapes import is_scarce

COLUMNS = ("system", "arrival_s", "duration_s")


class TraceError(ValueError):
    """A trace that can't be read. The message is one sentence that ends with a remedy."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One line of a trace."""

    system: str
    arrival_s: float
    duration_s: float


def read_trace(text: str) -> list[Arrival]:
    """A CSV text with a header. Raises `TraceError`, naming the line, for what it can't be."""
    rows = csv.DictReader(text.splitlines())
    if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
        raise TraceError(f"its first line lacks {', '.join(missing)}; write: {','.join(COLUMNS)}")
    return [Arrival(row["system"] or "", *(_seconds(row, name, rows.line_num) for name in COLUMNS[1:])) for row in rows]


def jobs(systems: Sequence[InferenceSystem], trace: Sequence[Arrival]) -> list[Job]:
    """A job for each gang of each arrival. The n-th arrival of `llama` is called `llama.n`. Raises `TraceError`, ValueError."""
    by_name = {system.metadata.name: system for system in systems}
    shapes = {name: shapes_of_system(system) for name, system in by_name.items()}
    made: list[Job] = []
    for number, each in enumerate(trace):
        system = by_name.get(each.system)
        if system is None:
            near = did_you_mean(each.system, by_name) or f"; declared are: {', '.join(by_name)}"
            raise TraceError(f"{each.system!r} is declared by no manifest{near}; add it with -f")
        key = f"{system.metadata.namespace}/{each.system}.{number}"
        for gang in expand(each.system, system.spec, {}):
            demand = Demand(gang, shapes[each.system], key, priority=system.spec.priority)
            made.append(Job(demand, each.arrival_s, each.duration_s))
    return made


def summary(fleet: Fleet, load: Sequence[Job], outcome: Outcome) -> dict[str, Any]:
    """The waits of each system, what never starts, the end, and the share of device time that was used."""
    ordered = sorted(load, key=_declared)
    total = sum(amount for host in fleet.hosts.values() for name, amount in host.allocatable if is_scarce(name))
    whole = total * outcome.end_s
    return {
        "systems": [_waits(name, list(each), outcome) for name, each in groupby(ordered, key=_declared)],
        "never": [{"gang": name, "message": message} for name, message in sorted(outcome.never.items())],
        "endSeconds": outcome.end_s,
        "deviceShare": round(outcome.device_seconds / whole, 4) if whole else None,
    }


def _waits(name: str, load: Sequence[Job], outcome: Outcome) -> dict[str, Any]:
    waits = sorted(outcome.waits_s[job.name] for job in load if job.name in outcome.waits_s)
    at = {"waitP50": 0.5, "waitP99": 0.99, "waitMax": 1.0}
    found = {key: waits[max(0, ceil(share * len(waits)) - 1)] if waits else 0.0 for key, share in at.items()}
    return {"name": name, "gangs": len(load), "started": len(waits), **found}


def _declared(job: Job) -> str:
    return job.demand.system.rpartition(".")[0]


def _seconds(row: dict[str, str], name: str, line: int) -> float:
    try:
        found = float(row[name])
    except (TypeError, ValueError):
        found = -1.0
    if not isfinite(found) or found < 0:
        raise TraceError(f"line {line}: {name} is {row[name]!r}, which is no number of seconds; write one from 0 up")
    return found
