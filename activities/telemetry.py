"""One span and one log line around each step."""

import time
from collections.abc import Generator
from contextlib import contextmanager

import structlog
from opentelemetry import trace

_tracer = trace.get_tracer("espalier.activities")
_log = structlog.get_logger("espalier.activities")


@contextmanager
def step(event: str, /, **facts: str | int) -> Generator[None]:
    """Wrap one step: `with step("pods_created", system=name, pods=12):`. Logged only if it happened."""
    started = time.perf_counter()
    with _tracer.start_as_current_span(event, attributes=facts):
        yield
    _log.info(event, elapsed_ms=round((time.perf_counter() - started) * 1000, 1), **facts)


def failed(event: str, error: Exception, /, **facts: str | int) -> None:
    """Log a step of a background task that went wrong and is tried again; the message of `error` holds no secrets."""
    _log.warning(event, error=str(error), kind=type(error).__name__, **facts)
