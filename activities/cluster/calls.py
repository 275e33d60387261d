"""One request to a cluster as data: its address, its body, and the words to speak of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import quote

import orjson

from activities.cluster.kube import Kind, Manifest, Refused

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]

JSON_TYPE = "application/json"
JSON_PATCH_TYPE = "application/json-patch+json"
MERGE_PATCH_TYPE = "application/merge-patch+json"
APPLY_TYPE = "application/apply-patch+yaml"


@dataclass(frozen=True)
class Call:
    """One request. `title` names it in messages: "create pods serving/llama-0"."""

    verb: str
    plural: str
    title: str
    method: Method
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    content_type: str = JSON_TYPE
    repeatable: bool = True
    """Whether doing it twice is the same as doing it once."""
    tested: bool = False
    """A JSON patch whose `test` may fail: then a 422 says that somebody wrote first."""
    long: bool = False
    """The server may rightly take as long as its own limit of a minute."""


def address(kind: Kind, namespace: str | None, name: str = "", subresource: str = "") -> str:
    """The path of an object, or of all objects when there is no name. Raises `Refused` for names that cannot be in a path."""
    root = "/apis/" if "/" in kind.api_version else "/api/"
    where = ("namespaces", _segment(namespace)) if namespace and kind.namespaced else ()
    rest = tuple(_segment(part) for part in (name, subresource) if part)
    return root + "/".join((kind.api_version, *where, kind.plural, *rest))


def _segment(text: str) -> str:
    if text in (".", "..") or "/" in text or "%" in text:
        raise Refused(f"{text!r} cannot be the name of an object; use letters, digits, '-' and '.'")
    return quote(text, safe="")


def encoded(content: object) -> bytes:
    """Content as JSON. Raises `Refused` if it holds what JSON cannot say."""
    try:
        return orjson.dumps(content)
    except TypeError as error:
        raise Refused(f"the object to send is not plain JSON: {error}") from None


def title(verb: str, kind: Kind, namespace: str | None, name: str) -> str:
    """Words for messages."""
    place = "/".join(part for part in (namespace if kind.namespaced else "", name) if part)
    return f"{verb} {kind.plural} {place}".rstrip()


def of_kind(verb: str, method: Method, kind: Kind, namespace: str | None, query: Mapping[str, str]) -> Call:
    """A call on all objects of a kind, in one namespace or in all."""
    return Call(verb, kind.plural, title(verb, kind, namespace, ""), method, address(kind, namespace), query)


def of_object(verb: str, method: Method, kind: Kind, namespace: str | None, name: str, subresource: str = "") -> Call:
    """A call on one object, without a body. Raises `Refused` if the object is not named in full."""
    if not name:
        raise Refused(f"{verb} {kind.plural}: the object has no name; set metadata.name")
    if kind.namespaced and not namespace:
        raise Refused(f"{verb} {kind.plural} {name}: no namespace; set metadata.namespace")
    return Call(verb, kind.plural, title(verb, kind, namespace, name), method, address(kind, namespace, name, subresource))


def name_of(manifest: Manifest) -> str:
    """The object's name, or nothing."""
    return str(_metadata(manifest).get("name") or "")


def namespace_of(manifest: Manifest) -> str | None:
    """The object's namespace, if it says one."""
    return _metadata(manifest).get("namespace") or None


def _metadata(manifest: Manifest) -> Mapping[str, Any]:
    metadata: object = manifest.get("metadata")
    return cast(Manifest, metadata) if isinstance(metadata, dict) else {}


def has_test(patch: Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> bool:
    """Whether it is a JSON patch that looks before it writes."""
    return not isinstance(patch, Mapping) and any(step.get("op") == "test" for step in patch)
