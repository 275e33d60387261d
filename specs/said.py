"""Annotations of a PodCliqueSet that are part of what it declares: what Grove's own API has no field for.

They are kept with each revision, and changing one is an edit like any other, though the API server counts no generation for it.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from specs.names import DOMAIN, short_hash
from specs.nvlink import GROUP
from specs.owners import CLIQUE_SET_KIND, Manifest
from specs.parsing import NotData, documents
from specs.sections import section

POWERS: Mapping[str, str] = {
    f"{DOMAIN}/{field}": field
    for field in ("rollout", "recovery", "scaling", "warmUp", "drain", "together", "talks", "apart", "priority", "evictable")
}
"""Annotation -> the field of an InferenceSystem's spec that it writes."""
MAPPINGS = ("rollout", "recovery", "scaling", "warmUp", "drain")
EXAMPLE = f'{DOMAIN}/rollout: "{{maxUnavailable: 25%, pauseAfter: [1]}}"'


class BadPower(ValueError):
    """An annotation that can't be read; the message ends with what to do."""


def powers(annotations: Mapping[str, str]) -> dict[str, Any]:
    """Field of an InferenceSystem's spec -> what an annotation says of it. Raises `BadPower`."""
    return {field: _read(key, annotations[key]) for key, field in POWERS.items() if key in annotations}


def with_power(annotations: Mapping[str, str], field: str, value: object) -> dict[str, str]:
    """The same with another value of one field; without it where the value is empty."""
    key = next(key for key, known in POWERS.items() if known == field)
    kept = {name: text for name, text in annotations.items() if name != key}
    return {**kept, key: json.dumps(value, sort_keys=True)} if value else kept


def _read(key: str, text: str) -> object:
    try:
        (document,) = documents(text)
    except (NotData, ValueError):
        raise BadPower(f"annotation {key} is neither YAML nor JSON; write it as {EXAMPLE}") from None
    found: Any = document.data
    if POWERS[key] in MAPPINGS and not isinstance(found, dict):
        raise BadPower(f"annotation {key} is no mapping; write it as {EXAMPLE}")
    return cast("object", found)


def said(annotations: Mapping[str, str]) -> dict[str, str]:
    """Those that are part of what is declared."""
    return {key: value for key, value in sorted(annotations.items()) if key in POWERS or key == GROUP}


def said_by(found: Manifest) -> dict[str, str]:
    """The same of an object, whatever its kind."""
    return said(section(found, "metadata", "annotations")) if found.get("kind") == CLIQUE_SET_KIND else {}


def mark(generation: int, spoken: Mapping[str, str]) -> str:
    """What stands for a spec of this generation and these annotations: `3`, or `3+bcdfg`."""
    return f"{generation}+{short_hash(*(f'{key}={value}' for key, value in spoken.items()))}" if spoken else str(generation)
