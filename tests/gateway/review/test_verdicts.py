"""Ruth and her mentors judge the line's decisions; the program learns, and nothing changes."""

import math
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import func, select
from sqlalchemy.exc import DatabaseError
from typer.testing import CliRunner

from escalation.intervals import Rate
from escalation.policy import load_policy
from gateway.cli import app
from gateway.review.judgments import Judged, judged_since
from gateway.review.sampling import Week, draw, get_week, last_full_week, week_named
from gateway.review.suggestion import (
    AT_LEAST,
    AT_LEAST_NOT_HANDED_OVER,
    Suggestion,
    suggest,
)
from gateway.review.summary import Matrix
from gateway.runtime.database import Database, make_engine
from models import (
    Channel,
    Conversation,
    DecisionRecord,
    Handoff,
    Message,
    Need,
    Person,
    Program,
    Role,
    Speaker,
    Verdict,
    VerdictRecord,
)
from tests.conftest import KEY
from tests.line import JO, MAYA, NOOR, RUTH, SAM, STRANGER, Talk
from tests.web_client import Web

ASKS = "can i talk to a person please"
TIDES = "how do tides work"
NEW_YORK = "America/New_York"
# The clock stands on Tuesday 10 November 2026; the last full week is the one before.
LAST_WEEK = "2026-W45"
THIS_WEEK = "2026-W46"


@pytest.fixture
def web(talk: Talk) -> Web:
    return Web(talk)


def given_verdicts(talk: Talk) -> list[VerdictRecord]:
    with talk.database.reading() as session:
        return list(session.scalars(select(VerdictRecord).order_by(VerdictRecord.id)))


def judged(talk: Talk) -> list[Judged]:
    with talk.database.reading() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None
        now = talk.clock()
        return judged_since(session, program, since=now - timedelta(weeks=8), now=now)


def get_conversation(talk: Talk, number: str) -> int:
    return talk.thread(number)[0].conversation_id


def review_page(talk: Talk, number: str, week: str = THIS_WEEK) -> str:
    return f"/log/review/{week}/{get_conversation(talk, number)}"


def a_week_goes_by(talk: Talk) -> None:
    """Nothing that would fall due in it is done: nobody is called again and again."""
    talk.clock.now += timedelta(days=7)


def is_held_and_closed(talk: Talk, mentor: str = SAM, words: str = ASKS) -> None:
    """Maya asks, somebody comes, they talk, it is over."""
    talk.texts(MAYA, words)
    talk.texts(mentor, "TAKE")
    talk.texts(mentor, "Hi Maya, I am here.")
    talk.passes(minutes=5)
    talk.texts(mentor, "DONE")


# --- a verdict on a handoff ---


def test_sam_is_asked_about_a_handoff_once_it_is_over(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE")
    web.is_now(SAM)
    assert "Was this handoff right?" not in web.gets("/console/1").text
    talk.texts(SAM, "Hi Maya, I am here.")
    talk.texts(SAM, "DONE")
    page = web.gets("/console/1").text
    assert 'action="/console/1/verdict"' in page
    assert re.findall(r'<button name="verdict" value="(\w+)">([^<]+)<', page) == [
        ("right", "Right"),
        ("should_not", "Not needed"),
        ("should_earlier", "Too late"),
    ]
    answer = web.posts("/console/1/verdict", verdict="should_earlier", note="  two days ago ")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console/1")
    page = web.gets("/console/1").text
    assert "<strong><bdi>Your verdict</bdi></strong>: Too late" in page
    assert '<q dir="auto">two days ago</q>' in page
    [record] = given_verdicts(talk)
    assert (record.handoff_id, record.message_id, record.by.name) == (1, None, "Sam")
    assert (record.verdict, record.at) == (Verdict.SHOULD_EARLIER, talk.clock())


def test_an_open_handoff_is_not_judged_yet(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE")
    web.is_now(SAM)
    refused = web.posts("/console/1/verdict", verdict="right")
    assert (refused.status_code, "still open" in refused.text) == (409, True)
    assert given_verdicts(talk) == []


def test_a_mentor_cannot_judge_anothers_handoff(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    web.is_now(NOOR)
    refused = web.posts("/console/1/verdict", verdict="right")
    assert (refused.status_code, "You did not hold #1" in refused.text) == (403, True)
    assert web.posts("/log/1/verdict", verdict="right").status_code == 403
    assert given_verdicts(talk) == []


def test_who_gave_a_handoff_back_does_not_judge_it(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(SAM, "TAKE")
    talk.texts(SAM, "PASS")
    talk.texts(NOOR, "TAKE 1")
    talk.texts(NOOR, "Hi Maya, I am here.")
    talk.texts(NOOR, "DONE")
    web.is_now(SAM)
    assert web.posts("/console/1/verdict", verdict="right").status_code == 403
    web.is_now(NOOR)
    assert web.posts("/console/1/verdict", verdict="right").status_code == 303


def test_ruth_judges_any_closed_handoff_from_its_log(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    web.is_now(RUTH)
    assert 'action="/log/1/verdict"' in web.gets("/log/1").text
    answer = web.posts("/log/1/verdict", verdict="should_not")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/log/1")
    assert "Not needed, " in web.gets("/log/1").text


def test_ruth_reads_sams_verdict_once_she_has_given_hers_and_he_never_reads_hers(
    talk: Talk, web: Web
) -> None:
    is_held_and_closed(talk)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right", note="she needed it")
    web.is_now(RUTH)
    assert "she needed it" not in web.gets("/log/1").text
    web.posts("/log/1/verdict", verdict="should_not", note="a slow evening")
    assert "<strong><bdi>Sam</bdi></strong>: Right" in web.gets("/log/1").text
    assert "she needed it" in web.gets("/log/1").text
    web.is_now(SAM)
    assert "a slow evening" not in web.gets("/console/1").text


def test_a_later_verdict_counts_and_the_earlier_one_is_kept(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    web.is_now(SAM)
    for verdict in ("right", "right", "should_not"):
        web.posts("/console/1/verdict", verdict=verdict)
    assert [one.verdict for one in given_verdicts(talk)] == [Verdict.RIGHT, Verdict.SHOULD_NOT]
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.agreed) == (True, False, True)


def test_two_who_judge_differently_are_counted_once_and_said_to_differ(
    talk: Talk, web: Web
) -> None:
    is_held_and_closed(talk)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right")
    web.is_now(RUTH)
    web.posts("/log/1/verdict", verdict="should_not")
    [one] = judged(talk)
    assert (one.verdict, one.agreed) == (Verdict.SHOULD_NOT, False)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="should_earlier")
    [one] = judged(talk)
    assert one.verdict is Verdict.SHOULD_EARLIER, "who judged last"
    web.is_now(RUTH)
    page = web.gets("/log/verdicts").text
    assert "1 decision judged in the last 26 weeks; people disagreed on 1." in page


@pytest.mark.parametrize("verdict", ["", "wrong", "Right", "right\x00"])
def test_what_is_no_verdict_is_refused_in_words(talk: Talk, web: Web, verdict: str) -> None:
    is_held_and_closed(talk)
    web.is_now(SAM)
    refused = web.posts("/console/1/verdict", verdict=verdict)
    assert (refused.status_code, "Choose a verdict" in refused.text) == (422, True)
    assert web.posts("/console/1/verdict", verdict="right", note="x" * 1501).status_code == 422
    assert given_verdicts(talk) == []


def test_another_site_cannot_judge_for_ruth_and_who_is_signed_out_is_not_heard(
    talk: Talk, web: Web
) -> None:
    is_held_and_closed(talk)
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    paths = ("/console/1/verdict", "/log/1/verdict", review_page(talk, JO))
    for path in paths:
        there = {"Sec-Fetch-Site": "cross-site"}
        assert web.client.post(path, data={"verdict": "right"}, headers=there).status_code == 403
    web.posts("/sign-out")
    for path in paths:
        assert web.posts(path, verdict="right").status_code == 401
    assert given_verdicts(talk) == []


def test_marks_and_scripts_in_a_note_are_shown_and_not_run(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    web.is_now(RUTH)
    web.posts("/log/1/verdict", verdict="right", note="<script>alert(1)</script>")
    page = web.gets("/log/1").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


# --- the week's sample ---


def test_ruth_reviews_last_weeks_conversations_in_which_nobody_was_brought(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(JO, TIDES)
    talk.texts(STRANGER, "who is this")
    a_week_goes_by(talk)
    talk.texts(MAYA, "never mind")
    web.is_now(RUTH)
    page = web.gets("/log").text
    assert "Conversations to review" in page
    assert re.findall(r'href="(/log/review/[^"]+)"', page) == [review_page(talk, JO)]
    assert "<bdi>Jo</bdi></a>, 1 message<" in page


def test_a_conversation_with_a_handoff_open_at_any_time_of_the_week_is_none(
    talk: Talk, web: Web
) -> None:
    talk.texts(JO, ASKS)
    a_week_goes_by(talk)
    talk.texts(JO, "never mind")
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    assert "/log/review/" not in web.gets("/log").text
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)  # a sign-in lasts twelve hours
    assert "/log/review/2026-W48/" in web.gets("/log").text


def test_the_page_of_a_week_shows_each_message_and_each_decision(talk: Talk, web: Web) -> None:
    talk.texts(JO, "before that week")
    a_week_goes_by(talk)
    talk.texts(JO, TIDES)
    talk.texts(JO, "and why twice a day")
    a_week_goes_by(talk)
    talk.texts(JO, "after that week")
    web.is_now(RUTH)
    page = web.gets(review_page(talk, JO, "2026-W47")).text
    wrote = page.index(TIDES), page.index("why twice a day")
    decided = [at.start() for at in re.finditer("Decided to let the bot answer", page)]
    assert len(decided) == 2
    assert wrote[0] < decided[0] < wrote[1] < decided[1]
    assert "Connection 0." in page
    assert re.search("Wants (tools|connection)|Not clear whether they want", page)
    assert f"You wrote: {TIDES}" in page
    assert "before that week" not in page
    assert "after that week" not in page
    assert 'value="should_not"' not in page


def test_ruth_says_that_somebody_was_needed(talk: Talk, web: Web) -> None:
    talk.texts(JO, TIDES)
    talk.texts(JO, "thanks")
    a_week_goes_by(talk)
    path = review_page(talk, JO)
    web.is_now(RUTH)
    answer = web.posts(path, verdict="should_earlier", note="look at the second one")
    assert (answer.status_code, answer.headers["Location"]) == (303, path)
    assert "look at the second one" in web.gets(path).text
    assert "1 message" not in web.gets("/log").text
    assert ": A person was needed</li>" in web.gets("/log").text
    [record] = given_verdicts(talk)
    last = [message for message in talk.thread(JO) if not message.outgoing][-1]
    assert (record.handoff_id, record.message_id) == (None, last.id)
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.weight) == (False, True, 1.0)
    refused = web.posts(path, verdict="should_not")
    assert (refused.status_code, "There was no handoff" in refused.text) == (409, True)


def test_the_sample_is_for_managers(talk: Talk, web: Web) -> None:
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(NOOR)
    path = review_page(talk, JO)
    assert web.gets(path).status_code == 403
    assert web.posts(path, verdict="right").status_code == 403
    assert given_verdicts(talk) == []


def test_a_week_that_is_not_over_or_does_not_exist_is_not_reviewed(talk: Talk, web: Web) -> None:
    talk.texts(JO, TIDES)
    web.is_now(RUTH)
    for week in (THIS_WEEK, LAST_WEEK, "2026-W54", "2026-W00", "0001-W01", "9999-W52", "x"):
        answer = web.gets(review_page(talk, JO, week))
        assert answer.status_code == 404, week


def test_another_programs_conversation_is_not_reviewed(talk: Talk, web: Web) -> None:
    talk.texts(JO, TIDES)
    is_held_and_closed(talk)
    a_week_goes_by(talk)
    web.is_now(talk.a_manager_elsewhere())
    assert "/log/review/" not in web.gets("/log").text
    for path in (review_page(talk, JO), "/log/1/verdict", "/console/1/verdict"):
        assert web.posts(path, verdict="right").status_code == 404, path
    assert given_verdicts(talk) == []


def write_last_week(talk: Talk, how_many: int) -> None:
    """So many more mentees, each of whom wrote once, and nobody was brought."""
    with talk.database.writing() as session:
        program = session.scalars(select(Program)).one()
        for n in range(how_many):
            mentee = Person(
                program_id=program.id,
                role=Role.MENTEE,
                name=f"Mentee {n}",
                timezone=NEW_YORK,
                enrolled_at=talk.clock(),
            )
            session.add(mentee)
            session.flush()
            conversation = Conversation(
                program_id=program.id, person_id=mentee.id, channel=Channel.PHONES
            )
            session.add(conversation)
            session.flush()
            session.add(
                Message(
                    conversation_id=conversation.id,
                    at=talk.clock(),
                    outgoing=False,
                    speaker=Speaker.MENTEE,
                    speaker_id=mentee.id,
                    speaker_name=mentee.name,
                    words="hello",
                    channel=Channel.PHONES,
                    handled_at=talk.clock(),
                    moved_at=talk.clock(),
                )
            )


def test_ten_of_many_are_drawn_the_same_on_each_reload_and_others_cannot_be_judged(
    talk: Talk, web: Web
) -> None:
    write_last_week(talk, 35)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    shown = [re.findall(r'href="(/log/review/[^"]+)"', web.gets("/log").text) for _ in range(2)]
    assert shown[0] == shown[1]
    assert len(set(shown[0])) == 10
    with talk.database.reading() as session:
        everybody = set(session.scalars(select(Message.conversation_id).distinct()))
    drawn = {int(path.rsplit("/", 1)[-1]) for path in shown[0]}
    left_out = min(everybody - drawn)
    refused = web.posts(f"/log/review/{THIS_WEEK}/{left_out}", verdict="right")
    assert (refused.status_code, "not in the sample of that week" in refused.text) == (404, True)
    web.posts(shown[0][0], verdict="right")
    web.posts(shown[0][1], verdict="right")
    assert [one.weight for one in judged(talk)] == [17.5, 17.5]


def test_each_conversation_is_as_likely_to_be_drawn_as_any_other() -> None:
    conversations, weeks, size = range(1, 201), 1000, 10
    drawn: Counter[int] = Counter()
    places: Counter[int] = Counter()
    for n in range(weeks):
        week = get_week(datetime(2026, 1, 7, tzinfo=UTC) + timedelta(weeks=n), NEW_YORK).name
        sample = draw(week, conversations, size)
        drawn.update(sample)
        places.update(place for place, one in enumerate(sample) if one <= 100)
    expected = weeks * size / len(conversations)
    chi_square = sum((drawn[one] - expected) ** 2 / expected for one in conversations)
    # Of 199 degrees of freedom, thinned as each week draws without putting back; five standard
    # deviations on both sides: too even would be as telling as too uneven.
    thinned = 1 - size / len(conversations)
    assert abs(chi_square / thinned - 199) < 5 * math.sqrt(2 * 199)
    assert set(drawn) == set(conversations)
    # Nor does a low number come first in the list.
    for place in range(size):
        assert abs(places[place] - weeks / 2) < 5 * math.sqrt(weeks / 4)


def test_whom_one_week_drew_the_next_does_not_favor() -> None:
    conversations, size = range(1, 101), 10
    names = [
        get_week(datetime(2026, 1, 7, tzinfo=UTC) + timedelta(weeks=n), NEW_YORK).name
        for n in range(501)
    ]
    samples = [set(draw(name, conversations, size)) for name in names]
    again = sum(len(one & two) for one, two in pairwise(samples))
    # Each of the ten is drawn again with a chance of a tenth: 500 on average.
    assert abs(again - 500) < 5 * math.sqrt(500 * 0.9 * 0.9)


@given(
    st.sets(st.integers(1, 2**31 - 1), max_size=60),
    st.integers(0, 20),
    st.integers(0, 5000),
    st.randoms(use_true_random=False),
)
def test_what_is_drawn_does_not_depend_on_the_order_one_asks_in(
    conversations: set[int], size: int, weeks: int, shuffled: object
) -> None:
    week = get_week(datetime(2026, 1, 7, tzinfo=UTC) + timedelta(weeks=weeks), NEW_YORK).name
    in_another_order = sorted(conversations, key=lambda _: shuffled.random())  # type: ignore[attr-defined]
    sample = draw(week, in_another_order, size)
    assert sample == draw(week, conversations, size)
    assert len(set(sample)) == len(sample) == min(size, len(conversations))
    assert set(sample) <= conversations
    # Whoever else wrote takes nobody's place in the order.
    assert [one for one in draw(week, conversations, 60) if one in set(sample)] == sample


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_every_moment_lies_in_the_week_it_is_counted_to(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    week = get_week(at, NEW_YORK)
    assert week.starts_at <= at < week.ends_at
    assert week.monday.isoweekday() == 1
    assert Week(week.monday + timedelta(days=7), NEW_YORK).starts_at == week.ends_at
    assert week_named(week.name, Program(timezone=NEW_YORK)) == week


def test_the_week_is_the_programs_own() -> None:
    # Half past midnight on Monday in New York; in Honolulu it is Sunday evening.
    now = datetime(2026, 11, 9, 5, 30, tzinfo=UTC)
    assert last_full_week(Program(timezone=NEW_YORK), now=now).monday == date(2026, 11, 2)
    assert last_full_week(Program(timezone="Pacific/Honolulu"), now=now).monday == date(
        2026, 10, 26
    )


# --- what it adds up to ---


def judgments(
    *, right: int = 0, needless: int = 0, late: int = 0, missed: int = 0, left: int = 0
) -> list[Judged]:
    return [
        *[Judged(True, Verdict.RIGHT)] * right,
        *[Judged(True, Verdict.SHOULD_NOT)] * needless,
        *[Judged(True, Verdict.SHOULD_EARLIER)] * late,
        *[Judged(False, Verdict.SHOULD_EARLIER)] * missed,
        *[Judged(False, Verdict.RIGHT)] * left,
    ]


def test_the_matrix_counted_by_hand() -> None:
    matrix = Matrix(judgments(right=15, needless=5, late=5, missed=3, left=27))
    assert (matrix.handed_over_needed, matrix.handed_over_not_needed) == (20, 5)
    assert (matrix.left_needed, matrix.left_not_needed) == (3, 27)
    assert matrix.judged == 55
    # Wilson by hand: 20 of 25 with z = 1.96.
    # Middle (0.8 + 3.8416 / 50) / (1 + 3.8416 / 25) = 0.8768 / 1.1537 = 0.7600;
    # half of it 1.96 * sqrt(0.16 / 25 + 3.8416 / 2500) / 1.1537 = 0.1513.
    low, high = matrix.handed_over.interval
    assert (matrix.handed_over.share, round(low, 3), round(high, 3)) == (0.8, 0.609, 0.911)
    assert (matrix.came_late.hits, matrix.came_late.of) == (5, 20)
    assert (matrix.missed.hits, matrix.missed.of) == (3, 30)


@given(st.integers(0, 500), st.integers(0, 500))
def test_a_rate_lies_within_its_interval_and_its_interval_within_0_and_1(
    hits: int, others: int
) -> None:
    rate = Rate(hits, hits + others)
    low, high = rate.interval
    assert 0 <= low <= rate.share <= high <= 1


def scored(score: float, *, needed: bool, weight: float = 1.0) -> Judged:
    """A handoff from 0.85 up, as the shipped policy has it; below, nobody was brought."""
    if score >= 0.85:
        verdict = Verdict.RIGHT if needed else Verdict.SHOULD_NOT
        return Judged(True, verdict, score, weight)
    verdict = Verdict.SHOULD_EARLIER if needed else Verdict.RIGHT
    return Judged(False, verdict, score, weight)


def suggestion(judged: list[Judged], share: float = 0.5) -> Suggestion:
    found = suggest(judged, in_use=0.85, needed_at_least=share)
    assert isinstance(found, Suggestion)
    return found


def test_a_threshold_is_suggested_down_to_where_people_were_needed() -> None:
    judged = [
        *[scored(0.92, needed=True)] * 20,
        *[scored(0.72, needed=True)] * 10,
        *[scored(0.30, needed=False)] * 40,
    ]
    found = suggestion(judged)
    assert found.suggested.threshold == 0.72
    assert found.suggested.needed == found.suggested.reached == 1.0
    assert found.in_use.reached == pytest.approx(20 / 30)
    assert found.low <= 0.72 <= found.high
    assert found.holds_in == 1.0


def test_a_threshold_is_suggested_above_those_who_came_needlessly() -> None:
    judged = [
        *[scored(0.98, needed=True)] * 30,
        *[scored(0.90, needed=False)] * 40,
        *[scored(0.30, needed=False)] * 20,
    ]
    found = suggestion(judged)
    assert found.suggested.threshold == 0.98
    assert found.in_use.needed == pytest.approx(3 / 7)


def test_a_reviewed_conversation_counts_for_all_those_it_was_drawn_from() -> None:
    handed_over = [scored(0.95, needed=True)] * 30
    half_needed = [scored(0.70, needed=True)] * 4 + [scored(0.70, needed=False)] * 16
    assert suggestion(handed_over + half_needed).suggested.threshold == 0.70
    # One of twenty drawn from four hundred: four in five of whom would be called for nothing.
    drawn = [scored(0.70, needed=one.needed, weight=20) for one in half_needed]
    found = suggestion(handed_over + drawn)
    assert found.suggested.threshold == 0.95
    assert found.suggested.reached == pytest.approx(30 / (30 + 80))


def test_too_few_verdicts_suggest_nothing_and_say_so() -> None:
    few = suggest([scored(0.9, needed=True)] * (AT_LEAST - 1), in_use=0.85, needed_at_least=0.5)
    assert few == "too few verdicts (29; 30 needed)"
    one_sided = suggest(
        [scored(0.9, needed=True)] * 40
        + [scored(0.2, needed=False)] * (AT_LEAST_NOT_HANDED_OVER - 1),
        in_use=0.85,
        needed_at_least=0.5,
    )
    assert isinstance(one_sided, str)
    assert "without a handoff (9; 10 needed)" in one_sided
    nobody = suggest([scored(0.5, needed=False)] * 50, in_use=0.85, needed_at_least=0.5)
    assert isinstance(nobody, str)
    assert "no threshold" in nobody


def test_the_same_verdicts_suggest_the_same_for_everybody() -> None:
    judged = [scored(n % 97 / 100, needed=n % 97 > 60 + n % 30) for n in range(120)]
    assert suggestion(judged) == suggestion(list(judged))


marks = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
verdicts = st.builds(
    scored, marks, needed=st.booleans(), weight=st.sampled_from([1.0, 1.0, 3.5, 20.0])
)


def holds(judged: list[Judged], threshold: float, share: float) -> bool:
    """Said again, one verdict at a time: whether surely that share of those brought needed one."""
    brought = [one for one in judged if (one.connection or 0) >= threshold]
    of = sum(one.weight for one in brought)
    if not of:
        return False
    p = sum(one.weight for one in brought if one.needed) / of
    n = of**2 / sum(one.weight**2 for one in brought)
    z = 1.96
    half = z * math.sqrt(max(p * (1 - p), 0) / n + z * z / (4 * n * n))
    return (p + z * z / (2 * n) - half) / (1 + z * z / n) >= share


@settings(max_examples=25, deadline=None)
@given(
    st.lists(verdicts, min_size=35, max_size=60).filter(
        lambda some: sum(not one.handed_over for one in some) >= AT_LEAST_NOT_HANDED_OVER
    ),
    st.sampled_from([0.2, 0.35, 0.5]),
)
def test_what_is_suggested_is_the_lowest_that_holds(judged: list[Judged], share: float) -> None:
    scores = sorted({one.connection for one in judged if one.connection is not None})
    hold = [score for score in scores if holds(judged, score, share)]
    found = suggest(judged, in_use=0.85, needed_at_least=share)
    if isinstance(found, str):
        assert hold == []
    else:
        assert found.suggested.threshold == hold[0]
        assert found.low <= found.high


# --- read back from the rows ---


def score(talk: Talk, number: str, *scores: float) -> None:
    """What detection made of each of somebody's messages, set by hand."""
    with talk.database.writing() as session:
        records = session.scalars(
            select(DecisionRecord)
            .join(Message, Message.id == DecisionRecord.message_id)
            .where(Message.conversation_id == get_conversation(talk, number))
            .order_by(DecisionRecord.id)
        ).all()
        for record, connection in zip(records, scores, strict=True):
            record.connection = connection


def test_a_threshold_is_measured_by_the_highest_score_that_led_to_the_handoff(
    talk: Talk, web: Web
) -> None:
    talk.texts(MAYA, "long before")
    talk.clock.now += timedelta(days=8)
    talk.texts(MAYA, TIDES)
    talk.clock.now += timedelta(days=1)
    is_held_and_closed(talk)
    talk.texts(MAYA, "afterwards")
    score(talk, MAYA, 0.99, 0.81, 0.40, 0.95)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right")
    assert [one.connection for one in judged(talk)] == [None], "she asked: no threshold had a part"
    with talk.database.writing() as session:
        session.get_one(Handoff, 1).need = Need.CONNECTION
    assert [one.connection for one in judged(talk)] == [0.81]


def test_what_led_to_the_handoff_before_is_not_counted_again(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    talk.passes(hours=1)
    is_held_and_closed(talk)
    score(talk, MAYA, 0.97, 0.88)
    with talk.database.writing() as session:
        for handoff in session.scalars(select(Handoff)):
            handoff.need = Need.CONNECTION
    web.is_now(SAM)
    web.posts("/console/2/verdict", verdict="right")
    [one] = judged(talk)
    assert one.connection == 0.88
    assert one.weight == 2.0, "one of two was judged"


def test_a_week_is_measured_by_its_own_highest_score(talk: Talk, web: Web) -> None:
    talk.texts(JO, "the week before")
    a_week_goes_by(talk)
    talk.texts(JO, TIDES)
    talk.texts(JO, "thanks")
    a_week_goes_by(talk)
    talk.texts(JO, "the week after")
    score(talk, JO, 0.84, 0.30, 0.62, 0.83)
    web.is_now(RUTH)
    web.posts(review_page(talk, JO, "2026-W47"), verdict="right")
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.connection) == (False, False, 0.62)


def test_verdicts_of_long_ago_are_left_out(talk: Talk, web: Web) -> None:
    is_held_and_closed(talk)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right")
    talk.clock.now += timedelta(weeks=9)
    assert judged(talk) == []


# --- where it is read ---


def test_the_log_counts_what_was_judged_and_says_that_nothing_changes(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    assert "No verdicts yet" in web.gets("/log/verdicts").text
    is_held_and_closed(talk)
    web.posts("/log/1/verdict", verdict="right")
    page = web.gets("/log/verdicts").text
    assert re.findall(r'<td data-label="[^"]*needed">(\d)</td>', page) == ["1", "0", "0", "0"]
    assert "<strong>100% (21 to 100), 1 of 1</strong>" in page
    assert "too few verdicts (0; 30 needed)" in page
    assert "Verdicts do not change the policy" in page


def test_a_manager_reads_matrix_rates_and_suggestion_at_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path / 'warmline.db'}"
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("WARMLINE_KEY", KEY)
    monkeypatch.setattr("gateway.cli.policy.Console", lambda: Console(width=120))
    database = Database(make_engine(url))
    database.migrate()
    talk = Talk(database)
    monkeypatch.setattr("gateway.cli.policy.utc_now", talk.clock)
    ran = CliRunner().invoke(app, ["verdicts"])
    assert ran.stdout == "Harbor Mentoring: no verdicts in the last 26 weeks.\n"
    web = Web(talk)
    is_held_and_closed(talk)
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    web.posts("/log/1/verdict", verdict="should_not", note="a private word")
    web.posts(review_page(talk, JO), verdict="should_earlier")
    before = (tmp_path / "warmline.db").read_bytes()
    ran = CliRunner().invoke(app, ["verdicts"])
    assert ran.exit_code == 0, ran.output
    said = re.sub(r" +", " ", ran.stdout)
    for line in (
        "2 decisions judged in the last 26 weeks; people disagreed on none.",
        "handoff 0 1",
        "no handoff 1 0",
        "handoffs that needed a person 0% (0 to 79), 0 of 1",
        "conversations without a handoff that needed a person 100% (21 to 100), 1 of 1",
        "No suggestion for the connection threshold: too few verdicts (1; 30 needed).",
        "Verdicts do not change the policy.",
    ):
        assert line in said
    assert "a private word" not in ran.stdout
    assert (tmp_path / "warmline.db").read_bytes() == before


# --- what the database holds itself ---


def test_a_verdict_is_on_a_handoff_or_on_a_week_and_not_on_both(talk: Talk) -> None:
    is_held_and_closed(talk)
    message = talk.thread(MAYA)[0]
    for handoff_id, message_id, verdict in (
        (1, message.id, Verdict.RIGHT),
        (None, None, Verdict.RIGHT),
        (None, message.id, Verdict.SHOULD_NOT),
    ):
        with pytest.raises(DatabaseError), talk.database.writing() as session:
            session.add(
                VerdictRecord(
                    conversation_id=message.conversation_id,
                    handoff_id=handoff_id,
                    message_id=message_id,
                    by_id=talk.person(RUTH).id,
                    at=talk.clock(),
                    verdict=verdict,
                )
            )
    with talk.database.reading() as session:
        assert session.scalar(select(func.count()).select_from(VerdictRecord)) == 0


def test_the_shipped_policy_reviews_ten_a_week() -> None:
    assert load_policy().review.weekly_sample == 10
