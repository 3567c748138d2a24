"""Weak evidence asks first: should your mentor write to you?"""

import pytest
from sqlalchemy import delete

from models import DecisionRecord, Match, Need, Owner, Urgency
from tests.line import MAYA, SAM, STRANGER, Talk

LONELY = "nobody here really knows me, i feel so alone lately"
ASKS_SAM = "Should I ask Sam, your mentor, to text you here? OK or NO"


@pytest.fixture
def talk(talk: Talk) -> Talk:
    """The bot offers a person where it would hand off."""
    talk.adopts("thresholds", connection=1.0, offer=0.5)
    talk.texts(MAYA, "hi")
    return talk


def latest(talk: Talk, number: str = MAYA) -> str:
    return talk.read_by(number)[-1]


def test_the_bot_answers_and_offers_without_paging_anyone(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    assert f"You wrote: {LONELY}" in talk.read_by(MAYA)[-2]
    assert ASKS_SAM in latest(talk)
    assert talk.handoffs() == []
    assert talk.read_by(SAM) == []


def test_yes_brings_sam_and_the_bot_says_so(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(MAYA, "ok please")
    handoff = talk.handoff()
    assert (handoff.need, handoff.urgency) == (Need.CONNECTION, Urgency.ROUTINE)
    assert "I asked Sam, your mentor, to write to you here" in latest(talk)
    assert "ok please" not in talk.bot.heard
    assert len(talk.read_by(SAM)) == 1


def test_after_no_there_is_no_second_offer_that_day(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(MAYA, "no thanks")
    assert "PERSON asks for a mentor any time" in latest(talk)
    talk.texts(MAYA, f"{LONELY}, still")
    assert ASKS_SAM not in latest(talk)
    assert talk.handoffs() == []
    talk.passes(hours=25)
    talk.texts(MAYA, LONELY)
    assert ASKS_SAM in latest(talk)


def test_anything_else_is_neither_yes_nor_no(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(MAYA, "how do tides work")
    assert "You wrote: how do tides work" in latest(talk)
    talk.texts(MAYA, "yes")
    assert "You wrote: yes" in latest(talk), "the offer is not the last thing said any more"
    assert talk.handoffs() == []


def test_a_late_yes_does_not_accept_the_offer_and_a_crisis_does_not_wait(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.passes(hours=13)
    talk.texts(MAYA, "yes")
    assert talk.handoffs() == []
    talk.passes(hours=12)
    talk.texts(MAYA, LONELY)
    talk.texts(MAYA, "i want to kill myself")
    assert talk.handoff().urgency is Urgency.CRISIS


def test_without_a_mentor_she_is_offered_the_team_even_if_rasa_is_away(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentee_id == talk.person(MAYA).id))
    talk.bot.away = True
    talk.texts(MAYA, LONELY)
    assert "technical trouble" in talk.read_by(MAYA)[-2]
    assert "Should I ask a mentor to text you here? OK or NO" in latest(talk)


def test_an_unknown_number_gets_no_offer(talk: Talk) -> None:
    talk.texts(STRANGER, LONELY)
    assert "OK or NO" not in latest(talk, STRANGER)
    assert talk.handoffs() == []


def test_the_decision_record_says_what_would_have_changed_it(talk: Talk) -> None:
    talk.texts(MAYA, LONELY)
    talk.texts(MAYA, "yes")
    *_, offer, yes = talk.rows(DecisionRecord)
    assert (offer.decision, offer.owner) == ("offer", Owner.BOT)
    assert offer.counterfactual is not None
    assert offer.counterfactual["decision"] in ("reply", "hand_off")
    assert (yes.decision, yes.why) == ("hand_off", "said yes to the offer of a person")
    assert yes.seen is not None
    assert (yes.seen["says"], yes.seen["offered"]) == ("yes", True)


def test_a_text_in_an_uncovered_language_gets_an_offer(talk: Talk) -> None:
    talk.texts(MAYA, "я больше не хочу так жить, мне очень плохо")
    assert ASKS_SAM in latest(talk)
    record = talk.rows(DecisionRecord)[-1]
    assert record.why == "detection does not cover this language"
    assert record.seen is not None
    assert record.seen["covered"] is False
