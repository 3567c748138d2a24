"""Reading a people file: one person on each line, with their mentors.

import_plan.py says what enrolling it would do, and enrollment.py does it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from escalation.speech.i18n import gettext_noop, phrase
from escalation.speech.names import fold_name
from gateway.people.details.refusals import BadDetails
from gateway.people.details.row import Row, cleaned, read_row
from gateway.people.people_file.columns import (
    COLUMNS,
    DELIMITERS,
    Header,
    detect_delimiter,
    read_header,
)
from gateway.people.people_file.decoding import GUESSES, decode, decoded_as
from models import Role

MOST_LINES = 5_000
# As many names show whether an encoding is right.
NAMES_SHOWN = 3


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file, and whose line it is, if that can be read."""

    line: int
    reason: str
    name: str = ""

    def __str__(self) -> str:
        whose = f" ({self.name})" if self.name else ""
        return f"line {self.line}{whose}: {self.reason}"


@dataclass(frozen=True)
class Reading:
    """How one encoding would show the names of the file that have more than plain letters."""

    encoding: str
    label: str
    names: tuple[str, ...]


@dataclass
class PeopleFile:
    """A file's rows and problems; `read_as` is such as "UTF-8, separated by commas".

    `ignored` are the columns that we do not read. `readings` is empty unless we had to guess the
    encoding and names depend on it; then a manager must choose one before anyone is enrolled.
    """

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read_as: str = ""
    ignored: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()


def read_people(content: bytes, *, timezone: str, encoding: str = "") -> PeopleFile:
    """Read a people file, checking every line.

    CSV as spreadsheets write it: UTF-8, UTF-16, or an older encoding, separated by commas,
    semicolons or tabs. `timezone` is used where the column is empty; a number without a country
    code is one of its country. `mentor` is a mentee's own mentor, by name or number; more,
    separated by "/", are back-ups. `language` is the mentee's, such as es; empty leaves it
    unchanged. `encoding` is one of GUESSES, chosen after a look at `readings`.
    """
    people = PeopleFile()
    try:
        _read_file(content, people, timezone, encoding)
    except BadDetails as bad:
        people.problems.append(Problem(bad.line, bad.reason))
    return people


def _read_file(content: bytes, people: PeopleFile, timezone: str, encoding: str) -> None:
    """Raises BadDetails at the line after which we cannot read on."""
    if content.startswith(b"PK\x03\x04"):
        raise BadDetails(gettext_noop("this is an Excel workbook; save it as CSV first"))
    decoded = decode(content, encoding)
    delimiter = detect_delimiter(decoded.text)
    people.read_as = phrase(
        "{encoding}, separated by {delimiter}",
        encoding=phrase(decoded.name),
        delimiter=phrase(DELIMITERS[delimiter]),
    )
    reader = csv.reader(io.StringIO(decoded.text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = read_header(reader)
        people.ignored = header.ignored
        _read_lines(reader, header, people, timezone)
    except csv.Error:
        # An open quotation mark would swallow all the lines after it.
        sentence = gettext_noop('a quotation mark (") is not closed or is in the middle of a cell')
        raise BadDetails(sentence, reader.line_num) from None
    people.readings = _readings(content, decoded.candidates, delimiter)


def _read_lines(
    reader: Iterator[list[str]], header: Header, people: PeopleFile, timezone: str
) -> None:
    seen: dict[str, list[Row]] = {}
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if line > MOST_LINES + 1:
            sentence = phrase("the file has more than {most:,} lines; split it", most=MOST_LINES)
            raise BadDetails(sentence, line)
        values = dict.fromkeys(COLUMNS, "")
        for column, cell in zip(header.fields, cells, strict=False):
            if column is not None:
                values[column] = cleaned(cell)
        if not any(values.values()):
            continue
        try:
            row = read_row(values, line, timezone)
            _check_first(row, seen)
        except BadDetails as bad:
            people.problems.append(Problem(line, bad.reason, values["name"]))
        else:
            seen.setdefault(row.phone, []).append(row)
            people.rows.append(row)


def _check_first(row: Row, seen: Mapping[str, Sequence[Row]]) -> None:
    """Two mentees with two names can share a phone. Raises BadDetails otherwise."""
    for other in seen.get(row.phone, ()):
        both = row.role is other.role is Role.MENTEE
        if not both or fold_name(row.name) == fold_name(other.name):
            taken = gettext_noop("this phone number is already on line {line}")
            raise BadDetails(phrase(taken, line=other.line))


def _readings(content: bytes, candidates: Sequence[str], delimiter: str) -> tuple[Reading, ...]:
    """Ways to read the names that are not in plain letters, each different from the others."""
    found: dict[tuple[str, ...], Reading] = {}
    for encoding in candidates:
        text = decoded_as(content, encoding)
        names = _names_with_accents(text, delimiter) if text is not None else ()
        if names:
            found.setdefault(names, Reading(encoding, GUESSES[encoding], names))
    return tuple(found.values())


def _names_with_accents(text: str, delimiter: str) -> tuple[str, ...]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        place = read_header(reader).fields.index("name")
        names = (cleaned(cells[place]) for cells in reader if len(cells) > place)
        return tuple(islice((name for name in names if not name.isascii()), NAMES_SHOWN))
    except (BadDetails, csv.Error):
        return ()  # the header makes no sense in this encoding
