"""What verdicts add up to: a matrix, and a suggested threshold. Nothing changes by itself."""

import math
import re
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from escalation.intervals import Rate
from gateway.review.judgments import Judged
from gateway.review.suggestion import AT_LEAST, AT_LEAST_NOT_HANDED_OVER, Suggestion, suggest
from gateway.review.summary import Matrix
from models import DecisionRecord, Handoff, Need, Verdict
from tests.commands import warmline
from tests.gateway.review.reviews import TIDES, a_week_goes_by, helps_maya, judged, review_page
from tests.line import JO, MAYA, RUTH, SAM, Talk
from tests.web_client import Web


def test_the_matrix_counted_by_hand() -> None:
    counts = {
        (True, Verdict.RIGHT): 15,
        (True, Verdict.SHOULD_NOT): 5,
        (True, Verdict.SHOULD_EARLIER): 5,
        (False, Verdict.SHOULD_EARLIER): 3,
        (False, Verdict.RIGHT): 27,
    }
    matrix = Matrix(Judged(*kind) for kind, count in counts.items() for _ in range(count))
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
    """A handoff from 0.85 up, as in the shipped policy; below it, none."""
    if score >= 0.85:
        verdict = Verdict.RIGHT if needed else Verdict.SHOULD_NOT
        return Judged(True, verdict, score, weight)
    verdict = Verdict.SHOULD_EARLIER if needed else Verdict.RIGHT
    return Judged(False, verdict, score, weight)


def suggestion(judged: list[Judged], share: float = 0.5) -> Suggestion:
    found = suggest(judged, in_use=0.85, needed_at_least=share)
    assert isinstance(found, Suggestion)
    return found


def test_the_threshold_follows_where_people_were_needed() -> None:
    found = suggestion(
        [scored(0.92, needed=True)] * 20
        + [scored(0.72, needed=True)] * 10
        + [scored(0.30, needed=False)] * 40
    )
    assert found.suggested.threshold == 0.72
    assert found.suggested.needed == found.suggested.reached == 1.0
    assert found.in_use.reached == pytest.approx(20 / 30)
    assert found.low <= 0.72 <= found.high
    assert found.holds_in == 1.0
    found = suggestion(
        [scored(0.98, needed=True)] * 30
        + [scored(0.90, needed=False)] * 40
        + [scored(0.30, needed=False)] * 20
    )
    assert found.suggested.threshold == 0.98
    assert found.in_use.needed == pytest.approx(3 / 7)


def test_a_reviewed_conversation_counts_for_all_those_it_was_drawn_from() -> None:
    handed_over = [scored(0.95, needed=True)] * 30
    half_needed = [scored(0.70, needed=True)] * 4 + [scored(0.70, needed=False)] * 16
    assert suggestion(handed_over + half_needed).suggested.threshold == 0.70
    # Twenty drawn from four hundred: at 0.70, four in five handoffs would not be needed.
    drawn = [scored(0.70, needed=one.needed, weight=20) for one in half_needed]
    found = suggestion(handed_over + drawn)
    assert found.suggested.threshold == 0.95
    assert found.suggested.reached == pytest.approx(30 / (30 + 80))


def test_without_enough_verdicts_there_is_a_reason_instead() -> None:
    one_sided = [scored(0.9, needed=True)] * 40
    one_sided += [scored(0.2, needed=False)] * (AT_LEAST_NOT_HANDED_OVER - 1)
    for verdicts, reason in (
        ([scored(0.9, needed=True)] * (AT_LEAST - 1), "too few verdicts (29; 30 needed)"),
        (one_sided, "without a handoff (9; 10 needed)"),
        ([scored(0.5, needed=False)] * 50, "no threshold"),
    ):
        found = suggest(verdicts, in_use=0.85, needed_at_least=0.5)
        assert isinstance(found, str)
        assert reason in found


def test_the_same_verdicts_suggest_the_same_to_everyone() -> None:
    judged = [scored(n % 97 / 100, needed=n % 97 > 60 + n % 30) for n in range(120)]
    assert suggestion(judged) == suggestion(list(judged))


marks = st.integers(0, 100).map(lambda hundredths: hundredths / 100)
verdicts = st.builds(
    scored, marks, needed=st.booleans(), weight=st.sampled_from([1.0, 1.0, 3.5, 20.0])
)


def holds(judged: list[Judged], threshold: float, share: float) -> bool:
    """Computed again, one by one: whether surely this share of the handoffs was needed."""
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
def test_the_suggestion_is_the_lowest_threshold_that_reaches_the_target(
    judged: list[Judged], share: float
) -> None:
    scores = sorted({one.connection for one in judged if one.connection is not None})
    hold = [score for score in scores if holds(judged, score, share)]
    found = suggest(judged, in_use=0.85, needed_at_least=share)
    if isinstance(found, str):
        assert hold == []
    else:
        assert found.suggested.threshold == hold[0]
        assert found.low <= found.high


def score(talk: Talk, *scores: float) -> None:
    """Set the scores of all decided messages, in their order."""
    records = talk.rows(DecisionRecord)
    with talk.database.writing() as session:
        for record, connection in zip(records, scores, strict=True):
            session.get_one(DecisionRecord, record.id).connection = connection


def needed_connection(talk: Talk) -> None:
    with talk.database.writing() as session:
        for handoff in talk.handoffs():
            session.get_one(Handoff, handoff.id).need = Need.CONNECTION


def test_the_highest_score_that_led_to_the_handoff_counts(talk: Talk, web: Web) -> None:
    talk.texts(MAYA, "long before")
    talk.clock.now += timedelta(days=8)
    talk.texts(MAYA, TIDES)
    talk.clock.now += timedelta(days=1)
    helps_maya(talk)
    talk.texts(MAYA, "afterwards")
    score(talk, 0.99, 0.81, 0.40, 0.95)
    web.is_now(SAM)
    web.posts("/console/1/verdict", verdict="right")
    assert [one.connection for one in judged(talk)] == [None], "she asked, so no threshold mattered"
    needed_connection(talk)
    assert [one.connection for one in judged(talk)] == [0.81]
    talk.clock.now += timedelta(weeks=9)
    assert judged(talk) == [], "verdicts of long ago are left out"


def test_scores_of_the_handoff_before_do_not_count_again(talk: Talk, web: Web) -> None:
    helps_maya(talk)
    talk.passes(hours=1)
    helps_maya(talk)
    score(talk, 0.97, 0.88)
    needed_connection(talk)
    web.is_now(SAM)
    web.posts("/console/2/verdict", verdict="right")
    [one] = judged(talk)
    assert one.connection == 0.88
    assert one.weight == 2.0, "one of two was judged"


def test_the_highest_score_of_a_week_counts(talk: Talk, web: Web) -> None:
    talk.texts(JO, "the week before")
    a_week_goes_by(talk)
    talk.texts(JO, TIDES)
    talk.texts(JO, "thanks")
    a_week_goes_by(talk)
    talk.texts(JO, "the week after")
    score(talk, 0.84, 0.30, 0.62, 0.83)
    web.is_now(RUTH)
    web.posts(review_page(talk, JO, "2026-W47"), verdict="right")
    [one] = judged(talk)
    assert (one.handed_over, one.needed, one.connection) == (False, False, 0.62)


def test_the_log_shows_the_matrix_and_says_that_nothing_changes(talk: Talk, web: Web) -> None:
    web.is_now(RUTH)
    assert "No verdicts yet" in web.gets("/log/verdicts").text
    helps_maya(talk)
    web.posts("/log/1/verdict", verdict="right")
    page = web.gets("/log/verdicts").text
    assert re.findall(r'<td data-label="[^"]*needed">(\d)</td>', page) == ["1", "0", "0", "0"]
    assert "<strong>100% (21 to 100), 1 of 1</strong>" in page
    assert "too few verdicts (0; 30 needed)" in page
    assert "Verdicts do not change the policy" in page


def test_warmline_verdicts_prints_matrix_rates_and_suggestion(
    local: Talk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    talk = local
    monkeypatch.setattr("gateway.cli.policy.Console", lambda: Console(width=120))
    monkeypatch.setattr("gateway.cli.policy.utc_now", talk.clock)
    ran = warmline("verdicts")
    assert ran.stdout == "Harbor Mentoring: no verdicts in the last 26 weeks.\n"
    web = Web(talk)
    helps_maya(talk)
    talk.texts(JO, TIDES)
    a_week_goes_by(talk)
    web.is_now(RUTH)
    web.posts("/log/1/verdict", verdict="should_not", note="a private word")
    web.posts(review_page(talk, JO), verdict="should_earlier")
    before = (tmp_path / "warmline.db").read_bytes()
    ran = warmline("verdicts")
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
