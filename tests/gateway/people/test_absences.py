"""A mentor texts that they are away: what we can read, what we refuse, and what it does."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.people.absences import Past, Unreadable, read_time_away
from models import Absence
from tests.line import MAYA, NOOR, RUTH, SAM, Talk

NEW_YORK = ZoneInfo("America/New_York")
# A Tuesday, 10:00 in New York.
NOW = datetime(2026, 11, 10, 15, 0, tzinfo=UTC)
EIGHT = time(8)


def until(words: str, *, now: datetime = NOW, zone: ZoneInfo = NEW_YORK) -> str:
    ends_at = read_time_away(words, zone, now=now, ends=EIGHT).ends_at
    return f"{ends_at.astimezone(zone):%Y-%m-%d %H:%M}" if ends_at else "until ON"


def test_times_that_can_be_read() -> None:
    times = [
        ("", "until ON"),
        ("until Monday", "2026-11-16 08:00"),
        ("until mon.", "2026-11-16 08:00"),
        ("till next Monday", "2026-11-16 08:00"),
        ("Until Tuesday", "2026-11-17 08:00"),  # said on a Tuesday
        ("until tomorrow", "2026-11-11 08:00"),
        ("until tomorrow morning", "2026-11-11 08:00"),
        ("until next week", "2026-11-16 08:00"),
        ("today", "2026-11-11 08:00"),
        ("tonight", "2026-11-11 08:00"),
        ("this week", "2026-11-16 08:00"),
        ("until 6pm", "2026-11-10 18:00"),
        ("until 6:30 pm", "2026-11-10 18:30"),
        ("until 18:00", "2026-11-10 18:00"),
        ("until noon", "2026-11-10 12:00"),
        ("until Friday at 9 am", "2026-11-13 09:00"),
        ("until thurs 12am", "2026-11-12 00:00"),
        ("until 3 December", "2026-12-03 08:00"),
        ("until December 3rd", "2026-12-03 08:00"),
        ("until the 3rd of Dec 2026", "2026-12-03 08:00"),
        ("until 3 Jan", "2027-01-03 08:00"),
        ("until 2026-12-03", "2026-12-03 08:00"),
        ("until 2026-12-03 14:15", "2026-12-03 14:15"),
        ("2 weeks", "2026-11-24 10:00"),
        ("for two weeks", "2026-11-24 10:00"),
        ("a week", "2026-11-17 10:00"),
        ("an hour", "2026-11-10 11:00"),
        ("90 min", "2026-11-10 11:30"),
        ("3h", "2026-11-10 13:00"),
        ("1 month", "2026-12-10 10:00"),
    ]
    assert [(words, until(words)) for words, _ in times] == times


def test_a_time_away_may_begin_later() -> None:
    away = read_time_away("from Friday until 3 December", NEW_YORK, now=NOW, ends=EIGHT)
    assert away.begins_at == datetime(2026, 11, 13, tzinfo=NEW_YORK)
    assert away.ends_at == datetime(2026, 12, 3, 8, tzinfo=NEW_YORK)


def test_ambiguous_times_are_refused() -> None:
    for words in [
        *("until", "until late", "until 3/12", "until 9", "until Mondey", "until 31 February"),
        *("until 25:00", "until 13 pm", "until 0pm", "until 2026-13-01", "until December"),
        *("from my desk", "from Friday", "for a bit", "game on Saturday", "tomorrow", "2 moons"),
        *("900 weeks", "until 3 December 2031", "until 0000-01-01", "until \u0663 xyz"),
        "9999 days",
    ]:
        with pytest.raises(Unreadable):
            pytest.fail(f"{words!r} was read as {until(words)}")


def test_past_times_are_refused() -> None:
    past = ("until 9:00", "until 2020-01-01", "until 3 November")
    for words in (*past, "from 3 December until 2 December"):
        with pytest.raises(Past):
            pytest.fail(f"{words!r} was read as {until(words)}")


def test_a_day_is_on_the_mentors_own_clock() -> None:
    """Late on Sunday in New York it is Monday in Berlin, and Monday there is a week from now."""
    late = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
    assert until("until Monday", now=late) == "2026-11-16 08:00"
    assert until("until Monday", now=late, zone=ZoneInfo("Europe/Berlin")) == "2026-11-23 08:00"


def test_hours_are_elapsed_hours_when_the_clocks_change() -> None:
    # 01:00 in New York, and 01:00 again an hour later.
    before = datetime(2026, 11, 1, 5, 0, tzinfo=UTC)
    ends_at = read_time_away("3 hours", NEW_YORK, now=before, ends=EIGHT).ends_at
    assert ends_at is not None
    assert ends_at - before == timedelta(hours=3)
    assert until("until 8:00", now=before) == "2026-11-01 08:00"


@given(st.text(max_size=60) | st.text("until from 0123456789 ./:-apmonday", max_size=40))
def test_any_words_are_read_or_refused(words: str) -> None:
    try:
        away = read_time_away(words, NEW_YORK, now=NOW, ends=EIGHT)
    except (Past, Unreadable):
        return
    assert away.begins_at >= NOW
    assert away.ends_at is None or NOW < away.ends_at <= NOW + timedelta(days=366)


# --- what it does ---


def absences(talk: Talk) -> list[tuple[datetime, datetime | None]]:
    return [(row.begins_at, row.ends_at) for row in talk.rows(Absence)]


def test_the_reply_to_away_says_until_when_and_how_to_undo_it(talk: Talk) -> None:
    answer = talk.says(SAM, "AWAY until Monday")
    assert "You are away until Mon 16 Nov 08:00." in answer
    assert "To undo, text ON" in answer
    assert "You are on" in talk.says(SAM, "on")
    talk.texts(MAYA, "can i talk to a person please")
    assert "TAKE {1}" in talk.read_by(SAM)[-1]


def test_the_last_text_counts(talk: Talk) -> None:
    talk.says(SAM, "AWAY 2 weeks")
    talk.passes(hours=1)
    talk.says(SAM, "AWAY until tomorrow")
    now = talk.clock()
    _, (begins, ends) = absences(talk)
    assert (begins, ends) == (now, datetime(2026, 11, 11, 8, tzinfo=NEW_YORK))
    assert absences(talk)[0][1] == now


def test_on_ends_present_and_future_absences(talk: Talk) -> None:
    talk.says(SAM, "AWAY from 20 December until 3 January")
    assert "away from Sun 20 Dec 00:00 until Sun 3 Jan 2027 08:00" in talk.read_by(SAM)[-1]
    talk.says(SAM, "AWAY tonight")
    assert len(absences(talk)) == 2
    talk.says(SAM, "ON")
    assert [ends for _, ends in absences(talk)] == [talk.clock()]


def test_a_past_or_ambiguous_day_changes_nothing(talk: Talk) -> None:
    for words in ("AWAY until 2020-01-01", "AWAY until 31 February", "AWAY whenever"):
        assert "Nothing changed" in talk.says(SAM, words)
        assert "AWAY 2 weeks" in talk.read_by(SAM)[-1]
    assert absences(talk) == []


def test_off_is_away_until_on(talk: Talk) -> None:
    assert "away until you text ON" in talk.says(RUTH, "Off.")
    assert absences(talk) == [(talk.clock(), None)]


def test_a_mentor_who_goes_away_is_reminded_of_their_handoffs(talk: Talk) -> None:
    talk.texts(MAYA, "can i talk to a person please")
    talk.texts(SAM, "TAKE {1}")
    assert "You still hold #{1}" in talk.says(SAM, "AWAY 2 weeks")
    assert talk.handoff().mentor_id == talk.person(SAM).id


def test_on_ends_only_ones_own_absence(talk: Talk) -> None:
    talk.says(SAM, "OFF")
    talk.texts(NOOR, "ON")
    assert absences(talk) == [(talk.clock(), None)]
