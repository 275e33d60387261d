"""The parts that processes are made of."""

import io
import json
import logging
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from activities.cluster.kube import Busy
from workers import logs, telemetry
from workers.failure import Failure, innermost, sentences
from workers.patience import patiently
from workers.settings import Settings
from workers.temporal import DevServer
from workflows.visibility import SEARCH_ATTRIBUTES


def test_the_dev_server_is_told_of_every_search_attribute() -> None:
    command = DevServer(port=7001, ui_port=None, data=Path("/data/temporal.db")).command()
    told = {word.partition("=")[0] for before, word in pairwise(command) if before == "--search-attribute"}
    assert told == {key.name for key in SEARCH_ATTRIBUTES}
    assert "--headless" in command
    assert "journal_mode=WAL" in command


def test_without_a_program_the_remedy_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.temporal.shutil.which", dict[str, str]().get)
    monkeypatch.setattr("workers.temporal.sysconfig.get_path", {"scripts": "/nowhere"}.get)
    with pytest.raises(Failure, match="make install"):
        DevServer().command()


def test_logs_are_json_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    try:
        logs.start(Settings(log_format="json"))
        structlog.get_logger("espalier.test").info("connected", api_key="hush", pods=3)
        fail_with("hush")
    finally:
        structlog.reset_defaults()
        logging.getLogger().handlers.clear()
    assert "hush" not in written.getvalue()
    ours, theirs = (json.loads(line) for line in written.getvalue().splitlines())
    assert (ours["event"], ours["api_key"], ours["pods"], ours["level"]) == ("connected", "***", 3, "info")
    assert (theirs["event"], theirs["logger"]) == ("from a library", "temporalio.worker")


def fail_with(secret: str) -> None:
    try:
        raise ValueError("a reason")
    except ValueError:
        logging.getLogger("temporalio.worker").exception("from a library")
        assert secret


def test_telemetry_is_silent_until_an_endpoint_is_set() -> None:
    assert telemetry.start(Settings(), "espalier", {}).interceptors == ()


def test_a_chain_of_causes_is_told_once_each() -> None:
    inner, outer = ValueError("no role 'x'."), RuntimeError("update failed")
    outer.__cause__ = inner
    assert sentences(outer) == "update failed: no role 'x'"
    assert innermost(outer) is inner


async def test_a_process_waits_for_what_it_needs_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("workers.patience.RETRY_S", 0.0)
    problems = iter([Busy("no answer"), Busy("no answer"), Busy("starting")])

    async def attempt() -> str:
        for problem in problems:
            raise problem
        return "there"

    with capture_logs() as logged:
        assert await patiently(attempt, Busy) == "there"
    assert [entry["problem"] for entry in logged] == ["no answer", "starting"]
