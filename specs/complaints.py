"""Turns what validation finds into one sentence that says where, what, and what to do."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from specs.bindings import BindingLevel, BindingSpec, ClusterTopologyBinding, SchedulerBinding
from specs.cliques import (
    AutoScaling,
    Clique,
    CliqueSpec,
    Pack,
    RollingUpdate,
    ScalingGroup,
    SetFilter,
    SetSharer,
    TopologyConstraint,
)
from specs.fabric import Fabric, FabricLevel, FabricSpec, UsualPod
from specs.members import Group, Place, Role, Spread
from specs.podcliqueset import ClaimTemplate, Headless, PodCliqueSet, PodCliqueSetSpec, Template, UpdateStrategy
from specs.recovery import Recovery
from specs.rollout import Rollout
from specs.scaling import ScaleSchedule, Scaling
from specs.strict import did_you_mean
from specs.system import Apart, InferenceSystem, SystemSpec, Talk, Together

Loc = tuple[int | str, ...]

_MODELS: Mapping[str, Mapping[str, type[BaseModel]]] = {
    "InferenceSystem": {
        "": InferenceSystem, "spec": SystemSpec, "role": Role, "group": Group, "place": Place, "placeAll": Place,
        "spread": Spread, "together": Together, "talks": Talk, "apart": Apart, "scaling": Scaling, "schedules": ScaleSchedule,
        "rollout": Rollout, "recovery": Recovery,
    },
    "Fabric": {"": Fabric, "spec": FabricSpec, "levels": FabricLevel, "usualPods": UsualPod},
    "PodCliqueSet": {
        "": PodCliqueSet, "spec": PodCliqueSetSpec, "cliques": Clique, "cliques.spec": CliqueSpec, "template": Template,
        "podCliqueScalingGroups": ScalingGroup, "topologyConstraint": TopologyConstraint, "pack": Pack,
        "autoScalingConfig": AutoScaling, "scaleConfig": AutoScaling, "resourceSharing": SetSharer, "filter": SetFilter,
        "updateStrategy": UpdateStrategy, "headlessServiceConfig": Headless, "resourceClaimTemplates": ClaimTemplate,
        "rollingUpdate": RollingUpdate,
    },
    "ClusterTopologyBinding": {
        "": ClusterTopologyBinding, "spec": BindingSpec, "levels": BindingLevel, "schedulerTopologyBindings": SchedulerBinding,
    },
}  # fmt: skip
_NAME = "use lower-case letters, digits and dashes, starting with a letter"
_WORDS: Mapping[int | str, str] = {
    "label": "give the key of a node label",
    "catchUp": "write a time from 10s to 24h, as in 10m",
    "terminationDelay": "write a time as 30m or 4h",
    "timeZone": "write it as Europe/Berlin, or UTC",
}
_QUOTES = "in YAML yes, no, on, off, true and false are booleans and bare numbers are numbers; put it in quotes"


def complaint(error: ValidationError, kind: str) -> tuple[Loc, str]:
    """Where the first thing that is wrong is, and the sentence about it."""
    # A misspelt field is also a missing one: the misspelling is what to speak of.
    first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
    loc = first["loc"]
    say = _SENTENCES.get(first["type"], _other)
    return without_tags(loc), say(first, kind)


def complained(error: ValidationError, kind: str) -> str:
    """The same as one text: `spec.members[0].replicas: ...`."""
    where, sentence = complaint(error, kind)
    return f"{dotted(where)}: {sentence}" if where else sentence


def without_tags(loc: Loc) -> Loc:
    """The path as written: validation adds `role` or `group` after each member's index."""
    kept: list[int | str] = []
    for place, step in enumerate(loc):
        is_tag = step in {"role", "group"} and place >= 2 and isinstance(loc[place - 1], int) and loc[place - 2] == "members"
        if not is_tag:
            kept.append(step)
    return tuple(kept)


def dotted(loc: Sequence[int | str]) -> str:
    """`spec.members[0].replicas`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in loc).removeprefix(".")


def _unknown(first: ErrorDetails, kind: str) -> str:
    name, above = str(first["loc"][-1]), [step for step in first["loc"][:-1] if isinstance(step, str)]
    models = _MODELS[kind]
    model = models.get(".".join(above[-2:])) or models.get(above[-1] if above else "")
    known = sorted(field.alias or name for name, field in model.model_fields.items()) if model else []
    return f"{name!r} is not a field here{did_you_mean(name, known) or '; the fields are ' + ', '.join(known)}"


def _missing(first: ErrorDetails, _: str) -> str:
    return f"{first['loc'][-1]!r} is missing; give it"


def _own_words(first: ErrorDetails, _: str) -> str:
    return str(first["msg"]).removeprefix("Value error, ")


def _type_of(wanted: str) -> Any:
    def say(first: ErrorDetails, _: str) -> str:
        return f"{_shown(first['input'])} is not {wanted}; {_remedy(first['input'], wanted)}"

    return say


def _remedy(value: object, wanted: str) -> str:
    if wanted == "a string" and isinstance(value, bool | int | float):
        return _QUOTES
    if wanted == "a whole number" and isinstance(value, str) and value.lstrip("-").isdecimal():
        return "leave the quotes out"
    return {"a list": "start each item with a dash", "a mapping": "write it as `key: value` lines"}.get(wanted, f"write {wanted}")


def _pattern(first: ErrorDetails, _: str) -> str:
    return f"{_shown(first['input'])} can't be used here; {_WORDS.get(first['loc'][-1], _NAME)}"


def _choice(first: ErrorDetails, _: str) -> str:
    known = [each.strip("'\" ") for each in str((first.get("ctx") or {}).get("expected", "")).replace(" or ", ",").split(",")]
    near = did_you_mean(str(first["input"]), known)
    return f"{_shown(first['input'])} is not known here{near or '; choose ' + ' or '.join(known)}"


def _bound(word: str, key: str) -> Any:
    def say(first: ErrorDetails, _: str) -> str:
        return f"{_shown(first['input'])} is out of bounds; give {word} {(first.get('ctx') or {}).get(key):,}"

    return say


def _length(word: str, key: str) -> Any:
    def say(first: ErrorDetails, _: str) -> str:
        value = first["input"]
        unit = "letters" if isinstance(value, str) else "items"
        return f"it has {len(value)} {unit}; give {word} {(first.get('ctx') or {}).get(key)}"

    return say


def _other(first: ErrorDetails, _: str) -> str:
    return f"{first['msg'][:1].lower()}{first['msg'][1:]}; see the examples for a manifest that works"


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


_SENTENCES = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "value_error": _own_words,
    "role_or_group": _own_words,
    "literal_error": _choice,
    "string_pattern_mismatch": _pattern,
    "string_type": _type_of("a string"),
    "int_type": _type_of("a whole number"),
    "int_parsing": _type_of("a whole number"),
    "int_from_float": _type_of("a whole number"),
    "tuple_type": _type_of("a list"),
    "mapping_type": _type_of("a mapping"),
    "model_type": _type_of("a mapping"),
    "model_attributes_type": _type_of("a mapping"),
    "greater_than_equal": _bound("at least", "ge"),
    "less_than_equal": _bound("at most", "le"),
    "too_short": _length("at least", "min_length"),
    "too_long": _length("at most", "max_length"),
    "string_too_short": _length("at least", "min_length"),
    "string_too_long": _length("at most", "max_length"),
}
