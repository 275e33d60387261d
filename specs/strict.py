"""What every declared object has in common: frozen, nothing unknown, camelCase outside and snake_case inside."""

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Annotated, Any, ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict, JsonValue, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

Name = Annotated[str, StringConstraints(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$", min_length=1, max_length=63)]
"""A DNS label that starts with a letter, so that a number in a path is always an index."""

Level = Annotated[str, StringConstraints(pattern=r"^[a-z][-a-z0-9]*$", min_length=1, max_length=63)]
"""A level of the fabric: zone, block, rack, host, or whatever the cluster's Fabric calls it."""


class Spec(BaseModel):
    """A declared value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True, use_attribute_docstrings=True
    )

    @model_validator(mode="after")
    def _null_says_nothing(self) -> Self:
        """A field left empty in YAML counts as left out: the API server stores no null."""
        self.model_fields_set.difference_update([name for name in self.model_fields_set if getattr(self, name) is None])
        return self


STORED: dict[str, JsonValue] = {"stored": True}
"""`json_schema_extra` of a field whose default the API server writes into what it stores, as if the user had written it."""


class Stored(Spec):
    """A declared value with defaults that are stored: they count as written, so that both sides say the same."""

    left_open: ClassVar[Collection[str]] = ()
    """Fields that do not count as written until they are stored: to leave them out is to leave them to somebody else."""

    @model_validator(mode="after")
    def _with_stored_defaults(self) -> Self:
        stored = (name for name, field in type(self).model_fields.items() if field.json_schema_extra == STORED)
        self.model_fields_set.update(name for name in stored if name not in self.left_open)
        return self


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'prefill'?`, or nothing when nothing known is near."""
    near = get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Resource(Spec):
    """A manifest, as a file or `kubectl get -o yaml` has it; its status is left out, for applying what was printed must work."""

    @model_validator(mode="before")
    @classmethod
    def _without_status(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {key: value for key, value in cast("dict[str, Any]", data).items() if key != "status"}
