"""`espalier worker`: runs the workflows. It needs Temporal and nothing of any cluster."""

from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Worker, WorkerTuner

from activities.messages import WORKFLOW_QUEUE
from workers.settings import Settings
from workflows.serving import served
from workflows.wiring import RUNNER, WORKFLOWS

# A worker that was killed keeps its workflows from others this long; the SDK's own figure is ten seconds.
STICKY_TIMEOUT = timedelta(seconds=3)
HEARTBEAT_THROTTLE = timedelta(seconds=0.5)
"""So a beat may be a second late before its step counts as dead: half a second was too little on a crowded machine."""


def workflow_worker(client: Client, settings: Settings) -> Worker:
    """A worker for every workflow of the project."""
    return Worker(
        client,
        task_queue=WORKFLOW_QUEUE,
        workflows=WORKFLOWS,
        activities=served(client),
        workflow_runner=RUNNER,
        tuner=WorkerTuner.create_fixed(workflow_slots=settings.workflow_slots, activity_slots=settings.activity_slots),
        max_cached_workflows=settings.cached_workflows,
        sticky_queue_schedule_to_start_timeout=STICKY_TIMEOUT,
        max_heartbeat_throttle_interval=HEARTBEAT_THROTTLE,
        graceful_shutdown_timeout=timedelta(seconds=settings.grace_s),
    )
