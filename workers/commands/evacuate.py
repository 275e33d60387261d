"""`espalier evacuate`: have all systems leave a node or a domain, unit by unit; and give that up."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from activities.cluster.credentials import find_access
from activities.cluster.http import HttpKube
from activities.cluster.kube import BINDINGS, DECLARING, FABRICS, NODES, PODS, PRIORITIES, Kube
from specs.declaring import NotASystem, declared_system
from workers import desk
from workers.commands.change import Timeout, Wait
from workers.console import say, show, show_data
from workers.failure import Failure
from workers.options import Output, takes
from workers.settings import Settings
from workers.snapshots import taken

if TYPE_CHECKING:
    from specs.system import InferenceSystem

POLL_S = 0.5
SEEN = (FABRICS, BINDINGS, NODES, PODS, PRIORITIES, *DECLARING.values())
Target = Annotated[
    str | None,
    typer.Argument(metavar="[NODE|LEVEL=DOMAIN]", help="A node, or a domain (rack=r7); those evacuated when left out."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say which pods would go where.")]
Cancel = Annotated[bool, typer.Option("--cancel", help="Give it up: what has not left yet stays.")]


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command("evacuate")(takes("Kubernetes")(evacuate))


async def evacuate(
    settings: Settings,
    target: Target = None,
    dry_run: DryRun = False,
    cancel: Cancel = False,
    wait: Wait = False,
    timeout: Timeout = None,
    output: Output = "table",
) -> None:
    """Have every unit leave a node or domain, within its budget and only for a place that it has."""
    from topology.supply import snapshot as snapshots  # noqa: PLC0415 - numpy takes its time to import
    from workers import evacuating  # noqa: PLC0415 - as above

    access = await find_access(str(settings.kubeconfig or ""), settings.context or "")
    async with HttpKube(access) as kube:
        if target is None:
            await _tell(kube, await evacuating.marked(kube), output)
            return
        snapshot = await taken(kube, SEEN)
        names = evacuating.nodes_meant(snapshots.read_fleet(snapshot), target)
        if dry_run:
            _plan(snapshot, names, output)
        elif cancel:
            count = await evacuating.unmark(kube, names)
            say(f"{count} of {len(names)} nodes were being evacuated and are open again.")
        else:
            count = await evacuating.mark(kube, names, desk.who())
            say(f"{len(names)} nodes are evacuated, {count} of them from now on; see what is left with: espalier evacuate")
            if wait:
                await _until_empty(kube, names, timeout)


async def _tell(kube: Kube, names: list[str], output: str) -> None:
    from workers import evacuating  # noqa: PLC0415 - numpy takes its time to import

    found = await evacuating.left(kube, names)
    if output in {"json", "yaml"}:
        show_data({"nodes": names, "left": dict(found)}, output)
    elif not names:
        show("No node is being evacuated.")
    else:
        show(f"Evacuated: {', '.join(names)}")
        show(_left(found))


async def _until_empty(kube: Kube, names: list[str], timeout_s: float | None) -> None:
    from workers import evacuating  # noqa: PLC0415 - numpy takes its time to import

    told = ""
    try:
        async with asyncio.timeout(timeout_s):
            while found := await evacuating.left(kube, names):
                if _left(found) != told:
                    told = _left(found)
                    say(told)
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise Failure(f"not empty yet: {told}", "It goes on; see why a unit stays with: espalier explain NAME") from None
    say("Nothing of Espalier's is left there.")


def _left(found: Any) -> str:
    if not found:
        return "nothing of Espalier's is left there"
    return f"{sum(found.values())} pods are left: {', '.join(f'{name} ({pods})' for name, pods in found.items())}"


def _plan(snapshot: dict[str, Any], names: list[str], output: str) -> None:
    from topology.planning import moves  # noqa: PLC0415 - numpy takes its time to import
    from workers.moves_view import moves_view  # noqa: PLC0415 - as above

    try:
        found = moves.plan_repairs(_declared(snapshot), snapshot, names)
    except (ValueError, LookupError) as error:
        raise Failure(f"the plan can't be made: {error.args[0]}") from None
    listed = [each for each in found["moves"] if each["from"] in names or each["why"] == "moved"]
    answer = {"nodes": names, "moves": listed, "moved": found["moved"], "atLeast": found["atLeast"]}
    if output in {"json", "yaml"}:
        show_data(answer, output)
        return
    for part in moves_view(answer):
        show(part)


def _declared(snapshot: dict[str, Any]) -> list["InferenceSystem"]:
    kinds = {kind.kind for kind in DECLARING.values()}
    found: list[InferenceSystem] = []
    for each in snapshot["items"]:
        if each["kind"] in kinds:
            metadata = {name: each["metadata"][name] for name in ("name", "namespace")}
            try:
                found.append(declared_system({**{k: v for k, v in each.items() if k != "status"}, "metadata": metadata}))
            except NotASystem as error:
                raise Failure(f"{metadata['namespace']}/{metadata['name']}: {error}") from None
    return found
