"""Many objects that nobody wants any more, whole copies of them with one request. Pure."""

from collections.abc import Collection, Sequence

from activities.cluster.kube import Manifest
from activities.messages import Ref
from activities.steps.erasing import MOST_NAMED
from specs import grove_pods
from specs.names import COPY, SYSTEM, SYSTEM_UID
from specs.sections import label

FEW = 32
"""So many go one by one, each by its UID."""


def selectors(ref: Ref, going: Sequence[Manifest], staying: Collection[Manifest]) -> list[str]:
    """Labels that take all that go and none of those that stay; none where they are few, or no label tells them apart.

    `going`, `staying`: objects of one kind, those that are to be made included.
    """
    uids = {label(each, SYSTEM_UID) for each in going}
    if len(going) <= FEW or len(uids) != 1 or "" in uids:
        return []
    for key in (COPY, grove_pods.COPY):
        copies = sorted({label(each, key) for each in going})
        if "" not in copies and not {label(each, key) for each in staying}.intersection(copies):
            parts = [",".join(copies[at : at + MOST_NAMED]) for at in range(0, len(copies), MOST_NAMED)]
            return [f"{SYSTEM}={ref.name},{SYSTEM_UID}={next(iter(uids))},{key} in ({part})" for part in parts]
    return []
