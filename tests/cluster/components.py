"""The command line of every component, as data: what is started where, with which flags and why."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

STAGES = Path(__file__).with_name("stages.yaml")
ETCD, APISERVER, CONTROLLERS, SCHEDULER, KUBELETS = "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"
NAMES = (ETCD, APISERVER, CONTROLLERS, SCHEDULER, KUBELETS)
REQUESTS_AT_ONCE = 3000
# Volumes do not exist here, and the trust-bundle publisher refuses the self-signed certificate every few seconds.
NOT_NEEDED = ("persistentvolume-binder-controller", "kube-apiserver-serving-clustertrustbundle-publisher-controller")
AUTOSCALER_WAITS = ("sync-period", "initial-readiness-delay", "cpu-initialization-period")
AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


@dataclass(frozen=True)
class Tuning:
    """What a test may want different from a usual cluster.

    A node is called lost `node_grace_s` after its last lease renewal; a fake node renews every quarter of `node_lease_s`.
    `kubelets_at_once` is how many changes the fake nodes report in parallel. `audit` writes a line per API request to audit.log.
    """

    node_lease_s: int = 40
    node_grace_s: int = 50
    kubelets_at_once: int = 16
    audit: bool = False


@dataclass(frozen=True)
class Layout:
    """Where one control plane keeps its files and listens."""

    folder: Path
    etcd_port: int
    etcd_peer_port: int
    api_port: int

    @property
    def server(self) -> str:
        """The API server's address."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def certificates(self) -> Path:
        """Where the API server writes the certificate it makes for itself."""
        return self.folder / "certificates"

    @property
    def ca_file(self) -> Path:
        """What a client must trust: the server's own chain, which ends in its authority."""
        return self.certificates / "apiserver.crt"

    def kubeconfig(self, name: str) -> Path:
        """The kubeconfig of one user or component."""
        return self.folder / f"{name}.kubeconfig"


def command(name: str, layout: Layout, tuning: Tuning) -> tuple[str, ...]:
    """The arguments after the binary that start one component."""
    return (name, *_FLAGS[name](layout, tuning))


def write_configs(layout: Layout, tuning: Tuning) -> None:
    """Write the configuration files that the command lines point to."""
    for name, content in (
        ("scheduler.json", scheduler_settings(str(layout.kubeconfig(SCHEDULER)))),
        ("kwok.json", kwok_config(tuning)),
        ("audit-policy.json", AUDIT_POLICY),
    ):
        (layout.folder / name).write_text(json.dumps(content))


def scheduler_settings(kubeconfig: str) -> dict[str, object]:
    """Raised limits: with the default of 50 requests a second, tests would measure the limiter."""
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "leaderElection": {"leaderElect": False},
        "clientConnection": {"kubeconfig": kubeconfig, "qps": 2000, "burst": 4000},
    }


def kwok_config(tuning: Tuning) -> dict[str, object]:
    """How much the fake nodes do at once; four is their default, which thousands of pods would wait for."""
    options = {
        "podPlayStageParallelism": tuning.kubelets_at_once,
        "nodePlayStageParallelism": tuning.kubelets_at_once,
        "nodeLeaseParallelism": tuning.kubelets_at_once,
    }
    return {"apiVersion": "config.kwok.x-k8s.io/v1alpha1", "kind": "KwokConfiguration", "options": options}


def _etcd(layout: Layout, _: Tuning) -> list[str]:
    client, peer = (f"http://127.0.0.1:{port}" for port in (layout.etcd_port, layout.etcd_peer_port))
    return [
        f"--data-dir={layout.folder / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",  # survives a killed process, not a power cut
        "--log-level=warn",
    ]


def _apiserver(layout: Layout, tuning: Tuning) -> list[str]:
    key = layout.folder / "service-accounts.key"
    return [
        f"--etcd-servers=http://127.0.0.1:{layout.etcd_port}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.api_port}",
        f"--cert-dir={layout.certificates}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={layout.folder / 'tokens.csv'}",
        "--authorization-mode=RBAC",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--disable-admission-plugins=ServiceAccount",  # pods need no account of their own
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        f"--max-requests-inflight={REQUESTS_AT_ONCE}",
        f"--max-mutating-requests-inflight={REQUESTS_AT_ONCE}",
        *(_audit(layout) if tuning.audit else ()),
    ]


def _audit(layout: Layout) -> list[str]:
    return [f"--audit-policy-file={layout.folder / 'audit-policy.json'}", f"--audit-log-path={layout.folder / 'audit.log'}"]


def _controllers(layout: Layout, tuning: Tuning) -> list[str]:
    key = layout.folder / "service-accounts.key"
    return [
        f"--kubeconfig={layout.kubeconfig(CONTROLLERS)}",
        "--leader-elect=false",
        f"--controllers=*,{','.join('-' + name for name in NOT_NEEDED)}",
        "--secure-port=0",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
        f"--node-monitor-grace-period={tuning.node_grace_s}s",
        *(f"--horizontal-pod-autoscaler-{name}=1s" for name in AUTOSCALER_WAITS),  # else a test would wait half a minute
        f"--service-account-private-key-file={key}",
        f"--root-ca-file={layout.ca_file}",
    ]


def _scheduler(layout: Layout, _: Tuning) -> list[str]:
    return [f"--config={layout.folder / 'scheduler.json'}", "--secure-port=0"]


def _kwok(layout: Layout, tuning: Tuning) -> list[str]:
    return fake_nodes(layout.kubeconfig(KUBELETS), layout.folder / "kwok.json", tuning)


def fake_nodes(kubeconfig: Path, config: Path, tuning: Tuning) -> list[str]:
    """Flags of KWOK, whichever cluster the kubeconfig leads to."""
    return [
        f"--kubeconfig={kubeconfig}",
        f"--config={config}",
        f"--config={STAGES}",
        "--manage-all-nodes=true",
        f"--node-lease-duration-seconds={tuning.node_lease_s}",
        "--cidr=10.0.0.0/8",
    ]


_FLAGS: dict[str, Callable[[Layout, Tuning], list[str]]] = {
    ETCD: _etcd,
    APISERVER: _apiserver,
    CONTROLLERS: _controllers,
    SCHEDULER: _scheduler,
    KUBELETS: _kwok,
}
