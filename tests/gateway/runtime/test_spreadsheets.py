"""Tables as CSV and XLSX."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta, timezone
from operator import itemgetter
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.runtime.spreadsheets import BEGINS_A_FORMULA, Table, as_csv, as_xlsx, make_table
from models import Urgency

HERE = timezone(timedelta(hours=-5))
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def read_csv(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def read_xlsx(content: bytes) -> list[list[str | float]]:
    """The cells of the sheet. Fails if it has a formula or a link."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        shared = [
            "".join(part.text or "" for part in entry.iter(f"{SHEET}t"))
            for entry in ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
        ]
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    assert sheet.find(f".//{SHEET}f") is None, "no formula"
    assert sheet.find(f".//{SHEET}hyperlink") is None, "no link"
    rows = []
    for row in sheet.iter(f"{SHEET}row"):
        cells: list[str | float] = []
        for cell in row:
            value = cell.findtext(f"{SHEET}v") or ""
            cells.append(shared[int(value)] if cell.get("t") == "s" else float(value))
        rows.append(cells)
    return rows


def test_an_empty_table_has_headings() -> None:
    table = Table("Handoffs", ("number", "mentee"), [])
    assert read_csv(as_csv(table)) == [["number", "mentee"]]
    assert read_xlsx(as_xlsx(table)) == [["number", "mentee"]]


def test_a_formula_stays_text() -> None:
    for begins in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=HYPERLINK(1)"):
        table = Table("Names", ("name",), [(begins,)])
        assert read_csv(as_csv(table))[1] == [f"'{begins}"]
        [cell] = read_xlsx(as_xlsx(table))[1]
        assert str(cell).replace("_x000D_", "\r") == begins


def test_links_and_numbers_in_text_stay_text() -> None:
    table = Table("Names", ("name",), [("https://evil.example/",), ("0042",), ("1e5",), ("TRUE",)])
    assert read_xlsx(as_xlsx(table))[1:] == [[*row] for row in table.rows]


def test_cells_keep_their_type() -> None:
    at = datetime(2026, 11, 10, 15, 0, tzinfo=UTC).astimezone(HERE)
    table = Table("Mixed", ("at", "count", "nothing", "share"), [(at, 7, None, 0.25)])
    assert read_csv(as_csv(table))[1] == ["2026-11-10T10:00:00-05:00", "7", "", "0.25"]
    # Days since 1900, as a sheet counts them: ten in the morning.
    assert read_xlsx(as_xlsx(table))[1] == [pytest.approx(46336 + 10 / 24), 7.0, 0.25]


def test_a_table_made_from_columns_converts_its_cells() -> None:
    at = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
    values = [at, timedelta(seconds=1.6), True, False, Urgency.SOON, 1 / 3, ["a", "b"], None]
    columns = {str(n): itemgetter(n) for n in range(len(values))}
    table = make_table("Mixed", columns, [values], "America/New_York")
    written = ["2026-11-10T10:00:00-05:00", "2", "yes", "", "soon", "0.33", "a; b", ""]
    assert read_csv(as_csv(table))[1] == written


def test_each_row_can_have_its_own_time_zone() -> None:
    at = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
    rows = [(at, "America/New_York"), (at, "Europe/Berlin")]
    table = make_table("Times", {"at": itemgetter(0)}, rows, itemgetter(1))
    written = [["2026-11-10T10:00:00-05:00"], ["2026-11-10T16:00:00+01:00"]]
    assert read_csv(as_csv(table))[1:] == written


def test_invalid_characters_do_not_break_the_file() -> None:
    table = Table("Any [name]: of/a*sheet? that is far too long", ("x",), [("a\x00b\ud800c\x1f",)])
    assert read_xlsx(as_xlsx(table))[1] == ["a\ufffdb\ufffdc\ufffd"]
    assert len(read_csv(as_csv(table))) == 2


@given(st.lists(st.lists(st.text(max_size=20), min_size=3, max_size=3), max_size=5))
def test_every_cell_reads_back_and_none_starts_a_formula(rows: list[list[str]]) -> None:
    table = Table("Any", ("a", "b", "c"), [tuple(row) for row in rows])
    back = read_csv(as_csv(table))
    assert len(back) == len(rows) + 1
    for written, read in zip(rows, back[1:], strict=True):
        for cell, shown in zip(written, read, strict=True):
            assert not shown.startswith(BEGINS_A_FORMULA)
            plain = re.sub("[\ud800-\udfff]", "?", cell)
            assert shown in (plain, f"'{plain}")
