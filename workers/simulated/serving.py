"""A simulated cluster as a process: its server, its kubeconfig, and the way to talk to one that runs."""

import asyncio
import secrets
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml
from aiohttp import web

from specs.owners import Manifest
from workers.failure import Failure
from workers.simulated.cluster import Cluster
from workers.simulated.server import Server

HOST = "127.0.0.1"
NAME = "simulated"


@asynccontextmanager
async def running(cluster: Cluster, port: int, kubeconfig: Path) -> AsyncGenerator[str]:
    """Serve a cluster on this machine; its address. Raises `Failure` when the port is taken."""
    token = _token(kubeconfig)
    runner = web.AppRunner(Server(cluster, token).application(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, HOST, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            raise Failure(
                f"port {port} can't be used: {error.strerror}", "Choose another with --port, or end what uses it"
            ) from None
        address = f"http://{HOST}:{runner.addresses[0][1]}"
        write_kubeconfig(kubeconfig, address, token)
        acting = asyncio.create_task(cluster.run())
        yield address
        acting.cancel()
    finally:
        await runner.cleanup()
        cluster.objects.close()


def write_kubeconfig(file: Path, server: str, token: str) -> None:
    """For kubectl, and for the agent. Readable by its owner only."""
    content = {
        "apiVersion": "v1", "kind": "Config", "current-context": NAME,
        "clusters": [{"name": NAME, "cluster": {"server": server}}],
        "users": [{"name": NAME, "user": {"token": token}}],
        "contexts": [{"name": NAME, "context": {"cluster": NAME, "user": NAME}}],
    }  # fmt: skip
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as new:
        new.write(yaml.safe_dump(content))
    Path(new.name).replace(file)


def _token(kubeconfig: Path) -> str:
    """The same as before, so that clients survive a restart."""
    try:
        known: Manifest = yaml.safe_load(kubeconfig.read_text())
        return str(known["users"][0]["user"]["token"])
    except (OSError, KeyError, IndexError, TypeError, yaml.YAMLError):
        return secrets.token_urlsafe(24)
