"""From how a PodCliqueSet stands to the status of its objects: the set, its cliques, scaling groups and gangs. Pure.

What counts as breached, available and scheduled is Grove's: a clique is breached while fewer than its minimum are on nodes, or
once it was Ready and fewer than its minimum are; a group replica is available while none of its cliques lacks its minimum.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cached_property

from activities.cluster.kube import CLIQUE_SETS, CLIQUES, GANGS, GROUPS, Kind, Manifest
from activities.messages import Observation
from activities.reports.answered_edits import AnsweredEdit
from activities.reports.clique_counts import Count, available_in, counted
from activities.reports.edits import observed_generation, path_of
from activities.reports.statuses import at_rest, condition_of, facts_of
from activities.reports.update_progress import Progresses
from activities.state.cases import Case
from activities.state.progress import Fact
from activities.state.rolling import Rolling
from specs.counts import instances
from specs.grove import CliqueSystem
from specs.grove_pods import CLIQUE
from specs.grove_pods import GROUP as GROUP_LABEL
from specs.grove_status import CliqueStatus, GroupStatus, SetStatus
from specs.members import Group, Member
from specs.names import SYSTEM, instance_name
from specs.paths import parent, plain, roles
from specs.revisions import template_hash
from specs.sections import condition, section
from specs.status import Condition

READY = "SufficientReadyPods"
UNTOLD: Fact = ("MinAvailableBreached", None, "UpdateInProgress", "its pods are being updated")


class CliqueStatuses:
    """All statuses of one set at one moment. Cost: linear in pods, once."""

    def __init__(self, case: Case, seen: Observation, bindings: Mapping[str, Collection[str]], now: datetime) -> None:
        """`bindings`: the levels of each ClusterTopologyBinding."""
        assert isinstance(case.accepted.system, CliqueSystem)
        self._case, self._seen, self._bindings, self._now = case, seen, bindings, now
        self._system = case.accepted.system
        self._counts = counted(case)
        self._progress = Progresses(case.order.revision, case.order.number, case.rolling, now)
        self._inside: defaultdict[str, defaultdict[str, list[Count]]] = defaultdict(lambda: defaultdict(list))
        """Cliques of each replica of each group; of "", those of each copy that are in no group."""
        for instance, count in self._counts.items():
            self._inside[parent(parent(instance))][parent(instance)].append(count)

    def tells_of(self, kind: Kind, found: Manifest) -> bool:
        """Whether it is part of the set as it is to be; what is to go is left as it was told last."""
        if kind == GANGS:
            return any(group["name"] in self._by_name for group in found["spec"]["podgroups"])
        return path_of(found) in (self._replicas if kind == GROUPS else self._counts)

    def rests(self, kind: Kind, found: Manifest) -> bool:
        """Whether all pods of an object that it tells of are there and Ready."""
        if kind == GANGS:
            return all(clique.is_whole for clique in self._of_gang(found))
        path = path_of(found)
        if kind == GROUPS:
            return all(clique.is_whole for cliques in self._inside[path].values() for clique in cliques)
        return self._counts[path].is_whole

    def of(self, kind: Kind, found: Manifest, edit: AnsweredEdit | None) -> Manifest:
        """The new status of one object that it tells of. `edit`: what became of its last edit."""
        makers = {CLIQUE_SETS: self._set, CLIQUES: self._clique, GROUPS: self._group, GANGS: self._gang}
        return makers[kind](found, edit)

    def _set(self, found: Manifest, edit: AnsweredEdit | None) -> Manifest:
        order, generation = self._case.order, observed_generation(found, answered=edit is not None)
        copies = self._seen.copies
        available = sum(self._copy_is_available(str(copy)) for copy in range(copies))
        done = self._on_delete or (not self._stale and available == copies and at_rest(self._seen))
        groups = [path for path, member, _ in self._instances if isinstance(member, Group)]
        progress = self._progress.of_set(
            found,
            done=done,
            cliques=(sum(count.is_updated for count in self._counts.values()), len(self._counts)),
            groups=(sum(not self._stale_in(path) for path in groups), len(groups)),
        )
        facts = (
            *facts_of(order, self._seen, edit),
            self._levels_missing(),
            _updating(progress, self._case.rolling, order.failed),
        )
        return SetStatus(
            observed_generation=generation,
            replicas=copies,
            updated_replicas=copies - len({slot.partition("/")[0] for slot in self._stale}),
            available_replicas=available,
            hpa_pod_selector=f"{SYSTEM}={order.ref.name}",
            current_generation_hash=order.revision,
            conditions=self._conditions(facts, found, generation),
        ).model_dump(mode="json", by_alias=True) | {"updateProgress": progress}

    def _clique(self, found: Manifest, edit: AnsweredEdit | None) -> Manifest:
        path, generation = path_of(found), observed_generation(found, answered=edit is not None)
        count, template = self._counts[path], self._templates[plain(path)]
        done = self._on_delete or (count.is_updated and count.is_available)
        breached = _breached(count, found) if done or not self._changes(path) else UNTOLD
        facts = (facts_of(self._case.order, self._seen, edit)[0], _scheduled(count), breached)
        return CliqueStatus(
            observed_generation=generation,
            replicas=count.there,
            ready_replicas=count.ready,
            updated_replicas=count.updated,
            schedule_gated_replicas=count.gated,
            scheduled_replicas=count.scheduled,
            hpa_pod_selector=f"{CLIQUE}={found['metadata']['name']}",
            current_pod_clique_set_generation_hash=self._progress.realised(found, done=done),
            current_pod_template_hash=template if done else section(found, "status").get("currentPodTemplateHash", ""),
            conditions=self._conditions(facts, found, generation),
        ).model_dump(mode="json", by_alias=True) | {
            "updateProgress": self._progress.of_clique(found, template, done=done, current=self._going.get(path, ""))
        }

    def _group(self, found: Manifest, edit: AnsweredEdit | None) -> Manifest:
        path, generation = path_of(found), observed_generation(found, answered=edit is not None)
        inside, stale = self._inside[path], self._stale_in(path)
        replicas = list(inside.values())
        minimum = int(found["spec"].get("minAvailable", 1))
        done = self._on_delete or (not stale and available_in(replicas) >= minimum)
        short = _short(available_in(replicas), minimum) if done or not self._changes(path) else UNTOLD
        facts = (facts_of(self._case.order, self._seen, edit)[0], short)
        counts = [count for cliques in replicas for count in cliques]
        progress = self._progress.of_group(
            found,
            done=done,
            cliques=(sum(count.is_updated for count in counts), len(counts)),
            turn=_turn(inside, stale),
        )
        return GroupStatus(
            observed_generation=generation,
            replicas=len(replicas),
            scheduled_replicas=sum(all(clique.is_scheduled for clique in cliques) for cliques in replicas),
            available_replicas=available_in(replicas),
            updated_replicas=len(replicas) - len(stale),
            selector=f"{GROUP_LABEL}={found['metadata']['name']}",
            current_pod_clique_set_generation_hash=self._progress.realised(found, done=done),
            conditions=self._conditions(facts, found, generation),
        ).model_dump(mode="json", by_alias=True) | {"updateProgress": progress}

    @property
    def _on_delete(self) -> bool:
        """Nothing is left to do as soon as a template is known."""
        return self._system.spec.rollout.strategy == "onDelete"

    @property
    def _stale(self) -> frozenset[str]:
        return self._case.rolling.stale

    def _changes(self, path: str) -> bool:
        """Whether it is in the copy that is being updated now."""
        return bool(self._case.rolling.at) and path.partition("/")[0] == self._case.rolling.at

    @cached_property
    def _going(self) -> Mapping[str, str]:
        """The first pod of each clique whose turn to be replaced has come."""
        chosen = {slot for unit in self._case.rolling.chosen for slot in unit}
        pods = (
            each for standings in self._case.digest.members.values() for each in standings if each.slot in chosen and each.pod
        )
        return {parent(each.slot): each.pod.name for each in pods if each.pod}

    def _stale_in(self, path: str) -> Collection[str]:
        """Indexes of a group's replicas that are of an older template."""
        return self._stale_indexes.get(path, ())

    @cached_property
    def _stale_indexes(self) -> Mapping[str, set[str]]:
        found: defaultdict[str, set[str]] = defaultdict(set)
        for slot in self._stale:
            copy, member, index, *_ = slot.split("/")
            found[f"{copy}/{member}"].add(index)
        return found

    def _gang(self, found: Manifest, edit: AnsweredEdit | None) -> Manifest:
        del edit
        counts = self._of_gang(found)
        whole = bool(counts) and all(count.is_scheduled for count in counts)
        phase = "Running" if whole and all(count.is_available for count in counts) else "Starting" if whole else "Pending"
        fact: Fact = ("Initialized", True, "PodGangInitialized", "")
        made = condition_of(fact, found, int(found["metadata"]["generation"]), self._now)
        return {"phase": phase, "conditions": [made.model_dump(mode="json", by_alias=True)]}

    def _of_gang(self, found: Manifest) -> list[Count]:
        names = (group["name"] for group in found["spec"]["podgroups"])
        return [self._by_name[name] for name in names if name in self._by_name]

    @cached_property
    def _by_name(self) -> Mapping[str, Count]:
        """Counts by the name of the PodClique."""
        return {instance_name(self._system.metadata.name, path): count for path, count in self._counts.items()}

    def _conditions(self, facts: tuple[Fact, ...], found: Manifest, generation: int) -> tuple[Condition, ...]:
        return tuple(condition_of(fact, found, generation, self._now) for fact in facts)

    @cached_property
    def _templates(self) -> Mapping[str, str]:
        return {path: template_hash(role) for path, role in roles(self._system.spec)}

    def _copy_is_available(self, copy: str) -> bool:
        if not all(clique.is_available for clique in self._inside[""][copy]):
            return False
        groups = (each for each in self._system.spec.members if isinstance(each, Group))
        return all(available_in(self._inside[f"{copy}/{group.name}"].values()) >= group.minimum for group in groups)

    @cached_property
    def _replicas(self) -> Mapping[str, int]:
        return {path: count for path, member, count in self._instances if isinstance(member, Group)}

    @cached_property
    def _instances(self) -> tuple[tuple[str, Member, int], ...]:
        return tuple(instances(self._system.spec, self._case.blueprint.counts))

    def _levels_missing(self) -> Fact:
        """Whether a level that pods are to be packed into is in no binding any more; a fact of that name."""
        wanted = self._system.constraints
        names = {each.topology_name for each in wanted if each.topology_name}
        levels = {level for each in wanted if each.pack for level in (each.pack.required, each.pack.preferred) if level}
        gone = sorted(names - set(self._bindings))
        if gone:
            message = f"there is no ClusterTopologyBinding {gone[0]!r}; create it, or the levels that nodes' labels tell count"
            return ("TopologyLevelsUnavailable", None, "ClusterTopologyNotFound", message)
        missing = sorted(levels - {level for name in names for level in self._bindings[name]})
        if missing:
            message = f"the ClusterTopologyBinding has no level {missing[0]!r}; add it, or delete the set and apply it without"
            return ("TopologyLevelsUnavailable", True, "ClusterTopologyLevelsUnavailable", message)
        return ("TopologyLevelsUnavailable", False, "AllClusterTopologyLevelsAvailable", "")


def _scheduled(count: Count) -> Fact:
    said = f"{count.scheduled} of {count.minimum} pods that it needs are on nodes"
    reason = "SufficientScheduledPods" if count.is_scheduled else "InsufficientScheduledPods"
    return ("PodCliqueScheduled", count.is_scheduled, reason, "" if count.is_scheduled else said)


def _breached(count: Count, found: Manifest) -> Fact:
    if not count.is_scheduled:
        said = f"{count.scheduled} of {count.minimum} pods that it needs are on nodes"
        return ("MinAvailableBreached", True, "ScheduledReplicasBelowMinAvailable", said)
    if count.is_available:
        return ("MinAvailableBreached", False, READY, "")
    was_ready = condition(found, "MinAvailableBreached").get("reason") in (READY, "InsufficientReadyPods")
    said = f"{count.ready} of {count.minimum} pods that it needs are Ready"
    return ("MinAvailableBreached", was_ready, "InsufficientReadyPods" if was_ready else "PodsStarting", said)


def _short(available: int, minimum: int) -> Fact:
    enough = available >= minimum
    words = "SufficientAvailable" if enough else "InsufficientAvailable"
    said = "" if enough else f"{available} of {minimum} replicas that it needs are available"
    return ("MinAvailableBreached", not enough, f"{words}PodCliqueScalingGroupReplicas", said)


def _updating(progress: Manifest | None, rolling: Rolling, failed: str) -> Fact:
    if progress is None or progress.get("updateEndedAt"):
        return ("UpdateInProgress", False, "NoUpdate" if progress is None else "UpdateEnded", "")
    if failed:
        return ("UpdateInProgress", None, "ProgressDeadlineExceeded", failed)
    return ("UpdateInProgress", True, "RollingUpdate", rolling.gate.message if rolling.gate else "")


def _turn(replicas: Mapping[str, list[Count]], stale: Collection[str]) -> tuple[list[int], list[int]]:
    """Indexes of a group's replicas that are new and not available yet, and that are new and available."""
    new = {replica.rpartition("/")[2]: cliques for replica, cliques in replicas.items()}
    able = {int(index): all(clique.is_available for clique in cliques) for index, cliques in new.items() if index not in stale}
    return sorted(index for index, whole in able.items() if not whole), sorted(index for index, whole in able.items() if whole)
