"""What is measured, against cases reckoned by hand, and laws that hold for all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gateway.reporting import load, messages, reviews
from gateway.reporting.exceptions import inactive_mentees
from gateway.reporting.human_contact import Days, Month, get_month, list_pairs, program_total
from gateway.reporting.messages import as_percents
from gateway.reporting.period import Period, Share
from gateway.reporting.staffing_forecast import Cover, Week, week_ahead
from gateway.reporting.waits import Awaited, Waits, get_waits, weekly_waits
from gateway.runtime.sql_time import local_day, local_week, offsets, seconds_between
from models import (
    Absence,
    Channel,
    Conversation,
    DecisionRecord,
    Delivery,
    DutyShift,
    FollowUp,
    Handoff,
    HandoffEvent,
    Holiday,
    Match,
    MatchKind,
    Message,
    Move,
    Need,
    Outcome,
    Owner,
    Person,
    Program,
    Role,
    Speaker,
    Status,
    Urgency,
    Verdict,
    VerdictRecord,
)
from tests.line import JO, MAYA, MORNING, NOOR, RUTH, SAM, Talk

ASKS = "can i talk to a person please"
DANGER = "i want to kill myself"
A_DAY = timedelta(days=1)


@dataclass
class Past:
    """Writes what happened straight into the rows, each thing at the time it is told to."""

    talk: Talk

    def thread(self, session: Session, number: str) -> Conversation:
        person = self.talk.person(number)
        found = session.scalar(select(Conversation).where(Conversation.person_id == person.id))
        if found is None:
            found = Conversation(
                program_id=person.program_id, person_id=person.id, channel=Channel.SMS
            )
            session.add(found)
            session.flush()
        return found

    def handoff(
        self,
        number: str,
        opened_at: datetime,
        *,
        urgency: Urgency = Urgency.SOON,
        claimed: float | None = None,
        replied: float | None = None,
        closed: float | None = None,
        by: str = SAM,
    ) -> int:
        """A handoff with its times in seconds after the opening; None: it has not come."""

        def after(seconds: float | None) -> datetime | None:
            return None if seconds is None else opened_at + timedelta(seconds=seconds)

        mentor = self.talk.person(by)
        with self.talk.database.writing() as session:
            if closed is not None:
                status = Status.RESOLVED
            else:
                status = Status.WAITING if claimed is None else Status.CLAIMED
            handoff = Handoff(
                conversation=self.thread(session, number),
                need=Need.REQUEST,
                urgency=urgency,
                status=status,
                mentor_id=None if claimed is None else mentor.id,
                opened_at=opened_at,
                claimed_at=after(claimed),
                first_reply_at=after(replied),
                closed_at=after(closed),
                outcome=None if closed is None else Outcome.TALKED,
            )
            session.add(handoff)
            session.flush()
            if (claimed_at := after(claimed)) is not None:
                session.add(
                    HandoffEvent(
                        handoff_id=handoff.id, at=claimed_at, move=Move.CLAIM, by_id=mentor.id
                    )
                )
            return handoff.id

    def writes(self, number: str, at: datetime, *, handoff: int | None = None) -> None:
        """The mentee writes, with or without a handoff open."""
        person = self.talk.person(number)
        with self.talk.database.writing() as session:
            message = Message(
                conversation_id=self.thread(session, number).id,
                at=at,
                outgoing=False,
                speaker=Speaker.MENTEE,
                speaker_id=person.id,
                words="hello",
                channel=Channel.SMS,
                handled_at=at,
                moved_at=at,
            )
            session.add(message)
            session.flush()
            session.add(
                DecisionRecord(
                    message_id=message.id,
                    handoff_id=handoff,
                    at=at,
                    owner=Owner.BOT,
                    crisis=0,
                    connection=0,
                    tools=0,
                    asked_for_person=False,
                    bot="answered",
                    evidence="[]",
                    version="test",
                    thresholds={},
                    decision="reply",
                    why="test",
                )
            )

    def hears(
        self,
        number: str,
        at: datetime,
        *,
        of: str | None = None,
        delivery: Delivery = Delivery.DELIVERED,
        script: str | None = None,
    ) -> None:
        """The mentee gets words of a mentor, or of the bot."""
        mentor = self.talk.person(of) if of else None
        with self.talk.database.writing() as session:
            session.add(
                Message(
                    conversation_id=self.thread(session, number).id,
                    at=at,
                    outgoing=True,
                    speaker=Speaker(mentor.role.value) if mentor else Speaker.BOT,
                    speaker_id=mentor.id if mentor else None,
                    words="hi",
                    script=script,
                    channel=Channel.SMS,
                    handled_at=at,
                    moved_at=at,
                    delivery=delivery,
                )
            )


@pytest.fixture
def past(talk: Talk) -> Past:
    return Past(talk)


def program_of(session: Session) -> Program:
    return session.scalars(select(Program).order_by(Program.id)).first()  # type: ignore[return-value]


def last_days(talk: Talk, days: int = 28) -> Period:
    return Period(talk.clock() - days * A_DAY, talk.clock(), "America/New_York")


def waits(talk: Talk) -> Mapping[tuple[Urgency, Awaited], Waits]:
    targets = talk.line.rules.policy.targets
    with talk.database.reading() as session:
        found = get_waits(session, program_of(session), last_days(talk), targets, now=talk.clock())
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
    with talk.database.reading() as session:
        weeks = weekly_waits(session, program_of(session), last_days(talk, 14), now=talk.clock())
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
    with talk.database.reading() as session:
        loads = load.mentor_loads(session, program_of(session), last_days(talk))
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
    with talk.database.reading() as session:
        found = messages.messages_to_mentees(session, program_of(session), last_days(talk))
        weeks = messages.weekly_messages(session, program_of(session), last_days(talk))
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
        with talk.database.reading() as session:
            found = messages.mentees_who_wrote(session, program_of(session), last_days(talk))
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
    with talk.database.reading() as session:
        judged = reviews.count_verdicts(session, program_of(session), last_days(talk))
        overlooked = reviews.share_missed(session, program_of(session), last_days(talk))
    by_need = {one.need: (one.right, one.over, one.late) for one in judged}
    assert by_need.pop(Need.REQUEST) == (0, 1, 0)
    assert set(by_need.values()) == {(0, 0, 0)}
    assert overlooked == Share(1, 1)


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
    with talk.database.reading() as session:
        found = reviews.count_follow_ups(session, program_of(session), last_days(talk))
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
        assert [one.taken for one in load.mentor_loads(session, elsewhere, period)] == [0]
        for found in (
            messages.messages_to_mentees(session, elsewhere, period),
            messages.mentees_who_wrote(session, elsewhere, period),
        ):
            assert {one.count for one in found} == {0}
        assert list_pairs(session, elsewhere, get_month(now, "Europe/Berlin")) == []
        assert inactive_mentees(session, elsewhere.id, since=now + A_DAY) == []


# --- human contact ---

NOVEMBER = Month(date(2026, 11, 1), "America/New_York")


def at_noon(day: int, month: int = 11) -> datetime:
    return datetime(2026, month, day, 12, tzinfo=ZoneInfo("America/New_York"))


def test_each_day_is_a_persons_one_awaiting_or_the_bots(talk: Talk, past: Past) -> None:
    past.writes(MAYA, at_noon(2))
    past.writes(MAYA, at_noon(2))
    past.hears(MAYA, at_noon(2))
    past.writes(MAYA, at_noon(3), handoff=past.handoff(MAYA, at_noon(3), claimed=1, closed=999))
    past.writes(MAYA, at_noon(4))
    past.hears(MAYA, at_noon(4), of=SAM)
    past.hears(MAYA, at_noon(5), of=SAM)
    past.hears(MAYA, at_noon(6), of=SAM, delivery=Delivery.DROPPED)
    past.writes(MAYA, at_noon(30, month=10))
    past.writes(JO, at_noon(7))
    with talk.database.reading() as session:
        jo, maya = list_pairs(session, program_of(session), NOVEMBER)
        together = program_total(session, program_of(session), NOVEMBER)
    assert (maya.mentee, maya.mentor) == ("Maya", "Sam")
    assert maya.now == Days(person=2, awaiting=1, bot_only=1, messages=2, handoffs=1)
    assert (maya.now.contact_rate, maya.before.contact_rate, maya.change) == (0.5, 0.0, 0.5)
    assert (jo.mentee, jo.mentor, jo.now.contact_rate, jo.change) == ("Jo", "Noor", 0.0, None)
    assert together == Days(person=2, awaiting=1, bot_only=2, messages=2, handoffs=1)


def test_a_day_ends_at_the_programs_midnight(talk: Talk, past: Past) -> None:
    """One minute past midnight is another day, also on the night in which the clocks change."""
    zone = ZoneInfo("America/New_York")
    for moment in (
        datetime(2026, 10, 31, 23, 59, tzinfo=zone),
        datetime(2026, 11, 1, 0, 1, tzinfo=zone),
        datetime(2026, 11, 1, 23, 59, tzinfo=zone),
        datetime(2026, 11, 2, 0, 1, tzinfo=zone),
    ):
        past.writes(MAYA, moment)
    with talk.database.reading() as session:
        [maya] = list_pairs(session, program_of(session), NOVEMBER)
    assert (maya.now.bot_only, maya.before.bot_only) == (2, 1)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_the_number_is_a_share_and_grows_with_each_day_of_a_person(
    person: int, awaiting: int, bot: int
) -> None:
    rate = Days(person, awaiting, bot).contact_rate
    more = Days(person + 1, awaiting, bot).contact_rate
    assert more is not None
    if rate is None:
        assert person + awaiting + bot == 0
    else:
        assert 0 <= rate <= more <= 1


@given(st.dates(date(2, 1, 1), date(9998, 12, 31)))
def test_a_month_follows_the_one_before_it(day: date) -> None:
    month = Month(day.replace(day=1), "America/New_York")
    assert month.following.before == month
    assert month.before.until == month.since


# --- time in SQL ---


def stored(talk: Talk, moments: Sequence[datetime]) -> None:
    for moment in moments:
        Past(talk).writes(MAYA, moment)


def test_days_and_weeks_are_those_of_the_zone_on_both_databases(talk: Talk) -> None:
    since, until = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
    changes = [at for at, _ in offsets("America/New_York", since=since, until=until)][1:]
    assert changes == [datetime(2026, 3, 8, 7, tzinfo=UTC), datetime(2026, 11, 1, 6, tzinfo=UTC)]
    moments = [since + n * timedelta(hours=61) for n in range(140)]
    moments += [at + n * timedelta(hours=1) for at in changes for n in range(-30, 30, 3)]
    with talk.database.writing() as session:
        thread, maya = Past(talk).thread(session, MAYA), talk.person(MAYA)
        session.add_all(
            Message(
                conversation_id=thread.id,
                at=moment,
                outgoing=False,
                speaker=Speaker.MENTEE,
                speaker_id=maya.id,
                words="x",
                channel=Channel.SMS,
                moved_at=moment,
            )
            for moment in moments
        )
    zone = ZoneInfo("America/New_York")
    with talk.database.reading() as session:
        columns = [
            found(session, Message.at, zone.key, since=since, until=until)
            for found in (local_day, local_week)
        ]
        days, weeks = columns
        rows = session.execute(select(Message.at, days, weeks)).all()
    assert len(rows) == len(moments)
    for at, day, monday in rows:
        there = at.astimezone(zone).date()
        assert day == there
        assert monday == there - timedelta(days=there.weekday())


@pytest.mark.parametrize("seconds", [0, 0.001, 59.999, 3600, 86_400 * 400 + 0.25])
def test_lengths_are_exact_to_the_millisecond(talk: Talk, past: Past, seconds: float) -> None:
    past.handoff(MAYA, MORNING - 500 * A_DAY, claimed=1, replied=seconds)
    with talk.database.reading() as session:
        length = seconds_between(session, Handoff.opened_at, Handoff.first_reply_at)
        assert session.scalar(select(length)) == pytest.approx(seconds, abs=0.0015)


# --- the week ahead ---


def the_week(talk: Talk) -> Week:
    with talk.database.reading() as session:
        return week_ahead(session, program_of(session), talk.line.rules.policy, now=talk.clock())


def changes(talk: Talk, change: Callable[[Session], object]) -> None:
    with talk.database.writing() as session:
        change(session)


def hours(talk: Talk, **times: int) -> None:
    opens, closes = (time(times[name]) for name in ("opens", "closes"))
    changes(
        talk,
        lambda session: session.execute(update(Program).values(opens_at=opens, closes_at=closes)),
    )


def test_with_somebody_on_duty_round_the_clock_there_is_no_gap(talk: Talk) -> None:
    week = the_week(talk)
    assert week.gaps == []
    # From the hour that has begun on Tuesday at ten until the end of Monday.
    assert len(week.hours[Urgency.CRISIS]) == 7 * 24 - 10
    assert {(hour.duty, hour.managers) for hour in week.hours[Urgency.CRISIS].values()} == {(1, 1)}


def test_an_hour_without_duty_falls_to_the_managers_and_shows(talk: Talk) -> None:
    noor = talk.person(NOOR)
    changes(talk, lambda s: s.execute(update(Person).values(on_duty=False)))
    changes(
        talk,
        lambda s: s.add_all(
            DutyShift(person_id=noor.id, weekday=day, begins_at=time(8), ends_at=time(22))
            for day in range(7)
        ),
    )
    nights = [gap for gap in the_week(talk).gaps if gap.urgency is Urgency.CRISIS]
    assert {gap.cover for gap in nights} == {Cover.NO_DUTY}
    zone = ZoneInfo("America/New_York")
    assert [
        (f"{gap.since.astimezone(zone):%a %H}", f"{gap.until.astimezone(zone):%a %H}")
        for gap in nights[:2]
    ] == [("Tue 22", "Wed 08"), ("Wed 22", "Thu 08")]


def test_who_is_away_or_has_left_is_not_counted_on(talk: Talk) -> None:
    noor, ruth = talk.person(NOOR), talk.person(RUTH)
    changes(
        talk,
        lambda s: s.add(
            Absence(
                person_id=noor.id,
                begins_at=MORNING + A_DAY,
                ends_at=MORNING + 2 * A_DAY,
                by_id=noor.id,
            )
        ),
    )
    [gap] = [gap for gap in the_week(talk).gaps if gap.urgency is Urgency.SOON]
    assert (gap.since, gap.until) == (MORNING + A_DAY, MORNING + 2 * A_DAY)
    changes(
        talk,
        lambda s: s.execute(update(Person).where(Person.id == ruth.id).values(left_at=MORNING)),
    )
    away = the_week(talk).hours[Urgency.SOON]
    assert min(hour.team for hour in away.values()) == 0
    assert {hour.cover for hour in away.values()} == {Cover.GOOD, Cover.NO_DUTY}, (
        "Sam is left, and he is matched with both"
    )


def test_mentees_for_whom_there_is_nobody_are_counted(talk: Talk) -> None:
    sam, maya = talk.person(SAM), talk.person(MAYA)
    changes(
        talk,
        lambda s: s.execute(
            update(Person)
            .where(Person.id.in_([talk.person(NOOR).id, talk.person(RUTH).id]))
            .values(left_at=MORNING)
        ),
    )
    assert {hour.left_out for hour in the_week(talk).hours[Urgency.SOON].values()} == {0}
    changes(
        talk,
        lambda s: s.execute(
            delete(Match).where(Match.mentee_id == maya.id, Match.mentor_id == sam.id)
        ),
    )
    week = the_week(talk)
    assert {(gap.cover, gap.left_out) for gap in week.gaps} == {(Cover.NOBODY, 1)}
    assert {gap.urgency for gap in week.gaps} == set(Urgency)
    hours(talk, opens=8, closes=21)
    closed = the_week(talk)
    assert closed.hours[Urgency.SOON][date(2026, 11, 11), 3].left_out == 2, "mentors sleep"
    assert closed.hours[Urgency.ROUTINE][date(2026, 11, 11), 3].cover is Cover.WAITS
    assert closed.hours[Urgency.CRISIS][date(2026, 11, 11), 3].left_out == 1


def test_a_holiday_is_closed(talk: Talk) -> None:
    hours(talk, opens=8, closes=21)
    day = date(2026, 11, 12)
    changes(
        talk,
        lambda s: s.add(Holiday(program_id=talk.person(RUTH).program_id, day=day, name="A feast")),
    )
    routine = the_week(talk).hours[Urgency.ROUTINE]
    assert {routine[day, hour].cover for hour in range(24)} == {Cover.WAITS}
    assert routine[day + A_DAY, 12].cover is Cover.GOOD


# --- inactive mentees ---


def test_who_wrote_nothing_for_long_is_named_the_longest_silent_first(
    talk: Talk, past: Past
) -> None:
    past.writes(MAYA, MORNING - 30 * A_DAY)
    changes(talk, lambda s: s.execute(update(Person).values(enrolled_at=MORNING - 60 * A_DAY)))

    def quiet() -> list[tuple[str, datetime | None]]:
        with talk.database.reading() as session:
            found = inactive_mentees(session, program_of(session).id, since=MORNING - 21 * A_DAY)
        return [(one.mentee, one.last_at) for one in found]

    assert quiet() == [("Jo", None), ("Maya", MORNING - 30 * A_DAY)]
    past.writes(MAYA, MORNING - A_DAY)
    assert quiet() == [("Jo", None)]
    changes(
        talk,
        lambda s: s.execute(
            update(Person).where(Person.role == Role.MENTEE).values(left_at=MORNING)
        ),
    )
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
