"""Names are contracts: change one here only with a plan for the systems that run."""

import re

from hypothesis import given
from hypothesis import strategies as st

from specs import names
from specs.counts import slots
from specs.system import SystemSpec
from tests.specs.making import systems

LABEL = re.compile(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?$")
SUBDOMAIN = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")


def test_names_are_these() -> None:
    assert names.hostname("llama", "0/prefill/2/worker/3") == "llama-0-prefill-2-worker-3"
    assert names.pod_name("llama", "uid-1", "0/prefill/2/worker/3", 0) == "llama-0-prefill-2-worker-3-lbwqj"
    assert names.pod_name("llama", "uid-1", "0/prefill/2/worker/3", 1) == "llama-0-prefill-2-worker-3-6qlfn"
    assert names.service_name("llama", 7) == "llama-7"
    assert names.gang_name("llama", "0") == "llama-0"
    assert names.gang_name("llama", "0/together/0/1") == "llama-0-together-0-1"
    assert names.budget_name("llama", "prefill") == "llama.prefill"
    assert names.label_value("prefill/worker") == "prefill.worker"


def test_long_names_are_cut_and_their_indexes_kept() -> None:
    system, slot = "a-system-with-a-name-that-goes-on-and-on", "12/group-with-a-long-name/3/role/4"
    assert names.hostname(system, slot) == "a-system-with-a-name-that-goes-on-and-on-g-r87gg-12-3-4"
    assert names.hostname(system, slot) != names.hostname(system, slot.replace("role", "roll"))


def test_a_role_is_shortened_for_all_its_pods_or_for_none() -> None:
    system = "s" * 40
    lengths = {len(names.hostname(system, f"0/a-role/{index}")) for index in range(10)}
    assert len(lengths) == 1
    assert names.hostname(system, "0/a-role/9999") == f"{system}-0-a-role-9999"


system_names = st.from_regex(r"^[a-z]([-a-z0-9]{0,61}[a-z0-9])?\Z")


@given(systems(), system_names)
def test_names_are_unique_and_valid(spec: SystemSpec, system: str) -> None:
    wanted = list(slots(spec, {}))
    hostnames = [names.hostname(system, slot) for slot in wanted]
    pods = [names.pod_name(system, "uid", slot, 0) for slot in wanted]
    assert len(set(hostnames)) == len(set(pods)) == len(wanted)
    assert all(LABEL.match(name) for name in hostnames)
    assert all(SUBDOMAIN.match(name) and len(name) <= 253 for name in pods)


@given(system_names, st.lists(system_names, min_size=1, max_size=3), st.lists(st.integers(0, 9_999), min_size=4, max_size=4))
def test_any_name_that_is_allowed_gives_names_that_are(system: str, path: list[str], indexes: list[int]) -> None:
    slot = "/".join([str(indexes[0]), *(f"{name}/{index}" for name, index in zip(path, indexes[1:], strict=False))])
    assert LABEL.match(names.hostname(system, slot))
    assert LABEL.match(names.service_name(system, indexes[0]))
    assert VALUE.match(names.gang_name(system, slot))
    assert VALUE.match(names.label_value(slot))
    assert SUBDOMAIN.match(names.placement_name(system, [names.gang_name(system, slot)]))
    assert SUBDOMAIN.match(names.revision_name(system, names.short_hash(slot, length=10)))
    assert SUBDOMAIN.match(names.budget_name(system, path[0]))
