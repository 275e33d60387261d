"""What `kubectl get` prints of a simulated cluster."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from specs.crds import crds
from workers.simulated.kinds import defined
from workers.simulated.tables import age, found, table

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONDITIONS = [{"type": "Placed", "reason": "AllPlaced"}, {"type": "Ready", "reason": "NoRoom"}]
ITEM: dict[str, Any] = {
    "kind": "PodCliqueSet",
    "metadata": {"name": "llama", "creationTimestamp": "2026-01-01T11:00:00Z"},
    "spec": {"replicas": 2, "levels": [{"domain": "block"}, {"domain": "rack"}]},
    "status": {"availableReplicas": 0, "conditions": CONDITIONS},
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        (".spec.replicas", [2]),
        (".spec.levels[*].domain", ["block", "rack"]),
        (".spec.levels[1].domain", ["rack"]),
        (".spec.levels[7].domain", []),
        ('.status.conditions[?(@.type=="Ready")].reason', ["NoRoom"]),
        (".status.nothing.of.it", []),
        (".spec.replicas.of.a.number", []),
    ],
)
def test_values_at_a_path(path: str, values: list[Any]) -> None:
    assert found(ITEM, path) == values


@pytest.mark.parametrize(("seconds", "told"), [(-5, "0s"), (0, "0s"), (59, "59s"), (3_599, "59m"), (7_200, "2h"), (90_000, "1d")])
def test_ages(seconds: int, told: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == told


def test_columns_are_those_of_the_definition() -> None:
    (definition,) = (each for each in crds() if each["spec"]["names"]["kind"] == "PodCliqueSet")
    (resource,) = defined(definition)
    made = table(resource, [ITEM], {}, NOW)
    shown = dict(zip((each["name"] for each in made["columnDefinitions"]), made["rows"][0]["cells"], strict=True))
    columns = definition["spec"]["versions"][0]["additionalPrinterColumns"]
    assert list(shown) == ["Name", *(each["name"] for each in columns)]
    assert (
        shown.items()
        >= {"Name": "llama", "Replicas": 2, "Available": 0, "Updated": None, "Reason": "NoRoom", "Age": "1h"}.items()
    )
