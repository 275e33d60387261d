"""What each change in the cluster means to those who place, explain and take commands."""

from typing import Protocol

from activities.cache.census import Census
from activities.cache.placements import Placement
from activities.cache.pods import Pod
from activities.cache.store import Key
from activities.cluster.kube import Kind, Manifest
from activities.listening.inlet import Inlet
from activities.room.explaining import Explainer
from activities.room.keeping_up import KeepingUp, Noting
from activities.room.room import Supply
from activities.room.solver import Solver
from specs.sections import section


class Source(Supply, Noting, Protocol):
    """Where room comes from, and what it hears of."""

    def pod_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """Any pod of the cluster; true when that may have made room."""
        ...

    def node_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """True when that may have made room."""
        ...

    def placement_changed(self, was: Placement | None, now: Placement | None) -> None:
        """A demand or an answer changed."""
        ...

    def fabric_changed(self, old: Manifest | None, new: Manifest | None) -> bool:
        """The declared fabric changed."""
        ...

    def devices_changed(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> bool:
        """A ResourceSlice, DeviceClass or ResourceClaimTemplate changed; true when that may have made room."""
        ...


class Hearing:
    """Implements `lookout.Ears`."""

    def __init__(
        self, supply: Source, census: Census, solver: Solver, keeping_up: KeepingUp, explainer: Explainer, inlet: Inlet
    ) -> None:
        self._supply, self._census, self._solver = supply, census, solver
        self._keeping_up, self._explainer, self._inlet = keeping_up, explainer, inlet

    def pod(self, old: Manifest | None, new: Manifest | None) -> None:
        """Its room may have become free."""
        if self._supply.pod_changed(old, new):
            self._census.room_came(section(old or {}, "spec").get("nodeName"))
            self._solver.room_may_be_free()
        self._keeping_up.noted()

    def node(self, old: Manifest | None, new: Manifest | None) -> None:
        """It may take pods now that it did not take before."""
        if self._supply.node_changed(old, new):
            self._census.room_came(section(new or {}, "metadata").get("name"))
            self._solver.room_may_be_free()

    def placement(self, was: Placement | None, now: Placement | None) -> None:
        """Somebody asked, was granted, or gave back."""
        self._supply.placement_changed(was, now)
        self._solver.placement_changed(was, now)

    def fabric(self, old: Manifest | None, new: Manifest | None) -> None:
        """The levels are others."""
        if self._supply.fabric_changed(old, new):
            self._solver.room_may_be_free()

    def devices(self, kind: Kind, old: Manifest | None, new: Manifest | None) -> None:
        """What devices there are, or what claims ask for, is other than it was."""
        if self._supply.devices_changed(kind, old, new):
            self._solver.room_may_be_free()

    def pod_gone(self, pod: Pod) -> None:
        """It need not be told any more why it waits."""
        self._explainer.forget(pod.uid)

    def declared(self, kind: Kind, key: Key, manifest: Manifest | None) -> None:
        """Somebody may have edited it."""
        self._inlet.changed(kind, key, manifest)
