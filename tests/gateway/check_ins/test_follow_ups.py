"""After a talk the line asks Maya how it went; a no asks whether somebody should come again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from escalation.handoffs.handoffs import resolve
from escalation.handoffs.jobs import AskFollowUp
from gateway.check_ins.follow_ups import (
    Question,
    list_follow_ups,
    next_question,
    yes_or_no,
)
from gateway.worker import do_work
from models import (
    Conversation,
    DecisionRecord,
    FollowUp,
    Handoff,
    Need,
    Outcome,
    Person,
    Program,
    Status,
    Urgency,
)
from tests.line import MAYA, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a person please"


@pytest.fixture
def talk(talk: Talk) -> Talk:
    talk.kept.ignored = ()
    return talk


def talked(talk: Talk, done: str = "DONE {} TALKED") -> Handoff:
    """Maya asks for a person; Sam comes, they talk, and Sam ends it."""
    talk.texts(MAYA, ASKS)
    number = talk.handoff().id
    talk.texts(SAM, f"TAKE {number}")
    talk.texts(SAM, "Hey, what is up?")
    talk.texts(SAM, done.format(number))
    talk.new_texts()
    return talk.handoff()


def later(talk: Talk, **time: float) -> list[str]:
    """Time passes; the answer is what Maya's phone then shows."""
    talk.passes(**time)
    return shown_to_maya(talk)


def shown_to_maya(talk: Talk) -> list[str]:
    return [words for name, words in talk.new_texts() if name == "maya"]


def says(talk: Talk, words: str) -> list[str]:
    talk.texts(MAYA, words)
    return shown_to_maya(talk)


def follow_up(talk: Talk) -> FollowUp:
    with talk.database.reading() as session:
        return session.scalars(select(FollowUp)).one()


def many(talk: Talk) -> int:
    with talk.database.reading() as session:
        return len(session.scalars(select(FollowUp.id)).all())


def test_maya_is_asked_three_short_questions_once(talk: Talk) -> None:
    talked(talk)
    assert later(talk, minutes=19) == []
    [first] = later(talk, minutes=1)
    assert "did Sam reach you? Text OK or NO." in first
    assert later(talk, minutes=1) == []
    assert says(talk, "ok") == ["Warmline bot: 2: did it help? Text OK or NO."]
    assert says(talk, "Yes!") == ["Warmline bot: 3: did you feel heard? Text OK or NO."]
    [last] = says(talk, "no")
    assert last.startswith("Warmline bot: Thank you, I saved your answers.")
    kept = follow_up(talk)
    assert (kept.reached, kept.helped, kept.heard) == (True, True, False)
    assert (kept.answered_at, kept.led_to_id) == (talk.clock(), None)
    assert talk.bot.heard == []


def test_who_was_not_reached_is_asked_whether_somebody_should_come(talk: Talk) -> None:
    old = talked(talk)
    later(talk, minutes=20)
    [again] = says(talk, "no")
    assert "Should I ask someone to write to you?" in again
    shown = says(talk, "ok")
    assert shown == [
        "Warmline bot: You asked for a person, and you can have one. I asked Sam, your "
        "mentor, to write to you here. Sam can read this chat."
    ]
    new = talk.handoff()
    assert new.id != old.id
    assert (new.need, new.urgency, new.status) == (Need.REQUEST, Urgency.SOON, Status.WAITING)
    kept = follow_up(talk)
    assert (kept.reached, kept.helped, kept.led_to_id) == (False, None, new.id)
    assert talk.handoffs()[0].status is Status.RESOLVED


def test_who_was_not_helped_may_leave_it_at_that(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "OK")
    [again] = says(talk, "not really")
    assert "Should I ask someone to write to you?" in again
    [shown] = says(talk, "no thanks")
    assert "I won't ask anyone" in shown
    assert len(talk.handoffs()) == 1
    assert follow_up(talk).answered_at is not None


def test_a_crisis_in_place_of_an_answer_still_brings_people(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    shown = says(talk, "no. i want to kill myself tonight")
    assert "988" in shown[0]
    assert talk.handoff().urgency is Urgency.CRISIS
    assert follow_up(talk).reached is None


def test_asking_for_a_person_wins_over_the_questions(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "PERSON")
    assert talk.handoff().need is Need.REQUEST
    assert len(talk.handoffs()) == 2
    assert follow_up(talk).reached is None


def test_other_words_are_for_the_bot_and_a_later_no_is_no_answer(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "what is stress")
    says(talk, "no")
    assert talk.bot.heard == ["what is stress", "no"]
    assert follow_up(talk).reached is None


def test_it_is_not_the_failed_bot_that_an_answer_is_counted_for(talk: Talk) -> None:
    """Two messages that the bot did not understand, then an answer to our own question."""
    talked(talk)
    talk.bot.away = True
    says(talk, "tell me about trees")
    talk.passes(minutes=11)
    says(talk, "and about birds")
    talk.bot.away = False
    later(talk, minutes=20)
    assert says(talk, "ok") == ["Warmline bot: 2: did it help? Text OK or NO."]
    assert len(talk.handoffs()) == 1


def test_after_a_day_without_an_answer_it_is_left_alone(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    assert later(talk, hours=12) == []
    assert later(talk, hours=12) == []
    says(talk, "no")
    assert talk.bot.heard == ["no"]
    assert follow_up(talk).reached is None


def test_nothing_is_asked_in_the_quiet_hours(talk: Talk) -> None:
    # 21:30 in New York.
    talk.clock.now = datetime(2026, 11, 11, 2, 30, tzinfo=UTC)
    talked(talk)
    assert later(talk, minutes=20) == []
    assert later(talk, hours=9) == []
    assert len(later(talk, hours=2)) == 1


def test_what_could_not_be_asked_for_a_day_is_not_asked_any_more(talk: Talk) -> None:
    talked(talk)
    talk.texts(MAYA, ASKS)
    assert many(talk) == 0
    talk.clock.now += timedelta(hours=25)
    talk.texts(MAYA, "never mind")
    talk.new_texts()
    assert later(talk, hours=2) == []
    assert many(talk) == 0


def test_nothing_is_asked_while_a_person_is_with_her_or_after_stop(talk: Talk) -> None:
    talked(talk)
    talk.texts(MAYA, ASKS)
    talk.new_texts()
    later(talk, minutes=30)
    assert many(talk) == 0
    talk.texts(MAYA, "never mind")
    talk.texts(MAYA, "STOP")
    talk.new_texts()
    assert later(talk, minutes=30) == []
    assert many(talk) == 0


def test_one_at_a_time(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    talk.passes(hours=2)
    talked(talk)
    assert later(talk, minutes=20) == []
    assert many(talk) == 1
    # The first is left alone after its day; the second is not too late by then.
    assert len(later(talk, hours=22)) == 1
    assert many(talk) == 2


def test_it_waits_until_an_exercise_is_over(talk: Talk) -> None:
    talked(talk)
    talk.passes(minutes=15)
    talk.texts(MAYA, "hi")
    with talk.database.writing() as session:
        session.scalars(
            select(Conversation).where(Conversation.person_id == talk.person(MAYA).id)
        ).one().skill = "breathing"
    talk.new_texts()
    assert later(talk, minutes=10) == []
    assert len(later(talk, minutes=21)) == 1


def test_who_did_not_answer_is_asked_too_but_not_when_nobody_was_needed(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    first = talk.handoff().id
    talk.texts(SAM, f"TAKE {first}")
    talk.texts(SAM, f"DONE {first} NOTNEEDED")
    talk.new_texts()
    assert later(talk, minutes=20) == []
    talked(talk, "DONE {} NOANSWER")
    assert len(later(talk, minutes=20)) == 1


def test_who_closed_it_is_named_where_nobody_held_it(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        ruth = session.get_one(Person, talk.person(RUTH).id)
        resolve(
            session,
            handoff,
            Outcome.REFERRED,
            by=ruth,
            note=None,
            now=talk.clock(),
            rules=talk.line.rules,
        )
    *_, asked = later(talk, minutes=20)
    assert "did Ruth reach you?" in asked


def test_two_rounds_at_once_and_a_crash_in_between_ask_once(talk: Talk) -> None:
    talked(talk)
    talk.passes(minutes=20)
    for _ in range(3):
        do_work(talk.line, AskFollowUp(talk.handoff().id))
    assert len(shown_to_maya(talk)) == 1


def test_the_record_of_the_answer_leads_to_the_new_handoff(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "no")
    says(talk, "ok")
    with talk.database.reading() as session:
        record = session.scalars(
            select(DecisionRecord).order_by(DecisionRecord.id.desc()).limit(1)
        ).one()
    assert record.handoff_id == talk.handoff().id


def test_the_managers_figures_are_of_their_own_program_and_time(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    talk.a_manager_elsewhere()
    now = talk.clock()
    with talk.database.reading() as session:
        here, elsewhere = session.scalars(select(Program).order_by(Program.id)).all()
        hour = timedelta(hours=1)
        assert len(list_follow_ups(session, here, now - hour, now + hour)) == 1
        assert len(list_follow_ups(session, here, now + hour, now + 2 * hour)) == 0
        assert len(list_follow_ups(session, elsewhere, now - hour, now + hour)) == 0


@pytest.mark.parametrize(
    ("reached", "helped", "heard", "following"),
    [
        (None, None, None, Question.REACHED),
        (True, None, None, Question.HELPED),
        (True, True, None, Question.HEARD),
        (False, None, None, Question.AGAIN),
        (True, False, None, Question.AGAIN),
    ],
)
def test_what_is_asked_next(
    reached: bool | None, helped: bool | None, heard: bool | None, following: Question
) -> None:
    row = FollowUp(reached=reached, helped=helped, heard=heard)
    assert next_question(row) is following


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("OK", True),
        (" ok. ", True),
        ("yes", True),
        ("Nope!", False),
        ("no", False),
        ("not sure", None),
        ("no he never wrote", None),
        ("", None),
    ],
)
def test_only_a_plain_yes_or_no_is_an_answer(words: str, answer: bool | None) -> None:
    assert yes_or_no(words) is answer


def test_noor_is_not_asked_anything(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    assert talk.read_by(NOOR) == []
