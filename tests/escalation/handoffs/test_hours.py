"""Hours are local, half-open, and keep their wall clock through summer time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from escalation.handoffs.hours import is_within_hours, next_opening
from models import Program

NEW_YORK = ZoneInfo("America/New_York")


def program(opens_at: time, closes_at: time, zone: str = "America/New_York") -> Program:
    return Program(name="p", timezone=zone, opens_at=opens_at, closes_at=closes_at)


DAYTIME = program(time(8), time(21))


def local(*parts: int) -> datetime:
    year, month, day, hour, minute = parts
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK)


def test_hours_include_the_opening_and_not_the_closing_also_past_midnight() -> None:
    night, always = program(time(20), time(4)), program(time(0), time(0))
    failures = [
        (hours.opens_at, at, is_open)
        for hours, at, is_open in (
            (DAYTIME, (10, 7, 59), False),
            (DAYTIME, (10, 8, 0), True),
            (DAYTIME, (10, 21, 0), False),
            (night, (10, 23, 0), True),
            (night, (11, 3, 59), True),
            (night, (11, 4, 0), False),
            (always, (10, 2, 0), True),
        )
        if is_within_hours(hours, local(2026, 11, *at)) is not is_open
    ]
    assert not failures


def test_two_in_the_morning_waits_for_eight() -> None:
    assert next_opening(DAYTIME, local(2026, 11, 10, 2, 0)) == local(2026, 11, 10, 8, 0)
    assert next_opening(DAYTIME, local(2026, 11, 10, 22, 0)) == local(2026, 11, 11, 8, 0)


def test_the_night_the_clocks_change_still_opens_at_eight_on_the_wall() -> None:
    # The clocks go back on 1 November 2026 and forward on 14 March 2027.
    autumn = next_opening(DAYTIME, local(2026, 10, 31, 22, 0))
    spring = next_opening(DAYTIME, local(2027, 3, 13, 22, 0))
    assert (autumn.hour, autumn.astimezone(UTC).hour) == (8, 13)
    assert (spring.hour, spring.astimezone(UTC).hour) == (8, 12)


@given(
    opens_at=st.times(),
    closes_at=st.times(),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Pacific/Apia"]),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(  # noqa: DTZ001
        lambda naive: naive.replace(tzinfo=UTC)
    ),
)
def test_the_next_opening_is_open_and_at_most_a_day_and_an_hour_away(
    opens_at: time, closes_at: time, zone: str, now: datetime
) -> None:
    some = program(opens_at, closes_at, zone)
    opening = next_opening(some, now)
    assert now <= opening <= now + timedelta(hours=25)
    if is_within_hours(some, now):
        assert opening == now
