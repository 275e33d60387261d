"""One apply is one trace: client, workflow, operation, activity, request to the API server."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
import yaml
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.testing import WorkflowEnvironment

from activities.cluster.credentials import find_access
from activities.cluster.http import HttpKube
from specs.crds import crds
from specs.system import InferenceSystem
from tests.cluster.api import Api
from tests.cluster.engine import Cluster
from workers.agent import agent_worker, running
from workers.definitions import install
from workers.settings import Settings
from workers.telemetry import tracing
from workers.temporal import program
from workers.worker import workflow_worker
from workflows.client import Systems
from workflows.visibility import SEARCH_ATTRIBUTES
from workflows.wiring import DATA_CONVERTER

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

SMALL = """
metadata: {name: traced}
spec:
  members:
  - {role: router, replicas: 2, template: {spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: router}]}}}
"""


@pytest.fixture(scope="module")
def spans() -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    tracing(Resource.create({"service.name": "test"}), SimpleSpanProcessor(exporter))
    return exporter


@pytest_asyncio.fixture
async def client(spans: InMemorySpanExporter) -> AsyncIterator[Client]:
    async with await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
        dev_server_existing_path=str(program()),
        search_attributes=SEARCH_ATTRIBUTES,
        data_converter=DATA_CONVERTER,
        interceptors=[TracingInterceptor()],
    ) as environment:
        yield environment.client


@pytest_asyncio.fixture
async def systems(client: Client, control_plane: Cluster, racks: Api) -> AsyncIterator[Systems]:
    settings = Settings(kubeconfig=control_plane.access.kubeconfig)
    async with AsyncExitStack() as stack:
        kube = await stack.enter_async_context(HttpKube(await find_access(str(settings.kubeconfig))))
        await install(kube, crds())
        agent = await stack.enter_async_context(running(kube, client, settings))
        await stack.enter_async_context(agent_worker(client, agent, settings))
        await stack.enter_async_context(workflow_worker(client, settings))
        found = Systems(client)
        yield found
        await found.delete("default", "traced")
        await until(found, "Deleted")


async def until(systems: Systems, phase: str) -> None:
    while (await systems.status("default", "traced")).phase != phase:  # noqa: ASYNC110 - asking is the only way to know
        await asyncio.sleep(0.1)


async def test_one_apply_is_one_trace(systems: Systems, spans: InMemorySpanExporter) -> None:
    await systems.apply(InferenceSystem.model_validate(yaml.safe_load(SMALL)))
    await until(systems, "Ready")
    found = spans.get_finished_spans()
    assert chain(found, named(found, "create pods")) == [
        "create pods",
        "pods_created",
        "RunActivity:CreatePods",
        "StartActivity:CreatePods",
        "StartChildWorkflow:Startup",
        "StartUpdateWithStartWorkflow:InferenceSystem",
    ]


def named(found: Iterable[ReadableSpan], name: str) -> ReadableSpan:
    return next(span for span in found if span.name == name)


def chain(found: Iterable[ReadableSpan], span: ReadableSpan) -> list[str]:
    """The names from one span up to the root of its trace."""
    by_id = {each.context.span_id: each for each in found if each.context}
    names = [span.name]
    while span.parent is not None:
        span = by_id[span.parent.span_id]
        names.append(span.name)
    return names
