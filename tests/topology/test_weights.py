"""The weights that the document tells are those that there are."""

import re
from pathlib import Path

from topology import weights


def test_the_document_tells_all_weights_with_their_values() -> None:
    text = (Path(__file__).parents[2] / "docs" / "placement.md").read_text()
    told = dict(re.findall(r"^\| `([A-Z_]+)` \| ([^|]+) \|", text, re.MULTILINE))
    known = {name: value for name, value in vars(weights).items() if name.isupper()}
    assert told == {name: shown(value) for name, value in known.items()}


def shown(value: float | tuple[int, ...]) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f"{value:.3g}"
