"""Reads manifests: YAML or JSON, many documents, and v1 Lists as kubectl prints them."""

from collections.abc import Callable, Iterator
from typing import Any, cast

from pydantic import ValidationError

from specs.bindings import ClusterTopologyBinding, fabric_of
from specs.complaints import complaint, dotted
from specs.declaring import SYSTEM_KINDS
from specs.fabric import Fabric
from specs.grove import NoTree
from specs.owners import API_VERSION, GROVE_API_VERSION
from specs.parsing import Document, NotData, Path, documents
from specs.strict import did_you_mean
from specs.system import InferenceSystem

Declared = InferenceSystem | Fabric
_KINDS: dict[str, Callable[[object], Declared]] = {
    **SYSTEM_KINDS,
    "Fabric": Fabric.model_validate,
    "ClusterTopologyBinding": lambda manifest: fabric_of(ClusterTopologyBinding.model_validate(manifest)),
}
_GROVE = {"PodCliqueSet", "ClusterTopologyBinding"}
_OTHERS = {
    "Placement": "Espalier writes Placements itself; declare an InferenceSystem",
    "PodClique": "it is a part of a PodCliqueSet; declare that",
    "PodCliqueScalingGroup": "it is a part of a PodCliqueSet; declare that",
}


class SpecError(ValueError):
    """A manifest that can't be accepted. The message is one sentence: file and line, path, what is wrong, what to do."""

    def __init__(self, source: str, message: str, *, document: int = 1, line: int = 0, path: str = "") -> None:
        self.source, self.document, self.line, self.path = source, document, line, path
        where = f"{source}:{line}" if line else source
        numbered = f" (document {document})" if document > 1 else ""
        super().__init__(f"{where}{numbered}: {path + ': ' if path else ''}{message}")


def read(text: str, source: str) -> tuple[Declared, ...]:
    """Everything that a text declares, in order; empty documents are passed over.

    `source` is what messages call the text: its file name. Raises `SpecError` for the first thing that is wrong.
    """
    try:
        found = documents(text)
    except NotData as error:
        raise SpecError(source, str(error), line=error.line) from None
    declared: list[Declared] = []
    for number, document in enumerate(found, 1):
        for data, path in _items(document, source, number):
            made = _made(data, path, document, source, number)
            _check_new(made, declared, source, number)
            declared.append(made)
    return tuple(declared)


def _items(document: Document, source: str, number: int) -> Iterator[tuple[Any, Path]]:
    """The objects of a document with their paths: itself, or what a List or a bare list holds."""
    data, path = document.data, cast("Path", ())
    if isinstance(data, dict) and str(cast("Any", data).get("kind", "")).endswith("List") and "items" in data:
        data, path = cast("Any", data)["items"], ("items",)
        if not isinstance(data, list):
            raise SpecError(source, "items is not a list; start each item with a dash", document=number, path="items")
    if isinstance(data, list):
        yield from ((item, (*path, index)) for index, item in enumerate(cast("list[object]", data)))
    else:
        yield data, path


def _made(data: Any, path: Path, document: Document, source: str, number: int) -> Declared:
    def wrong(message: str, *steps: int | str) -> SpecError:
        at = (*path, *steps)
        return SpecError(source, message, document=number, line=document.line(at), path=dotted(at))

    if not isinstance(data, dict):
        raise wrong("a manifest is a mapping with apiVersion, kind, metadata and spec; see the examples for one that works")
    manifest = cast("dict[str, Any]", data)
    kind = manifest.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise wrong(_other_kind(kind), *(("kind",) if "kind" in manifest else ()))
    version = GROVE_API_VERSION if kind in _GROVE else API_VERSION
    if manifest.get("apiVersion") != version:
        raise wrong(f"{str(manifest.get('apiVersion'))[:60]!r} is not known here; write {version}", "apiVersion")
    try:
        return _KINDS[kind](manifest)
    except ValidationError as error:
        loc, sentence = complaint(error, kind)
        raise wrong(sentence, *loc) from None
    except NoTree as error:
        raise wrong(str(error), "spec") from None


def _other_kind(kind: object) -> str:
    if kind is None:
        return "there is no kind; write kind: InferenceSystem"
    if str(kind) in _OTHERS:
        return f"{kind} can't be declared here: {_OTHERS[str(kind)]}"
    near = did_you_mean(str(kind), _KINDS)
    return f"{str(kind)[:60]!r} is none of Espalier's kinds{near or '; give it to kubectl, or declare an InferenceSystem'}"


def _check_new(made: Declared, before: list[Declared], source: str, number: int) -> None:
    key = _key(made)
    if any(_key(other) == key for other in before):
        raise SpecError(
            source, f"{made.kind} {made.metadata.name!r} is declared twice; rename one", document=number, path="metadata.name"
        )


def _key(made: Declared) -> tuple[str, str, str]:
    namespace = made.metadata.namespace if isinstance(made, InferenceSystem) else ""
    return "Fabric" if isinstance(made, Fabric) else "system", namespace, made.metadata.name
