"""Response times, load, messages, verdicts, and inactive mentees, computed by hand."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.reporting.exceptions import inactive_mentees
from gateway.reporting.human_contact import get_month, list_pairs
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import (
    as_percents,
    mentees_who_wrote,
    messages_to_mentees,
    weekly_messages,
)
from gateway.reporting.period import Share
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.waits import Awaited, Waits, get_waits, weekly_waits
from models import (
    Delivery,
    FollowUp,
    Match,
    MatchKind,
    Message,
    Need,
    Person,
    Program,
    Role,
    Urgency,
    Verdict,
    VerdictRecord,
)
from tests.gateway.reporting.past import A_DAY, Past, last_days
from tests.line import JO, MAYA, MORNING, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a person please"


def waits(talk: Talk) -> Mapping[tuple[Urgency, Awaited], Waits]:
    targets = talk.line.rules.policy.targets
    found = Past(talk).ask(get_waits, last_days(talk), targets, now=talk.clock())
    return {(one.urgency, one.awaited): one for one in found}


# --- waits ---


def test_with_no_handoff_there_is_a_row_for_everything_and_no_number(talk: Talk) -> None:
    found = waits(talk)
    assert len(found) == 12
    assert {(one.count, one.median, one.ninth_decile) for one in found.values()} == {
        (0, None, None)
    }
    assert {one.within for one in found.values()} == {Share(0, 0), None}


def test_half_and_nine_in_ten_are_waits_that_somebody_had(talk: Talk, past: Past) -> None:
    """Of 10, 20 ... 100 seconds the fifth is the median, and the ninth the ninth decile."""
    for n in range(1, 11):
        past.handoff(MAYA, MORNING - n * A_DAY, claimed=10 * n, replied=20 * n, closed=1000 + n)
    found = waits(talk)
    claim = found[Urgency.SOON, Awaited.CLAIM]
    assert (claim.count, claim.median, claim.ninth_decile) == (
        10,
        timedelta(seconds=50),
        timedelta(seconds=90),
    )
    assert found[Urgency.SOON, Awaited.FIRST_REPLY].median == timedelta(seconds=100)
    assert found[Urgency.SOON, Awaited.CLOSE].ninth_decile == timedelta(seconds=1009)
    assert found[Urgency.CRISIS, Awaited.CLAIM].count == 0


def test_the_share_within_target_counts_what_never_came(talk: Talk, past: Past) -> None:
    """Soon: taken within 15 minutes. One in time, one late, one never, one that still may be, and
    one that its mentee took back before the time was over."""
    past.handoff(MAYA, MORNING - 1 * A_DAY, claimed=14 * 60, closed=4000)
    past.handoff(MAYA, MORNING - 2 * A_DAY, claimed=16 * 60, closed=4000)
    past.handoff(MAYA, MORNING - 3 * A_DAY, closed=4000)
    past.handoff(MAYA, MORNING - 4 * A_DAY, closed=60)
    past.handoff(JO, MORNING - timedelta(minutes=14))
    claim = waits(talk)[Urgency.SOON, Awaited.CLAIM]
    assert claim.target == timedelta(minutes=15)
    assert claim.within == Share(1, 3)
    talk.clock.now += timedelta(minutes=2)
    assert waits(talk)[Urgency.SOON, Awaited.CLAIM].within == Share(1, 4), "now it is late"
    assert waits(talk)[Urgency.SOON, Awaited.CLOSE].within is None


def test_a_claim_that_was_given_back_still_is_the_first(talk: Talk) -> None:
    talk.texts(MAYA, ASKS)
    talk.passes(minutes=2)
    talk.texts(SAM, "TAKE")
    talk.passes(minutes=1)
    talk.texts(SAM, "PASS 1")
    talk.passes(minutes=10)
    talk.texts(NOOR, "TAKE")
    assert waits(talk)[Urgency.SOON, Awaited.CLAIM].median == timedelta(minutes=2)
    assert waits(talk)[Urgency.SOON, Awaited.FIRST_ALERT].median == timedelta()


def test_what_was_opened_before_the_time_does_not_count(talk: Talk, past: Past) -> None:
    past.handoff(MAYA, MORNING - 29 * A_DAY, claimed=5, closed=9)
    past.handoff(MAYA, MORNING - 28 * A_DAY, claimed=7, closed=9)
    assert waits(talk)[Urgency.SOON, Awaited.CLAIM].median == timedelta(seconds=7)


def test_weeks_begin_on_the_programs_monday(talk: Talk, past: Past) -> None:
    sunday_night = datetime(2026, 11, 9, 4, 59, tzinfo=UTC)  # 23:59 on Sunday in New York
    past.handoff(MAYA, sunday_night, replied=120, claimed=60, closed=300)
    past.handoff(JO, sunday_night + timedelta(minutes=2), replied=60, claimed=30, closed=300)
    weeks = past.ask(weekly_waits, last_days(talk, 14), now=talk.clock())
    assert [(week.monday, week.handoffs[Urgency.SOON]) for week in weeks] == [
        (date(2026, 10, 26), 0),
        (date(2026, 11, 2), 1),
        (date(2026, 11, 9), 1),
    ]
    assert weeks[1].first_reply[Urgency.SOON] == timedelta(minutes=2)
    assert weeks[0].first_reply[Urgency.SOON] is None


# --- load, counts, verdicts, follow-ups ---


def test_load_is_what_each_holds_took_and_answered_first(talk: Talk, past: Past) -> None:
    past.handoff(MAYA, MORNING - 3 * A_DAY, claimed=60, replied=90, closed=600, by=SAM)
    past.handoff(JO, MORNING - 2 * A_DAY, claimed=60, replied=90, urgency=Urgency.CRISIS, by=NOOR)
    past.handoff(MAYA, MORNING - 1 * A_DAY, claimed=60, by=NOOR)
    past.handoff(SAM, MORNING - 60 * A_DAY, claimed=60, closed=600, by=RUTH)
    loads = past.ask(mentor_loads, last_days(talk))
    assert [
        (one.person.name, one.holds, one.taken, one.crises, one.first_replies) for one in loads
    ] == [("Noor", 2, 2, 1, 1), ("Sam", 0, 1, 0, 1), ("Ruth", 0, 0, 0, 0)]


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_percents_are_whole_near_and_make_a_hundred(counts: list[int]) -> None:
    percents = as_percents(counts)
    assert sum(percents) == (100 if sum(counts) else 0)
    for count, percent in zip(counts, percents, strict=True):
        if sum(counts):
            assert abs(percent - 100 * count / sum(counts)) < 1


def test_every_message_to_a_mentee_is_counted_once(talk: Talk, past: Past) -> None:
    at = MORNING - A_DAY
    past.hears(MAYA, at)
    past.hears(MAYA, at)
    past.hears(MAYA, at, script="claimed")
    past.hears(JO, at, of=SAM)
    past.hears(JO, at, delivery=Delivery.DROPPED)
    past.hears(SAM, at, script="alert_soon")
    past.hears(MAYA, MORNING - 40 * A_DAY, of=SAM)
    found = past.ask(messages_to_mentees, last_days(talk))
    weeks = past.ask(weekly_messages, last_days(talk))
    assert [(one.count, one.percent) for one in found] == [(2, 50), (1, 25), (1, 25)]
    assert sum(week.bot for week in weeks) == 3
    assert sum(week.people for week in weeks) == 1


def test_nobody_is_both_answered_by_the_bot_and_handed_over(talk: Talk, past: Past) -> None:
    at = MORNING - A_DAY
    past.writes(MAYA, at)
    past.hears(MAYA, at)
    past.handoff(MAYA, at, claimed=60, replied=90)
    past.hears(MAYA, at + timedelta(minutes=2), of=SAM)
    past.writes(JO, at)
    past.hears(JO, at)

    def counts() -> list[tuple[int, int]]:
        found = past.ask(mentees_who_wrote, last_days(talk))
        return [(one.count, one.percent) for one in found]

    assert counts() == [(1, 50), (0, 0), (1, 50)]
    past.handoff(JO, at)
    assert counts() == [(1, 50), (1, 50), (0, 0)], "asked for, and nobody wrote"


def test_the_latest_verdict_on_each_thing_counts(talk: Talk, past: Past) -> None:
    number = past.handoff(MAYA, MORNING - 2 * A_DAY, claimed=60, closed=600)
    past.writes(JO, MORNING - 3 * A_DAY)
    ruth = talk.person(RUTH)
    with talk.database.writing() as session:
        maya, jo = past.thread(session, MAYA), past.thread(session, JO)
        message = session.scalars(select(Message.id).where(Message.conversation_id == jo.id)).one()
        for verdict in (Verdict.RIGHT, Verdict.SHOULD_NOT):
            session.add(
                VerdictRecord(
                    conversation_id=maya.id,
                    handoff_id=number,
                    by_id=ruth.id,
                    at=MORNING - A_DAY,
                    verdict=verdict,
                )
            )
        session.add(
            VerdictRecord(
                conversation_id=jo.id,
                message_id=message,
                by_id=ruth.id,
                at=MORNING - A_DAY,
                verdict=Verdict.SHOULD_EARLIER,
            )
        )
    judged = past.ask(count_verdicts, last_days(talk))
    by_need = {one.need: (one.right, one.over, one.late) for one in judged}
    assert by_need.pop(Need.REQUEST) == (0, 1, 0)
    assert set(by_need.values()) == {(0, 0, 0)}
    assert past.ask(share_missed, last_days(talk)) == Share(1, 1)


def test_follow_ups_are_counted_by_question(talk: Talk, past: Past) -> None:
    for n, (helped, heard) in enumerate([(True, True), (False, None), (None, None)]):
        number = past.handoff(MAYA, MORNING - (n + 1) * A_DAY, claimed=60, closed=600)
        with talk.database.writing() as session:
            session.add(
                FollowUp(
                    handoff_id=number,
                    asked_at=MORNING - A_DAY,
                    reached=True,
                    helped=helped,
                    heard=heard,
                    answered_at=MORNING if heard is not None else None,
                )
            )
    found = past.ask(count_follow_ups, last_days(talk))
    assert (found.asked, found.answered, found.led_to_another) == (3, 1, 0)
    assert [(one.yes, one.no) for one in found.said] == [(3, 0), (1, 1), (1, 0)]


def test_another_program_counts_nothing_of_ours(talk: Talk, past: Past) -> None:
    past.handoff(MAYA, MORNING - A_DAY, claimed=60, replied=90, closed=600)
    past.writes(MAYA, MORNING - A_DAY)
    past.hears(MAYA, MORNING - A_DAY, of=SAM)
    talk.a_manager_elsewhere()
    with talk.database.reading() as session:
        elsewhere = session.scalars(select(Program).where(Program.name == "Elsewhere")).one()
        period, now = last_days(talk), talk.clock()
        targets = talk.line.rules.policy.targets
        assert {one.count for one in get_waits(session, elsewhere, period, targets, now=now)} == {0}
        assert [one.taken for one in mentor_loads(session, elsewhere, period)] == [0]
        for found in (
            messages_to_mentees(session, elsewhere, period),
            mentees_who_wrote(session, elsewhere, period),
        ):
            assert {one.count for one in found} == {0}
        assert list_pairs(session, elsewhere, get_month(now, "Europe/Berlin")) == []
        assert inactive_mentees(session, elsewhere.id, since=now + A_DAY) == []


# --- inactive mentees ---


def test_who_wrote_nothing_for_long_is_named_the_longest_silent_first(
    talk: Talk, past: Past
) -> None:
    past.writes(MAYA, MORNING - 30 * A_DAY)
    past.sets(enrolled_at=MORNING - 60 * A_DAY)

    def quiet() -> list[tuple[str, datetime | None]]:
        with talk.database.reading() as session:
            program = talk.person(RUTH).program_id
            found = inactive_mentees(session, program, since=MORNING - 21 * A_DAY)
        return [(one.mentee, one.last_at) for one in found]

    assert quiet() == [("Jo", None), ("Maya", MORNING - 30 * A_DAY)]
    past.writes(MAYA, MORNING - A_DAY)
    assert quiet() == [("Jo", None)]
    past.sets(Person.role == Role.MENTEE, left_at=MORNING)
    assert quiet() == []


def test_matches_of_the_cast_are_as_these_tests_take_them(talk: Talk) -> None:
    with talk.database.reading() as session:
        own = session.execute(
            select(Match.mentee_id, Match.mentor_id).where(Match.kind == MatchKind.OWN)
        ).all()
    assert set(own) == {
        (talk.person(MAYA).id, talk.person(SAM).id),
        (talk.person(JO).id, talk.person(NOOR).id),
    }
