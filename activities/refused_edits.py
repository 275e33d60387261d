"""Edits that could not be accepted: why, until the object is edited again or goes."""

from dataclasses import dataclass

from activities.kube import Kind, Manifest
from activities.store import Key


@dataclass(frozen=True)
class RefusedEdit:
    """One edit of one object, and what is wrong with it."""

    uid: str
    generation: int
    reason: str
    message: str


class RefusedEdits:
    """The last refused edit of each object."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Key], RefusedEdit] = {}

    def note(self, kind: Kind, found: Manifest, reason: str, message: str) -> None:
        """This edit was refused."""
        self._found[_key(kind, found)] = RefusedEdit(*_edit(found), reason, message)

    def clear(self, kind: Kind, key: Key) -> None:
        """A later one was accepted, or the object is gone."""
        self._found.pop((kind.plural, key), None)

    def of(self, kind: Kind, found: Manifest) -> RefusedEdit | None:
        """Why the object as it is now was refused; None when it was not."""
        known = self._found.get(_key(kind, found))
        return known if known is not None and (known.uid, known.generation) == _edit(found) else None


def _key(kind: Kind, found: Manifest) -> tuple[str, Key]:
    return kind.plural, (found["metadata"]["namespace"], found["metadata"]["name"])


def _edit(found: Manifest) -> tuple[str, int]:
    return found["metadata"]["uid"], int(found["metadata"].get("generation", 0))
