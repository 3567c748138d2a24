"""A week in which people are judged: steps and questions that the tests of reviews share."""

from datetime import timedelta

from gateway.review.judgments import Judged, judged_since
from models import Program
from tests.line import SAM, Talk

TIDES = "how do tides work"
NEW_YORK = "America/New_York"
# The clock shows Tuesday 10 November 2026; the last full week is the one before.
LAST_WEEK = "2026-W45"
THIS_WEEK = "2026-W46"


def judged(talk: Talk) -> list[Judged]:
    program, now = talk.rows(Program)[0], talk.clock()
    with talk.database.reading() as session:
        return judged_since(session, program, since=now - timedelta(weeks=8), now=now)


def review_page(talk: Talk, number: str, week: str = THIS_WEEK) -> str:
    return f"/log/review/{week}/{talk.conversation(number).id}"


def a_week_goes_by(talk: Talk) -> None:
    """Without the jobs that fall due in it, so that no one is paged again and again."""
    talk.clock.now += timedelta(days=7)


def helps_maya(talk: Talk, mentor: str = SAM) -> None:
    """Maya asks, the mentor claims it, they talk, and the mentor closes it."""
    talk.claims(mentor)
    talk.passes(minutes=5)
    talk.texts(mentor, "DONE {}")
