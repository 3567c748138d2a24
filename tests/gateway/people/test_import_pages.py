"""Importing a people file on the page: preview, problems, and one import."""

import re
import time
from html import unescape

import httpx2
from sqlalchemy import select

from gateway.people.people_file.import_plan import Effect, plan
from gateway.people.people_file.reading import read_people
from models import AuditEntry, MatchKind, Person, Program, Role
from tests.gateway.people.test_people import list_mentors
from tests.line import JO, MAYA, SAM, STRANGER, Talk
from tests.web_client import Web

HEADER = "role,name,phone,timezone,mentor\n"
ANA = "+12025550130"
BEN = "+12025550131"
GOOD = f"{HEADER}mentee,Ana,{ANA},,Ben/Sam\nmentor,Ben,{BEN},America/Chicago,\n"


def previews(web: Web, content: bytes, name: str = "people.csv") -> httpx2.Response:
    return web.client.post("/people/import/preview", files={"file": (name, content, "text/csv")})


def hidden(shown: httpx2.Response) -> dict[str, str]:
    """The hidden fields that the preview's button sends."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="(.*?)">', shown.text))


def imports(web: Web, content: bytes) -> httpx2.Response:
    return web.posts("/people/import", **hidden(previews(web, content)))


def names(talk: Talk) -> list[str]:
    return sorted(person.name for person in talk.rows(Person))


def preview_lines(shown: httpx2.Response) -> dict[int, str]:
    """The preview's table: what each line would do."""
    rows = re.findall(r'<th scope="row">(\d+)</th>(.*?)</tr>', shown.text, re.DOTALL)
    plain = re.compile(r"<[^>]*>|\s+")
    return {int(line): unescape(plain.sub(" ", cells)) for line, cells in rows}


# --- what is read ---


def test_spreadsheet_encodings_and_delimiters_are_detected(web: Web) -> None:
    for encoding, delimiter, said in (
        ("utf-8", ",", "UTF-8, separated by commas"),
        ("utf-8-sig", ";", "UTF-8, separated by semicolons"),
        ("utf-16", "\t", "UTF-16, separated by tabs"),
    ):
        text = f"{HEADER}mentor,José,{ANA},,\nmentor,Zoë,{BEN},,\n".replace(",", delimiter)
        shown = previews(web, text.replace("\n", "\r\n").encode(encoding)).text
        told = (f"Read as {said}.", "<bdi>José</bdi>", "<bdi>Zoë</bdi>", "Import 2")
        assert not [words for words in told if words not in shown], encoding


def test_where_the_encoding_is_guessed_ruth_chooses_the_right_names_first(
    web: Web, talk: Talk
) -> None:
    file = f"{HEADER}mentor,Renée,{ANA},,\nmentor,Zoë,{BEN},,\n".encode("mac_roman")
    shown = previews(web, file)
    assert "Are these names right?" in shown.text
    assert "<bdi>Renée</bdi></strong>, <strong><bdi>Zoë</bdi>" in shown.text
    assert 'action="/people/import"' not in shown.text
    early = web.posts("/people/import", **hidden(shown), seen="")
    assert (early.status_code, "Choose how the names" in early.text) == (422, True)
    assert "Renée" not in names(talk)
    chosen = web.posts("/people/import/preview", **hidden(shown), encoding="mac_roman")
    assert "Read as Mac, Western European, separated by commas." in chosen.text
    assert web.posts("/people/import", **hidden(chosen)).status_code == 303
    assert {"Renée", "Zoë"} <= set(names(talk))


def test_columns_that_are_not_read_and_whose_line_failed_are_shown(web: Web) -> None:
    file = "Role,First Name,Phone Number,Grade\nMentees,Cy,555-0130,8\n"
    shown = previews(web, file.encode())
    assert "These columns are not read: <strong><bdi>Grade</bdi></strong>." in shown.text
    line = preview_lines(shown)[2]
    assert " Cy " in line
    assert "555-0130 has no area code" in line


def test_files_that_are_not_people_files_are_refused(web: Web) -> None:
    for content, reason in (
        (b"", "the header is missing role, name, phone"),
        (b"Sam,+12025550111\n", "the header is missing role, name, phone"),
        (b"PK\x03\x04 and so on", "this is an Excel workbook"),
        (b"\x00\x01\x02" * 40, "this is not a text file"),
        (f'{HEADER}mentor,"Ana,{ANA},,\nmentor,Ben,{BEN},,\n'.encode(), "quotation mark"),
        (f'{HEADER}mentor,"A"na,{ANA},,\n'.encode(), "quotation mark"),
        (HEADER.encode() + b"\n" * 5100 + b"x", "more than 5,000 lines"),
        (HEADER.encode() + f"mentor,{'x' * 200_000},{ANA},,\n".encode(), "quotation mark"),
    ):
        shown = previews(web, content)
        assert (shown.status_code, reason in unescape(shown.text)) == (200, True), reason
        assert 'action="/people/import"' not in shown.text


def test_a_large_or_missing_file_is_refused(web: Web) -> None:
    large = previews(web, b"x" * 2_000_001)
    assert large.status_code == 413
    assert "larger than 2 MB" in large.text
    missing = web.client.post("/people/import/preview", data={})
    assert missing.status_code == 422
    assert "Choose a CSV file first" in missing.text


def test_a_file_with_another_ending_is_refused(web: Web) -> None:
    for name in ("people.xlsx", "people.csv.exe", "people"):
        answer = previews(web, HEADER.encode(), name)
        assert answer.status_code == 422
        assert "A people file ends in .csv." in answer.text
    assert previews(web, HEADER.encode(), "PEOPLE.CSV").status_code == 200


def test_the_template_is_a_valid_file(web: Web) -> None:
    people = read_people(web.gets("/people/template.csv").content, timezone="UTC")
    assert not people.problems
    assert not people.rows


# --- what is shown ---


def test_the_preview_shows_each_line_and_writes_nothing(web: Web, talk: Talk) -> None:
    before = names(talk)
    file = (
        f"{HEADER}mentor,Ana,{ANA},,\nmentee,Maya,{MAYA},America/Denver,\nmentee,Jo,{JO},,\n"
        f"mentee,Cy,nonsense,,\nmentee,Sam,{SAM},,\nmentor,Ana again,{ANA},,\n"
        f"mentee,Di,{BEN},,Nix\n"
    )
    shown = previews(web, file.encode())
    said = re.sub(r"</?strong>", "", shown.text)
    assert "1 to add, 1 to change, 1 unchanged. 4 lines have a problem." in said
    assert "Import 2 people" in said
    lines = preview_lines(shown)
    assert " add " in lines[2]
    assert " change " in lines[3]
    assert "time zone was America/New_York" in lines[3]
    assert "no change" in lines[4]
    assert "not a valid phone number" in lines[5]
    assert "enrolled as a mentor, not a mentee" in lines[6]
    assert "is already on line 2" in lines[7]
    assert "no mentor is named 'Nix'" in lines[8]
    assert names(talk) == before


def test_formulas_and_scripts_are_shown_as_text(web: Web, talk: Talk) -> None:
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


def test_a_number_of_another_program_is_not_revealed(web: Web, talk: Talk) -> None:
    eve = talk.a_manager_elsewhere()
    shown = previews(web, f"{HEADER}manager,Eve,{eve},,\nmentee,X,+12025550100,,\n".encode())
    lines = preview_lines(shown)
    assert lines[2].replace("Eve", "X") == lines[3]
    assert "cannot be used here" in lines[2]


# --- what is imported ---


def test_valid_lines_are_imported_with_mentors_of_the_same_file(web: Web, talk: Talk) -> None:
    answer = imports(web, (GOOD + "mentee,Cy,nonsense,,\n").encode())
    assert answer.headers["Location"] == "/people?done=imported&added=2&changed=0"
    assert "Imported: 2 added, 0 changed." in web.gets(answer.headers["Location"]).text
    assert list_mentors(talk, ANA) == [("Ben", MatchKind.OWN), ("Sam", MatchKind.BACK_UP)]
    assert talk.person(BEN).timezone == "America/Chicago"
    assert talk.person(ANA).timezone == "America/New_York"


def test_a_double_click_imports_once(web: Web, talk: Talk) -> None:
    sent = hidden(previews(web, GOOD.encode()))
    first, second = (web.posts("/people/import", **sent) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert "Nothing changed." in web.gets(second.headers["Location"]).text
    assert [one.action for one in talk.rows(AuditEntry)].count("person imported") == 2
    assert len(names(talk)) == 7


def test_a_change_since_the_preview_shows_a_new_preview(web: Web, talk: Talk) -> None:
    file = f"{HEADER}mentee,Maya,{MAYA},America/Denver,\nmentor,Ana,{ANA},,\n"
    sent = hidden(previews(web, file.encode()))
    talk.sets(MAYA, timezone="America/Chicago")
    answer = web.posts("/people/import", **sent)
    assert answer.status_code == 409
    assert "Someone changed people since your preview" in answer.text
    assert "time zone was America/Chicago" in preview_lines(answer)[2]
    assert talk.person(MAYA).timezone == "America/Chicago"
    assert web.posts("/people/import", **hidden(answer)).status_code == 303
    assert talk.person(MAYA).timezone == "America/Denver"


def test_incomplete_content_is_refused(web: Web, talk: Talk) -> None:
    before = names(talk)
    for content in ("", "???", "YQ"):
        assert web.posts("/people/import", content=content, seen="x").status_code == 422
    assert names(talk) == before


def test_an_empty_time_zone_changes_nothing(web: Web, talk: Talk) -> None:
    talk.sets(MAYA, timezone="America/Denver")
    imports(web, f"{HEADER}mentee,MAYA,{MAYA},,\n".encode())
    assert (talk.person(MAYA).name, talk.person(MAYA).timezone) == ("MAYA", "America/Denver")


def test_a_person_who_left_and_is_in_the_file_comes_back(web: Web, talk: Talk) -> None:
    web.posts(f"/people/{talk.person(SAM).id}/leave")
    shown = previews(web, f"{HEADER}mentor,Sam,{SAM},,\n".encode())
    assert "bring back" in preview_lines(shown)[2]
    web.posts("/people/import", **hidden(shown))
    assert talk.person(SAM).left_at is None


def test_an_import_matches_the_plan(web: Web, talk: Talk) -> None:
    talk.texts(STRANGER, "hi")
    file = f"{HEADER}mentee,Zed,{STRANGER},,Sam\n".encode()
    with talk.database.reading() as session:
        program = session.scalars(select(Program)).one()
        planned = plan(session, program, read_people(file, timezone=program.timezone))
    assert [step.effect for step in planned.steps] == [Effect.ADDS]
    imports(web, file)
    assert talk.person(STRANGER).role is Role.MENTEE
    assert talk.thread(STRANGER)[0].words == "hi"


def test_a_thousand_lines_are_previewed_in_seconds(web: Web) -> None:
    rows = [f"mentor,M{n},+1212555{n:04},,\n" for n in range(100)]
    rows += [f"mentee,P{n},+1312{5550000 + n},,M{n % 100}\n" for n in range(900)]
    began = time.monotonic()
    shown = previews(web, (HEADER + "".join(rows)).encode())
    assert "Import 1000 people" in shown.text
    assert time.monotonic() - began < 15
