"""By hand: `python -m tests.cluster up --fabric gb200`, `... kubectl get nodes`, `... build`."""

import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.cluster.api import Json
from tests.cluster.binary import Unavailable, binary, cache_dir
from tests.cluster.controlplane import ControlPlane
from tests.cluster.nodes import apply_nodes, until_nodes_ready
from tests.cluster.waiting import NotReady
from workers.simulated import fleets

SIZED: dict[str, Callable[[int], Iterable[Json]]] = {
    "gb200": fleets.gb200,
    "dgx": fleets.dgx_h100,
    "grove": lambda _: fleets.grove_e2e(),
    "plain": lambda racks: fleets.plain(racks * fleets.NODES_PER_NVL72),
}
FABRICS = (*SIZED, "openb")


def main() -> int:
    """Run one command; the exit code is 1 where the cluster cannot be had."""
    if sys.argv[1:2] == ["kubectl"]:
        return kubectl(sys.argv[2:])
    args = parser().parse_args()
    try:
        if args.command == "build":
            print(binary())
        elif args.command == "play":
            return play(args)
        else:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            up(args)
    except (Unavailable, NotReady, FileNotFoundError) as reason:
        print(reason, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("ended", file=sys.stderr)
    return 0


def parser() -> argparse.ArgumentParser:
    """What may be asked for."""
    top = argparse.ArgumentParser(prog="python -m tests.cluster", description="A real control plane with fake nodes.")
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("build", help="build the binary, unless it is in the cache, and print its path")
    commands.add_parser("kubectl", help="kubectl, of the cluster that `up` started last", add_help=False)
    start = commands.add_parser("up", help="start a cluster and keep it until Ctrl-C")
    with_it = commands.add_parser("play", help="start a cluster, run a program with `--kubeconfig FILE` on it, and end both")
    with_it.add_argument("program", nargs=argparse.REMAINDER)
    for each in (start, with_it):
        each.add_argument("--fabric", choices=FABRICS, default="gb200")
        each.add_argument("--racks", type=int, default=16, help="racks of gb200 (18 nodes), dgx (4) and plain (18)")
        each.add_argument("--data", type=Path, default=data_folder(), help="folder of data sets, for openb")
    start.add_argument("--kubeconfig", type=Path, default=default_kubeconfig(), help="where to write the kubeconfig")
    return top


def data_folder() -> Path | None:
    """$ESPALIER_DATA, where somebody set it."""
    asked = os.environ.get("ESPALIER_DATA")
    return Path(asked) if asked else None


def default_kubeconfig() -> Path:
    """Where `up` writes and `kubectl` reads when nobody says otherwise."""
    return cache_dir() / "kubeconfig"


def up(args: argparse.Namespace) -> None:
    """Start a cluster with a fabric and keep it until Ctrl-C (or SIGTERM)."""
    nodes = list(fabric(args.fabric, args.racks, args.data))
    with ControlPlane() as cluster:
        asyncio.run(populate(cluster, nodes))
        args.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(cluster.access.kubeconfig, args.kubeconfig)
        print(f"{cluster.title}: {len(nodes)} nodes of {args.fabric} are Ready")
        print(f"kubeconfig: {args.kubeconfig}")
        print("look around: python -m tests.cluster kubectl get nodes; Ctrl-C ends it", flush=True)
        signal.pause()


def play(args: argparse.Namespace) -> int:
    """Run a program beside a cluster; its exit code."""
    nodes = list(fabric(args.fabric, args.racks, args.data))
    with ControlPlane() as cluster:
        asyncio.run(populate(cluster, nodes))
        return subprocess.run([*args.program, "--kubeconfig", str(cluster.access.kubeconfig)], check=False).returncode


def fabric(name: str, racks: int, data: Path | None) -> Iterable[Json]:
    """The nodes of one of `FABRICS`."""
    if name == "openb":
        if data is None:
            raise FileNotFoundError("openb is read from a data set: name its folder with --data or ESPALIER_DATA")
        return fleets.openb(data / fleets.OPENB_FILE)
    return SIZED[name](racks)


async def populate(cluster: ControlPlane, nodes: list[Json]) -> None:
    """Create the nodes and wait until they are Ready."""
    async with cluster.api() as api:
        await apply_nodes(api, nodes)
        await until_nodes_ready(api, len(nodes))


def kubectl(arguments: list[str]) -> int:
    """Become the binary's kubectl, on $KUBECONFIG or on the cluster that `up` started last."""
    os.environ.setdefault("KUBECONFIG", str(default_kubeconfig()))
    program = binary()
    os.execv(program, [str(program), "kubectl", *arguments])


if __name__ == "__main__":
    sys.exit(main())
