"""Which copy a rollout is at: each unit as `w`aiting or not, `a`vailable or not, `u`pdated or not, by its copy."""

import pytest

from activities.state.by_copy import Part, Turn, turn_of

#                                  copy 0   copy 1   copy 2  whose turn
CASES: dict[str, tuple[str, str, str, Turn | None]] = {
    "none waits":                   ("au",    "au",    "",     None),
    "the first":                    ("wa",    "wa",    "",     Turn(0)),
    "one that was begun":           ("wa",    "wa au", "",     Turn(1)),
    "one that lacks something":     ("wa",    "wa",    "w wa", Turn(2)),
    "begun before broken":          ("w",     "wa u",  "",     Turn(1)),
    "the next once it is whole":    ("au",    "wa",    "wa",   Turn(1)),
    "not before it is whole":       ("u",     "wa",    "wa",   Turn(1, 0)),
    "a new copy that comes up":     ("wa",    "wa",    "-",    Turn(0, 2)),
    "holds up none that was begun": ("wa au", "wa",    "-",    Turn(0)),
    "nor does what waits":          ("wa",    "w",     "",     Turn(1)),
}  # fmt: skip


@pytest.mark.parametrize(("first", "second", "third", "turn"), CASES.values(), ids=CASES)
def test_one_copy_after_the_other(first: str, second: str, third: str, turn: Turn | None) -> None:
    copies = enumerate((first, second, third))
    parts = [Part(copy, "w" in unit, "a" in unit, "u" in unit) for copy, units in copies for unit in units.split()]
    assert turn_of(parts) == turn
