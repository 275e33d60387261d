"""One declared system, as messages and stored objects carry it: an InferenceSystem, or a PodCliqueSet of Grove."""

from collections.abc import Callable, Mapping

from pydantic import ValidationError

from specs.complaints import complained
from specs.grove import NoTree, system_of
from specs.podcliqueset import PodCliqueSet
from specs.system import InferenceSystem

SYSTEM_KINDS: Mapping[str, Callable[[object], InferenceSystem]] = {
    "InferenceSystem": InferenceSystem.model_validate,
    "PodCliqueSet": lambda manifest: system_of(PodCliqueSet.model_validate(manifest)),
}
"""How each kind is made a system. Raises ValidationError or `NoTree`."""


class NotASystem(ValueError):
    """A manifest that can't be accepted; the message is one sentence that ends with what to do."""


def declared_system(manifest: Mapping[str, object]) -> InferenceSystem:
    """The system that a manifest declares; an InferenceSystem where it names no kind. Raises `NotASystem`."""
    kind = str(manifest.get("kind"))
    kind = kind if kind in SYSTEM_KINDS else "InferenceSystem"
    try:
        return SYSTEM_KINDS[kind](manifest)
    except ValidationError as error:
        raise NotASystem(complained(error, kind)) from None
    except NoTree as error:
        raise NotASystem(f"spec: {error}") from None
