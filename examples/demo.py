"""The main job, told in a minute: a model on GB200 racks comes up, grows, is upgraded, breaks, heals, goes; gaps are closed.

usage: python -m examples.demo [--keep] [--kubeconfig FILE]

Starts everything with `espalier up` in a folder of its own, and does what a person would do with the command line. `--keep`
leaves it running until Ctrl-C. With `--kubeconfig` the story is told on that cluster instead of a simulated one; its nodes must
be GB200 racks, and those of one rack are deleted on the way.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from rich.table import Table

from activities.cluster.credentials import from_kubeconfig
from activities.cluster.http import HttpKube
from activities.cluster.kube import BUDGETS, PLACEMENTS, PODS, SERVICES, Kube, Manifest
from examples.crowd import makes_room
from examples.stage import (
    MANIFEST,
    NAME,
    Failed,
    Stage,
    console,
    domains,
    labels_of,
    node_of,
    of_system,
    pods_of,
    ready_at,
    role,
    slot,
)  # fmt: skip

RACK, BLOCK = "nvidia.com/gpu.clique", "network.topology.nvidia.com/block"
READY_AFTER = "600ms"
BETTER, WORSE = "lmsysorg/sglang:v0.5.7", "lmsysorg/sglang:v0.5.8-broken"
WHOLE_S = 60.0


def main() -> None:
    """Tell the story."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything running until Ctrl-C")
    parser.add_argument("--kubeconfig", type=Path, help="of a cluster to play on instead of a simulated one")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="espalier-demo-") as folder:
        stage = Stage(Path(folder), args.kubeconfig)
        running = stage.start()
        try:
            asyncio.run(story(stage, keep=args.keep))
            summary(stage)
            if args.keep:
                console.print(f"It goes on; Ctrl-C ends it. export ESPALIER_TEMPORAL_ADDRESS=127.0.0.1:{stage.temporal_port}")
                running.wait()
        except Failed as failure:
            console.print(f"[bold red]failed:[/] {failure}", markup=True)
            sys.exit(1)
        except KeyboardInterrupt:
            pass
        finally:
            running.terminate()
            running.wait()


async def story(stage: Stage, *, keep: bool) -> None:
    """Everything, in order."""
    (stage.folder / MANIFEST.name).write_text(yaml.safe_dump(slowly(yaml.safe_load(MANIFEST.read_text()))))
    async with HttpKube(await from_kubeconfig(str(stage.kubeconfig))) as kube:
        await comes_up(stage, kube)
        await grows(stage, kube)
        await loses_a_pod(stage, kube)
        await is_upgraded(stage, kube)
        await refuses_to_break(stage, kube)
        await loses_a_rack(stage, kube)
        await follows_the_clock(stage, kube)
        says_why_not(stage)
        if not keep:
            await goes(stage, kube)
        title("A fleet is full of holes: a gang that needs a whole rack waits, until one notebook has moved out of its way")
        await makes_room(stage, kube, RACK)


async def comes_up(stage: Stage, kube: Kube) -> None:
    """In order, and together."""
    title("A disaggregated model comes up in order: routers first, then prefill and decode servers, each within its rack")
    since = time.monotonic()
    stage.do(f"apply -f {MANIFEST.name} --wait --timeout 60")
    pods, nodes = await pods_of(kube), await labels_of(kube)
    stage.check(f"all {len(pods)} pods are Ready", len(pods) == 28, since)
    ready = sorted(ready_at(pod) for pod in pods if role(pod) == "router")
    begun = min(pod["status"]["startTime"] for pod in pods if role(pod) != "router")
    stage.check("no server started before its copy's router was Ready", ready[0] <= begun, since)
    stage.check(
        "every model server is inside one NVLink rack",
        all(len(racks) == 1 for racks in domains(pods, nodes, RACK, "replica")),
        since,
    )
    stage.check("every copy is inside one block", all(len(blocks) == 1 for blocks in domains(pods, nodes, BLOCK, "copy")), since)


async def grows(stage: Stage, kube: Kube) -> None:
    """Scaled by hand."""
    title("It grows by one decode server a copy")
    since = time.monotonic()
    stage.do(f"scale {NAME} decode=5 --wait --timeout 60")
    stage.check("one more decode server in each copy, and nothing else", len(await pods_of(kube)) == 32, since)


async def loses_a_pod(stage: Stage, kube: Kube) -> None:
    """Replaced where it was."""
    title("A pod dies; another takes its place")
    since = time.monotonic()
    victim = next(pod for pod in await pods_of(kube) if role(pod) == "decode.worker")
    console.print(f"[bold]$ kubectl delete pod {victim['metadata']['name']} --now[/]")
    await kube.delete(PODS, victim["metadata"]["name"], victim["metadata"]["namespace"])
    await until_whole(stage, kube, 32, {victim["metadata"]["uid"]})
    again = [pod for pod in await pods_of(kube) if slot(pod) == slot(victim)]
    stage.check("the pod is back, on the place that was kept", [node_of(pod) for pod in again] == [node_of(victim)], since)


async def is_upgraded(stage: Stage, kube: Kube) -> None:
    """A newer image for the prefill servers."""
    title("Its prefill servers get a newer image, one server at a time, each in the place that it has")
    since, before = time.monotonic(), {slot(pod): node_of(pod) for pod in await pods_of(kube)}
    edit(stage, "prefill", image=BETTER)
    stage.do(f"apply -f {MANIFEST.name} --wait --timeout 60")
    pods = await pods_of(kube)
    stage.check("every prefill server runs the newer image", all(image(pod) == BETTER for pod in prefill(pods)), since)
    stage.check("and nothing has moved", {slot(pod): node_of(pod) for pod in pods} == before, since)


async def refuses_to_break(stage: Stage, kube: Kube) -> None:
    """An image whose servers never get Ready."""
    title("The next image is broken: the upgrade stops at its first server, and is undone")
    since, before = time.monotonic(), {pod["metadata"]["uid"] for pod in await pods_of(kube)}
    edit(stage, "prefill", image=WORSE, annotations={"sim.espalier.dev/hang": "true"})
    stage.do(f"apply -f {MANIFEST.name}")
    await until_held(stage)
    kept = before & {pod["metadata"]["uid"] for pod in await pods_of(kube)}
    stage.check("one server of two pods was taken, and no other is touched", len(kept) == len(before) - 2, since)
    stage.do(f"rollout undo {NAME} --wait --timeout 60")
    pods = await pods_of(kube)
    again = all(image(pod) == BETTER for pod in prefill(pods))
    stage.check("it is back, and all others never left", again and kept < {pod["metadata"]["uid"] for pod in pods}, since)


async def loses_a_rack(stage: Stage, kube: Kube) -> None:
    """The rack that holds least of it."""
    title("A rack of 18 machines is taken away; what ran there moves, as whole servers")
    since = time.monotonic()
    pods, nodes = await pods_of(kube), await labels_of(kube)
    on_rack: dict[str, set[str]] = defaultdict(set)
    for pod in pods:
        on_rack[nodes[node_of(pod)][RACK]].add(pod["metadata"]["uid"])
    rack = min(on_rack, key=lambda name: (len(on_rack[name]), name))
    stage.do(f"sim remove {rack}")
    await until_whole(stage, kube, 32, on_rack[rack])
    pods, nodes = await pods_of(kube), await labels_of(kube)
    stage.check(f"{len(on_rack[rack])} pods came back elsewhere", all(node_of(pod) in nodes for pod in pods), since)
    stage.check(
        "every model server is still inside one rack",
        all(len(racks) == 1 for racks in domains(pods, nodes, RACK, "replica")),
        since,
    )


async def follows_the_clock(stage: Stage, kube: Kube) -> None:
    """Scaled by a schedule."""
    title("It is scaled by the clock: every morning at seven, and once right now")
    since = time.monotonic()
    stage.do(f"schedule add {NAME} morning --cron '0 7 * * *' --time-zone Europe/Berlin --set decode=6")
    stage.do(f"schedule run {NAME} morning")
    await until_whole(stage, kube, 36, set())
    stage.check("the schedule's run has scaled it", len(await pods_of(kube)) == 36, since)


def says_why_not(stage: Stage) -> None:
    """Too much."""
    title("Forty copies do not fit; it says why, and what would make them fit")
    since = time.monotonic()
    stage.do(f"scale {NAME} copies=40")
    told = stage.do(f"explain {NAME}")
    stage.check("it says what is missing, and what to do", "free or add room for" in told, since)
    stage.do(f"scale {NAME} copies=2 --wait --timeout 60", shown=False)
    stage.check("and it is whole again with two", True, since)


async def goes(stage: Stage, kube: Kube) -> None:
    """Deleted."""
    title("It goes, and leaves nothing behind")
    since = time.monotonic()
    stage.do(f"delete {NAME} --wait --timeout 60")
    kinds = (PODS, SERVICES, BUDGETS, PLACEMENTS)
    left = {kind.plural: len(await of_system(kube, kind)) for kind in kinds}
    stage.check(
        "no pod, service, budget, placement or schedule is left",
        not any(left.values()) and "morning" not in stage.do("schedule list"),
        since,
    )


def summary(stage: Stage) -> None:
    """What was checked."""
    table = Table(title="checked", box=None, title_justify="left", header_style="bold")
    table.add_column("")
    table.add_column("what")
    table.add_column("s", justify="right")
    for what, took in stage.checks:
        table.add_row("[green]ok[/]", what, f"{took:.1f}")
    console.print(table)
    console.print(f"Temporal UI: http://127.0.0.1:{stage.ui_port}")


def title(text: str) -> None:
    """A new chapter."""
    console.print(f"\n[bold cyan]{text}[/]")


def slowly(manifest: Manifest) -> Manifest:
    """The same with pods that take a moment to become Ready, so that the order can be seen."""
    for template in templates(manifest["spec"]):
        template.setdefault("metadata", {}).setdefault("annotations", {})["sim.espalier.dev/ready-after"] = READY_AFTER
        template["spec"]["terminationGracePeriodSeconds"] = 1
    return manifest


def edit(stage: Stage, group: str, image: str, annotations: dict[str, str] | None = None) -> None:
    """Change what the pods of a group are made of, in the file, as one would."""
    file = stage.folder / MANIFEST.name
    manifest = yaml.safe_load(file.read_text())
    members = [member for member in manifest["spec"]["members"] if member.get("group") == group]
    for template in templates({"members": members}):
        template["spec"]["containers"][0]["image"] = image
        template["metadata"]["annotations"].update(annotations or {})
    file.write_text(yaml.safe_dump(manifest))
    console.print(f"[dim]  in {MANIFEST.name}: {group} runs {image}[/]")


def prefill(pods: list[Manifest]) -> list[Manifest]:
    """Those of prefill servers."""
    return [pod for pod in pods if role(pod).startswith("prefill.")]


def image(pod: Manifest) -> str:
    """What it runs."""
    return str(pod["spec"]["containers"][0]["image"])


def templates(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every pod template in a spec."""
    for member in part["members"]:
        if "members" in member:
            yield from templates(member)
        else:
            yield member["template"]


async def until_held(stage: Stage) -> None:
    """Until an upgrade has taken a server that does not come back."""
    deadline = time.monotonic() + WHOLE_S
    while "Budget" not in (told := stage.ask(f"rollout status {NAME}")):
        if time.monotonic() > deadline:
            raise Failed(f"the upgrade is not held within {WHOLE_S:g} s: {told}")
        await asyncio.sleep(0.2)
    stage.do(f"rollout status {NAME}")


async def until_whole(stage: Stage, kube: Kube, wanted: int, without: set[str]) -> None:
    """Until the system is Ready with so many pods, none of them one of these."""
    deadline = time.monotonic() + WHOLE_S
    while time.monotonic() < deadline:
        pods = await pods_of(kube)
        ready = [pod for pod in pods if ready_at(pod) and pod["metadata"]["uid"] not in without]
        if len(ready) == len(pods) == wanted:
            return
        await asyncio.sleep(0.2)
    raise Failed(f"not whole within {WHOLE_S:g} s: {stage.do(f'explain {NAME}')}")


if __name__ == "__main__":
    main()
