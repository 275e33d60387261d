"""JSON Schema of what is declared: as editors want it, and written out as a custom resource can carry it.

A structural schema has no references, says each type once, and bounds every list and string, or its rules would cost too much.
"""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import BaseModel

from specs.checks import DEEPEST
from specs.system import InferenceSystem

Schema = dict[str, Any]

_LABELS: Schema = {
    "type": "object", "maxProperties": 128, "additionalProperties": {"type": "string", "maxLength": 262_144},
}  # fmt: skip
_CONTAINER: Schema = {
    "type": "object",
    "required": ["name", "image"],
    "properties": {"name": {"type": "string", "maxLength": 63}, "image": {"type": "string", "minLength": 1, "maxLength": 4096}},
    "x-kubernetes-preserve-unknown-fields": True,
}
TEMPLATE: Schema = {
    "type": "object",
    "description": "A pod template: metadata (labels, annotations) and spec, as in a Deployment.",
    "required": ["spec"],
    "properties": {
        "metadata": {
            "type": "object",
            "description": "Labels and annotations of the pods.",
            "properties": {"labels": _LABELS, "annotations": _LABELS},
            "x-kubernetes-preserve-unknown-fields": True,
        },
        "spec": {
            "type": "object",
            "description": "A pod's spec, kept as it is. Espalier sets nodeName, hostname, subdomain and its own variables.",
            "required": ["containers"],
            "properties": {"containers": {"type": "array", "minItems": 1, "maxItems": 64, "items": _CONTAINER}},
            "x-kubernetes-preserve-unknown-fields": True,
        },
    },
}
_KEPT = (
    "type", "description", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
)  # fmt: skip
_ONE_KIND = {
    "rule": "has(self.role) != has(self.group)",
    "message": "a member must have exactly one of role (pods) and group (of members)",
}
_ROLE_PARTS = {
    "rule": "!has(self.role) || (has(self.template) && !has(self.members) && !has(self.start))",
    "message": "a role has a template, and no members and no start of its own",
}
_GROUP_PARTS = {
    "rule": "!has(self.group) || (has(self.members) && !has(self.template))",
    "message": "a group has members and no template; its roles have templates",
}
_MINIMUM = {
    "rule": "!has(self.minAvailable) || self.minAvailable <= (has(self.replicas) ? self.replicas : 1)",
    "message": "minAvailable must not be more than replicas",
}
_NAME = "(has({0}.role) ? {0}.role : {0}.group)"
_NAMES = {
    "rule": f"self.all(one, self.exists_one(other, {_NAME.format('one')} == {_NAME.format('other')}))",
    "message": "two members have the same name; give each a name of its own",
}


def json_schema() -> Schema:
    """JSON Schema (2020-12) of an InferenceSystem manifest, for editors: completion, documentation and checks while typing."""
    schema = InferenceSystem.model_json_schema(by_alias=True)
    schema["$defs"]["Role"]["properties"]["template"] = TEMPLATE
    schema["properties"]["status"] = {"type": "object", "description": "Written by Espalier; ignored when declared."}
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "InferenceSystem", **schema}


def structural(model: type[BaseModel]) -> Schema:
    """A model as a structural schema. Members are written out, list in list, as deep as they may go."""
    schema = model.model_json_schema(by_alias=True)
    return _written_out(schema, schema.get("$defs", {}), 1)


def _written_out(part: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> Schema:
    if {each.get("type") for each in part.get("anyOf", ())} - {"null"} == {"integer", "string"}:
        return {**{key: part[key] for key in ("description",) if key in part}, "x-kubernetes-int-or-string": True}
    part = _resolved(part, known)
    made: Schema = {key: part[key] for key in _KEPT if key in part}
    if part.get("stored"):
        made["default"] = part["default"]
    if "const" in part:
        made["enum"] = [part["const"]]
    if made.get("type") == "object":
        made |= _object(part, known, depth)
    elif made.get("type") == "array":
        is_members = "Role" in str(part["items"]) and "oneOf" in part["items"]
        made |= _members(known, depth) if is_members else {"items": _written_out(part["items"], known, depth)}
    elif made.get("type") == "integer":
        made["format"] = "int32"
    return made


def _object(part: Mapping[str, Any], known: Mapping[str, Any], depth: int) -> Schema:
    if "properties" not in part:
        patterns: Schema = part.get("patternProperties", {})
        more: Any = part.get("additionalProperties") or next(iter(patterns.values()), None)
        if not isinstance(more, dict):
            return {"x-kubernetes-preserve-unknown-fields": True}
        return {
            "additionalProperties": _written_out(cast("Schema", more), known, depth),
            "maxProperties": part.get("maxProperties", 64),
        }
    made: Schema = {"properties": {name: _written_out(each, known, depth) for name, each in part["properties"].items()}}
    return made | ({"required": part["required"]} if part.get("required") else {})


def _members(known: Mapping[str, Any], depth: int) -> Schema:
    """A list of roles and groups; the deepest one of roles only."""
    role = _written_out(known["Role"], known, depth)
    role["properties"]["template"] = TEMPLATE
    if depth == DEEPEST:
        # Every item has a `role` here, so the server itself can tell them apart.
        by_name = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["role"]}
        return {"items": {**role, "x-kubernetes-validations": [_MINIMUM]}, **by_name}
    group = _written_out(known["Group"], known, depth + 1)
    properties: Schema = {"role": {}, **group["properties"], **role["properties"]}
    properties["minAvailable"] = {
        **properties["minAvailable"],
        "description": "How many start together or not at all. When left out: all pods of a role, one replica of a group.",
    }
    rules = [_ONE_KIND, _ROLE_PARTS, _GROUP_PARTS, _MINIMUM]
    item: Schema = {
        "type": "object",
        "description": "A role or a group.",
        "properties": properties,
        "x-kubernetes-validations": rules,
    }
    return {"items": item, "x-kubernetes-validations": [_NAMES]}


def _resolved(part: Mapping[str, Any], known: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without references, and without the null that only says `may be left out`."""
    said = {key: part[key] for key in ("description", "default", "stored") if key in part}
    if "$ref" in part:
        return {**_resolved(known[part["$ref"].rpartition("/")[2]], known), **said}
    if "anyOf" in part:
        return {**_resolved(next(each for each in part["anyOf"] if each.get("type") != "null"), known), **said}
    return part
