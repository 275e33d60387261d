"""Many objects that nobody wants any more, whole copies of them with one request. Pure."""

from collections.abc import Collection, Container, Sequence

from activities.cluster.kube import Manifest
from activities.messages import Ref
from activities.steps.erasing import MOST_NAMED
from specs import grove_pods
from specs.names import COPY, SYSTEM, SYSTEM_UID
from specs.sections import label

FEW = 32
"""So many go one by one, each by its UID."""


def whole_copies(there: Collection[Manifest], unwanted: Container[str]) -> tuple[list[Manifest], list[Manifest]]:
    """Of pods those whose copy goes as a whole, and the others. `unwanted`: UIDs of pods that are to go."""
    kept = {label(each, COPY) for each in there if each["metadata"]["uid"] not in unwanted}
    whole = [each for each in there if label(each, COPY) not in kept]
    return whole, [each for each in there if label(each, COPY) in kept]


def selectors(ref: Ref, going: Sequence[Manifest], staying: Collection[Manifest], side_by_side: int = 1) -> list[str]:
    """Labels that take all that go and none of those that stay; none where they are few, or no label tells them apart.

    `going`, `staying`: objects of one kind, those that are to be made included. `side_by_side`: at least so many requests.
    """
    uids = {label(each, SYSTEM_UID) for each in going}
    if len(going) <= FEW or len(uids) != 1 or "" in uids:
        return []
    for key in (COPY, grove_pods.COPY):
        copies = sorted({label(each, key) for each in going})
        if "" not in copies and not {label(each, key) for each in staying}.intersection(copies):
            size = min(MOST_NAMED, -(-len(copies) // side_by_side))
            parts = [",".join(copies[at : at + size]) for at in range(0, len(copies), size)]
            return [f"{SYSTEM}={ref.name},{SYSTEM_UID}={next(iter(uids))},{key} in ({part})" for part in parts]
    return []
