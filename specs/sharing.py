"""Device claims that pods of a PodCliqueSet share: which there are, whose pods have which, and what each claims.

| of               | AllReplicas                   | PerReplica                  |
|------------------|-------------------------------|-----------------------------|
| the set          | `set-all-template`            | `set-0-template`            |
| a scaling group  | `set-0-group-all-template`    | `set-0-group-1-template`    |
| a clique         | `set-0-clique-all-template`   | `set-0-clique-2-template`   |

Source: the API of `grove.io/v1alpha1`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from specs.cliques import Clique, GroupFilter, ScalingGroup, SetFilter, SetSharer, Sharer, TopologyConstraint
from specs.fabric import HOST
from specs.grove_pods import CLIQUE, CLIQUE_INDEX, COPY, GROUP, GROUP_INDEX
from specs.names import claim_name, instance_name
from specs.podcliqueset import PodCliqueSet

ALL = "AllReplicas"


@dataclass(frozen=True, slots=True)
class Claim:
    """One ResourceClaim."""

    name: str
    template: str
    """Of the set's own templates, else of a ResourceClaimTemplate."""
    namespace: str
    """Of the ResourceClaimTemplate."""
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    pods: int = 1
    """That share it, as declared."""


@dataclass(frozen=True, slots=True)
class Use:
    """What the pods of a clique take part in."""

    template: str
    namespace: str
    spec: Mapping[str, Any] | None
    """What is claimed, where the set itself says so."""
    pods: int
    """That share one claim, as declared."""
    on_a_host: bool
    """All of them are packed into one host."""


@dataclass(frozen=True)
class _Scope:
    """A sharer, and what it is of: the set, a group or a clique."""

    sharer: Sharer
    depth: int
    """Steps of a slot's path that name the owner: 0 for the set, 2 for a group or a clique beside it, 4 for one in a group."""
    pods: int
    on_a_host: bool


class Sharing:
    """The claims of one set; false where nothing is shared."""

    def __init__(self, declared: PodCliqueSet) -> None:
        self._name, self._namespace = declared.metadata.name, declared.metadata.namespace
        template = declared.spec.template
        self._own = {each.name: each.template_spec for each in template.resource_claim_templates}
        self._replicas = declared.spec.replicas
        self._around = template.topology_constraint
        self._cliques = template.cliques
        self._groups = {name: group for group in template.pod_clique_scaling_groups for name in group.clique_names}
        self._scopes = {each.name: tuple(self._scopes_of(each, template.resource_sharing)) for each in template.cliques}

    def __bool__(self) -> bool:
        return any(self._scopes.values())

    def of(self, slot: str) -> Sequence[Claim]:
        """The claims of one pod, in the order of the manifest: the set's, the group's, the clique's."""
        scopes = self._scopes.get(slot.rsplit("/", 2)[-2], ())
        return [self._claim(scope, slot.split("/")) for scope in scopes]

    def uses(self, clique: str) -> Sequence[Use]:
        """The same for all pods of a clique, where they have no index yet."""
        return [self._use(scope) for scope in self._scopes.get(clique, ())]

    def spec_of(self, claim: Claim) -> Mapping[str, Any] | None:
        """What is claimed; None where a ResourceClaimTemplate of the cluster says so."""
        found = self._own.get(claim.template)
        return None if found is None else found.get("spec", {})

    def _use(self, scope: _Scope) -> Use:
        name = scope.sharer.name
        spec = self._own[name].get("spec", {}) if name in self._own else None
        return Use(name, scope.sharer.namespace or self._namespace, spec, scope.pods, scope.on_a_host)

    def _claim(self, scope: _Scope, steps: Sequence[str]) -> Claim:
        owner, sharer = "/".join(steps[: scope.depth]), scope.sharer
        named = instance_name(self._name, owner) if owner else self._name
        index = "" if sharer.scope == ALL else steps[scope.depth]
        made = _labels(steps, scope.depth, named, index)
        namespace = sharer.namespace or self._namespace
        return Claim(claim_name(named, index or "all", sharer.name), sharer.name, namespace, made, scope.pods)

    def _scopes_of(self, clique: Clique, shared: Sequence[SetSharer]) -> Iterator[_Scope]:
        group = self._groups.get(clique.name)
        for sharer in shared:
            if self._takes(sharer.filter, clique.name):
                yield self._set_scope(sharer)
        if group is not None:
            for each in group.resource_sharing:
                if each.filter is None or clique.name in each.filter.child_clique_names:
                    yield self._group_scope(each, each.filter, group)
        around = (self._around, group.topology_constraint if group else None, clique.topology_constraint)
        for own in clique.resource_sharing:
            pods = clique.spec.wanted if own.scope == ALL else 1
            yield _Scope(own, 4 if group else 2, pods, any(map(_on_a_host, around)))

    def _set_scope(self, sharer: SetSharer) -> _Scope:
        copies = max(1, self._replicas) if sharer.scope == ALL else 1
        chosen = [each for each in self._cliques if self._takes(sharer.filter, each.name)]
        pods = sum(self._pods(each) for each in chosen)
        return _Scope(sharer, 0, copies * pods, copies == 1 and _on_a_host(self._around))

    def _group_scope(self, sharer: Sharer, chosen: GroupFilter | None, group: ScalingGroup) -> _Scope:
        replicas = group.replicas if sharer.scope == ALL else 1
        names = chosen.child_clique_names if chosen else group.clique_names
        pods = sum(each.spec.wanted for each in self._cliques if each.name in names)
        packed = _on_a_host(self._around) or (replicas == 1 and _on_a_host(group.topology_constraint))
        return _Scope(sharer, 2, replicas * pods, packed)

    def _takes(self, chosen: SetFilter | None, clique: str) -> bool:
        """Whether a filter of the set's takes this clique, by its own name or its group's."""
        if chosen is None:
            return True
        group = self._groups.get(clique)
        return clique in chosen.child_clique_names or (group is not None and group.name in chosen.child_scaling_group_names)

    def _pods(self, clique: Clique) -> int:
        group = self._groups.get(clique.name)
        return clique.spec.wanted * (group.replicas if group else 1)


def _labels(steps: Sequence[str], depth: int, owner: str, index: str) -> dict[str, str]:
    """Whose claim it is, as Grove's own are told apart; `index`: of the owner's replica, if it has one of its own."""
    if not depth:
        return {COPY: index} if index else {}
    whose, which = (CLIQUE, CLIQUE_INDEX) if depth == len(steps) - 1 else (GROUP, GROUP_INDEX)
    return {COPY: steps[0], whose: owner, **({which: index} if index else {})}


def _on_a_host(constraint: TopologyConstraint | None) -> bool:
    return constraint is not None and constraint.pack is not None and constraint.pack.required == HOST
