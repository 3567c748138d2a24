"""Sam writes to Maya first, or asks that somebody write to her; Ruth can ask, too."""

import itertools
import re
from datetime import UTC, datetime, timedelta

from escalation.handoffs.handoffs import get_owner
from gateway.pipeline.turns import take_turns
from models import HandoffEvent, Move, Need, Owner, Person, Status, Urgency
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk
from tests.web_client import Web

NIGHT = datetime(2026, 11, 11, 4, 30, tzinfo=UTC)  # 23:30 in New York
HI = "hi, how was the exam?"


def confirms(talk: Talk, words: str = f"WRITE MAYA {HI}") -> str:
    """Sam texts WRITE, and the code that his phone then shows. Returns the answer."""
    answer = talk.says(SAM, words)
    found = re.search(r"text WRITE (\w{4}) within 30 minutes", answer)
    assert found, answer
    return talk.says(SAM, f"write {found[1].lower()}")


def moves(talk: Talk) -> list[tuple[Move, str | None]]:
    return [(one.move, one.by.name if one.by else None) for one in talk.rows(HandoffEvent)]


def test_sam_writes_to_maya_first_and_she_reads_who_it_is_and_how_to_end_it(talk: Talk) -> None:
    answer = confirms(talk)
    assert answer.startswith("Sent to Maya. This is #{1} now: what you text here goes to them.")
    before, hi = talk.read_by(MAYA)
    assert before.startswith("Warmline bot: Sam, your mentor, is writing to you in person.")
    assert "text NEVER MIND" in before
    assert hi == f"Sam: {HI}"
    handoff = talk.handoff()
    assert (handoff.need, handoff.urgency, get_owner(handoff)) == (
        Need.MENTOR,
        Urgency.ROUTINE,
        Owner.MENTOR,
    )
    assert moves(talk) == [(Move.OPEN, "Sam"), (Move.CLAIM, "Sam")]
    talk.passes(hours=3)
    talk.runs_watchdog()
    assert talk.handoff().status is Status.CLAIMED  # he has written, so nothing is overdue
    assert talk.read_by(NOOR) == []
    talk.texts(MAYA, "never mind")
    assert talk.handoff().status is Status.WITHDRAWN


def test_nothing_goes_out_without_the_code_from_sams_own_phone(talk: Talk) -> None:
    talk.texts(SAM, f"WRITE MAYA {HI}")
    for _ in range(3):
        assert talk.says(SAM, "WRITE C2CC").startswith("You have no #C2CC. Nothing was sent.")
    answer = talk.says(SAM, f"WRITE MAYA {HI}")
    code = re.findall(r"WRITE (\w{4}) within", answer)[0]
    talk.passes(minutes=31)
    assert "Nothing was sent" in talk.says(SAM, f"WRITE {code}")
    assert talk.read_by(MAYA) == []
    assert talk.handoffs() == []


def test_a_code_sends_once(talk: Talk) -> None:
    answer = talk.says(SAM, f"write maya {HI}")
    code = re.findall(r"WRITE (\w{4}) within", answer)[0]
    talk.texts(SAM, f"WRITE {code}")
    assert "Nothing was sent" in talk.says(SAM, f"WRITE {code}")
    assert talk.read_by(MAYA).count(f"Sam: {HI}") == 1


def test_sam_writes_to_two_mentees_and_confirms_in_any_order(talk: Talk) -> None:
    codes = []
    for words in ("WRITE MAYA hi Maya", "WRITE JO hi Jo"):
        talk.passes(seconds=1)
        codes += re.findall(r"WRITE (\w{4}) within", talk.says(SAM, words))
    for code in codes:
        assert talk.says(SAM, f"WRITE {code}").startswith("Sent to ")
    assert (talk.read_by(MAYA)[-1], talk.read_by(JO)[-1]) == ("Sam: hi Maya", "Sam: hi Jo")


def test_a_text_that_comes_before_the_answer_to_write_does_not_take_its_place(talk: Talk) -> None:
    ticks = itertools.count()
    talk.line.clock = lambda: talk.clock() + timedelta(microseconds=next(ticks))
    conversation = [talk.arrives(SAM, words) for words in (f"WRITE MAYA {HI}", "WAITING")][-1]
    assert conversation is not None
    talk.line.soon(take_turns, conversation)
    [code] = re.findall(r"WRITE (\w{4}) within", " ".join(talk.read_by(SAM)))
    assert talk.says(SAM, f"WRITE {code}").startswith("Sent to Maya.")


def test_words_behind_the_code_go_nowhere_and_sam_reads_it(talk: Talk) -> None:
    talk.texts(SAM, f"WRITE MAYA {HI}")
    talk.texts(SAM, "WRITE {WRITE} and good luck")
    assert talk.read_by(MAYA)[-1] == f"Sam: {HI}"
    assert talk.read_by(SAM)[-1].endswith("Nobody got the words after it.")


def test_a_double_click_writes_to_maya_once(talk: Talk) -> None:
    web, maya = Web(talk), talk.person(MAYA).id
    for now in (talk.clock.now, NIGHT):
        talk.clock.now = now
        web.is_now(SAM)
        answers = [web.posts(f"/console/mentees/{maya}/write", words=HI) for _ in range(2)]
        assert {one.status_code for one in answers} == {303}
        assert len({one.headers["location"] for one in answers}) == 1
        talk.passes(hours=9)
        assert talk.read_by(MAYA).count(f"Sam: {HI}") == 1
        talk.texts(MAYA, "never mind")
        talk.phones.shown.clear()


def test_at_night_the_words_wait_until_maya_may_be_texted(talk: Talk) -> None:
    talk.clock.now = NIGHT
    answer = confirms(talk)
    assert answer.startswith("It is night for Maya. Your words go out at ")
    assert talk.read_by(MAYA) == []
    assert talk.handoffs() == []  # until then the bot answers her
    talk.passes(hours=9)
    assert talk.read_by(MAYA)[-1] == f"Sam: {HI}"
    assert talk.read_by(SAM)[-1].startswith("Warmline bot: Sent to Maya.")


def test_what_changed_overnight_is_respected_and_sam_reads_why(talk: Talk) -> None:
    talk.clock.now = NIGHT
    confirms(talk)
    talk.texts(MAYA, "STOP")
    talk.passes(hours=9)
    assert f"Sam: {HI}" not in talk.read_by(MAYA)
    assert talk.read_by(SAM)[-1].startswith("Warmline bot: Not sent to Maya. They texted STOP")


def test_sam_reads_why_he_cannot_write(talk: Talk) -> None:
    talk.claims(mentor=NOOR)
    assert confirms(talk) == "Not sent to Maya. Noor has Maya's conversation."
    for text in ("WRITE", "WRITE Zed hi", "WRITE MAYA", "write maya"):
        assert talk.says(SAM, text).startswith("Nothing was sent."), text
    talk.texts(JO, "STOP")
    assert confirms(talk, "write jo hi").startswith("Not sent to Jo. They texted STOP")


def test_a_waiting_maya_gets_her_answer(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a real person please")
    confirms(talk)
    assert talk.handoff().status is Status.CLAIMED
    assert talk.handoff().need is Need.REQUEST
    assert talk.read_by(MAYA)[-1] == f"Sam: {HI}"


def test_two_mentees_of_one_name_are_asked_about(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.get_one(Person, talk.person(JO).id).name = "Máya"
    talk.texts(SAM, f"WRITE MAYA {HI}")
    answer = talk.read_by(SAM)[-1]
    assert "More than one of your mentees is called" in answer
    assert talk.handoffs() == []


def test_sam_asks_that_somebody_write_to_maya(talk: Talk) -> None:
    talk.texts(SAM, "OPEN MAYA soon she sounded low at practice")
    answer = talk.read_by(SAM)[-1]
    assert answer.startswith("Warmline bot: #{1} is open for Maya; people were paged.")
    handoff = talk.handoff()
    assert (handoff.need, handoff.urgency, handoff.status) == (
        Need.STAFF,
        Urgency.SOON,
        Status.WAITING,
    )
    assert moves(talk)[0] == (Move.OPEN, "Sam")
    told = talk.read_by(MAYA)[-1]
    assert told.startswith("Warmline bot: Someone on your team asked that a person write to you.")
    assert "low" not in told
    web = Web(talk)
    web.is_now(RUTH)
    assert "Reason: she sounded low at practice" in web.gets("/log/1").text
    assert talk.says(SAM, "OPEN MAYA soon again").startswith("Nothing was opened for Maya.")


def test_ruth_opens_a_crisis_for_any_mentee_at_night(talk: Talk) -> None:
    talk.clock.now = NIGHT
    talk.texts(RUTH, "open jo crisis her aunt called, jo wrote a goodbye")
    assert talk.handoff().urgency is Urgency.CRISIS
    assert "988" in talk.read_by(JO)[-1]
    assert talk.paged() != []


def test_at_night_maya_is_not_woken_below_a_crisis(talk: Talk) -> None:
    talk.clock.now = NIGHT
    talk.texts(RUTH, "OPEN MAYA soon she sounded low")
    assert talk.handoff().need is Need.STAFF
    assert talk.read_by(MAYA) == []


def test_an_incomplete_open_is_asked_about_and_a_sentence_is_words(talk: Talk) -> None:
    for text in ("OPEN", "OPEN MAYA", "OPEN MAYA she is low", "OPEN MAYA soon", "open maya"):
        assert talk.says(SAM, text).startswith("Nothing was opened."), text
    talk.claims()
    talk.texts(SAM, "open the window and breathe")
    talk.texts(SAM, "write me when you are home")
    shown = [words for who, words in talk.new_texts() if who == "maya"]
    assert shown == ["Sam: open the window and breathe", "Sam: write me when you are home"]


def test_sam_writes_first_in_the_console(talk: Talk) -> None:
    web, maya = Web(talk), talk.person(MAYA).id
    web.is_now(SAM)
    assert f'href="/console/mentees/{maya}"' in web.gets("/console/mentees").text
    assert "Write to <bdi>Maya</bdi>" in web.gets(f"/console/mentees/{maya}").text
    empty = web.posts(f"/console/mentees/{maya}/write", words=" ")
    assert (empty.status_code, "Write a message first" in empty.text) == (422, True)
    answer = web.posts(f"/console/mentees/{maya}/write", words=HI)
    assert answer.headers["location"] == "/console/1"
    assert talk.read_by(MAYA)[-1] == f"Sam: {HI}"
    assert HI in web.gets("/console/1").text
    web.is_now(RUTH)
    assert "Sam opened #1 (routine): Maya got a first message" in web.gets("/log/1").text
    web.is_now(NOOR)
    refused = web.posts(f"/console/mentees/{maya}/write", words=HI)
    assert (refused.status_code, "has Maya" in refused.text, HI in refused.text) == (
        409,
        True,
        True,
    )


def test_at_night_the_console_says_that_the_words_wait(talk: Talk) -> None:
    talk.clock.now = NIGHT
    web, maya = Web(talk), talk.person(MAYA).id
    web.is_now(SAM)
    answer = web.posts(f"/console/mentees/{maya}/write", words=HI)
    assert "It is night for" in web.gets(answer.headers["location"]).text
    talk.passes(hours=9)
    assert talk.read_by(MAYA)[-1] == f"Sam: {HI}"


def test_ruth_opens_a_handoff_on_mayas_page(talk: Talk) -> None:
    web, maya = Web(talk), talk.person(MAYA).id
    web.is_now(RUTH)
    assert f'href="/console/mentees/{maya}"' in web.gets(f"/people/{maya}").text
    page = f"/console/mentees/{maya}"
    assert "Write to <bdi>Maya</bdi>" not in web.gets(page).text  # she is not her mentor
    assert web.posts(f"{page}/write", words=HI).status_code == 403
    for form in ({"reason": "low"}, {"urgency": "soon"}, {"urgency": "x", "reason": "low"}):
        assert web.posts(f"{page}/open", **form).status_code == 422
    answer = web.posts(f"{page}/open", urgency="soon", reason="she sounded low")
    assert answer.headers["location"] == "/console/1"
    assert "she sounded low" in web.gets("/console/1").text
    assert talk.paged() == ["sam"]
    assert web.posts(f"{page}/open", urgency="soon", reason="x").status_code == 409


def test_sam_starts_nothing_for_a_mentee_whose_record_is_about_him(talk: Talk) -> None:
    talk.texts(MAYA, "CONCERN he keeps asking where i live")
    web, maya = Web(talk), talk.person(MAYA).id
    web.is_now(SAM)
    assert web.gets(f"/console/mentees/{maya}").status_code == 404
    assert talk.says(SAM, f"WRITE MAYA {HI}").startswith("Nothing was sent.")
    assert talk.says(SAM, "OPEN MAYA soon low").startswith("Nothing was opened.")
