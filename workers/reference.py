"""Writes docs/settings.md from the settings themselves: `python -m workers.reference > docs/settings.md`."""

import sys
from typing import Any, get_args

from workers.settings import SECTIONS, Section, Settings, flag, names, variable

HEAD = """# Settings

Every setting can be a flag of the commands that use it, an environment variable, or a line of a TOML file. A flag beats the
environment, the environment beats the file, the file beats the default. The file is the one that `--config` or
`ESPALIER_CONFIG` names, else `~/.config/espalier.toml` if there is one; its lines are the names below:

```toml
cluster = "east"
temporal_address = "temporal.example.com:7233"
```

A bad value ends the command with exit code 2 and a sentence that names its source. `KUBECONFIG` and `OTEL_EXPORTER_OTLP_ENDPOINT`
count as they do elsewhere, where the setting of ours is left out. Secrets are never printed or logged.

This page is written by `python -m workers.reference > docs/settings.md`.
"""


def settings_page() -> str:
    """The whole page."""
    return HEAD + "".join(_chapter(each, names(each)) for each in SECTIONS)


def _chapter(title: Section, chosen: list[str]) -> str:
    head = f"\n## {title}\n\n| setting | flag | environment | default | meaning |\n|---|---|---|---|---|\n"
    return head + "".join(_row(name) for name in chosen)


def _row(name: str) -> str:
    info = Settings.model_fields[name]
    default = "" if info.default is None else f"`{str(info.default).lower() if isinstance(info.default, bool) else info.default}`"
    return f"| `{name}` | `{flag(name)}` | `{variable(name)}` | {default} | {info.description}{_choices(info.annotation)} |\n"


def _choices(annotation: Any) -> str:
    words = [word for word in get_args(annotation) if isinstance(word, str)]
    return f" One of {', '.join(words)}." if words else ""


if __name__ == "__main__":
    sys.stdout.write(settings_page())
