"""The clock passes a change of daylight saving time, or jumps, while handoffs wait."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from models import Alert, Handoff, HandoffEvent, Move, Status
from tests.line import CRISIS, JO, MAYA, SAM, Talk, shipped_rules

IN_AUTUMN = datetime(2026, 11, 1, 5, 50, tzinfo=UTC)  # 1:50 a.m., and soon 1:00 a.m. again
IN_SPRING = datetime(2026, 3, 8, 6, 50, tzinfo=UTC)  # 1:50 a.m., and soon 3:00 a.m.


@pytest.mark.parametrize("change", [IN_AUTUMN, IN_SPRING], ids=["autumn", "spring"])
def test_a_crisis_climbs_at_its_pace_and_pages_everybody_once_a_rung(
    talk: Talk, change: datetime
) -> None:
    talk.clock.now = change
    talk.texts(MAYA, CRISIS)
    talk.passes(minutes=40)
    alerts = talk.rows(Alert)
    rungs = Counter((one.ladder, one.rung, one.person_id) for one in alerts)
    assert set(rungs.values()) == {1}
    times = sorted({one.at for one in alerts})
    waits = {rung.wait for rung in shipped_rules().policy.ladder.crisis.rungs}
    assert {later - earlier for earlier, later in pairwise(times)} == waits
    assert len(times) >= 40 * 60 / max(waits).total_seconds()


@pytest.mark.parametrize("jump", [timedelta(hours=1), timedelta(hours=-1)], ids=["on", "back"])
def test_a_clock_that_jumps_by_an_hour_pages_nobody_twice_and_stops_no_ladder(
    talk: Talk, jump: timedelta
) -> None:
    """A server whose clock was set by the wall, while Maya waits and Sam holds Jo's handoff."""
    talk.clock.now = IN_AUTUMN
    talk.claims(SAM, JO)
    talk.texts(MAYA, CRISIS)
    talk.clock.now += jump
    for _ in range(6):
        talk.runs_watchdog()
        talk.passes(minutes=3)
    if jump < timedelta(0):
        talk.passes(hours=1)
    rungs = Counter(
        (one.handoff_id, one.ladder, one.rung, one.person_id) for one in talk.rows(Alert)
    )
    assert set(rungs.values()) == {1}
    waiting = next(one for one in talk.rows(Handoff) if one.status is Status.WAITING)
    assert waiting.rung > 0
    assert waiting.next_page_at is not None
    assert waiting.next_page_at > talk.clock.now
    assert [one.move for one in talk.rows(HandoffEvent)].count(Move.CLAIM) == 1
