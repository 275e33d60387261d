"""Partners that go together, in a rollout: as a set they go and come, one revision with itself. On a real API server."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from tests.activities.port import eventually
from tests.cluster.api import Api, Json
from tests.cluster.kubectl import Kubectl
from tests.workers.filming import Frame, Shot, filming
from tests.workers.living import SETTLED_S
from tests.workers.test_golden_rollouts import PAIR, apply, declared, settled, some

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(180)]
TOGETHER = [{"members": [*PAIR], "within": "rack"}]
SLOW: Json = {"annotations": {"sim.espalier.dev/ready-after": "2s"}}


async def test_d2_d7_partners_go_and_come_together(racks: Api, kubectl: Kubectl) -> None:
    """Nothing is said of what a unit is: members that go `together` change together."""
    rules, counts = {"maxUnavailable": 2}, {"prefill": 4, "decode": 4}
    await apply(kubectl, declared("1", counts, rules, SLOW, together=TOGETHER))
    await settled(kubectl, racks, {"prefill": "1111", "decode": "1111"})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules, SLOW, together=TOGETHER))
        await settled(kubectl, racks, {"prefill": "2222", "decode": "2222"})
    course = [old + new for old, new in zip(film.counts(*PAIR, image="1"), film.counts(*PAIR, image="2"), strict=True)]
    at = [course.index(state) for state in ((4, 4, 0, 0), (2, 2, 0, 0), (2, 2, 2, 2), (0, 0, 4, 4))]
    assert at == sorted(at)
    assert not any(apart(frame) for frame in film.frames)
    assert min(film.ready("prefill")) >= 2
    assert min(film.ready("decode")) >= 2


def apart(frame: Frame) -> bool:
    """A set whose partners are of two revisions."""
    return any(len({each.image for each in held}) > 1 for held in sets(frame).values())


def sets(frame: Frame, share: int = 1) -> Mapping[int, Sequence[Shot]]:
    """By number; so many decodes go with one prefill."""
    found: dict[int, list[Shot]] = {}
    for slot, each in frame.items():
        member, _, index = slot.partition("/")
        found.setdefault(int(index) // (share if member == "decode" else 1), []).append(each)
    return found


async def test_d3_a_third_revision_leaves_no_unit_of_the_second(racks: Api, kubectl: Kubectl) -> None:
    rules, counts = dict[str, Any](), {"prefill": 3, "decode": 3}
    await apply(kubectl, declared("1", counts, rules, SLOW, together=TOGETHER))
    await settled(kubectl, racks, {"prefill": "111", "decode": "111"})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules, SLOW, together=TOGETHER))
        await eventually(lambda: some(racks, "2"), SETTLED_S)
        await apply(kubectl, declared("3", counts, rules, SLOW, together=TOGETHER))
        await settled(kubectl, racks, {"prefill": "333", "decode": "333"})
    assert not any(apart(frame) for frame in film.frames)
    last = {image: max(at for at, each in enumerate(film.counts(*PAIR, image=image)) if any(each)) for image in ("1", "2")}
    assert last["2"] < last["1"], "the second drains first"


async def test_a_set_is_added_for_the_time_of_a_rollout_so_that_none_is_missed(racks: Api, kubectl: Kubectl) -> None:
    """R1, of sets: one prefill with two decodes, the last of them with one."""
    counts, rules = {"prefill": 3, "decode": 5}, {"maxUnavailable": 0, "maxSurge": 1}
    paired = [{**TOGETHER[0], "ratio": {"decode": 2}}]
    await apply(kubectl, declared("1", counts, rules, together=paired))
    await settled(kubectl, racks, {"prefill": "111", "decode": "11111"})
    async with filming(racks) as film:
        await apply(kubectl, declared("2", counts, rules, together=paired))
        await settled(kubectl, racks, {"prefill": "222", "decode": "22222"})
    for frame in film.frames:
        found = sets(frame, 2)
        assert all(len({each.image for each in held}) == 1 for held in found.values()), "no set is of two revisions"
        assert (
            sum(len(held) >= (2 if index == 2 else 3) and all(each.ready for each in held) for index, held in found.items()) >= 3
        )
    assert max(len(sets(frame, 2).get(3, ())) for frame in film.frames) == 3, "a whole set, though the last lacks a decode"
    assert {slot for frame in film.frames for slot in frame} & {"decode/5"} == set()
