"""A people file as a program manager's spreadsheet holds it: numbers, zones, headers, encodings."""

import pytest

from gateway.people.people_file.reading import PeopleFile, read_people

HEADER = "role,name,phone,timezone,mentor,language\n"


def reads(text: str | bytes, **options: str) -> PeopleFile:
    content = text if isinstance(text, bytes) else text.encode()
    return read_people(content, **{"timezone": "America/New_York", **options})


def why(people: PeopleFile) -> str:
    return "; ".join(map(str, people.problems))


def phone(typed: str, zone: str = "") -> str:
    """The number that a line with these cells gives, or why it is refused."""
    people = reads(f'{HEADER}mentee,Ana,"{typed}",{zone},,\n')
    return people.rows[0].phone if people.rows else why(people)


# --- numbers ---


def test_a_number_is_read_as_one_of_the_country_of_the_persons_time_zone() -> None:
    for typed, zone, number in (
        ("(202) 555-0101", "", "+12025550101"),
        ("1-202-555-0199", "America/Chicago", "+12025550199"),
        ("+1 202 555 0100", "Asia/Kolkata", "+12025550100"),
        ("tel:+12025550137", "", "+12025550137"),
        ("55 1234 5678", "America/Mexico_City", "+525512345678"),
        ("98765 43210", "Asia/Kolkata", "+919876543210"),
        ("098765 43210", "Asia/Calcutta", "+919876543210"),
        ("07911 123456", "Europe/London", "+447911123456"),
        ("416 555 0199", "America/Toronto", "+14165550199"),
        ("787 555 0199", "America/Puerto_Rico", "+17875550199"),
        ("317 555 0199", "America/Indiana/Indianapolis", "+13175550199"),
    ):
        assert phone(typed, zone) == number, (typed, zone)
    mexican = reads(f"{HEADER}mentee,Ana,55 1234 5678,,,\n", timezone="America/Mexico_City")
    assert mexican.rows[0].phone == "+525512345678", "the program's zone counts, too"


def test_a_number_that_belongs_to_no_one_person_is_refused_with_the_reason() -> None:
    for typed, reason in (
        ("555-0130", "no area code"),
        ("123-456-7890", "123-456-7890 is not a valid phone number (United States)"),
        ("0000000000", "check the digits"),
        ("+1 555 123 4567", "check the digits"),
        ("911", "check the digits"),
        ("+44 7700 900", "(United Kingdom)"),
        ("202-555-0137 x23", "has an extension (23)"),
        ("(202) 555-0137 ext. 5", "has an extension (5)"),
        ("1-800-FLOWERS", "contains letters"),
        ("202-555-0137 (mom)", "contains letters"),
        ("1-800-555-0143", "toll-free, premium, or service"),
        ("900-555-0143", "toll-free, premium, or service"),
        ("+44 845 123 4567", "toll-free, premium, or service"),
        ("500-555-0199", "toll-free, premium, or service"),
        ("1.20256E+10", "the spreadsheet shortened the number"),
        ("2025550139.0", "the spreadsheet shortened the number"),
        ("hello", "not a valid phone number"),
        ("", "phone is empty"),
    ):
        assert reason in phone(typed), (typed, phone(typed))
        assert phone(typed).startswith("line 2 (Ana): "), "the line says whose it is"


# --- time zones ---


def test_only_a_place_is_a_time_zone_because_it_knows_its_summer_time() -> None:
    for typed, right in (
        ("EST", "America/New_York"),
        ("EDT", "America/New_York"),
        ("EST5EDT", "America/New_York"),
        ("MST", "America/Denver"),
        ("PST", "America/Los_Angeles"),
        ("Etc/GMT+5", "America/New_York"),
        ("UTC-5", "America/New_York"),
        ("GMT-06", "America/Chicago"),
        ("US/Eastern", "America/New_York"),
        ("Eastern Standard Time", "America/New_York"),
        ("Central Time", "America/Chicago"),
        ("america/new_york", "America/New_York"),
        ("America/New York", "America/New_York"),
        ("Los Angeles", "America/Los_Angeles"),
        ("Mars/Base", "is unknown; use one like America/New_York"),
        ("localtime", "is unknown; use one like America/New_York"),
    ):
        people = reads(f"{HEADER}mentee,Ana,+12025550130,{typed},,\n")
        assert not people.rows, typed
        assert f"time zone '{typed}'" in why(people)
        assert right in why(people), (typed, why(people))
    for place in ("America/New_York", "America/Indiana/Indianapolis", "Asia/Kolkata"):
        assert reads(f"{HEADER}mentee,Ana,+12025550130,{place},,\n").rows[0].timezone == place


# --- headers ---

ANA = "Mentees,Ana,(202) 555-0130,America/Chicago,Sam,Spanish\n"
NAMED = "Role,First Name,Phone Number,Time Zone,Mentor Name,Preferred Language\n"


def test_the_header_of_a_real_spreadsheet_is_understood() -> None:
    for text in (
        NAMED + ANA,
        f"sep=;\n{NAMED}{ANA}".replace(",", ";"),
        f'"sep=,"\r\n{NAMED}{ANA}',
        f"Harbor Mentoring - Fall 2026,,,,,\n\n{NAMED}{ANA}",
        f",,,,,\n,,,,,\n{NAMED}{ANA}",
        NAMED.upper() + ANA,
        f"Type\tGiven name\tCell #\tTime_Zone\tMentors\tLang\n{ANA}".replace(",", "\t"),
        f"\ufeffRol,Nombre,Teléfono,TZ,Mentor,Idioma\n{ANA}",
        (NAMED + ANA).encode("utf-16-le"),
        (NAMED + ANA).encode("utf-16-be"),
        (NAMED + ANA).encode("utf-16"),
    ):
        people = reads(text)
        assert not people.problems, (text, why(people))
        [row] = people.rows
        assert (row.role, row.name, row.phone) == ("mentee", "Ana", "+12025550130"), text
        assert (row.timezone, row.mentors, row.language) == ("America/Chicago", ("Sam",), "es")


def test_columns_that_are_not_read_are_named() -> None:
    people = reads("Role,First Name,Last Name,Phone,Grade,\nmentee,Ana,Ruiz,+12025550130,8,x\n")
    assert people.ignored == ("Last Name", "Grade")
    assert people.rows[0].name == "Ana"
    both = reads("role,name,phone,cell phone\nmentee,Ana,+12025550130,+12025550131\n")
    assert "phone, cell phone are both the phone; keep one" in why(both)


def test_a_name_loses_characters_without_width_and_keeps_its_own_marks() -> None:
    for typed, kept in (
        ("Sam\u200b", "Sam"),
        ("\u2060S\u00adam\ufeff", "Sam"),
        ("Rene\u0301e", "Ren\u00e9e"),
        ("\u0645\u06cc\u200c\u0646\u0627", "\u0645\u06cc\u200c\u0646\u0627"),
    ):
        assert reads(f"{HEADER}mentor,{typed},+12025550130,,,\n").rows[0].name == kept


# --- encodings ---


def test_a_guessed_encoding_is_a_question_when_a_name_depends_on_it() -> None:
    for name, codec in (
        ("Ren\u00e9e", "mac_roman"),
        ("Ren\u00e9e", "cp1252"),
        ("\u592a\u90ce", "shift_jis"),
        ("\u5c0f\u660e", "gb18030"),
        ("\u041e\u043b\u0435\u0433", "cp1251"),
        ("\u0141ukasz", "cp1250"),
    ):
        content = f"{HEADER}mentor,{name},+12025550130,,,\n".encode(codec)
        people = reads(content)
        shown = {reading.encoding: reading.names for reading in people.readings}
        assert shown[codec] == (name,), (name, shown)
        assert len(set(shown.values())) == len(shown), "each reading is different"
        chosen = reads(content, encoding=codec)
        assert (chosen.rows[0].name, chosen.readings) == (name, ())
    twice = f"{HEADER}mentor,Ren\u00e9e,+12025550130,,,\n".encode().decode("cp1252").encode()
    readings = [(one.encoding, one.names) for one in reads(twice).readings]
    assert readings == [("utf-8-twice", ("Ren\u00e9e",)), ("utf-8", ("Ren\u00c3\u00a9e",))]


@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "ascii"])
def test_a_file_that_is_plain_asks_nothing(codec: str) -> None:
    name = "Renee" if codec == "ascii" else "Ren\u00e9e"
    content = f"{HEADER}mentor,{name},+12025550130,,,\n".encode(codec)
    assert not reads(content).readings
