"""What resourceSharing of a PodCliqueSet may say. Refusals have Grove's meaning."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from specs.cliques import Clique, ScalingGroup, SetSharer, Sharer
from specs.sections import entries
from specs.strict import did_you_mean

Templates = Mapping[str, Mapping[str, Any]]
"""What each of the set's own templates claims, by name."""


def check_sharing(own: Templates, shared: Sequence[SetSharer], cliques: Sequence[Clique], groups: Sequence[ScalingGroup]) -> None:
    """Raises ValueError for the first thing that can't be."""
    _check_templates(own)
    names, grouped = {each.name for each in cliques}, {each.name for each in groups}
    _check("the set", shared, own)
    for sharer in shared:
        if sharer.filter is not None:
            _check_known("childCliqueNames", sharer.filter.child_clique_names, names)
            _check_known("childScalingGroupNames", sharer.filter.child_scaling_group_names, grouped)
    for group in groups:
        _check(f"scaling group {group.name!r}", group.resource_sharing, own)
        for each in group.resource_sharing:
            if each.filter is not None:
                _check_known("childCliqueNames", each.filter.child_clique_names, group.clique_names)
    for clique in cliques:
        _check(f"clique {clique.name!r}", clique.resource_sharing, own)


def _check_templates(own: Templates) -> None:
    for name, spec in own.items():
        if not entries(spec, "spec", "devices", "requests"):
            what = f"resourceClaimTemplates: {name!r}: at least one device request is required"
            raise ValueError(f"{what}; add one to templateSpec.spec.devices.requests")


def _check(whose: str, shared: Iterable[Sharer], own: Templates) -> None:
    seen: set[str] = set()
    for sharer in shared:
        if sharer.name in seen:
            raise ValueError(f"resourceSharing of {whose} names {sharer.name!r} twice; drop one")
        seen.add(sharer.name)
        if sharer.name in own and sharer.namespace:
            raise ValueError(
                f"resourceSharing of {whose}: namespace must be empty when name matches an internal resourceClaimTemplate; "
                f"drop {sharer.namespace!r}"
            )


def _check_known(field: str, named: Iterable[str], known: Collection[str]) -> None:
    for name in named:
        if name not in known:
            near = did_you_mean(name, known) or f"; there is {', '.join(sorted(known)) or 'none'}"
            raise ValueError(f"resourceSharing: filter.{field} names {name!r}, which is not found{near}")
