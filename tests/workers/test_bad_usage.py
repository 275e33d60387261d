"""Bad commands: one sentence with a remedy on stderr, exit code 1 or 2, no traceback, nothing sent."""

import shlex
from pathlib import Path

import pytest
from temporalio.client import WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from activities.cluster.kube import Busy, Refused
from tests.specs.spoiling import CLIQUE_SET
from tests.workers.fakes import READY, FakeSystems, opened
from tests.workers.test_cli import MANIFEST
from workers import desk
from workers.cli import run
from workers.failure import BAD_USAGE, REFUSED, Failure
from workers.refusals import explained

FILES = {
    "good.yaml": MANIFEST,
    "empty.yaml": "",
    "tab.yaml": "spec:\n\t- x",
    "prose.yaml": "just words",
    "typo.yaml": MANIFEST.replace("replicas", "replcas"),
    "zone.yaml": MANIFEST.replace(
        "spec:\n", "spec:\n  scaling: {schedules: [{name: n, cron: '@daily', timeZone: Europe/Berln, set: {router: 2}}]}\n", 1
    ),
    "set.yaml": CLIQUE_SET,
    "deployment.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {}\n",
    "bytes.yaml": "\udcff",
    "bad.toml": "cluster = ",
    "words.json": "no JSON",
    "number.json": "7",
    "no-items.json": '{"kind": "List"}',
    "bad-node.json": '{"apiVersion": "v1", "kind": "List", "items": [{"kind": "Node"}]}',
    "not-objects.json": '{"apiVersion": "v1", "kind": "List", "items": [1, 2]}',
    "lots.json": '{"items": [{"kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {"cpu": "lots"}}}]}',
}

SCHEDULE = "schedule add llama night --cron @daily"
#                       command                                         code       what is said
BAD: dict[str, tuple[str, int, tuple[str, ...]]] = {
    "unknown command":      ("aply",                                         BAD_USAGE, ("'aply'", "mean 'apply'")),
    "unknown option":       ("status llama --namspace x",                    BAD_USAGE, ("--namespace", "status --help")),
    "no name":              ("status",                                       BAD_USAGE, ("'NAME'", "espalier status --help")),
    "two names":            ("status llama qwen",                            BAD_USAGE, ("qwen", "espalier status --help")),
    "unknown format":       ("status llama -o xml",                          BAD_USAGE, ("'xml'", "json")),
    "no file":              ("apply",                                        BAD_USAGE, ("--file", "espalier apply --help")),
    "missing file":         ("apply -f nowhere.yaml",                        BAD_USAGE, ("nowhere.yaml", "Check the name")),
    "folder":               ("apply -f .",                                   BAD_USAGE, ("can't be read", "Check the name")),
    "not text":             ("apply -f bytes.yaml",                          REFUSED,   ("bytes.yaml",)),
    "empty file":           ("apply -f empty.yaml",                          REFUSED,   ("empty.yaml",)),
    "not YAML":             ("apply -f tab.yaml",                            REFUSED,   ("tab.yaml",)),
    "words":                ("apply -f prose.yaml",                          REFUSED,   ("prose.yaml",)),
    "misspelt field":       ("apply -f typo.yaml",                           REFUSED,   ("replcas",)),
    "unknown zone":         ("apply -f zone.yaml",                           BAD_USAGE, ("mean 'Europe/Berlin'?",)),
    "other kind":           ("apply -f deployment.yaml",                     REFUSED,   ("Deployment",)),
    "one of two is bad":    ("apply -f good.yaml -f typo.yaml",              REFUSED,   ("replcas",)),
    "no counts":            ("scale llama",                                  BAD_USAGE, ("PATH=N", "espalier scale --help")),
    "count without path":   ("scale llama =3",                               BAD_USAGE, ("'=3'", "PATH=N")),
    "count in words":       ("scale llama decode=three",                     BAD_USAGE, ("'decode=three'", "PATH=N")),
    "negative count":       ("scale llama decode=-1",                        BAD_USAGE, ("'decode=-1'", "PATH=N")),
    "negative timeout":     ("scale llama decode=1 --timeout -3",            BAD_USAGE, ("--timeout",)),
    "namespace in capitals":("get -n Serving",                               BAD_USAGE, ("--namespace",)),
    "cluster with a slash": ("get --cluster a/b",                            BAD_USAGE, ("--cluster",)),
    "address without port": ("get --temporal-address localhost",             BAD_USAGE, ("--temporal-address", "host:port")),
    "unknown log level":    ("get --log-level loud",                         BAD_USAGE, ("--log-level", "'debug'")),
    "settings missing":     ("get --config nowhere.toml",                    BAD_USAGE, ("nowhere.toml", "--config")),
    "settings not TOML":    ("get --config bad.toml",                        BAD_USAGE, ("bad.toml", "TOML")),
    "port in words":        ("temporal --port http",                         BAD_USAGE, ("--port",)),
    "port too large":       ("temporal --port 70000",                        BAD_USAGE, ("--port",)),
    "no snapshot":          ("plan -f good.yaml",                            BAD_USAGE, ("--nodes",)),
    "no time to search":    ("plan -f good.yaml --nodes nodes.json --at-most soon", BAD_USAGE, ("--at-most 50ms",)),
    "two plans at once":    ("plan -f good.yaml --nodes x --repair --preempt", BAD_USAGE, ("--repair and --preempt",)),
    "lost, not repaired":   ("plan -f good.yaml --nodes x --lost n1",        BAD_USAGE, ("--lost", "Add --repair")),
    "snapshot missing":     ("plan -f good.yaml --nodes nowhere.json",       BAD_USAGE, ("nowhere.json",)),
    "snapshot not JSON":    ("plan -f good.yaml --nodes words.json",         REFUSED,   ("not JSON", "kubectl get nodes,pods")),
    "snapshot a number":    ("plan -f good.yaml --nodes number.json",        REFUSED,   ("kubectl get nodes,pods -A -o json",)),
    "snapshot no items":    ("plan -f good.yaml --nodes no-items.json",      REFUSED,   ("kubectl get nodes,pods -A -o json",)),
    "node without name":    ("plan -f good.yaml --nodes bad-node.json",      REFUSED,   ("bad-node.json",)),
    "items no objects":     ("plan -f good.yaml --nodes not-objects.json",   REFUSED,   ("not-objects.json",)),
    "node of lots":         ("plan -f good.yaml --nodes lots.json",          REFUSED,   ("lots.json", "lots")),
    "schedule: no name":    ("schedule add llama",                           BAD_USAGE, ("'NAME'", "schedule add --help")),
    "schedule: no cron":    ("schedule add llama night --set a=1",           BAD_USAGE, ("--cron", "schedule add --help")),
    "schedule: no set":     ("schedule add llama night --cron @daily",       BAD_USAGE, ("--set", "schedule add --help")),
    "schedule: bad cron":   (f"{SCHEDULE} --set a=1 --cron '0 25 * * *'",    BAD_USAGE, ("hour '25'", "give 0 to 23")),
    "schedule: words":      (f"{SCHEDULE} --set a=1 --cron nightly",         BAD_USAGE, ("1 fields", "minute, hour, day")),
    "schedule: bad zone":   (f"{SCHEDULE} --set a=1 --time-zone Europe/Berln", BAD_USAGE, ("mean 'Europe/Berlin'?",)),
    "schedule: city alone": (f"{SCHEDULE} --set a=1 --time-zone 'new york'", BAD_USAGE, ("mean 'America/New_York'?",)),
    "schedule: no zone":    (f"{SCHEDULE} --set a=1 --time-zone Middleearth",  BAD_USAGE, ("name a city", "Europe/Berlin")),
    "schedule: negative":   (f"{SCHEDULE} --set a=-1",                       BAD_USAGE, ("'a=-1'", "--set decode=8")),
    "schedule: no number":  (f"{SCHEDULE} --set a",                          BAD_USAGE, ("'a'", "--set decode=8")),
    "schedule: named ill":  ("schedule add llama Night --cron @daily --set a=1", BAD_USAGE, ("'Night'", "lower-case")),
    "schedule: late":       (f"{SCHEDULE} --set a=1 --catch-up 10",          BAD_USAGE, ("'10'", "--catch-up 10m")),
    "schedule: too late":   (f"{SCHEDULE} --set a=1 --catch-up 25h",         BAD_USAGE, ("'25h'", "10s to 24h")),
    "schedule: too exact":  (f"{SCHEDULE} --set a=1 --catch-up 9s",          BAD_USAGE, ("'9s'", "10s to 24h")),
    "schedule: no verb":    ("schedule ad llama night",                      BAD_USAGE, ("'ad'", "mean 'add'")),
    "no such system":       ("status qwen",                                  REFUSED,   ("qwen", "namespace default")),
}  # fmt: skip


@pytest.fixture(autouse=True)
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSystems:
    for name, text in FILES.items():
        tmp_path.joinpath(name).write_bytes(text.encode(errors="surrogateescape"))
    monkeypatch.chdir(tmp_path)
    found = FakeSystems({"llama": [READY]})
    monkeypatch.setattr(desk, "systems", opened(found))
    return found


@pytest.mark.parametrize(("command", "code", "words"), BAD.values(), ids=BAD)
def test_one_sentence_and_a_remedy(
    command: str, code: int, words: tuple[str, ...], fake: FakeSystems, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(shlex.split(command)) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    assert "defect" not in printed.err
    for word in words:
        assert word in printed.err
    assert fake.asked == []


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


ERRORS: dict[str, tuple[Exception, tuple[str, ...]]] = {
    "refused deep down": (
        WorkflowUpdateFailedError(
            caused(ApplicationError("Failed decoding arguments"), ValueError("role 'x' is unknown; did you mean 'y'?"))
        ),
        ("did you mean 'y'?",),
    ),
    "no worker": (RPCError("timed out", RPCStatusCode.DEADLINE_EXCEEDED, b""), ("no worker answered", "espalier worker")),
    "Temporal gone": (RPCError("refused", RPCStatusCode.UNAVAILABLE, b""), ("not reachable", "espalier temporal")),
    "Temporal full": (RPCError("too many", RPCStatusCode.RESOURCE_EXHAUSTED, b""), ("Temporal refused: too many",)),
    "cluster refused": (Refused("pods is forbidden"), ("the cluster refused: pods is forbidden", "--kubeconfig")),
    "cluster busy": (Busy("no answer from 10.0.0.1"), ("no answer from 10.0.0.1",)),
    "several at once": (ExceptionGroup("tasks", [Busy("no answer"), Busy("none")]), ("the cluster refused: no answer",)),
    "a defect": (ZeroDivisionError("division by zero"), ("ZeroDivisionError: division by zero", "ESPALIER_TRACEBACK=1")),
    "a failure": (Failure("said", "Do this"), ("said. Do this",)),
}


@pytest.mark.parametrize(("error", "words"), ERRORS.values(), ids=ERRORS)
def test_every_error_becomes_a_sentence(error: Exception, words: tuple[str, ...]) -> None:
    told = str(explained(error))
    assert "\n" not in told
    for word in words:
        assert word in told


def test_a_refused_command_prints_the_reason_and_ends_with_1(fake: FakeSystems, capsys: pytest.CaptureFixture[str]) -> None:
    fake.refuse = WorkflowUpdateFailedError(ApplicationError("copies can't be 20000; the most is 10000"))
    assert run(["scale", "llama", "copies=20000"]) == REFUSED
    assert capsys.readouterr().err == "error: copies can't be 20000; the most is 10000.\n"
