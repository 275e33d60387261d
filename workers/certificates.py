"""A certificate of our own for the webhook: made, kept in a Secret that all agents share, and renewed in time.

It signs itself, and is what the API server is told to trust. While it is renewed both the new one and the one before are
trusted, so agents may take the new one up one after the other.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from activities.cluster.kube import AlreadyThere, Kind, Kube, Manifest, NotThere, Overtaken
from specs.admission import NAME, hosts
from specs.names import SYSTEM_NAMESPACE
from specs.sections import section

SECRETS = Kind("v1", "Secret", "secrets")
GOOD_FOR = timedelta(days=90)
RENEWED_BEFORE = timedelta(days=30)
SKEW = timedelta(minutes=5)
"""Clocks differ."""


@dataclass(frozen=True)
class Pair:
    """What the webhook shows, and what the API server trusts; PEM."""

    certificate: str
    key: str
    before: str = ""
    """The certificate before this one."""

    @property
    def trusted(self) -> str:
        """This one and the one before."""
        return self.certificate + self.before

    @property
    def until(self) -> datetime:
        """Its end."""
        return x509.load_pem_x509_certificate(self.certificate.encode()).not_valid_after_utc


def made(names: Sequence[str], now: datetime, before: str = "") -> Pair:
    """A new key on P-256 and its certificate for these host names and addresses."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    named = x509.SubjectKeyIdentifier.from_public_key(key.public_key())  # tells it from the one before, of the same subject
    builder = (
        x509.CertificateBuilder()
        .subject_name(who)
        .issuer_name(who)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - SKEW)
        .not_valid_after(now + GOOD_FOR)
        .add_extension(x509.SubjectAlternativeName([_named(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(named, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(named), critical=False)
    )
    form, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return Pair(
        builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(serialization.Encoding.PEM, form, plain).decode(),
        before,
    )


async def shared(kube: Kube, now: datetime) -> Pair:
    """The one that all agents show: read, or made, or renewed. Of several agents that would, one succeeds; all have its."""
    while True:
        try:
            try:
                found = await kube.get(SECRETS, NAME, SYSTEM_NAMESPACE)
            except NotThere:
                fresh = made(hosts(), now)
                await kube.create(SECRETS, {"type": "kubernetes.io/tls", **_secret(fresh)})
                return fresh
            pair = _read(found)
            if pair is not None and pair.until - now > RENEWED_BEFORE:
                return pair
            fresh = made(hosts(), now, pair.certificate if pair else "")
            change = _secret(fresh, found["metadata"]["resourceVersion"])
            await kube.patch(SECRETS, NAME, {key: change[key] for key in ("metadata", "data")}, SYSTEM_NAMESPACE)
        except (AlreadyThere, Overtaken):
            continue
        else:
            return fresh


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _secret(pair: Pair, version: str = "") -> Manifest:
    said = {"tls.crt": pair.certificate, "tls.key": pair.key, "before.crt": pair.before}
    metadata = {"name": NAME, "namespace": SYSTEM_NAMESPACE, **({"resourceVersion": version} if version else {})}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in said.items()}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}


def _read(secret: Manifest) -> Pair | None:
    """None for what is no certificate any more."""
    data = {key: base64.b64decode(value).decode(errors="replace") for key, value in section(secret, "data").items()}
    pair = Pair(data.get("tls.crt", ""), data.get("tls.key", ""), data.get("before.crt", ""))
    try:
        _ = pair.until
    except ValueError:
        return None
    return pair if pair.key else None


def now() -> datetime:
    """The time of day."""
    return datetime.now(UTC)
