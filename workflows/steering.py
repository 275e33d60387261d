"""What a rollout may change, and the manifests that pausing, resuming and undoing make. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

from specs.members import Group, Member
from specs.owners import CLIQUE_SET_KIND
from specs.paths import roles
from specs.revisions import NO_TEMPLATE, revision_hash
from specs.system import InferenceSystem, SystemSpec
from topology.shapes import shape_of

NOTHING: Mapping[str, Any] = {"spec": {"containers": [{"name": "any"}]}}


class CannotChange(ValueError):
    """A command that can't be accepted; the message ends with what to do. `reason` is for machines."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def check_template(before: InferenceSystem, after: InferenceSystem) -> None:
    """A rollout keeps gangs and places: it changes what pods run, not what they are parts of nor what they take."""
    if revision_hash(_bare(before.spec)) != revision_hash(_bare(after.spec)):
        allowed = (
            "templates of roles, replicas (of a role: with minAvailable given), priority, rollout, labels and annotations can be"
        )
        sentence = f"the members of a running system, and where they go, can't be changed yet: {allowed}"
        raise CannotChange(f"{sentence}; delete the system and apply it anew to change more", "TemplateChangeNotSupported")
    known = dict(roles(before.spec))
    for path, role in roles(after.spec):
        if shape_of(role.template) != shape_of(known[path].template) or _claims(role.template) != _claims(known[path].template):
            what = f"what a pod of {path!r} asks of its node (resources, claims, selectors, affinity, tolerations)"
            raise CannotChange(
                f"{what} can't be changed yet, as a rollout keeps places; delete the system and apply it anew",
                "TemplateChangeNotSupported",
            )


def steered(
    manifest: Mapping[str, object], previous: Mapping[str, object], action: Literal["pause", "resume", "undo"]
) -> dict[str, object]:
    """The manifest that says so. Raises `CannotChange`."""
    spec: Any = manifest["spec"]
    if action == "undo":
        if not previous:
            raise CannotChange("there is no earlier template to go back to; apply the one that you want", "NothingToUndo")
        before: Any = previous["spec"]
        old = {key: value for key, value in before.items() if key not in NO_TEMPLATE}
        return {**manifest, "spec": {**old, **_kept(spec)}}
    if manifest.get("kind") == CLIQUE_SET_KIND:
        raise CannotChange("a PodCliqueSet can't be paused; undo the edit with: espalier rollout undo", "NotServed")
    return {**manifest, "spec": {**spec, "rollout": {**spec.get("rollout", {}), "paused": action == "pause"}}}


def _kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What undoing leaves as it is; a pause ends with it."""
    kept = {key: spec[key] for key in NO_TEMPLATE if key in spec}
    rules = {key: value for key, value in spec.get("rollout", {}).items() if key != "paused"}
    return {**kept, "rollout": rules} if rules else {key: value for key, value in kept.items() if key != "rollout"}


def _claims(template: Mapping[str, Any]) -> Any:
    return template["spec"].get("resourceClaims")


def _bare(spec: SystemSpec) -> SystemSpec:
    """The same with templates that say nothing."""
    return spec.model_copy(update={"members": tuple(map(_bare_member, spec.members))})


def _bare_member(member: Member) -> Member:
    if isinstance(member, Group):
        return member.model_copy(update={"members": tuple(map(_bare_member, member.members))})
    return member.model_copy(update={"template": NOTHING})
