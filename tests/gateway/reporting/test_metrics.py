"""Response times, load, messages, verdicts, and inactive mentees, computed by hand."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.reporting.exceptions import inactive_mentees, list_unreachable
from gateway.reporting.human_contact import get_human_contact
from gateway.reporting.load import mentor_loads
from gateway.reporting.messages import as_percents, mentees_who_wrote, messages_to_mentees
from gateway.reporting.metrics import list_weeks
from gateway.reporting.period import Scope, Share
from gateway.reporting.reviews import count_follow_ups, count_verdicts, share_missed
from gateway.reporting.waits import Awaited, Waits, get_waits
from models import (
    Delivery,
    FollowUp,
    Message,
    Need,
    Person,
    Program,
    Role,
    Urgency,
    Verdict,
    VerdictRecord,
)
from tests.gateway.reporting.past import A_DAY, Past
from tests.line import ASKS, JO, MAYA, MORNING, NOOR, RUTH, SAM, Talk

YESTERDAY = MORNING - A_DAY


def waits(past: Past) -> dict[tuple[Urgency, Awaited], Waits]:
    return {(one.urgency, one.awaited): one for one in past.ask(get_waits)}


# --- waits ---


def test_without_a_handoff_every_urgency_and_step_has_an_empty_row(past: Past) -> None:
    found = waits(past).values()
    assert len(found) == 12
    assert {(one.handoffs, one.median, one.ninth_decile) for one in found} == {(0, None, None)}
    assert {one.within for one in found} == {Share(0, 0), None}


def test_the_median_and_the_ninth_decile_are_real_waits(past: Past) -> None:
    """Of 10, 20 ... 100 seconds the fifth is the median, and the ninth the ninth decile."""
    for n in range(1, 11):
        past.handoff(MAYA, MORNING - n * A_DAY, claimed=10 * n, replied=20 * n, closed=1000 + n)
    found = waits(past)
    claim = found[Urgency.SOON, Awaited.CLAIM]
    seconds = (timedelta(seconds=50), timedelta(seconds=90))
    assert (claim.handoffs, claim.median, claim.ninth_decile) == (10, *seconds)
    assert found[Urgency.SOON, Awaited.FIRST_REPLY].median == timedelta(seconds=100)
    assert found[Urgency.SOON, Awaited.CLOSE].ninth_decile == timedelta(seconds=1009)
    assert found[Urgency.CRISIS, Awaited.CLAIM].handoffs == 0


def test_the_share_within_target_counts_steps_that_never_happened(talk: Talk, past: Past) -> None:
    """The target for soon is a claim within 15 minutes. One claim was in time and one late, one
    never came, one may still come, and one mentee withdrew before the time was over."""
    past.handoff(MAYA, MORNING - 1 * A_DAY, claimed=14 * 60, closed=4000)
    past.handoff(MAYA, MORNING - 2 * A_DAY, claimed=16 * 60, closed=4000)
    past.handoff(MAYA, MORNING - 3 * A_DAY, closed=4000)
    past.handoff(MAYA, MORNING - 4 * A_DAY, closed=60)
    past.handoff(JO, MORNING - timedelta(minutes=14))
    claim = waits(past)[Urgency.SOON, Awaited.CLAIM]
    assert (claim.target, claim.within) == (timedelta(minutes=15), Share(1, 3))
    talk.clock.now += timedelta(minutes=2)
    found = waits(past)
    assert found[Urgency.SOON, Awaited.CLAIM].within == Share(1, 4), "now it is late"
    assert found[Urgency.SOON, Awaited.CLOSE].within is None


def test_a_released_claim_is_still_the_first_claim(talk: Talk, past: Past) -> None:
    for minutes, number, words in (
        (0, MAYA, ASKS),
        (2, SAM, "TAKE {}"),
        (1, SAM, "PASS {1}"),
        (10, NOOR, "TAKE {}"),
    ):
        talk.passes(minutes=minutes)
        talk.texts(number, words)
    found = waits(past)
    assert found[Urgency.SOON, Awaited.CLAIM].median == timedelta(minutes=2)
    assert found[Urgency.SOON, Awaited.FIRST_ALERT].median == timedelta()


def test_a_handoff_opened_before_the_period_does_not_count(past: Past) -> None:
    past.handoff(MAYA, MORNING - 29 * A_DAY, claimed=5, closed=9)
    past.handoff(MAYA, MORNING - 28 * A_DAY, claimed=7, closed=9)
    assert waits(past)[Urgency.SOON, Awaited.CLAIM].median == timedelta(seconds=7)


def test_weeks_begin_on_monday_in_the_programs_time_zone(past: Past) -> None:
    sunday_night = datetime(2026, 11, 9, 4, 59, tzinfo=UTC)  # 23:59 on Sunday in New York
    past.handoff(MAYA, sunday_night, replied=120, claimed=60, closed=300)
    past.handoff(JO, sunday_night + timedelta(minutes=2), replied=60, claimed=30, closed=300)
    weeks = past.ask(list_weeks, 14)
    assert [
        (week.monday, week.handoffs[Urgency.SOON], week.first_reply[Urgency.SOON]) for week in weeks
    ] == [
        (date(2026, 10, 26), 0, None),
        (date(2026, 11, 2), 1, timedelta(minutes=2)),
        (date(2026, 11, 9), 1, timedelta(minutes=1)),
    ]


# --- load, counts, verdicts, follow-ups ---


def test_load_counts_handoffs_held_now_claims_and_first_replies(past: Past) -> None:
    past.handoff(MAYA, MORNING - 3 * A_DAY, claimed=60, replied=90, closed=600, by=SAM)
    past.handoff(JO, MORNING - 2 * A_DAY, claimed=60, replied=90, urgency=Urgency.CRISIS, by=NOOR)
    past.handoff(MAYA, MORNING - 1 * A_DAY, claimed=60, by=NOOR)
    past.handoff(SAM, MORNING - 60 * A_DAY, claimed=60, closed=600, by=RUTH)
    past.sets(Person.role != Role.MENTEE, left_at=MORNING)
    loads = past.ask(mentor_loads)
    assert [(one.name, one.holds, one.taken, one.crises, one.first_replies) for one in loads] == [
        ("Noor", 2, 2, 1, 1),
        ("Sam", 0, 1, 0, 1),
    ], "Ruth has left and took nothing"
    past.sets(left_at=None)
    assert [one.name for one in past.ask(mentor_loads)] == ["Noor", "Sam", "Ruth"]


@given(st.lists(st.integers(0, 10_000), max_size=8))
def test_percents_are_whole_and_add_up_to_a_hundred(counts: list[int]) -> None:
    percents = as_percents(counts)
    assert sum(percents) == (100 if sum(counts) else 0)
    for count, percent in zip(counts, percents, strict=True):
        assert not sum(counts) or abs(percent - 100 * count / sum(counts)) < 1


def test_every_message_to_a_mentee_is_counted_once(past: Past) -> None:
    past.hears(MAYA, YESTERDAY)
    past.hears(MAYA, YESTERDAY)
    past.hears(MAYA, YESTERDAY, script="claimed")
    past.hears(JO, YESTERDAY, of=SAM)
    past.hears(JO, YESTERDAY, delivery=Delivery.DROPPED)
    past.hears(SAM, YESTERDAY, script="alert_soon")
    past.hears(MAYA, MORNING - 40 * A_DAY, of=SAM)
    found = past.ask(messages_to_mentees)
    weeks = past.ask(list_weeks)
    assert [(one.kind, one.count, one.percent) for one in found] == [
        ("bot", 2, 50),
        ("script", 1, 25),
        ("people", 1, 25),
    ]
    assert sum(week.messages_of_bot for week in weeks) == 3
    assert sum(week.messages_of_people for week in weeks) == 1


def test_each_mentee_who_wrote_counts_once(past: Past) -> None:
    past.writes(MAYA, YESTERDAY)
    past.hears(MAYA, YESTERDAY)
    past.handoff(MAYA, YESTERDAY, claimed=60, replied=90)
    past.hears(MAYA, YESTERDAY + timedelta(minutes=2), of=SAM)
    past.writes(JO, YESTERDAY)
    past.hears(JO, YESTERDAY)

    def counts() -> list[tuple[int, int]]:
        return [(one.count, one.percent) for one in past.ask(mentees_who_wrote)]

    assert counts() == [(1, 50), (0, 0), (1, 50)]
    past.handoff(JO, YESTERDAY)
    assert counts() == [(1, 50), (1, 50), (0, 0)], "Jo asked, and no one wrote"


def test_only_the_latest_verdict_on_each_thing_counts(talk: Talk, past: Past) -> None:
    number = past.handoff(MAYA, MORNING - 2 * A_DAY, claimed=60, closed=600)
    past.writes(JO, MORNING - 3 * A_DAY)
    by = {"by_id": talk.person(RUTH).id, "at": YESTERDAY}
    with talk.database.writing() as session:
        maya, jo = past.thread(session, MAYA).id, past.thread(session, JO).id
        message = session.scalars(select(Message.id).where(Message.conversation_id == jo)).one()
    about = {"conversation_id": maya, "handoff_id": number}
    past.adds(VerdictRecord(**about, **by, verdict=Verdict.RIGHT))
    past.adds(VerdictRecord(**about, **by, verdict=Verdict.SHOULD_NOT))
    about = {"conversation_id": jo, "message_id": message}
    past.adds(VerdictRecord(**about, **by, verdict=Verdict.SHOULD_EARLIER))
    judged = past.ask(count_verdicts)
    by_need = {one.need: (one.right, one.over, one.late) for one in judged}
    assert by_need.pop(Need.REQUEST) == (0, 1, 0)
    assert set(by_need.values()) == {(0, 0, 0)}
    assert past.ask(share_missed) == Share(1, 1)


def test_follow_ups_are_counted_by_question(past: Past) -> None:
    for n, (helped, heard) in enumerate([(True, True), (False, None), (None, None)], 1):
        past.adds(
            FollowUp(
                handoff_id=past.handoff(MAYA, MORNING - n * A_DAY, claimed=60, closed=600),
                asked_at=YESTERDAY,
                reached=True,
                helped=helped,
                heard=heard,
                answered_at=MORNING if heard is not None else None,
            )
        )
    found = past.ask(count_follow_ups)
    assert (found.asked, found.answered, found.led_to_another_handoff) == (3, 1, 0)
    assert [(one.yes, one.no) for _, one in found.by_question] == [(3, 0), (1, 1), (1, 0)]


def test_another_program_sees_none_of_our_figures(talk: Talk, past: Past) -> None:
    past.handoff(MAYA, YESTERDAY, claimed=60, replied=90, closed=600)
    past.writes(MAYA, YESTERDAY)
    past.hears(MAYA, YESTERDAY, of=SAM)
    talk.a_manager_elsewhere()
    with talk.database.reading() as session:
        there = session.scalars(select(Program).where(Program.name == "Elsewhere")).one()
    assert {one.handoffs for one in past.ask(get_waits, program=there)} == {0}
    assert [one.taken for one in past.ask(mentor_loads, program=there)] == [0]
    for report in (messages_to_mentees, mentees_who_wrote):
        assert {one.count for one in past.ask(report, program=there)} == {0}
    assert past.ask(get_human_contact, program=there).pairs == []
    assert past.ask(inactive_mentees, program=there, now=MORNING + 90 * A_DAY) == []


def test_the_longest_inactive_mentee_comes_first(past: Past) -> None:
    """With the policy as delivered, after 21 days without a message."""
    past.writes(MAYA, MORNING - 30 * A_DAY)
    past.sets(enrolled_at=MORNING - 60 * A_DAY)

    def inactive() -> list[tuple[str, datetime | None]]:
        return [(one.mentee, one.last_at) for one in past.ask(inactive_mentees)]

    assert inactive() == [("Jo", None), ("Maya", MORNING - 30 * A_DAY)]
    past.writes(MAYA, YESTERDAY)
    assert inactive() == [("Jo", None)]
    past.sets(Person.role == Role.MENTEE, left_at=MORNING)
    assert inactive() == []


def test_only_people_whom_no_text_reaches_are_listed_and_decrypted(
    past: Past, decrypted: list[str]
) -> None:
    jo, maya, noor, sam = (past.talk.person(one).id for one in (JO, MAYA, NOOR, SAM))
    past.sets(Person.id == jo, opted_out_at=YESTERDAY, left_at=YESTERDAY)
    past.sets(Person.id == maya, phone=None, phone_index=None)
    past.sets(Person.id == noor, unreachable_code="30005")
    past.sets(Person.id == sam, opted_out_at=YESTERDAY)

    def ask(scope: Scope) -> tuple[dict[str, str], set[str]]:
        decrypted.clear()
        found = {one.person.name: one.why for one in list_unreachable(scope)}
        return found, set(decrypted)

    found, read = past.ask(ask)
    assert found == {
        "Maya": "no phone number",
        "Noor": "texts to this number fail (error 30005)",
        "Sam": "opted out (STOP)",
    }
    enrolled = [person for person in past.talk.rows(Person) if person.left_at is None]
    assert {person.name for person in enrolled if not person.can_be_texted} == set(found)
    assert read == {*found, NOOR, SAM}
