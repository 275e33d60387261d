"""The same settings for client, worker and replayer."""

from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from workflows.operations import Recovery, Scale, Startup, Teardown
from workflows.system import SystemWorkflow

DATA_CONVERTER = pydantic_data_converter
WORKFLOWS = [SystemWorkflow, Startup, Scale, Recovery, Teardown]
RUNNER = SandboxedWorkflowRunner(
    restrictions=SandboxRestrictions.default.with_passthrough_modules("specs", "activities", "workflows", "yaml", "pydantic")
)
