"""The header of a people file: which column is which, however a spreadsheet names it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from escalation.speech.i18n import gettext_noop, phrase
from escalation.speech.names import fold_name
from gateway.people.details.refusals import BadDetails
from gateway.people.details.row import cleaned

COLUMNS = ("role", "name", "phone", "timezone", "mentor", "language")
REQUIRED = COLUMNS[:3]
# Each is compared without spaces, marks, case, and a plural s.
ALSO = {
    "role": ("type", "persontype", "participanttype", "rol"),
    "name": ("firstname", "givenname", "preferredname", "preferredfirstname", "nombre"),
    "phone": (
        *("phonenumber", "phoneno", "mobile", "mobilenumber", "mobilephone", "mobilephonenumber"),
        *("cell", "cellnumber", "cellphone", "cellphonenumber", "telephone", "telephonenumber"),
        *("number", "tel", "telefono"),
    ),
    "timezone": ("tz", "zone", "zonahoraria"),
    "mentor": ("mentorname", "ownmentor", "assignedmentor", "theirmentor"),
    "language": ("lang", "preferredlanguage", "idioma"),
}
FIELDS = {other: column for column in COLUMNS for other in (column, *ALSO[column])}
DELIMITERS = {
    ",": gettext_noop("commas"),
    ";": gettext_noop("semicolons"),
    "\t": gettext_noop("tabs"),
}
# A title, a date, or empty lines can stand above the header.
HEADER_WITHIN = 10


@dataclass(frozen=True)
class Header:
    """The field of each column, None for those we do not read, which are in `ignored`."""

    fields: tuple[str | None, ...]
    ignored: tuple[str, ...]


def detect_delimiter(text: str) -> str:
    """What `sep=;` says, or the delimiter that splits one of the first lines into the most
    columns we know."""
    lines = text.split("\n", HEADER_WITHIN)[:HEADER_WITHIN]
    first = lines[0].strip().strip('"')
    if first.lower().startswith("sep=") and first[4:5] in DELIMITERS:
        return first[4:5]

    def known(mark: str) -> int:
        return max(sum(_field(cell) is not None for cell in line.split(mark)) for line in lines)

    return max(DELIMITERS, key=known)


def read_header(reader: Iterator[list[str]]) -> Header:
    """Raises BadDetails if none of the first lines names the columns that we need."""
    best: list[str] = []
    for _, cells in zip(range(HEADER_WITHIN), reader, strict=False):
        found = [_field(cell) for cell in cells]
        if set(REQUIRED) <= set(found):
            return _header(cells)
        best = max(best, [field for field in found if field], key=lambda one: len(set(one)))
    missing = ", ".join(column for column in REQUIRED if column not in best)
    sentence = gettext_noop("the header is missing {missing}; it should be {wanted}")
    raise BadDetails(phrase(sentence, missing=missing, wanted=",".join(COLUMNS)))


def _header(cells: Sequence[str]) -> Header:
    fields = tuple(_field(cell) for cell in cells)
    columns = [(field, cleaned(cell)) for field, cell in zip(fields, cells, strict=True)]
    for column in COLUMNS:
        named = [cell for field, cell in columns if field == column]
        if len(named) > 1:
            sentence = gettext_noop("{columns} are both the {column}; keep one of these columns")
            raise BadDetails(phrase(sentence, columns=", ".join(named), column=column))
    return Header(fields, tuple(cell for field, cell in columns if field is None and cell))


def _field(cell: str) -> str | None:
    plain = "".join(c for c in fold_name(cleaned(cell)) if c.isalnum())
    return FIELDS.get(plain) or FIELDS.get(plain.removesuffix("s"))
