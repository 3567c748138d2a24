"""Reading a people file: one person on each line, with their mentors.

import_plan.py says what enrolling it would do, and enrollment.py does it.
"""

import csv
import io
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from escalation.speech.i18n import LANGUAGES, LANGUAGES_OF_STAFF, gettext_noop, phrase
from gateway.runtime.user_input import as_e164
from models import Role

COLUMNS = ("role", "name", "phone", "timezone", "mentor", "language")
LONGEST_NAME = 60
MOST_LINES = 5_000
DELIMITERS = {
    ",": gettext_noop("commas"),
    ";": gettext_noop("semicolons"),
    "\t": gettext_noop("tabs"),
}
# Characters that reverse the text around them, also of a sentence with the name in it. The marks
# that right-to-left names need (U+200E, U+200F) do not, and are allowed.
DIRECTION_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# "Etc/" holds offsets with the sign reversed; names without "/" are older aliases.
REGIONS = (
    *("Africa/", "America/", "Antarctica/", "Asia/", "Atlantic/", "Australia/"),
    *("Europe/", "Indian/", "Pacific/"),
)


@dataclass(frozen=True)
class Problem:
    """What is wrong with one line of the file; the header is line 1."""

    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Details:
    """One person as typed in a form or sent through the API, not checked yet."""

    role: str
    name: str
    phone: str
    timezone: str = ""
    language: str = ""


@dataclass(frozen=True)
class Row:
    """One person, checked.

    Without `says_timezone` the zone is only the default. `language` is what we text a mentee in
    (BCP 47); empty where none was given.
    """

    line: int
    role: Role
    name: str
    phone: str
    timezone: str
    mentors: tuple[str, ...]
    says_timezone: bool = True
    language: str = ""


@dataclass
class PeopleFile:
    """A file's rows and problems; `read_as` is such as "UTF-8, separated by commas"."""

    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read_as: str = ""

    def add_problem(self, line: int, reason: str) -> None:
        self.problems.append(Problem(line, reason))


def read_people(content: bytes, *, timezone: str) -> PeopleFile:
    """Read a people file, checking every line.

    CSV as spreadsheets write it: UTF-8 or Windows-1252 (or UTF-16 with a byte order mark),
    separated by commas, semicolons or tabs. `timezone` is used where the column is empty. `mentor`
    is a mentee's own mentor, by name or number; more, separated by "/", are back-ups. `language`
    is the mentee's, such as es; empty leaves it unchanged.
    """
    people = PeopleFile()
    if content.startswith(b"PK\x03\x04"):
        people.add_problem(1, gettext_noop("this is an Excel workbook; save it as CSV first"))
        return people
    text, encoding = _decoded(content)
    if "\x00" in text:
        people.add_problem(1, gettext_noop("this is not a text file; save it as CSV (UTF-8)"))
        return people
    delimiter = _detect_delimiter(text)
    people.read_as = phrase(
        "{encoding}, separated by {delimiter}",
        encoding=encoding,
        delimiter=phrase(DELIMITERS[delimiter]),
    )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read_lines(reader, people, timezone)
    except csv.Error:
        # An open quotation mark would swallow all the lines after it.
        people.add_problem(
            reader.line_num,
            gettext_noop('a quotation mark (") is not closed or is in the middle of a cell'),
        )
    return people


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "UTF-16"
    try:
        return content.decode("utf-8-sig"), "UTF-8"
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("cp1252"), "Windows-1252"
    except UnicodeDecodeError:
        return content.decode("latin-1"), "Latin-1"


def _detect_delimiter(text: str) -> str:
    """The delimiter that splits the first line into the most columns we know."""
    header = text.split("\n", 1)[0]
    return max(DELIMITERS, key=lambda mark: sum(n in COLUMNS for n in _names(header.split(mark))))


def _names(cells: Sequence[str]) -> list[str]:
    return [cleaned(cell).strip('"').replace(" ", "").replace("_", "").casefold() for cell in cells]


def _read_lines(reader: "Iterator[list[str]]", people: PeopleFile, timezone: str) -> None:
    names = _names(next(reader, []))
    missing = [column for column in COLUMNS[:3] if column not in names]
    if missing:
        sentence = phrase(
            "the header is missing {missing}; it should be {wanted}",
            missing=", ".join(missing),
            wanted=",".join(COLUMNS),
        )
        people.add_problem(1, sentence)
        return
    seen: dict[str, int] = {}
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if line > MOST_LINES + 1:
            sentence = phrase("the file has more than {most:,} lines; split it", most=MOST_LINES)
            people.add_problem(line, sentence)
            return
        values = dict(zip(names, map(cleaned, cells), strict=False))
        if not any(values.values()):
            continue
        row = read_row({column: values.get(column, "") for column in COLUMNS}, line, timezone)
        if isinstance(row, Problem):
            people.problems.append(row)
        elif row.phone in seen:
            sentence = phrase("this phone number is already on line {line}", line=seen[row.phone])
            people.add_problem(line, sentence)
        else:
            seen[row.phone] = line
            people.rows.append(row)


def cleaned(cell: str) -> str:
    """One plain line: without control characters and direction overrides."""
    kept = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", cell))
    return " ".join(
        "".join(
            c
            for c in kept
            if c not in DIRECTION_OVERRIDES and unicodedata.category(c) not in ("Cc", "Cs")
        )
        .strip("\ufeff")
        .split()
    )


def check_details(details: Details, *, default_timezone: str) -> Row | Problem:
    """Check one person's details like a line of a file. A mentor is chosen separately."""
    cells = {key: cleaned(value) for key, value in asdict(details).items()}
    return read_row({**cells, "mentor": ""}, 1, default_timezone)


def read_row(cells: dict[str, str], line: int, timezone: str) -> Row | Problem:
    """One line's `cleaned` cells as a row, or what is wrong with them."""
    try:
        return _read_row(cells, line, timezone)
    except _BadCell as bad:
        return Problem(line, bad.reason)


class _BadCell(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


def _read_row(cells: dict[str, str], line: int, timezone: str) -> Row:
    role = _read_role(cells["role"])
    if not cells["name"]:
        raise _BadCell(gettext_noop("name is empty; enter the first name that others will see"))
    if len(cells["name"]) > LONGEST_NAME:
        raise _BadCell(
            phrase(
                "name is longer than {longest} characters; a first name is enough",
                longest=LONGEST_NAME,
            )
        )
    phone = as_e164(cells["phone"])
    if phone is None:
        raise _BadCell(gettext_noop("not a valid phone number; write it like +12025550101"))
    zone = cells["timezone"] or timezone
    if not is_zone(zone):
        raise _BadCell(
            phrase("time zone {zone!r} is unknown; use one like America/New_York", zone=zone)
        )
    mentors = tuple(mentor.strip() for mentor in cells["mentor"].split("/") if mentor.strip())
    if mentors and role is not Role.MENTEE:
        raise _BadCell(gettext_noop("only a mentee has a mentor; leave that column empty"))
    language = _read_language(cells.get("language", ""), role)
    return Row(line, role, cells["name"], phone, zone, mentors, bool(cells["timezone"]), language)


def _read_role(cell: str) -> Role:
    try:
        return Role(cell.casefold())
    except ValueError:
        raise _BadCell(
            phrase("role {role!r} is not valid; use mentee, mentor or manager", role=cell)
        ) from None


def _read_language(cell: str, role: Role) -> str:
    language = cell.casefold()
    if language and language not in LANGUAGES:
        there = ", ".join(LANGUAGES)
        raise _BadCell(
            phrase(
                "language {language!r} is not available; use one of {there}",
                language=language,
                there=there,
            )
        )
    if language and role is not Role.MENTEE and language not in LANGUAGES_OF_STAFF:
        raise _BadCell(gettext_noop("only a mentee has a language; leave that column empty"))
    return language


def is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


@cache
def common_zones() -> tuple[str, ...]:
    """The time zones that a page offers, such as America/New_York."""
    return tuple(sorted(zone for zone in available_timezones() if zone.startswith(REGIONS)))
