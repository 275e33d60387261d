"""What of the wanted objects is not there as it should be. Pure, but for what it remembers."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

from activities.cluster.kube import GANGS, Kind, Manifest
from activities.reports.edits import mark_of
from specs.names import RECORDED
from specs.sections import section

MIRRORS = (GANGS,)
"""Of which nobody else says anything: what is added is put right too."""
Written = Callable[[Manifest | None, Manifest], Manifest]
"""From what is there and what is wanted to what is to be written."""


@dataclass(frozen=True)
class Support:
    """One object to write, or to remove."""

    kind: Kind
    manifest: Manifest
    surplus: bool = False


def as_wanted(found: Manifest | None, wanted: Manifest) -> Manifest:
    """The same."""
    del found
    return wanted


def marked(found: Manifest | None, wanted: Manifest) -> Manifest:
    """With the mark that it has once it is written over what is known."""
    spec = found["spec"] if found is not None and contains(found["spec"], wanted["spec"]) else wanted["spec"]
    metadata: Manifest = wanted["metadata"]
    annotations = {**section(metadata, "annotations"), RECORDED: mark_of(found, spec)}
    return {**wanted, "metadata": {**metadata, "annotations": annotations}}


@dataclass(frozen=True)
class Agreements:
    """Objects that were found to be as wanted; they are compared again when one of the two is another.

    Hundreds of objects beside the pods are looked at with every change of a pod: comparing them costs 0.1 ms each.
    """

    _agreed: dict[tuple[str, str], tuple[Manifest, Manifest]] = field(
        default_factory=dict[tuple[str, str], tuple[Manifest, Manifest]]
    )

    def compared(
        self, kind: Kind, there: Mapping[str, Manifest], wanted: Iterable[Manifest], written: Written = as_wanted
    ) -> list[Support]:
        """What is missing or says something else, and what nobody wants. `there`: by name."""
        named = {each["metadata"]["name"]: each for each in wanted}
        changed = [Support(kind, each) for each in self._changed(kind, there, named, written)]
        return [*changed, *left(kind, there, named)]

    def _changed(
        self, kind: Kind, there: Mapping[str, Manifest], named: Mapping[str, Manifest], written: Written
    ) -> Iterator[Manifest]:
        for name, each in named.items():
            found = there.get(name)
            known = self._agreed.get((kind.plural, name))
            if found is not None and known is not None and known[0] is found and known[1] is each:
                continue
            made = written(found, each)
            if found is None or not contains(found, made) or (kind in MIRRORS and found["spec"] != made["spec"]):
                yield made
            else:
                self._agreed[kind.plural, name] = found, each


def left(kind: Kind, there: Mapping[str, Manifest], named: Container[str]) -> list[Support]:
    """What nobody wants."""
    found = (each for name, each in there.items() if name not in named and "deletionTimestamp" not in each["metadata"])
    return [Support(kind, each, surplus=True) for each in found]


def as_of(found: Manifest | None, support: Support) -> Support:
    """The same, to be written only over what is known."""
    if found is None or support.surplus:
        return support
    metadata = {**support.manifest["metadata"], "resourceVersion": found["metadata"]["resourceVersion"]}
    return Support(support.kind, {**support.manifest, "metadata": metadata})


def contains(found: object, wanted: object) -> bool:
    """Whether all that is wanted is there, as plain JSON; what a server adds does not matter."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        there = cast(dict[str, object], found)
        return all(contains(there.get(key), value) for key, value in cast(dict[str, object], wanted).items())
    if isinstance(wanted, list) and isinstance(found, list):
        pairs = list(zip(cast(list[object], found), cast(list[object], wanted), strict=False))
        return len(cast(list[object], wanted)) == len(cast(list[object], found)) and all(contains(*pair) for pair in pairs)
    return found == wanted
