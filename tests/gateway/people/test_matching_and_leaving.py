"""The managers' pages about people: mentors of a mentee, leaving, and coming back."""

from datetime import time

from escalation.handoffs.transfers import offer_transfer
from gateway.accounts.sessions import find_session
from models import DutyShift, Handoff, MatchKind, Person, Schedule, Transfer, WebSession
from tests.gateway.people.test_people import (
    LONELY,
    actions,
    address,
    details,
    list_mentors,
    listed,
)
from tests.line import JO, MAYA, NOOR, SAM, Talk
from tests.web_client import Web, begins_session


def test_ruth_matches_jo_with_sam_and_a_backup(talk: Talk, web: Web) -> None:
    sam, noor = (str(talk.person(number).id) for number in (SAM, NOOR))
    path = address(talk, JO) + "/mentors"
    answer = web.client.post(path, data={"own": sam, "back_up": [noor, sam, noor]})
    assert answer.status_code == 303
    assert list_mentors(talk, JO) == [("Sam", MatchKind.OWN), ("Noor", MatchKind.BACK_UP)]
    web.client.post(path, data={"own": sam, "back_up": [noor, sam, noor]})
    assert actions(talk, JO) == ["person matched"], "a second click changes nothing"


def test_backups_without_an_own_mentor_are_refused(talk: Talk, web: Web) -> None:
    noor = str(talk.person(NOOR).id)
    answer = web.posts(address(talk, MAYA) + "/mentors", own="", back_up=noor)
    assert "Choose their own mentor first" in answer.text
    assert len(list_mentors(talk, MAYA)) == 2


def test_a_mentee_cannot_be_chosen_as_a_mentor(talk: Talk, web: Web) -> None:
    answer = web.posts(address(talk, MAYA) + "/mentors", own=str(talk.person(JO).id))
    assert answer.status_code == 422
    assert list_mentors(talk, MAYA)[0][0] == "Sam"


# --- leaving ---


def test_sam_cannot_leave_while_he_holds_a_handoff(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(SAM, "take {}")
    code = talk.handoff().id
    answer = web.posts(address(talk, SAM) + "/leave")
    assert answer.status_code == 409
    assert f"Sam still holds #{code}" in answer.text
    assert talk.person(SAM).left_at is None
    talk.texts(SAM, f"done {{{code}}} talked")
    assert web.posts(address(talk, SAM) + "/leave").status_code == 303


def test_a_person_who_left_is_off_everything(talk: Talk, web: Web) -> None:
    sam = talk.person(SAM)
    with talk.database.writing() as session:
        token = begins_session(session, session.get_one(Person, sam.id), now=talk.clock())
        session.get_one(Person, sam.id).on_duty = True
        session.add(DutyShift(person_id=sam.id, weekday=1, begins_at=time(0), ends_at=time(0)))
    web.posts(address(talk, SAM) + "/leave")
    web.posts(address(talk, MAYA) + "/leave")
    with talk.database.reading() as session:
        assert find_session(session, token, now=talk.clock()) is None
    assert sam.id not in [one.person_id for one in talk.rows(WebSession)]
    assert talk.rows(DutyShift) == []
    [schedule] = talk.rows(Schedule)
    assert schedule.paused, "Maya's weekly check-in"
    assert list_mentors(talk, MAYA) == []
    talk.texts(JO, "i want to kill myself tonight")
    assert not talk.read_by(SAM)
    assert actions(talk, SAM) == ["person left"]


def test_a_second_click_on_left_is_the_same_as_one(talk: Talk, web: Web) -> None:
    path = address(talk, SAM) + "/leave"
    assert [web.posts(path).status_code for _ in range(2)] == [303, 303]
    assert actions(talk, SAM) == ["person left"]


def test_a_mentee_with_an_open_handoff_cannot_leave(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    answer = web.posts(address(talk, MAYA) + "/leave")
    assert answer.status_code == 409
    assert f"Maya still has an open handoff: #{talk.handoff().id}" in answer.text


def test_a_transfer_offer_returns_when_its_recipient_leaves(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(SAM, "take {}")
    with talk.database.writing() as session:
        sam, noor = (session.get_one(Person, talk.person(who).id) for who in (SAM, NOOR))
        handoff = session.get_one(Handoff, talk.handoff().id)
        offer_transfer(talk.line.at(session), handoff, by=sam, to=noor, note="")
    assert web.posts(address(talk, NOOR) + "/leave").status_code == 303
    [transfer] = talk.rows(Transfer)
    assert transfer.accepted is False
    assert talk.handoff().mentor_id == sam.id


def test_sam_comes_back_without_his_matches(talk: Talk, web: Web) -> None:
    path = address(talk, SAM)
    web.posts(path + "/leave")
    assert "Sam" not in listed(web.gets("/people").text)
    assert listed(web.gets("/people?show=left").text) == ["Sam"]
    assert listed(web.posts("/people/search", words="sam").text) == ["Sam"]
    answer = web.posts("/people", **details(talk, SAM))
    assert "They left; bring them back" in answer.text
    web.posts(path + "/back")
    assert talk.person(SAM).left_at is None
    assert list_mentors(talk, MAYA) == [("Noor", MatchKind.BACK_UP)]
