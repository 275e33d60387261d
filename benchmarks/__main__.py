"""python -m benchmarks: run every row beside its floor or limit, one JSON line each, and write benchmarks/results.md.

usage: python -m benchmarks [--only P1,W1 | --cluster] [--floor FLOOR.py] [--write]

W1 to W4 need `--floor`, a bare client (see cluster_w1.py), and are left out with that reason where there is none. Rows on a
control plane take minutes; leave the machine alone meanwhile. `--write` replaces the rows that ran in results.md, and adds
what benchmarks/notes says of a row.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

RESULTS = Path(__file__).with_name("results.md")
NOTES = Path(__file__).with_name("notes")
"""One file for each row that misses its goal, or is close to it: why, and what was tried."""
REMARK = "### What to know of it"
Line = dict[str, Any]
#        program, its flags
ROWS: dict[str, tuple[str, ...]] = {
    "P1": ("bench_placement_p1",),
    "P2": ("bench_placement_p2",),
    "P3": ("bench_placement_p3",),
    "P4": ("bench_placement_p4",),
    "P5": ("bench_placement_p5",),
    "P6": ("bench_moves_p6",),
    "P7": ("bench_moves_p7",),
    "P8": ("bench_moves_p8",),
    "P9": ("bench_placement_p9", "--rows", "p9"),
    "S1": ("bench_placement_s1",),
    "S2": ("bench_placement_p9", "--rows", "s2"),
    "S3": ("bench_placement_s3",),
    "S4": ("bench_placement_s4",),
    "memory": ("bench_memory",),
    "agent": ("cluster_memory",),
    "W1": ("cluster_w1",),
    "W1 in order": ("cluster_w1", "--start", "inOrder"),
    "W1g": ("cluster_w1", "--manifest", "{data}/manifests/workloads/scale-test-1000.yaml"),
    "W1g with levels": ("cluster_w1", "--copies", "50", "--manifest", "{data}/manifests/workloads/tas-large-scale.yaml"),
    "W2": ("cluster_w1", "--copies", "5000", "--nodes", "1000", "--pairs", "1"),
    "W3 and W4": ("cluster_w3",),
    "W3g": ("cluster_w3", "--manifest", "{data}/manifests/workloads/scale-test-1000.yaml"),
    "W3g with levels": ("cluster_w3", "--copies", "50", "--manifest", "{data}/manifests/workloads/tas-large-scale.yaml"),
    "W3g floor": ("bare_services", "--manifest", "{data}/manifests/workloads/scale-test-1000.yaml"),
    "W3 planner": ("cluster_planner",),
    "W5": ("cluster_w5",),
    "W6": ("cluster_w6",),
    "W6 with a waiting gang": ("cluster_w6_room",),
    "W7": ("cluster_w7",),
    "W7 floor": ("temporal_floor",),
    "demo": ("demo",),
}
NEEDS_FLOOR = ("cluster_w1", "cluster_w3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="rows, with commas between")
    parser.add_argument("--cluster", action="store_true", help="the rows on a control plane")
    parser.add_argument("--floor", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    named = [name for name in ROWS if name.startswith("W")] if args.cluster else args.only.split(",")
    chosen = [name for name in ROWS if named == [""] or name in named]
    if not chosen:
        parser.error(f"no row is called {args.only!r}; choose from {', '.join(ROWS)}")
    sections = dict(kept()) if args.write else {}
    for name in chosen:
        if ROWS[name][0] in NEEDS_FLOOR and args.floor is None:
            print(f"{name}: skipped, because --floor names no bare client to stand beside", file=sys.stderr)
            continue
        data = os.environ.get("ESPALIER_DATA")
        if data is None and any("{data}" in word for word in ROWS[name]):
            print(f"{name}: skipped, because ESPALIER_DATA names no folder that holds Grove's own manifests", file=sys.stderr)
            continue
        own = [word.replace("{data}", data or "") for word in ROWS[name]]
        command = [*own, *(("--floor", str(args.floor)) if ROWS[name][0] in NEEDS_FLOOR else ())]
        sections[name] = section(name, list(lines(command)))
    if args.write:
        RESULTS.write_text(page(sections))


def lines(command: list[str]) -> Iterator[Line]:
    """What one program prints, shown as it comes."""
    with subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{command[0]}", *command[1:]], stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        for text in run.stdout:
            if text.startswith("{"):
                print(text, end="", flush=True)
                yield json.loads(text)
    if run.returncode:
        sys.exit(f"{command[0]} ended with exit code {run.returncode}")


def section(name: str, found: list[Line]) -> str:
    """One row's figures: a table for lines of the same shape."""
    tables: dict[frozenset[str], list[Line]] = {}
    for line in map(flat, found):
        tables.setdefault(frozenset(line), []).append(line)
    when = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine()}"
    flags = " ".join(ROWS[name])
    return f"## {name}\n\n`python -m benchmarks.{flags}`, {when}\n\n" + "\n".join(
        table(tuple(rows[0]), rows) for rows in tables.values()
    )


def flat(line: Line, prefix: str = "") -> Line:
    """Nested figures under dotted names."""
    found: Line = {}
    for key, value in line.items():
        found |= flat(cast("Line", value), f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return found


def table(keys: tuple[str, ...], rows: list[Line]) -> str:
    """Figures side by side; a single row upright, which reads better."""
    if len(rows) == 1:
        return "| figure | value |\n|---|---|\n" + "".join(f"| {key} | {value} |\n" for key, value in rows[0].items())
    head = f"| {' | '.join(keys)} |\n|{'---|' * len(keys)}\n"
    return head + "".join(f"| {' | '.join(str(row[key]) for key in keys)} |\n" for row in rows)


def machine() -> str:
    """Where it was measured."""
    return f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def kept() -> Iterator[tuple[str, str]]:
    """Sections of the page as it stands, without their remarks."""
    text = RESULTS.read_text() if RESULTS.exists() else ""
    for part in text.split("\n## ")[1:]:
        yield part.partition("\n")[0], f"## {part.partition(REMARK)[0].rstrip()}\n"


def page(sections: dict[str, str]) -> str:
    """The whole page, rows in their order."""
    intro = (
        "# Results\n\nWritten by `make bench ARGS='--write'`; each row names its command, date and machine. Figures of others"
        "\nare their own, on their own machines; ratios are ours, measured side by side in one run.\n"
    )
    return "\n".join([intro, *(sections[name] + remark(name) for name in ROWS if name in sections)])


def remark(name: str) -> str:
    """Why a row misses its goal, where there is something to say."""
    note = NOTES / f"{name}.md"
    return f"\n{REMARK}\n\n{note.read_text()}" if note.exists() else ""


if __name__ == "__main__":
    main()
