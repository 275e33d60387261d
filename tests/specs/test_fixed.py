"""What of a PodCliqueSet stays as it was first, in Grove's words."""

import pytest

from specs.fixed import moved
from specs.grove import CliqueSystem
from specs.podcliqueset import PodCliqueSet
from specs.reading import read
from tests.specs.spoiling import CLIQUE_SET as SET


def source(text: str) -> PodCliqueSet:
    (found,) = read(text, "f")
    assert isinstance(found, CliqueSystem)
    return found.source


SHARED = "    resourceSharing: [{name: x, scope: PerReplica}]\n    cliques:"
MOVED = {
    "nothing": ("replicas: 2", "replicas: 2", ""),
    "a count": ("replicas: 2", "replicas: 3", ""),
    "a role": ("roleName: leader", "roleName: head", "cliques[1].spec.roleName: field is immutable; put it back"),
    "a scheduler": ("schedulerName: kai-scheduler", "schedulerName: volcano", "podSpec.schedulerName: field is immutable"),
    "what is shared": ("    cliques:", SHARED, "spec.template.resourceSharing: field is immutable"),
    "a name": ("name: leader", "name: head", "not allowed to change clique composition"),
}


@pytest.mark.parametrize(("old", "new", "sentence"), MOVED.values(), ids=MOVED)
def test_says_what_was_moved(old: str, new: str, sentence: str) -> None:
    assert old in SET
    changed = SET.replace(old, new)
    changed = (
        changed.replace("[worker, leader]", "[worker, head]").replace("[leader]", "[head]") if "name: head" in new else changed
    )
    found = moved(source(SET), source(changed))
    assert sentence in found if sentence else not found


def test_the_order_of_cliques_stays_where_it_means_something() -> None:
    old = source(SET)
    template = old.spec.template
    turned = template.model_copy(update={"cliques": tuple(reversed(template.cliques))})
    new = old.model_copy(update={"spec": old.spec.model_copy(update={"template": turned})})
    assert "clique order cannot be changed when StartupType is InOrder or Explicit. Expected 'router' at position 0" in moved(
        old, new
    )
