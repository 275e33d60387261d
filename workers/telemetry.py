"""Traces, metrics and logs. Traces and metrics are off until an endpoint is set; logs go to stderr."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from opentelemetry import metrics, trace
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from temporalio.client import Interceptor
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.runtime import LogForwardingConfig, LoggingConfig, OpenTelemetryConfig, Runtime, TelemetryFilter
from temporalio.runtime import TelemetryConfig as RuntimeTelemetry

from workers.settings import Settings

STANDARD_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
EXPORT_EVERY = timedelta(seconds=10)


@dataclass(frozen=True)
class Telemetry:
    """What to hand to a Temporal client, and how to flush it all at the end."""

    interceptors: Sequence[Interceptor] = ()
    runtime: Runtime | None = None
    _closers: Sequence[Callable[[], object]] = field(default=())

    def close(self) -> None:
        """Send what is still unsent. Takes as long as the exporters' own timeouts when nobody listens."""
        for closer in self._closers:
            closer()


def start(settings: Settings, service: str, environment: Mapping[str, str]) -> Telemetry:
    """Telemetry of one process; nothing is sent anywhere unless an endpoint is set. To be called once."""
    endpoint = (settings.otlp_endpoint or environment.get(STANDARD_VARIABLE, "")).rstrip("/")
    if not endpoint:
        return Telemetry(runtime=_runtime(None))
    resource = Resource.create({"service.name": service})
    traces = tracing(resource, BatchSpanProcessor(OTLPSpanExporter(f"{endpoint}/v1/traces")))
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{endpoint}/v1/metrics"), EXPORT_EVERY.total_seconds() * 1_000)
    meters = MeterProvider([reader], resource)
    metrics.set_meter_provider(meters)
    own = OpenTelemetryConfig(url=f"{endpoint}/v1/metrics", http=True, metric_periodicity=EXPORT_EVERY)
    return Telemetry([TracingInterceptor()], _runtime(own), [traces.shutdown, meters.shutdown])


def _runtime(figures: OpenTelemetryConfig | None) -> Runtime:
    """Temporal's own part; what it logs goes where our logs go."""
    forwarding = LogForwardingConfig(logging.getLogger("temporalio.core"))
    quiet = LoggingConfig(TelemetryFilter(core_level="WARN", other_level="ERROR"), forwarding)
    return Runtime(telemetry=RuntimeTelemetry(logging=quiet, metrics=figures))


def tracing(resource: Resource, processor: SpanProcessor) -> TracerProvider:
    """Make every tracer of this process report to `processor`."""
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(processor)
    trace.set_tracer_provider(provider)
    return provider
