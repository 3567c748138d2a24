"""After a talk Warmline asks Maya how it went; after a no, whether someone should come again."""

from datetime import UTC, datetime, timedelta

import pytest

from escalation.handoffs.handoffs import resolve
from escalation.handoffs.jobs import AskFollowUp
from gateway.check_ins.follow_ups import Question, next_question, yes_or_no
from gateway.reporting.period import Period, Scope
from gateway.reporting.reviews import count_follow_ups
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


def talked(talk: Talk, done: str = "DONE {{{}}} TALKED") -> Handoff:
    """Maya asks for a person; Sam comes, they talk, and Sam ends it."""
    talk.texts(SAM, done.format(talk.claims()))
    talk.new_texts()
    return talk.handoff()


def later(talk: Talk, **time: float) -> list[str]:
    """Time passes; returns what Maya's phone then shows."""
    talk.passes(**time)
    return shown_to_maya(talk)


def shown_to_maya(talk: Talk) -> list[str]:
    return [words for name, words in talk.new_texts() if name == "maya"]


def says(talk: Talk, words: str) -> list[str]:
    talk.texts(MAYA, words)
    return shown_to_maya(talk)


def follow_up(talk: Talk) -> FollowUp:
    [one] = talk.rows(FollowUp)
    return one


def many(talk: Talk) -> int:
    return len(talk.rows(FollowUp))


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


def test_if_she_was_not_reached_she_is_asked_whether_someone_should_come(talk: Talk) -> None:
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


def test_if_she_was_not_helped_she_may_leave_it_at_that(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "OK")
    [again] = says(talk, "not really")
    assert "Should I ask someone to write to you?" in again
    [shown] = says(talk, "no thanks")
    assert "I won't ask anyone" in shown
    assert len(talk.handoffs()) == 1
    assert follow_up(talk).answered_at is not None


def test_a_crisis_in_place_of_an_answer_brings_people(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    shown = says(talk, "no. i want to kill myself tonight")
    assert "988" in shown[0]
    assert talk.handoff().urgency is Urgency.CRISIS
    assert follow_up(talk).reached is None


def test_a_request_in_place_of_an_answer_brings_people(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "PERSON")
    assert (talk.handoff().need, len(talk.handoffs())) == (Need.REQUEST, 2)
    assert follow_up(talk).reached is None


def test_other_words_are_for_the_bot_and_a_later_no_answers_nothing(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    says(talk, "what is stress")
    says(talk, "no")
    assert talk.bot.heard == ["what is stress", "no"]
    assert follow_up(talk).reached is None


def test_an_answer_counts_for_our_question_even_after_the_bot_failed(talk: Talk) -> None:
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


def test_after_a_day_an_answer_no_longer_counts(talk: Talk) -> None:
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


def test_after_a_day_without_a_chance_to_ask_she_is_not_asked(talk: Talk) -> None:
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


def test_she_gets_one_follow_up_at_a_time(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    talk.passes(hours=2)
    talked(talk)
    assert later(talk, minutes=20) == []
    assert many(talk) == 1
    # The first expires after a day; the second is not too late by then.
    assert len(later(talk, hours=22)) == 1
    assert many(talk) == 2


def test_it_waits_until_an_exercise_is_over(talk: Talk) -> None:
    talked(talk)
    talk.passes(minutes=15)
    talk.texts(MAYA, "hi")
    with talk.database.writing() as session:
        thread = session.get_one(Conversation, talk.conversation(MAYA).id)
        thread.skill = "breathing"
    talk.new_texts()
    assert later(talk, minutes=10) == []
    assert len(later(talk, minutes=21)) == 1


def test_she_is_asked_if_she_did_not_answer_but_not_if_nobody_was_needed(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    first = talk.handoff().id
    talk.texts(SAM, f"TAKE {{{first}}}")
    talk.texts(SAM, f"DONE {{{first}}} NOTNEEDED")
    talk.new_texts()
    assert later(talk, minutes=20) == []
    talked(talk, "DONE {{{}}} NOANSWER")
    assert len(later(talk, minutes=20)) == 1


def test_the_question_names_who_closed_it_if_nobody_held_it(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    with talk.database.writing() as session:
        handoff = session.get_one(Handoff, talk.handoff().id)
        ruth = session.get_one(Person, talk.person(RUTH).id)
        resolve(talk.line.at(session), handoff, Outcome.REFERRED, by=ruth, note=None)
    *_, asked = later(talk, minutes=20)
    assert "did Ruth reach you?" in asked


def test_a_job_that_runs_three_times_asks_once(talk: Talk) -> None:
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
    *_, record = talk.rows(DecisionRecord)
    assert record.handoff_id == talk.handoff().id


def test_follow_ups_are_counted_in_their_own_program_and_time(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    talk.a_manager_elsewhere()
    now, hour = talk.clock(), timedelta(hours=1)
    here, elsewhere = talk.rows(Program)
    cases = [(here, now - hour, 1), (here, now + hour, 0), (elsewhere, now - hour, 0)]
    with talk.database.reading() as session:
        for program, since, asked in cases:
            period = Period(since, since + 2 * hour, program.timezone)
            scope = Scope(session, program, talk.line.rules.policy, now, period, month=period)
            assert count_follow_ups(scope).asked == asked


def test_the_next_question_depends_on_the_answers() -> None:
    cases: list[tuple[bool | None, bool | None, Question]] = [
        (None, None, Question.REACHED),
        (True, None, Question.HELPED),
        (True, True, Question.HEARD),
        (False, None, Question.AGAIN),
        (True, False, Question.AGAIN),
    ]
    found = [next_question(FollowUp(reached=one, helped=two)) for one, two, _ in cases]
    assert found == [question for *_, question in cases]


def test_only_a_plain_yes_or_no_is_an_answer() -> None:
    answers = {
        **dict.fromkeys(["OK", " ok. ", "yes"], True),
        **dict.fromkeys(["Nope!", "no"], False),
        **dict.fromkeys(["not sure", "no he never wrote", ""]),
    }
    assert {words: yes_or_no(words) for words in answers} == answers


def test_noor_is_not_asked_anything(talk: Talk) -> None:
    talked(talk)
    later(talk, minutes=20)
    assert talk.read_by(NOOR) == []
