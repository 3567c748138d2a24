"""People files: problems line by line, and enrolling the valid lines."""

from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.people.enrollment import enroll as enroll_people
from gateway.people.import_file import read_people
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
    assert (code, said) == (0, "3 enrolled, 0 lines with a problem.\n")


def test_each_problem_is_named_and_no_one_is_enrolled(tmp_path: Path) -> None:
    code, said, complaints = enroll(tmp_path, BAD)
    assert code == 1
    assert said.startswith("0 enrolled, 7 lines with a problem.")
    for line, reason in [
        (5, "role 'friend' is not valid"),
        (6, "name is empty"),
        (7, "not a valid phone number"),
        (8, "time zone 'Mars/Base' is unknown"),
        (9, "no mentor is named 'Nobody'"),
        (10, "is already on line 4"),
        (11, "only a mentee has a mentor"),
    ]:
        assert f"line {line}: " in complaints
        assert reason in complaints
    assert warmline("check").stdout == ("No program is set up. Run `warmline enroll people.csv`.\n")


def test_valid_lines_are_enrolled_on_request(tmp_path: Path) -> None:
    code, said, _ = enroll(tmp_path, BAD, "--keep-good")
    assert code == 1
    assert said == "4 enrolled, 7 lines with a problem.\n"


def test_enrolling_again_updates_people(tmp_path: Path) -> None:
    enroll(tmp_path, GOOD)
    code, said, _ = enroll(tmp_path, GOOD.replace("Maya", "Maja"))
    assert (code, said) == (0, "3 enrolled, 0 lines with a problem.\n")


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
        "line 3: language 'xx' is not available; use one of en, es",
        "line 4: only a mentee has a language; leave that column empty",
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
