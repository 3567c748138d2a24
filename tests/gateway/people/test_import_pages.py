"""A file of people: what was read is said, what is wrong is shown, and it is imported once."""

import re
import time
from html import unescape

import httpx2
import pytest
from sqlalchemy import func, select

from gateway.people.import_file import Doing, plan, read_people
from models import AuditEntry, Match, MatchKind, Person, Program, Role
from tests.line import JO, MAYA, RUTH, SAM, STRANGER, Talk
from tests.web_client import Web

HEADER = "role,name,phone,timezone,mentor\n"
ANA = "+12025550130"
BEN = "+12025550131"
GOOD = f"{HEADER}mentee,Ana,{ANA},,Ben/Sam\nmentor,Ben,{BEN},America/Chicago,\n"


@pytest.fixture
def web(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web


def previews(web: Web, content: bytes, name: str = "people.csv") -> httpx2.Response:
    return web.client.post("/people/import/preview", files={"file": (name, content, "text/csv")})


def hidden(shown: httpx2.Response) -> dict[str, str]:
    """What the preview's button sends."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', shown.text))


def imports(web: Web, content: bytes) -> httpx2.Response:
    return web.posts("/people/import", **hidden(previews(web, content)))


def names(talk: Talk) -> list[str]:
    with talk.database.reading() as session:
        return sorted(session.scalars(select(Person.name)).all())


def lines_of(shown: httpx2.Response) -> dict[int, str]:
    """The preview's table: what each line of the file is said to do."""
    rows = re.findall(r'<th scope="row">(\d+)</th>(.*?)</tr>', shown.text, re.DOTALL)
    plain = re.compile(r"<[^>]*>|\s+")
    return {int(line): unescape(plain.sub(" ", cells)) for line, cells in rows}


# --- what is read ---


@pytest.mark.parametrize(
    ("encoding", "delimiter", "said"),
    [
        ("utf-8", ",", "UTF-8, separated by commas"),
        ("utf-8-sig", ";", "UTF-8, separated by semicolons"),
        ("latin-1", ";", "Windows-1252, separated by semicolons"),
        ("cp1252", "\t", "Windows-1252, separated by tabs"),
        ("utf-16", "\t", "UTF-16, separated by tabs"),
    ],
)
def test_a_spreadsheets_file_is_read_and_how_is_said(
    web: Web, talk: Talk, encoding: str, delimiter: str, said: str
) -> None:
    text = f"{HEADER}mentor,José,{ANA},,\nmentor,Zoë,{BEN},,\n".replace(",", delimiter)
    shown = previews(web, text.replace("\n", "\r\n").encode(encoding))
    assert f"Read as {said}." in shown.text
    assert "<bdi>José</bdi>" in shown.text
    assert "Import these 2" in shown.text


def test_what_only_windows_writes_is_read_as_windows_wrote_it() -> None:
    people = read_people(f"{HEADER}mentor,O\u2019Neil,{ANA},,\n".encode("cp1252"), timezone="UTC")
    assert [row.name for row in people.rows] == ["O\u2019Neil"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the header has no role, name, phone"),
        (b"PK\x03\x04 and so on", "this is a workbook, not a CSV file"),
        (HEADER.encode("utf-16-le"), "this is not a text file"),
        (f'{HEADER}mentor,"Ana,{ANA},,\nmentor,Ben,{BEN},,\n'.encode(), "quotation mark"),
        (f'{HEADER}mentor,"A"na,{ANA},,\n'.encode(), "quotation mark"),
        (HEADER.encode() + b"\n" * 5100 + b"x", "more than 5,000 lines"),
        (HEADER.encode() + f"mentor,{'x' * 200_000},{ANA},,\n".encode(), "quotation mark"),
    ],
)
def test_what_is_no_people_file_is_said_to_be_none(web: Web, content: bytes, reason: str) -> None:
    shown = previews(web, content)
    assert shown.status_code == 200
    assert reason in unescape(shown.text)
    assert "Import these" not in shown.text


def test_a_file_that_is_too_large_or_missing_is_said_to_be(web: Web) -> None:
    large = previews(web, b"x" * 2_000_001)
    assert large.status_code == 413
    assert "larger than 2 MB" in large.text
    missing = web.client.post("/people/import/preview", data={})
    assert missing.status_code == 422
    assert "No file was chosen" in missing.text


def test_the_template_is_a_file_that_can_be_read(web: Web) -> None:
    people = read_people(web.gets("/people/template.csv").content, timezone="UTC")
    assert not people.problems
    assert not people.rows


# --- what is shown ---


def test_the_preview_says_line_by_line_what_would_be_and_writes_nothing(
    web: Web, talk: Talk
) -> None:
    before = names(talk)
    file = (
        f"{HEADER}mentor,Ana,{ANA},,\nmentee,Maja,{MAYA},,\nmentee,Jo,{JO},,\n"
        f"mentee,Cy,nonsense,,\nmentee,Sam,{SAM},,\nmentor,Ana again,{ANA},,\n"
        f"mentee,Di,{BEN},,Nix\n"
    )
    shown = previews(web, file.encode())
    said = re.sub(r"</?strong>", "", shown.text)
    assert "1 would be added, 1 changed, 1 stays as they are. 4 lines cannot be taken." in said
    assert "Import these 2" in said
    lines = lines_of(shown)
    assert "be added" in lines[2]
    assert "be changed" in lines[3]
    assert "name was Maya" in lines[3]
    assert "stay as they are" in lines[4]
    assert "phone is no telephone number" in lines[5]
    assert "enrolled as a mentor, not a mentee" in lines[6]
    assert "stands on line 2 already" in lines[7]
    assert "there is no mentor 'Nix'" in lines[8]
    assert names(talk) == before


def test_formulas_and_scripts_are_text_and_marks_that_turn_text_are_left_out(
    web: Web, talk: Talk
) -> None:
    formula, script = '=HYPERLINK("http://x")', "<script>alert(1)</script>"
    quoted = '"' + formula.replace('"', '""') + '"'
    hebrew = "\u200fדנה\u200f"
    file = (
        f"{HEADER}mentor,{quoted},{ANA},,\nmentor,{script},{BEN},,\n"
        f"mentor,\u202eEvil\u202c,+12025550132,,\nmentor,{hebrew},+12025550133,,\n"
        f"{script},Cy,+12025550134,,\n"
    )
    shown = previews(web, file.encode())
    assert script not in shown.text
    assert f"<bdi>{formula.replace(chr(34), '&#34;')}</bdi>" in shown.text
    assert "\u202e" not in shown.text
    answer = web.posts("/people/import", **hidden(shown))
    assert answer.status_code == 303
    for page in ("/people", "/program"):
        assert script not in web.gets(page).text
    # A right-to-left name keeps the marks it is written with.
    assert {formula, script, "Evil", hebrew} <= set(names(talk))


def test_a_number_of_another_program_is_named_like_any_that_cannot_be_used(
    web: Web, talk: Talk
) -> None:
    eve = talk.a_manager_elsewhere()
    shown = previews(web, f"{HEADER}manager,Eve,{eve},,\nmentee,X,+12025550100,,\n".encode())
    lines = lines_of(shown)
    assert lines[2].replace("2", "") == lines[3].replace("3", "")
    assert "cannot be used here" in lines[2]


# --- what is imported ---


def test_the_good_lines_are_imported_with_mentors_of_the_same_file(web: Web, talk: Talk) -> None:
    answer = imports(web, (GOOD + "mentee,Cy,nonsense,,\n").encode())
    assert answer.headers["Location"] == "/people?done=imported&added=2&changed=0"
    assert "Imported: 2 added, 0 changed." in web.gets(answer.headers["Location"]).text
    with talk.database.reading() as session:
        mentors = session.execute(
            select(Person.name, Match.kind)
            .join(Match, Match.mentor_id == Person.id)
            .where(Match.mentee_id == talk.person(ANA).id)
            .order_by(Match.id)
        ).all()
    assert [tuple(one) for one in mentors] == [("Ben", MatchKind.OWN), ("Sam", MatchKind.BACK_UP)]
    assert talk.person(BEN).timezone == "America/Chicago"
    assert talk.person(ANA).timezone == "America/New_York"


def test_a_double_click_imports_once(web: Web, talk: Talk) -> None:
    sent = hidden(previews(web, GOOD.encode()))
    first, second = (web.posts("/people/import", **sent) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert "nothing was left to do" in web.gets(second.headers["Location"]).text
    with talk.database.reading() as session:
        imported = session.scalar(
            select(func.count(AuditEntry.id)).where(AuditEntry.action == "person imported")
        )
        people = session.scalar(select(func.count(Person.id)))
    assert imported == 2
    assert people == 7


def test_what_changed_since_the_preview_is_shown_again_before_it_is_done(
    web: Web, talk: Talk
) -> None:
    sent = hidden(previews(web, f"{HEADER}mentee,Maja,{MAYA},,\nmentor,Ana,{ANA},,\n".encode()))
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).name = "May"
    answer = web.posts("/people/import", **sent)
    assert answer.status_code == 409
    assert "Somebody changed people since you looked" in answer.text
    assert "name was May" in lines_of(answer)[2]
    assert talk.person(MAYA).name == "May"
    assert web.posts("/people/import", **hidden(answer)).status_code == 303
    assert talk.person(MAYA).name == "Maja"


def test_content_that_did_not_arrive_whole_is_refused(web: Web, talk: Talk) -> None:
    before = names(talk)
    for content in ("", "???", "YQ"):
        assert web.posts("/people/import", content=content, seen="x").status_code == 422
    assert names(talk) == before


def test_an_empty_time_zone_leaves_the_one_there_is(web: Web, talk: Talk) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(MAYA).id).timezone = "America/Denver"
    imports(web, f"{HEADER}mentee,Maja,{MAYA},,\n".encode())
    assert (talk.person(MAYA).name, talk.person(MAYA).timezone) == ("Maja", "America/Denver")


def test_whoever_left_and_stands_in_the_file_comes_back(web: Web, talk: Talk) -> None:
    web.posts(f"/people/{talk.person(SAM).id}/leave")
    shown = previews(web, f"{HEADER}mentor,Sam,{SAM},,\n".encode())
    assert "come back" in lines_of(shown)[2]
    web.posts("/people/import", **hidden(shown))
    assert talk.person(SAM).left_at is None


def test_an_import_says_the_same_as_the_plan_and_the_command(web: Web, talk: Talk) -> None:
    talk.texts(STRANGER, "hi")
    file = f"{HEADER}mentee,Zed,{STRANGER},,Sam\n".encode()
    with talk.database.reading() as session:
        program = session.scalars(select(Program)).one()
        planned = plan(session, program, read_people(file, timezone=program.timezone))
    assert [step.doing for step in planned.steps] == [Doing.ADDS]
    imports(web, file)
    assert talk.person(STRANGER).role is Role.MENTEE
    assert talk.thread(STRANGER)[0].words == "hi"


def test_a_thousand_lines_are_previewed_in_seconds(web: Web) -> None:
    rows = [f"mentor,M{n},+1212555{n:04},,\n" for n in range(100)]
    rows += [f"mentee,P{n},+1312{5550000 + n},,M{n % 100}\n" for n in range(900)]
    began = time.monotonic()
    shown = previews(web, (HEADER + "".join(rows)).encode())
    assert "Import these 1000" in shown.text
    assert time.monotonic() - began < 15
