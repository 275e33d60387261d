"""The stage of the demo: Espalier started with one command, commands as one would type them, and what a cluster shows."""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from activities.cluster.kube import NODES, PODS, Kind, Kube, Manifest

NAME = "llama-70b"
MANIFEST = Path(__file__).with_name(f"{NAME}.yaml")
ESPALIER = (sys.executable, "-c", "from workers.cli import main; main()")
console = Console(highlight=False, soft_wrap=True)


class Failed(Exception):
    """Something is not as it should be."""


class Stage:
    """What the story plays on."""

    def __init__(self, folder: Path, kubeconfig: Path | None) -> None:
        self.folder = folder
        self.kubeconfig = kubeconfig or folder / "kubeconfig"
        self.real = kubeconfig is not None
        self.temporal_port, self.ui_port, self.sim_port = free_ports(3)
        self.environment = {
            **os.environ,
            "ESPALIER_TEMPORAL_ADDRESS": f"127.0.0.1:{self.temporal_port}",
            "ESPALIER_KUBECONFIG": str(self.kubeconfig),
        }
        self.checks: list[tuple[str, float]] = []

    def start(self) -> "subprocess.Popen[str]":
        """`espalier up`; returns once it is ready."""
        cluster = ("--kubeconfig", str(self.kubeconfig)) if self.real else ("--sim-port", str(self.sim_port))
        command = ("up", "--data", str(self.folder), "--ui-port", str(self.ui_port), *cluster)
        environment = {**self.environment, "PYTHONUNBUFFERED": "1"}
        if not self.real:
            del environment["ESPALIER_KUBECONFIG"]
        running = subprocess.Popen([*ESPALIER, *command], env=environment, stderr=subprocess.PIPE, text=True)
        assert running.stderr is not None
        for line in running.stderr:
            console.print(f"  [dim]{line.rstrip()}[/]")
            if line.startswith("try "):
                return running
        raise Failed("espalier up has ended; see above")

    def do(self, command: str, *, shown: bool = True) -> str:
        """One command, as one would type it."""
        console.print(f"[bold]$ espalier {command}[/]")
        told = self.ask(command)
        for line in told.splitlines() if shown else ():
            console.print(f"  {line}", markup=False)
        return told

    def ask(self, command: str) -> str:
        """The same, unseen."""
        words = shlex.split(command.replace(MANIFEST.name, str(self.folder / MANIFEST.name)))
        done = subprocess.run([*ESPALIER, *words], env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Failed(f"espalier {command} ended with {done.returncode}: {done.stderr}")
        return done.stdout

    def check(self, what: str, holds: object, since: float) -> None:
        """Note that something is as promised. Raises `Failed` if it is not."""
        if not holds:
            raise Failed(what)
        self.checks.append((what, time.monotonic() - since))


async def of_system(kube: Kube, kind: Kind) -> list[Manifest]:
    """What is there of the system."""
    return [*(await kube.list(kind, "default", f"espalier.dev/system={NAME}")).items]


async def pods_of(kube: Kube) -> list[Manifest]:
    """Pods that are not leaving."""
    return [pod for pod in await of_system(kube, PODS) if "deletionTimestamp" not in pod["metadata"]]


async def labels_of(kube: Kube) -> dict[str, dict[str, str]]:
    """Node -> labels."""
    return {node["metadata"]["name"]: node["metadata"]["labels"] for node in (await kube.list(NODES)).items}


def domains(pods: list[Manifest], nodes: dict[str, dict[str, str]], level: str, part: str) -> list[set[str]]:
    """Domains that each model server (`replica`) or `copy` touches."""
    found: dict[str, set[str]] = defaultdict(set)
    for pod in pods:
        name = pod["metadata"]["labels"].get(f"espalier.dev/{part}")
        if name is not None:
            found[name].add(nodes[node_of(pod)][level])
    return list(found.values())


def role(pod: Manifest) -> str:
    """`decode.worker`."""
    return str(pod["metadata"]["labels"]["espalier.dev/role"])


def slot(pod: Manifest) -> str:
    """`0/decode/1/worker/0`."""
    return str(pod["metadata"]["annotations"]["espalier.dev/slot"])


def node_of(pod: Manifest) -> str:
    """Where it runs."""
    return str(pod["spec"].get("nodeName", ""))


def ready_at(pod: Manifest) -> str:
    """When it became Ready; "" when it is not."""
    conditions = pod.get("status", {}).get("conditions", [])
    return next(
        (str(each["lastTransitionTime"]) for each in conditions if each["type"] == "Ready" and each["status"] == "True"), ""
    )


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
