"""What the log says of a step that a thread does."""

import time

import pytest
import structlog.testing

from activities.telemetry import worked


async def test_a_thread_that_waits_uses_no_cpu_and_the_log_says_so() -> None:
    def waits() -> str:
        time.sleep(0.05)
        return "done"

    with structlog.testing.capture_logs() as logged:
        assert await worked("gangs_solved", waits, gangs=2) == "done"
    (line,) = logged
    assert (line["event"], line["gangs"]) == ("gangs_solved", 2)
    assert line["elapsed_ms"] >= 50 > line["cpu_ms"]


async def test_a_step_that_failed_did_not_happen() -> None:
    def fails() -> None:
        raise ValueError("no")

    with structlog.testing.capture_logs() as logged, pytest.raises(ValueError, match="no"):
        await worked("gangs_solved", fails)
    assert logged == []
