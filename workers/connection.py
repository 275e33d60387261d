"""The way to Temporal: one client, with the project's converter and whatever telemetry is on."""

from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from workers.failure import Failure
from workers.settings import Settings
from workers.telemetry import Telemetry
from workflows.wiring import DATA_CONVERTER

CONNECT_TIMEOUT = timedelta(seconds=5)
START_ONE = "Start one with: espalier temporal; or name another with --temporal-address"


class Unreachable(Failure):
    """Nobody answers at the address of Temporal."""


async def connect(settings: Settings, telemetry: Telemetry) -> Client:
    """A connected client. Raises `Unreachable` when Temporal does not answer, `Failure` when its namespace is not there."""
    try:
        client = await Client.connect(
            settings.temporal_address,
            namespace=settings.temporal_namespace,
            data_converter=DATA_CONVERTER,
            interceptors=telemetry.interceptors,
            runtime=telemetry.runtime,
            tls=_tls(settings),
            api_key=settings.temporal_api_key.get_secret_value() if settings.temporal_api_key else None,
            connect_timeout=CONNECT_TIMEOUT,
        )
    except RuntimeError:
        # What the SDK says here is the inside of its transport, and may quote the address with its credentials.
        raise Unreachable(f"Temporal does not answer at {settings.temporal_address}", START_ONE) from None
    await _check_namespace(client)
    return client


async def answers(client: Client) -> str:
    """Why Temporal can't be used now; empty when it can."""
    try:
        healthy = await client.service_client.check_health(timeout=CONNECT_TIMEOUT)
    except (RPCError, RuntimeError):
        healthy = False
    return "" if healthy else "Temporal does not answer"


async def _check_namespace(client: Client) -> None:
    # Asked for anything in a namespace that is not there, Temporal says "not found", as it does of a system.
    asked = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(asked, timeout=CONNECT_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            remedy = f"Create it with: temporal operator namespace create {client.namespace}; or see --temporal-namespace"
            raise Failure(f"Temporal has no namespace {client.namespace!r}", remedy) from None


def _tls(settings: Settings) -> TLSConfig | bool | None:
    files = (settings.temporal_tls_ca, settings.temporal_tls_cert, settings.temporal_tls_key)
    if not any(files):
        return True if settings.temporal_tls else None
    ca, cert, key = (_read(path) for path in files)
    return TLSConfig(server_root_ca_cert=ca, client_cert=cert, client_private_key=key)


def _read(path: Path | None) -> bytes | None:
    try:
        return path.read_bytes() if path else None
    except OSError as error:
        raise Failure(
            f"certificate file {path} can't be read: {error.strerror}", "Check --temporal-tls-ca, -cert and -key"
        ) from None
