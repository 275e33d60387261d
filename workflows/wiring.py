"""The same settings for client, worker and replayer."""

from collections.abc import Sequence

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import UnsandboxedWorkflowRunner

from workflows.defragmentation import Defragmentation, ScheduledDefragmentation
from workflows.operations import Evacuation, Recovery, Relocation, Rollout, Scale, Startup, Teardown
from workflows.scheduled import ScheduledScale
from workflows.system import SystemWorkflow

DATA_CONVERTER = pydantic_data_converter
OPERATIONS: Sequence[type] = (Startup, Scale, Rollout, Recovery, Evacuation, Relocation, Teardown)
WORKFLOWS: Sequence[type] = (SystemWorkflow, *OPERATIONS, ScheduledScale, Defragmentation, ScheduledDefragmentation)
RUNNER = UnsandboxedWorkflowRunner()
"""The sandbox costs a quarter of a worker's time: tests run every workflow in it instead."""
