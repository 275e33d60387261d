"""The page of results: written anew from itself it stays the same, and every remark belongs to a row that it shows."""

from benchmarks.__main__ import NOTES, REMARK, RESULTS, ROWS, kept, page


def test_the_page_is_its_sections_and_remarks() -> None:
    assert page(dict(kept())) == RESULTS.read_text()


def test_every_remark_is_of_a_row() -> None:
    names = {path.stem for path in NOTES.glob("*.md")}
    assert names <= ROWS.keys() & dict(kept()).keys()
    assert RESULTS.read_text().count(REMARK) == len(names)
