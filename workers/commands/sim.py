"""`espalier sim`: a simulated cluster, and things to break in it by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from workers.console import say
from workers.failure import Failure
from workers.options import Command, takes
from workers.serving import stopped
from workers.settings import Settings
from workers.simulated.faults import WORDS

Target = Annotated[
    str, typer.Argument(metavar="NODE", help="A node, or a domain: the value of one of its labels, such as a rack.")
]
PodName = Annotated[str, typer.Argument(metavar="POD", help="A pod, or how the names of several begin: llama-0-decode-1.")]
Fabric = Annotated[
    str, typer.Option("--fabric", help="gb200, dgx, plain, or a file: YAML that describes one, or an inventory in CSV.")
]
Racks = Annotated[int, typer.Option("--racks", min=1, max=2_000, help="Racks of a preset.")]
DataFile = Annotated[
    Path | None, typer.Option("--data", metavar="FILE", help="SQLite file to keep everything in; memory when left out.")
]
SimPort = Annotated[int, typer.Option("--port", min=0, max=65_535, help="Port of the API server; 0 for any.")]
Written = Annotated[Path, typer.Option("--write-kubeconfig", metavar="FILE", help="Where to write the kubeconfig.")]
Troubles = Annotated[str, typer.Argument(metavar="[TROUBLE]", help=f"{', '.join(WORDS)}; or clear; the list when left out.")]
Times = Annotated[int, typer.Option("--times", min=1, help="Calls that have it.")]
OfKind = Annotated[str, typer.Option("--kind", help="Only calls on this kind, such as pods.")]
KUBECONFIG = Path("espalier-sim.kubeconfig")
PORT = 6_440


def register(app: typer.Typer) -> None:
    """Add the commands."""
    sim = typer.Typer(name="sim", help="A simulated cluster, and what can go wrong in one.", no_args_is_help=True)
    sim.command("serve")(takes("Telemetry")(serve))
    for name, command in VERBS.items():
        sim.command(name)(takes("System", "Kubernetes")(command))
    app.add_typer(sim)


async def serve(
    settings: Settings,
    fabric: Fabric = "gb200",
    racks: Racks = 16,
    data: DataFile = None,
    port: SimPort = PORT,
    kubeconfig: Written = KUBECONFIG,
) -> None:
    """Serve a simulated cluster, until SIGTERM."""
    from workers.simulated.cluster import Cluster  # noqa: PLC0415 - other commands need not pay for numpy and aiohttp
    from workers.simulated.fabrics import nodes_of  # noqa: PLC0415
    from workers.simulated.serving import running  # noqa: PLC0415

    del settings
    nodes = nodes_of(fabric, racks)
    cluster = Cluster(data)
    what = (
        f"{cluster.node_count} nodes, kept from before,"
        if cluster.node_count
        else f"{cluster.add_nodes(nodes)} nodes of {fabric}"
    )
    async with running(cluster, port, kubeconfig) as address:
        say(f"sim: {what} at {address}, kubeconfig {kubeconfig}")
        await stopped()


async def cordon(settings: Settings, node: Target) -> None:
    """Let no new pods on a node, or on all nodes of a domain."""
    await _each_node(settings, node, {"spec": {"unschedulable": True}}, "cordoned")


async def uncordon(settings: Settings, node: Target) -> None:
    """Let pods on it again."""
    await _each_node(settings, node, {"spec": {"unschedulable": None}}, "uncordoned")


async def lose(settings: Settings, node: Target) -> None:
    """A node, or a whole domain, answers no more."""
    await _each_node(settings, node, {"metadata": {"annotations": {"sim.espalier.dev/lost": "true"}}}, "lost")


async def back(settings: Settings, node: Target) -> None:
    """A lost node answers again."""
    await _each_node(settings, node, {"metadata": {"annotations": {"sim.espalier.dev/lost": None}}}, "back")


async def remove(settings: Settings, node: Target) -> None:
    """The machines are taken away: their node objects are deleted, and what ran there is gone."""
    from activities.cluster.kube import NODES  # noqa: PLC0415
    from workers.simulated.hands import kube_of, nodes_called  # noqa: PLC0415

    async with kube_of(settings) as kube:
        found = await nodes_called(kube, node)
        for each in found:
            await kube.delete(NODES, each["metadata"]["name"])
    say(f"{counted(len(found))} removed: {node}")


async def drain(settings: Settings, node: Target) -> None:
    """Cordon a node and delete its pods."""
    from activities.cluster.kube import PODS  # noqa: PLC0415
    from workers.simulated.hands import kube_of, nodes_called  # noqa: PLC0415

    await cordon(settings, node)
    async with kube_of(settings) as kube:
        names = {found["metadata"]["name"] for found in await nodes_called(kube, node)}
        leaving = [pod["metadata"] for pod in (await kube.list(PODS)).items if pod["spec"].get("nodeName") in names]
        for metadata in leaving:
            await kube.delete(PODS, metadata["name"], metadata["namespace"])
    say(f"{len(leaving)} pod{'s' * (len(leaving) != 1)} of {node}: deleted")


async def crash(settings: Settings, pod: PodName) -> None:
    """A pod's first container ends with an error, and is restarted."""
    await _pod_step(settings, pod, "Crash")


async def fail(settings: Settings, pod: PodName) -> None:
    """A pod ends as Failed."""
    await _pod_step(settings, pod, "Fail")


async def hang(settings: Settings, pod: PodName) -> None:
    """A pod is no longer Ready, and stays so."""
    from activities.cluster.kube import PODS  # noqa: PLC0415
    from workers.simulated.hands import kube_of, pods_called  # noqa: PLC0415

    async with kube_of(settings) as kube:
        for found in await pods_called(kube, pod, settings.namespace):
            name = found["metadata"]["name"]
            await kube.patch(PODS, name, {"metadata": {"annotations": {"sim.espalier.dev/hang": "true"}}}, settings.namespace)
    await _pod_step(settings, pod, "Restart")


async def faults(settings: Settings, trouble: Troubles = "", times: Times = 10, kind: OfKind = "") -> None:
    """Let the API server be in trouble: the next calls fail, or watches are cut."""
    from workers.simulated.faults import Fault  # noqa: PLC0415
    from workers.simulated.hands import ask_faults  # noqa: PLC0415

    if trouble not in ("", "clear", *WORDS):
        raise Failure(f"there is no trouble {trouble!r}", f"Choose one of: {', '.join(WORDS)}, clear", code=2)
    fault = next((Fault(trouble=each, times=times, plural=kind) for each in WORDS if each == trouble), None)
    found = await ask_faults(settings, fault, clear=trouble == "clear")
    for each in found:
        say(f"{WORDS[each.trouble]}: {each.times} times{f', {each.plural} only' if each.plural else ''}")
    if not found:
        say("The API server is well.")


VERBS: dict[str, Command] = {
    "cordon": cordon, "uncordon": uncordon, "drain": drain, "lose": lose, "return": back, "remove": remove,
    "crash": crash, "fail": fail, "hang": hang, "faults": faults,
}  # fmt: skip


async def _each_node(settings: Settings, called: str, patch: dict[str, object], word: str) -> None:
    from activities.cluster.kube import NODES  # noqa: PLC0415
    from workers.simulated.hands import kube_of, nodes_called  # noqa: PLC0415

    async with kube_of(settings) as kube:
        found = await nodes_called(kube, called)
        for node in found:
            await kube.patch(NODES, node["metadata"]["name"], patch)
    say(f"{counted(len(found))} {word}: {called}")


def counted(nodes: int) -> str:
    """`1 node is`, `18 nodes are`."""
    return f"{nodes} node{' is' if nodes == 1 else 's are'}"


async def _pod_step(settings: Settings, pod: str, step: str) -> None:
    """Plan a step for this moment, where the kubelets look for it."""
    from activities.cluster.kube import PODS  # noqa: PLC0415
    from workers.simulated.hands import kube_of, pods_called  # noqa: PLC0415
    from workers.simulated.kubelet import NEXT  # noqa: PLC0415
    from workers.simulated.words import with_condition  # noqa: PLC0415

    now = datetime.now(UTC)
    async with kube_of(settings) as kube:
        for found in await pods_called(kube, pod, settings.namespace):
            name = found["metadata"]["name"]
            status = with_condition(found, {"type": NEXT, "status": "True", "reason": step, "message": now.isoformat()}, now)
            await kube.patch(PODS, name, {"status": {"conditions": status["conditions"]}}, settings.namespace, "status")
            say(f"{name}: {step.lower()}")
