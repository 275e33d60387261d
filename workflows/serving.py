"""The activities that are served beside the workflows: they need a client of Temporal, and no cluster."""

from collections.abc import Callable, Sequence
from typing import Any

from temporalio.client import Client

from workflows.describe import DescribeActivity
from workflows.scheduling import ScheduleActivities


def served(client: Client) -> Sequence[Callable[..., Any]]:
    """For every worker of the workflows' task queue."""
    schedules = ScheduleActivities(client)
    return [DescribeActivity(client).describe, schedules.send, schedules.move, schedules.keep, schedules.remove]
