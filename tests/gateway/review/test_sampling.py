"""The weekly sample of conversations without a handoff, and its review by managers."""

import math
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from escalation.policy_file import load_policy
from gateway.review.sampling import Week, draw, get_week, last_full_week, week_named
from models import Message, Program, VerdictRecord
from tests.gateway.review.reviews import (
    LAST_WEEK,
    NEW_YORK,
    THIS_WEEK,
    TIDES,
    a_week_goes_by,
    helps_maya,
    judged,
    review_page,
)
from tests.line import ASKS, JO, MAYA, NOOR, RUTH, STRANGER, Talk
from tests.web_client import Web


def offered(web: Web) -> list[str]:
    """The conversations that the log offers for review."""
    return re.findall(r'href="(/log/review/[^"]+)"', web.gets("/log").text)


def a_name(weeks: int) -> str:
    return get_week(datetime(2026, 1, 7, tzinfo=UTC) + timedelta(weeks=weeks), NEW_YORK).name


def test_ruth_reviews_conversations_of_last_week_without_a_handoff(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, ASKS)
    talk.texts(JO, TIDES)
    talk.texts(STRANGER, "who is this")
    a_week_goes_by(talk)
    talk.texts(MAYA, "never mind")
    web.is_now(RUTH)
    page = web.gets("/log").text
    assert "Conversations to review" in page
    assert offered(web) == [review_page(talk, JO)]
    assert "<bdi>Jo</bdi></a>, 1 message<" in page


def test_a_handoff_open_at_any_time_of_the_week_leaves_the_conversation_out(
    talk: Talk, web: Web
) -> None:
    talk.texts(JO, ASKS)
    a_week_goes_by(talk)
    talk.texts(JO, "never mind")
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    assert offered(web) == []
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)  # a sign-in lasts twelve hours
    assert offered(web) == [review_page(talk, JO, "2026-W48")]


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


def test_ruth_says_that_a_person_was_needed(talk: Talk, web: Web) -> None:
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
    [record] = talk.rows(VerdictRecord)
    last = [message for message in talk.thread(JO) if not message.outgoing][-1]
    assert (record.handoff_id, record.message_id) == (None, last.id)
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.weight) == (False, True, 1.0)
    refused = web.posts(path, verdict="should_not")
    assert (refused.status_code, "There was no handoff" in refused.text) == (409, True)


def test_managers_review_only_finished_weeks_of_their_own_program(talk: Talk, web: Web) -> None:
    helps_maya(talk)
    talk.texts(JO, TIDES)
    web.is_now(RUTH)
    for week in (THIS_WEEK, LAST_WEEK, "2026-W54", "2026-W00", "0001-W01", "9999-W52", "x"):
        assert web.gets(review_page(talk, JO, week)).status_code == 404, week
    a_week_goes_by(talk)
    path = review_page(talk, JO)
    web.is_now(NOOR)
    assert web.gets(path).status_code == 403
    assert web.posts(path, verdict="right").status_code == 403
    web.is_now(talk.a_manager_elsewhere())
    assert offered(web) == []
    for other in (path, "/log/1/verdict", "/console/1/verdict"):
        assert web.posts(other, verdict="right").status_code == 404, other
    assert talk.rows(VerdictRecord) == []


def test_all_managers_get_the_same_ten_and_cannot_judge_others(talk: Talk, web: Web) -> None:
    for n in range(35):
        number = f"+1202555{1000 + n}"
        talk.enrolls(f"Mentee {n}", number)
        talk.arrives(number, "hello")
    a_week_goes_by(talk)
    web.is_now(RUTH)
    shown = offered(web)
    assert shown == offered(web)
    assert len(set(shown)) == 10
    everyone = {message.conversation_id for message in talk.rows(Message)}
    left_out = min(everyone - {int(path.rsplit("/", 1)[-1]) for path in shown})
    refused = web.posts(f"/log/review/{THIS_WEEK}/{left_out}", verdict="right")
    assert (refused.status_code, "not in the sample of that week" in refused.text) == (404, True)
    for path in shown[:2]:
        web.posts(path, verdict="right")
    assert [one.weight for one in judged(talk)] == [17.5, 17.5]
    assert load_policy().review.weekly_sample == 10


def test_each_conversation_is_as_likely_to_be_drawn_as_any_other() -> None:
    conversations, weeks, size = range(1, 201), 1000, 10
    drawn: Counter[int] = Counter()
    places: Counter[int] = Counter()
    for n in range(weeks):
        sample = draw(a_name(n), conversations, size)
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


def test_one_week_does_not_favor_those_of_the_week_before() -> None:
    conversations, size = range(1, 101), 10
    samples = [set(draw(a_name(n), conversations, size)) for n in range(501)]
    again = sum(len(one & two) for one, two in pairwise(samples))
    # Each of the ten is drawn again with a chance of a tenth: 500 on average.
    assert abs(again - 500) < 5 * math.sqrt(500 * 0.9 * 0.9)


@given(
    st.sets(st.integers(1, 2**31 - 1), max_size=60),
    st.integers(0, 20),
    st.integers(0, 5000),
    st.randoms(use_true_random=False),
)
def test_the_sample_does_not_depend_on_the_order_of_the_conversations(
    conversations: set[int], size: int, weeks: int, shuffled: object
) -> None:
    week = a_name(weeks)
    in_another_order = sorted(conversations, key=lambda _: shuffled.random())  # type: ignore[attr-defined]
    sample = draw(week, in_another_order, size)
    assert sample == draw(week, conversations, size)
    assert len(set(sample)) == len(sample) == min(size, len(conversations))
    assert set(sample) <= conversations
    # Others who wrote change nothing in the order.
    assert [one for one in draw(week, conversations, 60) if one in set(sample)] == sample


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_every_moment_is_within_its_week(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC)
    week = get_week(at, NEW_YORK)
    assert week.starts_at <= at < week.ends_at
    assert week.monday.isoweekday() == 1
    assert Week(week.monday + timedelta(days=7), NEW_YORK).starts_at == week.ends_at
    assert week_named(week.name, Program(timezone=NEW_YORK)) == week


def test_weeks_begin_at_midnight_in_the_programs_time_zone() -> None:
    # Half past midnight on Monday in New York; in Honolulu it is Sunday evening.
    now = datetime(2026, 11, 9, 5, 30, tzinfo=UTC)
    assert last_full_week(Program(timezone=NEW_YORK), now=now).monday == date(2026, 11, 2)
    assert last_full_week(Program(timezone="Pacific/Honolulu"), now=now).monday == date(
        2026, 10, 26
    )
