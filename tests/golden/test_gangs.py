"""Grove's end-to-end cases GS1-GS12 (golden cases of gang scheduling), retold as InferenceSystems on a real API server.

Thirty nodes that hold one pod each; cordoning is the capacity knob. Each case is a script a reader can check by hand:
`room(n)` leaves n nodes open, `pods(r, w)` waits until r pods are Ready and w are Pending, each of the latter with an Event
of reason Unschedulable.
"""

import pytest
from _pytest.mark import ParameterSet

from tests.golden.script import Script, Step, apply, nodes_of, pods, room, scale

FULL, FLEXIBLE = "workload1", "workload2"

CASES: dict[str, tuple[Step, ...]] = {
    "GS1 a gang waits for its last node": (room(9), apply(FULL), pods(0, 10), room(10), pods(10, 0)),
    "GS2 then a further group replica": (
        room(9), apply(FULL), pods(0, 10), room(10), pods(10, 0),
        scale("sg-x=3"), pods(10, 4), room(14), pods(14, 0),
    ),
    "GS3 then a further copy": (
        room(9), apply(FULL), pods(0, 10), room(10), pods(10, 0),
        scale("copies=2"), pods(10, 10), room(20), pods(20, 0),
    ),
    "GS4 groups and copies in turn": (
        room(9), apply(FULL), pods(0, 10), room(10), pods(10, 0),
        scale("0/sg-x=3"), pods(10, 4), room(14), pods(14, 0),
        scale("copies=2"), pods(14, 10), room(24), pods(24, 0),
        scale("1/sg-x=3"), pods(24, 4), room(28), pods(28, 0),
    ),
    "GS5 the minimum runs without the rest": (room(2), apply(FLEXIBLE), pods(0, 10), room(3), pods(3, 7), room(10), pods(10, 0)),
    "GS6 a further replica starts at its minimum": (
        room(2), apply(FLEXIBLE), pods(0, 10), room(3), pods(3, 7), room(10), pods(10, 0),
        scale("sg-x=3"), pods(10, 4), room(12), pods(12, 2), room(14), pods(14, 0),
    ),
    "GS7 room comes in small steps": (
        room(2), apply(FLEXIBLE), pods(0, 10), room(3), pods(3, 7), room(5), pods(5, 5), room(10), pods(10, 0),
        scale("sg-x=3"), pods(10, 4), room(12), pods(12, 2), room(14), pods(14, 0),
    ),
    "GS8 scaled before there is room": (
        room(2), apply(FLEXIBLE), pods(0, 10), scale("sg-x=3"), pods(0, 14),
        room(3), pods(3, 11), room(7), pods(7, 7), room(14), pods(14, 0),
    ),
    "GS9 a second copy at its minimum": (
        room(2), apply(FLEXIBLE), pods(0, 10), room(3), pods(3, 7), room(10), pods(10, 0),
        scale("copies=2"), pods(10, 10), room(13), pods(13, 7), room(20), pods(20, 0),
    ),
    "GS10 minimums of all copies come first": (
        room(2), apply(FLEXIBLE), scale("copies=2"), pods(0, 20),
        room(6), pods(6, 14), room(10), pods(10, 10), room(20), pods(20, 0),
    ),
    "GS11 groups and copies at their minimums": (
        room(2), apply(FLEXIBLE), pods(0, 10), room(3), pods(3, 7), room(10), pods(10, 0),
        scale("0/sg-x=3"), pods(10, 4), room(12), pods(12, 2), room(14), pods(14, 0),
        scale("copies=2"), pods(14, 10), room(17), pods(17, 7), room(24), pods(24, 0),
        scale("1/sg-x=3"), pods(24, 4), room(26), pods(26, 2), room(28), pods(28, 0),
    ),
    "GS12 everything asked for up front": (
        room(2), apply(FLEXIBLE), scale("copies=2"), scale("sg-x=3"), pods(0, 28),
        room(6), pods(6, 22), room(14), pods(14, 14), room(28), pods(28, 0),
    ),
}  # fmt: skip

QUICK = ("GS5",)
"""Run by every change; the others by `make test-long`."""


def case(name: str, steps: tuple[Step, ...]) -> ParameterSet:
    title = name.split(maxsplit=1)[0]
    return pytest.param(steps, id=title, marks=() if title in QUICK else pytest.mark.long)


@pytest.mark.cluster
@pytest.mark.timeout(300)
@pytest.mark.parametrize("steps", [case(name, steps) for name, steps in CASES.items()])
async def test_gangs(steps: tuple[Step, ...], script: Script) -> None:
    await play(steps, script)


async def play(steps: tuple[Step, ...], script: Script) -> None:
    """One case; each node holds one pod at most."""
    for step in steps:
        await step(script)
    where = await nodes_of(script)
    assert len(set(where)) == len(where)
