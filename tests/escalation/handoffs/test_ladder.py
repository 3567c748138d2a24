"""Who is called, in which order, and what happens when a text reaches nobody."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from sqlalchemy import select

from gateway.runtime.line import TextFailed
from models import Alert, Delivery, HandoffEvent, Match, Message, Move, Person, Program, Status
from tests.line import JO, MAYA, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a real person please"


def change(talk: Talk, number: str, alter: Callable[[Person], None]) -> None:
    with talk.database.writing() as session:
        person = session.get_one(Person, talk.person(number).id)
        alter(person)


def open_from_eight_to_nine_in_the_evening(talk: Talk) -> None:
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).one()
        program.opens_at, program.closes_at = time(8), time(21)


def at_two_in_the_night(talk: Talk) -> None:
    talk.clock.now = datetime(2026, 11, 11, 7, 0, tzinfo=UTC)  # 02:00 in New York


def paged(talk: Talk) -> list[str]:
    return [name for name, words in talk.new_texts() if "TAKE" in words and name != "maya"]


def test_the_handoff_and_its_first_alert_stand_before_the_mentee_is_told(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    told = next(m for m in talk.thread(MAYA) if m.script and m.script.startswith("why_"))
    with talk.database.reading() as session:
        alert = session.scalars(select(Alert)).one()
    assert alert.message_id < told.id


def test_an_opted_out_mentor_is_passed_over(talk: Talk) -> None:
    talk.texts(SAM, "STOP")
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["noor"]


def test_a_text_that_twilio_refuses_for_good_moves_the_ladder_on_at_once(talk: Talk) -> None:
    """21610: Sam told his carrier STOP and we did not know."""
    talk.phones.refuse[SAM] = TextFailed("21610", final=True)
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["noor"]
    assert talk.person(SAM).opted_out_at is not None
    assert talk.handoff().rung == 1


def test_a_number_that_does_not_exist_is_kept_as_unreachable(talk: Talk) -> None:
    talk.phones.refuse[SAM] = TextFailed("21211", final=True)
    talk.texts(MAYA, ASKS)
    assert talk.person(SAM).unreachable_code == "21211"
    assert paged(talk) == ["noor"]


def test_a_text_that_is_only_sent_does_not_count_for_ever(talk: Talk) -> None:
    """Sent is not delivered: after two minutes the next rung is called, not after five."""
    talk.phones.reports = Delivery.SENT
    talk.texts(MAYA, ASKS)
    talk.new_texts()
    talk.passes(minutes=2)
    assert paged(talk) == ["noor"]


def test_a_provider_that_is_down_is_tried_again_and_the_ladder_does_not_wait_for_it(
    talk: Talk,
) -> None:
    talk.phones.refuse[SAM] = TextFailed("503", final=False)
    talk.texts(MAYA, ASKS)
    assert paged(talk) == []
    talk.passes(minutes=2)
    assert paged(talk) == ["noor"]
    del talk.phones.refuse[SAM]
    talk.passes(minutes=4)
    assert "sam" in paged(talk), "Sam's text arrives late, and he may still take it"


def test_a_routine_wish_at_two_in_the_night_waits_for_opening_and_says_so(talk: Talk) -> None:
    open_from_eight_to_nine_in_the_evening(talk)
    at_two_in_the_night(talk)
    talk.bot.away = True
    for words in ("hm", "hello", "anything"):
        talk.texts(MAYA, words)
    assert "I will ask Sam when the team is back, 08:00" in talk.read_by(MAYA)[-1]
    assert paged(talk) == []
    talk.passes(hours=5, minutes=59)
    assert paged(talk) == []
    talk.passes(minutes=1)
    assert paged(talk) == ["sam"]


def test_an_explicit_wish_at_two_in_the_night_lets_sam_sleep_and_calls_who_is_on_duty(
    talk: Talk,
) -> None:
    open_from_eight_to_nine_in_the_evening(talk)
    at_two_in_the_night(talk)
    talk.texts(MAYA, ASKS)
    assert "I asked Noor to write to you here" in talk.read_by(MAYA)[-1]
    assert paged(talk) == ["noor"]


def test_a_crisis_knows_no_hours(talk: Talk) -> None:
    open_from_eight_to_nine_in_the_evening(talk)
    at_two_in_the_night(talk)
    talk.texts(MAYA, "i am going to kill myself tonight")
    assert paged(talk) == ["noor", "ruth"]
    talk.passes(minutes=3)
    assert sorted(paged(talk)) == ["noor", "ruth", "sam"]


def test_when_nobody_can_be_texted_the_mentee_is_told_so_and_it_is_tried_again(
    talk: Talk,
) -> None:
    for number in (SAM, NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.texts(MAYA, ASKS)
    assert "I couldn't reach anyone by text yet" in talk.read_by(MAYA)[-1]
    assert talk.handoff().status is Status.WAITING
    change(talk, RUTH, lambda ruth: setattr(ruth, "opted_out_at", None))
    talk.passes(minutes=10)
    assert paged(talk) == ["ruth"]


def test_a_mentee_without_a_mentor_gets_whoever_is_on_duty(talk: Talk) -> None:
    with talk.database.writing() as session:
        jo = talk.person(JO).id
        for match in session.scalars(select(Match).where(Match.mentee_id == jo)):
            session.delete(match)
    talk.texts(JO, ASKS)
    assert "I asked Noor to write to you here" in talk.read_by(JO)[-1]


def test_a_rung_that_was_missed_is_paged_by_the_sweep(talk: Talk) -> None:
    """Even if the engine lost its work, the due time stands on the row."""
    talk.texts(MAYA, ASKS)
    talk.kept.work.clear()
    talk.new_texts()
    talk.clock.now += timedelta(minutes=6)
    talk.sweeps()
    assert paged(talk) == ["noor"]


def test_a_claim_nobody_checks_is_checked_by_the_sweep(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "take")
    talk.kept.work.clear()
    talk.clock.now += timedelta(minutes=16)
    talk.sweeps()
    assert talk.handoff().status is Status.WAITING


def test_alerts_carry_no_word_and_no_name_of_the_mentee(talk: Talk) -> None:
    talk.texts(MAYA, "i want to kill myself, the thing with grandpa is too much")
    talk.passes(minutes=30)
    for number in (SAM, NOOR, RUTH):
        for words in talk.read_by(number):
            assert not {"maya", "kill", "grandpa"} & set(words.casefold().split())


@pytest.mark.parametrize("times", [2, 5])
def test_climbing_twice_pages_once(talk: Talk, times: int) -> None:
    from escalation.handoffs.jobs import Climb
    from gateway.worker import do_work

    talk.texts(MAYA, ASKS)
    talk.new_texts()
    for _ in range(times):
        do_work(talk.line, Climb(talk.handoff().id, talk.handoff().ladder, 1))
    assert paged(talk) == ["noor"]
    with talk.database.reading() as session:
        pages = session.scalars(select(HandoffEvent).where(HandoffEvent.move == Move.PAGE)).all()
        texts = session.scalars(select(Message).join(Alert)).all()
    assert len(pages) == len(texts) == 2
