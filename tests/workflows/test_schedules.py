"""Counts that change by the clock, on a real Temporal server: what their users are promised."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio.client import (
    ScheduleBackfill,
    ScheduleOverlapPolicy,
    ScheduleUpdate,
    ScheduleUpdateInput,
    WorkflowExecutionStatus,
    WorkflowFailureError,
)

from activities.messages import WORKFLOW_QUEUE
from tests.cluster.ports import free_ports
from tests.workflows import house as houses
from tests.workflows.declared import system
from tests.workflows.house import NAMESPACE, House
from workers.temporal import DevServer
from workflows import schedules
from workflows.insisting import innermost
from workflows.requests import SCHEDULED_SCALE, Scheduled
from workflows.schedules import CannotSchedule
from workflows.timetables import Timetable, schedule_id
from workflows.visibility import CAUSE, NAME, PHASE

NIGHTLY = "0 22 * * *"


@pytest_asyncio.fixture
async def tidy(house: House) -> AsyncGenerator[House]:
    """A house whose schedules are gone after the test."""
    yield house
    for left in await house.schedules.list():
        await house.schedules.remove(left.scheduled.ref, left.scheduled.name)


def night(house: House, name: str = "night", of: str = "llama", cron: str = NIGHTLY, **more: object) -> Timetable:
    scheduled = Scheduled(ref=house.systems.ref(NAMESPACE, of), name=name, counts={"server": 1, "copies": 1})
    return Timetable(scheduled=scheduled, cron=cron, time_zone="Europe/Berlin").model_copy(update=more)


async def up(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()


async def test_added_and_listed(tidy: House) -> None:
    await up(tidy)
    added = await tidy.schedules.add(night(tidy))
    assert await tidy.schedules.list() == await tidy.schedules.list(NAMESPACE, "llama") == [added]
    assert await tidy.schedules.list("elsewhere") == await tidy.schedules.list(NAMESPACE, "lla") == []
    assert (added.cron, added.time_zone, added.when) == (NIGHTLY, "Europe/Berlin", "every day at 22:00 Europe/Berlin")
    assert {each.astimezone(ZoneInfo("Europe/Berlin")).hour for each in added.next} == {22}
    assert (added.last, added.paused, added.catch_up_s) == (None, False, 600)


async def test_run_now_scales_and_says_so(tidy: House) -> None:
    await up(tidy)
    await tidy.schedules.add(night(tidy))
    answer = await tidy.schedules.run(tidy.systems.ref(NAMESPACE, "llama"), "night")
    assert (answer.generation, answer.changed) == (2, True)
    assert answer.message == "copies=1, server=1 is wanted now, as generation 2"
    assert (await tidy.ready(generation=2)).counts == {"copies": 1, "router": 1, "server": 1}
    (scale,) = [each for each in await tidy.operations() if each.workflow_type == "Scale"]
    assert scale.typed_search_attributes[CAUSE] == "copies=1, server=1 by schedule night"
    (listed,) = await tidy.schedules.list()
    assert listed.last is not None
    assert (listed.last.outcome, listed.last.message, listed.runs) == ("Completed", answer.message, 1)
    await asyncio.sleep(1)  # runs of one second are one run
    again = await tidy.schedules.run(tidy.systems.ref(NAMESPACE, "llama"), "night")
    assert (again.changed, again.generation) == (False, 2)


async def test_the_ui_alone_tells_which_schedule_it_is(tidy: House) -> None:
    await up(tidy)
    await tidy.schedules.add(night(tidy))
    ref = tidy.systems.ref(NAMESPACE, "llama")
    handle = tidy.client.get_schedule_handle(schedule_id(ref, "night"))
    assert handle.id == f"{tidy.entity().id}/schedule/night"
    found = await handle.describe()
    assert found.schedule.state.note == "copies=1, server=1 every day at 22:00 Europe/Berlin"
    assert await found.memo() == {"cron": NIGHTLY, "set": "copies=1, server=1"}
    assert (found.typed_search_attributes[NAME], found.typed_search_attributes[CAUSE]) == ("llama", "schedule night")
    await tidy.schedules.run(ref, "night")
    (run,) = [each async for each in tidy.client.list_workflows(f"WorkflowId STARTS_WITH '{handle.id}'")]
    assert run.id.startswith(f"{handle.id}-20")
    assert (run.typed_search_attributes[NAME], run.typed_search_attributes[CAUSE]) == ("llama", "schedule night")
    assert run.typed_search_attributes.get(PHASE) is None
    described = await tidy.client.get_workflow_handle(run.id).describe()
    assert await described.static_summary() == "copies=1, server=1 by schedule night"


async def test_the_same_time_twice_changes_once(tidy: House) -> None:
    await up(tidy)
    await tidy.schedules.add(night(tidy))
    ref = tidy.systems.ref(NAMESPACE, "llama")
    handle = tidy.client.get_schedule_handle(schedule_id(ref, "night"))
    due = datetime(2026, 3, 1, 21, tzinfo=UTC)
    for generation in (2, 3):
        overlap = ScheduleOverlapPolicy.ALLOW_ALL
        await handle.backfill(ScheduleBackfill(due - timedelta(minutes=1), due + timedelta(minutes=1), overlap=overlap))
        completed = [WorkflowExecutionStatus.COMPLETED] * (generation - 1)
        await until_ended(tidy, f"{handle.id}-2026-03-01T21:00:00Z", *completed)
        assert (await tidy.status()).generation == generation
        if generation == 2:
            await tidy.systems.scale(NAMESPACE, "llama", {"server": 2})
    assert (await tidy.status()).counts["server"] == 2


async def until_ended(house: House, workflow_id: str, *ended: WorkflowExecutionStatus) -> None:
    async with asyncio.timeout(houses.TIMEOUT_S):
        while [each.status for each in await house.runs(workflow_id)] != list(ended):  # noqa: ASYNC110 - Temporal is asked
            await asyncio.sleep(houses.POLL_S)


async def test_paused_resumed_and_removed(tidy: House) -> None:
    await up(tidy)
    await tidy.schedules.add(night(tidy))
    ref = tidy.systems.ref(NAMESPACE, "llama")
    await tidy.schedules.pause(ref, "night")
    (paused,) = await tidy.schedules.list()
    assert (paused.paused, paused.note) == (True, "paused by alice")
    assert (await tidy.schedules.run(ref, "night")).changed
    await tidy.schedules.resume(ref, "night")
    assert [each.paused for each in await tidy.schedules.list()] == [False]
    await tidy.schedules.remove(ref, "night")
    assert await tidy.schedules.list() == []
    assert (await tidy.ready(generation=2)).counts["server"] == 1


async def test_what_cannot_be_is_refused_and_changes_nothing(tidy: House) -> None:
    await up(tidy)
    ref = tidy.systems.ref(NAMESPACE, "llama")

    async def refused(wanted: Timetable) -> str:
        with pytest.raises(CannotSchedule) as refusal:
            await tidy.schedules.add(wanted)
        return str(refusal.value)

    def counts(**counts: int) -> Timetable:
        return night(tidy, scheduled=Scheduled(ref=ref, name="night", counts=counts))

    assert "there is no system default/qwen; apply it first" in await refused(night(tidy, of="qwen"))
    assert "did you mean 'server'" in await refused(counts(serve=1))
    assert "minAvailable is 1" in await refused(counts(server=0))
    assert "unknown time zone" in await refused(night(tidy, time_zone="Europe/Berln"))
    assert await tidy.schedules.list() == []
    await tidy.schedules.add(night(tidy))
    said = await refused(night(tidy, cron="0 5 * * *"))
    assert said == (
        "default/llama has a schedule 'night' already; choose another name, or first: espalier schedule remove llama night"
    )
    assert [each.cron for each in await tidy.schedules.list()] == [NIGHTLY]
    for change in (tidy.schedules.pause, tidy.schedules.resume, tidy.schedules.remove, tidy.schedules.run):
        with pytest.raises(CannotSchedule, match=r"llama has no schedule 'nigth'; did you mean 'night'\?"):
            await change(ref, "nigth")


async def test_a_run_without_its_system_fails_and_says_so(tidy: House) -> None:
    ref = tidy.systems.ref(NAMESPACE, "qwen")
    given = Scheduled(ref=ref, name="night", counts={"server": 1})
    with pytest.raises(WorkflowFailureError) as failure:
        await tidy.client.execute_workflow(
            SCHEDULED_SCALE, given, id=f"{ref.workflow_id}/schedule/night-1", task_queue=WORKFLOW_QUEUE
        )
    said = innermost(failure.value)
    assert said.startswith("there is no system 'qwen' in namespace default of cluster")
    assert said.endswith("remove its schedule with: espalier schedule remove qwen night")


async def test_a_refused_run_fails_and_is_listed_so(tidy: House) -> None:
    await up(tidy)
    added = await tidy.schedules.add(night(tidy))
    handle = tidy.client.get_schedule_handle(schedule_id(added.scheduled.ref, "night"))

    async def too_many(found: ScheduleUpdateInput) -> ScheduleUpdate:
        action = found.description.schedule.action
        action.args = [added.scheduled.model_copy(update={"counts": {"server": 99_999}})]  # type: ignore[attr-defined] # pyright: ignore[reportAttributeAccessIssue]
        return ScheduleUpdate(found.description.schedule)

    await handle.update(too_many)
    with pytest.raises(CannotSchedule, match="server can't be 99,999"):
        await tidy.schedules.run(added.scheduled.ref, "night")
    (listed,) = await tidy.schedules.list()
    assert listed.last is not None
    assert (listed.last.outcome, listed.last.message[:14]) == ("Failed", "server can't b")
    assert (await tidy.status()).generation == 1


async def test_delete_leaves_no_schedule(tidy: House) -> None:
    await up(tidy)
    await tidy.systems.apply(system("llama-2"))
    await tidy.ready("llama-2")
    for name in ("night", "day"):
        await tidy.schedules.add(night(tidy, name))
    await tidy.schedules.add(night(tidy, of="llama-2"))
    await tidy.systems.delete(NAMESPACE, "llama")
    await tidy.gone()
    assert [each.scheduled.ref.name for each in await tidy.schedules.list()] == ["llama-2"]
    with pytest.raises(CannotSchedule, match="there is no system default/llama"):
        await tidy.schedules.add(night(tidy))


async def test_a_schedule_that_meets_a_delete_is_not_left_behind(tidy: House) -> None:
    await up(tidy)
    await tidy.schedules.create(night(tidy))
    await tidy.systems.delete(NAMESPACE, "llama")
    with pytest.raises(CannotSchedule, match=r"is being deleted|there is no system"):
        await tidy.schedules.add(night(tidy, "day"))
    await tidy.gone()
    assert await tidy.schedules.list() == []


#                       cron           zone                from              what is due first, in UTC
CLOCKS = {
    "Berlin, spring":   ("0 22 * * *", "Europe/Berlin",    (2027, 3, 27),    ("27 21:00", "28 20:00", "29 20:00")),
    "Berlin, autumn":   ("0 22 * * *", "Europe/Berlin",    (2027, 10, 30),   ("30 20:00", "31 21:00", "01 21:00")),
    "Berlin, no 2:30":  ("30 2 * * *", "Europe/Berlin",    (2027, 3, 27),    ("27 01:30", "29 00:30", "30 00:30")),
    "Berlin, two 2:30": ("30 2 * * *", "Europe/Berlin",    (2027, 10, 30),   ("30 00:30", "31 01:30", "01 01:30")),
    "New York, spring": ("0 22 * * *", "America/New_York", (2027, 3, 13),    ("13 03:00", "14 03:00", "15 02:00")),
    "New York, autumn": ("0 22 * * *", "America/New_York", (2027, 11, 6),    ("06 02:00", "07 02:00", "08 03:00")),
    "New York, no 2:30":  ("30 2 * * *", "America/New_York", (2027, 3, 13),  ("13 07:30", "15 06:30", "16 06:30")),
    "New York, two 1:30": ("30 1 * * *", "America/New_York", (2027, 11, 6),  ("06 05:30", "07 05:30", "07 06:30")),
    "both days match":  ("0 0 1 * 1",  "UTC",              (2027, 10, 1),    ("01 00:00", "01 00:00", "01 00:00")),
}  # fmt: skip


@pytest.mark.parametrize(("cron", "zone", "start", "due"), CLOCKS.values(), ids=CLOCKS)
async def test_when_clocks_change(cron: str, zone: str, start: tuple[int, int, int], due: tuple[str, ...], tidy: House) -> None:
    handle = await tidy.schedules.create(night(tidy, cron=cron, time_zone=zone))

    async def later(found: ScheduleUpdateInput) -> ScheduleUpdate:
        found.description.schedule.spec.start_at = datetime(*start, tzinfo=UTC)
        return ScheduleUpdate(found.description.schedule)

    await handle.update(later)
    assert tuple(f"{each:%d %H:%M}" for each in (await handle.describe()).info.next_action_times[:3]) == due


async def test_late_and_overlapping_runs_are_skipped(tidy: House) -> None:
    handle = await tidy.schedules.create(night(tidy, catch_up_s=1800.0))
    schedule = (await handle.describe()).schedule
    assert schedule.policy.overlap is ScheduleOverlapPolicy.SKIP
    assert schedule.policy.catchup_window == timedelta(minutes=30)
    assert getattr(schedule.action, "execution_timeout") == timedelta(minutes=30)  # noqa: B009 - of one of two kinds of action


async def test_a_run_that_finds_another_at_work_is_skipped(temporal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedules, "RUN_TIMEOUT_S", 2.0)
    async with houses.house(temporal, works=False) as empty:
        await empty.schedules.create(night(empty))
        ref = empty.systems.ref(NAMESPACE, "llama")
        with pytest.raises(TimeoutError):
            await empty.schedules.run(ref, "night")
        with pytest.raises(CannotSchedule, match=r"is still at work.* Start one with: espalier worker"):
            await empty.schedules.run(ref, "night")
        (listed,) = await empty.schedules.list()
        assert listed.last is not None
        assert (listed.last.outcome, listed.runs, listed.overlapped) == ("Running", 1, 1)
        async with houses.workflow_worker(empty.client):
            await until_ended(empty, listed.last.workflow_id, WorkflowExecutionStatus.FAILED)
        await empty.schedules.remove(ref, "night")


def started(server: DevServer) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.long
async def test_what_is_too_late_is_not_made_up_for() -> None:
    """Temporal is away for the whole of the time that a run may be late."""
    (port,) = free_ports(1)
    process = started(DevServer(port=port, ui_port=None))
    try:
        async with houses.house(f"127.0.0.1:{port}") as found:
            handle = await found.schedules.create(night(found, cron="* * * * *", catch_up_s=10.0))
            await asyncio.sleep(58 - datetime.now(UTC).second % 58)
            process.send_signal(signal.SIGSTOP)
            await asyncio.sleep(18)
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(houses.TIMEOUT_S):
                while (await handle.describe()).info.num_actions_missed_catchup_window == 0:  # noqa: ASYNC110 - Temporal is asked
                    await asyncio.sleep(0.2)
            assert [(each.runs, each.missed, each.last) for each in await found.schedules.list()] == [(0, 1, None)]
    finally:
        process.kill()
        process.wait()
