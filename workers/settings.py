"""Every setting, once: its name, default, meaning. `sources` reads them from flags, environment and file."""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["auto", "console", "json"]
DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")]
Section = Literal["System", "Cluster", "Temporal", "Kubernetes", "Worker", "Telemetry"]
SECTIONS: tuple[Section, ...] = get_args(Section)


class Settings(BaseModel):
    """Frozen; unknown names are refused. The title of each field is the section of docs/settings.md that it belongs to."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    namespace: Annotated[DnsLabel, Field(title="System", description="Kubernetes namespace of the systems.")] = "default"
    cluster: Annotated[DnsLabel, Field(title="Cluster", description="Name of the cluster, as its agent was given it.")] = (
        "default"
    )

    temporal_address: Annotated[
        str, Field(title="Temporal", pattern=r"^[^\s/:]+:\d+$", description="Temporal frontend, `host:port`.")
    ] = "127.0.0.1:7233"
    temporal_namespace: Annotated[str, Field(title="Temporal", min_length=1, description="Temporal namespace.")] = "default"
    temporal_tls: Annotated[
        bool, Field(title="Temporal", description="Speak TLS; on by itself with an API key or certificates.")
    ] = False
    temporal_tls_ca: Annotated[Path | None, Field(title="Temporal", description="File of the authority to trust, PEM.")] = None
    temporal_tls_cert: Annotated[Path | None, Field(title="Temporal", description="Client certificate file, PEM.")] = None
    temporal_tls_key: Annotated[Path | None, Field(title="Temporal", description="Client key file, PEM.")] = None
    temporal_api_key: Annotated[
        SecretStr | None, Field(title="Temporal", description="API key. Never printed; better in the environment than in a flag.")
    ] = None

    kubeconfig: Annotated[
        Path | None,
        Field(title="Kubernetes", description="Kubeconfig file; else KUBECONFIG, ~/.kube/config, or the pod's own account."),
    ] = None
    context: Annotated[
        str | None, Field(title="Kubernetes", description="Context of the kubeconfig; its current one when left out.")
    ] = None
    kube_qps: Annotated[float, Field(title="Kubernetes", gt=0, description="Requests a second to the API server, at most.")] = (
        1_000
    )
    kube_burst: Annotated[int, Field(title="Kubernetes", gt=0, description="Requests that may go at once above that rate.")] = (
        2_000
    )

    provisioning_class: Annotated[
        str,
        Field(
            title="Kubernetes",
            pattern=r"^[a-z0-9]?[-a-z0-9.]*$",
            max_length=253,
            description="Class of the ProvisioningRequests that ask a node autoscaler for what waits; empty for none.",
        ),
    ] = ""

    schedulers: Annotated[
        str,
        Field(
            title="Kubernetes",
            pattern=r"^([a-z0-9][-a-z0-9.]*(,[a-z0-9][-a-z0-9.]*)*)?$",
            max_length=1_000,
            description="Schedulers besides the cluster's own, `a,b`: pods of PodCliqueSets that name one are given to it.",
        ),
    ] = ""

    webhook_port: Annotated[
        int,
        Field(
            title="Kubernetes",
            ge=0,
            le=65_535,
            description="Port on which the API server asks before it stores a system; 0: it is not asked.",
        ),
    ] = 0
    webhook_url: Annotated[
        str,
        Field(
            title="Kubernetes",
            pattern=r"^(https://[^\s/]+)?$",
            description="Where the API server finds that port: `https://127.0.0.1:9443`; empty: by its Service.",
        ),
    ] = ""

    workflow_slots: Annotated[int, Field(title="Worker", gt=0, description="Workflow tasks that one worker runs at a time.")] = (
        100
    )
    activity_slots: Annotated[
        int, Field(title="Worker", gt=0, description="Activities that one worker or agent runs at a time.")
    ] = 100
    cached_workflows: Annotated[
        int, Field(title="Worker", ge=0, description="Workflows kept in memory: twice the systems, at about 0.1 MB each.")
    ] = 2_000
    grace_s: Annotated[float, Field(title="Worker", ge=0, description="Seconds to finish what is running after SIGTERM.")] = 20.0

    health_port: Annotated[
        int, Field(title="Worker", ge=0, le=65_535, description="Port of /livez and /readyz, for probes; 0 for none.")
    ] = 0

    otlp_endpoint: Annotated[
        str | None,
        Field(
            title="Telemetry",
            pattern=r"^https?://",
            description="OpenTelemetry collector, OTLP over HTTP; else OTEL_EXPORTER_OTLP_ENDPOINT; else silent.",
        ),
    ] = None
    log_level: Annotated[LogLevel, Field(title="Telemetry", description="Least severe message to log.")] = "info"
    log_format: Annotated[LogFormat, Field(title="Telemetry", description="auto: console on a terminal, JSON elsewhere.")] = (
        "auto"
    )


def names(*sections: Section) -> list[str]:
    """The settings of some sections, in order of declaration."""
    return [name for name in Settings.model_fields if Settings.model_fields[name].title in sections]


def flag(name: str) -> str:
    """`temporal_address` -> `--temporal-address`."""
    return "--" + name.replace("_", "-")


def variable(name: str) -> str:
    """`temporal_address` -> `ESPALIER_TEMPORAL_ADDRESS`."""
    return f"ESPALIER_{name.upper()}"
