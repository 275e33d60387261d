"""Kubeconfigs of every sort, good and bad; tokens that are renewed; nothing secret in what is said."""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from activities.cluster import credentials
from activities.cluster.credentials import find_access, from_kubeconfig, in_cluster
from activities.cluster.kube import Refused

SECRET = "t0p-s3cr3t"
Config = dict[str, Any]


def kubeconfig(folder: Path, user: Config, cluster: Config | None = None, **top: Any) -> str:
    """The path of a kubeconfig with one context."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "clusters": [{"name": "here", "cluster": {"server": "http://localhost:1/", **(cluster or {})}}],
        "users": [{"name": "me", "user": user}],
        **top,
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content))
    return str(path)


def plugin(folder: Path, script: str) -> Config:
    """A user whose credentials come from a program."""
    program = folder / "plugin"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(program), "interactiveMode": "Never"}}


def granting(token: str, **status: str) -> str:
    """What such a program prints."""
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": token, **status}}
    return f"echo '{json.dumps(credential)}'"


async def test_a_token(tmp_path: Path) -> None:
    access = await from_kubeconfig(kubeconfig(tmp_path, {"token": SECRET}))
    assert access.server == "http://localhost:1"
    assert await access.headers() == {"Authorization": f"Bearer {SECRET}"}
    assert SECRET not in repr(access)


async def test_a_password(tmp_path: Path) -> None:
    access = await from_kubeconfig(kubeconfig(tmp_path, {"username": "me", "password": "you"}))
    assert await access.headers() == {"Authorization": "Basic bWU6eW91"}


async def test_nobody(tmp_path: Path) -> None:
    assert await (await from_kubeconfig(kubeconfig(tmp_path, {}))).headers() == {}


async def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("first\n")
    access = await from_kubeconfig(kubeconfig(tmp_path, {"tokenFile": "token"}))
    first = await access.headers()
    assert first == {"Authorization": "Bearer first"}
    (tmp_path / "token").write_text("second\n")
    assert await access.headers() == first, "not for every request"
    assert await access.headers(refused=first) == {"Authorization": "Bearer second"}


async def test_another_context(tmp_path: Path) -> None:
    contexts = [
        {"name": "here", "context": {"cluster": "here", "user": "me"}},
        {"name": "there", "context": {"cluster": "there", "user": "me"}},
    ]
    clusters = [{"name": name, "cluster": {"server": f"http://{name}:1"}} for name in ("here", "there")]
    path = kubeconfig(tmp_path, {}, contexts=contexts, clusters=clusters)
    assert (await from_kubeconfig(path, "there")).server == "http://there:1"
    with pytest.raises(Refused, match="nowhere"):
        await from_kubeconfig(path, "nowhere")


async def test_a_plugin_is_asked_again_when_refused(tmp_path: Path) -> None:
    count = tmp_path / "count"
    script = f"echo x >> {count}; {granting('NUMBER')}".replace("NUMBER", f"'$(wc -l < {count})'")
    access = await from_kubeconfig(kubeconfig(tmp_path, plugin(tmp_path, script)))
    first = await access.headers()
    assert await access.headers() == first
    assert await access.headers(refused=first) != first
    assert len(count.read_text().split()) == 2


async def test_a_plugins_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    access = await from_kubeconfig(
        kubeconfig(tmp_path, plugin(tmp_path, granting("a", expirationTimestamp="2126-01-01T00:00:00Z")))
    )
    assert await access.headers() == {"Authorization": "Bearer a"}


@pytest.mark.parametrize("script", [f"echo {SECRET} >&2; exit 1", f"echo {SECRET}", "true", granting("")])
async def test_a_plugin_that_gives_nothing_is_named(tmp_path: Path, script: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Refused, match="credential plugin") as refusal:
        await from_kubeconfig(kubeconfig(tmp_path, plugin(tmp_path, script)))
    assert SECRET not in str(refusal.value)
    assert SECRET not in caplog.text


BAD: dict[str, Callable[[Path], str]] = {
    "no YAML": lambda folder: written(folder, f"users: [{{token: {SECRET}\n}}"),
    "a list": lambda folder: written(folder, "[1, 2]"),
    "nothing": lambda folder: written(folder, ""),
    "bytes": lambda folder: written(folder, "\x00\x01"),
    "no server": lambda folder: kubeconfig(folder, {"token": SECRET}, clusters=[{"name": "here", "cluster": {}}]),
    "no cluster": lambda folder: kubeconfig(folder, {"token": SECRET}, clusters=[]),
    "no context": lambda folder: kubeconfig(folder, {"token": SECRET}, contexts=[]),
    "no current context": lambda folder: kubeconfig(folder, {"token": SECRET}, **{"current-context": None}),
    "users without names": lambda folder: kubeconfig(folder, {}, users=[{"user": {"token": SECRET}}]),
    "another scheme": lambda folder: kubeconfig(folder, {"token": SECRET}, {"server": "ftp://localhost"}),
    "a password in the address": lambda folder: kubeconfig(folder, {}, {"server": f"https://me:{SECRET}@localhost"}),
    "a broken authority": lambda folder: kubeconfig(
        folder, {}, {"server": "https://localhost:1", "certificate-authority-data": "bm90IGEgY2VydA=="}
    ),
    "an authority that is not there": lambda folder: kubeconfig(
        folder, {}, {"server": "https://localhost:1", "certificate-authority": "nowhere.crt"}
    ),
    "a broken certificate": lambda folder: kubeconfig(
        folder, {"client-certificate-data": "eA==", "client-key-data": "eA=="}, {"server": "https://localhost:1"}
    ),
}


def written(folder: Path, text: str) -> str:
    path = folder / "kubeconfig"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_a_bad_kubeconfig_is_refused_in_one_harmless_sentence(tmp_path: Path, make: Callable[[Path], str]) -> None:
    with pytest.raises(Refused) as refusal:
        await from_kubeconfig(make(tmp_path))
    message = str(refusal.value)
    assert SECRET not in message
    assert "\n" not in message
    assert refusal.value.__cause__ is None


async def test_where_access_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv(credentials.INSIDE_A_POD, raising=False)
    with pytest.raises(Refused, match="--kubeconfig"):
        await find_access()
    with pytest.raises(Refused, match="service account"):
        await in_cluster()
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(tmp_path / "nothing"), kubeconfig(tmp_path / "other", {"token": "a"})]))
    assert await (await find_access()).headers() == {"Authorization": "Bearer a"}
    named = await find_access(kubeconfig(tmp_path, {"token": "b"}))
    assert await named.headers() == {"Authorization": "Bearer b"}
