"""The managers' pages about people: mentors of a mentee, leaving, and coming back."""

from datetime import time

from escalation.handoffs.transfers import offer_transfer
from gateway.accounts.sessions import find_session
from models import (
    DutyShift,
    Handoff,
    HandoffEvent,
    MatchKind,
    Move,
    Person,
    Schedule,
    Status,
    Transfer,
    WebSession,
)
from tests.gateway.people.test_people import (
    LONELY,
    actions,
    address,
    details,
    list_mentors,
    listed,
)
from tests.line import CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk
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


def test_what_sam_holds_goes_back_to_the_queue_when_he_leaves(talk: Talk, web: Web) -> None:
    first, second = talk.claims(SAM, MAYA), talk.claims(SAM, JO)
    assert web.posts(address(talk, SAM) + "/leave").status_code == 303
    assert talk.person(SAM).left_at == talk.clock()
    held = [(one.status, one.mentor_id) for one in talk.handoffs()]
    assert held == [(Status.WAITING, None)] * 2
    ruth = talk.person(RUTH).id
    released = [
        (one.handoff_id, one.by_id, one.detail["held_by"])
        for one in talk.rows(HandoffEvent)
        if one.move is Move.RELEASE
    ]
    assert released == [(one, ruth, talk.person(SAM).id) for one in (first, second)]
    texts = talk.new_texts()
    for name in ("maya", "jo"):
        [words] = [words for to, words in texts if to == name]
        assert words.startswith("Warmline bot: Sam no longer has this talk.")
    assert "sam" not in [to for to, _ in texts], "he is not asked again"
    talk.passes(minutes=1)
    together = "".join(words for to, words in talk.new_texts() if to == "noor")
    assert "#{1}" in together
    assert "#{2}" in together
    assert "no longer a mentor in" in talk.says(SAM, f"#{{{first}}} bye")


def test_a_mentor_who_is_away_keeps_a_mentee_only_until_an_answer_is_late(talk: Talk) -> None:
    number = talk.claims(SAM, MAYA, asks=CRISIS)
    talk.texts(SAM, "AWAY 2 weeks")
    talk.texts(MAYA, "are you there")
    talk.passes(minutes=45)
    [handoff] = talk.handoffs()
    assert (handoff.id, handoff.status) == (number, Status.WAITING)
    assert any("Sam has not written back" in words for words in talk.read_by(MAYA))
    talk.texts(NOOR, f"TAKE {{{number}}}")
    assert talk.handoff().mentor_id == talk.person(NOOR).id


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
