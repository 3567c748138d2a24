"""The details of one person, as typed and as checked."""

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from escalation.speech.i18n import LANGUAGES, LANGUAGES_OF_STAFF, gettext_noop, phrase
from escalation.speech.names import fold_name, is_like_the_bot
from gateway.people.details.phone_numbers import read_number
from gateway.people.details.refusals import BadDetails
from gateway.people.details.time_zones import check_zone
from models import Role

LONGEST_NAME = 60
# Characters that reverse the text around them, also of a sentence with the name in it, and spaces
# and hyphens without width. The marks that right-to-left names and joined letters need (U+200C to
# U+200F) are neither, and are allowed.
NOT_IN_A_NAME = frozenset(
    "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200b\u2060\ufeff\u00ad"
)
LANGUAGE_NAMES = {"english": "en", "ingles": "en", "spanish": "es", "espanol": "es"}


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


def check_details(details: Details, *, default_timezone: str) -> Row:
    """Check one person's details like a line of a file. Raises BadDetails."""
    cells = {key: cleaned(value) for key, value in asdict(details).items()}
    return read_row({**cells, "mentor": ""}, 1, default_timezone)


def read_row(cells: Mapping[str, str], line: int, timezone: str) -> Row:
    """Raises BadDetails."""
    role = _read_role(cells["role"])
    if not cells["name"]:
        raise BadDetails(gettext_noop("name is empty; enter the first name that others will see"))
    check_name(cells["name"])
    if len(cells["name"]) > LONGEST_NAME:
        sentence = gettext_noop("name is longer than {longest} characters; a first name is enough")
        raise BadDetails(phrase(sentence, longest=LONGEST_NAME))
    zone = cells["timezone"] or timezone
    check_zone(zone)
    phone = read_number(cells["phone"], zone)
    mentors = tuple(mentor.strip() for mentor in cells["mentor"].split("/") if mentor.strip())
    if mentors and role is not Role.MENTEE:
        raise BadDetails(gettext_noop("only a mentee has a mentor; leave that column empty"))
    language = _read_language(cells["language"], role)
    return Row(line, role, cells["name"], phone, zone, mentors, bool(cells["timezone"]), language)


def cleaned(cell: str) -> str:
    """One plain line: without control characters and direction overrides."""
    spaced = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", cell))
    allowed = (
        c for c in spaced if c not in NOT_IN_A_NAME and unicodedata.category(c) not in ("Cc", "Cs")
    )
    return " ".join("".join(allowed).split())


def check_name(name: str, program: str = "") -> None:
    """Raises BadDetails for a name that mentees could take for the bot's or the program's."""
    if is_like_the_bot(name, program):
        sentence = gettext_noop(
            "{name!r} could be taken for the bot or the program; use a first name"
        )
        raise BadDetails(phrase(sentence, name=name))


def _read_role(cell: str) -> Role:
    try:
        return Role(cell.casefold().removesuffix("s"))
    except ValueError:
        sentence = gettext_noop("role {role!r} is not valid; use mentee, mentor or manager")
        raise BadDetails(phrase(sentence, role=cell)) from None


def _read_language(cell: str, role: Role) -> str:
    language = LANGUAGE_NAMES.get(fold_name(cell), cell.casefold())
    if language and language not in LANGUAGES:
        sentence = gettext_noop("language {language!r} is not available; use one of {there}")
        raise BadDetails(phrase(sentence, language=language, there=", ".join(LANGUAGES)))
    if language and role is not Role.MENTEE and language not in LANGUAGES_OF_STAFF:
        raise BadDetails(gettext_noop("only a mentee has a language; leave that column empty"))
    return language
