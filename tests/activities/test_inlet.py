"""Edits of custom resources, on both servers: each is sent once, whoever made it; what is refused says why."""

import asyncio
from collections.abc import AsyncIterator, Collection
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from activities.agent import FOLLOWED
from activities.cache.cache import Cache
from activities.cache.store import Key
from activities.cluster.http import HttpKube
from activities.cluster.kube import CRDS, DECLARING, EVENTS, MEMBERS, SCALING, SYSTEMS, Busy, Kind, Manifest, Refused
from activities.listening.answering import Answers
from activities.listening.door import Admitted, TurnedDown
from activities.listening.errands import FIRST_PAUSE_S
from activities.listening.inlet import Inlet
from activities.listening.sweeping import Sweep
from activities.messages import Observation
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import Declared, Scaled, is_edited
from activities.reports.events import Events
from specs.crds import crds
from specs.manifests import members
from specs.names import FINALIZER, RECORDED, SAYS
from specs.owners import Owner
from specs.system import InferenceSystem
from tests.activities.conftest import served
from tests.activities.port import condition, eventually

Edit = Declared | Scaled


class Workflows:
    """Takes edits of one namespace, as it is told to."""

    def __init__(self, room: str) -> None:
        self.room = room
        self.taken: list[Edit] = []
        self.fails: list[Exception] = []
        """Raised by the next calls, one each."""
        self.known: set[Key] = set()
        self.news = True

    async def nudge(self, workflow_id: str, seen: Observation | None) -> bool:
        return bool(workflow_id)

    async def declare(self, declared: Declared) -> Admitted:
        return self._take(declared)

    async def scale(self, scaled: Scaled) -> Admitted:
        return self._take(scaled)

    async def running(self) -> Collection[Key]:
        return self.known

    def _take(self, edit: Edit) -> Admitted:
        if edit.namespace != self.room:
            return Admitted(changed=True, generation=1)
        if self.fails:
            raise self.fails.pop(0)
        self.taken.append(edit)
        return Admitted(self.news, len(self.taken))


class House:
    """An inlet between one namespace of a server and workflows."""

    def __init__(self, kube: HttpKube, room: str) -> None:
        self.kube, self.room, self.workflows = kube, room, Workflows(room)
        self.nudged: list[Key] = []
        self.strays: set[str] = set()
        self.cache = Cache(kube, [each for each in FOLLOWED if each.kind in (*DECLARING.values(), *SCALING)])
        answers = Answers(kube, self.cache, Events(kube, now), AnsweredEdits(), now)
        self.inlet = Inlet(self.cache, self.workflows, answers, unheard, unkept)
        self.sweep = Sweep(self.cache, self.workflows, self.inlet, self._strays, self._nudge)
        self.cache.tell(self._changed)

    def _nudge(self, namespace: str, name: str) -> None:
        if namespace == self.room:
            self.nudged.append((namespace, name))

    def _strays(self, found: Manifest) -> bool:
        return found["metadata"]["name"] in self.strays

    def _changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        metadata = (new or old or {})["metadata"]
        if metadata["namespace"] == self.room:
            self.inlet.changed(kind, (self.room, metadata["name"]), new)

    async def declare(self, cpu: str = "1", **annotations: str) -> Manifest:
        """As kubectl does."""
        return await self.kube.apply(SYSTEMS, manifest(self.room, cpu, annotations), manager="kubectl-client-side-apply")

    async def reported(self, kind: Kind, name: str, generation: int = 1) -> None:
        """Its status says so, and the cache shows it."""
        status = {"status": {"observedGeneration": generation}}
        found = await self.kube.patch(kind, name, status, self.room, subresource="status")
        await self.cache.reached(kind, int(found["metadata"]["resourceVersion"]))

    async def stored(self, kind: Kind, name: str) -> Manifest:
        return await self.kube.get(kind, name, self.room)

    async def took(self, count: int) -> list[Edit]:
        """What was sent, once it was so many; and that no more comes."""
        await eventually(lambda: self._at_least(count))
        await asyncio.sleep(0.2)
        assert len(self.workflows.taken) == count
        return self.workflows.taken

    async def _at_least(self, count: int) -> bool:
        return len(self.workflows.taken) >= count


def unheard(namespace: str, name: str) -> None:
    """A nudge after an answer."""
    del namespace, name


async def unkept(found: Manifest) -> None:
    """Nothing leaves here."""
    raise AssertionError(found)


def now() -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC)


def manifest(room: str, cpu: str, annotations: dict[str, str] | None = None) -> Manifest:
    container = {"name": "main", "image": "busybox", "resources": {"requests": {"cpu": cpu}}}
    role = {"role": "server", "replicas": 2, "template": {"spec": {"containers": [container]}}}
    metadata = {"name": "llama", "namespace": room, "annotations": annotations or {}}
    spec = {"replicas": 1, "members": [role]}
    return {"apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": metadata, "spec": spec}


@pytest_asyncio.fixture
async def house(kube: HttpKube, room: str) -> AsyncIterator[House]:
    for definition in crds():
        await kube.apply(CRDS, definition, manager="tests")
    await eventually(lambda: served(kube, MEMBERS))
    made = House(kube, room)
    tasks = [asyncio.create_task(made.cache.run()), asyncio.create_task(made.inlet.run())]
    await made.cache.synced()
    yield made
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_what_is_declared_is_sent_with_its_author(house: House) -> None:
    stored = await house.declare(team="red")
    (sent,) = await house.took(1)
    assert isinstance(sent, Declared)
    assert sent.request_id == f"{stored['metadata']['uid']}/1"
    assert sent.who == "kubectl-client-side-apply via the cluster"
    assert sent.manifest["metadata"]["annotations"] == {"team": "red"}
    assert InferenceSystem.model_validate(sent.manifest).spec.replicas == 1


async def test_an_edit_is_sent_with_what_the_object_said_before(house: House) -> None:
    await house.declare(**{RECORDED: "0", SAYS: "7"})
    (sent,) = await house.took(1)
    assert isinstance(sent, Declared)
    assert sent.over == 7


async def test_what_espalier_wrote_is_no_edit(house: House) -> None:
    await house.declare(**{RECORDED: "1"})
    await house.took(0)


async def test_an_edit_that_changes_nothing_is_marked(house: House) -> None:
    house.workflows.news = False
    await house.declare()
    await house.took(1)

    async def marked() -> bool:
        return not is_edited(await house.stored(SYSTEMS, "llama"))

    await eventually(marked)


async def test_what_could_not_be_sent_is_sent_again(house: House) -> None:
    house.workflows.fails = [Busy("nobody there"), TurnedDown("BeingDeleted", "wait until it is gone")]
    await house.declare()
    await house.took(1)


async def test_what_is_leaving_is_not_sent_again_to_who_lets_it_go(house: House) -> None:
    """That it is to go counts as an edit of it, even where its own workflow has said so."""
    await house.declare()
    await house.took(1)
    await house.kube.patch(SYSTEMS, "llama", {"metadata": {"finalizers": [FINALIZER]}}, house.room)
    house.workflows.fails = [TurnedDown("BeingDeleted", "apply it again once it is gone")]
    await house.kube.delete(SYSTEMS, "llama", house.room)

    async def refused() -> bool:
        return not house.workflows.fails

    await eventually(refused)
    await asyncio.sleep(2 * FIRST_PAUSE_S)
    await house.took(1)
    await house.kube.patch(SYSTEMS, "llama", {"metadata": {"finalizers": None}}, house.room)


async def test_a_refusal_is_told_once_and_ends_with_the_next_edit(house: House) -> None:
    house.workflows.fails = [TurnedDown("BadManifest", "spec.members: too many; take some away")]
    await house.declare()

    async def refused() -> Manifest | None:
        found = condition(await house.stored(SYSTEMS, "llama"), "Accepted")
        return found if found.get("status") == "False" else None

    found = await eventually(refused)
    assert (found["reason"], found["observedGeneration"]) == ("BadManifest", 1)
    assert "take some away" in found["message"]
    events = await eventually(lambda: said(house))
    assert events == [("BadManifest", "llama")]
    await house.took(0)
    await house.declare(cpu="2")
    await house.took(1)


async def said(house: House) -> list[tuple[str, str]]:
    """Reason and object of every Event; it is written after the status."""
    return [(each["reason"], each["involvedObject"]["name"]) for each in (await house.kube.list(EVENTS, house.room)).items]


async def test_a_count_is_sent_as_a_count(house: House) -> None:
    stored = await house.declare()
    await house.took(1)
    await house.kube.create(MEMBERS, member(house.room, stored["metadata"]["uid"]))
    await house.took(1)
    await house.kube.patch(MEMBERS, "llama.server", {"spec": {"replicas": 5}}, house.room, subresource="scale")
    sent = (await house.took(2))[-1]
    assert isinstance(sent, Scaled)
    assert (sent.name, sent.counts) == ("llama", {"server": 5})
    assert sent.who.endswith("via the scale")


async def test_a_count_that_is_edited_and_edited_back_is_two_edits(house: House) -> None:
    """Between them nobody has written the first one down: the object looks as if nobody had touched it."""
    stored = await house.declare()
    await house.kube.create(MEMBERS, member(house.room, stored["metadata"]["uid"]))
    for count in (5, 2):
        await house.kube.patch(MEMBERS, "llama.server", {"spec": {"replicas": count}}, house.room)
        await house.took(2 if count == 5 else 3)
    assert [each.counts for each in await house.took(3) if isinstance(each, Scaled)] == [{"server": 5}, {"server": 2}]


async def test_a_sweep_finds_what_nobody_keeps_and_what_nobody_heard(house: House) -> None:
    stored = await house.declare(**{RECORDED: "1"})
    await house.kube.create(MEMBERS, member(house.room, stored["metadata"]["uid"], 7))
    await house.reported(SYSTEMS, "llama")
    await house.reported(MEMBERS, "llama.server")
    await house.sweep.once()
    (sent,) = await house.took(1)
    assert isinstance(sent, Declared)
    assert sent.counts == {"server": 7}, "counts outlive the workflow"
    house.workflows.known = {(house.room, "llama")}
    await house.sweep.once()
    assert house.nudged == []
    house.strays = {"llama"}
    await house.sweep.once()
    assert house.nudged == [(house.room, "llama")]
    await house.took(1)


@pytest.mark.parametrize("missing", ["llama", "llama.server"])
async def test_a_sweep_finds_an_answer_that_was_never_reported(house: House, missing: str) -> None:
    stored = await house.declare(**{RECORDED: "1"})
    await house.kube.create(MEMBERS, member(house.room, stored["metadata"]["uid"]))
    for kind, name in ((SYSTEMS, "llama"), (MEMBERS, "llama.server")):
        await house.reported(kind, name, 0 if name == missing else 1)
    house.workflows.known = {(house.room, "llama")}
    await house.sweep.once()
    assert house.nudged == [(house.room, "llama")]
    await house.took(0)


def member(room: str, uid: str, count: int = 2) -> Manifest:
    declared = InferenceSystem.model_validate(manifest(room, "1"))
    (made,) = members(Owner("llama", room, uid), declared.spec, {"server": count})
    return {**made, "metadata": {**made["metadata"], "annotations": {RECORDED: "1"}}}


@pytest.mark.cluster  # the simulated cluster knows no rules of schemas
@pytest.mark.parametrize("server", ["real"], indirect=True)
@pytest.mark.parametrize("change", [{"path": "other"}, {"system": "other"}])
async def test_whose_count_it_is_can_not_be_changed(house: House, change: dict[str, str]) -> None:
    stored = await house.declare()
    await house.kube.create(MEMBERS, member(house.room, stored["metadata"]["uid"]))
    with pytest.raises(Refused, match="only replicas may be changed"):
        await house.kube.patch(MEMBERS, "llama.server", {"spec": change}, house.room)
