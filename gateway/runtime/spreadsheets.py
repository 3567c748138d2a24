"""Tables as CSV and XLSX files, safe from formula injection.

XlsxWriter only writes, which is all we need, and has no dependencies, unlike openpyxl.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

Cell = str | int | float | datetime | None
Form = Literal["csv", "xlsx"]
R = TypeVar("R")

MEDIA_TYPES: dict[Form, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

# A cell that starts with one of these may run as a formula (OWASP, CSV injection).
BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Not allowed in XML; a lone surrogate cannot be encoded at all.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LONGEST_CELL = 32_767
WIDEST_PIXELS = 430
TIME_WIDTH = 20
# Text stays text: no formulas and no links. XLSX has no time zones, so times are local.
XLSX_OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "remove_timezone": True,
    "default_date_format": "yyyy-mm-dd hh:mm:ss",
}


@dataclass(frozen=True)
class Table:
    """Times must be aware, in the time zone to show."""

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def make_table(
    name: str,
    columns: Mapping[str, Callable[[R], object]],
    rows: Iterable[R],
    zone: str | Callable[[R], str],
) -> Table:
    """One line for each of `rows`. `columns` maps each heading to what its cells show.

    `zone` is the time zone of all times, or returns that of a row.
    """
    cells = []
    for row in rows:
        there = ZoneInfo(zone if isinstance(zone, str) else zone(row))
        cells.append([_to_cell(show(row), there) for show in columns.values()])
    return Table(name, list(columns), cells)


def _to_cell(value: Any, zone: ZoneInfo) -> Cell:
    """Local times, whole seconds, two decimals, "yes" or nothing, and lowercase names of ranks."""
    match value:
        case datetime():
            return value.astimezone(zone)
        case timedelta():
            return round(value.total_seconds())
        case bool():
            return "yes" if value else None
        case IntEnum():
            return value.name.lower()
        case float():
            return round(value, 2)
        case list() | tuple():
            return "; ".join(value)
    cell: Cell = value
    return cell


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
    """One sheet with frozen headings."""
    import xlsxwriter  # only needed for the first export

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, XLSX_OPTIONS) as book:
        sheet = book.add_worksheet(re.sub(r"[\[\]:*?/\\']", " ", table.name)[:31] or "Sheet")
        sheet.write_row(0, 0, table.headings, book.add_format({"bold": True}))
        for number, row in enumerate(table.rows, 1):
            sheet.write_row(number, 0, [_in_xlsx(cell) for cell in row])
        sheet.autofit(WIDEST_PIXELS)
        for column, cells in enumerate(zip(*table.rows, strict=True)):
            if any(isinstance(cell, datetime) for cell in cells):
                sheet.set_column(column, column, TIME_WIDTH)
        sheet.freeze_panes(1, 0)
        if table.headings:
            sheet.autofilter(0, 0, len(table.rows), len(table.headings) - 1)
    return file.getvalue()


def _in_xlsx(cell: Cell) -> Cell:
    return NOT_IN_XML.sub("\ufffd", cell)[:LONGEST_CELL] if isinstance(cell, str) else cell


def _in_csv(cell: Cell) -> Cell:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    if isinstance(cell, str) and cell.startswith(BEGINS_A_FORMULA):
        return f"'{cell}"
    return cell
