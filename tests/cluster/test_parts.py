"""The parts that need no cluster: keys, ports, command lines, the warden, and what k3s is told."""

import base64
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.cluster import binary, k3s
from tests.cluster.components import NAMES, STAGES, Layout, Tuning, command
from tests.cluster.credentials import User, signing_key, token_file
from tests.cluster.ports import free_ports
from workers.process import Process
from workers.warden import Warden, survivors

LAYOUT = Layout(Path("/somewhere"), 20001, 20002, 20003)


def test_a_signing_key_is_a_frame_around_32_secret_bytes() -> None:
    lines = signing_key().splitlines()
    assert (lines[0], lines[-1]) == ("-----BEGIN EC PRIVATE KEY-----", "-----END EC PRIVATE KEY-----")
    assert len(base64.b64decode("".join(lines[1:-1]))) == 7 + 32 + 12
    assert signing_key() != signing_key()


def test_a_token_is_written_to_the_file_and_not_into_a_repr() -> None:
    user = User("ann", ("readers", "writers"), token="secret")
    assert token_file([user]) == 'secret,ann,ann,"readers,writers"\n'
    assert "secret" not in repr(user)


def test_free_ports_differ() -> None:
    assert len(set(free_ports(20))) == 20


@pytest.mark.parametrize("name", NAMES)
def test_every_component_has_a_command_line(name: str) -> None:
    first, *flags = command(name, LAYOUT, Tuning(audit=True))
    assert first == name
    assert all(flag.startswith("--") for flag in flags)


def test_the_binary_is_told_its_version() -> None:
    assert any(f"gitVersion={binary.kubernetes_version()}" in flag for flag in binary.build_flags())


def test_another_source_is_another_binary(tmp_path: Path) -> None:
    for name in binary.INPUTS:
        (tmp_path / name).write_bytes((binary.SOURCE / name).read_bytes())
    same = binary.digest(tmp_path)
    (tmp_path / "main.go").write_text("package main\n")
    assert same == binary.digest() != binary.digest(tmp_path)


def test_every_stage_is_well_formed() -> None:
    stages = list(yaml.safe_load_all(STAGES.read_text()))
    assert [stage["metadata"]["name"] for stage in stages] == ["node-initialize", "pod-step", "pod-return", "pod-delete"]


def test_survivors_are_those_not_forgotten() -> None:
    assert survivors(["+7\n", "+8\n", "-7\n", "+9\n"]) == [8, 9]


def test_what_a_killed_parent_leaves_is_ended() -> None:
    parent = "import os, sys; from workers.warden import Warden; Warden().watch(int(sys.argv[1])); os.kill(os.getpid(), 9)"
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        done = subprocess.run([sys.executable, "-c", parent, str(child.pid)], check=False, cwd=binary.SOURCE.parents[1])
        assert done.returncode == -signal.SIGKILL
        assert child.wait(timeout=10) == -signal.SIGKILL


def test_a_process_can_be_frozen_killed_and_started_again(tmp_path: Path) -> None:
    warden = Warden()
    process = Process("clock", ("sh", "-c", "echo started; sleep 60"), tmp_path / "clock.log", warden)
    process.start()
    process.freeze()
    assert process.alive()
    process.thaw()
    process.restart()
    process.kill()
    assert not process.alive()
    with pytest.raises(ProcessLookupError, match="start it first"):
        process.freeze()
    warden.dismiss()


def test_k3s_is_a_server_without_a_node_that_takes_our_tokens() -> None:
    told = k3s.arguments("192.0.2.1", Tuning(node_grace_s=7))
    assert told[0] == "server"
    assert "--disable-agent" in told
    assert "--tls-san=192.0.2.1" in told
    assert f"--kube-apiserver-arg=token-auth-file={k3s.MOUNTED}/tokens.csv" in told
    assert "--kube-controller-manager-arg=node-monitor-grace-period=7s" in told


def test_the_authority_is_read_from_the_kubeconfig_of_k3s() -> None:
    text = yaml.safe_dump({"clusters": [{"cluster": {"certificate-authority-data": base64.b64encode(b"PEM").decode()}}]})
    assert k3s.authority(text) == b"PEM"


def test_another_k3s_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ESPALIER_K3S_IMAGE", raising=False)
    assert k3s.image() == f"rancher/k3s:{binary.kubernetes_version()}-k3s1"
    monkeypatch.setenv("ESPALIER_K3S_IMAGE", "mirror/k3s:1")
    assert k3s.image() == "mirror/k3s:1"
