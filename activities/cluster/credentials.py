"""`Access`: the way into a cluster, from a kubeconfig or from inside a pod. Only this module imports the `kubernetes` package.

That package reads kubeconfigs (contexts, files and data, exec plugins, OIDC) and a pod's service account. What it finds becomes
one TLS context and the headers of each request. Its own client is not used: its models cost more than the requests.
"""

import asyncio
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from kubernetes.aio import config as kubernetes_config
from kubernetes.aio.client import Configuration

from activities.cluster.kube import Busy, Refused
from activities.cluster.login import Headers, Login, Pass

LOADING_TIMEOUT_S = 60.0
REREAD_S = 60.0
"""Token files are rotated by the kubelet well before they expire; the official clients read them anew every minute as well."""
EARLY_S = 60.0
USUAL_KUBECONFIG = "~/.kube/config"
INSIDE_A_POD = "KUBERNETES_SERVICE_HOST"

# It logs what a credential plugin prints, which may be anything; what matters of it is in our own messages.
logging.getLogger("kubernetes.aio.config.kube_config").setLevel(logging.CRITICAL)

_untyped: Any = kubernetes_config
_load: Callable[..., Awaitable[Any]] = _untyped.load_kube_config
_load_in_cluster: Callable[..., None] = _untyped.load_incluster_config


@dataclass(frozen=True)
class Access:
    """Where the API server is and how to get in."""

    server: str
    login: Pass = field(default_factory=lambda: Pass(Login()), repr=False)
    tls: ssl.SSLContext | None = None
    proxy: str | None = field(default=None, repr=False)
    server_name: str | None = None
    """The name in the server's certificate, where it is not that in its address."""

    async def headers(self, refused: Headers | None = None) -> Headers:
        """Current authentication headers; see `Pass.headers`. Raises `Busy` or `Refused` when they cannot be renewed."""
        return await self.login.headers(refused)


def with_token(server: str, token: str = "", tls: ssl.SSLContext | None = None) -> Access:
    """Access to a server at a known address, by a token that never changes."""
    return Access(server.rstrip("/"), Pass(Login(_bearer(token) if token else {})), tls)


async def find_access(kubeconfig: str = "", context: str = "") -> Access:
    """Access by this kubeconfig, else by $KUBECONFIG, else as the pod we run in, else by ~/.kube/config.

    Raises `Refused` with a remedy when there is none or it cannot be used.
    """
    named = kubeconfig or os.environ.get("KUBECONFIG", "")
    if not named and not context and INSIDE_A_POD in os.environ:
        return await in_cluster()
    return await from_kubeconfig(named or USUAL_KUBECONFIG, context)


async def from_kubeconfig(path: str, context: str = "") -> Access:
    """Access by one context of a kubeconfig (several files as in $KUBECONFIG), by default its current one."""
    files = _files(path)
    return await _access(lambda: _read_kubeconfig(files, context))


def _files(path: str) -> str:
    """The same path with ~ expanded; refuses one that leads to no file."""
    files = [Path(part).expanduser() for part in path.split(os.pathsep) if part]
    if not any(file.is_file() for file in files):
        raise Refused(f"there is no kubeconfig at {path}; name one with --kubeconfig, or set KUBECONFIG")
    return os.pathsep.join(map(str, files))


async def in_cluster() -> Access:
    """Access as the service account of the pod we run in."""
    return await _access(_read_service_account)


@dataclass(frozen=True)
class _Found:
    configuration: Configuration
    good_for_s: float


async def _access(read: Callable[[], Awaitable[_Found]]) -> Access:
    found = await read()
    server = _server(found.configuration)
    tls = _tls(found.configuration) if server.startswith("https:") else None

    async def again() -> Login:
        renewed = await read()
        if tls is not None:
            _show_certificate(tls, renewed.configuration)  # a plugin may have made a new one
        return _login(renewed)

    return Access(server, Pass(_login(found), again), tls, found.configuration.proxy, found.configuration.tls_server_name)


async def _read_kubeconfig(files: str, context: str) -> _Found:
    configuration = Configuration()
    try:
        async with asyncio.timeout(LOADING_TIMEOUT_S):
            loader = await _load(files, context or None, configuration, persist_config=False)
    except TimeoutError:
        raise Busy(f"the credential plugin of {files} does not answer; run `kubectl get nodes` to see why") from None
    except Exception as error:  # noqa: BLE001 - the loader lets anything through that a malformed file may cause
        raise Refused(f"the kubeconfig {files} cannot be used: {_harmless(error)}") from None
    return _Found(configuration, _good_for_s(loader, configuration, files))


async def _read_service_account() -> _Found:
    configuration = Configuration()
    try:
        _load_in_cluster(client_configuration=configuration, try_refresh_token=False)
    except (kubernetes_config.ConfigException, OSError) as error:
        raise Refused(f"the pod's service account cannot be used: {error}; is automountServiceAccountToken off?") from None
    return _Found(configuration, REREAD_S)


def _good_for_s(loader: Any, configuration: Configuration, files: str) -> float:
    """How long what was read may be used; refuses a plugin that gave nothing, which the loader only logs."""
    user: Any = getattr(getattr(loader, "_user", None), "value", None) or {}
    if "exec" not in user:
        return REREAD_S if "tokenFile" in user or "auth-provider" in user else float("inf")
    if not _login(_Found(configuration, 0)).headers and not configuration.cert_file:
        raise Refused(f"the credential plugin of {files} gave no credentials; run `kubectl get nodes` to see what it wants")
    expiry: datetime | None = getattr(loader, "exec_plugin_expiry", None)
    return max(EARLY_S, (expiry - datetime.now(UTC)).total_seconds() - EARLY_S) if expiry else float("inf")


def _login(found: _Found) -> Login:
    token = found.configuration.api_key.get("BearerToken", "")
    scheme, _, secret = token.partition(" ")
    if scheme.lower() == "basic":
        return Login({"Authorization": f"Basic {secret.strip()}"}, found.good_for_s)
    return Login(_bearer(secret.strip()) if secret.strip() else {}, found.good_for_s)


def _bearer(token: str) -> Headers:
    return {"Authorization": f"Bearer {token}"}


def _server(configuration: Configuration) -> str:
    address = urlsplit(configuration.host)
    if address.scheme not in ("http", "https") or not address.hostname:
        raise Refused("the cluster's `server` in the kubeconfig is no http(s) address; it should be like https://10.0.0.1:6443")
    if address.username or address.password:
        raise Refused("the cluster's `server` in the kubeconfig holds a password; put it under `users`")
    return configuration.host.rstrip("/")


def _tls(configuration: Configuration) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    except OSError:
        raise Refused("the certificate authority in the kubeconfig cannot be read as PEM; fetch the kubeconfig again") from None
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _show_certificate(context, configuration)
    return context


def _show_certificate(context: ssl.SSLContext, configuration: Configuration) -> None:
    if not configuration.cert_file:
        return
    try:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    except OSError:
        raise Refused("the client certificate or key in the kubeconfig cannot be read as PEM; fetch it again") from None


def _harmless(error: Exception) -> str:
    """What may be said of an error: the loader's own messages quote the file after " in ", and YAML's quote it anywhere."""
    if isinstance(error, kubernetes_config.ConfigException):
        return str(error).partition(" in ")[0].removeprefix("Invalid kube-config file. ")
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f"no YAML at line {error.problem_mark.line + 1}"
    return f"it is not built like a kubeconfig ({type(error).__name__})"
