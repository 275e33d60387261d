"""What an edit of an object is taken to have changed, told version by version."""

from typing import Any

import pytest

from tests.workers.accepted import RECORDED, Wanted, Watched


def version(generation: int, mark: str, priority: int, copies: int = 1) -> dict[str, Any]:
    image = {"spec": {"containers": [{"image": "i"}]}}
    spec = {"priority": priority, "replicas": copies, "members": [{}, {"template": image}]}
    annotations = {RECORDED: mark} if mark else {}
    return {"metadata": {"name": "s", "uid": "u", "generation": generation, "annotations": annotations}, "spec": spec}


BORN, MARKED = version(1, "", 0), version(1, "1", 0)
EDITED, EDITED_AGAIN = version(2, "1", 5), version(3, "1", 5, copies=2)
#        versions in their order; which are judged; what each has changed
STORIES: dict[str, tuple[list[dict[str, Any]], list[int], list[Wanted]]] = {
    "declared": ([BORN], [1], [{"priority": 0, "image": "i", "copies": 1}]),
    "edited": ([MARKED, EDITED], [2], [{"priority": 5}]),
    "edited twice, and each judged": ([MARKED, EDITED, EDITED_AGAIN], [2, 3], [{"priority": 5}, {"copies": 2}]),
    "edited twice, and judged together": ([MARKED, EDITED, EDITED_AGAIN], [3], [{"priority": 5, "copies": 2}]),
    "edited and edited back": ([MARKED, EDITED, version(3, "1", 0)], [3], [{}]),
    "written by Espalier before it was edited": (
        [MARKED, version(2, "2", 0, copies=4), version(3, "2", 5, copies=4)],
        [3],
        [{"priority": 5}],
    ),
}


@pytest.mark.parametrize(("versions", "judged", "changed"), STORIES.values(), ids=STORIES)
def test_what_an_edit_has_changed(versions: list[dict[str, Any]], judged: list[int], changed: list[Wanted]) -> None:
    watched = Watched()
    for each in versions:
        watched.seen({"object": each})
    assert [watched.judged(f"u/{generation}") for generation in judged] == changed
    assert watched.unjudged == []


def test_what_nobody_has_judged_is_named() -> None:
    watched = Watched()
    for each in (MARKED, EDITED, EDITED_AGAIN):
        watched.seen({"object": each})
    watched.judged("u/2")
    assert watched.unjudged == ["s, versions [2]"]
