"""The webhook's certificate: made once, shared by all agents, renewed in time while the one before is still trusted."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from activities.cluster.kube import NAMESPACES
from specs.admission import NAME, hosts
from specs.names import SYSTEM_NAMESPACE
from tests.activities.memory_kube import MemoryCluster, MemoryKube
from workers.certificates import GOOD_FOR, RENEWED_BEFORE, SECRETS, made, shared

NOW = datetime(2027, 1, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def cluster() -> MemoryCluster:
    found = MemoryCluster()
    found.put(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM_NAMESPACE}})
    return found


def test_names_the_service_and_this_machine() -> None:
    pair = made(hosts(), NOW)
    certificate = x509.load_pem_x509_certificate(pair.certificate.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["espalier-webhook.espalier-system.svc", "localhost"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]
    assert pair.until == NOW + GOOD_FOR


async def test_all_agents_show_the_same(cluster: MemoryCluster) -> None:
    pairs = await asyncio.gather(*(shared(MemoryKube(cluster), NOW) for _ in range(5)))
    assert len(set(pairs)) == 1


async def test_is_renewed_in_time_and_the_one_before_stays_trusted(cluster: MemoryCluster) -> None:
    kube = MemoryKube(cluster)
    first = await shared(kube, NOW)
    late = NOW + GOOD_FOR - RENEWED_BEFORE
    assert await shared(kube, late - DAY) == first
    second, again = await asyncio.gather(shared(kube, late + DAY), shared(MemoryKube(cluster), late + DAY))
    assert second == again
    assert (second.before, second.until) == (first.certificate, late + DAY + GOOD_FOR)
    assert second.trusted == second.certificate + first.certificate


@pytest.mark.parametrize("data", [{}, {"tls.crt": "bm90aGluZw==", "tls.key": "bm90aGluZw=="}, {"tls.crt": "/w=="}])
async def test_what_is_no_certificate_is_made_anew(cluster: MemoryCluster, data: dict[str, str]) -> None:
    kube = MemoryKube(cluster)
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": NAME, "namespace": SYSTEM_NAMESPACE}, "data": data}
    await kube.create(SECRETS, secret)
    pair = await shared(kube, NOW)
    assert (pair.until, pair.before) == (NOW + GOOD_FOR, "")
    assert await shared(kube, NOW) == pair
