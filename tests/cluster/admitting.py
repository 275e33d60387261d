"""A webhook of somebody else, which the API server asks about pods before it stores them."""

import base64
import json
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeAlias

from aiohttp import web

from tests.cluster.api import Api, Json
from tests.cluster.ports import free_ports
from workers.certificates import made, now

GROUP = "admissionregistration.k8s.io/v1"
PODS_MADE = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
Kind = Literal["Mutating", "Validating"]
Answer: TypeAlias = Callable[[Json], Sequence[Json] | str]
"""Of a pod: a JSON patch of it, or why it is refused."""


@asynccontextmanager
async def admitting(api: Api, kind: Kind, answer: Answer, namespace: str, folder: Path) -> AsyncGenerator[list[str]]:
    """Asked about new pods of a namespace while the body runs; gives the names of those that it was asked about."""
    asked: list[str] = []

    async def review(request: web.Request) -> web.Response:
        about: Json = (await request.json())["request"]
        asked.append(about["object"]["metadata"]["name"])
        said = answer(about["object"])
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {"uid": about["uid"], **_told(said)}}
        return web.json_response(body)

    pair, (port,) = made(("127.0.0.1",), now()), free_ports(1)
    app = web.Application(client_max_size=4 * 2**20)
    app.router.add_post("/", review)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=_context(pair.certificate + pair.key, folder)).start()
    path = f"/apis/{GROUP}/{kind.lower()}webhookconfigurations"
    try:
        await api.post(path, _configuration(kind, port, pair.certificate, namespace))
        yield asked
    finally:
        await api.delete(f"{path}/other.example.com")
        await runner.cleanup()


def _told(said: Sequence[Json] | str) -> Json:
    if isinstance(said, str):
        return {"allowed": False, "status": {"message": said}}
    return {"allowed": True, "patchType": "JSONPatch", "patch": base64.b64encode(json.dumps(said).encode()).decode()}


def _context(pem: str, folder: Path) -> ssl.SSLContext:
    file = folder / "webhook.pem"
    file.write_text(pem)
    secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    secure.load_cert_chain(file)
    return secure


def _configuration(kind: Kind, port: int, certificate: str, namespace: str) -> Json:
    client = {"url": f"https://127.0.0.1:{port}/", "caBundle": base64.b64encode(certificate.encode()).decode()}
    hook = {
        "name": "other.example.com",
        "clientConfig": client,
        "rules": [PODS_MADE],
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
    }
    named = {"metadata": {"name": "other.example.com"}, "webhooks": [hook]}
    return {"apiVersion": GROUP, "kind": f"{kind}WebhookConfiguration", **named}
