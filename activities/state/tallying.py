"""Which revision each unit is of, told in a few lines whatever the number of units. Pure."""

from collections.abc import Mapping, Sequence

from activities.messages import OfRevision
from activities.state.units import Moment, Unit
from specs.status import MOST_OLDER_UNITS, MOST_REVISIONS_TOLD

Numbers = Mapping[str, int]
"""Revision -> its number in the history."""


def tallied(units: Sequence[Unit], at: Moment) -> Mapping[str, Sequence[str]]:
    """Revision -> units, in their order; nothing where all are of the one that is wanted. Surge is left out."""
    found: dict[str, list[str]] = {at.plan.revision: []}
    for unit in (unit for unit in units if not unit.spare):
        found.setdefault(_revision(unit, at), []).append(unit.path)
    return found if len(found) > 1 else {}


def lines(of: Mapping[str, Sequence[str]], numbers: Numbers) -> tuple[OfRevision, ...]:
    """A line for each: that which is wanted, which comes first in `of`; then the others, newest first."""
    older = sorted(list(of)[1:], key=lambda revision: (-numbers.get(revision, 0), revision))
    told = [*list(of)[:1], *older][:MOST_REVISIONS_TOLD]
    return tuple(
        OfRevision(revision=each, number=numbers.get(each, 0), units=len(of[each]), first=next(iter(of[each]), ""))
        for each in told
    )


def older(of: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Unit -> its revision, of those that are of an older one."""
    pairs = [(unit, revision) for revision in list(of)[1:] for unit in of[revision]]
    return dict(pairs[:MOST_OLDER_UNITS])


def _revision(unit: Unit, at: Moment) -> str:
    home = at.found.grants.home
    return at.versions.common({slot: home[slot].revision_of(slot) for slot in unit.older}) if unit.stale else at.plan.revision
