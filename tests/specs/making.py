"""Small systems in few words, and any system at all, for the tests of specs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from specs.members import Group, Role
from specs.system import SystemSpec

SYSTEMS = sorted(Path(__file__).parent.joinpath("systems").glob("*.yaml"))
"""Golden workloads, retold."""
EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*.yaml"))

TEMPLATE: Mapping[str, Any] = {"spec": {"containers": [{"name": "server", "image": "registry.example/server:1"}]}}


def role(name: str, replicas: int = 1, **more: Any) -> Role:
    return Role.model_validate({"role": name, "replicas": replicas, "template": TEMPLATE, **more})


def group(name: str, replicas: int, *members: Role | Group, **more: Any) -> Group:
    return Group.model_validate({"group": name, "replicas": replicas, "members": members, **more})


def system(*members: Role | Group, **more: Any) -> SystemSpec:
    return SystemSpec.model_validate({"members": members, **more})


LEVELS = ("zone", "block", "rack", "host")
NAMES = ("alpha", "beta", "gamma-ray", "d")


@st.composite
def places(draw: st.DrawFn) -> dict[str, Any]:
    return {"within": draw(st.none() | st.sampled_from(LEVELS)), "prefer": draw(st.none() | st.sampled_from(LEVELS))}


@st.composite
def members(draw: st.DrawFn, depth: int = 1) -> list[Role | Group]:
    made: list[Role | Group] = []
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)):
        replicas = draw(st.integers(0, 3))
        more: dict[str, Any] = {"minAvailable": draw(st.none() | st.integers(0, replicas)), "place": draw(places())}
        if depth < 3 and draw(st.booleans()):
            made.append(group(name, replicas, *draw(members(depth + 1)), **more))
        else:
            made.append(role(name, replicas, **more))
    return made


@st.composite
def systems(draw: st.DrawFn) -> SystemSpec:
    """Any system of a few pods, some of them with a pairing rule."""
    parts = [*draw(members()), role("always")]
    paired = [part.name for part in parts if isinstance(part, Group) or part.place.within is None]
    rules: list[dict[str, Any]] = []
    if len(paired) > 1 and draw(st.booleans()):
        ratio = {paired[0]: draw(st.integers(1, 2))}
        rules = [{"members": paired, "within": "rack", "ratio": ratio}]
    place, whole = draw(places()), {key: value for key, value in draw(places()).items() if key != "prefer"}
    return system(*parts, replicas=draw(st.integers(0, 3)), place=place, placeAll=whole, together=rules)
