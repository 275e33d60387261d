"""One system's life on a real Temporal server, with a fake agent: what its users are promised."""

import asyncio
import json

import pytest
from temporalio.client import WorkflowExecutionStatus, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError

from activities.messages import CREATE, ERASE, OBSERVE, PLACE, RECORD
from specs.system import InferenceSystem
from tests.workflows.declared import manifest, system
from tests.workflows.house import NAMESPACE, House
from workflows.insisting import chain
from workflows.visibility import CAUSE, PHASE

COMPLETED, FAILED, CANCELED = WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.FAILED, WorkflowExecutionStatus.CANCELED


async def refused(command: object) -> str:
    """The sentence that a command is refused with."""
    with pytest.raises(WorkflowUpdateFailedError) as refusal:
        await command  # type: ignore[misc] # pyright: ignore[reportGeneralTypeIssues]
    return chain(refusal.value)


async def test_declared_and_brought_up(house: House) -> None:
    answer = await house.systems.apply(system())
    assert (answer.generation, answer.changed) == (1, True)
    status = await house.ready()
    assert status.counts == {"copies": 2, "router": 1, "server": 2}
    assert status.last is not None
    assert (status.last.kind, status.last.ok, status.operation) == ("Startup", True, None)


async def test_the_ui_alone_tells_what_goes_on(house: House) -> None:
    house.agent.kubelets = False
    await house.systems.apply(system())
    await house.until(lambda status: status.reason in {"StartOrder", "Binding"})
    (startup,) = await house.operations()
    assert startup.id.startswith(house.entity().id + "/")
    assert (startup.typed_search_attributes[PHASE], startup.typed_search_attributes[CAUSE]) == ("Starting", "applied by alice")
    house.agent.kubelets = True
    await house.agent.nudge("llama")
    await house.ready()
    (startup,) = await house.ended()
    assert startup.status is COMPLETED
    assert (await house.entity().describe()).typed_search_attributes[PHASE] == "Ready"


async def test_a_refused_manifest_leaves_nothing(house: House) -> None:
    bad = system().model_copy(update={"spec": system().spec.model_copy(update={"start": "sometime"})})
    said = await refused(house.systems.apply(InferenceSystem.model_construct(**dict(bad))))
    assert "spec.start: 'sometime' is not known here" in said
    assert "choose" in said
    assert (await house.entity().result()).phase == "Deleted"
    assert house.agent.calls == []


async def test_refusals_say_what_to_do_and_change_nothing(house: House) -> None:
    await house.systems.apply(system())
    before = await house.ready()
    other = system(services="none")
    assert "services and evictable of a running system can't be changed" in await refused(house.systems.apply(other))
    assert "did you mean 'server'" in await refused(house.systems.scale(NAMESPACE, "llama", {"serve": 3}))
    assert "minAvailable is 1" in await refused(house.systems.scale(NAMESPACE, "llama", {"server": 0}))
    after = await house.status()
    assert (after.generation, after.counts) == (before.generation, before.counts)


async def test_scaled_up_and_down(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    await house.systems.scale(NAMESPACE, "llama", {"server": 4, "copies": 3})
    status = await house.ready(generation=2)
    assert status.seen.total("ready") == 3 * (1 + 4)
    await house.systems.scale(NAMESPACE, "llama", {"copies": 1})
    assert (await house.ready(generation=3)).seen.total("ready") == 5
    assert [each.workflow_type for each in await house.operations()] == ["Startup", "Scale", "Scale"]


def newer(image: str) -> InferenceSystem:
    """The same with another template."""
    given = json.loads(json.dumps(manifest()))
    for member in given["spec"]["members"]:
        member["template"]["spec"]["containers"][0]["image"] = image
    return InferenceSystem.model_validate(given)


async def test_a_new_template_is_rolled_out_and_undone(house: House) -> None:
    await house.systems.apply(system())
    before = await house.ready()
    await house.systems.apply(newer("busybox:2"))
    after = await house.ready(generation=2)
    assert {pod.revision for pod in house.agent.model("llama").pods} == {after.revision} != {before.revision}
    await house.systems.steer(NAMESPACE, "llama", "undo")
    assert (await house.ready(generation=3)).revision == before.revision
    assert {pod.revision for pod in house.agent.model("llama").pods} == {before.revision}
    assert [each.workflow_type for each in await house.operations()] == ["Startup", "Rollout", "Rollout"]


async def test_deleted_until_nothing_is_left(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    await house.systems.delete(NAMESPACE, "llama")
    assert "is being deleted" in await refused(house.systems.apply(system()))
    assert (await house.systems.delete(NAMESPACE, "llama")).changed is False
    await house.gone()
    assert (await house.entity().result()).phase == "Deleted"
    assert await house.systems.list() == []


async def test_a_repeated_request_is_done_once(house: House) -> None:
    await house.systems.apply(system(), request_id="one")
    await house.ready()
    first = await house.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="two")
    await house.systems.scale(NAMESPACE, "llama", {"server": 4})
    assert await house.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="two") == first
    assert (await house.ready(generation=3)).counts["server"] == 4


async def test_a_request_that_is_sent_twice_at_once_is_one_update(house: House) -> None:
    await house.systems.apply(system())
    first, second = await asyncio.gather(
        *(house.systems.scale(NAMESPACE, "llama", {"server": 3}, request_id="once") for _ in range(2))
    )
    assert first == second
    events = (await house.entity().fetch_history()).events
    updates = [each.workflow_execution_update_accepted_event_attributes.protocol_instance_id for each in events]
    assert updates.count("once") == 1


async def test_applied_scaled_and_deleted_in_one_breath(house: House) -> None:
    await house.systems.apply(system())
    await asyncio.gather(
        house.systems.scale(NAMESPACE, "llama", {"server": 3}), house.systems.apply(system(priority=7)), house.systems.list()
    )
    await house.systems.delete(NAMESPACE, "llama")
    await house.gone()


async def test_an_apply_that_meets_the_end_is_refused_or_carried_out(house: House) -> None:
    said: list[str] = []
    for _ in range(3):
        await house.systems.apply(system(copies=1, servers=1))
        await house.systems.delete(NAMESPACE, "llama")
        async with asyncio.timeout(10):
            while True:
                try:
                    await house.systems.apply(system(copies=1, servers=1))
                except WorkflowUpdateFailedError as refusal:
                    said.append(chain(refusal))
                else:
                    break
        await house.ready()
        await house.systems.delete(NAMESPACE, "llama")
        await house.gone()
    assert all("is being deleted" in each for each in said)


async def test_deleted_while_it_starts(house: House) -> None:
    house.agent.kubelets = False
    await house.systems.apply(system())
    await house.happens(lambda: house.agent.count("llama", CREATE) > 0)
    await house.systems.delete(NAMESPACE, "llama")
    house.agent.kubelets = True
    await house.gone()
    startup, teardown = await house.ended()
    assert (startup.workflow_type, startup.status) == ("Startup", CANCELED)
    assert (teardown.workflow_type, teardown.status) == ("Teardown", COMPLETED)
    last_create = max(index for index, call in enumerate(house.agent.calls) if call == ("llama", CREATE))
    assert last_create < house.agent.calls.index(("llama", ERASE))


async def test_deleted_while_a_step_hangs(house: House) -> None:
    house.agent.gate.clear()
    await house.systems.apply(system())
    await house.happens(lambda: house.agent.count("llama", RECORD) > 0)
    await house.systems.delete(NAMESPACE, "llama")
    await house.happens(lambda: len(house.agent.cancelled) > 0)
    house.agent.gate.set()
    await house.gone()


async def test_a_change_of_mind_in_mid_step(house: House) -> None:
    house.agent.closed.add(PLACE)
    await house.systems.apply(system())
    await house.happens(lambda: house.agent.count("llama", PLACE) > 0)
    await house.systems.scale(NAMESPACE, "llama", {"server": 3})
    await house.happens(lambda: len(house.agent.cancelled) > 0)
    house.agent.closed.clear()
    status = await house.ready(generation=2)
    assert status.seen.total("ready") == 2 * (1 + 3)
    assert [each.workflow_type for each in await house.operations()] == ["Startup"]
    assert status.last is not None
    assert status.last.generation == 2


async def test_one_dead_pod_is_mended_in_passing(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    house.agent.model("llama").pods[0].phase = "failed"
    await house.agent.nudge("llama")
    await house.happens(lambda: house.agent.model("llama").as_declared(house.agent.orders["llama"]))
    await house.ready()
    assert [each.workflow_type for each in await house.operations()] == ["Startup"]


async def test_more_than_one_is_a_recovery(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    for pod in house.agent.model("llama").pods[:3]:
        pod.phase = "failed"
    await house.agent.nudge("llama")
    await house.until(lambda status: status.last is not None and status.last.kind == "Recovery")
    status = await house.ready()
    assert status.last is not None
    assert status.last.ok


async def test_labels_and_priority_change_in_passing(house: House) -> None:
    await house.systems.apply(system())
    await house.ready()
    assert (await house.systems.apply(system(priority=5))).generation == 2
    assert (await house.systems.apply(system(priority=5))).changed is False
    await house.happens(lambda: house.agent.model("llama").recorded == 2)
    await house.ready(generation=2)
    assert [each.workflow_type for each in await house.operations()] == ["Startup"]


async def test_a_failing_step_is_told_and_tried_again(house: House) -> None:
    sentence = "there is no namespace 'default'; create it first"
    house.agent.broken[RECORD] = ApplicationError(sentence, type="Refused", non_retryable=True)
    await house.systems.apply(system())
    status = await house.until(lambda status: status.phase == "Degraded")
    assert status.message == sentence
    assert house.agent.count("llama", RECORD) == 1
    house.agent.broken.clear()
    await house.ready()


async def test_a_blind_system_still_takes_commands(house: House) -> None:
    house.agent.broken[OBSERVE] = ApplicationError("the cache is not ready", type="Refused", non_retryable=True)
    await house.systems.apply(system())
    await house.until(lambda status: status.reason == "Blind" and status.phase == "Degraded")
    assert (await house.systems.scale(NAMESPACE, "llama", {"server": 3})).generation == 2
    house.agent.broken.clear()
    assert (await house.ready(generation=2)).seen.total("ready") == 8


async def test_no_room_is_waited_for(house: House) -> None:
    house.agent.model("llama").nodes = {"n0": 2}
    await house.systems.apply(system())
    status = await house.until(lambda status: status.phase == "Waiting")
    assert (status.reason, status.message) == ("NoRoom", "no node has room")
    asked = len(house.agent.calls)
    await asyncio.sleep(1)
    assert len(house.agent.calls) - asked <= 2
    house.agent.model("llama").nodes["n1"] = 10
    house.agent.model("llama").solve()
    await house.agent.nudge("llama")
    await house.ready()


async def test_lists_every_system(house: House) -> None:
    for name in ("b", "a"):
        await house.systems.apply(system(name, copies=1))
        await house.ready(name)
    found = await house.systems.list()
    assert [(each.name, each.phase, each.seen.total("ready")) for each in found] == [("a", "Ready", 3), ("b", "Ready", 3)]
    assert await house.systems.list("elsewhere") == []


async def test_served(house: House) -> None:
    await house.systems.until_served()
