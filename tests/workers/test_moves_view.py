"""What plans of moves look like on a terminal."""

from typing import Any

import pytest
from rich.console import Console, Group

from workers.moves_view import moves_view

MOVE = {"namespace": "default", "system": "a", "pod": "a-0-w-0", "why": "moved", "from": "n1", "to": "n2"}
LOST = {**MOVE, "pod": "a-0-w-1", "why": "lost", "from": None}
VICTIM = {"name": "default/low-0", "priority": 0, "minimum": True, "pods": [{"name": "low-0-w-0-x", "node": "n3"}]}
PREEMPTION = {"system": "default/high", "gang": "high-0", "priority": 9, "pods": 1, "proven": True, "victims": [VICTIM]}
DEFRAGMENTATION = {"system": "default/new", "gang": "new-0", "pods": 16, "moved": 2, "atLeast": 1, "moves": [MOVE]}

#                                       answer                                         lines that it has
ANSWERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "only placed":                     ({},                                           []),
    "repair":                          ({"moves": [LOST, MOVE], "moved": 1, "atLeast": 1},
                                        ["1 pod placed anew, 1 pod moved (no plan moves fewer).", "default/a-0-w-1 lost - n2"]),
    "preemption":                      ({"preemptions": [PREEMPTION]},
                                        ["high-0 (priority 9): 1 pod would leave (no choice is cheaper).",
                                         "default/low-0 * 0 low-0-w-0-x n3"]),
    "not proven":                      ({"preemptions": [{**PREEMPTION, "proven": False}]},
                                        ["high-0 (priority 9): 1 pod would leave (a cheaper choice was not ruled out)."]),
    "defragmentation":                 ({"defragmentations": [DEFRAGMENTATION]},
                                        ["new-0: 2 pods moved (no plan moves fewer than 1), which lets in 16 pods."]),
}  # fmt: skip


@pytest.mark.parametrize(("answer", "lines"), ANSWERS.values(), ids=ANSWERS)
def test_says_who_moves_for_whom(answer: dict[str, Any], lines: list[str]) -> None:
    console = Console(width=200, color_system=None)
    with console.capture() as shown:
        console.print(Group(*moves_view(answer)))
    found = [" ".join(line.split()) for line in shown.get().splitlines()]
    assert set(lines) <= set(found)
    assert bool(lines) == any(found)
