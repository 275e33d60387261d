"""Two weeks of nights and days in which clocks change, on a real Temporal server: made up for in seconds, each run once."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from temporalio.client import ScheduleBackfill, ScheduleHandle, ScheduleOverlapPolicy

from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, House
from workflows.requests import Scheduled, Status
from workflows.timetables import Timetable, schedule_id

NIGHT, DAY = {"server": 1}, {"server": 3}
DAYS = 14

#                 zone                first night    offsets from UTC, in hours
CHANGES = {
    "Berlin, spring":   ("Europe/Berlin",    (2027, 3, 21),  {1, 2}),
    "New York, autumn": ("America/New_York", (2027, 10, 31), {-4, -5}),
}  # fmt: skip


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("zone", "start", "offsets"), CHANGES.values(), ids=CHANGES)
async def test_two_weeks(zone: str, start: tuple[int, int, int], offsets: set[int], house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    handles = {name: await schedule(house, name, zone) for name in ("night", "day")}
    times = list(due(zone, start))
    for index, (name, when) in enumerate(times, 1):
        await backfill(handles[name], when)
        status = await house.until(reached(index + 1))
        assert status.counts["server"] == (NIGHT if name == "night" else DAY)["server"], (name, when)
    assert {when.astimezone(ZoneInfo(zone)).utcoffset() for _, when in times} == {timedelta(hours=each) for each in offsets}
    for name, handle in handles.items():
        await backfill(handle, times[0][1], times[-1][1])
        runs = [run async for run in house.client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}-'")]
        ids = {run.id for run in runs}
        assert ids == {f"{handle.id}-{when:%Y-%m-%dT%H:%M:%SZ}" for each, when in times if each == name}
    assert (await house.status()).generation == 2 * DAYS + 1, "whoever comes again changes nothing"
    for name in handles:
        await house.schedules.remove(house.systems.ref(NAMESPACE, "llama"), name)


def reached(generation: int) -> Callable[[Status], bool]:
    return lambda status: status.generation == generation


async def schedule(house: House, name: str, zone: str) -> ScheduleHandle:
    ref = house.systems.ref(NAMESPACE, "llama")
    scheduled = Scheduled(ref=ref, name=name, counts=NIGHT if name == "night" else DAY)
    cron = "0 22 * * *" if name == "night" else "30 6 * * *"
    await house.schedules.add(Timetable(scheduled=scheduled, cron=cron, time_zone=zone))
    return house.client.get_schedule_handle(schedule_id(ref, name))


def due(zone: str, start: tuple[int, int, int]) -> Iterator[tuple[str, datetime]]:
    """By the clocks of that zone, whatever they do meanwhile."""
    first = datetime(*start, tzinfo=ZoneInfo(zone))
    for day in range(DAYS):
        there = first + timedelta(days=day)  # of the wall clock
        yield "night", there.replace(hour=22).astimezone(UTC)
        yield "day", (there + timedelta(days=1)).replace(hour=6, minute=30).astimezone(UTC)


async def backfill(handle: ScheduleHandle, when: datetime, until: datetime | None = None) -> None:
    minute = timedelta(minutes=1)
    await handle.backfill(ScheduleBackfill(when - minute, (until or when) + minute, overlap=ScheduleOverlapPolicy.ALLOW_ALL))
