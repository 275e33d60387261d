"""What became of edits, in the objects themselves: accepted ones are marked, refused ones say why."""

from collections.abc import Callable
from datetime import datetime

from activities.cache.cache import Cache
from activities.cluster.kube import Kind, Kube, Manifest, NotThere, Overtaken
from activities.listening.door import Admitted, TurnedDown
from activities.reports.answered_edits import AnsweredEdits
from activities.reports.edits import is_edited, mark_of
from activities.reports.events import Events, about
from activities.reports.statuses import turned_down
from specs.names import RECORDED, SAYS


class Answers:
    """What became of edits, in the objects themselves: accepted ones are marked, refused ones say why."""

    def __init__(self, kube: Kube, cache: Cache, events: Events, known: AnsweredEdits, now: Callable[[], datetime]) -> None:
        self._kube, self._cache, self._events, self._now = kube, cache, events, now
        self.known = known

    async def accept(self, kind: Kind, found: Manifest, admitted: Admitted) -> None:
        """Accepted. What changed nothing is recorded by nobody else."""
        self.known.note(kind, found, intent=admitted.generation)
        if not admitted.changed and is_edited(found):
            marks = {RECORDED: mark_of(found, found["spec"]), SAYS: str(admitted.generation)}
            await self._patch(kind, found, {"metadata": {"annotations": marks}})

    async def refuse(self, kind: Kind, found: Manifest, error: TurnedDown) -> None:
        """Refused: said in the status and as an Event, also when somebody else writes the object meanwhile."""
        edit = self.known.note(kind, found, reason=error.reason, message=str(error), intent=error.generation)
        await self._patch(kind, found, {"status": turned_down(found, edit, self._now())}, "status")
        await self._events.say(about(found), edit.reason, edit.message)

    async def _patch(self, kind: Kind, found: Manifest, patch: Manifest, subresource: str = "") -> None:
        metadata = found["metadata"]
        same = {"uid": metadata["uid"], **({} if subresource else {"resourceVersion": metadata["resourceVersion"]})}
        patch["metadata"] = {**patch.get("metadata", {}), **same}
        try:
            stored = await self._kube.patch(kind, metadata["name"], patch, metadata["namespace"], subresource)
        except (NotThere, Overtaken):
            return  # gone, or written since: that is another change
        self._cache.note_written(kind, stored)
