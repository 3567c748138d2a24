"""People files: problems line by line, and enrolling the valid lines."""

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.people.enrollment import enroll as enroll_people
from gateway.people.people_file.reading import read_people
from models import Program
from tests.commands import warmline
from tests.line import Talk
from tests.processes import KEY

GOOD = """role,name,phone,timezone,mentor
mentor,Sam,+12025550111,America/New_York,
manager,Ruth,202-555-0121,,
mentee,Maya,(202) 555-0101,America/Chicago,Sam
"""
BAD = (
    GOOD
    + """friend,Bo,+12025550141,,
mentee,,+12025550142,,
mentee,Cy,hello,,
mentee,Di,+12025550143,Mars/Base,
mentee,Eve,+12025550144,,Nobody
mentee,Fay,+12025550101,,
mentor,Gus,+12025550145,,Sam
mentee,Hal,+12025550146,,Sam
"""
)


@pytest.fixture(autouse=True)
def empty_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'cli.db'}")
    monkeypatch.setenv("WARMLINE_KEY", KEY)


def enroll(tmp_path: Path, text: str, *flags: str) -> tuple[int, str, str]:
    file = tmp_path / "people.csv"
    file.write_text(text, "utf-8")
    ran = warmline("enroll", str(file), "--program", "Harbor", *flags)
    return ran.exit_code, ran.stdout, ran.stderr


def test_a_valid_file_is_enrolled(tmp_path: Path) -> None:
    code, said, _ = enroll(tmp_path, GOOD)
    assert code == 0
    assert said.splitlines() == [
        "line 2: add mentor Sam +12025550111, America/New_York",
        "line 3: add manager Ruth +12025550121, America/New_York",
        "line 4: add mentee Maya +12025550101, America/Chicago, with Sam",
        "3 enrolled, 0 lines with a problem.",
    ]


def test_a_preview_shows_each_line_and_enrolls_no_one(tmp_path: Path) -> None:
    code, said, _ = enroll(tmp_path, GOOD, "--preview")
    assert code == 0
    assert "line 4: add mentee Maya" in said
    assert said.endswith("0 enrolled, 0 lines with a problem.\n")
    assert warmline("check").stdout == "No program is set up. Run `warmline enroll people.csv`.\n"


def test_a_guessed_encoding_and_columns_that_are_not_read_are_named(tmp_path: Path) -> None:
    file = tmp_path / "mac.csv"
    lines = "Role,First Name,Mobile,Grade\nMentor,Renée,(202) 555-0130,8\n"
    file.write_bytes(lines.encode("mac_roman"))
    ran = warmline("enroll", str(file), "--program", "Harbor")
    assert (ran.exit_code, "0 enrolled" in ran.stdout) == (1, True)
    assert "These columns are not read: Grade." in ran.stderr
    assert "--encoding mac_roman    Renée" in ran.stderr
    ran = warmline("enroll", str(file), "--program", "Harbor", "--encoding", "mac_roman")
    assert "line 2: add mentor Renée" in ran.stdout
    assert "1 enrolled" in ran.stdout


def test_a_number_is_read_for_the_program_and_its_zone_must_be_a_place(tmp_path: Path) -> None:
    lines = "role,name,phone\nmentee,Ana,55 1234 5678\n"
    _, _, why = enroll(tmp_path, lines, "--timezone", "EST")
    assert "--timezone 'EST' is not a place" in why
    _, said, _ = enroll(tmp_path, lines, "--timezone", "America/Mexico_City")
    assert "add mentee Ana +525512345678" in said
    _, said, _ = enroll(tmp_path, lines)
    assert "no change for mentee Ana +525512345678" in said


def test_each_problem_is_named_and_no_one_is_enrolled(tmp_path: Path) -> None:
    code, said, complaints = enroll(tmp_path, BAD)
    assert code == 1
    assert said.endswith("0 enrolled, 6 lines with a problem, 1 with a question.\n")
    assert "line 8 (Di): " in complaints
    for line, reason in [
        (5, "role 'friend' is not valid"),
        (6, "name is empty"),
        (7, "not a valid phone number"),
        (8, "time zone 'Mars/Base' is unknown"),
        (9, "no mentor is named 'Nobody'"),
        (10, "Maya on line 4 has this number; do they share the phone?"),
        (11, "only a mentee has a mentor"),
    ]:
        assert f"line {line}" in complaints
        assert reason in complaints
    assert warmline("check").stdout == ("No program is set up. Run `warmline enroll people.csv`.\n")


def test_valid_lines_are_enrolled_on_request(tmp_path: Path) -> None:
    code, said, _ = enroll(tmp_path, BAD, "--keep-good")
    assert code == 1
    assert said.endswith("\n4 enrolled, 6 lines with a problem, 1 with a question.\n")


def test_enrolling_again_updates_people(tmp_path: Path) -> None:
    enroll(tmp_path, GOOD)
    code, said, _ = enroll(tmp_path, GOOD.replace("America/Chicago", "America/Denver"))
    assert code == 0
    assert "change mentee Maya +12025550101, America/Denver" in said
    assert "(time zone was America/Chicago)" in said


def test_a_mentee_is_texted_in_the_language_of_the_file(talk: Talk) -> None:
    lines = (
        "role,name,phone,language\n"
        "mentee,Ana,+12025550161,ES\n"
        "mentee,Bo,+12025550162,xx\n"
        "mentor,Lu,+12025550163,es\n"
        "mentee,Cy,+12025550164,\n"
    )
    people = read_people(lines.encode(), timezone="America/New_York")
    assert [str(problem) for problem in people.problems] == [
        "line 3 (Bo): language 'xx' is not available; use one of en, es",
        "line 4 (Lu): only a mentee has a language; leave that column empty",
    ]
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).first()
        assert program is not None
        _, enrolled = enroll_people(session, program, people, now=talk.clock())
        languages = {person.name: person.language for person in enrolled}
    assert languages == {"Ana": "es", "Cy": "en"}
    talk.texts("+12025550161", "hola")
    assert "Hola. Soy el bot de Warmline" in " ".join(talk.read_by("+12025550161"))
    again = read_people(b"role,name,phone\nmentee,Ana,+12025550161\n", timezone="America/New_York")
    with talk.database.writing() as session:
        program = session.get_one(Program, program.id)
        _, [ana] = enroll_people(session, program, again, now=talk.clock())
        assert ana.language == "es"
