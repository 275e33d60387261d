"""minAvailable of cliques that leave it out: all of `replicas` when the set was made, and the same from then on. Pure.

Source: Grove writes the default down once, at creation; a template's count that is raised later leaves it as it is.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from specs.fixed import REMEDY
from specs.grove import CliqueSystem
from specs.podcliqueset import PodCliqueSet
from specs.sections import entries, section
from specs.system import InferenceSystem

SPELLINGS = ("minAvailable", "min_available")


def remembered(manifest: Mapping[str, Any], accepted: InferenceSystem | None) -> Mapping[str, Any]:
    """The same, with the minimum that was accepted first in each clique that leaves it out and has more replicas now."""
    if not isinstance(accepted, CliqueSystem) or manifest.get("kind") != accepted.kind:
        return manifest
    known = {each.name: each.spec.minimum for each in accepted.source.spec.template.cliques}
    try:
        cliques = [_remembered(each, known.get(each["name"])) for each in entries(manifest, "spec", "template", "cliques")]
    except (AttributeError, KeyError, TypeError):
        return manifest  # no set, as whoever reads it says
    if not cliques:
        return manifest
    spec = section(manifest, "spec")
    return {**manifest, "spec": {**spec, "template": {**section(spec, "template"), "cliques": cliques}}}


def _remembered(clique: Mapping[str, Any], minimum: int | None) -> Mapping[str, Any]:
    spec = clique["spec"]
    left_out = all(spec.get(name) is None for name in SPELLINGS)
    if minimum is None or not left_out or (spec.get("replicas") or 1) <= minimum:
        return clique
    return {**clique, "spec": {**spec, "minAvailable": minimum}}


def changed(old: PodCliqueSet, new: PodCliqueSet) -> str:
    """The first clique with another minimum than the one that it was made with; empty when there is none."""
    return next(_changed(old, new), "")


def _changed(old: PodCliqueSet, new: PodCliqueSet) -> Iterator[str]:
    known = {each.name: each.spec.minimum for each in old.spec.template.cliques}
    for place, clique in enumerate(new.spec.template.cliques):
        minimum, spec = known.get(clique.name), clique.spec
        if minimum is None or spec.minimum == minimum:
            continue
        at = f"spec.template.cliques[{place}].spec"
        if spec.min_available is None:
            what = f"minAvailable of clique {clique.name!r} is {minimum} since it was made, and must not be greater than replicas"
            yield f"{at}.replicas: {what} {spec.wanted}; keep {minimum} or more, or {REMEDY}"
        else:
            yield f"{at}.minAvailable: field is immutable; put back {minimum}, or {REMEDY}"
