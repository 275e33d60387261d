"""One span and one log line around each step."""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from opentelemetry import trace

_tracer = trace.get_tracer("espalier.activities")
_log = structlog.get_logger("espalier.activities")
T = TypeVar("T")


@contextmanager
def step(event: str, /, **facts: str | int) -> Generator[None]:
    """Wrap one step: `with step("pods_created", system=name, pods=12):`. Logged only if it happened."""
    started = time.perf_counter()
    with _tracer.start_as_current_span(event, attributes=facts):
        yield
    _log.info(event, elapsed_ms=_ms(time.perf_counter() - started), **facts)


async def worked(event: str, work: Callable[[], T], /, **facts: str | int) -> T:
    """Have a thread do one step; its log line has the CPU time of the thread too, which tells slow work from a busy machine."""

    def timed() -> tuple[T, float]:
        begun = time.thread_time()
        return work(), time.thread_time() - begun

    started = time.perf_counter()
    with _tracer.start_as_current_span(event, attributes=facts):
        found, cpu_s = await asyncio.to_thread(timed)
    _log.info(event, elapsed_ms=_ms(time.perf_counter() - started), cpu_ms=_ms(cpu_s), **facts)
    return found


def failed(event: str, error: Exception, /, **facts: str | int) -> None:
    """Log a step of a background task that went wrong and is tried again; the message of `error` holds no secrets."""
    _log.warning(event, error=str(error), kind=type(error).__name__, **facts)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)
