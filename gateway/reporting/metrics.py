"""How the line did in some time: waits, shares, loads, counts. Reckoned in SQL; nothing is written.

A handoff belongs to the time in which it was opened. A percentile is the nearest rank: a wait that
somebody really had, of an even number the lower middle one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import (
    CTE,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    SQLColumnExpression,
    and_,
    case,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import Session

from escalation.policy import Targets
from escalation.speech.i18n import gettext_noop
from gateway.runtime.sql_time import (
    Time,
    first_alert_at,
    first_claim_at,
    local_week,
    nth_value,
    seconds_between,
)
from models import (
    Conversation,
    Delivery,
    FollowUp,
    Handoff,
    HandoffEvent,
    Message,
    Move,
    Need,
    Person,
    Program,
    Role,
    Speaker,
    Status,
    Urgency,
    Verdict,
    VerdictRecord,
)


class Awaited(StrEnum):
    """What is waited for after a handoff was opened."""

    FIRST_ALERT = "first_alert"
    CLAIM = "claim"
    FIRST_REPLY = "first_reply"
    CLOSE = "close"


@dataclass(frozen=True)
class Period:
    """Half-open, and read on the clock of a program."""

    since: datetime
    until: datetime
    timezone: str


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    of: int

    @property
    def percent(self) -> int | None:
        return round(100 * self.part / self.of) if self.of else None


@dataclass(frozen=True)
class Waits:
    """How long one thing took, for one urgency. `within` is None where there is no target.

    `within` counts every handoff for which the target's time has run out or the thing was there:
    one that still may make it counts neither way, one that was closed before its time neither.
    """

    awaited: Awaited
    urgency: Urgency
    count: int
    median: timedelta | None
    ninth_decile: timedelta | None
    target: timedelta | None
    within: Share | None


@dataclass(frozen=True)
class Load:
    """What one mentor carries and carried. `holds` is now; the others are of the time looked at."""

    person: Person
    holds: int
    taken: int
    crises: int
    first_replies: int


@dataclass(frozen=True)
class Counted:
    """One of several kinds that exclude each other; the percents of all of them make 100."""

    name: str
    count: int
    percent: int


@dataclass(frozen=True)
class Judged:
    """Verdicts on the handoffs of one need: the latest on each counts."""

    need: Need
    right: int
    over: int
    late: int


@dataclass(frozen=True)
class Said:
    """What mentees answered to one question after handoffs."""

    question: str
    yes: int
    no: int


@dataclass(frozen=True)
class FollowedUp:
    asked: int
    answered: int
    led_to_another: int
    said: tuple[Said, ...]


@dataclass(frozen=True)
class WeekOfWaits:
    """One week: how many handoffs of each urgency, and the median until the first words."""

    monday: date
    handoffs: Mapping[Urgency, int]
    first_reply: Mapping[Urgency, timedelta | None]


@dataclass(frozen=True)
class WeekOfWords:
    """One week: how many messages mentees got from the bot and from people."""

    monday: date
    bot: int
    people: int


def latest_weeks(program: Program, weeks: int, *, now: datetime) -> Period:
    """So many weeks, this one among them, from a Monday on."""
    zone = ZoneInfo(program.timezone)
    today = now.astimezone(zone).date()
    monday = today - timedelta(days=today.weekday(), weeks=weeks - 1)
    return Period(datetime.combine(monday, time(), zone), now, program.timezone)


# --- waits ---


def get_waits(
    session: Session, program: Program, period: Period, targets: Targets, *, now: datetime
) -> list[Waits]:
    """For each urgency and each thing awaited, in that order; zero where there was none."""
    # Reckoned once in a query: each column is looked at several times, and takes a look-up itself.
    times = _times(session, program, period, now=now).prefix_with("MATERIALIZED")
    ranked = {
        (row.awaited, row.urgency): row
        for row in session.execute(union_all(*(_percentiles(times, one) for one in Awaited)))
    }
    within = _shares(session, times, targets)
    waits = []
    for urgency in reversed(Urgency):
        limits = targets.within(urgency)
        for awaited in Awaited:
            row = ranked.get((awaited.value, int(urgency)))
            waits.append(
                Waits(
                    awaited=awaited,
                    urgency=urgency,
                    count=row.how_many if row else 0,
                    median=timedelta(seconds=row.median) if row else None,
                    ninth_decile=timedelta(seconds=row.ninth) if row else None,
                    target=limits.get(awaited.value),
                    within=within.get((awaited, urgency), Share(0, 0))
                    if awaited.value in limits
                    else None,
                )
            )
    return waits


def _times(session: Session, program: Program, period: Period, *, now: datetime) -> CTE:
    """One row for each handoff: its seconds until each thing awaited, and until now."""
    present = literal(now, Handoff.opened_at.type)
    until = func.coalesce(Handoff.closed_at, present)

    def after(at: Time) -> ColumnElement[float]:
        return seconds_between(session, Handoff.opened_at, at)

    return (
        _opened_in(program, period)
        .with_only_columns(
            # A plain number: it is only compared and grouped by here.
            func.coalesce(Handoff.urgency, 0, type_=Integer).label("urgency"),
            local_week(
                session,
                Handoff.opened_at,
                period.timezone,
                since=period.since,
                until=period.until,
            ).label("week"),
            after(first_alert_at()).label(Awaited.FIRST_ALERT.value),
            after(first_claim_at()).label(Awaited.CLAIM.value),
            after(Handoff.first_reply_at).label(Awaited.FIRST_REPLY.value),
            after(Handoff.closed_at).label(Awaited.CLOSE.value),
            after(until).label("open_for"),
        )
        .cte("times")
    )


def _opened_in(program: Program, period: Period) -> Select[Handoff]:
    return (
        select(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Handoff.opened_at >= period.since,
            Handoff.opened_at < period.until,
        )
    )


def _percentiles(
    times: FromClause, awaited: Awaited, *by: ColumnElement[object]
) -> Select[str, int, int, float, float]:
    """For each urgency (and `by`): how many there are, their median and their ninth decile."""
    groups = [times.c.urgency, *by]
    seconds = times.c[awaited.value]
    ranked = (
        select(
            *groups,
            seconds.label("seconds"),
            func.row_number().over(partition_by=groups, order_by=seconds).label("rank"),
            func.count().over(partition_by=groups).label("how_many"),
        )
        .where(seconds.is_not(None))
        .subquery()
    )
    count = ranked.c.how_many

    def at(rank: ColumnElement[int]) -> ColumnElement[float]:
        return func.max(case((ranked.c.rank == rank, ranked.c.seconds)))

    return select(
        literal(awaited.value).label("awaited"),
        *(ranked.c[group.name] for group in groups),
        func.max(count).label("how_many"),
        at(nth_value(5, count)).label("median"),
        at(nth_value(9, count)).label("ninth"),
    ).group_by(*(ranked.c[group.name] for group in groups))


def _shares(
    session: Session, times: FromClause, targets: Targets
) -> dict[tuple[Awaited, Urgency], Share]:
    """Those within the target of their urgency, of those whose time has come."""
    limits = {urgency: targets.within(urgency) for urgency in Urgency}
    columns: list[ColumnElement[int]] = []
    awaited = [one for one in Awaited if one.value in limits[Urgency.CRISIS]]
    for one in awaited:
        limit = case(
            *(
                (times.c.urgency == int(urgency), within[one.value].total_seconds())
                for urgency, within in limits.items()
            )
        )
        seconds = times.c[one.value]
        counts = or_(seconds.is_not(None), times.c.open_for > limit)
        columns += [_how_many(seconds <= limit), _how_many(counts)]
    shares = {}
    for urgency, *found in session.execute(
        select(times.c.urgency, *columns).group_by(times.c.urgency)
    ):
        for n, one in enumerate(awaited):
            shares[one, Urgency(urgency)] = Share(found[2 * n], found[2 * n + 1])
    return shares


def _how_many(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def weekly_waits(
    session: Session, program: Program, period: Period, *, now: datetime
) -> list[WeekOfWaits]:
    """Every week of the time, also those without a handoff."""
    times = _times(session, program, period, now=now)
    counted = session.execute(
        select(times.c.week, times.c.urgency, func.count()).group_by(times.c.week, times.c.urgency)
    )
    handoffs = {(week, Urgency(urgency)): count for week, urgency, count in counted}
    medians = session.execute(_percentiles(times, Awaited.FIRST_REPLY, times.c.week))
    first_reply = {
        (row.week, Urgency(row.urgency)): timedelta(seconds=row.median) for row in medians
    }
    return [
        WeekOfWaits(
            monday,
            {urgency: handoffs.get((monday, urgency), 0) for urgency in Urgency},
            {urgency: first_reply.get((monday, urgency)) for urgency in Urgency},
        )
        for monday in mondays(period)
    ]


def mondays(period: Period) -> list[date]:
    """The Mondays of all weeks that the time touches, on the program's clock."""
    zone = ZoneInfo(period.timezone)
    first = period.since.astimezone(zone).date()
    last = (period.until - timedelta(microseconds=1)).astimezone(zone).date()
    monday = first - timedelta(days=first.weekday())
    return [monday + timedelta(weeks=n) for n in range((last - monday).days // 7 + 1)]


# --- load ---


def mentor_loads(session: Session, program: Program, period: Period) -> list[Load]:
    """Every mentor and manager who is there or carried something, those who hold most first."""
    staff = session.scalars(
        select(Person)
        .where(Person.program_id == program.id, Person.role != Role.MENTEE)
        .order_by(Person.id)
    ).all()
    holds = _by_person(
        session,
        select(Handoff.mentor_id, func.count())
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(Conversation.program_id == program.id, Handoff.status == Status.CLAIMED)
        .group_by(Handoff.mentor_id),
    )
    claims = (
        select(HandoffEvent.by_id, func.count(HandoffEvent.handoff_id.distinct()))
        .join(Handoff, Handoff.id == HandoffEvent.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            # Whatever was claimed in the time was open in it: so fewer moves are looked through.
            Handoff.opened_at < period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= period.since),
            HandoffEvent.move == Move.CLAIM,
            HandoffEvent.at >= period.since,
            HandoffEvent.at < period.until,
        )
        .group_by(HandoffEvent.by_id)
    )
    taken = _by_person(session, claims)
    crises = _by_person(session, claims.where(Handoff.urgency == Urgency.CRISIS))
    replies = _first_replies(session, program, period)
    loads = [
        Load(
            person=person,
            holds=holds.get(person.id, 0),
            taken=taken.get(person.id, 0),
            crises=crises.get(person.id, 0),
            first_replies=replies.get(person.id, 0),
        )
        for person in staff
    ]
    carried = [one for one in loads if one.person.left_at is None or one.holds or one.taken]
    return sorted(carried, key=lambda one: (-one.holds, -one.taken, one.person.id))


def _first_replies(session: Session, program: Program, period: Period) -> Mapping[int, int]:
    """Whose words were a handoff's first: those of whoever held it then."""
    holder = (
        select(HandoffEvent.by_id)
        .where(
            HandoffEvent.handoff_id == Handoff.id,
            HandoffEvent.move == Move.CLAIM,
            HandoffEvent.at <= Handoff.first_reply_at,
        )
        .order_by(HandoffEvent.id.desc())
        .limit(1)
        .correlate(Handoff)
        .scalar_subquery()
    )
    replied = (
        select(holder.label("by_id"))
        .select_from(Handoff)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Handoff.first_reply_at >= period.since,
            Handoff.first_reply_at < period.until,
        )
        .subquery()
    )
    return _by_person(session, select(replied.c.by_id, func.count()).group_by(replied.c.by_id))


def _by_person(session: Session, counts: Select[int | None, int]) -> Mapping[int, int]:
    return {row[0]: row[1] for row in session.execute(counts) if row[0] is not None}


# --- the bot and people ---

BOT_OWN, FIXED, PEOPLE = (
    gettext_noop("The bot's own words"),
    gettext_noop("Fixed lines of the script"),
    gettext_noop("People"),
)
BOT_ALONE, A_PERSON, NOBODY_YET = (
    gettext_noop("The bot alone answered"),
    gettext_noop("A person wrote to them"),
    gettext_noop("A person was asked for, and none wrote"),
)


def as_percents(counts: Sequence[int]) -> list[int]:
    """Whole percents that make 100 together: what rounding leaves goes to the largest rests."""
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    percents = [100 * count // total for count in counts]
    by_rest = sorted(range(len(counts)), key=lambda n: (-(100 * counts[n] % total), n))
    for n in by_rest[: 100 - sum(percents)]:
        percents[n] += 1
    return percents


def counted(counts: Mapping[str, int]) -> list[Counted]:
    percents = as_percents(list(counts.values()))
    return [
        Counted(name, count, percent)
        for (name, count), percent in zip(counts.items(), percents, strict=True)
    ]


def messages_to_mentees(session: Session, program: Program, period: Period) -> list[Counted]:
    """What mentees got, by who wrote it. What was dropped was never sent, so it counts nowhere."""
    bot, people, scripted = session.execute(
        select(
            _how_many(and_(Message.speaker == Speaker.BOT, Message.script.is_(None))),
            _how_many(Message.speaker != Speaker.BOT),
            _how_many(and_(Message.speaker == Speaker.BOT, Message.script.is_not(None))),
        )
        .where(*_to_mentees(program, period))
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
    ).one()
    return counted({BOT_OWN: bot, FIXED: scripted, PEOPLE: people})


def weekly_messages(session: Session, program: Program, period: Period) -> list[WeekOfWords]:
    week = local_week(
        session, Message.at, period.timezone, since=period.since, until=period.until
    ).label("week")
    rows = session.execute(
        select(
            week,
            _how_many(Message.speaker == Speaker.BOT),
            _how_many(Message.speaker != Speaker.BOT),
        )
        .select_from(Message)
        .join(Conversation, Conversation.id == Message.conversation_id)
        .join(Person, Person.id == Conversation.person_id)
        .where(*_to_mentees(program, period))
        .group_by(week)
    )
    found = {monday: (bot, people) for monday, bot, people in rows}
    return [WeekOfWords(monday, *found.get(monday, (0, 0))) for monday in mondays(period)]


def _to_mentees(program: Program, period: Period) -> list[SQLColumnExpression[bool]]:
    return [
        Conversation.program_id == program.id,
        Person.role == Role.MENTEE,
        Message.outgoing,
        Message.delivery != Delivery.DROPPED,
        *_written_in(period),
    ]


def _written_in(period: Period) -> list[ColumnElement[bool]]:
    return [
        # No message moves before it is written. Where the time is short and the program is the
        # only one, the index by this is the quickest; else the one by thread and time.
        Message.moved_at >= period.since,
        Message.at >= period.since,
        Message.at < period.until,
    ]


def mentees_who_wrote(session: Session, program: Program, period: Period) -> list[Counted]:
    """Everybody who wrote, once: with a person, without the person asked for, or with the bot."""
    by_a_person = and_(
        Message.outgoing,
        Message.speaker.in_([Speaker.MENTOR, Speaker.MANAGER]),
        Message.delivery != Delivery.DROPPED,
    )
    said = (
        select(
            Message.conversation_id,
            func.max(case((Message.speaker == Speaker.MENTEE, 1), else_=0)).label("wrote"),
            func.max(case((by_a_person, 1), else_=0)).label("a_person"),
        )
        .join(Conversation, Conversation.id == Message.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Conversation.person_id.is_not(None),
            *_written_in(period),
        )
        .group_by(Message.conversation_id)
        .subquery()
    )
    handed_over = (
        select(Handoff.conversation_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            Handoff.opened_at < period.until,
            or_(Handoff.closed_at.is_(None), Handoff.closed_at >= period.since),
        )
        .distinct()
        .subquery()
    )
    a_person, asked = said.c.a_person == 1, handed_over.c.conversation_id.is_not(None)
    person, nobody, bot = session.execute(
        select(
            _how_many(a_person),
            _how_many(and_(asked, ~a_person)),
            _how_many(and_(~asked, ~a_person)),
        )
        .select_from(said)
        .outerjoin(handed_over, handed_over.c.conversation_id == said.c.conversation_id)
        .where(said.c.wrote == 1)
    ).one()
    return counted({A_PERSON: person, NOBODY_YET: nobody, BOT_ALONE: bot})


# --- verdicts and follow-ups ---


def weekly_verdicts(session: Session, program: Program, period: Period) -> list[Judged]:
    """Handoffs by need: right, one too many, or one that should have come earlier."""
    latest = _latest_verdicts(program, period, VerdictRecord.handoff_id)
    rows = session.execute(
        select(
            Handoff.need,
            _how_many(VerdictRecord.verdict == Verdict.RIGHT),
            _how_many(VerdictRecord.verdict == Verdict.SHOULD_NOT),
            _how_many(VerdictRecord.verdict == Verdict.SHOULD_EARLIER),
        )
        .join(Handoff, Handoff.id == VerdictRecord.handoff_id)
        .where(VerdictRecord.id.in_(latest))
        .group_by(Handoff.need)
    )
    found = {need: Judged(need, right, over, late) for need, right, over, late in rows}
    return [found.get(need, Judged(need, 0, 0, 0)) for need in Need]


def share_overlooked(session: Session, program: Program, period: Period) -> Share:
    """Of the reviewed conversations that nobody was brought to, those that needed somebody."""
    latest = _latest_verdicts(program, period, VerdictRecord.message_id)
    needed, reviewed = session.execute(
        select(_how_many(VerdictRecord.verdict == Verdict.SHOULD_EARLIER), func.count())
        .select_from(VerdictRecord)
        .where(VerdictRecord.id.in_(latest))
    ).one()
    return Share(needed, reviewed)


def _latest_verdicts(
    program: Program, period: Period, thing: SQLColumnExpression[int | None]
) -> Select[int]:
    return (
        select(func.max(VerdictRecord.id))
        .join(Conversation, Conversation.id == VerdictRecord.conversation_id)
        .where(
            Conversation.program_id == program.id,
            thing.is_not(None),
            VerdictRecord.at >= period.since,
            VerdictRecord.at < period.until,
        )
        .group_by(thing)
    )


def followed_up(session: Session, program: Program, period: Period) -> FollowedUp:
    """What mentees were asked after a handoff, and what they said."""
    questions = {
        gettext_noop("Were you reached?"): FollowUp.reached,
        gettext_noop("Did it help?"): FollowUp.helped,
        gettext_noop("Did you feel heard?"): FollowUp.heard,
    }
    answers = [
        _how_many(column.is_(said)) for column in questions.values() for said in (True, False)
    ]
    asked, answered, led_to, *counts = session.execute(
        select(
            func.count(),
            _how_many(FollowUp.answered_at.is_not(None)),
            _how_many(FollowUp.led_to_id.is_not(None)),
            *answers,
        )
        .select_from(FollowUp)
        .join(Handoff, Handoff.id == FollowUp.handoff_id)
        .join(Conversation, Conversation.id == Handoff.conversation_id)
        .where(
            Conversation.program_id == program.id,
            FollowUp.asked_at >= period.since,
            FollowUp.asked_at < period.until,
        )
    ).one()
    said = zip(questions, counts[::2], counts[1::2], strict=True)
    return FollowedUp(asked, answered, led_to, tuple(Said(*one) for one in said))
