"""How a new template gets on, as statuses of Grove's objects tell it: since when, until when, what is being replaced. Pure.

Begun when another template is wanted than before; ended when nothing is of an older one and what is new can serve.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from activities.cache.pods import written_time
from activities.cluster.kube import Manifest
from activities.state.rolling import Rolling
from specs.grove_status import (
    MOST_INDEXES,
    CliqueProgress,
    CopyUnderway,
    GroupProgress,
    IndexesSelected,
    PodsSelected,
    Progress,
    SetProgress,
)
from specs.sections import section

GENERATION = "podCliqueSetGenerationHash"
EARLIER = "earlier"
"""Than the newest, whichever: an edit came before the first status was written."""


class Progresses:
    """Of all objects of one set at one moment."""

    def __init__(self, revision: str, number: int, rolling: Rolling, now: datetime) -> None:
        """`number` of the revision: where it is not the first, what was never told of another one was still made by it."""
        self._revision, self._rolling = revision, rolling
        self._untold = EARLIER if number > 1 else ""
        self._now = written_time(now)

    def of_set(self, found: Manifest, *, done: bool, cliques: tuple[int, int], groups: tuple[int, int]) -> Manifest | None:
        """`cliques`, `groups`: updated ones, and all."""
        old = section(found, "status", "updateProgress")
        times = self._times(found, str(section(found, "status").get("currentGenerationHash") or self._untold), done=done)
        if times is None:
            return None
        return _merged(
            SetProgress(
                **times,
                updated_pod_cliques_count=cliques[0],
                total_pod_cliques_count=cliques[1],
                updated_pod_clique_scaling_groups_count=groups[0],
                total_pod_clique_scaling_groups_count=groups[1],
                currently_updating=() if done else self._underway(old),
            ),
            old,
        )

    def of_clique(self, found: Manifest, template: str, *, done: bool, current: str) -> Manifest | None:
        """`current`: the pod that is being replaced, if any."""
        times = self._times(found, self._target(found), done=done)
        if times is None:
            return None
        chosen = PodsSelected(current=current) if current and not done else None
        told = {"pod_clique_set_generation_hash": self._revision, "pod_template_hash": template}
        made = CliqueProgress(**times, **told, ready_pods_selected_to_update=chosen)
        return _merged(made, section(found, "status", "updateProgress"))

    def of_group(
        self, found: Manifest, *, done: bool, cliques: tuple[int, int], turn: tuple[Sequence[int], Sequence[int]]
    ) -> Manifest | None:
        """`cliques`: updated ones, and all; `turn`: indexes that are being replaced, and those that were."""
        times = self._times(found, self._target(found), done=done)
        if times is None:
            return None
        current, completed = turn
        chosen = IndexesSelected(current=current[0], completed=tuple(completed[:MOST_INDEXES])) if current and not done else None
        made = GroupProgress(
            **times,
            pod_clique_set_generation_hash=self._revision,
            updated_pod_cliques_count=cliques[0],
            total_pod_cliques_count=cliques[1],
            ready_replica_indices_selected_to_update=chosen,
        )
        return _merged(made, section(found, "status", "updateProgress"))

    def realised(self, found: Manifest, *, done: bool) -> str:
        """The generation that an object is of: the newest once it is done."""
        return self._revision if done else str(section(found, "status").get("currentPodCliqueSetGenerationHash", ""))

    def _target(self, found: Manifest) -> str:
        status = section(found, "status")
        known = section(status, "updateProgress").get(GENERATION) or status.get("currentPodCliqueSetGenerationHash")
        return str(known or self._untold)

    def _times(self, found: Manifest, target: str, *, done: bool) -> dict[str, Any] | None:
        old = section(found, "status", "updateProgress")
        if not target or (target == self._revision and not old):
            return None
        started = old.get("updateStartedAt", self._now) if target == self._revision else self._now
        ended = old.get("updateEndedAt", self._now) if target == self._revision else self._now
        return {"update_started_at": started, "update_ended_at": ended if done else None}

    def _underway(self, old: Mapping[str, Any]) -> tuple[CopyUnderway, ...]:
        before = [CopyUnderway.model_validate(each) for each in old.get("currentlyUpdating") or ()]
        if not self._rolling.at:
            return tuple(before)
        index = int(self._rolling.at)
        known = [each for each in before if each.replica_index == index]
        return tuple(known) or (CopyUnderway(replica_index=index, update_started_at=self._now),)


def _merged(progress: Progress, old: Mapping[str, Any]) -> Manifest:
    """For a merge patch: what is not so any more is null."""
    made = progress.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {**{field: None for field in old if field not in made}, **made}
