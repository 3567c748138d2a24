"""What strangers can make Warmline pay for, through the outbox and Twilio's API (the fake)."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

from escalation.speech.message_writer import get_thread, speak_as_bot
from escalation.speech.script import load_script
from gateway.messaging.limits import ALWAYS_SENT
from gateway.messaging.outbox import acting
from gateway.messaging.sealed_codes import text_code
from gateway.runtime.one_time_keys import Purpose
from models import Alert, Delivery, Message, Person
from tests.fake_twilio import FakeTwilio, Fault
from tests.line import ASKS, CRISIS, JO, MAYA, NAMES, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import Web


@pytest.fixture
def patience_seconds() -> float:
    """A text that seems to fail on a busy machine would be counted twice."""
    return 5


def to_staff(twilio: FakeTwilio) -> Counter[str]:
    return Counter(text.to for text in twilio.sent if text.to in (SAM, NOOR, RUTH))


def strangers(count: int) -> list[str]:
    numbers = [f"+1202555{5000 + one}" for one in range(count)]
    NAMES.update((number, number) for number in numbers)
    return numbers


def test_100_helps_from_an_unknown_number_cost_3_texts_and_tell_the_manager_once(
    talk: Talk, twilio: FakeTwilio
) -> None:
    for _ in range(100):
        talk.texts(STRANGER, "HELP")
    assert len(twilio.sent_to(STRANGER)) == 3
    [told] = twilio.sent_to(RUTH)
    assert "A limit on paid texts was reached" in told.body
    dropped = [one.error_code for one in talk.rows(Message) if one.delivery is Delivery.DROPPED]
    assert dropped == ["limit_unknown_number"] * 97
    web = Web(talk)
    web.is_now(RUTH)
    assert "the limit for unknown numbers: 97 not sent in seven days" in web.gets("/log").text
    talk.passes(hours=25)
    talk.texts(STRANGER, "HELP")
    assert len(twilio.sent_to(STRANGER)) == 4


def test_a_stranger_above_the_limit_still_reads_the_crisis_line(
    talk: Talk, twilio: FakeTwilio
) -> None:
    for _ in range(10):
        talk.texts(STRANGER, "HELP")
    talk.texts(STRANGER, CRISIS)
    assert "988" in twilio.sent_to(STRANGER)[-1].body
    assert "Thank you for telling me" in twilio.sent_to(STRANGER)[-1].body


def test_20_strangers_in_crisis_cost_one_alert_for_each_person_and_minute(
    talk: Talk, twilio: FakeTwilio
) -> None:
    for number in strangers(20):
        talk.texts(number, CRISIS)
    assert to_staff(twilio) == {NOOR: 1, RUTH: 1}, "the first one at once"
    talk.passes(seconds=60)
    assert to_staff(twilio) == {NOOR: 2, RUTH: 2}, "and the other 19 in one text"
    grouped = twilio.sent_to(NOOR)[-1].body
    assert grouped.count("#") == 19
    for minute in range(2, 30):
        before = to_staff(twilio)
        talk.passes(seconds=60)
        per_person = to_staff(twilio) - before
        assert max(per_person.values(), default=0) <= 1, f"minute {minute}"
    assert all(twilio.sent_to(number) for number in strangers(20))


def test_a_grouped_alert_holds_each_persons_own_code_and_it_claims(
    talk: Talk, twilio: FakeTwilio
) -> None:
    for number in strangers(3):
        talk.texts(number, CRISIS)
    talk.passes(seconds=60)
    paged_for = {row.handoff_id for row in talk.rows(Alert)}
    assert len(paged_for) == 3
    grouped = twilio.sent_to(RUTH)[-1].body
    shown = [word.strip(",.:#") for word in grouped.split() if word.startswith("#")]
    talk.texts(RUTH, f"TAKE {shown[-1]}")
    assert f"You have #{shown[-1]}" in twilio.sent_to(RUTH)[-1].body


def test_a_text_names_at_most_50_codes_and_says_that_there_are_more(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """Twilio refuses a text above 1,600 characters for good."""
    for number in strangers(53):
        talk.texts(number, CRISIS)
    talk.passes(seconds=60)
    talk.texts(RUTH, "WAITING")
    grouped, listed = (text.body for text in twilio.sent_to(RUTH)[-2:])
    for body in (grouped, listed):
        assert body.count("#") == 50
        assert ", ..." in body


def test_a_raised_crisis_stays_in_the_grouped_alert_when_another_joins(
    talk: Talk, twilio: FakeTwilio
) -> None:
    holds, second, third = strangers(3)
    talk.texts(holds, ASKS)
    talk.texts(NOOR, "TAKE {1}")
    talk.passes(minutes=2)
    for number in (second, holds, third):
        talk.texts(number, CRISIS)
    talk.passes(seconds=60)
    grouped = twilio.sent_to(RUTH)[-1].body
    assert [talk.code(RUTH, handoff) in grouped for handoff in (1, 2, 3)] == [True, False, True]


def test_a_lost_text_does_not_wait_for_the_grouped_alert_before_it(
    talk: Talk, twilio: FakeTwilio
) -> None:
    for number in strangers(2):
        talk.texts(number, CRISIS)
    with talk.database.writing() as session:  # and then the process dies
        ruths = get_thread(session, talk.line.rules, talk.person(RUTH))
        speak_as_bot(session, ruths, "one more thing", now=talk.clock(), dropped=False)
    talk.passes(seconds=10)
    talk.runs_watchdog()
    assert twilio.sent_to(RUTH)[-1].body == "Warmline bot: one more thing"


def test_an_enrolled_mentees_crisis_never_waits_for_a_group(talk: Talk, twilio: FakeTwilio) -> None:
    for number in strangers(5):
        talk.texts(number, CRISIS)
    before = to_staff(twilio)
    talk.texts(MAYA, CRISIS)
    assert to_staff(twilio) - before == {NOOR: 1, RUTH: 1}


@pytest.mark.parametrize("words", ["STOP", "stop texting me", "Unsubscribe"])
def test_a_strangers_stop_is_kept_until_start(talk: Talk, twilio: FakeTwilio, words: str) -> None:
    talk.texts(STRANGER, words)
    sent = len(twilio.sent_to(STRANGER))
    assert sent <= 1, "one confirmation at most"
    for more in ("hello?", "HELP", "what is this"):
        talk.texts(STRANGER, more)
        talk.passes(hours=25)
    assert len(twilio.sent_to(STRANGER)) == sent
    talk.texts(STRANGER, "START")
    assert "You will get texts from" in twilio.sent_to(STRANGER)[-1].body


def test_a_person_gets_at_most_the_hours_texts_but_every_answer_in_a_crisis(
    talk: Talk, twilio: FakeTwilio
) -> None:
    """Two machines that answer each other stop at the limit, if we take one for a person."""
    talk.adopts("paid_texts", per_person_an_hour=30)
    for number in range(40):
        talk.texts(MAYA, f"and then {number}")
    assert len(twilio.sent_to(MAYA)) == 30
    talk.texts(MAYA, CRISIS)
    assert "Thank you for telling me" in twilio.sent_to(MAYA)[-1].body
    [code] = re.findall(r"TAKE (\w{4})", twilio.sent_to(NOOR)[-1].body)
    talk.texts(NOOR, f"TAKE {code}")
    talk.texts(NOOR, "I am here, Maya")
    assert twilio.sent_to(MAYA)[-1].body == "Noor: I am here, Maya"
    assert to_staff(twilio)[RUTH] == 2, "the crisis, and the limit once"


def test_the_programs_limit_stops_neither_a_crisis_nor_an_alert(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.adopts("paid_texts", per_program_a_day=100, per_person_an_hour=1000)
    for number in range(110):
        talk.texts(MAYA, f"hello {number}")
    assert len(twilio.sent) == 101, "100, and one to the manager"
    talk.texts(MAYA, ASKS)
    assert twilio.sent_to(SAM), "Maya has read that he was asked"
    talk.texts(MAYA, CRISIS)
    assert "Thank you for telling me" in twilio.sent_to(MAYA)[-1].body
    assert twilio.sent_to(NOOR)


def test_a_text_that_is_tried_again_does_not_count_itself(talk: Talk, twilio: FakeTwilio) -> None:
    for _ in range(2):
        talk.texts(STRANGER, "HELP")
    twilio.set_fault(STRANGER, Fault("server_error", times=1))
    talk.texts(STRANGER, "HELP")
    talk.passes(seconds=10)
    assert len(twilio.sent_to(STRANGER)) == 3


def test_words_concerns_and_codes_arrive_above_the_limit(talk: Talk, twilio: FakeTwilio) -> None:
    talk.claims()
    talk.adopts("paid_texts", per_program_a_day=1)
    talk.texts(MAYA, "are you there")
    assert "wrote to you" in twilio.sent_to(SAM)[-1].body
    talk.adopts("relay", mentor_sms="words")
    talk.texts(MAYA, "please answer")
    assert "please answer" in twilio.sent_to(SAM)[-1].body
    talk.texts(JO, "CONCERN she shouts at me")
    assert "Thank you for telling us" in twilio.sent_to(JO)[-1].body
    assert "A mentee has raised a concern" in twilio.sent_to(RUTH)[-1].body
    for number in (RUTH, MAYA):
        with acting(talk.line) as session:
            person = session.get_one(Person, talk.person(number).id)
            purpose: Purpose = "confirm" if number == RUTH else "chat"
            text_code(session, talk.line, person, now=talk.clock(), purpose=purpose, browser="")
        assert "is your code" in twilio.sent_to(number)[-1].body


# --- what no limit holds back ---

TELLING = {"tell", "tell_about", "tell_managers", "tell_managers_daily"}
# Told to mentors about their own moves. Their next text, or the console, shows it, too.
MAY_BE_HELD_BACK = {
    *("released_mentor", "they_withdrew", "not_delivered", "not_sent_stopped", "debrief_asked"),
    *("transfer_taken", "transfer_declined", "transfer_over"),
    *("you_have", "wrote_first", "write_refused"),
}


def told_to_the_team() -> set[str]:
    """The lines of the script with which Warmline tells mentors and managers something unasked."""
    lines, found = load_script().lines, set()
    for folder in ("escalation", "gateway"):
        for file in Path(folder).rglob("*.py"):
            for call in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(call, ast.Call) and _tells(call):
                    inside = (one.value for one in ast.walk(call) if isinstance(one, ast.Constant))
                    found |= {str(one) for one in inside} & set(lines)
    return found


def _tells(call: ast.Call) -> bool:
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    return name in TELLING or "get_thread(" in "".join(map(ast.unparse, call.args))


def test_what_warmline_tells_the_team_is_always_sent_unless_it_is_named_here() -> None:
    told = told_to_the_team()
    assert {"crisis_closed", "staff_stopped", "limit_reached", "concern_alert"} <= told
    assert told - ALWAYS_SENT == MAY_BE_HELD_BACK


def test_every_alert_and_every_sign_in_text_is_always_sent() -> None:
    """Two of them only replace the words of another alert."""
    alerts = {key for key in load_script().lines if key.startswith(("alert_", "sign_in_"))}
    assert alerts - ALWAYS_SENT == {"alert_several", "alert_unknown_numbers"}
