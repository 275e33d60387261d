"""Which phases are told to those who search, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from activities.messages import Ref
from workflows.driver import RESYNC_S
from workflows.keeping import BRIEF, passes
from workflows.pacing import SOONEST_S
from workflows.requests import Operation
from workflows.state import SystemState

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MENDING = SystemState(ref=Ref(namespace="default", name="llama"), brief=True, phase="Recovering", since=SINCE.isoformat())
AT_WORK = Operation(id="x", kind="Recovery", causes=())

#                              the system                                       for      passes
EXAMPLES = {
    "a pod is being replaced":  (MENDING,                                       0.0,     True),
    "that takes its time":      (MENDING,                                       BRIEF.total_seconds(), False),
    "an operation is at work":  (MENDING.model_copy(update={"operation": AT_WORK}), 0.0, False),
    "something is wrong":       (MENDING.model_copy(update={"phase": "Degraded"}), 0.0,  False),
    "as declared":              (MENDING.model_copy(update={"phase": "Ready"}),  0.0,     False),
    "a run of before the rule": (MENDING.model_copy(update={"brief": False}),    0.0,     False),
}  # fmt: skip


@pytest.mark.parametrize(("state", "lasted_s", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_what_is_mended_in_seconds_is_not_told(state: SystemState, lasted_s: float, want: bool) -> None:
    assert passes(state, SINCE + timedelta(seconds=lasted_s)) is want


def test_it_is_looked_at_again_when_it_may_be_told() -> None:
    assert SOONEST_S < BRIEF.total_seconds() < RESYNC_S
