"""Tables as CSV and XLSX files, safe from formula injection.

XlsxWriter only writes, which is all we need, and has no dependencies, unlike openpyxl.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Cell = str | int | float | datetime | None
Form = Literal["csv", "xlsx"]

MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

# A cell that starts with one of these may run as a formula (OWASP, CSV injection).
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Not allowed in XML; a lone surrogate cannot be encoded at all.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LONGEST_CELL = 32_767
WIDEST = 60


@dataclass(frozen=True)
class Table:
    """Times must be aware, in the time zone to show."""

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def written_as(table: Table, form: Form) -> bytes:
    return as_csv(table) if form == "csv" else as_xlsx(table)


def as_csv(table: Table) -> bytes:
    """With a byte order mark, so that spreadsheets read UTF-8. Times have their offset."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(table.headings)
    writer.writerows([_in_csv(cell) for cell in row] for row in table.rows)
    return file.getvalue().encode("utf-8-sig", "replace")


def as_xlsx(table: Table) -> bytes:
    """One sheet with frozen headings. XLSX has no time zones, so times are local."""
    import xlsxwriter  # only needed for the first export

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", table.name)[:31] or "Sheet")
        bold, time = book.add_format({"bold": True}), {"num_format": "yyyy-mm-dd hh:mm:ss"}
        in_time = book.add_format(time)
        widths = [len(heading) for heading in table.headings]
        for column, heading in enumerate(table.headings):
            sheet.write_string(0, column, heading, bold)
        for number, row in enumerate(table.rows, 1):
            for column, cell in enumerate(row):
                # Write each type explicitly: `write` would guess formulas, links, and numbers.
                if isinstance(cell, datetime):
                    sheet.write_datetime(number, column, cell.replace(tzinfo=None), in_time)
                    length = 19
                elif isinstance(cell, int | float):
                    sheet.write_number(number, column, cell)
                    length = len(str(cell))
                elif cell is not None:
                    words = NOT_IN_XML.sub("\ufffd", cell)[:LONGEST_CELL]
                    sheet.write_string(number, column, words)
                    length = len(words)
                else:
                    continue
                widths[column] = max(widths[column], length)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, min(width, WIDEST) + 2)
        sheet.freeze_panes(1, 0)
        if table.headings:
            sheet.autofilter(0, 0, len(table.rows), len(table.headings) - 1)
    return file.getvalue()


def _in_csv(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, int | float):
        return str(cell)
    return harmless(cell)


def harmless(words: str) -> str:
    """Escape text, such as a name, that a spreadsheet would run as a formula."""
    return f"'{words}" if words.startswith(BEGINS_A_FORMULA) else words
