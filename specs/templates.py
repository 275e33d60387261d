"""What a pod template must have, and what it can't ask for. All else in it is the user's business and is passed on as it is.

Each refusal is a ValueError of one sentence that ends with a remedy.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

from specs.fractions import gpu_milli, gpu_models
from specs.strict import did_you_mean

Template = Mapping[str, Any]
OWN_PREFIX = "ESPALIER_"
_ENV_NAME = re.compile(r"^[!-<>-~][ -<>-~]*$")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_NOT_YOURS = {
    "nodeName": "Espalier chooses the node; to steer it use nodeSelector or affinity",
    "hostname": "Espalier gives every pod a stable hostname; leave it out",
    "subdomain": "Espalier puts every pod into its copy's headless Service; leave it out",
}
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PLACING: Mapping[str, tuple[str, ...]] = {"affinity": ("nodeAffinity", "podAffinity", "podAntiAffinity"), "nodeSelector": ()}
_QUANTITY = re.compile(r"^\+?(\d{1,18}(\.\d*)?|\.\d+)(([KMGTPE]i)|[numkMGTPE]|([eE][-+]?\d{1,3}))?$")
_LISTS = ("containers", "initContainers", "schedulingGates", "tolerations", "volumes")


def check_template(template: Template) -> None:
    """Refuse a template that has no containers, or that sets what Espalier sets or can't honour."""
    for key in template:
        if key not in {"metadata", "spec"}:
            raise ValueError(
                f"template has a field {key!r}{did_you_mean(str(key), ('metadata', 'spec'))}; it takes metadata and spec"
            )
    _check_metadata(_mapping(template.get("metadata") or {}, "metadata"))
    spec = _mapping(template.get("spec") or {}, "spec")
    for field, remedy in _NOT_YOURS.items():
        if spec.get(field):
            raise ValueError(f"spec.{field} can't be set: {remedy}")
    _check_policy(spec)
    _check_spec(spec)


def check_podspec(spec: Template) -> None:
    """The same for a bare pod spec in which others may set what Espalier sets: theirs gives way."""
    try:
        _check_spec(spec)
    except ValueError as error:
        raise ValueError(str(error).removeprefix("spec.")) from None


def _check_spec(spec: Template) -> None:
    for field in _LISTS:
        _items(spec, field)
    if not spec.get("containers"):
        raise ValueError("spec.containers is empty; give at least one container with a name and an image")
    _check_containers(spec)
    _check_placing(spec)


def _check_placing(spec: Template) -> None:
    """What the choice of a node is made from must be of the right form: a system that can't be read can't be placed."""
    for field, below in _PLACING.items():
        found = _optional(spec.get(field), f"spec.{field}")
        for key in below:
            _optional(found.get(key), f"spec.{field}.{key}")
    for key, value in _optional(spec.get("nodeSelector"), "spec.nodeSelector").items():
        if not isinstance(value, str):
            raise ValueError(f"spec.nodeSelector.{key} is {value!r}, not a string; put it in quotes")
    _check_terms(spec)
    _check_amounts(_optional(spec.get("overhead"), "spec.overhead"), "spec.overhead")
    _check_resources(spec, "spec")
    for field in ("containers", "initContainers"):
        for index, container in enumerate(_items(spec, field)):
            _check_resources(container, f"spec.{field}[{index}]")


def _check_terms(spec: Template) -> None:
    where = f"spec.affinity.nodeAffinity.{REQUIRED}"
    affinity = _optional(_optional(spec.get("affinity"), "spec.affinity").get("nodeAffinity"), "spec.affinity.nodeAffinity")
    required = _optional(affinity.get(REQUIRED), where)
    for index, term in enumerate(_items(required, "nodeSelectorTerms", f"{where}.nodeSelectorTerms")):
        for field in ("matchExpressions", "matchFields"):
            at = f"{where}.nodeSelectorTerms[{index}].{field}"
            for expression in _items(term, field, at):
                values: object = expression.get("values")
                if not isinstance(values, list | None) or not all(
                    isinstance(each, str) for each in cast("list[object]", values or [])
                ):
                    raise ValueError(f"{at} has the values {values!r}; give a list of strings")
    for index, toleration in enumerate(_items(spec, "tolerations")):
        strange = [key for key in ("key", "operator", "value", "effect") if not isinstance(toleration.get(key), str | None)]
        if strange:
            raise ValueError(
                f"spec.tolerations[{index}].{strange[0]} is {toleration[strange[0]]!r}, not a string; put it in quotes"
            )


def _check_resources(whose: Template, where: str) -> None:
    resources = _optional(whose.get("resources"), f"{where}.resources")
    for part in ("requests", "limits"):
        _check_amounts(_optional(resources.get(part), f"{where}.resources.{part}"), f"{where}.resources.{part}")


def _check_amounts(amounts: Template, where: str) -> None:
    for name, amount in amounts.items():
        if isinstance(amount, bool) or not isinstance(amount, str | int | float) or not _QUANTITY.match(str(amount)):
            raise ValueError(f"{where}.{name} is {amount!r}, not an amount; write it as 500m, 4, 1.5 or 16Gi")


def _check_metadata(metadata: Template) -> None:
    for field in ("labels", "annotations"):
        for key, value in _mapping(metadata.get(field) or {}, f"metadata.{field}").items():
            if not isinstance(value, str):
                raise ValueError(f"metadata.{field}.{key} is {value!r}, not a string; put it in quotes")
            if field == "labels" and str(key).split("/")[0].removesuffix(".espalier.dev") in {"espalier.dev", ""}:
                raise ValueError(f"metadata.labels.{key} is Espalier's own; choose a key without espalier.dev")
    annotations: Template = metadata.get("annotations") or {}
    gpu_milli(annotations)
    gpu_models(annotations)


def _check_policy(spec: Template) -> None:
    policy = spec.get("restartPolicy", "Always")
    if policy != "Always":
        raise ValueError(f"spec.restartPolicy {policy!r} would let a crashed server stay down; leave it out (Always)")
    scheduler = spec.get("schedulerName", "default-scheduler")
    if scheduler != "default-scheduler":
        raise ValueError(f"spec.schedulerName {scheduler!r} may not honour Espalier's places; leave it out (default-scheduler)")


def _check_containers(spec: Template) -> None:
    seen: set[str] = set()
    for field in ("containers", "initContainers"):
        for index, container in enumerate(_items(spec, field)):
            where = f"spec.{field}[{index}]"
            name = container.get("name")
            if not isinstance(name, str) or not _LABEL.match(name) or len(name) > 63:
                raise ValueError(
                    f"{where}.name is {name!r}; give it a name of lower-case letters, digits and dashes, at most 63 long"
                )
            if name in seen:
                raise ValueError(f"{where}.name {name!r} is taken by another container; rename one")
            seen.add(name)
            if not isinstance(container.get("image"), str) or not container["image"].strip():
                raise ValueError(f"{where} ({name}) has no image; give it one, such as registry.example/server:1.0")
            _check_env(container, f"{where}.env")


def _check_env(container: Template, where: str) -> None:
    for index, entry in enumerate(_items(container, "env", where)):
        name = entry.get("name")
        if not isinstance(name, str) or not _ENV_NAME.match(name):
            raise ValueError(f"{where}[{index}].name is {name!r}; give it a name of printable letters without '='")
        if name.startswith(OWN_PREFIX):
            raise ValueError(f"{where}[{index}] sets {name}, and names with {OWN_PREFIX} are Espalier's own; rename it")
        if "value" in entry and "valueFrom" in entry:
            raise ValueError(f"{where}[{index}] ({name}) has both value and valueFrom; keep one")
        if "value" in entry and not isinstance(entry["value"], str):
            raise ValueError(f"{where}[{index}] ({name}) has the value {entry['value']!r}, not a string; put it in quotes")


def _mapping(value: object, where: str) -> Template:
    if not isinstance(value, Mapping):
        raise ValueError(f"{where} is {_called(value)}, not a mapping; write it as `key: value` lines")
    return cast("Template", value)


def _optional(value: object, where: str) -> Template:
    """A mapping that may be left out."""
    return {} if value is None else _mapping(value, where)


def _items(spec: Template, field: str, where: str = "") -> Sequence[Template]:
    where = where or f"spec.{field}"
    found: object = spec.get(field)
    if not isinstance(found, list | None):
        raise ValueError(f"{where} is {_called(found)}, not a list; start each item with a dash")
    items = cast("list[object]", found or [])
    return [_mapping(item, f"{where}[{index}]") for index, item in enumerate(items)]


def _called(value: object) -> str:
    known: dict[type, str] = {
        str: "a string",
        int: "a number",
        float: "a number",
        bool: "true or false",
        list: "a list",
        dict: "a mapping",
    }
    return "nothing" if value is None else known.get(type(value), type(value).__name__)
