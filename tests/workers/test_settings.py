"""Settings: what beats what, and what is said of a bad one."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from workers.failure import BAD_USAGE, Failure
from workers.settings import Settings
from workers.sources import load


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "espalier.toml"


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(file: Path) -> None:
    file.write_text('cluster = "file"\nnamespace = "file"\nlog_level = "error"\n')
    found = load({"cluster": "flag"}, {"ESPALIER_CLUSTER": "env", "ESPALIER_NAMESPACE": "env"}, file)
    assert (found.cluster, found.namespace, found.log_level, found.kube_qps) == ("flag", "env", "error", 1_000)


def test_the_file_is_found_in_the_home_folder_and_may_be_missing(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path)}
    assert load({}, environment) == Settings()
    (tmp_path / ".config").mkdir()
    (tmp_path / ".config" / "espalier.toml").write_text('cluster = "home"')
    assert load({}, environment).cluster == "home"


def test_the_environment_may_name_the_file(file: Path) -> None:
    file.write_text("grace_s = 3.5")
    assert load({}, {"ESPALIER_CONFIG": str(file)}).grace_s == 3.5


def test_variables_that_are_no_setting_are_left_alone() -> None:
    assert load({}, {"ESPALIER_SERVICE_HOST": "10.0.0.7", "ESPALIER_PORT": "tcp://10.0.0.7:80"}) == Settings()


def test_a_secret_is_never_printed() -> None:
    found = load({}, {"ESPALIER_TEMPORAL_API_KEY": "hush"})
    assert found.temporal_api_key == SecretStr("hush")
    assert "hush" not in f"{found} {found!r} {found.model_dump_json()}"


#                       flags, environment, the file's text                      what the sentence says
BAD: dict[str, tuple[dict[str, Any], dict[str, str], str | None, tuple[str, ...]]] = {
    "address, no port":  ({"temporal_address": "here"}, {}, None,                ("--temporal-address", "host:port")),
    "address as URL":    ({}, {"ESPALIER_TEMPORAL_ADDRESS": "http://t:1"}, None, ("ESPALIER_TEMPORAL_ADDRESS", "host:port")),
    "slots in words":    ({}, {"ESPALIER_WORKFLOW_SLOTS": "many"}, None,         ("ESPALIER_WORKFLOW_SLOTS", "valid integer")),
    "no slots":          ({"activity_slots": "0"}, {}, None,                     ("--activity-slots", "greater than 0")),
    "negative rate":     ({}, {"ESPALIER_KUBE_QPS": "-5"}, None,                 ("ESPALIER_KUBE_QPS", "greater than 0")),
    "unknown level":     ({"log_level": "loud"}, {}, None,                       ("--log-level", "debug")),
    "cluster a/b":       ({}, {}, 'cluster = "a/b"',                             ("'cluster' in", "espalier.toml")),
    "endpoint, no http": ({"otlp_endpoint": "there:4317"}, {}, None,             ("--otlp-endpoint", "http")),
    "misspelt in file":  ({}, {}, 'clustr = "a"',                                ("'clustr'", "did you mean 'cluster'?")),
    "not TOML":          ({}, {}, "cluster: a",                                  ("is not TOML", "cluster = ")),
    "wrong type":        ({}, {}, "cluster = 7",                                 ("'cluster' in", "valid string")),
    "file is a folder":  ({}, {"ESPALIER_CONFIG": "/"}, None,                    ("can't be read", "--config")),
}  # fmt: skip


@pytest.mark.parametrize(("flags", "environment", "text", "words"), BAD.values(), ids=BAD)
def test_a_bad_setting_is_one_sentence_with_its_source_and_a_remedy(
    flags: dict[str, Any], environment: dict[str, str], text: str | None, words: tuple[str, ...], file: Path
) -> None:
    if text is not None:
        file.write_text(text)
    with pytest.raises(Failure) as failure:
        load(flags, environment, file if text is not None else None)
    assert failure.value.code == BAD_USAGE
    assert failure.value.remedy
    assert "\n" not in str(failure.value)
    for word in words:
        assert word in str(failure.value)
