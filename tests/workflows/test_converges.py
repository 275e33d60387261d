"""Whatever order events come in: once they stop, it ends as declared; a delete leaves nothing; nothing ever spins."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from activities.messages import RECORD, UPDATE, Order, Ref
from tests.workflows.declared import manifest
from tests.workflows.model import ClusterModel
from tests.workflows.sight import Pod
from workflows.decide import FINISHED, Step, next_step
from workflows.pacing import Pace, Result, facts

NODES, PLACES, MOST = ("n0", "n1", "n2"), 6, 3
ENOUGH = dict.fromkeys(NODES, PLACES)
BURST = 60
"""Writes without anything happening. A system of this size needs at most a dozen; more is spinning."""
TURNS = 400

which = st.integers(0, 50)


class Life(RuleBasedStateMachine):
    """A system through edits, deaths, refusals, quotas and little room. Its workflow is `next_step`, `Pace`, and a clock."""

    @initialize(copies=st.integers(0, 2), routers=st.integers(0, MOST), servers=st.integers(1, MOST))
    def declare(self, copies: int, routers: int, servers: int) -> None:
        self.cluster = ClusterModel(dict(ENOUGH))
        self.manifest = manifest(copies=copies, routers=routers, servers=servers)
        counts = {"copies": copies, "router": routers, "server": servers}
        self.least = {"copies": 0, "router": min(1, routers), "server": 1}
        self.order = Order(ref=Ref(namespace="n", name="llama"), generation=1, revision="r1", counts=counts, limit=5)
        self.pace, self.now, self.stirred, self.burst = Pace(), 0.0, True, 0

    # What users do

    @rule(path=st.sampled_from(["copies", "router", "server"]), count=st.integers(0, MOST))
    def scale(self, path: str, count: int) -> None:
        if not self.order.deleting:
            counts = {**self.order.counts, path: max(count, self.least[path])}
            self._intend(counts=counts)

    @rule(revision=st.sampled_from(["r1", "r2", "r3"]), paused=st.booleans())
    def edit_the_template(self, revision: str, paused: bool) -> None:
        """Newer, back again, held or not."""
        if not self.order.deleting:
            self.cluster.paused = paused
            self._intend(revision=revision)

    @precondition(lambda self: self.order.generation > 2)
    @rule()
    def delete(self) -> None:
        if not self.order.deleting:
            self._intend(deleting=True)

    # What befalls a cluster

    @rule(nodes=st.sets(st.sampled_from(NODES)))
    def nodes_come_and_go(self, nodes: set[str]) -> None:
        self.cluster.nodes = dict.fromkeys(sorted(nodes), PLACES)
        self._happens()

    @rule(places=st.integers(0, PLACES))
    def foreign_pods_take_room(self, places: int) -> None:
        self.cluster.nodes = {node: max(places, PLACES - self.cluster.free()[node]) for node in self.cluster.nodes}
        self._happens()

    @rule(nodes=st.sets(st.sampled_from(NODES), max_size=2))
    def the_scheduler_refuses(self, nodes: set[str]) -> None:
        self.cluster.refusing = set(nodes)

    @rule(quota=st.none() | st.integers(0, 12))
    def a_quota_is_set(self, quota: int | None) -> None:
        self.cluster.quota = quota

    @precondition(lambda self: self.cluster.pods)
    @rule(which=which)
    def a_pod_fails(self, which: int) -> None:
        if (pod := self._pod(which)).phase in {"starting", "ready"}:
            pod.phase = "failed"
            self._happens()

    @precondition(lambda self: self.cluster.pods)
    @rule(which=which)
    def somebody_deletes_a_pod(self, which: int) -> None:
        self.cluster.delete(self._pod(which))
        self._happens()

    @rule()
    def somebody_deletes_a_service(self) -> None:
        self.cluster.services = max(0, self.cluster.services - 1)
        self._happens()

    @rule()
    def somebody_deletes_the_object(self) -> None:
        self.cluster.uid = ""
        self._happens()

    @rule()
    def kubelets_get_on(self) -> None:
        if self.cluster.advance():
            self._happens()

    # What the workflow does

    @rule()
    def a_worker_is_killed(self) -> None:
        """Between two steps: what it knows is carried, what it was told in passing is not."""
        self.pace = Pace.model_validate_json(self.pace.model_dump_json())
        self.stirred = True

    @rule()
    def turn(self) -> None:
        step = self._turn()
        if not step.acts:
            self._pause()

    @rule(seconds=st.sampled_from([1, 15, 300]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        self.stirred, self.burst = True, 0

    @invariant()
    def never_more_is_granted_than_there_is_room(self) -> None:
        if hasattr(self, "cluster"):
            assert min(self.cluster.free().values(), default=0) >= 0

    def teardown(self) -> None:
        """Disturbances stop, there is room, and nothing is held."""
        if hasattr(self, "cluster"):
            self.cluster.paused = False
            self._happens()
            self.cluster.nodes, self.cluster.quota = dict(ENOUGH), None
            self.cluster.refusing.clear()
            self._settle()
            assert self.cluster.empty if self.order.deleting else self.cluster.as_declared(self.order), self.cluster
            assert self.cluster.taken_back == []

    def _settle(self) -> None:
        step = self._turn()
        for _ in range(TURNS):
            step = self._turn()
            if step.action == FINISHED:
                return
            if not step.acts:
                self._pause()
            if self.cluster.advance():
                self._happens()
        raise AssertionError(f"still not as declared: {step} {self.cluster}")

    def _turn(self) -> Step:
        seen = self.cluster.observe(self.order)
        step = next_step(self.order, seen, self.pace.resting(self.now, facts(seen), stirred=self.stirred))
        self.stirred = False
        if step.acts:
            self._act(step, facts(seen))
        return step

    def _act(self, step: Step, before: str) -> None:
        self.burst += 1
        assert self.burst <= BURST, f"{step} for the {self.burst}th time with nothing happening: it spins"
        result: Result = "done"
        ready = self._ready()
        if step.action == RECORD:
            done = self.cluster.record(self.order, self.manifest)
            self.order = self.order.model_copy(update={"uid": done.uid, "recorded": self.order.generation})
        else:
            written = self.cluster.act(step.action, self.order)
            if step.action == UPDATE:
                self._check_budget(ready)
            result = "done" if written.written else "refused" if written.problem else "idle"
        self.pace = self.pace.tried(step.action, self.now, before, result)

    def _ready(self) -> Counter[str]:
        return Counter(slot.split("/")[1] for slot in self.cluster.wanted(self.order) if self.cluster.class_of(slot) == "ready")

    def _check_budget(self, before: Counter[str]) -> None:
        """What an update takes away: one pod of a role of which all are Ready, and none of another."""
        wanted = Counter(slot.split("/")[1] for slot in self.cluster.wanted(self.order))
        after = self._ready()
        for role in wanted:
            assert after[role] == before[role] or after[role] == wanted[role] - 1 == before[role] - 1, role

    def _pause(self) -> None:
        self.now += self.pace.next_s(self.now, 15)
        self.stirred, self.burst = True, 0

    def _intend(self, **change: Any) -> None:
        self.order = self.order.model_copy(update={**change, "generation": self.order.generation + 1})
        self.pace = Pace()
        self._happens()

    def _happens(self) -> None:
        self.stirred, self.burst = True, 0

    def _pod(self, which: int) -> Pod:
        return self.cluster.pods[which % len(self.cluster.pods)]


Life.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestLife = Life.TestCase
