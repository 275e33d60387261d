"""What `espalier rollout status` says, without a cluster."""

from typing import Any

from activities.messages import Observation, OfRevision, Order, Ref, Wait
from activities.state.progress import gated
from workers.commands.rollout import progress
from workflows.requests import Status

ORDER = Order(ref=Ref(namespace="serving", name="llama"), revision="r2", rolls=True)


def said(order: Order = ORDER, *, reason: str = "", since: str = "", **facts: Any) -> str:
    seen = gated(order, Observation.model_validate({"exists": True, "known": True, **facts}))
    return progress(
        Status(namespace="serving", name="llama", revision="r2", number=2, reason=reason, reason_since=since, seen=seen)
    )


def test_the_last_unit_is_told_of_until_it_is_available() -> None:
    starts = said(roles={"decode": {"ready": 3, "starting": 1}})
    assert starts == "serving/llama: the last units were updated to revision r2: Starting: waits for 1 pod to be ready"
    gate = Wait(reason="MinReady", message="it settles 12 s more")
    settles = said(gate=gate, settling=1, reason="MinReady", since="2026-01-01T00:00:00+00:00")
    assert settles.endswith("revision r2: MinReady since 2026-01-01T00:00:00+00:00: it settles 12 s more")


def test_it_says_of_which_revision_units_are() -> None:
    new, old = OfRevision(revision="r2", number=2, units=1, first="0/decode/0"), OfRevision(revision="r1", number=1, units=3)
    older = {"0/decode/1": "r1", "0/decode/2": "r1"}
    at_rest = ORDER.model_copy(update={"rolls": False})
    assert said(at_rest, revisions=(new, old), older_units=older).splitlines()[1:] == [
        "  revision 2 (r2): 1 unit, the first 0/decode/0",
        "  revision 1 (r1): 3 units",
        "  of older revisions: 0/decode/1 (r1), 0/decode/2 (r1) and 1 more",
    ]


def test_nothing_is_to_be_updated_once_it_is_over() -> None:
    at_rest = ORDER.model_copy(update={"rolls": False})
    assert said(at_rest, roles={"decode": {"ready": 3, "starting": 1}}) == (
        "serving/llama: no unit is to be updated; revision 2 (r2)"
    )
