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

from escalation.speech.i18n import (
    LANGUAGES,
    LANGUAGES_OF_STAFF,
    gettext_noop,
    joined,
    phrase,
    with_capital,
)
from escalation.speech.names import is_like_the_bot
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


class CannotChange(Exception):
    """A refused change by a manager. Its text says why, and what to do."""


class BadDetails(CannotChange):
    """`reason` has no capital letter and no period. `line` is the line of a file, if known."""

    def __init__(self, reason: str, line: int = 1) -> None:
        self.reason, self.line = reason, line
        super().__init__(joined((with_capital(reason), "."), ""))


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


def read_people(content: bytes, *, timezone: str) -> PeopleFile:
    """Read a people file, checking every line.

    CSV as spreadsheets write it: UTF-8 or Windows-1252 (or UTF-16 with a byte order mark),
    separated by commas, semicolons or tabs. `timezone` is used where the column is empty. `mentor`
    is a mentee's own mentor, by name or number; more, separated by "/", are back-ups. `language`
    is the mentee's, such as es; empty leaves it unchanged.
    """
    people = PeopleFile()
    try:
        _read_file(content, people, timezone)
    except BadDetails as bad:
        people.problems.append(Problem(bad.line, bad.reason))
    return people


def _read_file(content: bytes, people: PeopleFile, timezone: str) -> None:
    """Raises BadDetails at the line after which we cannot read on."""
    if content.startswith(b"PK\x03\x04"):
        raise BadDetails(gettext_noop("this is an Excel workbook; save it as CSV first"))
    text, encoding = _decoded(content)
    if "\x00" in text:
        raise BadDetails(gettext_noop("this is not a text file; save it as CSV (UTF-8)"))
    delimiter = _detect_delimiter(text)
    separated = phrase(DELIMITERS[delimiter])
    people.read_as = phrase(
        "{encoding}, separated by {delimiter}", encoding=encoding, delimiter=separated
    )
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read_lines(reader, people, timezone)
    except csv.Error:
        # An open quotation mark would swallow all the lines after it.
        sentence = gettext_noop('a quotation mark (") is not closed or is in the middle of a cell')
        raise BadDetails(sentence, reader.line_num) from None


def _decoded(content: bytes) -> tuple[str, str]:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace"), "UTF-16"
    for codec, name in (("utf-8-sig", "UTF-8"), ("cp1252", "Windows-1252")):
        try:
            return content.decode(codec), name
        except UnicodeDecodeError:
            pass
    return content.decode("latin-1"), "Latin-1"


def _detect_delimiter(text: str) -> str:
    """The delimiter that splits the first line into the most columns we know."""
    header = text.split("\n", 1)[0]
    return max(DELIMITERS, key=lambda mark: sum(n in COLUMNS for n in _names(header.split(mark))))


def _names(cells: Sequence[str]) -> list[str]:
    return [cleaned(cell).strip('"').replace(" ", "").replace("_", "").casefold() for cell in cells]


def _read_lines(reader: "Iterator[list[str]]", people: PeopleFile, timezone: str) -> None:
    names = _names(next(reader, []))
    if missing := [column for column in COLUMNS[:3] if column not in names]:
        sentence = phrase(
            "the header is missing {missing}; it should be {wanted}",
            missing=", ".join(missing),
            wanted=",".join(COLUMNS),
        )
        raise BadDetails(sentence)
    seen: dict[str, int] = {}
    for cells in reader:
        line: int = reader.line_num  # type: ignore[attr-defined]
        if line > MOST_LINES + 1:
            sentence = phrase("the file has more than {most:,} lines; split it", most=MOST_LINES)
            raise BadDetails(sentence, line)
        values = dict(zip(names, map(cleaned, cells), strict=False))
        if not any(values.values()):
            continue
        try:
            row = _read_row({column: values.get(column, "") for column in COLUMNS}, line, timezone)
            if row.phone in seen:
                taken = gettext_noop("this phone number is already on line {line}")
                raise BadDetails(phrase(taken, line=seen[row.phone]))
        except BadDetails as bad:
            people.problems.append(Problem(line, bad.reason))
        else:
            seen[row.phone] = line
            people.rows.append(row)


def cleaned(cell: str) -> str:
    """One plain line: without control characters and direction overrides."""
    spaced = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", cell))
    allowed = (
        c
        for c in spaced
        if c not in DIRECTION_OVERRIDES and unicodedata.category(c) not in ("Cc", "Cs")
    )
    return " ".join("".join(allowed).strip("\ufeff").split())


def check_details(details: Details, *, default_timezone: str) -> Row:
    """Check one person's details like a line of a file. Raises BadDetails."""
    cells = {key: cleaned(value) for key, value in asdict(details).items()}
    return _read_row({**cells, "mentor": ""}, 1, default_timezone)


def _read_row(cells: dict[str, str], line: int, timezone: str) -> Row:
    try:
        role = Role(cells["role"].casefold())
    except ValueError:
        sentence = gettext_noop("role {role!r} is not valid; use mentee, mentor or manager")
        raise BadDetails(phrase(sentence, role=cells["role"])) from None
    if not cells["name"]:
        raise BadDetails(gettext_noop("name is empty; enter the first name that others will see"))
    check_name(cells["name"])
    if len(cells["name"]) > LONGEST_NAME:
        sentence = gettext_noop("name is longer than {longest} characters; a first name is enough")
        raise BadDetails(phrase(sentence, longest=LONGEST_NAME))
    phone = as_e164(cells["phone"])
    if phone is None:
        raise BadDetails(gettext_noop("not a valid phone number; write it like +12025550101"))
    zone = cells["timezone"] or timezone
    if not is_zone(zone):
        sentence = gettext_noop("time zone {zone!r} is unknown; use one like America/New_York")
        raise BadDetails(phrase(sentence, zone=zone))
    mentors = tuple(mentor.strip() for mentor in cells["mentor"].split("/") if mentor.strip())
    if mentors and role is not Role.MENTEE:
        raise BadDetails(gettext_noop("only a mentee has a mentor; leave that column empty"))
    language = _read_language(cells["language"], role)
    return Row(line, role, cells["name"], phone, zone, mentors, bool(cells["timezone"]), language)


def check_name(name: str, program: str = "") -> None:
    """Raises BadDetails for a name that mentees could take for the bot's or the program's."""
    if is_like_the_bot(name, program):
        sentence = gettext_noop(
            "{name!r} could be taken for the bot or the program; use a first name"
        )
        raise BadDetails(phrase(sentence, name=name))


def _read_language(cell: str, role: Role) -> str:
    language = cell.casefold()
    if language and language not in LANGUAGES:
        sentence = gettext_noop("language {language!r} is not available; use one of {there}")
        raise BadDetails(phrase(sentence, language=language, there=", ".join(LANGUAGES)))
    if language and role is not Role.MENTEE and language not in LANGUAGES_OF_STAFF:
        raise BadDetails(gettext_noop("only a mentee has a language; leave that column empty"))
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
