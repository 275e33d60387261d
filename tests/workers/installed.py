"""Espalier as `espalier install` puts it into a cluster: its agent with the rights of its own account and no more."""

import base64
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import yaml

from tests.cluster.engine import Cluster
from tests.cluster.kubectl import Kubectl
from tests.running import Espalier
from tests.workers.living import Command

SYSTEM_NAMESPACE = "espalier-system"
ACCOUNT = f"system:serviceaccount:{SYSTEM_NAMESPACE}:espalier-agent"


@asynccontextmanager
async def as_installed(cluster: Cluster, folder: Path, environment: Mapping[str, str] | None = None) -> AsyncGenerator[Espalier]:
    """Installed while the body runs."""
    admin, command = cluster.access.kubeconfig, Command({})
    await command("install", "--kubeconfig", str(admin))
    with Espalier(_kubeconfig(admin, await _token(admin), folder), environment, installs_crds=False) as house:
        yield house
    await command("uninstall", "--yes", "--kubeconfig", str(admin), "--temporal-address", "127.0.0.1:1")
    await Kubectl(admin)("wait", "--for=delete", f"namespace/{SYSTEM_NAMESPACE}", "--timeout=60s")


async def _token(admin: Path) -> str:
    """Of the agent's account."""
    token = (await Kubectl(admin)("create", "token", "espalier-agent", "-n", SYSTEM_NAMESPACE)).strip()
    assert _subject(token) == ACCOUNT
    return token


def _kubeconfig(admin: Path, token: str, folder: Path) -> Path:
    """One with that token."""
    config: dict[str, Any] = yaml.safe_load(admin.read_text())
    config["users"] = [{"name": config["users"][0]["name"], "user": {"token": token}}]
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(config))
    return kubeconfig


def _subject(token: str) -> str:
    claims = token.split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])
