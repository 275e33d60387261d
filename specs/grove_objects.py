"""What is kept for a PodCliqueSet beside its pods, as Grove has it: services, cliques, scaling groups, gangs and autoscalers.

| object                  | name                     | of                                                    |
|-------------------------|--------------------------|-------------------------------------------------------|
| Service                 | `set-0`                  | each replica of the set                               |
| PodClique               | `set-0-clique`, `set-0-group-1-clique` | each instance of a clique               |
| PodCliqueScalingGroup   | `set-0-group`            | each instance of a group                              |
| PodGang                 | `set-0`, `set-0-group-0` | each replica, and each group replica above the minimum |
| HorizontalPodAutoscaler | that of its target       | each clique or group that asks for one                |
| ServiceAccount          | `set`                    | the set, where its pods name it                       |
| ResourceClaim           | see `specs.sharing`      | what pods share                                       |
| ComputeDomain           | `set-0-name`             | each group of pods with NVLink over several nodes     |

PodGangs are a mirror that nobody reads back. Each is a pure function of what is declared, of counts and of pods' names.
Source: the API of `grove.io/v1alpha1`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from specs import names
from specs.cliques import AutoScaling, Clique, TopologyConstraint
from specs.compute_domains import API_VERSION, ComputeDomains
from specs.counts import Counts, copies, indexes, instances
from specs.grove import CliqueSystem, before, group_of
from specs.grove_pods import BASE_GANG, COMPONENT, COPY, NAME, TEMPLATE, clique_labels, instance_labels, pod_gang
from specs.manifests import service
from specs.members import Group, Member, Role
from specs.nvlink import GROUP
from specs.owners import GROVE, GROVE_API_VERSION, Manifest, Owner
from specs.paths import parent, plain, roles
from specs.revisions import template_hash
from specs.sharing import Claim, Sharing

SCHEDULER = f"{GROVE}/scheduler-name"
"""Label of a PodGang: the scheduler that its cliques ask for; pods are given to the cluster's own."""
GANG_API_VERSION = f"scheduler.{GROVE}/v1alpha1"
AUTOSCALING = "autoscaling/v2"
CLAIM_API_VERSION = "resource.k8s.io/v1"
PodNames = Mapping[str, Sequence[str]]
"""Names of the pods of each clique instance."""


class CliqueObjects:
    """The objects of one PodCliqueSet at certain counts."""

    def __init__(self, owner: Owner, system: CliqueSystem, counts: Counts) -> None:
        self._owner, self._system, self._counts = owner, system, counts
        self._template = system.source.spec.template
        self._cliques = {clique.name: clique for clique in self._template.cliques}
        self._groups = {group.name: group for group in self._template.pod_clique_scaling_groups}
        self.sharing = Sharing(system.source)
        self._hashes = {path: template_hash(role) for path, role in roles(system.spec)}
        self._instances: Sequence[tuple[str, Member, int]] = tuple(instances(system.spec, counts))

    def services(self) -> list[Manifest]:
        """The headless Service of each replica."""
        early = self._template.headless_service_config.publish_not_ready_addresses
        return [self._service(copy, early=early) for copy in range(copies(self._system.spec, self._counts))]

    def accounts(self) -> list[Manifest]:
        """The service account of the set's own name, if its pods run under it: Grove makes one."""
        named = {clique.spec.pod_spec.get("serviceAccountName") for clique in self._template.cliques}
        if self._owner.name not in named:
            return []
        metadata = self._named(self._owner.name, {COMPONENT: "pod-service-account"})
        return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]

    def domains(self) -> list[Manifest]:
        """The ComputeDomains of each replica; elastic, so that pods need not wait for each other."""
        groups = ComputeDomains(self._system.source).groups
        return [self._domain(str(copy), group) for copy in range(copies(self._system.spec, self._counts)) for group in groups]

    def claims(self) -> list[Claim]:
        """The claims that pods share."""
        sharing = self.sharing
        if not sharing:
            return []
        cliques = ((path, count) for path, member, count in self._instances if isinstance(member, Role))
        slots = (f"{path}/{index}" for path, count in cliques for index in indexes(path, count, self._counts))
        return list({each.name: each for slot in slots for each in sharing.of(slot)}.values())

    def claim(self, claim: Claim, spec: Mapping[str, Any]) -> Manifest:
        """One of them, of a template's spec."""
        metadata = self._named(claim.name, {**claim.labels, COMPONENT: "resource-claim"})
        metadata["annotations"] = {names.SHARED_BY: str(claim.pods)}
        return {"apiVersion": CLAIM_API_VERSION, "kind": "ResourceClaim", "metadata": metadata, "spec": dict(spec)}

    def scaled(self) -> list[Manifest]:
        """Every PodClique and PodCliqueScalingGroup, with its count."""
        return [
            self._group(path, count) if isinstance(member, Group) else self._clique(path, count)
            for path, member, count in self._instances
        ]

    def autoscalers(self) -> list[Manifest]:
        """One for each clique or group that says how it scales by itself."""
        made: list[Manifest] = []
        for path, member, _ in self._instances:
            if isinstance(member, Group):
                group = self._groups[member.name]
                kind, wanted, least = "PodCliqueScalingGroup", group.scale_config, group.replicas
            else:
                clique = self._cliques[member.name].spec
                kind, wanted, least = "PodClique", clique.auto_scaling_config, clique.wanted
            if wanted is not None:
                made.append(self._autoscaler(path, kind, wanted, least))
        return made

    def gangs(self, pods: PodNames, levels: Mapping[str, str]) -> list[Manifest]:
        """The PodGangs. `levels`: name of a level -> node label."""
        held: dict[str, list[tuple[str, Clique]]] = {}
        for path, member, _ in self._instances:
            if not isinstance(member, Group):
                held.setdefault(self._gang_of(path), []).append((path, self._cliques[member.name]))
        return [self._gang(name, cliques, pods, levels) for name, cliques in held.items()]

    def _named(self, name: str, labels: Mapping[str, str]) -> Manifest:
        """Metadata of an object that says its own name, as all of Grove's do."""
        return self._owner.metadata(name, {**labels, NAME: names.label_value(name)})

    def _service(self, copy: int, *, early: bool) -> Manifest:
        name = names.service_name(self._owner.name, copy)
        return service(self._owner, copy, {COMPONENT: "pcs-headless-service", COPY: str(copy), NAME: name}, early=early)

    def _domain(self, copy: str, group: str) -> Manifest:
        name = names.domain_name(self._owner.name, copy, group)
        spec = {"numNodes": 0, "channel": {"resourceClaimTemplate": {"name": name}}}
        metadata = self._named(name, {COPY: copy, GROUP: group, COMPONENT: "pcs-computedomain"})
        return {"apiVersion": API_VERSION, "kind": "ComputeDomain", "metadata": metadata, "spec": spec}

    def _clique(self, path: str, count: int) -> Manifest:
        clique = self._cliques[path.rpartition("/")[2]]
        said = clique.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
        kept: Manifest = {key: said[key] for key in ("roleName", "podSpec", "autoScalingConfig") if key in said}
        if earlier := list(self._starts_after(path, clique)):
            kept["startsAfter"] = earlier
        labels = {**clique.labels, **instance_labels(self._owner.name, path, self._minimum(path))}
        labels |= {**clique_labels(self._owner.name, path), TEMPLATE: self._hashes[plain(path)]}
        spec = {**kept, "replicas": count, "minAvailable": clique.spec.minimum}
        return self._scaled("PodClique", path, labels, clique.annotations, spec)

    def _starts_after(self, path: str, clique: Clique) -> Iterator[str]:
        """Names of the cliques that must have started: of the same group replica, else of all that belong to the base gang."""
        copy, *inside = path.split("/")
        for earlier in before(self._template, clique):
            group = group_of(self._template, earlier)
            found = [f"{copy}/{earlier}"]
            if group is not None:
                replicas = inside[1:2] if inside[0] == group.name else range(group.min_available)
                found = [f"{copy}/{group.name}/{replica}/{earlier}" for replica in replicas]
            yield from (names.instance_name(self._owner.name, each) for each in found)

    def _group(self, path: str, count: int) -> Manifest:
        group = self._groups[path.rpartition("/")[2]]
        labels = {COPY: path.partition("/")[0], COMPONENT: "pcs-podcliquescalinggroup"}
        spec = {"replicas": count, "minAvailable": group.min_available, "cliqueNames": list(group.clique_names)}
        return self._scaled("PodCliqueScalingGroup", path, labels, group.annotations, spec)

    def _scaled(self, kind: str, path: str, labels: dict[str, str], said: Mapping[str, str], spec: Manifest) -> Manifest:
        name = names.instance_name(self._owner.name, path)
        metadata = self._named(name, labels)
        metadata["annotations"] = {**said, names.PATH: path}
        return {"apiVersion": GROVE_API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}

    def _autoscaler(self, path: str, kind: str, wanted: AutoScaling, least: int) -> Manifest:
        name = names.instance_name(self._owner.name, path)
        target = {"apiVersion": GROVE_API_VERSION, "kind": kind, "name": name}
        bounds = {"minReplicas": wanted.min_replicas or least, "maxReplicas": wanted.max_replicas}
        metrics: Manifest = {"metrics": [dict(metric) for metric in wanted.metrics]} if wanted.metrics else {}
        return {
            "apiVersion": AUTOSCALING,
            "kind": "HorizontalPodAutoscaler",
            "metadata": self._named(name, {COPY: path.partition("/")[0], COMPONENT: "pcs-hpa"}),
            "spec": {"scaleTargetRef": target, **bounds, **metrics},
        }

    def _gang(self, name: str, cliques: Sequence[tuple[str, Clique]], pods: PodNames, levels: Mapping[str, str]) -> Manifest:
        first = cliques[0][0].split("/")
        base = names.instance_name(self._owner.name, first[0])
        own = self._groups[first[1]].topology_constraint if name != base else None
        spec: Manifest = {"podgroups": [self._pod_group(path, clique, pods, levels) for path, clique in cliques]}
        spec |= _packed(own or self._template.topology_constraint, levels)
        if name == base and (around := list(self._constrained(cliques, levels))):
            spec["topologyConstraintGroupConfigs"] = around
        if self._template.priority_class_name:
            spec["priorityClassName"] = self._template.priority_class_name
        asked = cliques[0][1].spec.pod_spec.get("schedulerName") or "default-scheduler"
        labels = {COPY: first[0], COMPONENT: "podgang", SCHEDULER: asked, **({BASE_GANG: base} if name != base else {})}
        metadata = self._named(name, labels)
        return {"apiVersion": GANG_API_VERSION, "kind": "PodGang", "metadata": metadata, "spec": spec}

    def _pod_group(self, path: str, clique: Clique, pods: PodNames, levels: Mapping[str, str]) -> Manifest:
        references = [{"namespace": self._owner.namespace, "name": pod} for pod in pods.get(path, ())]
        return {
            "name": names.instance_name(self._owner.name, path),
            "podReferences": references,
            "minReplicas": clique.spec.minimum,
            **_packed(clique.topology_constraint, levels),
        }

    def _constrained(self, cliques: Sequence[tuple[str, Clique]], levels: Mapping[str, str]) -> Iterator[Manifest]:
        """Each group replica of a base gang whose group is to be packed."""
        inside: dict[str, list[str]] = {}
        for path, _ in cliques:
            if path.count("/") > 1:
                inside.setdefault(parent(path), []).append(names.instance_name(self._owner.name, path))
        for replica, groups in inside.items():
            packed = _packed(self._groups[replica.split("/")[1]].topology_constraint, levels)
            if packed:
                yield {"name": names.instance_name(self._owner.name, replica), "podGroupNames": groups, **packed}

    def _gang_of(self, path: str) -> str:
        return pod_gang(self._owner.name, path, self._minimum(path))

    def _minimum(self, path: str) -> int:
        steps = path.split("/")
        return self._groups[steps[1]].min_available if len(steps) > 2 else 0


def _packed(constraint: TopologyConstraint | None, levels: Mapping[str, str]) -> dict[str, Any]:
    pack = constraint.pack if constraint else None
    if pack is None:
        return {}
    wanted = {"required": pack.required, "preferred": pack.preferred}
    keys = {strength: levels[level] for strength, level in wanted.items() if level and level in levels}
    return {"topologyConstraint": {"packConstraint": keys}} if keys else {}
