"""Whatever order events come in: once they stop, it ends as declared, in few steps, and a delete leaves nothing."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from activities.messages import Order, Ref
from tests.workflows.model import FIRST, SECOND, Model
from workflows.decide import FINISHED, next_step

MOST = 4
ENOUGH = 2 * MOST
TURNS = 60
"""Far more than any end needs: a loop that has not ended by then spins."""


class Life(RuleBasedStateMachine):
    """A system through edits, failures and little room; its workflow is `next_step` and nothing else."""

    @initialize(first=st.integers(0, MOST), second=st.integers(0, MOST))
    def declare(self, first: int, second: int) -> None:
        self.model = Model(room=ENOUGH)
        self.order = Order(ref=Ref(namespace="n", name="s"), uid="u", counts={FIRST: first, SECOND: second})

    @rule(role=st.sampled_from([FIRST, SECOND]), count=st.integers(0, MOST))
    def scale(self, role: str, count: int) -> None:
        self.order = self.order.model_copy(update={"counts": {**self.order.counts, role: count}})

    @rule()
    def delete(self) -> None:
        self.order = self.order.model_copy(update={"deleting": True})

    @rule(room=st.integers(0, ENOUGH))
    def room_changes(self, room: int) -> None:
        self.model.room = max(room, self.model.room - self.model.free())

    @precondition(lambda self: self.model.pods)
    @rule(state=st.sampled_from(["failed", "refused", "lost", "leaving", "gone"]), which=st.integers(0, ENOUGH))
    def pod_suffers(self, state: str, which: int) -> None:
        slot = sorted(self.model.pods)[which % len(self.model.pods)]
        if state == "gone":
            del self.model.pods[slot]
        elif self.model.pods[slot] not in ("gated", "nominated"):
            self.model.pods[slot] = state

    @rule()
    def time_passes(self) -> None:
        self.model.tick()

    @rule()
    def turn(self) -> None:
        step = next_step(self.order, self.model.observe(self.order))
        if step.acts:
            moved, leaving = self.model.do(step.action, self.order), "leaving" in self.model.pods.values()
            assert moved or leaving, f"{step} changes nothing, and nothing is on its way: it would spin"

    @invariant()
    def never_more_than_there_is_room(self) -> None:
        if hasattr(self, "model"):
            assert self.model.free() >= 0

    def teardown(self) -> None:
        """Disturbances stop; there is room."""
        if not hasattr(self, "model"):
            return
        self.model.room = ENOUGH
        for _ in range(TURNS):
            step = next_step(self.order, self.model.observe(self.order))
            if step.action == FINISHED:
                break
            if step.acts:
                self.model.do(step.action, self.order)
            self.model.tick()
        else:
            raise AssertionError(f"still not as declared: {step} {self.model}")
        assert self.model.pods == dict.fromkeys(self.model.wanted(self.order), "ready")
        assert set(self.model.planned) == set(self.model.pods)
        assert self.model.exists is not self.order.deleting


Life.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestLife = Life.TestCase
