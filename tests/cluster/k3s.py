"""`K3s`: the same promises as `ControlPlane`, on k3s in a container, where there is a container engine.

Written from the documentation of k3s and testcontainers and checked as far as a machine without an engine can: its
types, its command line and its files. It has not been run here.
"""

import base64
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import yaml
from testcontainers.core.container import DockerContainer

from tests.cluster.api import Access, Api
from tests.cluster.binary import binary, kubernetes_version
from tests.cluster.components import KUBELETS, Tuning, fake_nodes, kwok_config, scheduler_settings
from tests.cluster.credentials import administrator, kubeconfig, token_file
from tests.cluster.ports import free_ports
from tests.cluster.waiting import READY_TIMEOUT_S, answers, wait_for
from workers.process import Process
from workers.warden import Warden

MOUNTED = "/espalier"
API_PORT = 6443
OWN_KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
SCHEDULER_KUBECONFIG = "/var/lib/rancher/k3s/server/cred/scheduler.kubeconfig"
NOT_NEEDED = ("coredns", "local-storage", "metrics-server", "servicelb", "traefik")


def image() -> str:
    """The k3s of our Kubernetes version; $ESPALIER_K3S_IMAGE names another."""
    return os.environ.get("ESPALIER_K3S_IMAGE", f"rancher/k3s:{kubernetes_version()}-k3s1")


def arguments(host: str, tuning: Tuning) -> list[str]:
    """The command of the container: a server without a node of its own, since all nodes are fake."""
    return [
        "server",
        "--disable-agent",
        "--disable-cloud-controller",
        "--disable-helm-controller",
        "--disable-network-policy",
        "--flannel-backend=none",
        f"--disable={','.join(NOT_NEEDED)}",
        f"--tls-san={host}",
        f"--kube-apiserver-arg=token-auth-file={MOUNTED}/tokens.csv",
        "--kube-apiserver-arg=disable-admission-plugins=ServiceAccount",
        "--kube-controller-manager-arg=kube-api-qps=500",
        "--kube-controller-manager-arg=kube-api-burst=1000",
        f"--kube-controller-manager-arg=node-monitor-grace-period={tuning.node_grace_s}s",
        f"--kube-scheduler-arg=config={MOUNTED}/scheduler.json",
    ]


def authority(config: str) -> bytes:
    """The certificate authority inside a kubeconfig that k3s wrote."""
    found: dict[str, Any] = yaml.safe_load(config)
    return base64.b64decode(found["clusters"][0]["cluster"]["certificate-authority-data"])


class K3s:
    """One k3s server in a container, and our fake nodes beside it as a process on the host."""

    def __init__(self, tuning: Tuning | None = None) -> None:
        self.tuning = tuning or Tuning()
        self.keep = False
        self.admin = administrator("admin")

    @staticmethod
    def kind() -> str:
        """What it is, for the test header."""
        return f"{image()} in a container, with fake nodes"

    @property
    def access(self) -> Access:
        """How the administrator gets in."""
        return Access(self._server, self.admin.token, self.folder / "ca.crt", self.folder / "admin.kubeconfig")

    def api(self) -> Api:
        """A client for the administrator, to be used as `async with`."""
        return Api(self.access)

    def start(self) -> Self:
        """Start the container and the fake nodes."""
        program = binary()
        self.folder = Path(tempfile.mkdtemp(prefix="espalier-k3s-"))
        self._write_mounted()
        self._warden = Warden()
        self._container, host, port = self._described()
        self._server = f"https://{host}:{port}"
        command = fake_nodes(self.access.kubeconfig, self.folder / "kwok.json", self.tuning)
        self._kwok = Process(KUBELETS, (str(program), KUBELETS, *command), self.folder / "kwok.log", self._warden)
        try:
            self._container.start()
            self._let_in()
            self.wait_ready()
            self._kwok.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End both."""
        self._kwok.kill()
        self._warden.dismiss()
        self._container.stop()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def process(self, name: str) -> Process:
        """Only the fake nodes are a process of their own here. Raises `LookupError` for the rest: use `restart`."""
        if name != KUBELETS:
            raise LookupError(f"{name} is part of the k3s container; only {KUBELETS} can be had alone, or `restart` all")
        return self._kwok

    def restart(self, name: str) -> None:
        """kill -9 and start again: the fake nodes alone, or, for any other name, all of k3s."""
        if name == KUBELETS:
            self._kwok.restart()
        else:
            wrapped = self._container.get_wrapped_container()
            cast("Callable[..., None]", wrapped.restart)(timeout=0)
        self.wait_ready()

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Wait until the API server says it is ready."""
        wait_for("k3s to be ready", lambda: answers(self.access, "/readyz"), self.logs, timeout_s)

    def logs(self) -> str:
        """The ends of both logs."""
        said = b"".join(self._container.get_logs())[-5000:].decode(errors="replace")
        return f"--- k3s\n{said}\n--- {KUBELETS}\n{self._kwok.last_words()}"

    def _write_mounted(self) -> None:
        (self.folder / "tokens.csv").write_text(token_file([self.admin]))
        (self.folder / "scheduler.json").write_text(json.dumps(scheduler_settings(SCHEDULER_KUBECONFIG)))
        (self.folder / "kwok.json").write_text(json.dumps(kwok_config(self.tuning)))

    def _described(self) -> tuple[DockerContainer, str, int]:
        # A port of our choice: the engine's would change when the container is restarted.
        container, (port,) = DockerContainer(image()), free_ports(1)
        host = container.get_container_host_ip()
        container.with_command(arguments(host, self.tuning)).with_bind_ports(API_PORT, port).with_kwargs(privileged=True)
        container.with_volume_mapping(str(self.folder), MOUNTED, "ro").with_tmpfs_mount("/run").with_tmpfs_mount("/var/run")
        return container, host, port

    def _let_in(self) -> None:
        """Take the authority's certificate out of the container and write our kubeconfig."""
        wait_for("k3s to write its kubeconfig", lambda: bool(self._own_config()), self.logs, READY_TIMEOUT_S)
        self.access.ca_file.write_bytes(authority(self._own_config()))
        self.access.kubeconfig.write_text(kubeconfig(self._server, self.access.ca_file, self.admin))

    def _own_config(self) -> str:
        code, output = self._container.exec(["cat", OWN_KUBECONFIG])
        return str(cast("bytes", output).decode()) if code == 0 else ""
