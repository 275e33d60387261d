"""Places that are kept: slots whose next pods are made while the last ones are on their way out. Pure."""

from collections.abc import Callable, Collection

from activities.state.standing import Digest, Standing


def places_kept(found: Digest, gone: Collection[str], stale: Collection[str], unit: Callable[[str], str]) -> list[Standing]:
    """Slots that are made anew at the places they have. `gone`: UIDs of pods that were told to go now; `unit`: of a slot.

    Not where a pod of the unit still stays, so that no unit is of two revisions; not those that make way for others, nor where
    the place itself can't serve any more; and not the `stale`, whose units are to be of a newer revision first: what were made
    for them now would be made again. Cost: linear in what is leaving.
    """
    surplus = found.members["surplus"] if gone else ()
    staying = {unit(each.slot) for each in surplus if each.pod and each.pod.uid not in gone}
    without = {each.slot for each in (*found.evicted, *found.displaced)}.union(found.grants.later, stale)
    able = (each for each in found.members["leaving"] if each.pod is None and each.node and each.slot not in without)
    return [each for each in able if unit(each.slot) not in staying] if gone else []
