"""The documents say what the code does."""

import re
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup, TyperOption
from typer.main import get_command

from activities.messages import WORKFLOW_QUEUE, agent_queue
from workers.cli import application
from workers.reference import settings_page
from workers.settings import Settings
from workflows import requests
from workflows.visibility import SEARCH_ATTRIBUTES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_settings_is_as_the_settings_are() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "run: python -m workers.reference > docs/settings.md"


def test_the_page_of_commands_has_a_chapter_for_each_and_no_other() -> None:
    chapters = re.findall(r"^## espalier ([\w-]+)", (DOCS / "cli.md").read_text(), re.MULTILINE)
    top = get_command(application())
    assert isinstance(top, TyperGroup)
    assert sorted(chapters) == sorted(top.commands)


@pytest.mark.parametrize(
    "name", ["apply", "scale", "delete", "schedule add", "schedule list", "get", "status", "explain", "plan", "agent", "temporal"]
)
def test_every_option_of_a_command_is_in_its_chapter(name: str) -> None:
    first = name.partition(" ")[0]
    chapter = (DOCS / "cli.md").read_text().partition(f"## espalier {first}")[2].partition("## espalier")[0]
    shared = {"--help", "--config", "--output", *(f"--{setting.replace('_', '-')}" for setting in Settings.model_fields)}
    own = {max(option.opts, key=len) for option in commands()[name].params if isinstance(option, TyperOption)} - shared
    short = {"--file": "-f", "--wait": "`--wait`"}
    assert not {option for option in own if short.get(option, option) not in chapter}


def test_the_page_of_temporal_names_every_name() -> None:
    page = (DOCS / "temporal.md").read_text()
    names = [
        WORKFLOW_QUEUE,
        agent_queue("CLUSTER"),
        requests.SYSTEM_WORKFLOW,
        requests.STARTUP,
        requests.SCALE,
        requests.RECOVERY,
    ]
    names += [requests.SCHEDULED_SCALE, requests.CHECK]
    names += [requests.TEARDOWN, requests.APPLY, requests.SCALE_UPDATE, requests.DELETE, requests.STATUS, requests.NUDGE]
    names += [key.name for key in SEARCH_ATTRIBUTES]
    assert not [name for name in names if f"`{name}`" not in page]


def commands() -> dict[str, TyperCommand]:
    top = get_command(application())
    assert isinstance(top, TyperGroup)
    found = {name: command for name, command in top.commands.items() if isinstance(command, TyperCommand)}
    for name, group in top.commands.items():
        below = group.commands.items() if isinstance(group, TyperGroup) else ()
        found |= {f"{name} {verb}": command for verb, command in below if isinstance(command, TyperCommand)}
    return found
