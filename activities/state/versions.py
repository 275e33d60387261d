"""Versions: whether pods made at two revisions are the same, and which pods change together. Pure."""

from collections.abc import Callable, Iterator, Mapping

from specs.counts import Counts, count_of, indexes
from specs.in_place import changes_in_place
from specs.members import Group, Role, named
from specs.paths import plain, roles, walk
from specs.revisions import template_hash
from specs.system import SystemSpec
from specs.templates import Template

Version = Mapping[str, str]
"""Path of a role -> the hash of its template, for every role of a unit."""

Templates = Mapping[str, Template]
"""Path of a role -> its template."""

Scope = tuple[str, ...]
"""Paths of what a unit is made of; none: of all."""


class Versions:
    """Compares revisions unit by unit, so that what did not change for a unit does not touch it.

    Roles that only one of two revisions has make no difference: they come, or go, beside the others.
    """

    def __init__(self, spec: SystemSpec | None, revision: str, kept: Callable[[str], SystemSpec | None]) -> None:
        self._spec, self._revision, self._kept = spec, revision, kept
        self._rules_known: dict[str, object] = {}
        self._known: dict[tuple[Scope, str], Version | None] = {}
        self._renews: dict[tuple[Scope, str, str], bool] = {}
        self._units: dict[str, str] = {}
        self._same: dict[tuple[Scope, str, str], bool] = {}

    def same(self, slot: str, one: str, other: str) -> bool:
        """Whether the unit of a slot is the same at both revisions; what is not known any more is like nothing else."""
        if one == other or not one or not other or self._spec is None:
            return True
        key = self._scope(slot), one, other
        if key not in self._same:
            self._same[key] = _alike(self._of(key[0], one), self._of(key[0], other))
        return self._same[key]

    def common(self, marks: Mapping[str, str]) -> str:
        """Of the revisions of a unit's slots (slot -> revision) the first by which all of them are as they are."""
        ends = list(dict.fromkeys(marks.values()))
        return next((end for end in ends if not any(self.changed(slot, one, end) for slot, one in marks.items())), ends[0])

    def wants(self, slot: str, revision: str, counts: Counts) -> bool:
        """Whether a revision has a slot at these counts; one that is not known any more has none."""
        spec, steps = self._kept(revision), slot.split("/")
        inside = (("/".join(steps[:end]), int(steps[end])) for end in range(2, len(steps), 2))
        try:
            return spec is not None and all(at in indexes(path, count_of(spec, counts, path), counts) for path, at in inside)
        except LookupError:
            return False

    def renews(self, slot: str, one: str, other: str) -> bool:
        """Whether the pods of its unit need not be made anew to become those of the other revision."""
        if self._spec is None or not self._spec.rollout.in_place or not one or not other or one == other:
            return False
        key = self._scope(slot), one, other
        if key not in self._renews:
            self._renews[key] = _in_place(*(self._templates(key[0], revision) for revision in (one, other)))
        return self._renews[key]

    def changed(self, slot: str, one: str, other: str) -> bool:
        """Whether the slot's own role is another at the other revision."""
        if one == other or not one or not other or self._spec is None:
            return False
        scope, role = self._scope(slot), plain(slot)
        mine, its = self._of(scope, one), self._of(scope, other)
        return mine is None or its is None or mine.get(role, "") != its.get(role, "")

    def moved(self, one: str, other: str) -> bool:
        """Whether the two revisions say something else of where parts go."""
        if one == other or not one or not other or self._spec is None:
            return False
        rules = [self._rules(revision) for revision in (one, other)]
        return None not in rules and rules[0] != rules[1]

    def unit(self, slot: str) -> str:
        """What is replaced as a whole: `0`, `0/together/0/1` (rule 0, set 1), `0/prefill/2`, or the slot itself."""
        if slot not in self._units:
            self._units[slot] = self._unit(slot)
        return self._units[slot]

    def _unit(self, slot: str) -> str:
        spec = self._spec
        if spec is None or spec.unit == "pod" or spec.rollout.strategy == "onDelete":
            return slot
        steps = slot.split("/")
        if spec.unit == "copy":
            return steps[0]
        if (rule := self._rule(slot)) is not None:
            return f"{steps[0]}/together/{rule}/{int(steps[2]) // spec.together[rule].share(steps[1])}"
        return "/".join(steps[:3]) if isinstance(named(spec.members, steps[1]), Group) else slot

    def member(self, slot: str) -> str:
        """What its budget is counted over: the role or group at the top, `prefill+decode` for sets, or "" for copies."""
        if "/" not in self.unit(slot):
            return ""
        rule = self._rule(slot)
        return slot.split("/")[1] if rule is None or self._spec is None else "+".join(self._spec.together[rule].members)

    def _rule(self, slot: str) -> int | None:
        """By which of `together` its unit is a set."""
        if self._spec is None or self._spec.unit != "set" or self._spec.rollout.strategy == "onDelete":
            return None
        member = slot.split("/")[1]
        return next((rule for rule, each in enumerate(self._spec.together) if member in each.members), None)

    def _rules(self, revision: str) -> object:
        if revision not in self._rules_known:
            spec = self._spec if revision == self._revision else self._kept(revision)
            self._rules_known[revision] = spec and placing_rules(spec)
        return self._rules_known[revision]

    def _scope(self, slot: str) -> Scope:
        rule = self._rule(slot)
        if rule is not None and self._spec is not None:
            return self._spec.together[rule].members
        return () if "/" not in (unit := self.unit(slot)) else (plain(unit),)

    def _templates(self, scope: Scope, revision: str) -> Templates | None:
        spec = self._spec if revision == self._revision else self._kept(revision)
        return None if spec is None else {path: role.template for path, role in _roles(spec, scope)}

    def _of(self, scope: Scope, revision: str) -> Version | None:
        key = scope, revision
        if key not in self._known:
            spec = self._spec if revision == self._revision else self._kept(revision)
            self._known[key] = _version(spec, scope) if spec else None
        return self._known[key]


ALIKE = Versions(None, "", lambda _: None)
"""Where nothing is known of revisions."""


def placing_rules(spec: SystemSpec) -> object:
    """All that is said of where parts go."""
    parts = tuple((path, member.place) for path, member in walk(spec.members))
    return spec.place, spec.place_all, spec.together, parts


def _alike(mine: Version | None, its: Version | None) -> bool:
    return mine is not None and its is not None and all(its.get(path, found) == found for path, found in mine.items())


def _version(spec: SystemSpec, scope: Scope) -> Version:
    return {path: template_hash(role) for path, role in _roles(spec, scope)}


def _roles(spec: SystemSpec, scope: Scope) -> Iterator[tuple[str, Role]]:
    inside = tuple(f"{path}/" for path in scope) or ("",)
    return ((path, role) for path, role in roles(spec) if f"{path}/".startswith(inside))


def _in_place(old: Templates | None, new: Templates | None) -> bool:
    return old is not None and new is not None and all(changes_in_place(old[path], new[path]) for path in old if path in new)
