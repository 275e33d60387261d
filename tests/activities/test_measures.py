"""What telemetry says of requests: verb, kind and code; never a name, a message or a token."""

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from activities.cluster import measures
from activities.cluster.kube import CONFIG_MAPS, Busy, Refused
from tests.activities.broken_server import TOKEN, Script, config, hanging, json, refusing, serving


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Every span that has ended."""
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(measures, "_tracer", provider.get_tracer("test"))
    return exporter


@pytest.fixture
def metrics(monkeypatch: pytest.MonkeyPatch) -> InMemoryMetricReader:
    """Every metric so far."""
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    monkeypatch.setattr(measures, "_requests", meter.create_counter("espalier.kube.requests"))
    monkeypatch.setattr(measures, "_duration", meter.create_histogram("espalier.kube.duration"))
    return reader


async def test_one_span_for_every_try(spans: InMemorySpanExporter) -> None:
    script = Script([hanging, refusing(403, "Forbidden", f"not with {TOKEN}")])
    async with serving(script) as kube:
        with pytest.raises(Refused):
            await kube.get(CONFIG_MAPS, "a-name", "x")
    told = spans.get_finished_spans()
    assert [(span.name, dict(span.attributes or {})) for span in told] == [
        ("get configmaps", {"http.response.status_code": 0}),
        ("get configmaps", {"http.response.status_code": 403}),
    ]
    assert {span.status.status_code for span in told} == {StatusCode.ERROR}
    text = " ".join(span.to_json() for span in told)
    assert TOKEN not in text
    assert "a-name" not in text


async def test_requests_are_counted_by_verb_kind_and_code(metrics: InMemoryMetricReader) -> None:
    async with serving(Script([json(config()), refusing(503)])) as kube:
        await kube.get(CONFIG_MAPS, "one", "x")
        with pytest.raises(Busy):
            await kube.delete_all(CONFIG_MAPS, "x", "a=b")
    text = metrics.get_metrics_data()
    assert text is not None
    found = {metric.name: metric.data for scope in text.resource_metrics[0].scope_metrics for metric in scope.metrics}
    counted = {
        tuple((point.attributes or {}).values()): getattr(point, "value", 0)
        for point in found["espalier.kube.requests"].data_points
    }
    assert counted == {("get", "configmaps", 200): 1, ("deletecollection", "configmaps", 503): 3}
    assert {getattr(point, "count", 0) for point in found["espalier.kube.duration"].data_points} == {1, 3}
