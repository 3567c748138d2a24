"""Who may be called now; and whatever keeps people away, somebody is called."""

from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from escalation.handoffs.availability import (
    LOOKED_PAST,
    NOT_AGAIN,
    Circumstances,
    WhyNot,
    is_looking_at,
    whom_to_call,
    why_not,
)
from escalation.handoffs.ladder import people_to_call
from escalation.policy import load_policy
from escalation.transaction import Transaction
from models import (
    Absence,
    Concern,
    Handoff,
    Match,
    Need,
    Outcome,
    Person,
    Presence,
    Program,
    Role,
    SafeguardingRecord,
    Snooze,
    Status,
    Urgency,
    phone_index,
)
from tests.line import JO, MAYA, NAMES, NOOR, RUTH, SAM, Talk

LIMITS = load_policy().mentors
ASKS = "can i talk to a real person please"
CRISIS = "i am going to kill myself tonight"

circumstances = st.builds(
    Circumstances,
    held=st.integers(0, 5),
    crises=st.integers(0, 4),
    resting=st.booleans(),
    later=st.booleans(),
    passed=st.booleans(),
    away=st.booleans(),
)
ladders = st.lists(st.dictionaries(st.integers(1, 6), circumstances), min_size=1, max_size=4)


def paged(talk: Talk) -> list[str]:
    return sorted(name for name, words in talk.new_texts() if "TAKE" in words and name != "maya")


def is_away(talk: Talk, *numbers: str, until: timedelta | None = timedelta(days=7)) -> None:
    with talk.database.writing() as session:
        for number in numbers:
            one = talk.person(number).id
            now = talk.clock()
            ends = now + until if until else None
            session.add(Absence(person_id=one, begins_at=now, ends_at=ends, by_id=one))


def change(talk: Talk, number: str, alter: Callable[[Person], None]) -> None:
    with talk.database.writing() as session:
        alter(session.get_one(Person, talk.person(number).id))


def takes_and_ends(talk: Talk, mentor: str, code: int) -> None:
    for words in (f"TAKE {code}", f"#{code} hello", f"DONE {code} REFERRED with her aunt now"):
        talk.texts(mentor, words)


# --- deciding, without a database ---


@given(rungs=ladders, rung=st.integers(0, 6), urgency=st.sampled_from(Urgency))
def test_whatever_keeps_people_away_somebody_of_the_ladder_is_called(
    rungs: list[dict[int, Circumstances]], rung: int, urgency: Urgency
) -> None:
    called_as, called = whom_to_call(rungs, rung, urgency, LIMITS)
    assert bool(called) == any(rungs)
    assert called_as >= rung
    assert {one for on_rung in rungs for one in on_rung} >= set(called)


@given(rungs=ladders, rung=st.integers(0, 6), urgency=st.sampled_from(Urgency))
def test_nobody_is_called_for_whom_there_is_a_reason_while_another_is_free(
    rungs: list[dict[int, Circumstances]], rung: int, urgency: Urgency
) -> None:
    called_as, called = whom_to_call(rungs, rung, urgency, LIMITS)
    first, climbed = called_as == 0, called_as >= len(rungs)
    free_somewhere = any(seen == Circumstances() for on_rung in rungs for seen in on_rung.values())
    if free_somewhere:
        seen_of = {one: seen for on_rung in rungs for one, seen in on_rung.items()}
        for one in called:
            seens = [on_rung[one] for on_rung in rungs if one in on_rung]
            assert any(
                not why_not(seen, urgency, LIMITS, first=first, climbed=climbed) for seen in seens
            ), seen_of[one]


@given(rungs=ladders, urgency=st.sampled_from(Urgency), data=st.data())
def test_who_left_or_is_named_in_a_concern_is_called_by_no_rule(
    rungs: list[dict[int, Circumstances]], urgency: Urgency, data: st.DataObject
) -> None:
    kept = data.draw(st.sampled_from([Circumstances(left=True), Circumstances(concern=True)]))
    with_them = [{**on_rung, 99: kept} for on_rung in rungs]
    assert 99 not in whom_to_call(with_them, 0, urgency, LIMITS)[1]


def test_every_reason_is_looked_past_for_every_urgency_but_two() -> None:
    for urgency in Urgency:
        assert set(LOOKED_PAST[urgency]) == set(WhyNot) - {WhyNot.LEFT, WhyNot.CONCERN}


@pytest.mark.parametrize(
    ("reasons", "urgency", "called"),
    [
        # Below crisis, who is away is the last to be called; in a crisis who said no is.
        ({1: {"away": True}, 2: {"passed": True}}, Urgency.SOON, [2]),
        ({1: {"away": True}, 2: {"passed": True}}, Urgency.CRISIS, [1]),
        ({1: {"later": True}, 2: {"resting": True}}, Urgency.ROUTINE, [2]),
        ({1: {"held": 3}, 2: {"resting": True}}, Urgency.ROUTINE, [1]),
        ({1: {"held": 2}, 2: {"held": 3}}, Urgency.ROUTINE, [1]),
        # Two crises this week do not matter to what is no crisis.
        ({1: {"crises": 2}}, Urgency.SOON, [1]),
        ({1: {"crises": 2}, 2: {}}, Urgency.CRISIS, [2]),
        ({1: {"resting": True}, 2: {}}, Urgency.CRISIS, [2]),
    ],
)
def test_the_order_in_which_reasons_are_looked_past(
    reasons: dict[int, dict[str, bool]], urgency: Urgency, called: list[int]
) -> None:
    rung = {one: Circumstances(**why) for one, why in reasons.items()}
    assert whom_to_call([rung], 0, urgency, LIMITS) == (0, called)


def test_to_a_crisis_those_who_rest_are_called_second_and_those_away_third() -> None:
    everybody = {
        1: Circumstances(),
        2: Circumstances(resting=True),
        3: Circumstances(held=9),
        4: Circumstances(away=True),
    }
    rungs = [everybody, everybody]
    assert whom_to_call(rungs, 0, Urgency.CRISIS, LIMITS) == (0, [1])
    assert whom_to_call(rungs, 1, Urgency.CRISIS, LIMITS) == (1, [1, 2, 3])
    assert whom_to_call(rungs, 2, Urgency.CRISIS, LIMITS) == (2, [1, 2, 3, 4])


# --- the same with everything that stands in the database ---


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_a_crisis_always_pages_somebody_if_anybody_can_be_texted(
    talk: Talk, data: st.DataObject
) -> None:
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


def test_who_is_away_is_passed_over_and_called_again_afterwards(talk: Talk) -> None:
    is_away(talk, SAM, until=timedelta(hours=1))
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["noor"]
    talk.passes(hours=2)
    talk.texts(MAYA, "never mind")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["sam"]


def test_a_crisis_calls_who_is_away_only_when_nobody_else_takes_it(talk: Talk) -> None:
    is_away(talk, NOOR)
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == ["ruth"]
    talk.passes(minutes=3)
    assert paged(talk) == ["ruth", "sam"]
    talk.passes(minutes=3)
    assert paged(talk) == ["noor", "ruth", "sam"]


def test_a_crisis_calls_who_is_away_at_once_when_all_are(talk: Talk) -> None:
    is_away(talk, SAM, NOOR, RUTH, until=None)
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == ["noor", "ruth"]


def test_when_all_are_away_a_wish_for_a_person_still_reaches_one(talk: Talk) -> None:
    is_away(talk, SAM, NOOR, RUTH)
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["sam"]


def test_when_the_rungs_above_are_empty_those_below_are_called_once_more(talk: Talk) -> None:
    is_away(talk, NOOR, RUTH)
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["sam"]
    talk.passes(minutes=5)
    assert paged(talk) == ["sam"]


def test_after_a_crisis_one_is_called_for_nothing_less_for_a_while(talk: Talk) -> None:
    talk.texts(JO, CRISIS)
    takes_and_ends(talk, SAM, 1)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["noor"]
    talk.texts(MAYA, "never mind")
    talk.passes(hours=12, minutes=1)
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["sam"]


def test_after_a_crisis_one_is_called_to_the_next_crisis_but_not_first(talk: Talk) -> None:
    talk.texts(JO, CRISIS)
    takes_and_ends(talk, NOOR, 1)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == ["ruth"]
    talk.passes(minutes=3)
    assert paged(talk) == ["noor", "ruth", "sam"]


def test_after_two_crises_in_a_week_others_are_called_first(talk: Talk) -> None:
    for code in (1, 2):
        talk.texts(JO, CRISIS)
        takes_and_ends(talk, NOOR, code)
        talk.passes(hours=13)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == ["ruth"]
    talk.texts(RUTH, "TAKE 3")
    talk.texts(RUTH, "DONE 3 REFERRED with her aunt")
    talk.passes(days=7)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == ["noor", "ruth"], "a week later it is forgotten"


def test_who_holds_three_is_called_after_others(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"+1202555016{digit}" for digit in range(3)]
    with talk.database.writing() as session:
        program = session.get_one(Person, talk.person(SAM).id).program_id
        for number in numbers:
            session.add(
                Person(
                    program_id=program,
                    role=Role.MENTEE,
                    name="Ada",
                    phone=number,
                    phone_index=phone_index(number),
                    timezone="America/New_York",
                    enrolled_at=talk.clock(),
                )
            )
    for code, number in enumerate(numbers, start=1):
        monkeypatch.setitem(NAMES, number, "ada")
        talk.texts(number, ASKS)
        talk.texts(SAM, f"TAKE {code}")
        talk.texts(SAM, f"#{code} hello")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["noor"]
    talk.texts(MAYA, "never mind")
    talk.texts(SAM, "DONE 2")
    talk.new_texts()
    talk.texts(MAYA, ASKS)
    assert paged(talk) == ["sam"]


def test_who_has_left_is_not_called_even_when_nobody_else_is(talk: Talk) -> None:
    for number in (SAM, NOOR, RUTH):
        change(talk, number, lambda person: setattr(person, "left_at", talk.clock()))
    talk.texts(MAYA, CRISIS)
    assert paged(talk) == []
    talk.passes(minutes=30)
    assert paged(talk) == []
    assert talk.handoff().status is Status.WAITING


def test_a_mentor_named_in_an_open_concern_is_kept_from_that_mentee_alone(talk: Talk) -> None:
    maya, sam = talk.person(MAYA), talk.person(SAM)
    with talk.database.writing() as session:
        record = SafeguardingRecord(
            program_id=maya.program_id,
            mentee_id=maya.id,
            mentor_id=sam.id,
            concern=Concern.MENTOR,
            words="he makes me uncomfortable",
            opened_at=talk.clock(),
            opened_by_id=maya.id,
            due_at=talk.clock(),
        )
        session.add(record)
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=30)
    assert "sam" not in paged(talk)
    for words in ("TAKE 1", "BRIEF 1", "LATER 1 30", "PASS 1"):
        talk.texts(SAM, words)
        assert talk.read_by(SAM)[-1].endswith("There is no #1. WAITING lists the open ones.")
    talk.texts(SAM, "WAITING")
    assert "No one is waiting" in talk.read_by(SAM)[-1]
    talk.texts(SAM, "TAKE")
    assert talk.handoff().status is Status.WAITING
    talk.texts(JO, CRISIS)
    talk.passes(minutes=3)
    assert "sam" in paged(talk)


def test_a_concern_never_calls_the_mentor_though_nobody_else_can_be_texted(talk: Talk) -> None:
    with talk.database.writing() as session:
        for match in session.scalars(select(Match)):
            if match.mentor_id != talk.person(SAM).id:
                session.delete(match)
        session.add(
            SafeguardingRecord(
                program_id=talk.person(MAYA).program_id,
                mentee_id=talk.person(MAYA).id,
                mentor_id=talk.person(SAM).id,
                concern=Concern.MENTOR,
                words="-",
                opened_at=talk.clock(),
                opened_by_id=talk.person(MAYA).id,
                due_at=talk.clock(),
            )
        )
    for number in (NOOR, RUTH):
        talk.texts(number, "STOP")
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=20)
    assert paged(talk) == []


def test_who_is_away_sleeps_on_while_the_holder_of_a_new_crisis_may_write(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "hello")
    talk.passes(minutes=1)
    is_away(talk, NOOR, RUTH)
    talk.new_texts()
    talk.texts(MAYA, CRISIS)
    assert {name for name, words in talk.new_texts() if "URGENT" in words} == {"sam"}
    talk.passes(minutes=5)
    assert talk.handoff().status is Status.WAITING
    talk.passes(minutes=6)
    assert {"noor", "ruth"} <= {name for name, words in talk.new_texts() if "URGENT" in words}


def test_who_looks_at_the_thread_in_the_console_is_not_texted_too(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "hello")
    sam, handoff = talk.person(SAM), talk.handoff()
    with talk.database.writing() as session:
        session.add(Presence(person_id=sam.id, handoff_id=handoff.id, seen_at=talk.clock()))
    talk.new_texts()
    talk.passes(seconds=59)
    talk.texts(MAYA, "thanks for coming")
    assert "sam" not in [name for name, _ in talk.new_texts()]
    talk.passes(seconds=2)
    talk.texts(MAYA, "are you still there")
    assert "sam" in [name for name, _ in talk.new_texts()]
    with talk.database.reading() as session:
        assert not is_looking_at(session, talk.person(NOOR), handoff, now=talk.clock())


def looks(talk: Talk) -> None:
    """Sam's page reads itself again, and so tells that it is open."""
    seen = {"person_id": talk.person(SAM).id, "handoff_id": talk.handoff().id}
    with talk.database.writing() as session:
        here = session.scalars(select(Presence).filter_by(**seen)).one_or_none()
        if here is None:
            session.add(here := Presence(**seen, seen_at=talk.clock()))
        here.seen_at = talk.clock()


def told(talk: Talk) -> list[str]:
    return [words for name, words in talk.new_texts() if name == "sam"]


def test_who_had_just_left_the_page_is_told_within_a_minute(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "hello")
    looks(talk)
    talk.passes(seconds=20)
    talk.new_texts()
    talk.texts(MAYA, "i do not know what to do any more")
    assert told(talk) == []
    talk.passes(seconds=59)
    assert told(talk) == []
    talk.passes(seconds=1)
    [words] = told(talk)
    assert "#1 wrote to you" in words
    talk.passes(minutes=10)
    assert told(talk) == [], "once"


@pytest.mark.parametrize("does", ["reads", "answers", "gives it back"])
def test_who_was_there_to_see_it_is_not_told_afterwards(talk: Talk, does: str) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE 1")
    talk.texts(SAM, "hello")
    looks(talk)
    talk.passes(seconds=20)
    talk.texts(MAYA, "i do not know what to do any more")
    talk.passes(seconds=10)
    if does == "reads":
        looks(talk)
    elif does == "answers":
        talk.texts(SAM, "I am here, tell me.")
    else:
        talk.texts(SAM, "pass 1")
    talk.new_texts()
    talk.passes(minutes=2)
    assert not any("wrote to you" in words for words in told(talk))


def test_a_mentee_is_not_told_that_somebody_will_be_asked_who_is_away_then(talk: Talk) -> None:
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
    assert paged(talk) == ["noor"]
