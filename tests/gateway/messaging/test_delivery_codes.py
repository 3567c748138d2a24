"""What follows each of Twilio's error codes, played with people, against the fake Twilio.

The expectations are written here on their own, from Twilio's documentation, and not read from the
table that Warmline acts on.
"""

from dataclasses import dataclass

from gateway.messaging.delivery_codes import CODES
from gateway.messaging.outbox import note_delivery
from gateway.privacy.erasure import erase
from models import Delivery, FailedTry, Message, OperatorAlarm, Person, ProviderCopy
from tests.fake_twilio import FakeTwilio, Fault
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk


@dataclass(frozen=True)
class Expected:
    """What follows when Sam's alert fails with a code, once and then always.

    refused: Twilio refuses the text. Otherwise it takes the text and reports the code later.
    tries: how often the alert went to Twilio within two minutes.
    noor: she is paged at once, or only after the second try ("later").
    sam: what is noted about his number.
    """

    code: int
    refused: bool
    tries: int | str
    noor: str
    sam: str = ""
    alarm: bool = False


# The codes of Twilio that a line like this meets. What people text (STOP and its kin) is in
# tests/gateway/privacy/test_opt_out.py.
TABLE = [
    Expected(21610, True, 1, "at once", sam="stopped"),
    Expected(21211, True, 1, "at once", sam="bad number"),
    Expected(21614, True, 1, "at once", sam="bad number"),
    Expected(21408, True, 1, "at once", alarm=True),
    Expected(21611, True, "many", "later"),
    Expected(20429, True, "many", "later"),
    Expected(30001, False, "many", "later"),
    Expected(30002, False, 1, "at once", alarm=True),
    Expected(30003, False, 2, "later"),
    Expected(30004, False, 1, "at once", alarm=True),
    Expected(30005, False, 1, "at once", sam="bad number"),
    Expected(30006, False, 1, "at once", sam="bad number"),
    Expected(30007, False, 1, "at once", alarm=True),
    Expected(30008, False, 2, "later"),
    Expected(30022, False, "many", "later"),
    Expected(30023, False, "many", "later", alarm=True),
    Expected(30032, False, 1, "at once", alarm=True),
    Expected(30034, False, 1, "at once", alarm=True),
    Expected(30410, False, "many", "later"),
]


def alert_to(talk: Talk, number: str) -> Message:
    return [one for one in talk.thread(number) if (one.script or "").startswith("alert")][-1]


def fails(talk: Talk, twilio: FakeTwilio, code: int) -> None:
    """Twilio reports the code for each try of Sam's alert, for two minutes."""
    for _ in range(24):
        alert = alert_to(talk, SAM)
        if alert.delivery is Delivery.SENT:
            report = {"provider_id": alert.provider_id, "error_code": str(code)}
            for _ in range(2):  # Twilio may report twice
                note_delivery(talk.line, alert.id, Delivery.UNDELIVERED, **report)
        talk.passes(seconds=5)


def noted(talk: Talk) -> str:
    sam = talk.person(SAM)
    return "stopped" if sam.opted_out_at else "bad number" if sam.unreachable_code else ""


def begin_again(talk: Talk, twilio: FakeTwilio) -> None:
    twilio._faults.clear()
    talk.texts(MAYA, "never mind")
    talk.passes(hours=3)  # no throttle and no alarm lasts so long
    talk.sets(SAM, opted_out_at=None, unreachable_code=None)


def test_each_code_is_acted_on_as_twilio_documents_it(talk: Talk, twilio: FakeTwilio) -> None:
    problems = []
    for expected in TABLE:
        code, alarms = expected.code, len(talk.rows(OperatorAlarm))
        sent_before = len(twilio.sent_to(NOOR))
        if expected.refused:
            twilio.set_fault(SAM, Fault("refuse", code=code))
        talk.texts(MAYA, ASKS)
        first = alert_to(talk, SAM)
        if not expected.refused:
            report = {"provider_id": first.provider_id, "error_code": str(code)}
            note_delivery(talk.line, first.id, Delivery.UNDELIVERED, **report)
        at_once = len(twilio.sent_to(NOOR)) > sent_before
        fails(talk, twilio, code)
        tries = alert_to(talk, SAM).tries
        later = len(twilio.sent_to(NOOR)) > sent_before
        got = Expected(
            code,
            expected.refused,
            tries if tries <= 2 else "many",
            "at once" if at_once else "later" if later else "never",
            noted(talk),
            len(talk.rows(OperatorAlarm)) > alarms,
        )
        if got != expected:
            problems.append(f"\n{got}, not\n{expected}")
        begin_again(talk, twilio)
    assert not problems, "".join(problems)


def reports(talk: Talk, text: Message, code: int) -> None:
    report = {"provider_id": text.provider_id, "error_code": str(code)}
    assert note_delivery(talk.line, text.id, Delivery.UNDELIVERED, **report)


def test_in_a_crisis_nobody_waits_for_the_second_try(talk: Talk, twilio: FakeTwilio) -> None:
    """Noor's and Ruth's phones are off. Sam is paged at once, and both get a second text."""
    talk.texts(MAYA, CRISIS)
    reports(talk, alert_to(talk, NOOR), 30003)
    assert twilio.sent_to(SAM) == []
    reports(talk, alert_to(talk, RUTH), 30003)
    assert "URGENT" in twilio.sent_to(SAM)[-1].body
    talk.passes(seconds=15)
    assert [len(twilio.sent_to(number)) for number in (NOOR, RUTH)] == [3, 3]


def test_a_mentor_whose_number_works_again_is_paged_again(talk: Talk, twilio: FakeTwilio) -> None:
    for sign_of_life in ("he texts", "a text arrives"):
        talk.sets(SAM, unreachable_code="30006")
        if sign_of_life == "he texts":
            talk.texts(SAM, "WAITING")
        else:
            talk.texts(SAM, "WAITING")
            talk.sets(SAM, unreachable_code="30005")
            answer = talk.thread(SAM)[-1]
            note_delivery(talk.line, answer.id, Delivery.DELIVERED, provider_id=answer.provider_id)
        assert talk.person(SAM).unreachable_code is None, sign_of_life
    talk.texts(MAYA, ASKS)
    assert "TAKE" in twilio.sent_to(SAM)[-1].body


def test_managers_are_told_of_a_number_that_fails_once(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(JO, "hello")
    welcome, answer = [text for text in talk.thread(JO) if text.outgoing]
    for text in (welcome, answer):
        reports(talk, text, 30005)
    told = [text.body for text in twilio.sent_to(RUTH) if "Texts to Jo fail (30005)" in text.body]
    assert len(told) == 1


def test_words_to_a_mentee_in_crisis_are_sent_again_and_then_the_team_knows(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(MAYA, CRISIS)
    answer = next(one for one in talk.thread(MAYA) if "988" in one.words)
    reports(talk, answer, 30003)
    talk.passes(seconds=15)
    answer = next(one for one in talk.thread(MAYA) if one.id == answer.id)
    assert answer.delivery is Delivery.SENT, "they were sent a second time"
    assert sum("988" in text.body for text in twilio.sent_to(MAYA)) == 2
    reports(talk, answer, 30003)
    assert "to this mentee do not arrive (30003). Please call" in twilio.sent_to(RUTH)[-1].body


def test_an_erasure_deletes_twilios_copies_of_failed_tries_too(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(JO, "hello")
    answer = talk.thread(JO)[-1]
    reports(talk, answer, 30003)
    talk.passes(seconds=15)
    with talk.database.writing() as session:
        erase(session, session.get_one(Person, talk.person(JO).id), by=None, now=talk.clock())
    copies = {one.provider_id for one in talk.rows(ProviderCopy)}
    assert {text.sid for text in twilio.sent_to(JO)} <= copies
    assert talk.rows(FailedTry) == []


def test_when_twilio_throttles_only_what_is_not_urgent_waits(
    talk: Talk, twilio: FakeTwilio
) -> None:
    talk.texts(JO, "hello")
    reports(talk, talk.thread(JO)[-1], 30022)
    talk.texts(JO, "are you there")
    assert "are you there" not in str(twilio.sent_to(JO))
    talk.texts(MAYA, CRISIS)
    assert any("988" in text.body for text in twilio.sent_to(MAYA))
    assert all("URGENT" in twilio.sent_to(number)[-1].body for number in (NOOR, RUTH))
    talk.passes(seconds=31)
    assert "are you there" in twilio.sent_to(JO)[-1].body


def test_a_crisis_overtakes_a_text_that_is_tried_again(talk: Talk, twilio: FakeTwilio) -> None:
    talk.texts(NOOR, "WAITING")
    twilio.set_fault(NOOR, Fault("server_error", times=1))
    talk.texts(NOOR, "WAITING")
    talk.texts(MAYA, CRISIS)
    assert "URGENT" in twilio.sent_to(NOOR)[-1].body


def test_a_refusal_of_every_text_ends(talk: Talk, twilio: FakeTwilio) -> None:
    """It paged the same people without end: each refusal climbed, and each climb was refused."""
    for number in (SAM, NOOR, RUTH):
        twilio.set_fault(number, Fault("refuse", code=30034))
    talk.texts(MAYA, CRISIS)
    assert talk.handoff().rung <= 2
    alarm = talk.rows(OperatorAlarm)[0]
    assert "not registered for 10DLC" in alarm.words


def test_each_code_has_a_meaning_in_a_sentence() -> None:
    assert {str(expected.code) for expected in TABLE} <= set(CODES)
    for code, entry in CODES.items():
        assert (entry.meaning[0].isupper(), entry.meaning[-1]) == (True, "."), code
