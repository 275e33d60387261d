"""`espalier up`: everything on one machine, in one command."""

import asyncio
import os
import time
from pathlib import Path
from typing import Annotated

import typer

from workers.console import say
from workers.embedded import Plan, running
from workers.failure import Failure
from workers.options import takes
from workers.serving import stopped
from workers.settings import Settings

Folder = Annotated[
    Path | None, typer.Option("--data", metavar="FOLDER", help="Where everything is kept; ~/.local/share/espalier.")
]
Simulate = Annotated[
    str, typer.Option("--simulate", metavar="FABRIC", help="gb200, dgx, plain, or a file; see espalier sim serve.")
]
Racks = Annotated[int, typer.Option("--racks", min=1, max=2_000, help="Racks of a preset.")]
UiPort = Annotated[int, typer.Option("--ui-port", min=1, max=65_535, help="Port of Temporal's UI.")]
SimPort = Annotated[int, typer.Option("--sim-port", min=1, max=65_535, help="Port of the simulated cluster.")]
READY_S = 60.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("up")(takes("Cluster", "Kubernetes", "Temporal")(up))


async def up(
    settings: Settings,
    simulate: Simulate = "gb200",
    racks: Racks = 16,
    data: Folder = None,
    ui_port: UiPort = 8_233,
    sim_port: SimPort = 6_440,
) -> None:
    """Start everything on this machine, until Ctrl-C: Temporal, a worker, an agent, and a simulated cluster or a real one."""
    folder = data or default_folder()
    plan = Plan(folder, settings.temporal_address, ui_port, sim_port, simulate, racks, settings.kubeconfig, settings.cluster)
    _check(plan)
    started = time.monotonic()
    async with running(plan, say) as parts:
        try:
            await served(plan)
        except TimeoutError:
            raise Failure(
                f"not everything answered within {READY_S:g} s", f"See the logs in {folder / 'logs'}\n{parts.last_words()}"
            ) from None
        say(f"ready after {time.monotonic() - started:.1f} s")
        for line in told(plan):
            say(line)
        await stopped()
        say("ending")


async def served(plan: Plan) -> None:
    """Return once a worker and the agent take work."""
    from temporalio.service import RPCError  # noqa: PLC0415 - `up` answers its help without Temporal's library

    from workflows.client import Systems  # noqa: PLC0415

    async with asyncio.timeout(READY_S):
        while True:
            try:
                await (await Systems.connect(plan.temporal_address, plan.cluster)).until_served(READY_S)
            except (RPCError, RuntimeError):  # it does not answer yet
                await asyncio.sleep(0.1)
            else:
                return


def told(plan: Plan) -> list[str]:
    """Where everything is."""
    what = f"simulated, {plan.racks} racks of {plan.fabric}" if plan.kubeconfig is None else "yours"
    return [
        f"Temporal UI   http://127.0.0.1:{plan.ui_port}",
        f"cluster       {what}; export KUBECONFIG={plan.access}",
        f"everything    {plan.folder} (logs below; delete it to begin anew)",
        "try           espalier apply -f examples/small.yaml --wait; Ctrl-C here ends everything, and up goes on where it was",
    ]


def default_folder() -> Path:
    """Where data of a user's programs is kept."""
    return Path(os.environ.get("XDG_DATA_HOME") or "~/.local/share").expanduser() / "espalier"


def _check(plan: Plan) -> None:
    """Raise `Failure` for what would make every part fail again and again."""
    from workers.simulated.fabrics import nodes_of  # noqa: PLC0415

    if plan.kubeconfig is None:
        nodes_of(plan.fabric, plan.racks)
    elif not plan.kubeconfig.is_file():
        raise Failure(
            f"there is no kubeconfig {plan.kubeconfig}", "Name another with --kubeconfig, or leave it out for a simulated cluster"
        )
    for name, port in (("Temporal", int(plan.temporal_address.rpartition(":")[2])), ("Temporal's UI", plan.ui_port)):
        if taken(port):
            raise Failure(f"port {port}, for {name}, is in use", "End what uses it, or choose --temporal-address and --ui-port")
    if plan.kubeconfig is None and taken(plan.sim_port):
        raise Failure(f"port {plan.sim_port}, for the simulated cluster, is in use", "End what uses it, or choose --sim-port")


def taken(port: int) -> bool:
    """Whether somebody listens there."""
    import socket  # noqa: PLC0415

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
