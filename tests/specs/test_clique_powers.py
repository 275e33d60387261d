"""What a PodCliqueSet says by annotation, and what its pods are told, beyond Grove's own words."""

import pytest

from specs.owners import Owner
from specs.paths import roles
from specs.pods import PodMaker
from specs.reading import SpecError
from specs.revisions import edition_hash, revision_hash, template_hash
from tests.specs.spoiling import CLIQUE_SET as SET
from tests.specs.test_podcliqueset import one

OWNER = Owner("llama", "default", "u", "PodCliqueSet")


def asked(**powers: str) -> str:
    """The set with these annotations."""
    said = ", ".join(f"espalier.dev/{field}: '{text}'" for field, text in powers.items())
    return SET.replace("metadata: {name: llama}", f"metadata: {{name: llama, annotations: {{{said}}}}}")


def test_warm_up_and_drain_are_said_by_annotation_and_are_no_part_of_the_template() -> None:
    system, bare = one(asked(warmUp="{within: 5m}", drain="{condition: example.com/Drained, within: 30s}")), one(SET)
    assert system.spec.warm_up is not None
    assert system.spec.drain is not None
    assert (system.spec.warm_up.images, system.spec.warm_up.within_s) == (True, 300)
    assert (system.spec.drain.condition, system.spec.drain.most.total_seconds()) == ("example.com/Drained", 30)
    assert list(system.said) == ["espalier.dev/drain", "espalier.dev/warmUp"]
    assert revision_hash(system.spec) == revision_hash(bare.spec)
    assert edition_hash(system) != edition_hash(bare)
    hashes = [[template_hash(role) for _, role in roles(each.spec)] for each in (system, bare)]
    assert hashes[0] == hashes[1]


@pytest.mark.parametrize(
    ("powers", "sentence"),
    [
        ({"warmUp": "yes"}, "annotation espalier.dev/warmUp is no mapping; write it as"),
        ({"warmUp": "{images: false}"}, "annotation espalier.dev/warmUp: warmUp fetches nothing; set images, or give a template"),
        ({"drain": "{within: 30s}"}, "annotation espalier.dev/drain: 'condition' is missing"),
    ],
)
def test_one_that_can_not_be_is_refused_by_its_name(powers: dict[str, str], sentence: str) -> None:
    with pytest.raises(SpecError, match="annotation") as refusal:
        one(asked(**powers))
    assert sentence in str(refusal.value)


def test_pods_know_their_revision_before_the_user_s_own_variables() -> None:
    own = "{name: DYN_NAMESPACE_WORKER_SUFFIX, value: $(ESPALIER_REVISION)}"
    system = one(SET.replace("image: busybox", f"image: busybox, env: [{own}]"))
    pod = PodMaker(OWNER, system.spec).pod("0/router/0", 0)
    env = [(each["name"], each.get("value")) for each in pod["spec"]["containers"][0]["env"]]
    told = ("ESPALIER_REVISION", pod["metadata"]["labels"]["espalier.dev/revision"])
    assert env.index(told) < env.index(("DYN_NAMESPACE_WORKER_SUFFIX", "$(ESPALIER_REVISION)"))
