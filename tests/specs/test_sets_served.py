"""What the definition of PodCliqueSets refuses on a real API server, before anybody is asked, in Grove's words."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.api import Api, ApiError
from tests.specs.test_crds_served import definitions
from tests.workers import grove_set
from tests.workers.grove_set import declared

__all__ = ["definitions"]
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("definitions")]
Json = dict[str, Any]
Change = Callable[[Json], object]
"""Of a template."""


def constraint(**said: Any) -> Json:
    return {"topologyConstraint": {"topologyName": "fabric", **said}}


RACK = constraint(pack={"required": "rack"})
IN_GROUPS = "not allowed to add or remove PodCliqueScalingGroupConfigs"
IN_CLIQUES = "not allowed to change clique composition"
PACKED = "topology constraint cannot be added, removed or changed after creation"
FEW = "minAvailable must not be greater than replicas"


def as_it_is(template: Json) -> None:
    """No change."""
    del template


def clique(template: Json, index: int) -> Json:
    found: Json = template["cliques"][index]
    return found


def group(template: Json) -> Json:
    found: Json = template["podCliqueScalingGroups"][0]
    return found


def made(change: Change, before: Json | None = None) -> Json:
    manifest = copy.deepcopy(before or declared())
    change(manifest["spec"]["template"])
    return manifest


NEW: dict[str, tuple[Change, str]] = {
    "no clique": (lambda t: t.update(cliques=[], podCliqueScalingGroups=[]), "at least one PodClique must be defined"),
    "an empty pack": (lambda t: t.update(constraint(pack={})), "pack must specify at least one of required or preferred"),
    "an empty pack of a clique": (lambda t: clique(t, 0).update(constraint(pack={})), "pack must specify at least one"),
    "packDomain": (lambda t: t.update(constraint(packDomain="rack")), "packDomain is deprecated and cannot be used"),
    "packDomain of a group": (lambda t: group(t).update(constraint(packDomain="rack")), "packDomain is deprecated"),
    "a constraint of nothing": (lambda t: t.update(constraint()), "topologyConstraint must specify pack"),
    "fewer pods than the minimum": (lambda t: clique(t, 0)["spec"].update(minAvailable=2), FEW),
    "fewer group replicas than the minimum": (lambda t: group(t).update(minAvailable=3), FEW),
    "an unknown order": (lambda t: t.update(cliqueStartupType="InOrder"), "Unsupported value"),
}


@pytest.mark.parametrize(("change", "words"), NEW.values(), ids=NEW)
async def test_a_new_set_is_refused(change: Change, words: str, api: Api, fresh_namespace: str) -> None:
    at = sets(fresh_namespace)
    await api.post(at, made(as_it_is), dryRun="All", fieldValidation="Strict")
    with pytest.raises(ApiError) as refused:
        await api.post(at, made(change), dryRun="All", fieldValidation="Strict")
    assert words in str(refused.value)


#           as it is stored, the edit, what it is told: nothing where it is taken
EDITS: dict[str, tuple[Change, Change, str]] = {
    "more pods": (as_it_is, lambda t: clique(t, 0)["spec"].update(replicas=3), ""),
    "more pods of one without minAvailable": (as_it_is, lambda t: clique(t, 1)["spec"].update(replicas=3), ""),
    "a minimum written down": (as_it_is, lambda t: clique(t, 1)["spec"].update(minAvailable=1), ""),
    "a minimum left out": (as_it_is, lambda t: clique(t, 2)["spec"].pop("minAvailable"), ""),
    "another minimum": (as_it_is, lambda t: clique(t, 2)["spec"].update(minAvailable=2), "minAvailable: field is immutable"),
    "fewer than a minimum that is left out": (
        lambda t: clique(t, 2)["spec"].update(minAvailable=2),
        lambda t: t["cliques"].__setitem__(2, grove_set.clique("worker", 1)),
        FEW,
    ),
    "another minimum of a group": (as_it_is, lambda t: group(t).update(minAvailable=2), "minAvailable: field is immutable"),
    "another startup type": (
        as_it_is,
        lambda t: t.update(cliqueStartupType="CliqueStartupTypeInOrder"),
        "cliqueStartupType: field is immutable",
    ),
    "another order": (as_it_is, lambda t: clique(t, 2)["spec"].update(startsAfter=["router"]), "startsAfter: field is immutable"),
    "another role": (as_it_is, lambda t: clique(t, 2)["spec"].update(roleName="w"), "roleName: field is immutable"),
    "other cliques in a group": (as_it_is, lambda t: group(t).update(cliqueNames=["leader"]), "cliqueNames: field is immutable"),
    "a group more": (
        as_it_is,
        lambda t: t["podCliqueScalingGroups"].append({"name": "more", "cliqueNames": ["router"]}),
        IN_GROUPS,
    ),
    "a group of another name": (as_it_is, lambda t: group(t).update(name="other"), IN_GROUPS),
    "the first group": (
        lambda t: t.pop("podCliqueScalingGroups"),
        lambda t: t.update(podCliqueScalingGroups=[{"name": "first", "cliqueNames": ["router"]}]),
        IN_GROUPS,
    ),
    "no group any more": (as_it_is, lambda t: t.pop("podCliqueScalingGroups"), IN_GROUPS),
    "a clique of another name": (as_it_is, lambda t: clique(t, 0).update(name="gateway"), IN_CLIQUES),
    "a clique less": (as_it_is, lambda t: t["cliques"].pop(0), IN_CLIQUES),
    "packed now": (as_it_is, lambda t: t.update(RACK), PACKED),
    "a clique packed now": (as_it_is, lambda t: clique(t, 0).update(RACK), PACKED),
    "a group packed now": (as_it_is, lambda t: group(t).update(RACK), PACKED),
    "packed no more": (lambda t: t.update(RACK), lambda t: t.pop("topologyConstraint"), PACKED),
    "packed elsewhere": (lambda t: t.update(RACK), lambda t: t.update(constraint(pack={"required": "zone"})), PACKED),
}


@pytest.mark.parametrize(("before", "change", "words"), EDITS.values(), ids=EDITS)
async def test_an_edit_is_taken_or_refused(before: Change, change: Change, words: str, api: Api, fresh_namespace: str) -> None:
    stored = made(before)
    await api.post(sets(fresh_namespace), stored, fieldValidation="Strict")
    edit = [{"op": "replace", "path": "/spec/template", "value": made(change, stored)["spec"]["template"]}]
    try:
        await api.patch(f"{sets(fresh_namespace)}/llama", edit, "json", dryRun="All", fieldValidation="Strict")
        told = ""
    except ApiError as refused:
        told = str(refused)
    assert words in told if words else not told, told


def sets(namespace: str) -> str:
    return f"/apis/grove.io/v1alpha1/namespaces/{namespace}/podcliquesets"
