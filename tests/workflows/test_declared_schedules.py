"""Schedules that a manifest declares: Temporal has them as it says, from the first apply to the delete."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from specs.system import InferenceSystem
from tests.activities.port import eventually
from tests.workflows import house as houses
from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, House
from workflows.requests import Scheduled
from workflows.schedules import CannotSchedule
from workflows.timetables import Timetable

NIGHT: dict[str, object] = {"name": "night", "cron": "0 22 * * *", "timeZone": "Europe/Berlin", "set": {"server": 1}}
DAY: dict[str, object] = {"name": "day", "cron": "@daily", "set": {"server": 2, "copies": 2}, "catchUp": "1h"}


@pytest_asyncio.fixture
async def tidy(house: House) -> AsyncGenerator[House]:
    """A house whose schedules are gone after the test."""
    yield house
    await house.schedules.clear("", "")


def declaring(*schedules: dict[str, object]) -> InferenceSystem:
    return system(scaling={"schedules": schedules})


async def until_there_are(house: House, *wanted: str) -> list[Timetable]:
    async with asyncio.timeout(houses.TIMEOUT_S):
        while True:
            found = list(await house.schedules.list())
            if [each.scheduled.name for each in found] == list(wanted):
                return found
            await asyncio.sleep(houses.POLL_S)


async def test_made_changed_and_removed_with_the_manifest(tidy: House) -> None:
    await tidy.systems.apply(declaring(NIGHT, DAY))
    day, night = await until_there_are(tidy, "day", "night")
    assert (day.cron, day.time_zone, day.catch_up_s, day.declared) == ("0 0 * * *", "UTC", 3600, True)
    assert (night.scheduled.counts, night.time_zone) == ({"server": 1}, "Europe/Berlin")
    await tidy.ready()
    assert (await tidy.systems.apply(declaring({**NIGHT, "cron": "0 23 * * *"}))).generation == 2
    (night,) = await until_there_are(tidy, "night")
    await tidy.ready(generation=2)
    assert [each.workflow_type for each in await tidy.operations()] == ["Startup"]
    assert [each.cron for each in await tidy.schedules.list()] == ["0 23 * * *"]
    await tidy.systems.apply(system())
    await until_there_are(tidy)


async def test_what_did_not_change_is_left_alone(tidy: House) -> None:
    await tidy.systems.apply(declaring(NIGHT))
    await until_there_are(tidy, "night")
    await tidy.ready()
    await tidy.schedules.pause(tidy.systems.ref(NAMESPACE, "llama"), "night")
    await tidy.systems.apply(declaring(NIGHT, DAY))
    _, night = await until_there_are(tidy, "day", "night")
    assert night.paused


async def test_it_runs_and_goes_with_its_system(tidy: House) -> None:
    await tidy.systems.apply(declaring(NIGHT))
    await until_there_are(tidy, "night")
    await tidy.ready()
    await tidy.schedules.run(tidy.systems.ref(NAMESPACE, "llama"), "night")
    assert (await tidy.ready(generation=2)).counts["server"] == 1
    await tidy.systems.delete(NAMESPACE, "llama")
    await tidy.gone()
    assert await tidy.schedules.list() == []


async def test_only_the_manifest_takes_it_away(tidy: House) -> None:
    await tidy.systems.apply(declaring(NIGHT))
    await until_there_are(tidy, "night")
    with pytest.raises(CannotSchedule, match="is declared in the manifest of llama; take it out there, and apply that"):
        await tidy.schedules.remove(tidy.systems.ref(NAMESPACE, "llama"), "night")
    assert len(await tidy.schedules.list()) == 1


async def test_one_made_by_hand_is_left_alone_and_told_of_until_it_is_gone(tidy: House) -> None:
    await tidy.systems.apply(system())
    await tidy.ready()
    ref = tidy.systems.ref(NAMESPACE, "llama")
    own = Timetable(scheduled=Scheduled(ref=ref, name="night", counts={"server": 2}), cron="0 5 * * *")
    await tidy.schedules.add(own)
    await tidy.systems.apply(declaring(NIGHT))
    status = await tidy.until(lambda status: bool(status.schedule_problem))
    assert status.schedule_problem == (
        "schedule 'night' was added by hand, and the manifest declares one of that name; "
        "rename one, or first: espalier schedule remove llama night"
    )
    assert [each.cron for each in await tidy.schedules.list()] == ["0 5 * * *"]
    await tidy.schedules.remove(ref, "night")
    await tidy.agent.nudge("llama")
    await tidy.until(lambda status: not status.schedule_problem)
    await eventually(lambda: lists(tidy, [("0 22 * * *", True)]))


async def lists(house: House, wanted: list[tuple[str, bool]]) -> bool:
    """What Temporal lists follows what it has."""
    return [(each.cron, each.declared) for each in await house.schedules.list()] == wanted


async def test_a_zone_that_temporal_does_not_know_is_told_of(tidy: House) -> None:
    await tidy.systems.apply(declaring({**NIGHT, "timeZone": "Europe/Berln"}, DAY))
    status = await tidy.until(lambda status: bool(status.schedule_problem))
    assert "unknown time zone Europe/Berln; correct its cron or time zone" in status.schedule_problem
    await until_there_are(tidy, "day")
    assert (await tidy.ready()).message == status.schedule_problem
