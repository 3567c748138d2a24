"""Check-ins come at the mentee's own local time, never at night, and never twice a day."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalation.check_ins.schedules import (
    BadDays,
    Occurrence,
    days_in_words,
    is_quiet,
    missed_at,
    next_occurrence,
    on_the_wall,
    out_of_quiet_hours,
    read_days,
    reminder_due_at,
)
from escalation.policy import SchedulePolicy
from escalation.policy_file import load_policy

POLICY = load_policy().schedule
# For the hours at which clocks change, which are quiet hours otherwise.
NO_QUIET = POLICY.model_copy(update={"quiet_from": time(0), "quiet_until": time(0)})
EVERY_DAY = frozenset(range(7))

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
SYDNEY = ZoneInfo("Australia/Sydney")

# The nights of the two changes: the date, the skipped or repeated time, and UTC from the zones' own
# rules (2 a.m. and 2 a.m. in New York, 2 and 3 in Berlin, 2 and 3 in Sydney).
SPRING = [
    (NEW_YORK, date(2027, 3, 14), time(2, 30), datetime(2027, 3, 14, 7, 0, tzinfo=UTC)),
    (BERLIN, date(2027, 3, 28), time(2, 30), datetime(2027, 3, 28, 1, 0, tzinfo=UTC)),
    (SYDNEY, date(2026, 10, 4), time(2, 30), datetime(2026, 10, 3, 16, 0, tzinfo=UTC)),
]
AUTUMN = [
    (NEW_YORK, date(2026, 11, 1), time(1, 30), datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),
    (BERLIN, date(2026, 10, 25), time(2, 30), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
    (SYDNEY, date(2027, 4, 4), time(2, 30), datetime(2027, 4, 3, 15, 30, tzinfo=UTC)),
]


def following(
    count: int, at: time, zone: ZoneInfo, after: datetime, policy: SchedulePolicy = POLICY
) -> list[Occurrence]:
    """The next `count` occurrences of an everyday schedule, one after the other."""
    found = []
    for _ in range(count):
        found.append(next_occurrence(EVERY_DAY, at, zone, after=after, policy=policy))
        after = found[-1].due_at
    return found


def noon_before(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day - timedelta(days=1), time(12), zone)


def test_a_time_that_clocks_skip_comes_at_the_next_one_they_show() -> None:
    for zone, day, skipped, utc in SPRING:
        (there,) = following(1, skipped, zone, noon_before(day, zone), NO_QUIET)
        assert (there.local_date, there.due_at) == (day, utc)
        assert there.due_at.astimezone(zone).time() == time(3, 0)


def test_a_time_that_clocks_show_twice_comes_once_and_the_first_time() -> None:
    for zone, day, twice, utc in AUTUMN:
        first, second = following(2, twice, zone, noon_before(day, zone), NO_QUIET)
        assert (first.local_date, first.due_at) == (day, utc)
        assert second.local_date == day + timedelta(days=1)


def test_local_times_stay_through_the_change_of_clocks() -> None:
    for zone, day, _, _ in SPRING + AUTUMN:
        found = following(4, time(18), zone, noon_before(day, zone))
        dates = [there.local_date - day for there in found]
        assert dates == [timedelta(days=n) for n in range(-1, 3)]
        assert {there.due_at.astimezone(zone).time() for there in found} == {time(18)}
        hours = {later.due_at - earlier.due_at for earlier, later in pairwise(found)}
        assert len(hours) == 2, "one of the nights was an hour longer or shorter"
        (night,) = following(1, time(22), zone, noon_before(day, zone))
        assert night.local_date == day - timedelta(days=1)
        assert night.due_at.astimezone(zone) == datetime.combine(day, time(8), zone)


def test_a_mood_check_in_at_ten_in_the_evening_waits_for_eight_the_next_day() -> None:
    monday = frozenset({0})
    after = datetime(2026, 11, 9, 12, tzinfo=NEW_YORK)
    found = next_occurrence(monday, time(22), NEW_YORK, after=after, policy=POLICY)
    assert found.local_date == date(2026, 11, 9)
    assert found.due_at.astimezone(NEW_YORK) == datetime(2026, 11, 10, 8, tzinfo=NEW_YORK)
    assert found.planned_at.astimezone(NEW_YORK) == datetime(2026, 11, 9, 22, tzinfo=NEW_YORK)


def test_quiet_hours_are_from_nine_in_the_evening_to_eight() -> None:
    day = datetime(2026, 11, 9, tzinfo=NEW_YORK)
    quiet = [(7, 59), (8, 0), (20, 59), (21, 0)]
    found = [is_quiet(day.replace(hour=h, minute=m), NEW_YORK, POLICY) for h, m in quiet]
    assert found == [True, False, False, True]
    early = day.replace(hour=6, minute=30)
    assert out_of_quiet_hours(early, NEW_YORK, POLICY) == day.replace(hour=8)


def test_mondays_and_thursdays_only() -> None:
    days, after = read_days("thu, mon"), datetime(2026, 11, 10, 15, tzinfo=UTC)
    dates = []
    for _ in range(3):
        found = next_occurrence(days, time(18), NEW_YORK, after=after, policy=POLICY)
        dates.append(f"{found.local_date:%a %d}")
        after = found.due_at
    assert dates == ["Thu 12", "Mon 16", "Thu 19"]


def test_what_is_due_this_very_moment_is_not_after_it() -> None:
    (first,) = following(1, time(18), NEW_YORK, datetime(2026, 11, 10, 15, tzinfo=UTC))
    (second,) = following(1, time(18), NEW_YORK, first.due_at)
    assert second.local_date == first.local_date + timedelta(days=1)


def test_days_are_read_and_written_in_the_order_of_the_week() -> None:
    assert days_in_words(read_days("Thursday MON")) == "mon,thu"
    for unreadable in ("", " , ", "someday", "mon,xyz"):
        with pytest.raises(BadDays, match="mon,tue,wed"):
            pytest.fail(f"{unreadable!r} was read as {read_days(unreadable)}")


def test_one_reminder_comes_by_day_before_the_check_in_counts_as_missed() -> None:
    sent = datetime(2026, 11, 10, 9, tzinfo=NEW_YORK)
    assert reminder_due_at(sent, NEW_YORK, POLICY) == sent + timedelta(hours=4)
    assert missed_at(sent, POLICY) == sent + timedelta(hours=24)
    evening = sent.replace(hour=18)
    assert reminder_due_at(evening, NEW_YORK, POLICY) == datetime(2026, 11, 11, 8, tzinfo=NEW_YORK)
    short = POLICY.model_copy(update={"missed_after_minutes": 300})
    assert reminder_due_at(evening, NEW_YORK, short) is None


def test_a_day_that_a_whole_country_skipped_is_made_up_for_the_next_morning() -> None:
    # Samoa had no 30 December 2011: it moved to the other side of the date line.
    apia = ZoneInfo("Pacific/Apia")
    moved = on_the_wall(date(2011, 12, 30), time(18), apia)
    assert moved.astimezone(apia) == datetime(2011, 12, 31, 0, 0, tzinfo=apia)


# --- laws ---

zones = st.sampled_from(
    [NEW_YORK, BERLIN, SYDNEY]
    + [ZoneInfo(name) for name in ("Asia/Kolkata", "Australia/Lord_Howe", "America/Santiago")]
)
days_of_week = st.frozensets(st.integers(0, 6), min_size=1)
wall_times = st.times().map(lambda local: local.replace(second=0, microsecond=0))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=UTC)
)


@given(days=days_of_week, at=wall_times, zone=zones, after=moments)
def test_no_local_date_has_two_and_none_is_left_out(
    days: frozenset[int], at: time, zone: ZoneInfo, after: datetime
) -> None:
    dates = []
    for _ in range(12):
        found = next_occurrence(days, at, zone, after=after, policy=POLICY)
        assert found.due_at > after
        after = found.due_at
        dates.append(found.local_date)
    span = (dates[-1] - dates[0]).days
    wanted = [dates[0] + timedelta(days=n) for n in range(span + 1)]
    assert dates == [day for day in wanted if day.weekday() in days]


@given(days=days_of_week, at=wall_times, zone=zones, after=moments)
def test_nothing_comes_in_quiet_hours_and_everything_within_a_day_of_its_time(
    days: frozenset[int], at: time, zone: ZoneInfo, after: datetime
) -> None:
    found = next_occurrence(days, at, zone, after=after, policy=POLICY)
    assert not is_quiet(found.due_at, zone, POLICY)
    assert found.planned_at <= found.due_at < found.planned_at + timedelta(days=1)
    if not is_quiet(found.planned_at, zone, POLICY):
        assert found.due_at == found.planned_at


@given(
    at=wall_times,
    zone=zones,
    after=moments,
    quiet_from=wall_times,
    quiet_until=wall_times,
)
def test_any_quiet_hours_of_a_program_are_quiet(
    at: time, zone: ZoneInfo, after: datetime, quiet_from: time, quiet_until: time
) -> None:
    policy = POLICY.model_copy(update={"quiet_from": quiet_from, "quiet_until": quiet_until})
    found = next_occurrence(EVERY_DAY, at, zone, after=after, policy=policy)
    assert not is_quiet(found.due_at, zone, policy)


@given(zone=zones, sent=moments)
def test_a_reminder_never_comes_at_night_or_after_the_check_in_was_missed(
    zone: ZoneInfo, sent: datetime
) -> None:
    due_at = reminder_due_at(sent, zone, POLICY)
    assert due_at is not None
    assert not is_quiet(due_at, zone, POLICY)
    assert sent + timedelta(hours=4) <= due_at < missed_at(sent, POLICY)
