"""Whom we may page now. Whatever keeps people away, someone is paged."""

from datetime import UTC, datetime, time, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import (
    LOOKED_PAST,
    NOT_AGAIN,
    Reasons,
    WhyNot,
    is_looking_at,
    still_apply,
    whom_to_call,
)
from escalation.handoffs.ladder import people_to_call
from escalation.transaction import Transaction
from gateway.handoffs.presence import touch
from models import (
    Absence,
    Concern,
    Handoff,
    Match,
    Need,
    Outcome,
    Person,
    Program,
    SafeguardingRecord,
    Snooze,
    Status,
    Urgency,
)
from tests.line import ASKS, CRISIS, JO, MAYA, NOOR, RUTH, SAM, Talk

some_reasons = st.frozensets(st.sampled_from(LOOKED_PAST[Urgency.SOON]))
ladders = st.lists(st.dictionaries(st.integers(1, 6), some_reasons), min_size=1, max_size=4)


def is_away(talk: Talk, *numbers: str, until: timedelta | None = timedelta(days=7)) -> None:
    now = talk.clock()
    ends = now + until if until else None
    with talk.database.writing() as session:
        for one in (talk.person(number).id for number in numbers):
            session.add(Absence(person_id=one, begins_at=now, ends_at=ends, by_id=one))


def raises_concern(talk: Talk) -> None:
    """Maya raises a concern about Sam, her mentor."""
    maya, sam, now = talk.person(MAYA), talk.person(SAM), talk.clock()
    record = SafeguardingRecord(
        program_id=maya.program_id,
        mentee_id=maya.id,
        mentor_id=sam.id,
        concern=Concern.MENTOR,
        words="he makes me uncomfortable",
        opened_at=now,
        opened_by_id=maya.id,
        due_at=now,
    )
    with talk.database.writing() as session:
        session.add(record)


def ends_a_crisis(talk: Talk, mentor: str, mentee: str) -> None:
    code = talk.claims(mentor, mentee, CRISIS)
    talk.texts(mentor, f"DONE {{{code}}} REFERRED with her aunt now")
    talk.new_texts()


# --- deciding, without a database ---


@given(rungs=ladders, rung=st.integers(0, 6), urgency=st.sampled_from(Urgency))
def test_someone_on_the_ladder_is_paged_and_no_one_with_a_reason_while_another_is_free(
    rungs: list[dict[int, Reasons]], rung: int, urgency: Urgency
) -> None:
    called_as, called = whom_to_call(rungs, rung, urgency)
    assert bool(called) == any(rungs)
    assert called_as >= rung
    assert {one for on_rung in rungs for one in on_rung} >= set(called)
    if any(not reasons for on_rung in rungs for reasons in on_rung.values()):
        first, climbed = called_as == 0, called_as >= len(rungs)
        for one in called:
            theirs = [on_rung[one] for on_rung in rungs if one in on_rung]
            assert any(
                not still_apply(reasons, urgency, first=first, climbed=climbed)
                for reasons in theirs
            ), theirs


@given(rungs=ladders, urgency=st.sampled_from(Urgency))
def test_people_who_left_or_are_under_a_concern_are_never_paged(
    rungs: list[dict[int, Reasons]], urgency: Urgency
) -> None:
    for never in (WhyNot.LEFT, WhyNot.CONCERN):
        with_them = [{**on_rung, 99: frozenset({never})} for on_rung in rungs]
        assert 99 not in whom_to_call(with_them, 0, urgency)[1]


def test_all_reasons_but_two_are_dropped_when_no_one_is_left() -> None:
    for urgency in Urgency:
        assert set(LOOKED_PAST[urgency]) == set(WhyNot) - {WhyNot.LEFT, WhyNot.CONCERN}


def test_reasons_are_dropped_in_this_order() -> None:
    failures = []
    for first, second, urgency, called in (
        # Below a crisis, people who are away are paged last; in a crisis, people who passed are.
        (WhyNot.AWAY, WhyNot.PASSED, Urgency.SOON, 2),
        (WhyNot.AWAY, WhyNot.PASSED, Urgency.CRISIS, 1),
        (WhyNot.LATER, WhyNot.RESTING, Urgency.ROUTINE, 2),
        (WhyNot.CAPPED, WhyNot.RESTING, Urgency.ROUTINE, 1),
    ):
        rung = {1: frozenset({first}), 2: frozenset({second})}
        if (found := whom_to_call([rung], 0, urgency)) != (0, [called]):
            failures.append((first, second, urgency, found))
    assert not failures


def test_in_a_crisis_people_who_rest_are_paged_second_and_people_away_third() -> None:
    team: dict[int, Reasons] = {
        1: frozenset(),
        2: frozenset({WhyNot.RESTING}),
        3: frozenset({WhyNot.CAPPED}),
        4: frozenset({WhyNot.AWAY}),
    }
    for rung, called in enumerate(([1], [1, 2, 3], [1, 2, 3, 4])):
        assert whom_to_call([team, team], rung, Urgency.CRISIS) == (rung, called)


# --- with the database ---


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_crisis_pages_someone_if_anyone_can_be_texted(talk: Talk, data: st.DataObject) -> None:
    if not talk.handoffs():
        talk.texts(MAYA, CRISIS)
    now, rules = talk.clock(), talk.line.rules
    numbers = (SAM, NOOR, RUTH)
    ids = {number: talk.person(number).id for number in numbers}
    flags = st.fixed_dictionaries({number: st.booleans() for number in numbers})
    away, passed, later, stopped, on_duty = (data.draw(flags) for _ in range(5))
    ended = data.draw(st.fixed_dictionaries({number: st.integers(0, 3) for number in numbers}))
    rung = data.draw(st.integers(0, 4))
    with talk.database.engine.connect() as connection, Session(connection) as session:
        handoff = session.scalars(select(Handoff).where(Handoff.id == 1)).one()
        for number, one in ids.items():
            person = session.get_one(Person, one)
            person.on_duty = on_duty[number]
            person.opted_out_at = now if stopped[number] else None
            if away[number]:
                session.add(Absence(person_id=one, begins_at=now, by_id=one))
            if passed[number] or later[number]:
                until = NOT_AGAIN if passed[number] else now + timedelta(hours=1)
                session.add(Snooze(handoff_id=1, person_id=one, at=now, until=until))
            for _ in range(ended[number]):
                session.add(
                    Handoff(
                        conversation_id=handoff.conversation_id,
                        need=Need.CRISIS,
                        urgency=Urgency.CRISIS,
                        status=Status.RESOLVED,
                        outcome=Outcome.TALKED,
                        mentor_id=one,
                        opened_at=now,
                        closed_at=now,
                    )
                )
        session.flush()
        _, people = people_to_call(Transaction(session, rules, now), handoff, rung)
        assert bool(people) == (not all(stopped.values()))
        assert all(person.can_be_texted for person in people)
        session.rollback()


def test_a_mentor_who_is_away_is_skipped_until_they_are_back(talk: Talk) -> None:
    is_away(talk, SAM, until=timedelta(hours=1))
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"]
    talk.passes(hours=2)
    talk.texts(MAYA, "never mind")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["sam"]


def test_a_crisis_pages_people_who_are_away_once_no_one_else_claims_it(talk: Talk) -> None:
    is_away(talk, NOOR)
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == ["ruth"]
    talk.passes(minutes=3)
    assert talk.paged() == ["ruth", "sam"]
    talk.passes(minutes=3)
    assert talk.paged() == ["noor", "ruth", "sam"]


def test_when_all_are_away_a_request_pages_one_and_a_crisis_the_first_rung(talk: Talk) -> None:
    is_away(talk, SAM, NOOR, RUTH, until=None)
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["sam"]
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == ["noor", "ruth"]


def test_when_later_rungs_are_empty_the_earlier_ones_are_paged_again(talk: Talk) -> None:
    is_away(talk, NOOR, RUTH)
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["sam"]
    talk.passes(minutes=5)
    assert talk.paged() == ["sam"]


def test_after_a_crisis_a_mentor_rests_from_lesser_handoffs(talk: Talk) -> None:
    ends_a_crisis(talk, SAM, JO)
    talk.passes(minutes=1)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"]
    talk.texts(MAYA, "never mind")
    talk.passes(hours=12, minutes=1)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["sam"]


def test_after_a_crisis_a_mentor_is_paged_second_for_the_next_one(talk: Talk) -> None:
    ends_a_crisis(talk, NOOR, JO)
    talk.passes(minutes=1)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == ["ruth"]
    talk.passes(minutes=3)
    assert talk.paged() == ["noor", "ruth", "sam"]


def test_after_two_crises_in_a_week_others_are_paged_first(talk: Talk) -> None:
    for _ in range(2):
        ends_a_crisis(talk, NOOR, JO)
        talk.passes(hours=13)
    talk.texts(JO, ASKS)
    assert talk.paged() == ["noor"], "they count only in a crisis"
    talk.texts(JO, "never mind")
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == ["ruth"]
    for words in ("TAKE {4}", "#{4} hello", "DONE {4} REFERRED with her aunt now"):
        talk.texts(RUTH, words)
    talk.passes(days=7)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == ["noor", "ruth"], "a week later it is forgotten"


def test_mentors_with_three_open_handoffs_are_paged_last(talk: Talk) -> None:
    for number in (f"+1202555016{digit}" for digit in range(3)):
        talk.enrolls("Ada", number)
        talk.claims(mentee=number)
    talk.passes(minutes=2)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["noor"]
    talk.texts(MAYA, "never mind")
    talk.texts(SAM, "DONE {2}")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert talk.paged() == ["sam"]


def test_people_who_left_are_not_paged_even_if_no_one_else_is(talk: Talk) -> None:
    for number in (SAM, NOOR, RUTH):
        talk.sets(number, left_at=talk.clock())
    talk.texts(MAYA, CRISIS)
    assert talk.paged() == []
    talk.passes(minutes=30)
    assert talk.paged() == []
    assert talk.handoff().status is Status.WAITING


def test_a_mentor_under_a_concern_cannot_reach_that_mentee_only(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    raises_concern(talk)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=30)
    assert "sam" not in talk.paged()
    for words in ("TAKE {1}", "BRIEF {1}", "LATER {1} 30", "PASS {1}"):
        talk.texts(SAM, words)
        assert "You have no #{1}. Nothing was sent." in talk.read_by(SAM)[-1]
    talk.texts(SAM, "WAITING")
    assert "No one is waiting" in talk.read_by(SAM)[-1]
    talk.texts(SAM, "TAKE {}")
    assert talk.handoff().status is Status.WAITING
    talk.texts(JO, CRISIS)
    talk.passes(minutes=3)
    assert "sam" in talk.paged()


def test_a_mentor_under_a_concern_is_not_paged_even_if_no_one_else_can_be(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentor_id != talk.person(SAM).id))
    raises_concern(talk)
    for number in (NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=20)
    assert talk.paged() == []


def test_people_who_are_away_are_paged_for_a_crisis_if_only_the_holder_is_there(talk: Talk) -> None:
    """A new crisis is for more people than the holder, who may have put the phone away."""
    talk.claims()
    talk.passes(minutes=1)
    is_away(talk, NOOR, RUTH)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    paged = {name for name, words in talk.new_texts() if "URGENT" in words}
    assert paged == {"sam", "noor", "ruth"}
    talk.passes(minutes=5)
    assert talk.handoff().status is Status.WAITING


def test_a_mentor_who_has_the_thread_open_gets_no_text(talk: Talk) -> None:
    talk.claims()
    looks(talk)
    talk.passes(seconds=59)
    talk.texts(MAYA, "thanks for coming")
    assert told(talk) == []
    talk.passes(seconds=2)
    talk.texts(MAYA, "are you still there")
    assert len(told(talk)) == 1
    with talk.database.reading() as session:
        assert not is_looking_at(session, talk.person(NOOR), talk.handoff(), now=talk.clock())


def looks(talk: Talk) -> None:
    """Sam's page reports that it is open."""
    with talk.database.writing() as session:
        sam = session.get_one(Person, talk.person(SAM).id)
        touch(session, sam, session.get_one(Handoff, talk.handoff().id), now=talk.clock())


def told(talk: Talk) -> list[str]:
    return [words for name, words in talk.new_texts() if name == "sam"]


def test_a_mentor_who_just_closed_the_page_gets_a_text_within_a_minute(talk: Talk) -> None:
    talk.claims()
    looks(talk)
    talk.passes(seconds=20)
    talk.new_texts()
    talk.texts(MAYA, "i do not know what to do any more")
    assert told(talk) == []
    talk.passes(seconds=59)
    assert told(talk) == []
    talk.passes(seconds=1)
    [words] = told(talk)
    assert "#{1} wrote to you" in words
    talk.passes(minutes=10)
    assert told(talk) == [], "once"


def test_a_mentor_who_saw_the_message_gets_no_text_later(talk: Talk) -> None:
    for does in ("reads", "answers", "releases"):
        code = talk.claims()
        looks(talk)
        talk.passes(seconds=20)
        talk.texts(MAYA, "i do not know what to do any more")
        talk.passes(seconds=10)
        if does == "reads":
            looks(talk)
        elif does == "answers":
            talk.texts(SAM, "I am here, tell me.")
        else:
            talk.texts(SAM, f"pass {{{code}}}")
        talk.new_texts()
        talk.passes(minutes=2)
        assert not any("wrote to you" in words for words in told(talk)), does
        talk.texts(MAYA, "never mind")
        talk.passes(hours=1)


def test_a_mentee_does_not_read_the_name_of_a_mentor_who_will_be_away(talk: Talk) -> None:
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).one()
        program.opens_at, program.closes_at = time(8), time(21)
    talk.clock.now = datetime(2026, 11, 11, 7, 0, tzinfo=UTC)  # 02:00 in New York
    is_away(talk, SAM)
    talk.bot.away = True
    for words in ("hm", "hello", "anything"):
        talk.texts(MAYA, words)
    assert "I will ask a mentor when the team is back, 08:00" in talk.read_by(MAYA)[-1]
    talk.new_texts()
    talk.passes(hours=6)
    assert talk.paged() == ["noor"]
