"""What editors and API servers are told."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from specs.crds import crds
from specs.reading import read
from specs.schemas import json_schema
from specs.status import SystemStatus, clipped
from tests.specs.making import EXAMPLES, SYSTEMS


def errors(manifest: Any) -> list[str]:
    validator: Any = Draft202012Validator(json_schema())
    return [error.message for error in validator.iter_errors(manifest)]


@pytest.mark.parametrize("path", [*SYSTEMS, *EXAMPLES], ids=lambda path: path.stem)
def test_whatever_reads_well_is_valid_in_an_editor(path: Path) -> None:
    assert len(read(path.read_text(), path.name)) == 1
    Draft202012Validator.check_schema(json_schema())
    assert errors(yaml.safe_load(path.read_text())) == []


def test_a_slip_is_marked_in_an_editor() -> None:
    manifest = yaml.safe_load(SYSTEMS[-1].read_text())
    manifest["spec"]["members"][0]["replcas"] = 2
    assert errors(manifest)


def test_definitions_are_the_same_every_time() -> None:
    assert json.dumps(crds()) == json.dumps(crds())
    assert [crd["metadata"]["name"] for crd in crds()] == [
        "inferencesystems.espalier.dev",
        "systemmembers.espalier.dev",
        "fabrics.espalier.dev",
        "placements.espalier.dev",
        "podcliquesets.grove.io",
        "podcliques.grove.io",
        "podcliquescalinggroups.grove.io",
        "clustertopologybindings.grove.io",
        "podgangs.scheduler.grove.io",
    ]
    assert "*id" not in yaml.safe_dump_all(crds())


METADATA = {"properties": {"creationTimestamp": {"type": "string"}}}
"""What the API server knows of every object."""


def parts(schema: Any) -> list[dict[str, Any]]:
    if not hasattr(schema, "get"):
        return []
    inner = [*schema.get("properties", {}).values(), schema.get("items"), schema.get("additionalProperties")]
    return [schema, *(part for each in inner for part in parts(each))]


def test_every_field_is_explained_and_bounded() -> None:
    for crd in crds():
        for part in parts(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]):
            assert part.get("type") or part["x-kubernetes-int-or-string"], part
            groves = crd["spec"]["group"].endswith("grove.io")
            assert groves or part.get("default", 1) == 1, "a default would change the revision of what was read back"
            assert part.get("type") != "array" or part["maxItems"], part
            for name, each in part.get("properties", {}).items():
                assert each.get("description") or name in {"metadata", "name", "image", "labels", "annotations", "containers"}, (
                    name
                )


COLUMNS = {
    f"{crd['spec']['names']['kind']} {column['name']}": (crd, column)
    for crd in crds()
    for column in crd["spec"]["versions"][0]["additionalPrinterColumns"]
}


@pytest.mark.parametrize(("crd", "column"), COLUMNS.values(), ids=COLUMNS)
def test_every_column_shows_a_field_that_there_is(crd: dict[str, Any], column: dict[str, Any]) -> None:
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    part: Any = {"properties": {**schema["properties"], "metadata": METADATA}}
    for field, chosen in re.findall(r"\.([A-Za-z]+)(\[.*?\])?(?=[.]|$)", column["jsonPath"]):
        part = part["properties"][field]
        if chosen:
            part = part["items"]
            assert all(key in part["properties"] for key in re.findall(r"@\.(\w+)", chosen))
    assert part["type"] == {"date": "string"}.get(column["type"], column["type"])


def test_short_names_are_short_for_one_kind_each() -> None:
    named = [short for crd in crds() for short in crd["spec"]["names"]["shortNames"]]
    assert len(named) == len(set(named)) == len(crds())


def test_a_status_is_bounded_and_camel_case() -> None:
    assert SystemStatus(phase="Waiting", ready_copies=1).manifest()["readyCopies"] == 1
    assert len(clipped("x" * 2_000)) == 1_024
    assert clipped("short") == "short"
