"""What if a rack is lost, or two are bought, or a role grows: small fleets, worked out by hand."""

from typing import Any

import pytest

from specs.system import InferenceSystem
from tests.topology.fleets import GPU, fleet, nodes, racks
from topology.planning.plan import Supposed, plan
from topology.planning.whatif import WhatIfError, scaled, with_copies, without

SNAPSHOT: dict[str, Any] = {"kind": "NodeList", "items": nodes({"z": {"b": {"r0": [4], "r1": [4, 4]}}})}


def system(pods: int) -> InferenceSystem:
    """Pods that take a whole host each, in one rack."""
    template = {"spec": {"containers": [{"name": "c", "image": "x", "resources": {"requests": {GPU: "4"}}}]}}
    role = {"role": "decode", "replicas": pods, "minAvailable": pods, "place": {"within": "rack"}, "template": template}
    return InferenceSystem.model_validate({
        "apiVersion": "espalier.dev/v1alpha1", "kind": "InferenceSystem", "metadata": {"name": "s"}, "spec": {"members": [role]},
    })  # fmt: skip


#                         pods  without     with         fits
TABLE = {
    "as it is":          (2,    (),         (),          True),
    "a rack less":       (2,    ("r1",),    (),          False),
    "a path":            (2,    ("z/b/r1",), (),         False),
    "a node less":       (2,    ("z-b-r1-0",), (),       False),
    "too large":         (3,    (),         (),          False),
    "copies are racks":  (3,    (),         ("2xr0",),   False),
    "a copy in its stead": (2,  ("r1",),    ("1xr1",),   True),
}  # fmt: skip


@pytest.mark.parametrize(("pods", "less", "more", "fits"), TABLE.values(), ids=TABLE)
def test_fits(pods: int, less: tuple[str, ...], more: tuple[str, ...], fits: bool) -> None:
    (found,) = plan([system(pods)], SNAPSHOT, None, Supposed(less, more))["systems"]
    assert found["feasible"] is fits


def test_a_copy_stands_beside_what_it_is_of() -> None:
    supply = racks([4, 4])
    with_copies(supply, ["2xr0"])
    assert {supply.domain(name, "rack") for name in supply.hosts} == {"z/b/r0", "z/b/r0+1", "z/b/r0+2"}
    assert len(supply.hosts) == 6


@pytest.mark.parametrize(
    ("change", "counts"),
    [("decode=+4", {"decode": 6}), ("decode=-0", {"decode": 2}), ("decode=5", {"decode": 5}), ("copies=+1", {"copies": 2})],
)
def test_scaled(change: str, counts: dict[str, int]) -> None:
    assert scaled(system(2), [change]) == counts


def test_what_would_be_refused_is_not_supposed() -> None:
    with pytest.raises(WhatIfError, match="s: decode can't be 1, because its minAvailable is 2; ask for 2 or more"):
        scaled(system(2), ["decode=-1"])


@pytest.mark.parametrize(("rack", "pods", "fits"), [("gb200-rack", 18, True), ("gb200-rack", 19, False), ("dgx-rack", 4, True)])
def test_racks_that_can_be_bought(rack: str, pods: int, fits: bool) -> None:
    """None like them need be there; and two of them are two racks."""
    (found,) = plan([system(pods)], SNAPSHOT, None, Supposed((), (f"2x{rack}",)))["systems"]
    assert found["feasible"] is fits
    supply = racks([4, 4])
    with_copies(supply, [f"2x{rack}"])
    assert {supply.domain(name, "rack") for name in supply.hosts} == {
        "z/b/r0", f"{rack}/{rack}/{rack}+1", f"{rack}/{rack}/{rack}+2",
    }  # fmt: skip


def test_words_that_make_no_sense() -> None:
    twice = fleet({"z": {"a": {"r": [1]}, "b": {"r": [1]}}})
    with pytest.raises(WhatIfError, match="may be any of z/a/r, z/b/r; write its whole path"):
        without(twice, ["r"])
    with pytest.raises(WhatIfError, match="did you mean 'r0'"):
        without(racks([1]), ["r00"])
    with pytest.raises(WhatIfError, match="write it like 2xrack-7"):
        with_copies(racks([1]), ["r0"])
    with pytest.raises(WhatIfError, match="no change of a count"):
        scaled(system(1), ["decode"])
    with pytest.raises(WhatIfError, match="'prefil' is no part"):
        plan([system(1)], SNAPSHOT, None, Supposed(scale=["prefil=+1"]))
