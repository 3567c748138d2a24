"""Who can be paged in the next seven days, hour by hour."""

from datetime import date, time
from zoneinfo import ZoneInfo

from sqlalchemy import delete, update

from gateway.reporting.staffing_forecast import Cover, Week, week_ahead
from models import Absence, DutyShift, Holiday, Match, Person, Program, Urgency
from tests.gateway.reporting.past import A_DAY, Past
from tests.line import MAYA, MORNING, NOOR, RUTH, SAM, Talk


def the_week(talk: Talk) -> Week:
    return Past(talk).ask(week_ahead)


def open_from_8_to_21(talk: Talk) -> None:
    with talk.database.writing() as session:
        session.execute(update(Program).values(opens_at=time(8), closes_at=time(21)))


def test_with_a_mentor_on_duty_around_the_clock_there_is_no_gap(talk: Talk) -> None:
    week = the_week(talk)
    assert week.gaps == []
    # From the hour that has begun on Tuesday at ten until the end of Monday.
    assert len(week.hours[Urgency.CRISIS]) == 7 * 24 - 10
    hours = week.hours[Urgency.CRISIS].values()
    assert {(hour.on_duty, hour.managers) for hour in hours} == {(1, 1)}


def test_an_hour_without_a_mentor_on_duty_is_a_gap(talk: Talk, past: Past) -> None:
    noor = talk.person(NOOR)
    past.sets(on_duty=False)
    shift = {"person_id": noor.id, "begins_at": time(8), "ends_at": time(22)}
    past.adds(*(DutyShift(weekday=day, **shift) for day in range(7)))
    nights = [gap for gap in the_week(talk).gaps if gap.urgency is Urgency.CRISIS]
    assert {gap.cover for gap in nights} == {Cover.NO_DUTY}
    zone = ZoneInfo("America/New_York")
    assert [
        (f"{gap.since.astimezone(zone):%a %H}", f"{gap.until.astimezone(zone):%a %H}")
        for gap in nights[:2]
    ] == [("Tue 22", "Wed 08"), ("Wed 22", "Thu 08")]


def test_people_who_are_away_or_have_left_do_not_count(talk: Talk, past: Past) -> None:
    noor, ruth = talk.person(NOOR), talk.person(RUTH)
    begins_at, ends_at = MORNING + A_DAY, MORNING + 2 * A_DAY
    past.adds(Absence(person_id=noor.id, begins_at=begins_at, ends_at=ends_at, by_id=noor.id))
    [gap] = [gap for gap in the_week(talk).gaps if gap.urgency is Urgency.SOON]
    assert (gap.since, gap.until) == (begins_at, ends_at)
    past.sets(Person.id == ruth.id, left_at=MORNING)
    away = the_week(talk).hours[Urgency.SOON]
    assert min(hour.team for hour in away.values()) == 0
    # Sam remains, and he is matched with both mentees.
    assert {hour.cover for hour in away.values()} == {Cover.GOOD, Cover.NO_DUTY}


def test_mentees_without_anyone_to_page_are_counted(talk: Talk, past: Past) -> None:
    sam, maya = talk.person(SAM), talk.person(MAYA)
    past.sets(Person.id.in_([talk.person(NOOR).id, talk.person(RUTH).id]), left_at=MORNING)
    assert {hour.mentees_left_out for hour in the_week(talk).hours[Urgency.SOON].values()} == {0}
    with talk.database.writing() as session:
        session.execute(delete(Match).where(Match.mentee_id == maya.id, Match.mentor_id == sam.id))
    week = the_week(talk)
    assert {(gap.cover, gap.mentees_left_out) for gap in week.gaps} == {(Cover.NOBODY, 1)}
    assert {gap.urgency for gap in week.gaps} == set(Urgency)
    open_from_8_to_21(talk)
    closed = the_week(talk)
    assert closed.hours[Urgency.SOON][date(2026, 11, 11), 3].mentees_left_out == 2, "mentors sleep"
    assert closed.hours[Urgency.ROUTINE][date(2026, 11, 11), 3].cover is Cover.WAITS
    assert closed.hours[Urgency.CRISIS][date(2026, 11, 11), 3].mentees_left_out == 1


def test_a_holiday_is_closed(talk: Talk, past: Past) -> None:
    open_from_8_to_21(talk)
    day = date(2026, 11, 12)
    past.adds(Holiday(program_id=talk.person(RUTH).program_id, day=day, name="Founders Day"))
    routine = the_week(talk).hours[Urgency.ROUTINE]
    assert {routine[day, hour].cover for hour in range(24)} == {Cover.WAITS}
    assert routine[day + A_DAY, 12].cover is Cover.GOOD
