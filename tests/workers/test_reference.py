"""The documents say what the code does."""

from pathlib import Path

from workers.reference import settings_page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_settings_is_as_the_settings_are() -> None:
    assert (DOCS / "settings.md").read_text() == settings_page(), "run: python -m workers.reference > docs/settings.md"
