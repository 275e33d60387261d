"""Grove's end-to-end cases SO1-SO4 (golden cases of start order), retold as InferenceSystems on a real API server.

The rule, in each gang: no pod of the later role is Ready before the earlier role has its minimum Ready. Here every pod takes a
second to become Ready, so whoever waits for another is Ready a second later at least.
"""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from _pytest.mark import ParameterSet

from specs.names import GANG, ROLE
from specs.sections import annotation, label
from tests.cluster.api import Json
from tests.golden.script import Script

READY_AFTER, A_SECOND = "1s", timedelta(seconds=1)

MORE = [("sg-x/pc-b", 1), ("sg-x/pc-c", 1)]
#        manifest     pods of each role that the next one waits for, in order; in a copy's base gang and in a further gang
CASES = {
    "SO1": ("workload3", {"base": [("pc-a", 2), ("sg-x/pc-b", 2), ("sg-x/pc-c", 6)]}),
    "SO2": ("workload4", {"base": [("pc-a", 1), ("sg-x/pc-b", 1), ("sg-x/pc-c", 1)], "more": MORE}),
    "SO3": ("workload5", {"base": [("pc-a", 2), ("sg-x/pc-c", 6), ("sg-x/pc-b", 2)]}),
    "SO4": ("workload6", {"base": [("pc-a", 1), ("sg-x/pc-b", 1), ("sg-x/pc-c", 1)], "more": MORE}),
}  # fmt: skip


QUICK = ("SO2",)
"""Run by every change; the others by `make test-long`."""


def case(title: str, name: str, orders: dict[str, list[tuple[str, int]]]) -> ParameterSet:
    return pytest.param(name, orders, id=title, marks=() if title in QUICK else pytest.mark.long)


@pytest.mark.cluster
@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "orders"), [case(title, *about) for title, about in CASES.items()])
async def test_start_order(name: str, orders: dict[str, list[tuple[str, int]]], script: Script) -> None:
    await script.apply(name, ready_after=READY_AFTER)
    await script.until(ready=10, pending=0)
    check_order(await script.pods(), orders)


def check_order(pods: list[Json], orders: dict[str, list[tuple[str, int]]]) -> None:
    """Who waits for whom, in the base gang and in a further one."""
    base = min((label(pod, GANG) for pod in pods), key=len)
    for which, order in orders.items():
        gang = [pod for pod in pods if (label(pod, GANG) == base) == (which == "base") and label(pod, GANG).startswith(base)]
        for (earlier, minimum), (later, _) in pairwise(order):
            assert times(gang, later)[0] - times(gang, earlier)[minimum - 1] >= A_SECOND, (which, earlier, later)


def times(pods: list[Json], role: str) -> list[datetime]:
    """When the pods of a role became Ready, in order."""
    return sorted(ready_at(pod) for pod in pods if annotation(pod, ROLE) == role)


def ready_at(pod: Json) -> datetime:
    """To the second, as Kubernetes keeps it."""
    (since,) = (entry["lastTransitionTime"] for entry in pod["status"]["conditions"] if entry["type"] == "Ready")
    return datetime.fromisoformat(since)
