"""What the API server is told about asking Espalier before it stores a system: the ValidatingWebhookConfiguration. Pure.

Espalier being away, or slow, must hold up nobody: `failurePolicy: Ignore`. What gets past is refused a moment later by the
system's own workflow, with the same sentence in a condition. Only changes of a spec are asked about, so that finalizers, labels
and statuses are written without us.
"""

import base64
from collections.abc import Mapping
from typing import Any

from specs.names import DOMAIN, SYSTEM_NAMESPACE
from specs.owners import API_VERSION, GROVE_API_VERSION

NAME, PORT, PATH = "espalier-webhook", 9_443, "/admit"
TIMEOUT_S = 3
KINDS: Mapping[str, str] = {f"systems.{DOMAIN}": "inferencesystems", f"cliquesets.{DOMAIN}": "podcliquesets"}
VERSIONS: Mapping[str, str] = {"inferencesystems": API_VERSION, "podcliquesets": GROVE_API_VERSION}
EDITED = "request.operation == 'CREATE' || object.spec != oldObject.spec"


def hosts() -> tuple[str, ...]:
    """Names under which a Service is called by the API server."""
    return (f"{NAME}.{SYSTEM_NAMESPACE}.svc", "localhost", "127.0.0.1")


def configuration(trusted: str = "", url: str = "") -> dict[str, Any]:
    """`trusted`: certificates, PEM; `url`: where the API server finds us when there is no Service."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/part-of": "espalier"}
    service = {"name": NAME, "namespace": SYSTEM_NAMESPACE, "path": PATH, "port": 443}
    client: dict[str, Any] = {"url": f"{url}{PATH}"} if url else {"service": service}
    if trusted:
        client["caBundle"] = base64.b64encode(trusted.encode()).decode()
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": NAME, "labels": labels},
        "webhooks": [_webhook(name, plural, client) for name, plural in KINDS.items()],
    }


def _webhook(name: str, plural: str, client: Mapping[str, Any]) -> dict[str, Any]:
    group, _, version = VERSIONS[plural].partition("/")
    operations = ["CREATE", "UPDATE"]
    return {
        "name": name,
        "clientConfig": dict(client),
        "rules": [{"apiGroups": [group], "apiVersions": [version], "operations": operations, "resources": [plural]}],
        "matchConditions": [{"name": "edited", "expression": EDITED}],
        "failurePolicy": "Ignore",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": TIMEOUT_S,
    }
