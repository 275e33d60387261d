"""What a rollout may change, and the manifests that pausing, resuming and undoing make. Pure."""

from collections.abc import Mapping
from typing import Any

from specs.fixed import REMEDY, moved
from specs.grove import CliqueSystem
from specs.members import Group, Member
from specs.minimums import changed
from specs.owners import CLIQUE_SET_KIND
from specs.revisions import NO_TEMPLATE, revision_hash
from specs.said import powers, with_power
from specs.system import InferenceSystem, SystemSpec
from workflows.requests import Action

NOTHING: Mapping[str, Any] = {"spec": {"containers": [{"name": "any"}]}}


class CannotChange(ValueError):
    """A command that can't be accepted; the message ends with what to do. `reason` is for machines."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def check_edit(before: InferenceSystem, after: InferenceSystem) -> None:
    """What can't be changed while it runs. Raises `CannotChange`."""
    if isinstance(before, CliqueSystem) and isinstance(after, CliqueSystem):
        _check_set(before, after)
    elif (before.spec.services, before.spec.evictable) != (after.spec.services, after.spec.evictable):
        sentence = "services and evictable of a running system can't be changed, because its pods are made by them"
        raise CannotChange(f"{sentence}; put them back, or declare a system of another name", "TemplateChangeNotSupported")


def steered(manifest: Mapping[str, object], previous: Mapping[str, object], action: Action) -> dict[str, object]:
    """The manifest that says so. Raises `CannotChange`."""
    spec: Any = manifest["spec"]
    if action == "undo":
        if not previous:
            raise CannotChange("there is no earlier template to go back to; apply the one that you want", "NothingToUndo")
        before: Any = previous["spec"]
        old = {key: value for key, value in before.items() if key not in NO_TEMPLATE}
        return {**_paused(manifest, paused=False), "spec": {**old, **_kept(spec)}}
    if manifest.get("kind") == CLIQUE_SET_KIND:
        return _paused(manifest, paused=action == "pause")
    return {**manifest, "spec": {**spec, "rollout": {**spec.get("rollout", {}), "paused": action == "pause"}}}


def _paused(manifest: Mapping[str, object], *, paused: bool) -> dict[str, object]:
    """A PodCliqueSet has an annotation for what Grove has no field for; of anything else its spec says so."""
    metadata: Any = manifest["metadata"]
    annotations = metadata.get("annotations", {})
    if manifest.get("kind") != CLIQUE_SET_KIND:
        return dict(manifest)
    rules = {key: value for key, value in powers(annotations).get("rollout", {}).items() if key != "paused"}
    told = with_power(annotations, "rollout", {**rules, **({"paused": True} if paused else {})})
    return {**manifest, "metadata": {**metadata, "annotations": told}}


def _kept(spec: Mapping[str, Any]) -> dict[str, Any]:
    """What undoing leaves as it is; a pause ends with it."""
    kept = {key: spec[key] for key in NO_TEMPLATE if key in spec}
    rules = {key: value for key, value in spec.get("rollout", {}).items() if key != "paused"}
    return {**kept, "rollout": rules} if rules else {key: value for key, value in kept.items() if key != "rollout"}


def _check_set(before: CliqueSystem, after: CliqueSystem) -> None:
    """A PodCliqueSet keeps what Grove keeps."""
    fixed = moved(before.source, after.source) or changed(before.source, after.source)
    if not fixed and revision_hash(_bare(before.spec)) != revision_hash(_bare(after.spec)):
        what = "startup order, minAvailable of groups, scaling groups and topology constraints of a PodCliqueSet are immutable"
        fixed = f"{what}; put them back as they were, or {REMEDY}"
    if fixed:
        raise CannotChange(fixed, "TemplateChangeNotSupported")


def _bare(spec: SystemSpec) -> SystemSpec:
    """The same with templates that say nothing."""
    return spec.model_copy(update={"members": tuple(map(_bare_member, spec.members))})


def _bare_member(member: Member) -> Member:
    if isinstance(member, Group):
        return member.model_copy(update={"members": tuple(map(_bare_member, member.members))})
    return member.model_copy(update={"template": NOTHING})
