"""What a Placement says after an edit, as a table."""

import pytest

from activities.cache.placements import Entry, Placement
from activities.state.regrouping import regrouped
from specs.names import gang_name
from tests.activities.test_edits import declared, group, role

BASE = ("0/router/0", "0/decode/0/worker/0", "0/decode/0/worker/1")
MORE = ("0/decode/1/worker/0", "0/decode/1/worker/1")
FIRST, SECOND = gang_name("llama", "0"), gang_name("llama", "0/decode/1")

#                             minimum  gangs by the new rules
EXAMPLES = {
    "as it was":             (1,       [(FIRST, True, BASE), (SECOND, False, MORE)]),
    "all start together":    (2,       [(FIRST, True, (*BASE, *MORE))]),
    "each replica by itself": (0,      [(FIRST, True, BASE[:1]), (gang_name("llama", "0/decode/0"), False, BASE[1:]),
                                        (SECOND, False, MORE)]),
}  # fmt: skip


def placement(*entries: Entry) -> Placement:
    return Placement("default", "p", "u", 1, "", "llama", "o", "r", 0, 0, entries, {}, {}, (), False)


HELD = placement(Entry(FIRST, True, BASE), Entry(SECOND, False, MORE))


@pytest.mark.parametrize(("minimum", "want"), EXAMPLES.values(), ids=EXAMPLES)
def test_regrouped(minimum: int, want: list[tuple[str, bool, tuple[str, ...]]]) -> None:
    spec = declared(role("router"), group("decode", 2, role("worker", 2), minAvailable=minimum)).spec
    assert [(entry.gang, entry.minimum, entry.slots) for entry in regrouped(HELD, spec)] == want


def test_slots_of_a_role_that_is_gone_stay_until_they_are_given_back() -> None:
    spec = declared(group("decode", 2, role("worker", 2), minAvailable=2)).spec
    slots = tuple(slot for entry in regrouped(HELD, spec) for slot in entry.slots)
    assert slots == (*BASE, *MORE)


def test_more_gangs_than_a_placement_holds_stay_together() -> None:
    held = placement(Entry(FIRST, True, tuple(f"0/server/{index}" for index in range(513))))
    assert regrouped(held, declared(role("server", 513, minAvailable=0)).spec) == held.entries
