"""Spans of time, ours and Go's. A table, and what a PodCliqueSet's becomes."""

import pytest
import yaml

from specs.durations import seconds_of, whole_seconds
from specs.grove import system_of
from specs.podcliqueset import PodCliqueSet
from specs.recovery import Recovery

#         as Go writes it  seconds, rounded up
GO = {
    "4h":          14_400,
    "1h30m":       5_400,
    "1.5h":        5_400,
    "90s":         90,
    "500ms":       1,
    "1m0.001s":    61,
    "20us":        1,
}  # fmt: skip


@pytest.mark.parametrize(("written", "seconds"), GO.items())
def test_durations_of_go(written: str, seconds: int) -> None:
    assert whole_seconds(written) == seconds


@pytest.mark.parametrize(("written", "seconds"), {"0s": 0, "45s": 45, "10m": 600, "2h": 7_200}.items())
def test_durations_of_ours(written: str, seconds: int) -> None:
    assert seconds_of(written) == seconds


@pytest.mark.parametrize(("said", "delay"), {"": "14400s", "    terminationDelay: 1h30m\n": "5400s"}.items())
def test_a_set_terminates_gangs_after_its_delay(said: str, delay: str) -> None:
    written = f"""
apiVersion: grove.io/v1alpha1
kind: PodCliqueSet
metadata: {{name: llama}}
spec:
  replicas: 1
  template:
{said}    cliques: [{{name: worker, spec: {{replicas: 1, podSpec: {{containers: [{{name: main, image: server}}]}}}}}}]
"""
    declared = PodCliqueSet.model_validate(yaml.safe_load(written))
    assert system_of(declared).spec.recovery == Recovery(scope="gang", delay=delay)
