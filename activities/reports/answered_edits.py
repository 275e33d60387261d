"""Edits that were answered: accepted, or refused and why. Until then an edit stands; then the object may be written again."""

from dataclasses import dataclass

from activities.cache.store import Key, key_of
from activities.cluster.kube import Kind, Manifest
from activities.reports.edits import edit_id, is_edited


@dataclass(frozen=True)
class AnsweredEdit:
    """One edit of one object; `reason` and `message` say what is wrong with it, and are empty where it was accepted."""

    uid: str
    generation: int
    reason: str = ""
    message: str = ""
    intent: int = 0
    """Generation of the system's intent that holds it, or in which it was refused."""
    edit: str = ""
    """Which edit it is, whatever counts no generation included."""


class AnsweredEdits:
    """The last answered edit of each object, as this process knows it; another asks again, and is told the same."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Key], AnsweredEdit] = {}

    def note(self, kind: Kind, found: Manifest, *, reason: str = "", message: str = "", intent: int = 0) -> AnsweredEdit:
        """This edit was answered."""
        edit = self._found[kind.plural, key_of(found)] = AnsweredEdit(
            found["metadata"]["uid"], int(found["metadata"].get("generation", 0)), reason, message, intent, edit_id(found)
        )
        return edit

    def forget(self, kind: Kind, key: Key) -> None:
        """The object is gone."""
        self._found.pop((kind.plural, key), None)

    def of(self, kind: Kind, found: Manifest) -> AnsweredEdit | None:
        """What became of the edit that made the object what it is now; None when it was not answered."""
        known = self._found.get((kind.plural, key_of(found)))
        return known if known is not None and known.edit == edit_id(found) else None

    def stands(self, kind: Kind, found: Manifest, generation: int) -> bool:
        """Whether an object holds an edit that is not to be written over by this generation of intent.

        One that it knows nothing of; or one that was refused, until something newer is accepted: who wrote it is to see why.
        """
        if not is_edited(found):
            return False
        edit = self.of(kind, found)
        return edit is None or (edit.intent >= generation if edit.reason else edit.intent > generation)
