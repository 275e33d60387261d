"""What was accepted: the declared system of one revision, read back from the cluster and parsed once."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from activities.cache.cache import Cache
from activities.cache.devices import Devices, with_devices
from activities.cache.levels import labels_of
from activities.cache.recent import Recent
from activities.cluster.kube import BINDINGS, FABRICS, REVISIONS, Manifest, Refused
from activities.messages import Order
from specs.compute_domains import ComputeDomains
from specs.declaring import NotASystem, declared_system
from specs.gangs import Gang, gang_from_slots
from specs.grove import CliqueSystem
from specs.names import revision_name
from specs.owners import CLIQUE_SET_KIND, Owner, is_owned_by
from specs.paths import plain, roles
from specs.pod_claims import claiming
from specs.pods import PodMaker, labelled
from specs.sections import section
from specs.sharing import Sharing, Use
from specs.system import InferenceSystem, SystemSpec
from topology.supply.shapes import Shape, shape_of

KEPT = 4_096
"""Revisions in memory, parsed: of small systems about 10 KB each, and 0.2 ms to parse."""
GANGS_KEPT = 20_000


@dataclass(frozen=True)
class Accepted:
    """One revision of one system."""

    owner: Owner
    revision: str
    system: InferenceSystem
    maker: PodMaker
    devices: Devices
    bindings: "Bindings"
    _shapes: dict[tuple[tuple[str, str], ...], Mapping[str, Shape]] = field(
        default_factory=dict[tuple[tuple[str, str], ...], Mapping[str, Shape]], repr=False
    )
    _gangs: dict[tuple[str, bool, tuple[str, ...]], Gang] = field(
        default_factory=dict[tuple[str, bool, tuple[str, ...]], Gang], repr=False
    )

    @property
    def spec(self) -> SystemSpec:
        """What is wanted."""
        return self.system.spec

    @property
    def shapes(self) -> Mapping[str, Shape]:
        """What a pod of each role takes, and where it may go."""
        labels = self.bindings.labels(self.system)
        key = tuple(sorted(labels.items()))
        found = self._shapes.get(key)
        if found is None:
            found = self._shapes[key] = self._made(labels)
        return found

    def _made(self, labels: Mapping[str, str]) -> Mapping[str, Shape]:
        sharing = Sharing(self.system.source) if isinstance(self.system, CliqueSystem) else None
        uses = {path: sharing.uses(role.name) if sharing else () for path, role in roles(self.spec)}
        return {path: self._shape(role.template, uses[path], self._nodes(path, labels)) for path, role in roles(self.spec)}

    def _nodes(self, role: str, labels: Mapping[str, str]) -> list[str]:
        """Labels that nodes of a role must have: those of its own binding that it is packed by."""
        levels = self.system.required(role) if isinstance(self.system, CliqueSystem) else ()
        return [labels[level] for level in levels if level in labels]

    def _shape(self, template: Mapping[str, Any], uses: Sequence[Use], nodes: Sequence[str]) -> Shape:
        spec = section(template, "spec")
        spec = {**spec, "affinity": labelled(spec.get("affinity"), nodes)} if nodes else spec
        return shape_of({**template, "spec": with_devices(self.devices.asked(self.owner.namespace, spec, uses), spec)})

    @cached_property
    def _domains(self) -> ComputeDomains | None:
        return ComputeDomains(self.system.source) if isinstance(self.system, CliqueSystem) else None

    def check_claims(self, slots: Iterable[str]) -> None:
        """Raises `NotUnderstood` while claims of these pods can't be made, because a template that others make is not there."""
        if self._domains:
            for name in sorted({self._domains.of(slot) for slot in slots} - {""}):
                self.devices.check_made(self.owner.namespace, name)

    @cached_property
    def _roles(self) -> frozenset[str]:
        return frozenset(path for path, _ in roles(self.spec))

    def knows(self, slot: str) -> bool:
        """Whether the slot is of a role of this revision."""
        return plain(slot) in self._roles

    def shape_of(self, slot: str) -> Shape | None:
        """What the pod of a slot takes; None when this revision has no such role."""
        return self.shapes.get(plain(slot))

    def gang(self, name: str, minimum: bool, slots: tuple[str, ...]) -> Gang:
        """A gang from what a Placement keeps of it; LookupError when a slot is no part of this revision."""
        key = (name, minimum, slots)
        found = self._gangs.get(key)
        if found is None:
            if len(self._gangs) >= GANGS_KEPT:
                self._gangs.clear()
            found = self._gangs[key] = gang_from_slots(self.owner.name, self.spec, name, minimum, slots)
        return found


class Bindings:
    """The ClusterTopologyBindings of a cluster, where there are several: each is of some of the nodes."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def labels(self, system: InferenceSystem) -> Mapping[str, str]:
        """Level -> node label, of the binding that a PodCliqueSet names; nothing where all nodes have the same levels."""
        if not isinstance(system, CliqueSystem) or len(self._cache.all(BINDINGS)) < 2 or self._cache.all(FABRICS):
            return {}
        found = self._cache.get(BINDINGS, None, system.topology)
        return labels_of(found) if found else {}


class Acceptances:
    """Revisions by name, from the cache's ControllerRevisions. Their data never changes, so each is parsed once."""

    def __init__(self, cache: Cache, schedulers: Collection[str] = ()) -> None:
        """`schedulers`: that the cluster has besides its own."""
        self._cache, self.schedulers = cache, schedulers
        self.devices, self.bindings = Devices(cache), Bindings(cache)
        self._parsed: Recent[tuple[str, str], Accepted | Refused] = Recent(KEPT, lambda _: 1)

    def of_order(self, order: Order) -> Accepted | None:
        """The revision that an order names; None when the cluster does not have it. Raises `Refused` when it can't be read."""
        found = self._read(order.ref.namespace, order.ref.name, order.revision, order.edition)
        if isinstance(found, Refused):
            raise found
        return found

    def of(self, namespace: str, system: str, revision: str) -> Accepted | None:
        """One revision of a system; None when the cluster does not have it, or it can't be read."""
        found = self._read(namespace, system, revision)
        return None if isinstance(found, Refused) else found

    def _read(self, namespace: str, system: str, revision: str, edition: str = "") -> Accepted | Refused | None:
        named = (revision_name(system, name) for name in (edition, revision) if name)
        found = next((kept for name in named if (kept := self._cache.get(REVISIONS, namespace, name))), None)
        if found is None:
            return None
        return self._parsed.of((found["metadata"]["uid"], revision), lambda: _accepted(namespace, system, revision, found, self))


def _accepted(namespace: str, name: str, revision: str, stored: Manifest, ground: Acceptances) -> Accepted | Refused:
    uid = next((each["uid"] for each in stored["metadata"].get("ownerReferences") or ()), "")
    try:
        system = accepted_in(stored, name, namespace)
    except NotASystem as error:
        what = f"what was accepted as ControllerRevision {stored['metadata']['name']} can't be read by this version of Espalier"
        return Refused(f"{what}: {error}")
    owner = Owner(name, namespace, uid, system.kind)
    maker = PodMaker(owner, system.spec, claiming(system), ground.schedulers)
    return Accepted(owner, revision, system, maker, ground.devices, ground.bindings)


def accepted_in(stored: Manifest, name: str, namespace: str) -> InferenceSystem:
    """The system that a ControllerRevision keeps. Raises `NotASystem`."""
    kept = section(stored, "data", "metadata")
    return declared_system({**section(stored, "data"), "metadata": {**kept, "name": name, "namespace": namespace}})


def accepted_before(cache: Cache, found: Manifest) -> InferenceSystem | None:
    """Any revision that was accepted of a PodCliqueSet: the minimums of its cliques are the same in all of them."""
    metadata = found["metadata"]
    name, namespace = metadata["name"], metadata["namespace"]
    kept = cache.of_system(REVISIONS, namespace, name) if found["kind"] == CLIQUE_SET_KIND else ()
    for each in (each for each in kept if is_owned_by(each, metadata["uid"])):
        with suppress(NotASystem):  # kept by another version of Espalier
            return accepted_in(each, name, namespace)
    return None
