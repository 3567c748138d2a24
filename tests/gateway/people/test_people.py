"""The managers' pages about people: the list, enrolling, changing, matching, leaving."""

import re
from datetime import timedelta

from sqlalchemy import select

from models import AuditEntry, Match, MatchKind, Person, Program, Role, phone_index
from tests.gateway.reporting.test_log import read_rows
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import Web

LONELY = "nobody would notice if i was gone, i just want someone to talk to"
NEW = "+12025550130"
SCRIPT = "<script>alert(1)</script>"


def address(talk: Talk, number: str) -> str:
    return f"/people/{talk.person(number).id}"


def list_mentors(talk: Talk, number: str) -> list[tuple[str, MatchKind]]:
    with talk.database.reading() as session:
        rows = session.execute(
            select(Person.name, Match.kind)
            .join(Match, Match.mentor_id == Person.id)
            .where(Match.mentee_id == talk.person(number).id)
            .order_by(Match.id)
        )
        return [(name, kind) for name, kind in rows]


def everybody(talk: Talk) -> int:
    return len(talk.rows(Person))


def listed(shown: str) -> list[str]:
    """The names in a list, in order."""
    return re.findall(r'<a href="/people/\d+"><bdi>(.*?)</bdi>', shown)


def actions(talk: Talk, number: str) -> list[str]:
    entries = [e for e in talk.rows(AuditEntry) if e.about == f"person:{talk.person(number).id}"]
    return [entry.action for entry in entries if entry.action != "read"]


def details(talk: Talk, number: str, **other: str) -> dict[str, str]:
    person = talk.person(number)
    given = {"role": person.role.value, "name": person.name, "phone": number}
    return {**given, "timezone": person.timezone, **other}


# --- the list ---


def test_ruth_sees_her_people_by_role_with_their_mentors(talk: Talk, web: Web) -> None:
    shown = web.gets("/people").text
    assert listed(shown) == ["Ruth", "Noor", "Sam", "Jo", "Maya"]
    assert "Backup:" in shown
    assert MAYA not in shown, "numbers are masked in a list"
    assert web.gets("/people?show=mentor").text.count("<table") == 1


def test_ruth_searches_by_part_of_a_name_or_number(talk: Talk, web: Web) -> None:
    by_name, by_digits = (
        web.posts("/people/search", words=words).text for words in ("may", "555 0111")
    )
    assert listed(by_name) == ["Maya"]
    assert listed(by_digits) == ["Sam"]
    assert "No matches." in web.posts("/people/search", words="zzz").text
    talk.sets(MAYA, name="Ren\u00e9e D'Andre")
    for typed in ("renee", "d\u2019andre", "Rene\u0301"):
        assert listed(web.posts("/people/search", words=typed).text) == ["Ren\u00e9e D&#39;Andre"]


def test_a_search_for_a_script_is_shown_as_text(web: Web) -> None:
    shown = web.posts("/people/search", words=SCRIPT).text
    assert SCRIPT not in shown
    assert "&lt;script&gt;" in shown


def test_the_list_shows_who_is_unreachable_or_inactive(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "hi")
    talk.sets(SAM, opted_out_at=talk.clock())
    talk.sets(NOOR, unreachable_code="30005")
    talk.texts(RUTH, "away until friday")
    talk.clock.now += timedelta(days=40)
    web.is_now(RUTH)
    shown = web.gets("/people").text
    assert "opted out of texts (STOP)" in shown
    assert "code 30005" in shown
    assert shown.count("inactive for") == 2, "Maya and Jo"


def test_the_list_is_exported_as_shown(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(NOOR, "STOP")
    answer = web.gets("/people.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    rows = {row["name"]: row for row in read_rows(answer.content)}
    assert list(rows) == ["Ruth", "Noor", "Sam", "Jo", "Maya"]
    maya, noor = rows["Maya"], rows["Noor"]
    shown = (maya["own_mentor"], maya["back_ups"], maya["last_wrote"])
    assert shown == ("Sam", "Noor", "2026-11-10")
    assert (noor["mentees"], noor["on_duty_now"]) == ("2", "yes")
    assert "STOP" in noor["cannot_be_texted"]
    assert MAYA not in answer.text
    assert MAYA[-4:] in maya["number"], "by the last digits only"
    headings, *mentors = read_xlsx(web.gets("/people.xlsx?show=mentor").content)
    assert [row[list(headings).index("name")] for row in mentors] == ["Noor", "Sam"]
    assert len(read_xlsx(web.gets("/people.xlsx?show=left").content)) == 1, "only headings"
    assert web.gets("/people.pdf").status_code == 404
    assert 'href="/people.csv?show=mentor"' in web.gets("/people?show=mentor").text
    entries = [entry for entry in talk.rows(AuditEntry) if entry.action == "export"]
    noted = [(entry.about, entry.detail["form"], entry.detail["rows"]) for entry in entries]
    assert noted == [("people", "csv", 5), ("people", "xlsx", 2), ("people", "xlsx", 0)]


def test_people_of_another_program_are_neither_listed_nor_chosen(talk: Talk, web: Web) -> None:
    eve = talk.person(talk.a_manager_elsewhere())
    assert "Eve" not in listed(web.gets("/people").text)
    answer = web.posts(address(talk, MAYA) + "/mentors", own=str(eve.id))
    assert answer.status_code == 422
    assert "Eve" not in answer.text
    assert list_mentors(talk, MAYA)[0][0] == "Sam"


# --- enrolling one ---


def test_ruth_enrolls_ana_who_keeps_what_she_wrote_before(talk: Talk, web: Web) -> None:
    talk.texts(NEW, "hi, is this the bot?")
    sam = str(talk.person(SAM).id)
    form = {"role": "mentee", "name": "Ana", "phone": "(202) 555-0130", "timezone": ""}
    answer = web.posts("/people", **form, own=sam)
    assert answer.status_code == 303
    ana = talk.person(NEW)
    assert (ana.name, ana.role, ana.timezone) == ("Ana", Role.MENTEE, "America/New_York")
    assert list_mentors(talk, NEW) == [("Sam", MatchKind.OWN)]
    assert talk.thread(NEW)[0].words == "hi, is this the bot?"
    assert "Enrolled." in web.gets(answer.headers["Location"]).text
    assert actions(talk, NEW) == ["person added"]


def test_ruth_sets_the_language_of_texts_to_a_mentee(talk: Talk, web: Web) -> None:
    form = {"role": "mentee", "name": "Ana", "phone": NEW, "timezone": "", "language": "es"}
    page = web.gets(web.posts("/people", **form).headers["Location"]).text
    assert '<option value="es" lang="es" selected>Español</option>' in page
    talk.texts(NEW, "hola")
    assert "un asistente automático, no una persona" in talk.read_by(NEW)[0]
    ana = talk.person(NEW)
    web.posts(f"/people/{ana.id}", **{**form, "language": "en"})
    assert talk.person(NEW).language == "en"
    assert actions(talk, NEW) == ["person added", "person changed"]
    refused = web.posts(f"/people/{ana.id}", **{**form, "language": "tlh"})
    assert refused.status_code == 422
    assert "is not available; use one of en, es" in refused.text
    mentor = {**form, "role": "mentor", "phone": "+12025550178", "name": "Kim"}
    assert web.posts("/people", **mentor).status_code == 303
    assert talk.person("+12025550178").language == "en", "we text mentors in English"


def test_a_double_click_enrolls_one_person(talk: Talk, web: Web) -> None:
    before = everybody(talk)
    form = {"role": "mentor", "name": "Ana", "phone": NEW, "timezone": "America/Chicago"}
    web.posts("/people", **form)
    again = web.posts("/people", **form)
    assert everybody(talk) == before + 1
    assert again.status_code == 422
    assert "Ana already has that number." in again.text


def test_wrong_details_are_refused_and_stay_in_the_form(talk: Talk, web: Web) -> None:
    before = everybody(talk)
    form = {"role": "mentor", "name": "Ana", "phone": NEW, "timezone": "America/Chicago"}
    for field, value, sentence in (
        ("name", " \u202e ", "Name is empty"),
        ("name", "n" * 61, "Name is longer than 60"),
        ("name", "Warmline bot", "the bot"),
        ("name", "W\u0430rmline  B\u043et", "the bot"),  # two Cyrillic letters
        ("name", "BOT", "the bot"),
        ("phone", "hello", "Not a valid phone number"),
        ("role", "admin", "use mentee, mentor or manager"),
        ("timezone", "Mars/Base", "is unknown"),
        ("timezone", "../../etc/passwd", "is unknown"),
        ("phone", SAM, "This number is Sam"),
    ):
        answer = web.posts("/people", **{**form, field: value})
        assert (answer.status_code, sentence in answer.text) == (422, True), value
        assert 'value="America/Chicago"' in answer.text or field == "timezone"
    assert everybody(talk) == before


def test_a_number_of_another_program_reveals_nothing(talk: Talk, web: Web) -> None:
    """The program's own number and Eve's get the same answer."""
    eve = talk.a_manager_elsewhere()
    form = {"role": "manager", "name": "Ana", "timezone": ""}
    answers = [web.posts("/people", **form, phone=phone) for phone in (eve, "+12025550100")]
    said = [re.search(r'role="alert">(.*?)</p>', answer.text) for answer in answers]
    assert said[0]
    assert said[1]
    assert said[0][1] == said[1][1]
    assert "cannot be used here" in said[0][1]
    assert "Eve" not in answers[0].text
    assert "program" not in said[0][1]
    changed = web.posts(address(talk, SAM), **details(talk, SAM, phone=eve))
    assert "cannot be used here" in changed.text


def test_what_a_stranger_wrote_elsewhere_stays_there(talk: Talk, web: Web) -> None:
    talk.texts(STRANGER, "this is for harbor")
    talk.a_manager_elsewhere()
    _, there = talk.rows(Program)
    talk.sets(RUTH, program_id=there.id)
    web.posts("/people", role="mentee", name="Ana", phone=STRANGER, timezone="")
    assert talk.person(STRANGER).program_id == there.id
    assert talk.thread(STRANGER) == []


# --- changing ---


def test_a_new_number_is_reachable_again_and_an_opt_out_stays(talk: Talk, web: Web) -> None:
    path = address(talk, SAM)
    talk.sets(SAM, unreachable_code="30005", opted_out_at=talk.clock())
    answer = web.posts(path, **details(talk, SAM, phone=NEW))
    assert answer.status_code == 303
    sam = talk.person(NEW)
    assert sam.unreachable_code is None
    assert sam.opted_out_at == talk.clock()
    assert sam.phone_index == phone_index(NEW)


def test_a_script_tag_for_a_name_is_text_everywhere(talk: Talk, web: Web) -> None:
    path = address(talk, MAYA)
    assert web.posts(path, **details(talk, MAYA, name=SCRIPT)).status_code == 303
    for page in ("/people", path, "/program", address(talk, SAM)):
        assert SCRIPT not in web.gets(page).text
    assert "&lt;script&gt;" in web.gets("/people").text
    assert talk.person(MAYA).name == SCRIPT


def test_direction_overrides_are_removed_from_a_name(talk: Talk, web: Web) -> None:
    web.posts(address(talk, MAYA), **details(talk, MAYA, name="\u202eMa\x00ya\u2066 \n"))
    assert talk.person(MAYA).name == "Maya"


def test_the_audit_log_names_changed_fields_but_not_their_contents(talk: Talk, web: Web) -> None:
    web.posts(address(talk, MAYA), **details(talk, MAYA, name="Maja", phone=NEW))
    entries = talk.rows(AuditEntry)
    changed = next(entry for entry in entries if entry.action == "person changed")
    assert changed.detail == {"fields": ["phone", "name"]}
    assert changed.by_id == talk.person(RUTH).id
    assert not any("Maja" in str(entry.detail) or NEW in str(entry.detail) for entry in entries)


def test_the_last_manager_cannot_be_removed(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, RUTH), **details(talk, RUTH, role="mentor"))
    assert "Ask another manager" in answer.text
    assert "Ask another manager" in web.posts(address(talk, RUTH) + "/leave").text
    assert talk.person(RUTH).role is Role.MANAGER
    assert talk.person(RUTH).left_at is None


def test_a_mentee_cannot_become_a_mentor(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, MAYA), **details(talk, MAYA, role="mentor"))
    assert answer.status_code == 422
    assert "A mentee cannot become a mentor" in answer.text
