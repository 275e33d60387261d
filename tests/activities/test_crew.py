"""A step of many writes: so many at a time, heard by Temporal meanwhile, told in one sentence when refused."""

import asyncio
from datetime import timedelta

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.cluster.crew import AGAIN_DELAY, REFUSALS_ENOUGH, Outdated, Tally, each, explained, heartbeating, translating
from activities.cluster.kube import PODS, Busy, NotThere, Overtaken, Refused


async def test_no_more_than_so_many_at_a_time() -> None:
    now = most = 0

    async def work(_: int) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    await each(range(50), work, Tally(), at_once=7)
    assert most == 7


async def test_after_some_refusals_no_more_are_tried() -> None:
    tally, tried = Tally(), 0

    async def work(item: int) -> None:
        nonlocal tried
        tried += 1
        await asyncio.sleep(0)
        tally.refuse(f"pod {item}", Refused("exceeded quota: few", status=403))

    await each(range(1_000), work, tally, at_once=4)
    assert REFUSALS_ENOUGH <= tried <= REFUSALS_ENOUGH + 4
    assert tally.as_written().problem.startswith("pod 0: exceeded quota: few. Raise the namespace's ResourceQuota")


async def test_busy_ends_the_step_and_says_when_to_come_back() -> None:
    async def work(_: int) -> None:
        raise Busy("too many requests", timedelta(seconds=7))

    with pytest.raises(ApplicationError) as caught, translating():
        await each(range(100), work, Tally())
    assert (caught.value.type, caught.value.next_retry_delay, caught.value.non_retryable) == ("Busy", timedelta(seconds=7), False)


async def test_who_was_overtaken_by_another_writer_looks_again() -> None:
    with pytest.raises(ApplicationError) as caught, translating():
        raise Overtaken("the object has been modified", status=409)
    assert (caught.value.type, caught.value.next_retry_delay, caught.value.non_retryable) == ("Busy", AGAIN_DELAY, False)


ERRORS = {
    "refused": (Refused("the API server says no", status=422), "Refused"),
    "a newer intent": (Outdated("a newer intent is carried out"), "Overtaken"),
    "no namespace": (NotThere('namespaces "x" not found', status=404), "Refused"),
}


@pytest.mark.parametrize(("error", "kind"), ERRORS.values(), ids=ERRORS)
def test_other_errors_are_not_repeated(error: Refused, kind: str) -> None:
    with pytest.raises(ApplicationError) as caught, translating():
        raise error
    assert (caught.value.type, caught.value.non_retryable) == (kind, True)


GRANT = "Grant the agent's account this right"
FORBIDDEN = {
    "limit range": ("maximum cpu usage per Container is 1, but limit is 2", "The namespace's LimitRange does not allow it"),
    "its ratios":  ("cpu max limit to request ratio per Pod is 2, but provided ratio is 4.0", "The namespace's LimitRange does"),
    "limits":      ("failed quota: q: must specify limits.cpu for: main", "The namespace's ResourceQuota wants it set"),
    "full quota":  ("exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2", "Raise the namespace's ResourceQuota"),
    "no quota":    ("insufficient quota to match these scopes: [{PriorityClass In [high]}]", "Give the namespace a Res"),
    "no account":  ('error looking up service account ns/x: serviceaccount "x" not found', "Create the ServiceAccount"),
    "no class":    ("no PriorityClass with name high was found", "Create the PriorityClass"),
    "no right":    ('User "agent" cannot create resource "pods" in API group "" in the namespace "ns"', GRANT),
    "no owner":    ("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on", GRANT),
    "a plugin":    ("node selector label conflicts with its namespace", "An admission plugin of the cluster refuses it"),
}  # fmt: skip
"""What the API server says after `pods "x" is forbidden: `."""


@pytest.mark.parametrize(("words", "remedy"), FORBIDDEN.values(), ids=FORBIDDEN)
def test_what_is_forbidden_for_different_reasons_has_different_remedies(words: str, remedy: str) -> None:
    refusal = f'creating Pod x in ns: pods "x" is forbidden: {words}'
    assert explained(Refused(refusal, status=403)).startswith(f"{refusal}. {remedy}")


def test_what_may_not_be_changed_is_no_question_of_rights() -> None:
    refusal = Refused("applying Pod x: spec: Forbidden: pod updates may not change fields", status=422)
    assert explained(refusal).endswith("Correct the declared system and apply it again.")


async def test_it_beats_while_it_works_and_stops_when_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.cluster.crew.HEARTBEAT_S", 0.01)
    environment, beats = ActivityEnvironment(), 0
    ended = asyncio.Event()

    def beat(*_: object) -> None:
        nonlocal beats
        beats += 1
        if beats == 5:
            environment.cancel()

    environment.on_heartbeat = beat

    async def work() -> None:
        try:
            async with heartbeating():
                await asyncio.sleep(60)
        finally:
            ended.set()

    with pytest.raises(asyncio.CancelledError):
        await environment.run(work)
    assert ended.is_set()
    assert beats >= 5


def test_a_tally_tells_the_newest_version_of_each_kind() -> None:
    tally = Tally()
    for version in ("7", "9", "8"):
        tally.wrote(PODS, {"metadata": {"resourceVersion": version}})
    assert (tally.as_written().written, tally.as_written().versions) == (3, {"pods": 9})
