"""What a PodCliqueSet says that has no effect: Grove warns of it, and takes it. Pure."""

from collections.abc import Iterator, Sequence

from specs.cliques import TopologyConstraint
from specs.podcliqueset import PodCliqueSet


def remarks(declared: PodCliqueSet, levels: Sequence[str]) -> list[str]:
    """A sentence for each. `levels`: broad to narrow; none where they are not declared."""
    return [*_policies(declared), *_wishes(declared, levels)]


def _policies(declared: PodCliqueSet) -> Iterator[str]:
    for place, clique in enumerate(declared.spec.template.cliques):
        policy = clique.spec.pod_spec.get("restartPolicy") or "Always"
        if policy != "Always":
            at = f"spec.template.cliques[{place}].spec.podSpec.restartPolicy"
            yield f"{at}: restartPolicy {policy} will be ignored, it will be set to Always"


def _wishes(declared: PodCliqueSet, levels: Sequence[str]) -> Iterator[str]:
    for at, constraint in _constraints(declared):
        pack = constraint.pack if constraint else None
        if pack is None or pack.required not in levels or pack.preferred not in levels:
            continue
        if levels.index(pack.preferred) <= levels.index(pack.required):
            what = f"preferred {pack.preferred!r} is redundant, as all is within one {pack.required} anyway"
            yield f"{at}.topologyConstraint.pack: {what}"


def _constraints(declared: PodCliqueSet) -> Iterator[tuple[str, TopologyConstraint | None]]:
    template, top = declared.spec.template, "spec.template"
    yield top, template.topology_constraint
    for place, clique in enumerate(template.cliques):
        yield f"{top}.cliques[{place}]", clique.topology_constraint
    for place, group in enumerate(template.pod_clique_scaling_groups):
        yield f"{top}.podCliqueScalingGroups[{place}]", group.topology_constraint
