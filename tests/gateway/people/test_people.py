"""The managers' pages on people: whom they see, whom they change, and who stays unseen."""

import re
from datetime import time, timedelta

import pytest
from sqlalchemy import func, select

from gateway.accounts.session_store import find_signed_in, start_session
from models import (
    AuditEntry,
    DutyShift,
    Match,
    MatchKind,
    Person,
    Program,
    Role,
    Schedule,
    WebSession,
)
from models.encryption import phone_index
from tests.gateway.reporting.test_log import rows_of
from tests.gateway.runtime.test_spreadsheets import read_xlsx
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import Web

LONELY = "nobody would notice if i was gone, i just want someone to talk to"
NEW = "+12025550130"
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def web(talk: Talk) -> Web:
    web = Web(talk)
    web.is_now(RUTH)
    return web


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
    with talk.database.reading() as session:
        return session.scalar(select(func.count(Person.id))) or 0


def listed(shown: str) -> list[str]:
    """Whom a list holds, in its order."""
    return re.findall(r'<a href="/people/\d+"><bdi>(.*?)</bdi>', shown)


def actions(talk: Talk, number: str) -> list[str]:
    about = f"person:{talk.person(number).id}"
    with talk.database.reading() as session:
        return list(
            session.scalars(
                select(AuditEntry.action)
                .where(AuditEntry.about == about, AuditEntry.action != "read")
                .order_by(AuditEntry.id)
            )
        )


def particulars(talk: Talk, number: str, **other: str) -> dict[str, str]:
    person = talk.person(number)
    given = {"role": person.role.value, "name": person.name, "phone": number}
    return {**given, "timezone": person.timezone, **other}


# --- the list ---


def test_ruth_sees_her_people_by_role_with_their_mentors(talk: Talk, web: Web) -> None:
    shown = web.gets("/people").text
    assert listed(shown) == ["Ruth", "Noor", "Sam", "Jo", "Maya"]
    assert "back-up" in shown
    assert MAYA not in shown, "numbers are masked in a list"
    assert web.gets("/people?show=mentor").text.count("<table") == 1


def test_she_searches_by_a_part_of_a_name_or_by_digits(talk: Talk, web: Web) -> None:
    by_name, by_digits = (
        web.posts("/people/search", words=words).text for words in ("may", "555 0111")
    )
    assert listed(by_name) == ["Maya"]
    assert listed(by_digits) == ["Sam"]
    assert "Nobody fits" in web.posts("/people/search", words="zzz").text


def test_a_search_for_a_script_is_shown_as_text(web: Web) -> None:
    shown = web.posts("/people/search", words=SCRIPT).text
    assert SCRIPT not in shown
    assert "&lt;script&gt;" in shown


def test_the_list_says_who_cannot_be_reached_who_is_silent_and_who_is_away(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, "hi")
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(SAM).id).opted_out_at = talk.clock()
        session.get_one(Person, talk.person(NOOR).id).unreachable_code = "30005"
    talk.texts(RUTH, "away until friday")
    talk.clock.now += timedelta(days=40)
    web.is_now(RUTH)
    shown = web.gets("/people").text
    assert "has opted out of texts (STOP)" in shown
    assert "code 30005" in shown
    assert shown.count("silent for") == 2, "Maya and Jo"


def test_the_list_can_be_taken_away_as_it_is_shown(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(NOOR, "STOP")
    answer = web.gets("/people.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="people.csv"'
    rows = {row["name"]: row for row in rows_of(answer.content)}
    assert list(rows) == ["Ruth", "Noor", "Sam", "Jo", "Maya"]
    maya, noor = rows["Maya"], rows["Noor"]
    assert (maya["own_mentor"], maya["back_ups"], maya["wrote_last"]) == (
        "Sam",
        "Noor",
        "2026-11-10",
    )
    assert (noor["mentees"], noor["on_duty_now"]) == ("2", "yes")
    assert "STOP" in noor["cannot_be_texted"]
    assert MAYA not in answer.text
    assert MAYA[-4:] in maya["number"], "by the last digits only"
    headings, *mentors = read_xlsx(web.gets("/people.xlsx?show=mentor").content)
    assert [row[list(headings).index("name")] for row in mentors] == ["Noor", "Sam"]
    assert len(read_xlsx(web.gets("/people.xlsx?show=left").content)) == 1, "only headings"
    assert web.gets("/people.pdf").status_code == 404
    assert 'href="/people.csv?show=mentor"' in web.gets("/people?show=mentor").text
    with talk.database.reading() as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.action == "export")).all()
    noted = [(entry.about, entry.detail["form"], entry.detail["rows"]) for entry in entries]
    assert noted == [("people", "csv", 5), ("people", "xlsx", 2), ("people", "xlsx", 0)]


def test_mentors_and_mentees_see_none_of_it(talk: Talk, web: Web) -> None:
    web.is_now(SAM)
    for path in ("/people", "/people/new", "/people/import", address(talk, MAYA)):
        assert web.gets(path).status_code == 403
    assert web.posts("/people", **particulars(talk, MAYA, phone=NEW)).status_code == 403


def test_another_programs_people_are_not_there(talk: Talk, web: Web) -> None:
    eve = talk.person(talk.a_manager_elsewhere())
    path = f"/people/{eve.id}"
    assert "Eve" not in listed(web.gets("/people").text)
    assert web.gets(path).status_code == 404
    form = particulars(talk, SAM)
    for what in ("", "/mentors", "/leave", "/back"):
        assert web.posts(path + what, **form).status_code == 404
    answer = web.posts(address(talk, MAYA) + "/mentors", own=str(eve.id))
    assert answer.status_code == 422
    assert "Eve" not in answer.text
    assert list_mentors(talk, MAYA)[0][0] == "Sam"


# --- enrolling one ---


def test_ruth_enrols_ana_with_sam_and_ana_can_write_at_once(talk: Talk, web: Web) -> None:
    talk.texts(NEW, "hi, is this the line?")
    sam = str(talk.person(SAM).id)
    form = {"role": "mentee", "name": "Ana", "phone": "(202) 555-0130", "timezone": ""}
    answer = web.posts("/people", **form, own=sam)
    assert answer.status_code == 303
    ana = talk.person(NEW)
    assert (ana.name, ana.role, ana.timezone) == ("Ana", Role.MENTEE, "America/New_York")
    assert list_mentors(talk, NEW) == [("Sam", MatchKind.OWN)]
    assert talk.thread(NEW)[0].words == "hi, is this the line?"
    assert "Enrolled." in web.gets(answer.headers["Location"]).text
    assert actions(talk, NEW) == ["person added"]


def test_ruth_says_in_which_language_the_line_writes_to_a_mentee(talk: Talk, web: Web) -> None:
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
    assert "is unknown; there are en, es" in refused.text
    mentor = {**form, "role": "mentor", "phone": "+12025550178", "name": "Kim"}
    assert web.posts("/people", **mentor).status_code == 303
    assert talk.person("+12025550178").language == "en", "to a mentor it writes in English"


def test_a_double_click_enrols_one(talk: Talk, web: Web) -> None:
    before = everybody(talk)
    form = {"role": "mentor", "name": "Ana", "phone": NEW, "timezone": "America/Chicago"}
    web.posts("/people", **form)
    again = web.posts("/people", **form)
    assert everybody(talk) == before + 1
    assert again.status_code == 422
    assert "Ana has that number already." in again.text


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"name": " \u202e "}, "Name is empty"),
        ({"name": "n" * 61}, "Name is longer than 60"),
        ({"phone": "hello"}, "Phone is no telephone number"),
        ({"role": "admin"}, "it must be mentee, mentor or manager"),
        ({"timezone": "Mars/Base"}, "is unknown"),
        ({"timezone": "../../etc/passwd"}, "is unknown"),
        ({"phone": MAYA}, "Maya has that number already"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    talk: Talk, web: Web, wrong: dict[str, str], sentence: str
) -> None:
    before = everybody(talk)
    form = {"role": "mentor", "name": "Ana", "phone": NEW, "timezone": "America/Chicago"}
    answer = web.posts("/people", **{**form, **wrong})
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="America/Chicago"' in answer.text or "timezone" in wrong
    assert everybody(talk) == before


def test_a_number_of_another_program_gives_nothing_away(talk: Talk, web: Web) -> None:
    """The line's own number and Eve's get one answer: it cannot be used here."""
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
    changed = web.posts(address(talk, SAM), **particulars(talk, SAM, phone=eve))
    assert "cannot be used here" in changed.text


def test_what_a_stranger_wrote_elsewhere_stays_there(talk: Talk, web: Web) -> None:
    talk.texts(STRANGER, "this is for harbor")
    talk.a_manager_elsewhere()
    with talk.database.writing() as session:
        _, there = session.scalars(select(Program).order_by(Program.id)).all()
        ruth = session.get_one(Person, talk.person(RUTH).id)
        ruth.program_id = there.id
    web.posts("/people", role="mentee", name="Ana", phone=STRANGER, timezone="")
    assert talk.person(STRANGER).program_id == there.id
    assert talk.thread(STRANGER) == []


# --- changing ---


def test_a_new_number_is_reachable_again_and_an_opt_out_stays(talk: Talk, web: Web) -> None:
    path = address(talk, SAM)
    with talk.database.writing() as session:
        sam = session.get_one(Person, talk.person(SAM).id)
        sam.unreachable_code, sam.opted_out_at = "30005", talk.clock()
    answer = web.posts(path, **particulars(talk, SAM, phone=NEW))
    assert answer.status_code == 303
    sam = talk.person(NEW)
    assert sam.unreachable_code is None
    assert sam.opted_out_at == talk.clock()
    assert sam.phone_index == phone_index(NEW)


def test_a_script_tag_for_a_name_is_text_everywhere(talk: Talk, web: Web) -> None:
    path = address(talk, MAYA)
    assert web.posts(path, **particulars(talk, MAYA, name=SCRIPT)).status_code == 303
    for page in ("/people", path, "/program", address(talk, SAM)):
        assert SCRIPT not in web.gets(page).text
    assert "&lt;script&gt;" in web.gets("/people").text
    assert talk.person(MAYA).name == SCRIPT


def test_signs_that_turn_text_around_are_left_out_of_a_name(talk: Talk, web: Web) -> None:
    web.posts(address(talk, MAYA), **particulars(talk, MAYA, name="\u202eMa\x00ya\u2066 \n"))
    assert talk.person(MAYA).name == "Maya"


def test_the_audit_names_the_fields_and_never_what_stands_in_them(talk: Talk, web: Web) -> None:
    web.posts(address(talk, MAYA), **particulars(talk, MAYA, name="Maja", phone=NEW))
    with talk.database.reading() as session:
        entries = session.scalars(select(AuditEntry)).all()
    changed = next(entry for entry in entries if entry.action == "person changed")
    assert changed.detail == {"fields": ["phone", "name"]}
    assert changed.by_id == talk.person(RUTH).id
    assert not any("Maja" in str(entry.detail) or NEW in str(entry.detail) for entry in entries)


def test_ruth_does_not_take_the_last_managers_role_from_anybody(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, RUTH), **particulars(talk, RUTH, role="mentor"))
    assert "ask another manager" in answer.text
    assert "ask another manager" in web.posts(address(talk, RUTH) + "/leave").text
    assert talk.person(RUTH).role is Role.MANAGER
    assert talk.person(RUTH).left_at is None


def test_a_mentee_does_not_become_a_mentor(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, MAYA), **particulars(talk, MAYA, role="mentor"))
    assert answer.status_code == 422
    assert "A mentee does not become a mentor" in answer.text


# --- matching ---


def test_jo_gets_sam_and_noor_steps_back(talk: Talk, web: Web) -> None:
    sam, noor = (str(talk.person(number).id) for number in (SAM, NOOR))
    path = address(talk, JO) + "/mentors"
    answer = web.client.post(path, data={"own": sam, "back_up": [noor, sam, noor]})
    assert answer.status_code == 303
    assert list_mentors(talk, JO) == [("Sam", MatchKind.OWN), ("Noor", MatchKind.BACK_UP)]
    web.client.post(path, data={"own": sam, "back_up": [noor, sam, noor]})
    assert actions(talk, JO) == ["person matched"], "a second click changes nothing"


def test_back_ups_alone_are_refused_and_nobody_is_lost(talk: Talk, web: Web) -> None:
    noor = str(talk.person(NOOR).id)
    answer = web.posts(address(talk, MAYA) + "/mentors", own="", back_up=noor)
    assert "Choose a mentor of their own first" in answer.text
    assert len(list_mentors(talk, MAYA)) == 2


def test_a_mentee_is_no_mentor(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, MAYA) + "/mentors", own=str(talk.person(JO).id))
    assert answer.status_code == 422
    assert list_mentors(talk, MAYA)[0][0] == "Sam"


# --- leaving ---


def test_sam_cannot_leave_while_he_holds_a_handoff(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(SAM, "take")
    code = talk.handoff().id
    answer = web.posts(address(talk, SAM) + "/leave")
    assert answer.status_code == 409
    assert f"Sam still holds #{code}" in answer.text
    assert talk.person(SAM).left_at is None
    talk.texts(SAM, f"done {code} talked")
    assert web.posts(address(talk, SAM) + "/leave").status_code == 303


def test_who_left_is_not_called_matched_signed_in_or_asked(talk: Talk, web: Web) -> None:
    sam = talk.person(SAM)
    with talk.database.writing() as session:
        token = start_session(session, session.get_one(Person, sam.id), now=talk.clock())
        session.get_one(Person, sam.id).on_duty = True
        session.add(DutyShift(person_id=sam.id, weekday=1, begins_at=time(0), ends_at=time(0)))
    web.posts(address(talk, SAM) + "/leave")
    web.posts(address(talk, MAYA) + "/leave")
    with talk.database.reading() as session:
        assert find_signed_in(session, token, now=talk.clock()) is None
        assert session.scalar(select(WebSession.id).where(WebSession.person_id == sam.id)) is None
        assert session.scalar(select(DutyShift.id)) is None
        schedule = session.scalars(select(Schedule)).one()
    assert schedule.paused, "Maya's weekly check-in"
    assert list_mentors(talk, MAYA) == []
    talk.texts(JO, "i want to kill myself tonight")
    assert not talk.read_by(SAM)
    assert actions(talk, SAM) == ["person left"]


def test_a_second_click_on_left_is_the_same_as_one(talk: Talk, web: Web) -> None:
    path = address(talk, SAM) + "/leave"
    assert [web.posts(path).status_code for _ in range(2)] == [303, 303]
    assert actions(talk, SAM) == ["person left"]


def test_a_mentee_who_waits_for_a_person_is_not_marked_as_left(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    answer = web.posts(address(talk, MAYA) + "/leave")
    assert answer.status_code == 409
    assert f"Maya still waits for a person: #{talk.handoff().id}" in answer.text


def test_an_offer_to_who_leaves_goes_back_to_its_holder(talk: Talk, web: Web) -> None:
    from escalation.handoffs.transfers import offer_transfer
    from models import Handoff, Transfer

    talk.texts(MAYA, LONELY)
    talk.texts(SAM, "take")
    with talk.database.writing() as session:
        sam, noor = (session.get_one(Person, talk.person(who).id) for who in (SAM, NOOR))
        handoff = session.get_one(Handoff, talk.handoff().id)
        offer_transfer(
            session, handoff, by=sam, to=noor, note="", now=talk.clock(), rules=talk.line.rules
        )
    assert web.posts(address(talk, NOOR) + "/leave").status_code == 303
    with talk.database.reading() as session:
        assert session.scalars(select(Transfer)).one().accepted is False
    assert talk.handoff().mentor_id == sam.id


def test_sam_comes_back_and_is_matched_anew(talk: Talk, web: Web) -> None:
    path = address(talk, SAM)
    web.posts(path + "/leave")
    assert "Sam" not in listed(web.gets("/people").text)
    assert listed(web.gets("/people?show=left").text) == ["Sam"]
    assert listed(web.posts("/people/search", words="sam").text) == ["Sam"]
    answer = web.posts("/people", **particulars(talk, SAM))
    assert "They have left; bring them back" in answer.text
    web.posts(path + "/back")
    assert talk.person(SAM).left_at is None
    assert list_mentors(talk, MAYA) == [("Noor", MatchKind.BACK_UP)]
