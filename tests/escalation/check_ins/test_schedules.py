"""Check-ins come at the hour on the mentee's own wall, never at night, and never twice a day."""

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
from escalation.policy import SchedulePolicy, load_policy

POLICY = load_policy().schedule
# For the hours at which clocks change, which are quiet hours otherwise.
NO_QUIET = POLICY.model_copy(update={"quiet_from": time(0), "quiet_until": time(0)})
EVERY_DAY = frozenset(range(7))

NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")
SYDNEY = ZoneInfo("Australia/Sydney")

# The nights of the two changes: the date, the skipped or repeated time, and UTC as it was known
# beforehand from the zones' own rules (2 a.m. and 2 a.m. in New York, 2 and 3 in Berlin, 2 and 3
# in Sydney).
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
CHANGES = SPRING + AUTUMN


def following(
    count: int, at: time, zone: ZoneInfo, after: datetime, policy: SchedulePolicy = POLICY
) -> list[Occurrence]:
    """The next `count` occurrences of an everyday schedule, one after the other."""
    found = []
    for _ in range(count):
        found.append(next_occurrence(EVERY_DAY, at, zone, after=after, policy=policy))
        after = found[-1].due_at
    return found


def eve_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day - timedelta(days=1), time(12), zone)


@pytest.mark.parametrize(("zone", "day", "skipped", "utc"), SPRING)
def test_a_time_that_clocks_skip_comes_at_the_next_one_they_show(
    zone: ZoneInfo, day: date, skipped: time, utc: datetime
) -> None:
    (there,) = following(1, skipped, zone, eve_of(day, zone), NO_QUIET)
    assert (there.local_date, there.due_at) == (day, utc)
    assert there.due_at.astimezone(zone).time() == time(3, 0)


@pytest.mark.parametrize(("zone", "day", "twice", "utc"), AUTUMN)
def test_a_time_that_clocks_show_twice_comes_once_and_the_first_time(
    zone: ZoneInfo, day: date, twice: time, utc: datetime
) -> None:
    first, second = following(2, twice, zone, eve_of(day, zone), NO_QUIET)
    assert (first.local_date, first.due_at) == (day, utc)
    assert second.local_date == day + timedelta(days=1)


@pytest.mark.parametrize(("zone", "day", "_at", "_utc"), CHANGES)
def test_six_in_the_evening_stays_six_on_the_wall_through_the_change(
    zone: ZoneInfo, day: date, _at: time, _utc: datetime
) -> None:
    found = following(4, time(18), zone, eve_of(day, zone))
    assert [there.local_date - day for there in found] == [timedelta(days=n) for n in range(-1, 3)]
    assert {there.due_at.astimezone(zone).time() for there in found} == {time(18)}
    hours = {later.due_at - earlier.due_at for earlier, later in pairwise(found)}
    assert len(hours) == 2, "one of the nights was an hour longer or shorter"


@pytest.mark.parametrize(("zone", "day", "_at", "_utc"), CHANGES)
def test_what_is_wished_for_at_night_comes_at_eight_on_the_wall_after_the_change(
    zone: ZoneInfo, day: date, _at: time, _utc: datetime
) -> None:
    (there,) = following(1, time(22), zone, eve_of(day, zone))
    assert there.local_date == day - timedelta(days=1)
    assert there.due_at.astimezone(zone) == datetime.combine(day, time(8), zone)


def test_a_mood_check_in_at_ten_in_the_evening_waits_for_eight_the_next_day() -> None:
    monday = frozenset({0})
    after = datetime(2026, 11, 9, 12, tzinfo=NEW_YORK)
    found = next_occurrence(monday, time(22), NEW_YORK, after=after, policy=POLICY)
    assert found.local_date == date(2026, 11, 9)
    assert found.due_at.astimezone(NEW_YORK) == datetime(2026, 11, 10, 8, tzinfo=NEW_YORK)
    assert found.wished_at.astimezone(NEW_YORK) == datetime(2026, 11, 9, 22, tzinfo=NEW_YORK)


def test_early_in_the_morning_waits_for_eight_the_same_day() -> None:
    early = datetime(2026, 11, 9, 6, 30, tzinfo=NEW_YORK)
    assert out_of_quiet_hours(early, NEW_YORK, POLICY) == early.replace(hour=8, minute=0)


def test_eight_is_not_quiet_any_more_and_nine_in_the_evening_is() -> None:
    day = datetime(2026, 11, 9, tzinfo=NEW_YORK)
    assert is_quiet(day.replace(hour=7, minute=59), NEW_YORK, POLICY)
    assert not is_quiet(day.replace(hour=8), NEW_YORK, POLICY)
    assert not is_quiet(day.replace(hour=20, minute=59), NEW_YORK, POLICY)
    assert is_quiet(day.replace(hour=21), NEW_YORK, POLICY)


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


def test_days_are_kept_in_the_order_of_the_week() -> None:
    assert days_in_words(read_days("Thursday MON")) == "mon,thu"


@pytest.mark.parametrize("written", ["", " , ", "someday", "mon,xyz"])
def test_days_that_cannot_be_read_are_named(written: str) -> None:
    with pytest.raises(BadDays, match="mon,tue,wed"):
        read_days(written)


def test_the_reminder_comes_four_hours_later_and_silence_after_a_day() -> None:
    sent = datetime(2026, 11, 10, 9, tzinfo=NEW_YORK)
    assert reminder_due_at(sent, NEW_YORK, POLICY) == sent + timedelta(hours=4)
    assert missed_at(sent, POLICY) == sent + timedelta(hours=24)


def test_a_reminder_that_would_come_at_night_waits_for_eight() -> None:
    sent = datetime(2026, 11, 10, 18, tzinfo=NEW_YORK)
    assert reminder_due_at(sent, NEW_YORK, POLICY) == datetime(2026, 11, 11, 8, tzinfo=NEW_YORK)


def test_a_reminder_that_would_come_after_it_was_missed_does_not_come() -> None:
    short = POLICY.model_copy(update={"missed_after_minutes": 300})
    sent = datetime(2026, 11, 10, 18, tzinfo=NEW_YORK)
    assert reminder_due_at(sent, NEW_YORK, short) is None


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
wall_times = st.times().map(lambda wish: wish.replace(second=0, microsecond=0))
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
def test_nothing_comes_in_quiet_hours_and_all_comes_within_a_day_of_the_wish(
    days: frozenset[int], at: time, zone: ZoneInfo, after: datetime
) -> None:
    found = next_occurrence(days, at, zone, after=after, policy=POLICY)
    assert not is_quiet(found.due_at, zone, POLICY)
    assert found.wished_at <= found.due_at < found.wished_at + timedelta(days=1)
    if not is_quiet(found.wished_at, zone, POLICY):
        assert found.due_at == found.wished_at


@given(
    at=wall_times,
    zone=zones,
    after=moments,
    quiet_from=wall_times,
    quiet_until=wall_times,
)
def test_whatever_hours_a_program_keeps_quiet_they_are(
    at: time, zone: ZoneInfo, after: datetime, quiet_from: time, quiet_until: time
) -> None:
    policy = POLICY.model_copy(update={"quiet_from": quiet_from, "quiet_until": quiet_until})
    found = next_occurrence(EVERY_DAY, at, zone, after=after, policy=policy)
    assert not is_quiet(found.due_at, zone, policy)


@given(zone=zones, sent=moments)
def test_a_reminder_never_comes_at_night_and_never_after_the_silence(
    zone: ZoneInfo, sent: datetime
) -> None:
    due_at = reminder_due_at(sent, zone, POLICY)
    assert due_at is not None
    assert not is_quiet(due_at, zone, POLICY)
    assert sent + timedelta(hours=4) <= due_at < missed_at(sent, POLICY)
