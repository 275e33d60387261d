"""Keys, tokens and kubeconfigs of a test control plane: made afresh, thrown away with it."""

import base64
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

# An EC private key (RFC 5915) on P-256 is a fixed frame around 32 random bytes; the public half may be left out. So the
# standard library is enough: neither openssl nor a package has to be there.
_BEFORE_SECRET = bytes.fromhex("30310201010420")
_AFTER_SECRET = bytes.fromhex("a00a06082a8648ce3d030107")


@dataclass(frozen=True)
class User:
    """Who a bearer token stands for."""

    name: str
    groups: tuple[str, ...] = ()
    token: str = field(default_factory=lambda: secrets.token_hex(16), repr=False)

    def csv(self) -> str:
        """The user's line in the API server's token file."""
        return f'{self.token},{self.name},{self.name},"{",".join(self.groups)}"'


def administrator(name: str) -> User:
    """A user of that name who may do everything."""
    return User(name, ("system:masters",))


def signing_key() -> str:
    """A new private key for service-account tokens, in PEM."""
    secret = bytes([secrets.randbelow(128)]) + secrets.token_bytes(31)  # a first byte below 128 keeps it below the order
    text = base64.encodebytes(_BEFORE_SECRET + secret + _AFTER_SECRET).decode()
    return f"-----BEGIN EC PRIVATE KEY-----\n{text}-----END EC PRIVATE KEY-----\n"


def token_file(users: Iterable[User]) -> str:
    """The text of the API server's --token-auth-file."""
    return "".join(user.csv() + "\n" for user in users)


def kubeconfig(server: str, ca_file: Path, user: User) -> str:
    """A kubeconfig for one user (JSON, which is YAML)."""
    name = "espalier-test"
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": name,
            "contexts": [{"name": name, "context": {"cluster": name, "user": user.name}}],
            "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
            "users": [{"name": user.name, "user": {"token": user.token}}],
        },
        indent=1,
    )
