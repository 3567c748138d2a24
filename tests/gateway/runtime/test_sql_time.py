"""Days, weeks, and lengths of time in SQL, on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from gateway.runtime.sql_time import local_day, local_week, offsets, seconds_between
from models import Channel, Handoff, Message, Speaker
from tests.gateway.reporting.past import A_DAY, Past
from tests.line import MAYA, MORNING, Talk


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
        days, weeks = (
            found(session, Message.at, zone.key, since=since, until=until)
            for found in (local_day, local_week)
        )
        rows = session.execute(select(Message.at, days, weeks)).all()
    assert len(rows) == len(moments)
    for at, day, monday in rows:
        there = at.astimezone(zone).date()
        assert (day, monday) == (there, there - timedelta(days=there.weekday()))


@pytest.mark.parametrize("seconds", [0, 0.001, 59.999, 3600, 86_400 * 400 + 0.25])
def test_lengths_are_exact_to_the_millisecond(talk: Talk, seconds: float) -> None:
    Past(talk).handoff(MAYA, MORNING - 500 * A_DAY, claimed=1, replied=seconds)
    with talk.database.reading() as session:
        length = seconds_between(session, Handoff.opened_at, Handoff.first_reply_at)
        assert session.scalar(select(length)) == pytest.approx(seconds, abs=0.0015)
