"""Duty follows the program's local time, also when the clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from escalation.handoffs.duty import covers, on_duty
from models import DutyOverride, DutyShift, Person, Program
from tests.line import JO, NOOR, RUTH, SAM, Talk

# In these the clocks change at different hours, and in one of them in the other half of the year.
ZONES = ("America/New_York", "Europe/Berlin", "Australia/Sydney")
# Every Saturday to Monday in 2026 and 2027 on which they change in one of these.
CHANGES = tuple(
    datetime(*day, tzinfo=UTC)
    for day in [(2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 3), (2026, 10, 24),
                (2026, 10, 31), (2027, 3, 13), (2027, 3, 27), (2027, 4, 3)]
)  # fmt: skip


def quarter_hours() -> st.SearchStrategy[time]:
    return st.builds(time, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))


def minutes_of_the_week(shift: DutyShift) -> set[int]:
    """The minutes, counted from Monday 0:00 on the wall, that the shift names."""
    begins = shift.weekday * 1440 + shift.begins_at.hour * 60 + shift.begins_at.minute
    lasts = (shift.ends_at.hour - shift.begins_at.hour) * 60
    lasts += shift.ends_at.minute - shift.begins_at.minute
    if lasts <= 0:
        lasts += 1440
    return {(begins + minute) % (7 * 1440) for minute in range(lasts)}


@settings(deadline=None)  # the first use of a zone reads its file
@given(
    weekday=st.integers(0, 6),
    begins=quarter_hours(),
    ends=quarter_hours(),
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(CHANGES),
)
def test_a_shift_is_exactly_its_local_times_also_when_the_clocks_change(
    weekday: int, begins: time, ends: time, zone: str, change: datetime
) -> None:
    shift = DutyShift(weekday=weekday, begins_at=begins, ends_at=ends)
    named = minutes_of_the_week(shift)
    for quarter in range(3 * 24 * 4):
        moment = change + timedelta(minutes=15 * quarter)
        local = moment.astimezone(ZoneInfo(zone))
        on_the_wall = local.weekday() * 1440 + local.hour * 60 + local.minute
        assert covers(shift, local) == (on_the_wall in named)


def test_the_night_shift_is_an_hour_longer_in_autumn_and_shorter_in_spring() -> None:
    """Saturday 22:00 to Sunday 6:00 in New York, where the clocks change on those Sundays."""
    shift = DutyShift(weekday=5, begins_at=time(22), ends_at=time(6))
    zone = ZoneInfo("America/New_York")

    def hours(from_: datetime) -> int:
        return sum(
            covers(shift, (from_ + timedelta(hours=hour)).astimezone(zone)) for hour in range(48)
        )

    assert hours(datetime(2026, 10, 10, tzinfo=UTC)) == 8
    assert hours(datetime(2026, 10, 31, tzinfo=UTC)) == 9
    assert hours(datetime(2027, 3, 13, tzinfo=UTC)) == 7


@pytest.fixture
def rota(talk: Talk) -> Talk:
    """Nobody has the plain switch; Sam has Tuesday from 9 to 17, Noor the night before it."""
    with talk.database.writing() as session:
        for person in session.scalars(select(Person)):
            person.on_duty = False
        sam, noor = talk.person(SAM).id, talk.person(NOOR).id
        session.add_all(
            [
                DutyShift(person_id=sam, weekday=1, begins_at=time(9), ends_at=time(17)),
                DutyShift(person_id=noor, weekday=0, begins_at=time(22), ends_at=time(9)),
            ]
        )
    return talk


def on_duty_at(talk: Talk, hour: int, minute: int = 0, *, day: int = 10) -> list[str]:
    """On a day of November 2026 in New York; the 10th is a Tuesday."""
    at = datetime(2026, 11, day, hour, minute, tzinfo=ZoneInfo("America/New_York"))
    with talk.database.reading() as session:
        program = session.scalars(select(Program).order_by(Program.id)).first()
        assert program is not None
        return [person.name for person in on_duty(session, program, now=at)]


def overrides(talk: Talk, number: str, *hours: int, on: bool) -> None:
    zone = ZoneInfo("America/New_York")
    begins, ends = (datetime(2026, 11, 10, hour, tzinfo=zone) for hour in hours)
    with talk.database.writing() as session:
        session.add(
            DutyOverride(
                person_id=talk.person(number).id,
                begins_at=begins,
                ends_at=ends,
                on_duty=on,
                by_id=talk.person(RUTH).id,
            )
        )


def test_a_shift_includes_its_beginning_and_not_its_end(rota: Talk) -> None:
    assert on_duty_at(rota, 21, 59, day=9) == []
    assert on_duty_at(rota, 22, day=9) == ["Noor"]
    assert on_duty_at(rota, 8, 59) == ["Noor"]
    assert on_duty_at(rota, 9) == ["Sam"]
    assert on_duty_at(rota, 17) == []
    assert on_duty_at(rota, 8, 59, day=11) == []
    rota.sets(SAM, left_at=rota.clock())
    assert on_duty_at(rota, 9) == [], "he left the program"


def test_of_two_exceptions_the_later_one_counts(rota: Talk) -> None:
    overrides(rota, SAM, 9, 17, on=False)
    overrides(rota, NOOR, 9, 17, on=True)
    assert on_duty_at(rota, 9) == on_duty_at(rota, 16, 59) == ["Noor"]
    assert on_duty_at(rota, 17) == []
    overrides(rota, SAM, 12, 13, on=True)
    assert on_duty_at(rota, 12) == ["Sam", "Noor"]


def test_a_mentors_own_switch_adds_to_the_rota_but_exceptions_win(rota: Talk) -> None:
    rota.sets(RUTH, on_duty=True)
    assert on_duty_at(rota, 9) == ["Sam", "Ruth"]
    assert on_duty_at(rota, 18) == ["Ruth"]
    overrides(rota, RUTH, 9, 10, on=False)
    assert on_duty_at(rota, 9) == ["Sam"]
    assert on_duty_at(rota, 10) == ["Sam", "Ruth"]


def test_a_crisis_pages_the_mentor_whom_only_the_rota_puts_on_duty(rota: Talk) -> None:
    # It is 10:00 on a Tuesday.
    rota.texts(JO, "i want to kill myself tonight")
    assert any("TAKE" in words for words in rota.read_by(SAM))
    assert not any("TAKE" in words for words in rota.read_by(NOOR))


def test_a_shift_in_another_program_does_not_count_here(rota: Talk) -> None:
    eve = rota.person(rota.a_manager_elsewhere())
    with rota.database.writing() as session:
        session.add(DutyShift(person_id=eve.id, weekday=1, begins_at=time(0), ends_at=time(0)))
    assert on_duty_at(rota, 9) == ["Sam"]
