"""An edit of the custom resource is what it changes there: what the object did not show yet is no part of it, and stays."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.test_intent import NEW, apply
from workflows.intent import Command, answered, counts, declared
from workflows.overtaken import KEPT, MOST_BYTES
from workflows.requests import Apply, Scale
from workflows.state import SystemState

FIRST: dict[str, Any] = {"copies": 2, "priority": 0, "busybox": "busybox"}


@dataclass
class Object:
    """The custom resource, the system's workflow, and whoever writes either."""

    state: SystemState = field(default_factory=lambda: answered(NEW, apply(priority=0))[0])
    spec: dict[str, Any] = field(default_factory=dict[str, Any])
    says: int = 0
    edited: bool = False
    asked: int = 0

    def __post_init__(self) -> None:
        self.record()

    def record(self) -> None:
        """The agent writes what is wanted, unless there is an edit that nobody has judged."""
        if not self.edited:
            self.spec = {**declared(self.state.manifest).written()["spec"], "replicas": self.now["copies"]}
            self.says = self.state.generation

    def edit(self, name: str, value: Any) -> None:
        """`kubectl edit`."""
        self.spec, self.edited = changed(self.spec, name, value), True

    def deliver(self) -> None:
        """The agent sends what is stored."""
        self._send(Apply(request_id=self._id(), manifest=self._manifest(self.spec), uid="u", over=self.says))
        self.edited = False

    def client(self, name: str, value: Any) -> None:
        """A Temporal client: counts, or a whole manifest, which it read from the workflow."""
        if name == "copies":
            self._send(Scale(request_id=self._id(), counts={"copies": value}))
            return
        spec = {**changed(declared(self.state.manifest).written()["spec"], name, value)}
        del spec["replicas"]
        self._send(Apply(request_id=self._id(), manifest=self._manifest(spec)))

    @property
    def now(self) -> dict[str, Any]:
        """What is wanted."""
        spec = declared(self.state.manifest)
        server: Any = spec.written()["spec"]["members"][1]
        image = server["template"]["spec"]["containers"][0]["image"]
        return {"copies": counts(spec.spec, self.state.scaled)["copies"], "priority": spec.spec.priority, "busybox": image}

    def _manifest(self, spec: dict[str, Any]) -> dict[str, Any]:
        return {**self.state.manifest, "spec": spec}

    def _send(self, request: Command) -> None:
        self.state, _ = answered(self.state, request)

    def _id(self) -> str:
        self.asked += 1
        return str(self.asked)


def changed(spec: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    if name != "busybox":
        return {**spec, {"copies": "replicas"}.get(name, name): value}
    first, server = spec["members"]
    image = {"spec": {"containers": [{"name": "main", "image": f"busybox:{value}"}]}}
    return {**spec, "members": [first, {**server, "template": image}]}


def test_a_clients_scale_that_an_edit_overtakes_stays() -> None:
    there = Object()
    there.client("copies", 3)
    there.record()
    there.client("copies", 4)
    there.edit("priority", 7)  # the object still says 3
    there.deliver()
    assert there.now == FIRST | {"copies": 4, "priority": 7}


def test_a_clients_template_that_an_edit_overtakes_stays() -> None:
    there = Object()
    there.client("busybox", 2)
    there.edit("copies", 5)
    there.deliver()
    assert there.now == FIRST | {"copies": 5, "busybox": "busybox:2"}


def test_where_both_changed_one_field_the_edit_holds_for_it_came_last() -> None:
    there = Object()
    there.client("copies", 3)
    there.edit("copies", 5)
    there.deliver()
    assert there.now["copies"] == 5


def test_what_an_edit_has_become_is_written_into_the_object() -> None:
    there = Object()
    there.client("copies", 3)
    there.edit("priority", 7)
    there.deliver()
    there.record()
    assert (there.spec["replicas"], there.spec["priority"], there.says) == (3, 7, there.state.generation)


def test_an_edit_that_says_what_a_client_said_before_still_gets_the_rest_written() -> None:
    there = Object()
    there.client("priority", 7)
    there.client("busybox", 2)
    there.edit("priority", 7)
    before = there.state.generation
    there.deliver()
    assert there.state.generation > before, "so that it is recorded anew"


def test_more_changes_than_are_told_apart_are_still_kept_from_an_edit_that_saw_none_of_them() -> None:
    there = Object()
    for count in range(2 * KEPT):
        there.client("copies", 3 + count)
        there.client("priority", 3 + count)
    there.edit("busybox", 2)
    there.deliver()
    assert there.now == {"copies": 2 + 2 * KEPT, "priority": 2 + 2 * KEPT, "busybox": "busybox:2"}
    assert len(there.state.unshown) <= KEPT


def test_large_changes_are_kept_as_well() -> None:
    there, images = Object(), [f"{count}-{'x' * 6_000}" for count in range(3)]
    there.client("busybox", "x" * 6_000)
    there.record()
    for image in images:
        there.client("busybox", image)
    there.edit("priority", 7)
    there.deliver()
    assert there.now == FIRST | {"priority": 7, "busybox": f"busybox:{images[-1]}"}


def test_what_is_kept_is_bounded() -> None:
    there = Object()
    for count in range(2 * KEPT):
        there.client("busybox", f"{count}-{'x' * 6_000}")
        assert sum(len(each.model_dump_json()) for each in there.state.unshown) < 1.1 * MOST_BYTES


def test_copies_that_were_scaled_are_edited_back_to_what_the_manifest_once_said() -> None:
    there = Object()
    there.client("copies", 1)
    there.record()
    there.edit("copies", FIRST["copies"])
    there.deliver()
    assert there.now == FIRST


@pytest.mark.parametrize("kind", ["scaled", "edited"])
def test_a_manifest_that_leaves_copies_out_leaves_them_as_they_are(kind: str) -> None:
    there = Object()
    if kind == "scaled":
        there.client("copies", 5)
    else:
        there.edit("copies", 5)
        there.deliver()
    there.client("priority", 7)  # its manifest says no copies
    assert there.now == FIRST | {"copies": 5, "priority": 7}


def test_a_manifest_that_says_copies_sets_them() -> None:
    there = Object()
    there.client("copies", 5)
    assert answered(there.state, apply(copies=3))[0].scaled == {}


steps = st.tuples(st.sampled_from(["client", "edit"]), st.sampled_from([*FIRST]), st.integers(1, 9))


@given(st.lists(steps | st.sampled_from(["record", "deliver"]), max_size=12))
def test_each_field_ends_as_it_was_accepted_last(story: list[Any]) -> None:
    there, due = Object(), dict[str, Any](FIRST)
    base = shown = there.now
    for step in (*story, "deliver"):
        if step == "record" and not there.edited:
            there.record()
            base = shown = there.now
        elif step == "deliver":
            due |= {name: value for name, value in shown.items() if value != base[name]}
            base = shown
            there.deliver()
        elif step != "record":
            door, name, value = step
            told = f"busybox:{value}" if name == "busybox" else value
            getattr(there, door)(name, value)
            if door == "client":
                due[name] = told
            else:
                shown = shown | {name: told}
    assert there.now == due
