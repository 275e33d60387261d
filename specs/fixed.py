"""What of a PodCliqueSet stays as it was first, beyond what its schema can say; with the sentences of Grove. Pure."""

from collections.abc import Iterator, Mapping

from specs.nvlink import GROUP as DOMAINS
from specs.podcliqueset import ANY_ORDER, PodCliqueSet

REMEDY = "delete the set and apply it anew"


def moved(old: PodCliqueSet, new: PodCliqueSet) -> str:
    """The first thing that was changed and may not be; empty when there is none."""
    return next(_moved(old, new), "")


def _moved(old: PodCliqueSet, new: PodCliqueSet) -> Iterator[str]:
    before, after = old.spec.template, new.spec.template
    names, wanted = ([each.name for each in template.cliques] for template in (before, after))
    if sorted(names) != sorted(wanted):
        yield f"not allowed to change clique composition; {REMEDY}"
    if before.clique_startup_type != ANY_ORDER and names != wanted:
        place = next(at for at, name in enumerate(names) if name != wanted[at])
        yield (
            "clique order cannot be changed when StartupType is InOrder or Explicit. "
            f"Expected {names[place]!r} at position {place}, got {wanted[place]!r}; put them back in order"
        )
    for field, was, now in _fields(old, new):
        if was != now:
            yield f"{field}: field is immutable; put it back as it was, or {REMEDY}"


def _fields(old: PodCliqueSet, new: PodCliqueSet) -> Iterator[tuple[str, object, object]]:
    before, after = old.spec.template, new.spec.template
    top = "spec.template"
    yield f"{top}.resourceSharing", before.resource_sharing, after.resource_sharing
    yield f"{top}.resourceClaimTemplates", before.resource_claim_templates, after.resource_claim_templates
    yield f"metadata.annotations.{DOMAINS}", old.metadata.annotations.get(DOMAINS), new.metadata.annotations.get(DOMAINS)
    cliques = {each.name: each for each in before.cliques}
    for place, clique in enumerate(after.cliques):
        was, at = cliques[clique.name], f"{top}.cliques[{place}]"
        yield f"{at}.annotations.{DOMAINS}", was.annotations.get(DOMAINS), clique.annotations.get(DOMAINS)
        yield f"{at}.resourceSharing", was.resource_sharing, clique.resource_sharing
        yield f"{at}.spec.roleName", was.spec.role_name, clique.spec.role_name
        yield f"{at}.spec.podSpec.schedulerName", _scheduler(was.spec.pod_spec), _scheduler(clique.spec.pod_spec)
    groups = {each.name: each for each in before.pod_clique_scaling_groups}
    for place, group in enumerate(after.pod_clique_scaling_groups):
        if group.name in groups:
            known, at = groups[group.name], f"{top}.podCliqueScalingGroups[{place}]"
            yield f"{at}.annotations.{DOMAINS}", known.annotations.get(DOMAINS), group.annotations.get(DOMAINS)
            yield f"{at}.resourceSharing", known.resource_sharing, group.resource_sharing


def _scheduler(spec: Mapping[str, object]) -> object:
    return spec.get("schedulerName") or ""
